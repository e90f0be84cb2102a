/* VID and NAT-D payloads of phase 1. */
#ifndef SAPIPE_IKE_V1_PHASE1_NATT_H
#define SAPIPE_IKE_V1_PHASE1_NATT_H

#include "ike/v1run/exchange.h"

int v1_put_vid(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_vid(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
int v1_put_natd(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_natd(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* Handlers in the tables: agree on a NAT-T version, detect NATs from its NAT-D payloads, and both. */
int v1_agree_natt(struct v1_exchange *x, struct ike_outbox *out, struct fault *f);
int v1_detect_nat(struct v1_exchange *x, struct ike_outbox *out, struct fault *f);
int v1_agree_and_detect_nat(struct v1_exchange *x, struct ike_outbox *out, struct fault *f);

#endif
