/* The clock: the machine's, or a fixed one (--clock), with which a run is repeatable. */
#ifndef SAPIPE_OS_CLOCK_H
#define SAPIPE_OS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/now.h"

struct clock {			/* all zero: the machine's clocks */
	bool	 fixed;		/* --clock: the time is always ${at} */
	struct now at;
};

/*
 * ${text}: "@EPOCH" or "EPOCH" in seconds, or RFC 3339 UTC ("2026-01-02T03:04:05Z"). The
 * clock then stops at that time. 0, or -1 with FAULT_USAGE. The caller prints on stderr that
 * a seam is in use.
 */
int clock_fix(struct clock *c, const char *text, struct fault *f);
struct now clock_now(const struct clock *c);
/* Milliseconds of CLOCK_MONOTONIC, for time-outs; --clock does not affect it. */
uint64_t clock_mono_ms(void);

#define CLOCK_TEXT 32
/* RFC 3339 UTC of ${epoch}: "2026-01-02T03:04:05Z"; after year 9999 the number. */
char *clock_text(char out[CLOCK_TEXT], uint64_t epoch);
/* The same with ${digits} (3 or 6) of the fraction of a second: "2026-01-02T03:04:05.678Z". */
char *clock_text_part(char out[CLOCK_TEXT], uint64_t epoch_us, int digits);

#endif
