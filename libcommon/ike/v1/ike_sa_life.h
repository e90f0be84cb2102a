/* What becomes of IKE SAs with time, and of exchanges that are over. */
#ifndef SAPIPE_IKE_V1_IKE_SA_LIFE_H
#define SAPIPE_IKE_V1_IKE_SA_LIFE_H

#include "ike/v1/ike_sa.h"

#define V1_DELETE_AFTER_MS	4000	/* the replaced SA's last packets are through by then */

/* All that authenticates the ends has ended: record, verdict, timers; child SAs may be negotiated. */
void v1_sa_up(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/* Sets the timers of an SA that stands, with ${seconds} of life left. */
void v1_sa_timers(struct v1_sa *sa, struct now now, uint64_t seconds);
/*
 * Does what follows from the end of each of ${sa}'s exchanges that has ended since the last call. To be
 * called after each step of an exchange.
 */
void v1_sa_report(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/* Ends an exchange that the peer began and that is not linked to its SA, for ${x}->why. */
void v1_exchange_refuse(struct v1_exchange *x, struct now now, struct ike_outbox *out);
/* The SA is over: record, verdict; ${tell} the peer with a delete. */
void v1_sa_end(struct v1_sa *sa, struct now now, enum sa_reason reason, bool tell,
    struct ike_outbox *out);
void v1_sa_timeout(struct v1_sa *sa, struct now now, struct ike_outbox *out);
uint64_t v1_sa_deadline(const struct v1_sa *sa);
/* Begins a quick mode for each pair of the policy's selectors that no child carries. */
void v1_sa_want_children(struct v1_sa *sa, struct now now, struct ike_outbox *out);

#endif
