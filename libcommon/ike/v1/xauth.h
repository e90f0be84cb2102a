/*
 * XAuth (draft-beaulieu-ike-xauth-02): after phase 1 the gateway asks the user at the other end for name and password,
 * in one round or more, and sets the status.
 */
#ifndef SAPIPE_IKE_V1_XAUTH_H
#define SAPIPE_IKE_V1_XAUTH_H

#include "ike/v1/transaction.h"
#include "ike/v1run/ike_sa.h"

#define V1_XAUTH_ROUNDS_MAX	10	/* questions that this end answers, or asks, for one IKE SA */
#define V1_XAUTH_LEAVE_MS	3000	/* a user who cannot answer has said so, and waits for the status */
#define V1_XAUTH_EXPECT_MS	3000	/* after a phase 1 without XAuth, where the gateway may ask: see v1_xauth_expected() */

extern const struct v1_transactor v1_xauth;

/*
 * Whether XAuth has to end before the IKE SA, whose phase 1 is over, is established; or, under a method without XAuth, before
 * this end goes on with quick mode: the gateway has asked, or is expected to.
 */
bool v1_xauth_due(const struct v1_sa *sa);
/*
 * Whether the gateway is expected to ask after a method without XAuth (Cisco's by policy): this end has a login for it, the
 * gateway has announced XAuth, and it has not asked yet. Others are never waited for: quick mode begins at once.
 */
bool v1_xauth_expected(const struct v1_sa *sa);
/* Whether the peer's question ${in} is of XAuth, by its numbers or by Check Point's. */
bool v1_xauth_is_meant(const struct v1_sa *sa, const struct config *in);
/* As gateway: asks the user for what is needed next, or sets the status that is known by now. 0 or -1. */
int v1_xauth_ask(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f);
/* As gateway: our SET with the status was sent. */
bool v1_xauth_status_set(const struct v1_sa *sa);
/* The user, told that it is let in, goes on: it has our SET, although its ACK was lost or comes later. */
void v1_xauth_goes_on(struct v1_sa *sa);
/* What the exchange ${mid} of ${sa} waits for; false: nothing. */
bool v1_xauth_question(const struct v1_sa *sa, struct ike_question *q);
/* Whether this end is the user of XAuth; false: the gateway. */
bool v1_xauth_is_user(const struct v1_sa *sa);
/* As user: why the gateway's last question could not be answered; NULL: it was. */
const struct fault *v1_xauth_cannot(const struct v1_sa *sa);

#endif
