/* The life of an IKE SA. */
#ifndef SAPIPE_IKE_SA_LIFE_H
#define SAPIPE_IKE_SA_LIFE_H

#include "ike/sa.h"

/* Sets the timers of an established SA with ${seconds} of life left. */
void ike_sa_start_timers(struct ike_sa *sa, struct now now, uint64_t seconds);
/*
 * Its first exchanges have succeeded: record, verdict, timers, children. Other SAs with the peer are
 * replaced, or with ${initial_contact} ended.
 */
void ike_sa_up(struct ike_sa *sa, struct now now, bool initial_contact, struct ike_outbox *out);
/* Ends an established SA: writes a record and a verdict; with ${tell} sends the peer a delete. */
void ike_sa_end(struct ike_sa *sa, struct now now, enum sa_reason reason, bool tell,
    struct ike_outbox *out);
/* Whether another established SA has its peer at the same address: no INITIAL-CONTACT then. */
bool ike_sa_another_with_peer(const struct ike_sa *sa);
/* Runs its timers that are due. */
void ike_sa_timeout(struct ike_sa *sa, struct now now, struct ike_outbox *out);
/* Begins to negotiate a child SA for each pair of the policy's selectors that no child carries. */
void ike_sa_want_children(struct ike_sa *sa, struct now now, struct ike_outbox *out);

#endif
