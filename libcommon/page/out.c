/* The text of a page: markup of our own, and everything else escaped. */
#include "page/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"

#define FIRST	16384	/* bytes */
#define GROUP	4	/* bytes of hex between blanks */

void
out_free(struct out *o)
{
	if (o->p != NULL)
		wipe(o->p, o->len);
	free(o->p);
	o->p = NULL;
	o->len = o->cap = 0;
}

void
out_cut(struct out *o, size_t len)
{
	if (len < o->len) {
		wipe(o->p + len, o->len - len);
		o->len = len;
	}
	o->full = false;
}

/* Room for ${n} more bytes. realloc() would leave a copy behind. */
static bool
room(struct out *o, size_t n)
{
	size_t cap = o->cap;
	char *p;

	if (o->full || o->len > o->max || n > o->max - o->len) {
		o->full = true;
		return (false);
	}
	if (o->len + n <= o->cap)
		return (true);
	for (cap = cap < FIRST ? FIRST : cap; cap < o->len + n; cap *= 2)
		;
	if ((p = malloc(cap)) == NULL) {
		o->full = true;
		return (false);
	}
	if (o->len > 0)
		memcpy(p, o->p, o->len);
	n = o->len;
	out_free(o);
	o->p = p;
	o->len = n;
	o->cap = cap;
	return (true);
}

static void
put(struct out *o, const char *s, size_t n)
{
	if (!room(o, n))
		return;
	if (n > 0)
		memcpy(o->p + o->len, s, n);
	o->len += n;
}

void
out_raw(struct out *o, const char *markup)
{
	put(o, markup, strlen(markup));
}

void
out_out(struct out *o, const struct out *markup)
{
	put(o, markup->p, markup->len);
}

void
out_text(struct out *o, struct span text)
{
	char code[8];
	size_t i;

	for (i = 0; i < text.len && !o->full; i++)
		switch (text.p[i]) {
		case '&':
			out_raw(o, "&amp;");
			break;
		case '<':
			out_raw(o, "&lt;");
			break;
		case '>':
			out_raw(o, "&gt;");
			break;
		case '"':
			out_raw(o, "&quot;");
			break;
		case '\'':
			out_raw(o, "&#39;");
			break;
		default:
			if (text.p[i] >= 0x20 && text.p[i] < 0x7f) {
				put(o, (const char *)text.p + i, 1);
				break;
			}
			(void)snprintf(code, sizeof(code), "\\x%02x", text.p[i]);
			out_raw(o, code);
		}
}

void
out_fmt(struct out *o, const char *fmt, ...)
{
	char text[OUT_LINE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_text(o, span_str(text));
	wipe(text, sizeof(text));
}

void
out_hex(struct out *o, struct span v, size_t most)
{
	static const char digits[] = "0123456789abcdef";
	size_t i, n = v.len < most ? v.len : most;
	char pair[2];

	for (i = 0; i < n && !o->full; i++) {
		if (i > 0 && i % GROUP == 0)
			out_raw(o, " ");
		pair[0] = digits[v.p[i] >> 4];
		pair[1] = digits[v.p[i] & 15];
		put(o, pair, 2);
	}
	wipe(pair, sizeof(pair));
	if (n < v.len)
		out_fmt(o, " ... and %zu more bytes", v.len - n);
}
