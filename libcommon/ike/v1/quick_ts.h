/* The traffic selectors of quick mode: IDci and IDcr. */
#ifndef SAPIPE_IKE_V1_QUICK_TS_H
#define SAPIPE_IKE_V1_QUICK_TS_H

#include "ike/v1run/exchange.h"

int v1_quick_put_id(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_quick_take_id(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* The initiator's: the selectors that it will propose, ${ci} its own side. */
int v1_quick_set_ids(struct v1_exchange *x, const struct selector *ci, const struct selector *cr,
    struct fault *f);
/* The responder's: the peer's selectors lie within the configured ones. */
int v1_quick_check_ts(struct v1_exchange *x, struct fault *f);
/* Adds to a fault about the networks of ${x} its cause, if those that were asked for are 0.0.0.0/0. Returns -1. */
int v1_quick_route_based(const struct v1_exchange *x, struct fault *f);

#endif
