/*
 * The set of SAs that a stream of records describes. A stream is a log: a record replaces an earlier
 * one of the same identity (ike-sa: cookies and role; child-sa: protocol, local address, spi-in),
 * sa-delete removes. Both are accepted only from the source of the SA, so one
 * negotiator cannot remove the SAs of another. No I/O, no clock.
 */
#ifndef SAPIPE_SA_SET_H
#define SAPIPE_SA_SET_H

#include "base/fault.h"
#include "sa/record.h"

#define SA_SET_MAX	8192	/* SAs in one set */

struct sa_set;

enum sa_change {
	SA_ADDED,
	SA_REPLACED,		/* same SA and keys: its counters go on */
	SA_REMOVED,		/* by sa-delete or sa_set_expire() */
};

/*
 * Reports a change of an SA. ${now} is the record in the set (SA_REMOVED: the removed one), ${was}
 * the record before SA_REPLACED, else NULL; both are valid only during the call. ${reason} is why it was
 * removed. It must not call back into the set.
 */
typedef void (*sa_change_fn)(void *ctx, enum sa_change change, const struct sa_rec *now,
    const struct sa_rec *was, unsigned source, enum sa_reason reason);

struct sa_set *sa_set_new(void);	/* NULL if memory is short */
void sa_set_free(struct sa_set *s);	/* wipes; harmless on NULL */

enum sa_verdict {
	SA_BAD = -1,
	SA_DONE,		/* accepted; ${tell} was called for each SA concerned */
	SA_NOTHING,		/* an event, an unknown record, a delete of an unknown SA */
	SA_FOREIGN,		/* about an SA of another source: ignored */
};

/*
 * Applies ${r} from ${source} (a number that the caller assigns); the set keeps a copy.
 * SA_BAD with FAULT_BAD_RECORD (other keys, algorithms or outbound SPI under the identity of an
 * existing SA), FAULT_TOO_LARGE (SA_SET_MAX) or FAULT_MEMORY: the set is unchanged. ${tell}
 * may be NULL.
 */
enum sa_verdict sa_set_apply(struct sa_set *s, unsigned source, const struct sa_rec *r,
    sa_change_fn tell, void *ctx, struct fault *f);

/* Removes SAs that have expired at ${now} (epoch seconds), with SA_REASON_EXPIRED. Returns how many. */
size_t sa_set_expire(struct sa_set *s, uint64_t now, sa_change_fn tell, void *ctx);

/*
 * The SAs in the order they came (a replacement keeps the place): start with ${*at} 0; NULL
 * after the last. ${source} may be NULL. The record is valid until the set changes.
 */
const struct sa_rec *sa_set_next(const struct sa_set *s, size_t *at, unsigned *source);

/*
 * The same in parts: the set may change between calls, and the SAs that come meanwhile are the last. Start with ${*serial} 0,
 * which the set moves on.
 */
const struct sa_rec *sa_set_after(const struct sa_set *s, uint64_t *serial);

/* The place of the SA that ${r} is of among them; 0: it is not there. */
uint64_t sa_set_serial(const struct sa_set *s, const struct sa_rec *r);

/*
 * A source that begins again lists all its SAs: sa_set_sweep() removes those that no record was about since sa_set_round(), with
 * SA_REASON_OTHER. Returns how many.
 */
void sa_set_round(struct sa_set *s);
size_t sa_set_sweep(struct sa_set *s, sa_change_fn tell, void *ctx);

/*
 * The event SA_EVENT_REMAP: the NAT mapping of the peer of a child SA has moved, and all SAs at the old endpoint are at the new
 * one. ${tell} may be NULL.
 */
void sa_set_remap(struct sa_set *s, const struct sa_event *ev, sa_change_fn tell, void *ctx);

/* Finds an IKE SA by ${ike}, spi-i | spi-r; NULL: it is not there. */
const struct sa_ike *sa_set_ike(const struct sa_set *s, const uint8_t ike[16]);

/* Whether two records are of one SA, and whether the keys and algorithms are the same too. */
bool sa_same_identity(const struct sa_rec *a, const struct sa_rec *b);
bool sa_same_keys(const struct sa_rec *a, const struct sa_rec *b);

#endif
