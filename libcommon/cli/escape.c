/* Escapes text of others for a terminal. */
#include "cli/escape.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <wctype.h>

#include "base/hex.h"

static locale_t utf8;		/* of the environment, if it has UTF-8; else 0 */

void
escape_locale(void)
{
	/* Not setlocale(): what compares and changes case of ASCII must not depend on the locale. */
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

	if (utf8 != (locale_t)0)
		freelocale(utf8);
	utf8 = (locale_t)0;
	if (l != (locale_t)0 && strcmp(nl_langinfo_l(CODESET, l), "UTF-8") == 0)
		utf8 = l;
	else if (l != (locale_t)0)
		freelocale(l);
}

/*
 * Code points that change how the rest of a line is shown, or that no terminal
 * should be sent: C1 controls, direction marks and overrides, line separators.
 */
static bool
unprintable(uint32_t c)
{
	return (c < 0xa0 || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	    c == 0xfeff || (c >= 0xd800 && c <= 0xf8ff) || c > 0xeffff);
}

/* The length of the printable UTF-8 character at ${v}, or 0 if there is none. */
static size_t
utf8_len(struct span v)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n, i;
	uint32_t c;

	if (v.p[0] < 0x80)
		return (v.p[0] >= 0x20 && v.p[0] < 0x7f ? 1 : 0);
	n = v.p[0] >= 0xf0 ? 4 : v.p[0] >= 0xe0 ? 3 : 2;
	if (v.p[0] < 0xc2 || v.p[0] > 0xf4 || n > v.len)
		return (0);
	c = v.p[0] & (0xffU >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((v.p[i] & 0xc0) != 0x80)
			return (0);
		c = c << 6 | (v.p[i] & 0x3fU);
	}
	return (c < least[n] || unprintable(c) ? 0 : n);
}

/* The character that the text at ${v} spells as \xNN\xNN, if it is not ASCII and printable: its bytes in ${out}, or 0. */
static size_t
spelled(uint8_t out[4], struct span v)
{
	wchar_t wide = 0;
	size_t n, i;

	for (n = 0; n < 4 && v.len >= 4 * (n + 1) && v.p[4 * n] == '\\' && v.p[4 * n + 1] == 'x'; n++) {
		char two[3] = { (char)v.p[4 * n + 2], (char)v.p[4 * n + 3], '\0' };

		if (hex_get(out + n, 1, two) != 1)
			break;
	}
	if (n < 2 || out[0] < 0x80 || (n = utf8_len(span_of(out, n))) == 0)
		return (0);
	for (i = 0; i < n; i++)
		wide = i == 0 ? (wchar_t)(out[0] & (0xffU >> (n + 1))) : (wchar_t)(wide << 6 | (out[i] & 0x3f));
	return (iswprint_l((wint_t)wide, utf8) != 0 ? n : 0);
}

/* One character of ${v}, escaped, to ${out}; returns the bytes written, sets those ${taken}. */
static size_t
escape_one(char out[5], struct span v, size_t *taken)
{
	size_t n = utf8_len(v);

	if (utf8 != (locale_t)0 && v.p[0] == '\\' && v.len > 1) {
		if (v.p[1] == '\\') {		/* a backslash, escaped: no \xNN begins with the second */
			memcpy(out, v.p, *taken = 2);
			return (2);
		}
		if ((n = spelled((uint8_t *)out, v)) > 0) {
			*taken = 4 * n;
			return (n);
		}
		n = 1;
	}
	if (n > 0) {
		memcpy(out, v.p, n);
		*taken = n;
		return (n);
	}
	*taken = 1;
	(void)snprintf(out, 5, "\\x%02x", v.p[0]);
	return (4);
}

char *
escape_put(char *out, size_t cap, struct span v)
{
	size_t n, taken, used = 0;
	char one[5];

	while (v.len > 0) {
		n = escape_one(one, v, &taken);
		if (used + n + 1 > cap)
			break;
		memcpy(out + used, one, n);
		used += n;
		v = span_of(v.p + taken, v.len - taken);
	}
	if (cap > 0)
		out[used] = '\0';
	return (out);
}

void
escape_print(FILE *to, struct span v)
{
	size_t n, taken;
	char one[5];

	while (v.len > 0) {
		n = escape_one(one, v, &taken);
		(void)fwrite(one, 1, n, to);
		v = span_of(v.p + taken, v.len - taken);
	}
}
