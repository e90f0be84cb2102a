/* IKEv1 messages as they arrive: the SA and the exchange that each belongs to. */
#ifndef SAPIPE_IKE_V1_RECEIVE_H
#define SAPIPE_IKE_V1_RECEIVE_H

#include "ike/v1run/exchange.h"
#include "ike/v1run/ike_sa.h"

/* Functions of struct ike_version (ike/version.h), which says what they do. */
bool v1_begins(const struct isakmp_hdr *h);
void v1_accept_stranger(struct ike_engine *e, struct now now, const struct endpoint *local, const struct endpoint *remote,
    const struct isakmp_hdr *h, struct span data, struct ike_outbox *out);
bool v1_unknown(struct ike_engine *e, const struct endpoint *local, const struct endpoint *remote,
    const struct isakmp_hdr *h, struct ike_outbox *out);
void v1_datagram(struct ike_sa *ike, struct now now, const struct isakmp_hdr *h, struct span data,
    struct ike_outbox *out);

/* Releases ${sa} and its exchanges; NULL is fine. */
void v1_sa_release(struct v1_sa *sa);
/* Removes the finished exchange at ${at} from the list of ${sa} and frees it. */
void v1_sa_forget(struct v1_sa *sa, struct v1_exchange **at);

#endif
