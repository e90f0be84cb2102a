/* Payloads that mean the same in every exchange. */
#include "ike/v1run/payload.h"

#include "ike/v1run/ike_sa.h"

int
v1_nonce_make(struct v1_exchange *x, size_t len, struct bytes *own, struct fault *f)
{
	const struct rand *r = &x->sa->ike.engine->conf.rand;
	uint8_t fresh[NONCE_OWN];

	len = len < sizeof(fresh) ? len : sizeof(fresh);
	if (r->fill(r->state, fresh, len) != 0)
		return (fault(f, FAULT_CRYPTO, "no random bytes"));
	if (bytes_set(own, span_of(fresh, len)) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for a nonce"));
	return (0);
}

int
v1_nonce_take(struct bytes *peers, const struct isakmp_payload *pl, struct fault *f)
{
	if (pl->body.len < NONCE_MIN || pl->body.len > NONCE_MAX)
		return (fault(f, FAULT_MALFORMED, "its nonce has %zu bytes, not %d to %d",
		    pl->body.len, NONCE_MIN, NONCE_MAX));
	if (bytes_set(peers, pl->body) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for a nonce"));
	return (0);
}

int
v1_put_hash(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct v1_message_keys k = v1_sa_message_keys(x->sa);

	(void)f;
	v1_message_hash_put(&k, b);
	return (0);
}

int
v1_put_nothing(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	(void)x;
	(void)b;
	(void)f;
	return (0);
}

int
v1_take_nothing(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	(void)x;
	(void)pl;
	(void)f;
	return (0);
}
