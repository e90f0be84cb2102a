/* One probe message and its timers: when to retransmit it, and when to give up. */
#ifndef SAPIPE_PROBE_RETRY_H
#define SAPIPE_PROBE_RETRY_H

#include "base/bytes.h"
#include "base/now.h"

struct retry {			/* zero it before first use */
	struct bytes	msg;
	uint64_t	sent_ms;	/* the last transmission */
	uint64_t	due_ms;		/* the next one */
	uint64_t	give_up_ms;
	uint64_t	wait_ms;	/* from the last to the next; doubles */
};

/*
 * A new message, sent now: it is due again after ${wait_ms}, and given up after ${timeout_ms}. False: ${msg}
 * is empty or there is no memory; the timers are set.
 */
bool retry_begin(struct retry *r, struct span msg, uint32_t wait_ms, uint32_t timeout_ms,
    struct now now);
/* The message was retransmitted now; the next wait doubles, up to ${most_ms}. */
void retry_again(struct retry *r, uint32_t most_ms, struct now now);
/* As retry_again(), with ${msg} in place of the message. False: as in retry_begin(). */
bool retry_replace(struct retry *r, struct span msg, uint32_t most_ms, struct now now);
/* Stops retransmission; times out after ${wait_ms}. */
void retry_listen(struct retry *r, uint64_t wait_ms, struct now now);
void retry_free(struct retry *r);		/* all zero afterwards */

static inline bool
retry_is_due(const struct retry *r, struct now now)
{
	return (now.ms >= r->due_ms);
}

static inline bool
retry_is_over(const struct retry *r, struct now now)
{
	return (now.ms >= r->give_up_ms);
}

/* When to look at it again. */
static inline uint64_t
retry_deadline_ms(const struct retry *r)
{
	return (r->due_ms < r->give_up_ms ? r->due_ms : r->give_up_ms);
}

/* Whether ${data} is the message itself, which came back. */
static inline bool
retry_is_own(const struct retry *r, struct span data)
{
	return (span_eq(data, bytes_span(&r->msg)));
}

/* A machine's deadline in microseconds from one in milliseconds; UINT64_MAX stays. */
static inline uint64_t
retry_us(uint64_t ms)
{
	return (ms == UINT64_MAX ? ms : ms * 1000);
}

#endif
