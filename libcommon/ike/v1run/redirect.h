/*
 * Unity's load balancing: after phase 1 a gateway tells a client by notify 40501 to go to another gateway, whose IPv4 address
 * is the data. No RFC has it. vpnc and strongSwan follow it, and begin phase 1 anew from port 500.
 */
#ifndef SAPIPE_IKE_V1RUN_REDIRECT_H
#define SAPIPE_IKE_V1RUN_REDIRECT_H

#include "ike/v1run/ike_sa.h"

#define V1_REDIRECTS_MAX	4	/* that a client follows one after another */
#define V1_REDIRECT_SENDS	4	/* nothing acknowledges the notify: it is sent so often, */
#define V1_REDIRECT_MS		1000	/* with this time in between, which doubles */

/*
 * As client: the gateway of ${sa} redirects it by ${n}, which is authentic. True: it is to be followed, or failed for; ${why}
 * then says to where or why not, and the place is known to ike_engine_elsewhere(). False: it is ignored, ${out} says why.
 * Followed are redirects before the first child SA, of a client of XAuth or mode config, to a unicast address that is neither
 * this end's nor the gateway's own; V1_REDIRECTS_MAX of them.
 */
bool v1_redirect_take(struct v1_sa *sa, const struct isakmp_notify *n, struct fault *why, struct ike_outbox *out);

/* As gateway: whether the client, whose phase 1 is over, is to go elsewhere. One that does not know Unity is served here. */
bool v1_redirect_due(const struct v1_sa *sa, struct ike_outbox *out);
/* Sends the notify. False: it was sent often enough. The time of the next call is in sa->ike.hard_ms. */
bool v1_redirect_send(struct v1_sa *sa, struct now now, struct ike_outbox *out);

#endif
