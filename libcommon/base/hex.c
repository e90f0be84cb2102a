/* Hexadecimal text; parsing takes constant time. */
#include "base/hex.h"

char *
hex_put(char *out, size_t cap, struct span v)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < v.len && 2 * i + 2 < cap; i++) {
		out[2 * i] = digits[v.p[i] >> 4];
		out[2 * i + 1] = digits[v.p[i] & 15];
	}
	if (cap > 0)
		out[2 * i < cap ? 2 * i : cap - 1] = '\0';
	return (out);
}

/* The value of a hex digit, or a number above 15; no branch, no table. */
static unsigned
digit(unsigned char c)
{
	unsigned num = (unsigned)c - '0';
	unsigned let = ((unsigned)c | 32) - 'a';
	/* 1 if 0..9 or a..f; what is below wraps to numbers with the top bit set. */
	unsigned isnum = (~num & (num - 10)) >> 31;
	unsigned islet = (~let & (let - 6)) >> 31;

	return ((num & (0U - isnum)) | ((let + 10) & (0U - islet)) |
	    ((isnum | islet) - 1));
}

/* Skips a 0x in front. */
static const char *
behind_prefix(const char *text)
{
	return (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text);
}

static bool
is_between(char c)
{
	return (c == ' ' || c == ':' || c == '-');
}

size_t
hex_digits(const char *text)
{
	size_t n = 0;

	for (text = behind_prefix(text); *text != '\0'; text++)
		n += !is_between(*text);
	return (n);
}

long
hex_get(uint8_t *out, size_t cap, const char *text)
{
	size_t n = 0;
	unsigned hi, lo;

	text = behind_prefix(text);
	while (*text != '\0') {
		if (n > 0 && is_between(*text)) {
			text++;
			continue;
		}
		hi = digit((unsigned char)text[0]);
		lo = text[1] != '\0' ? digit((unsigned char)text[1]) : 16;
		if (hi > 15 || lo > 15 || n == cap)
			return (-1);
		out[n++] = (uint8_t)(hi << 4 | lo);
		text += 2;
	}
	return ((long)n);
}
