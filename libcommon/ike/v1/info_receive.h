/* What the peer's informational messages bring about. */
#ifndef SAPIPE_IKE_V1_INFO_RECEIVE_H
#define SAPIPE_IKE_V1_INFO_RECEIVE_H

#include "ike/v1/ike_sa.h"

void v1_inform(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h,
    struct span dgram, struct ike_outbox *out);

#endif
