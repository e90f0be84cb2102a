/* KE, nonce and AUTH payloads of phase 1: its keys, and the proof of identity that they verify (RFC 2409 section 5). */
#ifndef SAPIPE_IKE_V1_PHASE1_PROOF_H
#define SAPIPE_IKE_V1_PHASE1_PROOF_H

#include "ike/v1run/exchange.h"

/* Handlers of struct v1_payload. */
int v1_put_ke(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_ke(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
int v1_put_nonce(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_nonce(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
int v1_put_auth(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_auth(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* Handlers of struct v1_kind: the payload type of the proof, and the keys. */
uint8_t v1_phase1_proof(const struct v1_exchange *x, const struct isakmp_msg *m);
int v1_phase1_keys(struct v1_exchange *x, struct fault *f);

#endif
