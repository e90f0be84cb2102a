/*
 * Diffie-Hellman for fuzz drivers of machines: the same interface without the arithmetic, which takes most of the time of a
 * handshake and has tests and vectors of its own. Only the drivers that the Makefile names are linked with it.
 *
 * Both ends agree: the private value is a byte string, the public value the same bytes, and g^xy their sum. Values of all
 * zeros are bad ones, as 0 is for MODP.
 */
#include <stdlib.h>

#include "crypto/dh.h"

struct dh {
	const struct alg_group	*g;
	uint8_t			 pub[DH_PUB_MAX];
};

static struct dh *
make(const struct alg_group *g)
{
	struct dh *d = calloc(1, sizeof(*d));

	if (d != NULL)
		d->g = g;
	return (d);
}

struct dh *
dh_new(const struct alg_group *g, const struct rand *r, struct fault *f)
{
	struct dh *d = make(g);
	uint8_t seed[32];
	size_t i;

	if (d == NULL || r->fill(r->state, seed, sizeof(seed)) != 0) {
		free(d);
		(void)fault(f, FAULT_CRYPTO, "no random bytes");
		return (NULL);
	}
	seed[0] |= 1;
	for (i = 0; i < g->pub_len; i++)
		d->pub[i] = seed[i % sizeof(seed)];
	return (d);
}

struct dh *
dh_from_private(const struct alg_group *g, struct span priv, struct fault *f)
{
	struct dh *d = make(g);

	(void)f;
	if (d != NULL && priv.len > 0)
		memcpy(d->pub, priv.p, priv.len < g->pub_len ? priv.len : g->pub_len);
	return (d);
}

int
dh_check_public(const struct alg_group *g, struct span peer, struct fault *f)
{
	size_t i;

	if (peer.len != g->pub_len)
		return (fault(f, FAULT_MALFORMED, "a public value of another length"));
	for (i = 0; i < peer.len && peer.p[i] == 0; i++)
		;
	return (i < peer.len ? 0 : fault(f, FAULT_MALFORMED, "a public value of zero"));
}

struct span
dh_public(const struct dh *d)
{
	return (span_of(d->pub, d->g->pub_len));
}

int
dh_shared(const struct dh *d, struct span peer, struct secret *out, struct fault *f)
{
	struct secret s = {0};
	size_t i;

	if (dh_check_public(d->g, peer, f) != 0)
		return (-1);
	if (secret_make(&s, d->g->shared_len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for g^xy"));
	for (i = 0; i < s.len; i++)
		s.p[i] = (uint8_t)(d->pub[i] + peer.p[i]);
	secret_move(out, &s);
	return (0);
}

int
dh_private(const struct dh *d, struct secret *out, struct fault *f)
{
	return (secret_set(out, dh_public(d)) == 0 ? 0 : fault(f, FAULT_MEMORY, "no memory"));
}

void
dh_free(struct dh *d)
{
	free(d);
}
