/* The values of a message: formula, inputs, result, comparison. Keys are hidden unless they are to be revealed. */
#include <stdio.h>

#include "page/page_priv.h"

#define WHOLE	4096	/* bytes of a value */
#define LONG	64	/* bytes of an input that has a step of its own */
#define ENDS	8	/* bytes of it that are shown, first and last */

bool
page_delicate(const struct v1_told *m)
{
	size_t i;

	if (!m->readable)
		return (true);
	for (i = 0; i < m->msg.n; i++)
		if (v1_payload_secret(&m->msg.pl[i]))
			return (true);
	return (false);
}

struct of {
	struct out		*o;
	bool			 reveal;
	bool			 delicate;	/* STEP_CONTENT is hidden */
};

static bool
may(const struct of *x, enum step_open open)
{
	return (x->reveal || open == STEP_OPEN || (open == STEP_CONTENT && !x->delicate));
}

static void
number(struct out *o, struct span v, enum number_base base)
{
	char text[NUMBER_TEXT];

	out_text(o, span_str(number_text(text, v, base)));
	wipe(text, sizeof(text));
}

/* Of a long one, ${cut}, the first and the last bytes only. */
static void
value(const struct of *x, const struct step *s, struct span v, enum step_open open, bool cut)
{
	struct out *o = x->o;

	if (!may(x, open)) {
		out_raw(o, "<span class=\"hid\">hidden: ");
		out_fmt(o, "%zu bytes", v.len);
		out_raw(o, "</span>");
		return;
	}
	out_raw(o, "<code class=\"hex\">");
	if (s->base != NUMBER_NONE)
		number(o, v, s->base);
	else if (v.len == 0)
		out_raw(o, "(empty)");
	else if (cut && v.len > LONG) {
		out_hex(o, span_of(v.p, ENDS), ENDS);
		out_raw(o, " &#8230; ");
		out_hex(o, span_of(v.p + v.len - ENDS, ENDS), ENDS);
	} else
		out_hex(o, v, WHOLE);
	out_raw(o, "</code>");
}

static void
row(struct out *o, const char *what, const char *text)
{
	out_raw(o, "<tr><th scope=\"row\">");
	out_text(o, span_str(what));
	out_raw(o, "</th><td>");
	out_text(o, span_str(text));
	out_raw(o, "</td></tr>\n");
}

static void
functions(struct out *o, const struct step *s)
{
	char text[96];

	if (s->hash != NULL && strstr(s->formula, "prf(") != NULL) {
		(void)snprintf(text, sizeof(text), "HMAC-%s", s->hash->ossl);
		row(o, "prf", text);
	}
	if (s->hash != NULL && strstr(s->formula, "hash(") != NULL)
		row(o, "hash", s->hash->ossl);
	if (s->enc != NULL && strstr(s->formula, "crypt(") != NULL)
		row(o, "cipher", s->enc->ossl);
	if (s->octet != NULL) {
		(void)snprintf(text, sizeof(text), "the one octet 0%s", s->octet);
		row(o, s->octet, text);
	}
}

static void
inputs(const struct of *x, const struct step *s)
{
	struct out *o = x->o;
	size_t i;

	for (i = 0; i < s->n; i++) {
		out_raw(o, "<tr><th scope=\"row\">");
		if (s->in[i].from != 0) {
			out_raw(o, "<a href=\"#v");
			out_fmt(o, "%u", s->in[i].from);
			out_raw(o, "\">");
		}
		out_text(o, span_str(s->in[i].name));
		out_raw(o, s->in[i].from != 0 ? "</a>" : "");
		if (s->base == NUMBER_NONE)
			out_fmt(o, " [%zu]", s->in[i].value.len);
		out_raw(o, "</th><td>");
		value(x, s, secret_span(&s->in[i].value), s->in[i].open, s->in[i].from != 0);
		out_raw(o, "</td></tr>\n");
	}
}

/* The verdict of the comparisons, in the summary. */
static void
verdicts(struct out *o, const struct step *s)
{
	size_t i;

	if (s->wrong)
		out_raw(o, " <b class=\"bad\">&#10007; WRONG</b>");
	for (i = 0; i < s->n_held; i++) {
		out_raw(o, s->held[i].same ? " <b class=\"ok\">&#10003; the same " : s->held[i].other ? " <b>other " :
		    " <b class=\"bad\">&#10007; DIFFERS ");
		out_text(o, span_str(s->held[i].where));
		out_raw(o, "</b>");
	}
}

static void
title(struct out *o, const struct step *s)
{
	const char *formula;

	out_raw(o, "<summary><code class=\"name\">");
	out_text(o, span_str(s->name));
	out_raw(o, "</code>");
	if (s->of[0] != '\0')
		out_fmt(o, ", %s", s->of);
	formula = s->given || s->missing[0] != '\0' ? s->would : s->formula;
	if (formula != NULL) {
		out_raw(o, " = <code>");
		out_text(o, span_str(formula));
		out_raw(o, "</code>");
	}
	if (s->missing[0] != '\0')
		out_raw(o, ": not known");
	else if (s->given)
		out_fmt(o, ": %s", s->formula);
	verdicts(o, s);
	out_raw(o, "</summary>\n");
}

static void
step(const struct of *x, const struct step *s)
{
	struct out *o = x->o;
	const char *section = s->section != NULL ? s->section : s->would_section;
	char len[48];
	size_t i;

	out_raw(o, "<details class=\"val\" id=\"v");
	out_fmt(o, "%u", s->number);
	out_raw(o, "\">");
	title(o, s);
	if (s->missing[0] != '\0') {
		out_raw(o, "<p>");
		out_text(o, span_str(s->missing));
		out_raw(o, "</p></details>\n");
		return;
	}
	out_raw(o, "<table>\n");
	if (!s->given)
		functions(o, s);
	inputs(x, s);
	out_raw(o, "<tr class=\"res\"><th scope=\"row\">");
	(void)snprintf(len, sizeof(len), s->base == NUMBER_NONE ? "= %s [%zu]" : "= %s", s->name, s->out.len);
	out_text(o, span_str(len));
	out_raw(o, "</th><td>");
	value(x, s, secret_span(&s->out), s->open, false);
	out_raw(o, "</td></tr>\n");
	for (i = 0; i < s->n_held; i++) {
		if (s->held[i].same)
			continue;
		out_raw(o, "<tr><th scope=\"row\">");
		out_text(o, span_str(s->held[i].where));
		out_raw(o, "</th><td>");
		value(x, s, secret_span(&s->held[i].value), s->open, false);
		out_raw(o, "</td></tr>\n");
	}
	if (s->next[0] != '\0')
		row(o, "used for", s->next);
	if (section != NULL)
		row(o, "defined in", section);
	out_raw(o, "</table>\n");
	if (s->note[0] != '\0') {
		out_raw(o, "<p>");
		out_text(o, span_str(s->note));
		out_raw(o, "</p>");
	}
	out_raw(o, "</details>\n");
}

void
page_values(struct out *o, const struct v1_told *m, const struct steps *values, bool reveal)
{
	const struct of x = { o, reveal, page_delicate(m) };
	size_t i, n = 0;

	for (i = 0; i < values->n; i++) {
		if (values->v[i].payload)	/* with the payloads */
			continue;
		if (n++ == 0)
			out_raw(o, "<h4>Values, in the order of computation</h4>\n");
		step(&x, &values->v[i]);
	}
}
