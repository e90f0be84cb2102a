/* SA, KE, nonce and N payloads of quick mode: what is offered, chosen and refused (RFC 2409 section 5.5). */
#ifndef SAPIPE_IKE_V1_QUICK_OFFER_H
#define SAPIPE_IKE_V1_QUICK_OFFER_H

#include "ike/v1run/exchange.h"

/* Handlers of struct v1_payload. */
int v1_quick_put_nonce(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_quick_take_nonce(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
int v1_quick_put_ke(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_quick_take_ke(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
int v1_quick_put_sa(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
/*
 * The responder, after it has parsed message 1: makes all checks that can
 * reject the offer, before it answers.
 */
int v1_quick_take_sa(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
int v1_quick_put_notify(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_quick_take_notify(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* Handler of struct v1_kind. */
void v1_quick_refused(struct v1_exchange *x, const struct fault *why, struct ike_outbox *out);

/*
 * AH authenticates the addresses of the outer header, which a NAT changes (RFC 3715 section 2.1), and RFC 3948 puts only
 * ESP into UDP. -1: the policy of ${x} asks for it nevertheless.
 */
int v1_quick_check_ah(const struct v1_exchange *x, struct fault *f);
/* Our SPI of the new child SA; our nonce and, with PFS, our key. 0, or -1. */
int v1_quick_make_spi(struct v1_exchange *x, struct fault *f);
int v1_quick_make_own(struct v1_exchange *x, struct fault *f);

#endif
