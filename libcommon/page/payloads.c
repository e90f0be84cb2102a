/* A message in words, fields and bytes. */
#include <stdio.h>

#include "page/lesson.h"
#include "page/page_priv.h"

#define HEX_MOST	4096	/* bytes of a payload */
#define HEX_FIELD	32	/* bytes of a field; all of them are in the hex of the payload */

static void
lines(struct out *o, const char *words)
{
	const char *line, *end;

	for (line = words; *line != '\0'; line = end + 1) {
		end = line + strcspn(line, "\n");
		out_raw(o, "<li>");
		out_text(o, span_of(line, (size_t)(end - line)));
		out_raw(o, "</li>\n");
		if (*end == '\0')
			break;
	}
}

static void
hex_box(struct out *o, struct span v)
{
	out_raw(o, "<pre class=\"hex\">");
	out_hex(o, v, HEX_MOST);
	out_raw(o, "</pre>\n");
}

/* --- fields --- */

static void
field(struct out *o, const struct lesson_field *f, struct span body)
{
	char words[LESSON_VALUE];
	struct span v;
	uint64_t n = 0;
	size_t i;

	if (f->off >= body.len && f->len > 0)
		return;
	v = span_of(body.p + f->off, f->off < body.len ? body.len - f->off : 0);
	if (f->len > 0 && f->len < v.len)
		v.len = f->len;
	out_raw(o, "<tr><th scope=\"row\">");
	out_text(o, span_str(f->name));
	out_raw(o, "</th><td><code class=\"hex\">");
	out_hex(o, v, HEX_FIELD);
	out_raw(o, "</code>");
	if (f->len > 0 && f->len <= 4) {
		for (i = 0; i < v.len; i++)
			n = n << 8 | v.p[i];
		if (f->kind == LESSON_PLAIN || f->kind == LESSON_PAYLOAD || f->kind == LESSON_EXCHANGE)
			out_fmt(o, " = %llu", (unsigned long long)n);
		if (lesson_value(words, f->kind, n)[0] != '\0')
			out_fmt(o, " %s", words);
	} else if (f->len == 0)
		out_fmt(o, " (%zu bytes)", v.len);
	out_raw(o, "</td><td>");
	out_text(o, span_str(f->text));
	out_raw(o, "</td></tr>\n");
}

static void
fields(struct out *o, uint8_t type, struct span body)
{
	const struct lesson_field *f;
	size_t i;

	for (i = 0; (f = lesson_field(type, i)) != NULL; i++) {
		if (i == 0)
			out_raw(o, "<table><tr class=\"cols\"><th scope=\"col\">Field</th><th scope=\"col\">Value</th>"
			    "<th scope=\"col\">Meaning</th></tr>\n");
		field(o, f, body);
	}
	if (i > 0)
		out_raw(o, "</table>\n");
}

/* --- payloads --- */

/* An error type of a notify (RFC 2408, 3.14.1). */
static bool
refuses(const struct isakmp_payload *pl)
{
	struct isakmp_notify n;

	return (pl->type == PAYLOAD_N && isakmp_notify_get(&n, pl->body, NULL) == 0 && n.type < 16384);
}

static void
payload(struct out *o, const struct v1_told *m, size_t i, bool reveal)
{
	const struct isakmp_payload *pl = &m->msg.pl[i];
	const uint8_t type = v1_payload_meant(pl->type, m->msg.hdr.exchange);
	const struct lesson *l = lesson_payload(type);
	char words[V1_WORDS], name[NUM_TEXT];

	(void)v1_told_verdict(words, sizeof(words), m, i, reveal);
	out_raw(o, refuses(pl) || v1_told_wrong(m, i) ? "<section class=\"pl bad\">" : "<section class=\"pl\">");
	out_raw(o, "<h4><code>");
	out_text(o, span_str(isakmp_payload_name(type, name)));
	out_raw(o, "</code> ");
	out_text(o, span_str(l->name));
	out_raw(o, "</h4>\n<ul>");
	lines(o, words);
	wipe(words, sizeof(words));
	out_raw(o, "</ul>\n<details class=\"raw\"><summary>");
	out_fmt(o, "Fields and bytes, %zu", pl->raw.len);
	out_raw(o, "</summary>\n<p>");
	out_text(o, span_str(l->text));
	out_raw(o, " <span class=\"rfc\">");
	out_text(o, span_str(l->section));
	out_raw(o, "</span></p>\n");
	if (!reveal && v1_payload_secret(pl))
		out_raw(o, "<p class=\"hid\">The bytes are hidden: a password is in them.</p>\n");
	else {
		fields(o, type, pl->body);
		hex_box(o, pl->raw);
	}
	out_raw(o, "</details></section>\n");
	wipe(words, sizeof(words));
}

/* The header; what is behind it only if nobody can read it. */
static void
header(struct out *o, const struct v1_told *m)
{
	const struct span hdr = span_of(m->msg.raw.p, m->msg.raw.len < ISAKMP_HDR_LEN ? m->msg.raw.len : ISAKMP_HDR_LEN);
	const bool encrypted = (m->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0;

	if (hdr.len == 0)
		return;
	out_raw(o, "<details class=\"raw\"><summary>Header");
	out_fmt(o, ", %zu bytes", hdr.len);
	out_raw(o, "</summary>\n<p>Every message begins with it. It is never encrypted. "
	    "<span class=\"rfc\">RFC 2408, 3.1</span></p>\n");
	fields(o, PAYLOAD_NONE, hdr);
	out_raw(o, "</details>\n");
	if (!encrypted || m->msg.raw.len <= ISAKMP_HDR_LEN)
		return;
	out_raw(o, "<details class=\"raw\"><summary>Encrypted bytes");
	out_fmt(o, ", %zu as captured", m->msg.raw.len - ISAKMP_HDR_LEN);
	out_raw(o, "</summary>\n");
	hex_box(o, span_of(m->msg.raw.p + ISAKMP_HDR_LEN, m->msg.raw.len - ISAKMP_HDR_LEN));
	out_raw(o, "</details>\n");
}

void
page_payloads(struct out *o, const struct v1_told *m, bool reveal)
{
	size_t i;

	header(o, m);
	for (i = 0; i < m->msg.n; i++)
		payload(o, m, i, reveal);
}
