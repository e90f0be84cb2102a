/* Handles the peer's informational messages. */
#ifndef SAPIPE_IKE_V1_INFO_RECEIVE_H
#define SAPIPE_IKE_V1_INFO_RECEIVE_H

#include "ike/v1run/exchange.h"
#include "ike/v1run/ike_sa.h"

/* A message of the informational exchange, or of the acknowledged one: see info_ack.h. */
void v1_inform(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h,
    struct span dgram, struct ike_outbox *out);

/*
 * The peer proposes a group of its own (new group mode, RFC 2409 section 5.6): once it proves to be the peer's, it is
 * refused with ATTRIBUTES-NOT-SUPPORTED.
 */
void v1_refuse_new_group(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h, struct span dgram,
    struct ike_outbox *out);

/* Makes a fault of the peer's error notify, with a text that explains it. */
void v1_notify_fault(struct fault *f, uint16_t type, const struct v1_exchange *x, bool authentic);

#endif
