/*
 * XAuth (draft-beaulieu-ike-xauth-02): after phase 1 the gateway asks the user at the other end for name and password,
 * and sets the status.
 */
#ifndef SAPIPE_IKE_V1_XAUTH_H
#define SAPIPE_IKE_V1_XAUTH_H

#include "ike/v1/ike_sa.h"
#include "ike/v1/transaction.h"

#define V1_XAUTH_ROUNDS_MAX	10	/* questions that this end answers, or asks, for one IKE SA */

extern const struct v1_transactor v1_xauth;

/* Whether XAuth has to end before the IKE SA, whose phase 1 is over, is established. */
bool v1_xauth_due(const struct v1_sa *sa);
/* As gateway: asks the user for name and password, or sets the status that is known by now. 0 or -1. */
int v1_xauth_ask(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f);
/* The login that ${sa} waits for; false: none. */
bool v1_xauth_question(const struct v1_sa *sa, struct ike_question *q);
/* Whether this end is the user of XAuth; false: the gateway. */
bool v1_xauth_is_user(const struct v1_sa *sa);

#endif
