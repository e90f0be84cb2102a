/* Numbers with units, as options and configuration files have them. */
#include <stdio.h>
#include <string.h>

#include "cli/opt.h"

/* A suffix and what it multiplies by; the empty suffix first. */
struct suffix {
	const char	*word;
	uint64_t	 times;
};

static const struct suffix plain[] = { { "", 1 }, { NULL, 0 } };
static const struct suffix seconds[] = {
	{ "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { NULL, 0 }
};
static const struct suffix millis[] = {
	{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { NULL, 0 }
};
#define K	1000ULL
#define KI	1024ULL
static const struct suffix bytes[] = {
	{ "", 1 }, { "k", K }, { "K", K }, { "M", K * K }, { "G", K * K * K }, { "T", K * K * K * K },
	{ "Ki", KI }, { "Mi", KI * KI }, { "Gi", KI * KI * KI }, { "Ti", KI * KI * KI * KI },
	{ NULL, 0 }
};
static const struct suffix bits[] = {
	{ "", 1 }, { "k", K }, { "K", K }, { "M", K * K }, { "G", K * K * K }, { NULL, 0 }
};

static const struct {
	const struct suffix *suffixes;
	const char	*sign;		/* after a number in messages */
	const char	*of;		/* after "a number" */
	bool		 fraction;	/* thousandths, too */
} units[] = {
	[OPT_PLAIN] = { plain, "", "", false },
	[OPT_U_SECONDS] = { seconds, " s", " of seconds", false },
	[OPT_U_MILLIS] = { millis, " s", " of seconds", true },
	[OPT_U_BYTES] = { bytes, " bytes", " of bytes", false },
	[OPT_U_BITS] = { bits, " bit/s", " of bit/s", false },
};

#define BOUND_TEXT	32

/* A bound as the user would write it, in the unit of a number without a suffix: 0.02, not 20 for 20 ms. */
static const char *
bound_text(char out[BOUND_TEXT], uint64_t v, enum opt_unit unit)
{
	unsigned part = (unsigned)(v % 1000);
	int digits_n = 3;

	if (!units[unit].fraction || part == 0) {
		(void)snprintf(out, BOUND_TEXT, "%llu",
		    (unsigned long long)(units[unit].fraction ? v / 1000 : v));
		return (out);
	}
	for (; part % 10 == 0; part /= 10)
		digits_n--;
	(void)snprintf(out, BOUND_TEXT, "%llu.%0*u", (unsigned long long)(v / 1000), digits_n, part);
	return (out);
}

/* Decimal digits to ${*v}; the number of digits, or -1 if they exceed 64 bits. */
static int
digits(const char *p, uint64_t *v)
{
	int n = 0;

	for (*v = 0; p[n] >= '0' && p[n] <= '9'; n++)
		if (__builtin_mul_overflow(*v, 10U, v) ||
		    __builtin_add_overflow(*v, (uint64_t)(p[n] - '0'), v))
			return (-1);
	return (n);
}

int
opt_number(uint64_t *out, const char *text, enum opt_unit unit, uint64_t min, uint64_t max,
    const char *who, struct fault *f)
{
	const struct suffix *s;
	const char *p = text;
	char lowest[BOUND_TEXT], highest[BOUND_TEXT];
	uint64_t v, part, scale = 1;
	int n, m = 0;

	n = digits(p, &v);
	if (n < 0)
		goto range;
	p += n;
	part = 0;
	if (*p == '.' && units[unit].fraction) {
		m = digits(p + 1, &part);
		if (m < 0 || m > 9)
			goto junk;
		p += 1 + m;
	}
	if (n + m == 0)
		goto junk;
	for (s = units[unit].suffixes; s->word != NULL && strcmp(s->word, p) != 0; s++)
		;
	if (s->word == NULL)
		goto junk;
	if (__builtin_mul_overflow(v, s->times, &v))
		goto range;
	for (; m > 0; m--)
		scale *= 10;
	/* part < 10^9 and times <= 3.6e6: no overflow */
	if (__builtin_add_overflow(v, part * s->times / scale, &v) || v < min || v > max)
		goto range;
	*out = v;
	return (0);
junk:
	return (fault(f, FAULT_USAGE, "%s: '%s' is not a number%s", who, text, units[unit].of));
range:
	if (max == UINT64_MAX)
		return (fault(f, FAULT_USAGE, "%s: %s is out of range, at least %s%s", who, text,
		    bound_text(lowest, min, unit), units[unit].sign));
	return (fault(f, FAULT_USAGE, "%s: %s is out of range, %s to %s%s", who, text,
	    bound_text(lowest, min, unit), bound_text(highest, max, unit), units[unit].sign));
}
