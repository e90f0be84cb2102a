/*
 * The time as one value. Machines do not read a clock: the caller passes the time of each step, so
 * that a run is repeatable.
 */
#ifndef SAPIPE_BASE_NOW_H
#define SAPIPE_BASE_NOW_H

#include <stdint.h>

struct now {
	uint64_t ms;		/* monotonic milliseconds, suspend included: timers and lifetimes */
	uint64_t epoch;		/* seconds since 1970 UTC: records and people */
	uint32_t us;		/* microseconds beyond ${ms}, 0 to 999 */
	uint32_t epoch_us;	/* microseconds beyond ${epoch}, 0 to 999999 */
};

/* Monotonic microseconds, for round-trip times. */
static inline uint64_t
now_us(struct now n)
{
	return (n.ms * 1000 + n.us);
}

/* Milliseconds since 1970 UTC. */
static inline uint64_t
now_epoch_ms(struct now n)
{
	return (n.epoch * 1000 + n.epoch_us / 1000);
}

/* Microseconds since 1970 UTC, for captures. */
static inline uint64_t
now_epoch_us(struct now n)
{
	return (n.epoch * 1000000 + n.epoch_us);
}

/* The value for a monotonic time only; its date is 1970. For tests and fuzz drivers of machines that need no date. */
static inline struct now
now_at_us(uint64_t us)
{
	return ((struct now){ .ms = us / 1000, .us = (uint32_t)(us % 1000) });
}

#endif
