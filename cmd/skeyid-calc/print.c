/* Steps and results as text and as JSON. */
#include "print.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/js.h"
#include "cli/report.h"
#include "cli/term.h"

#define GROUP		4	/* bytes between blanks */
#define LINE_MAX_BYTES	64
#define LONG		64	/* bytes; longer inputs are printed whole only in their own step */
#define ENDS		8	/* bytes of them that are shown, first and last */
#define INDENT		6

/* Prints secrets: the tool is for that. */
static void
put_hex(struct span v)
{
	char pair[3];
	size_t i;

	for (i = 0; i < v.len; i++)
		(void)fputs(hex_put(pair, sizeof(pair), span_of(v.p + i, 1)), stdout);
}

/* In groups with blanks between them. */
static void
put_groups(struct span v)
{
	size_t i, n;

	for (i = 0; i < v.len; i += n) {
		n = v.len - i < GROUP ? v.len - i : GROUP;
		if (i > 0)
			(void)putchar(' ');
		put_hex(span_of(v.p + i, n));
	}
}

/* Wraps lines; the cursor is at column ${at}, where all lines begin. */
static void
put_block(struct span v, const char *prefix, size_t at)
{
	size_t columns = term_columns(STDOUT_FILENO), line = LINE_MAX_BYTES, i, n;

	/* A group takes nine columns, the last one eight. */
	while (line > GROUP && at + line / GROUP * (2 * GROUP + 1) > columns)
		line /= 2;
	if (v.len == 0)
		(void)printf("(empty)");
	for (i = 0; i < v.len; i += n) {
		n = v.len - i < line ? v.len - i : line;
		if (i > 0)
			(void)printf("\n%s%*s", prefix, (int)(at - strlen(prefix)), "");
		put_groups(span_of(v.p + i, n));
	}
	(void)putchar('\n');
}

static void
put_number(struct span v, enum number_base base)
{
	char text[NUMBER_TEXT];

	(void)fputs(number_text(text, v, base), stdout);
	wipe(text, sizeof(text));
}

/* The result of a step, or a value to compare it with. */
static void
put_value(const struct step *s, struct span v, const char *prefix, size_t at)
{
	if (s->base == NUMBER_NONE) {
		put_block(v, prefix, at);
		return;
	}
	put_number(v, s->base);
	(void)putchar('\n');
}

/* Whether ${v} is printable text. */
static bool
is_text(struct span v)
{
	size_t i;

	for (i = 0; i < v.len; i++)
		if ((v.p[i] < ' ' && v.p[i] != '\n') || v.p[i] > '~')
			return (false);
	return (v.len > 0);
}

/* A blank at which a line is not wrapped. */
#define HARD_BLANK	'\x1f'

static void
put_word(struct span word)
{
	size_t i;

	for (i = 0; i < word.len; i++)
		if (word.p[i] == HARD_BLANK)
			(void)putchar(' ');
		else
			escape_print(stdout, span_of(word.p + i, 1));
}

/* Prints words from column ${at}, further lines from ${indent}; escapes whatever is not printable. */
static void
put_words(const char *text, const char *prefix, size_t at, size_t indent)
{
	size_t columns = term_columns(STDOUT_FILENO), n;
	bool first = true;

	for (; *text != '\0'; text += n) {
		text += strspn(text, " \n");
		n = strcspn(text, " \n");
		if (n == 0)
			break;
		if (!first && at + 1 + n >= columns) {
			(void)printf("\n%s%*s", prefix, (int)(indent - strlen(prefix)), "");
			at = indent;
		} else if (!first) {
			(void)putchar(' ');
			at++;
		}
		put_word(span_of(text, n));
		at += n;
		first = false;
	}
	(void)putchar('\n');
}

void
print_words(const char *text, size_t indent)
{
	(void)printf("%*s", (int)indent, "");
	put_words(text, "", indent, indent);
}

/* --- one step --- */

/* "SKEYID [20] (11)": name, length unless it is a number, number of its step. Returns the length, as snprintf(). */
static size_t
input_name(char *out, size_t cap, const struct step *s, size_t i)
{
	char len[24] = "", from[16] = "";

	if (s->base == NUMBER_NONE)
		(void)snprintf(len, sizeof(len), " [%zu]", s->in[i].value.len);
	if (s->in[i].from != 0)
		(void)snprintf(from, sizeof(from), " (%u)", s->in[i].from);
	return ((size_t)snprintf(out, cap, "%s%s%s", s->in[i].name, len, from));
}

/* Returns the printed columns. */
static size_t
put_name(const char *prefix, const struct step *s, size_t i, size_t width)
{
	char text[80];

	(void)input_name(text, sizeof(text), s, i);
	(void)printf("%s%*s%-*s ", prefix, INDENT, "", (int)width, text);
	return (strlen(prefix) + INDENT + (strlen(text) > width ? strlen(text) : width) + 1);
}

static size_t
names_width(const struct step *s)
{
	char text[80];
	size_t i, n, most = 0;

	for (i = 0; i < s->n; i++) {
		n = input_name(text, sizeof(text), s, i);
		most = n > most ? n : most;
	}
	return (most);
}

static void
put_inputs(const struct step *s, const char *prefix)
{
	size_t i, at, width = names_width(s);
	struct span v;

	if (s->hash != NULL && strstr(s->formula, "prf(") != NULL)
		(void)printf("%s%*sprf is HMAC-%s\n", prefix, INDENT, "", s->hash->ossl);
	if (s->hash != NULL && strstr(s->formula, "hash(") != NULL)
		(void)printf("%s%*shash is %s\n", prefix, INDENT, "", s->hash->ossl);
	if (s->enc != NULL && strstr(s->formula, "crypt(") != NULL)
		(void)printf("%s%*sthe cipher is %s\n", prefix, INDENT, "", s->enc->ossl);
	for (i = 0; i < s->n; i++) {
		v = secret_span(&s->in[i].value);
		at = put_name(prefix, s, i, width);
		if (strcmp(s->in[i].name, "text") == 0 && is_text(v)) {
			(void)putchar('"');
			escape_print(stdout, v);
			(void)puts("\"");
			continue;
		}
		if (s->base != NUMBER_NONE) {
			put_number(v, s->base);
			(void)putchar('\n');
			continue;
		}
		if (v.len <= LONG || s->in[i].from == 0 || report_level() > 0) {
			put_block(v, prefix, at);
			continue;
		}
		put_groups(span_of(v.p, ENDS));
		(void)fputs(" ... ", stdout);
		put_groups(span_of(v.p + v.len - ENDS, ENDS));
		(void)putchar('\n');
	}
	if (s->octet != NULL)
		(void)printf("%s%*s%s is the one octet 0%s\n", prefix, INDENT, "", s->octet, s->octet);
}

static void
put_held(const struct step *s, const char *prefix)
{
	size_t i;

	for (i = 0; i < s->n_held; i++) {
		if (s->held[i].same) {
			(void)printf("%s%*sthe same %s\n", prefix, INDENT, "", s->held[i].where);
			continue;
		}
		(void)printf("%s%*s%s %s: ", prefix, INDENT, "", s->held[i].other ? "other" : "DIFFERS",
		    s->held[i].where);
		put_value(s, secret_span(&s->held[i].value), prefix, strlen(prefix) + INDENT + 2 +
		    strlen(s->held[i].other ? "other" : "DIFFERS") + 1 + strlen(s->held[i].where));
	}
}

static void
put_line(const char *prefix, const char *what, const char *text)
{
	(void)printf("%s%*s%s", prefix, INDENT, "", what);
	put_words(text, prefix, strlen(prefix) + INDENT + strlen(what),
	    strlen(prefix) + INDENT + strlen(what));
}

/* "SKEYID_d [20] = prf(...) (RFC 2409, 5)", "Ni_b [32]: on the wire, ...", "g^xy: not known". */
static void
title(char *out, size_t cap, const struct step *s, bool full)
{
	int n = snprintf(out, cap, "%s%s%s", s->name, s->of[0] != '\0' ? ", " : "", s->of);
	char *p;

	if (s->missing[0] != '\0') {
		(void)snprintf(out + n, cap - (size_t)n, ": not known");
		return;
	}
	if (s->base == NUMBER_NONE)
		n += snprintf(out + n, cap - (size_t)n, " [%zu]", s->out.len);
	if (!full)
		return;
	n += snprintf(out + n, cap - (size_t)n, "%s%s", s->given ? ": " : " = ", s->formula);
	if (s->section == NULL)
		return;
	p = out + n + 1;
	(void)snprintf(out + n, cap - (size_t)n, " (%s)", s->section);
	for (; *p != '\0'; p++)
		if (*p == ' ')
			*p = HARD_BLANK;
}

void
print_step(const struct step *s, const char *prefix, bool full)
{
	char text[512];
	int n = full ? printf("%s%3u. ", prefix, s->number) : printf("%s  ", prefix);

	title(text, sizeof(text), s, full);
	put_words(text, prefix, (size_t)n, strlen(prefix) + INDENT);
	if (s->missing[0] != '\0') {
		put_line(prefix, "", s->missing);
		return;
	}
	if (full)
		put_inputs(s, prefix);
	(void)printf("%s%*s= ", prefix, INDENT - 2, "");
	put_value(s, secret_span(&s->out), prefix, strlen(prefix) + INDENT);
	put_held(s, prefix);
	if (s->note[0] != '\0')
		put_line(prefix, s->wrong ? "WRONG: " : "", s->note);
	if (full && s->next[0] != '\0')
		put_line(prefix, "next: ", s->next);
}

/* Bytes in hex, or a number as text: JSON's own numbers are too short. */
static json_t *
js_value(struct span v, enum number_base base)
{
	char text[NUMBER_TEXT];
	json_t *out;

	if (base == NUMBER_NONE)
		return (js_hex(v));
	out = json_string(number_text(text, v, base));
	wipe(text, sizeof(text));
	return (out);
}

json_t *
json_step(const struct step *s)
{
	json_t *step = json_object(), *in = json_object(), *held;
	size_t i;

	json_object_set_new(step, "step", json_integer(s->number));
	json_object_set_new(step, "name", json_string(s->name));
	if (s->of[0] != '\0')
		json_object_set_new(step, "of", js_text(s->of));
	if (s->missing[0] != '\0') {
		json_object_set_new(step, "missing", js_text(s->missing));
		json_decref(in);
		return (step);
	}
	json_object_set_new(step, s->given ? "given" : "formula", json_string(s->formula));
	if (s->section != NULL)
		json_object_set_new(step, "section", json_string(s->section));
	for (i = 0; i < s->n; i++)
		json_object_set_new(in, s->in[i].name, js_value(secret_span(&s->in[i].value), s->base));
	json_object_set_new(step, "inputs", in);
	json_object_set_new(step, "value", js_value(secret_span(&s->out), s->base));
	for (i = 0; i < s->n_held; i++) {
		held = json_object();
		json_object_set_new(held, "verdict", json_string(s->held[i].same ? "same" :
		    s->held[i].other ? "other" : "differs"));
		json_object_set_new(held, "value", js_value(secret_span(&s->held[i].value), s->base));
		json_object_set_new(step, s->held[i].where, held);
	}
	if (s->wrong)
		json_object_set_new(step, "wrong", json_true());
	if (s->note[0] != '\0')
		json_object_set_new(step, "note", js_text(s->note));
	if (s->next[0] != '\0')
		json_object_set_new(step, "next", json_string(s->next));
	return (step);
}

/* --- the results of a subcommand --- */

static void
print_json(const struct calc *c, bool explain)
{
	json_t *o = json_object(), *all;
	const struct result *r;
	size_t i;

	for (i = 0; i < c->n_results; i++) {
		r = &c->results[i];
		json_object_set_new(o, r->name, r->text != NULL ? js_text(r->text) :
		    js_value(secret_span(&r->value), c->base));
	}
	if (explain) {
		all = json_array();
		for (i = 0; i < c->steps->n; i++)
			json_array_append_new(all, json_step(&c->steps->v[i]));
		json_object_set_new(o, "steps", all);
	}
	js_print(o, false, stdout);
}

void
calc_print(const struct calc *c, bool json, bool explain)
{
	const struct result *r;
	size_t i;

	if (json) {
		print_json(c, explain);
		return;
	}
	for (i = 0; explain && i < c->steps->n; i++) {
		print_step(&c->steps->v[i], "# ", true);
		(void)puts("#");
	}
	for (i = 0; i < c->n_results; i++) {
		r = &c->results[i];
		(void)printf("%s = ", r->name);
		if (r->text != NULL)
			(void)fputs(r->text, stdout);
		else if (c->base != NUMBER_NONE)
			put_number(secret_span(&r->value), c->base);
		else
			put_hex(secret_span(&r->value));
		(void)putchar('\n');
	}
}
