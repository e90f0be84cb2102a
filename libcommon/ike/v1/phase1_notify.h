/* N payloads of phase 1: INITIAL-CONTACT, RESPONDER-LIFETIME, and refusals. */
#ifndef SAPIPE_IKE_V1_PHASE1_NOTIFY_H
#define SAPIPE_IKE_V1_PHASE1_NOTIFY_H

#include "ike/v1run/exchange.h"

/* Handlers of struct v1_payload. */
int v1_put_notify(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_notify(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* Notifies the peer once why it was rejected, unless that reveals a secret: a handler of struct v1_kind. */
void v1_phase1_refused(struct v1_exchange *x, const struct fault *why, struct ike_outbox *out);
/* Aggressive mode has no message for it: notifies the peer of a shorter life of ours after phase 1. */
void v1_phase1_tell_life(struct v1_exchange *x, struct ike_outbox *out);

#endif
