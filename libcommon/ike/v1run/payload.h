/* Payloads that mean the same in every exchange. */
#ifndef SAPIPE_IKE_V1RUN_PAYLOAD_H
#define SAPIPE_IKE_V1RUN_PAYLOAD_H

#include "base/bytes.h"
#include "ike/v1run/exchange.h"

#define NONCE_MIN	8	/* bytes, RFC 2409 section 5 */
#define NONCE_MAX	256
#define NONCE_OWN	32
#define NONCE_TO_CLIENT	20	/* of quick mode that a gateway begins, see v1_quick_make_own() */

/* A fresh nonce of ours of ${len} bytes, at most NONCE_OWN, into ${own}; the body of the peer's, of legal length, into ${peers}. */
int v1_nonce_make(struct v1_exchange *x, size_t len, struct bytes *own, struct fault *f);
int v1_nonce_take(struct bytes *peers, const struct isakmp_payload *pl, struct fault *f);
/* The place of HASH(n): it is filled in when the message is complete. */
int v1_put_hash(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
/* For payloads that are not sent, or that are accepted and ignored. */
int v1_put_nothing(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_nothing(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);

#endif
