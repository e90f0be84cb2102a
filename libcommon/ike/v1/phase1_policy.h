/* SA and ID payloads of phase 1: the proposal and the policy that they choose. */
#ifndef SAPIPE_IKE_V1_PHASE1_POLICY_H
#define SAPIPE_IKE_V1_PHASE1_POLICY_H

#include "ike/v1run/exchange.h"

/* Handlers of struct v1_payload. */
int v1_put_sa(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_sa(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
int v1_put_id(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_id(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* IDii_b or IDir_b, by the role of the ${sender}. */
struct bytes *v1_phase1_id(const struct v1_exchange *x, enum sa_role sender);

#endif
