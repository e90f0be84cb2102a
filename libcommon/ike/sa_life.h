/* The life of an IKE SA. */
#ifndef SAPIPE_IKE_SA_LIFE_H
#define SAPIPE_IKE_SA_LIFE_H

#include "ike/sa.h"

/* Established IKE SAs that a peer may have, from one address and in all: the oldest ends for the next. */
#define IKE_SAS_PER_ADDRESS	16
#define IKE_SAS_PER_PEER	256

/* Sets the timers of an established SA with ${seconds} of life left. */
void ike_sa_start_timers(struct ike_sa *sa, struct now now, uint64_t seconds);
/* ${sa}, adopted, has replaced the older ones with its peer, which records do not say: they end soon. */
void ike_sa_outdate(struct ike_sa *sa, struct now now);
/* Rekeys ${sa} at ${at_ms}, unless that is due before or cannot be begun here. */
void ike_sa_rekey_at(struct ike_sa *sa, uint64_t at_ms);
/* Begins to send NAT keepalives, if this end is behind a NAT: of an SA that is established, or waits for a login. */
void ike_sa_keep_mapping(struct ike_sa *sa, struct now now);
/*
 * Its first exchanges have succeeded: record, verdict, timers, children. Other SAs with the peer are
 * replaced, or with ${initial_contact} ended.
 */
void ike_sa_up(struct ike_sa *sa, struct now now, bool initial_contact, struct ike_outbox *out);
/* Ends an established SA: writes a record and a verdict; with ${tell} sends the peer a delete. */
void ike_sa_end(struct ike_sa *sa, struct now now, enum sa_reason reason, bool tell,
    struct ike_outbox *out);
/* Whether this end has another IKE SA, or a child SA, with the peer: no INITIAL-CONTACT then. */
bool ike_sa_has_others(const struct ike_sa *sa);
/*
 * The peer ends the SA ${seconds} after its start: this end does not use it longer. Of an SA that is established the
 * record is written again.
 */
void ike_sa_shorten(struct ike_sa *sa, struct now now, uint64_t seconds, struct ike_outbox *out);
/* Runs its timers that are due. */
void ike_sa_timeout(struct ike_sa *sa, struct now now, struct ike_outbox *out);
/*
 * The selectors of the child SAs under ${sa}: the policy's. Defaults are the two ends; of a client with mode config the
 * addresses that it was assigned, and the networks that the gateway names, or all; of a client of this gateway its lease, and
 * the policy's networks apart from the pool. Borrowed from ${sa} and ${ts}.
 */
struct ike_ts {
	size_t			 n_local, n_remote;
	const struct selector	*local, *remote;
	struct selector		 host[2], other[SA_NETS_MAX + 2];	/* the defaults */
};
void ike_sa_ts(const struct ike_sa *sa, struct ike_ts *ts);
/* Whether ${remote} has addresses of the pool for clients of ${sa} that are not leased to this one: another may have them. */
bool ike_sa_ts_of_others(const struct ike_sa *sa, const struct selector *remote);
/* How many pairs they make: selectors of one family. */
size_t ike_sa_pairs(const struct ike_sa *sa);
/* Begins to negotiate a child SA for each such pair that no child carries. */
void ike_sa_want_children(struct ike_sa *sa, struct now now, struct ike_outbox *out);

#endif
