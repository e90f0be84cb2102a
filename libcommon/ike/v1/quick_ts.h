/* The traffic selectors of quick mode: IDci and IDcr. */
#ifndef SAPIPE_IKE_V1_QUICK_TS_H
#define SAPIPE_IKE_V1_QUICK_TS_H

#include "ike/v1/exchange.h"

int v1_quick_put_id(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_quick_take_id(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* The initiator's: what it will ask for, ${ci} its own side. */
int v1_quick_set_ids(struct v1_exchange *x, const struct selector *ci, const struct selector *cr,
    struct fault *f);
/* The responder's: what the peer asks for lies within what is configured. */
int v1_quick_check_ts(struct v1_exchange *x, struct fault *f);

#endif
