/* The rows of a page: sections for IKE SAs, an arrow for each packet, behind it its content. */
#include "page/page_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "page/lesson.h"

#define OUT_SPARE	((size_t)64 << 10)	/* bytes of markup beside the rows */

struct page *
page_new(const struct page_opts *o)
{
	struct page *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return (NULL);
	p->o = *o;
	if (p->o.rows == 0)
		p->o.rows = PAGE_ROWS;
	if (p->o.bytes == 0)
		p->o.bytes = PAGE_BYTES;
	p->body.max = 2 * p->o.bytes + OUT_SPARE;	/* the headings too; ${part} holds the limit */
	p->notes.max = p->o.bytes;
	return (p);
}

void
page_free(struct page *p)
{
	if (p == NULL)
		return;
	out_free(&p->body);
	out_free(&p->part);
	out_free(&p->notes);
	free(p->rows);
	free(p);
}

/* --- the drawing --- */

static void
draw(struct page *p, const struct row *r)
{
	struct row *v;

	if (!p->o.svg)
		return;
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 64 : 2 * p->cap;
		if ((v = reallocarray(p->rows, p->cap, sizeof(*v))) == NULL) {
			p->failed = true;
			p->cap = p->n;
			return;
		}
		p->rows = v;
	}
	p->rows[p->n++] = *r;
}

/* --- sections --- */

static void
end_text(struct out *o, const char *class, const char *role, const struct endpoint *e)
{
	char text[ENDPOINT_TEXT];

	out_raw(o, "<div class=\"");
	out_raw(o, class);
	out_raw(o, "\"><b>");
	out_text(o, span_str(role));
	out_raw(o, "</b> ");
	out_text(o, span_str(e->addr.family != 0 ? endpoint_text(text, e) : ""));
	out_raw(o, "</div>\n");
}

/* The section is written when all of it is known: the responder's cookie comes with message 2. */
static void
close_section(struct page *p)
{
	struct out *o = &p->body;
	char hex[2 * COOKIE_LEN + 1];

	if (p->part.len > 0) {
		out_raw(o, "<section class=\"sa\">\n<h2>");
		if (p->sa == 0)
			out_raw(o, "Other packets</h2>\n");
		else {
			out_fmt(o, "IKE SA %u", p->sa);
			out_raw(o, "</h2>\n<p class=\"cky\">Cookies <code>");
			out_text(o, span_str(hex_put(hex, sizeof(hex), SPAN_ARRAY(p->cky_i))));
			out_raw(o, "</code> and <code>");
			out_text(o, span_str(get_be64(p->cky_r) != 0 ? hex_put(hex, sizeof(hex), SPAN_ARRAY(p->cky_r)) :
			    "none yet"));
			out_raw(o, p->keys ? "</code>, keys known</p>\n" : "</code>, keys not known</p>\n");
		}
		out_out(o, &p->part);
		out_raw(o, "</ol></section>\n");
	}
	out_cut(&p->part, 0);
	p->sa = 0;
	p->open = false;
}

/* ${sa} 0: packets that belong to no IKE SA. */
static void
open_section(struct page *p, unsigned sa)
{
	close_section(p);
	p->sa = sa;
	p->open = true;
	p->keys = false;
	memset(p->cky_r, 0, sizeof(p->cky_r));
	p->part.max = p->o.bytes > p->body.len ? p->o.bytes - p->body.len : 0;
}

/* The two ends, above their lines. */
static void
open_ladder(struct page *p, bool sure)
{
	struct out *o = &p->part;

	out_raw(o, "<div class=\"ends\">");
	end_text(o, "i", sure ? "Initiator" : "One end", &p->left);
	end_text(o, "r", sure ? "Responder" : "The other end", &p->right);
	out_raw(o, "</div>\n<ol class=\"ladder\">\n");
}

/* --- rows --- */

/* The line and its head; a person who cannot see it is told who sent it. */
static void
arrow(struct out *o, const struct row *r)
{
	const bool i = r->right;

	out_raw(o, "<svg class=\"arrow\" role=\"img\" height=\"14\" width=\"100%\"><title>");
	out_raw(o, i ? "from left to right" : "from right to left");
	out_raw(o, "</title>");
	if (r->kind == 'f')
		out_raw(o, "<line x1=\"1\" x2=\"100%\" y1=\"5\" y2=\"5\"/><line x1=\"1\" x2=\"100%\" y1=\"9\" y2=\"9\"/>");
	else
		out_raw(o, "<line x1=\"1\" x2=\"100%\" y1=\"7\" y2=\"7\"/>");
	out_raw(o, i ? "<svg x=\"100%\" overflow=\"visible\"><path d=\"M0 7L-11 1V13Z\"/></svg></svg>" :
	    "<path d=\"M0 7L11 1V13Z\"/></svg>");
}

static const char *
row_class(const struct row *r)
{
	switch (r->kind) {
	case 'a':
		return (r->right ? "row i again" : "row r again");
	case 'f':
		return (r->right ? "row i flow" : "row r flow");
	case 'n':
		return ("row other");
	case 'x':
		return ("row other bad");
	default:
		return (r->right ? "row i" : "row r");
	}
}

/* The summary: when, the arrow with its label, the frame. */
static void
summary(struct out *o, const struct row *r, const char *label)
{
	size_t bold = strcspn(label, ":");

	out_raw(o, "<li class=\"");
	out_raw(o, row_class(r));
	out_raw(o, "\" id=\"m");
	out_fmt(o, "%llu", (unsigned long long)r->at.number);
	out_raw(o, "\"><details><summary><span class=\"t\">");
	out_fmt(o, "%.6f", r->at.seconds);
	out_raw(o, "<span class=\"vh\"> seconds,</span></span> <span class=\"lane\"><span class=\"label\">");
	out_raw(o, r->wrong ? "<span class=\"bad\">&#10007;</span> " : "");
	out_raw(o, r->locked ? "<span class=\"lock\">encrypted</span> " : "");
	out_raw(o, "<b>");
	out_text(o, span_of(label, bold));
	out_raw(o, "</b>");
	out_text(o, span_str(label + bold));
	out_raw(o, "</span>");
	if (r->kind == 'm' || r->kind == 'a' || r->kind == 'f')
		arrow(o, r);
	out_raw(o, "</span> <span class=\"n\"><span class=\"vh\">frame </span>#");
	out_fmt(o, "%llu", (unsigned long long)r->at.number);
	out_raw(o, "</span></summary>\n<div class=\"in\">\n");
}

static void
paragraphs(struct out *o, const char *class, const char *lines)
{
	const char *line, *end;

	for (line = lines; line != NULL && *line != '\0'; line = end + (*end != '\0')) {
		end = line + strcspn(line, "\n");
		out_raw(o, "<p class=\"");
		out_raw(o, class);
		out_raw(o, "\">");
		out_text(o, span_of(line, (size_t)(end - line)));
		out_raw(o, "</p>\n");
	}
}

/* What the message is for. */
static void
story(struct out *o, const struct v1_told *m)
{
	const struct lesson *l = lesson_message(m);
	const char *text = v1_told_story(m);
	char first;

	if (text == NULL && l == NULL)
		return;
	out_raw(o, "<p class=\"story\">");
	if (text != NULL) {
		first = (char)(text[0] >= 'a' && text[0] <= 'z' ? text[0] - 'a' + 'A' : text[0]);
		out_fmt(o, "%c%s. ", first, text + 1);
	}
	if (l != NULL) {
		out_text(o, span_str(l->text));
		out_raw(o, " <span class=\"rfc\">");
		out_text(o, span_str(l->section));
		out_raw(o, "</span>");
	}
	out_raw(o, "</p>\n");
}

static void
again(struct out *o, const struct v1_told *m)
{
	out_raw(o, "<p>Sent again: the same bytes as in frame <a href=\"#m");
	out_fmt(o, "%llu", (unsigned long long)m->again_of);
	out_raw(o, "\">#");
	out_fmt(o, "%llu", (unsigned long long)m->again_of);
	out_raw(o, "</a>. Its sender received no answer, or the answer was lost. "
	    "<span class=\"rfc\">RFC 2408, 5.1</span></p>\n");
}

static void
content(struct page *p, const struct v1_told *m, const struct steps *values, const char *remarks)
{
	struct out *o = &p->part;

	if (m->again_of != 0) {
		again(o, m);
		return;
	}
	story(o, m);
	paragraphs(o, "remark", remarks);
	page_payloads(o, m, p->o.reveal);
	if (values != NULL)
		page_values(o, m, values, p->o.reveal);
}

/* The row just written to the page, which began at ${mark}, is dropped if it did not fit. */
static bool
fits(struct page *p, size_t mark)
{
	if (!p->part.full)
		return (true);
	out_cut(&p->part, mark);
	p->left_out++;
	p->shown--;
	return (false);
}

static bool
more(struct page *p)
{
	if (p->left_out == 0 && p->shown < p->o.rows) {
		p->shown++;
		return (true);
	}
	p->left_out++;
	return (false);
}

static bool
wrong(const struct v1_told *m)
{
	size_t i;

	for (i = 0; i < m->msg.n; i++)
		if (v1_told_wrong(m, i))
			return (true);
	return (false);
}

void
page_message(struct page *p, const struct page_at *at, const struct v1_told *m, const struct steps *values,
    const char *remarks)
{
	const bool left = m->by_initiator || m->one_way;
	const struct endpoint *from = left ? &at->src : &at->dst, *to = left ? &at->dst : &at->src;
	struct row r = {
		.at = *at, .sa = m->sa, .kind = m->again_of != 0 ? 'a' : 'm', .right = m->by_initiator, .wrong = wrong(m),
		.locked = m->again_of == 0 && (m->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0 && !m->readable,
		.left_end = *from, .right_end = *to,
	};
	char label[V1_LABEL];
	size_t mark;

	if (!more(p))
		return;
	(void)snprintf(r.label, sizeof(r.label), "%s", v1_told_label(label, sizeof(label), m));
	r.heading = p->sa != m->sa || !p->open || !endpoint_eq(from, &p->left) || !endpoint_eq(to, &p->right);
	r.begins = p->sa != m->sa || !p->open;
	r.moved = r.heading && m->moved && p->sa == m->sa;
	if (r.begins)
		open_section(p, m->sa);
	mark = p->part.len;
	if (r.heading) {
		out_raw(&p->part, mark > 0 ? "</ol>\n" : "");
		if (r.moved)
			out_raw(&p->part, "<p class=\"moved\">Both ends change ports for NAT traversal "
			    "<span class=\"rfc\">RFC 3947, 4</span></p>\n");
		p->left = *from;
		p->right = *to;
		open_ladder(p, m->sure);
	}
	memcpy(p->cky_i, m->msg.hdr.cky_i, COOKIE_LEN);
	if (get_be64(m->msg.hdr.cky_r) != 0)
		memcpy(p->cky_r, m->msg.hdr.cky_r, COOKIE_LEN);
	p->keys = p->keys || m->keys != NULL;
	summary(&p->part, &r, label);
	content(p, m, values, remarks);
	out_raw(&p->part, "</div></details></li>\n");
	if (fits(p, mark))
		draw(p, &r);
}

void
page_event(struct page *p, const struct page_at *at, enum page_kind kind, const char *label, const char *lines)
{
	struct row r = {
		.at = *at, .sa = p->sa, .kind = "xfn"[kind], .wrong = kind == PAGE_REFUSED,
		.left_end = at->src, .right_end = at->dst,
	};
	const bool to_right = addr_cmp(&at->src.addr, &p->left.addr) == 0 && addr_cmp(&at->dst.addr, &p->right.addr) == 0;
	const bool to_left = addr_cmp(&at->src.addr, &p->right.addr) == 0 && addr_cmp(&at->dst.addr, &p->left.addr) == 0;
	size_t mark;
	char s[ENDPOINT_TEXT], d[ENDPOINT_TEXT], ends[2 * ENDPOINT_TEXT + 64];

	if (!more(p))
		return;
	r.right = to_right && to_left ? at->src.port == p->left.port : to_right;
	if (kind == PAGE_FLOW && !to_right && !to_left)
		r.kind = 'n';
	(void)snprintf(r.label, sizeof(r.label), "%s", label);
	if (!p->open)
		open_section(p, 0);
	mark = p->part.len;
	if (mark == 0)
		out_raw(&p->part, "<ol class=\"ladder\">\n");
	summary(&p->part, &r, label);
	(void)snprintf(ends, sizeof(ends), "From %s to %s.", endpoint_text(s, &at->src), endpoint_text(d, &at->dst));
	paragraphs(&p->part, "remark", ends);
	paragraphs(&p->part, "line", lines);
	out_raw(&p->part, "</div></details></li>\n");
	if (fits(p, mark))
		draw(p, &r);
}

void
page_note(struct page *p, const char *lines)
{
	const size_t mark = p->notes.len, head = strcspn(lines, "\n");
	struct out *o = &p->notes;

	out_raw(o, "<h3>");
	out_text(o, span_of(lines, head));
	out_raw(o, "</h3>\n");
	paragraphs(o, "line", lines[head] != '\0' ? lines + head + 1 : "");
	if (o->full) {
		out_cut(o, mark);
		o->full = true;		/* later notes would not be those that follow */
	}
}

/* --- the page --- */

static const char how_to_read[] =
    "<details class=\"how\"><summary>How to read this page</summary>\n"
    "<p>Time runs down. Each arrow is a message; open it for its payloads and values. A dotted arrow is a message that was "
    "sent again. A double arrow is the first packet of ESP or AH with an SPI. An asterisk marks a message that was encrypted, "
    "as in RFC 2409; the number in brackets is the message ID, the number behind # the frame of the capture.</p>\n"
    "<p>A value shows its formula, its inputs and its result. The name of an input leads to the value's own calculation. "
    "&#10003; means that the result is the one on the wire, or in the SA state. Options that are named for missing values are "
    "those of <code>skeyid-calc walk</code>.</p></details>\n";

/* ASCII in base64: RFC 4648. */
static void
base64(char *out, const uint8_t *v, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i;

	for (i = 0; i < n; i += 3) {
		uint32_t w = (uint32_t)v[i] << 16 | (i + 1 < n ? (uint32_t)v[i + 1] << 8 : 0) | (i + 2 < n ? v[i + 2] : 0U);

		*out++ = digits[w >> 18 & 63];
		*out++ = digits[w >> 12 & 63];
		*out++ = i + 1 < n ? digits[w >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[w & 63] : '=';
	}
	*out = '\0';
}

/* The browser loads nothing, runs nothing, and uses this style only. */
static int
head(struct out *o, const char *title, struct fault *f)
{
	const struct span style = span_str(page_style);
	const struct alg_hash *h = alg_hash_word("sha256");
	uint8_t digest[HASH_MAX];
	char text[HASH_MAX * 2];

	if (hash_parts(h, digest, &style, 1, f) != 0)
		return (-1);
	base64(text, digest, h->len);
	out_raw(o, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-");
	out_raw(o, text);
	out_raw(o, "'; base-uri 'none'; form-action 'none'\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	out_fmt(o, "IKE exchanges of %s", title);
	out_raw(o, "</title>\n<style>");
	out_raw(o, page_style);
	out_raw(o, "</style></head>\n");
	return (0);
}

static void
left_out(const struct page *p, struct out *o)
{
	if (p->left_out > 0) {
		out_raw(o, "<p class=\"warn\">");
		out_fmt(o, "%llu more packets are left out: this page ends after %llu rows or %zu bytes. A shorter capture shows "
		    "them.", (unsigned long long)p->left_out, (unsigned long long)p->shown, p->o.bytes);
		out_raw(o, "</p>\n");
	}
	if (p->o.reveal)
		out_raw(o, "<p class=\"warn\">This page contains keys and passwords in clear.</p>\n");
}

int
page_whole(const struct page *p, struct out *o, struct fault *f)
{
	if (!o->full && !p->failed)
		return (0);
	out_free(o);
	return (fault(f, FAULT_MEMORY, "no memory for a page"));
}

int
page_html(struct page *p, const struct page_ends *e, struct out *html, struct fault *f)
{
	close_section(p);
	*html = (struct out){ .max = 4 * p->o.bytes + OUT_SPARE };
	if (head(html, e->title, f) != 0)
		return (-1);
	out_raw(html, "<body>\n<header><h1>IKE exchanges of <code>");
	out_text(html, span_str(e->title));
	out_raw(html, "</code></h1>\n<p>");
	out_fmt(html, "Time 0 is %s. %s.", e->begun, e->sum);
	out_raw(html, "</p>\n");
	left_out(p, html);
	out_raw(html, how_to_read);
	out_raw(html, "</header>\n<main>\n");
	out_out(html, &p->body);
	out_raw(html, "</main>\n");
	if (p->notes.len > 0) {
		out_raw(html, "<footer><h2>ESP and AH</h2>\n");
		out_out(html, &p->notes);
		out_raw(html, "</footer>\n");
	}
	out_raw(html, "</body></html>\n");
	return (page_whole(p, html, f));
}
