/* Handles the end of IKEv1 exchanges. */
#ifndef SAPIPE_IKE_V1_SA_EVENTS_H
#define SAPIPE_IKE_V1_SA_EVENTS_H

#include "ike/v1run/ike_sa.h"

/*
 * Handles the result of each exchange of ${sa} that has ended since the last call. Call it
 * after each step of an exchange.
 */
void v1_sa_report(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/* All that authenticates the ends has ended: the SA is established. */
void v1_sa_up(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/*
 * The gateway of the established ${sa}, whose method has no XAuth, asks for a login: quick modes of this end that it has not
 * answered are dropped there. They begin again when it is content.
 */
void v1_sa_hold(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/* The peer deletes ${sa}, whose XAuth or mode config has not ended. */
void v1_sa_deleted(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/* An authentic UNITY-LOAD-BALANCE: see redirect.h. */
void v1_sa_redirected(struct v1_sa *sa, struct now now, const struct isakmp_notify *n, struct ike_outbox *out);
/* XAuth has not ended in time, or a redirect is due again. */
void v1_xauth_timed_out(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/* Ends an exchange that the peer began and that is not linked to its SA, for ${x}->why. */
void v1_exchange_refuse(struct v1_exchange *x, struct now now, struct ike_outbox *out);

#endif
