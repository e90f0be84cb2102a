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
/* Whether this end is the user of XAuth; false: the gateway. */
bool v1_xauth_is_user(const struct v1_sa *sa);

#endif
