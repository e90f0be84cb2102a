/* Numbers as text: parsed and printed, decimal or hex. */
#include "explain/number.h"

#include <string.h>

#include "crypto/crypto.h"

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	return (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

static struct span
bare(struct span v)
{
	while (v.len > 0 && *v.p == 0)
		v = span_of(v.p + 1, v.len - 1);
	return (v);
}

/* ${n} = ${n} * ${base} + ${add}; false if that does not fit. */
static bool
shift_in(uint8_t n[DH_NUMBER_MAX], unsigned base, unsigned add)
{
	size_t i;

	for (i = DH_NUMBER_MAX; i-- > 0; add >>= 8) {
		add += n[i] * base;
		n[i] = (uint8_t)add;
	}
	return (add == 0);
}

int
number_parse(struct secret *out, enum number_base *base, const char *option, const char *text, struct fault *f)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *p = hex ? text + 2 : text;
	enum number_base b = hex ? NUMBER_HEX : NUMBER_DEC;
	uint8_t n[DH_NUMBER_MAX] = {0};
	bool fits = true;
	int d, rc = 0;

	if (*p == '\0')
		return (fault(f, FAULT_USAGE, "%s: no number: expected decimal digits, or 0x and hex digits", option));
	for (; *p != '\0' && fits; p++) {
		d = digit(*p);
		if (d < 0 || d >= (int)b) {
			rc = fault(f, FAULT_USAGE, "%s: no number: expected decimal digits, or 0x and hex digits", option);
			break;
		}
		fits = shift_in(n, b, (unsigned)d);
	}
	if (rc == 0 && !fits)
		rc = fault(f, FAULT_USAGE, "%s: the number has more than %d bits", option, 8 * DH_NUMBER_MAX);
	if (rc == 0 && secret_set(out, bare(SPAN_ARRAY(n))) == -1)
		rc = fault(f, FAULT_MEMORY, "no memory for %s", option);
	if (base != NULL)
		*base = b;
	wipe(n, sizeof(n));
	return (rc);
}

/* Divides by the base and returns the remainder. */
static unsigned
shift_out(uint8_t *n, size_t len, unsigned base)
{
	unsigned rest = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		rest = rest << 8 | n[i];
		n[i] = (uint8_t)(rest / base);
		rest %= base;
	}
	return (rest);
}

char *
number_text(char out[NUMBER_TEXT], struct span v, enum number_base base)
{
	uint8_t n[DH_NUMBER_MAX];
	char text[NUMBER_TEXT];
	size_t at = sizeof(text) - 1;

	v = bare(v);
	if (v.len > sizeof(n))
		v.len = 0;
	if (v.len > 0)
		memcpy(n, v.p, v.len);
	text[at] = '\0';
	do
		text[--at] = "0123456789abcdef"[shift_out(n, v.len, base)];
	while (bare(span_of(n, v.len)).len > 0);
	if (base == NUMBER_HEX) {
		text[--at] = 'x';
		text[--at] = '0';
	}
	memcpy(out, text + at, sizeof(text) - at);
	wipe(n, sizeof(n));
	wipe(text, sizeof(text));
	return (out);
}

int
number_cmp(struct span a, struct span b)
{
	size_t i;

	a = bare(a);
	b = bare(b);
	if (a.len != b.len)
		return (a.len < b.len ? -1 : 1);
	for (i = 0; i < a.len; i++)
		if (a.p[i] != b.p[i])
			return (a.p[i] < b.p[i] ? -1 : 1);
	return (0);
}
