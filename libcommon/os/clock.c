/* The clock: running or fixed, and dates as text. */
#include "os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int
clock_fix(struct clock *c, const char *text, struct fault *f)
{
	struct tm tm = {0};
	const char *p = *text == '@' ? text + 1 : text;
	char *end;
	unsigned long long n;
	time_t t;

	n = strtoull(p, &end, 10);
	if (*p >= '0' && *p <= '9' && *end == '\0') {
		if (n > UINT32_MAX * 16ULL)
			return (fault(f, FAULT_USAGE, "clock %s is out of range", text));
		c->at.epoch = n;
	} else {
		p = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
		if (p == NULL || *p != '\0' || (t = timegm(&tm)) < 0)
			return (fault(f, FAULT_USAGE,
			    "clock %s is neither epoch seconds nor RFC 3339 UTC", text));
		c->at.epoch = (uint64_t)t;
	}
	c->at.ms = 0;
	c->fixed = true;
	return (0);
}

uint64_t
clock_mono_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

struct now
clock_now(const struct clock *c)
{
	struct timespec mono, real;

	if (c != NULL && c->fixed)
		return (c->at);
	/* BOOTTIME: a lifetime goes on while a laptop sleeps. */
	(void)clock_gettime(CLOCK_BOOTTIME, &mono);
	(void)clock_gettime(CLOCK_REALTIME, &real);
	return ((struct now){
	    .ms = (uint64_t)mono.tv_sec * 1000 + (uint64_t)mono.tv_nsec / 1000000,
	    .us = (uint32_t)(mono.tv_nsec / 1000 % 1000),
	    .epoch = (uint64_t)real.tv_sec,
	    .epoch_us = (uint32_t)(real.tv_nsec / 1000) });
}

char *
clock_text(char out[CLOCK_TEXT], uint64_t epoch)
{
	time_t t = (time_t)epoch;
	struct tm tm;

	if (epoch >= 253402300800ULL || gmtime_r(&t, &tm) == NULL ||
	    strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(out, CLOCK_TEXT, "%llu", (unsigned long long)epoch);
	return (out);
}

char *
clock_text_part(char out[CLOCK_TEXT], uint64_t epoch_us, int digits)
{
	uint32_t us = (uint32_t)(epoch_us % 1000000);
	size_t n = strlen(clock_text(out, epoch_us / 1000000));

	if (n > 0 && out[n - 1] == 'Z')
		(void)snprintf(out + n - 1, CLOCK_TEXT - n + 1, ".%0*uZ", digits, digits == 3 ? us / 1000 : us);
	return (out);
}
