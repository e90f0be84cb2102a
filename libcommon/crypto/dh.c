/* Diffie-Hellman: selects MODP or elliptic curves by group. */
#include "crypto/dh.h"

#include <stdlib.h>

struct dh {
	const struct alg_group	*g;
	const struct dh_ops	*ops;
	struct secret		 priv;
	uint8_t			 pub[DH_PUB_MAX];
};

const struct dh_ops *
dh_ops_of(const struct alg_group *g)
{
	switch (g->num) {
	case 19:
	case 20:
	case 21:
		return (&dh_ecp);
	case 31:
		return (&dh_x25519);
	default:
		return (&dh_modp);
	}
}

bool
dh_is_modp(const struct alg_group *g)
{
	return (dh_ops_of(g) == &dh_modp);
}

/* From random numbers or, where ${r} is NULL, from a given private value. */
static struct dh *
make(const struct alg_group *g, const struct rand *r, struct span given, struct fault *f)
{
	struct dh *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for Diffie-Hellman");
		return (NULL);
	}
	d->g = g;
	d->ops = dh_ops_of(g);
	rc = r != NULL ? d->ops->draw(g, r, &d->priv, f) : d->ops->adopt(g, given, &d->priv, f);
	if (rc == -1 || d->ops->make_public(g, secret_span(&d->priv), d->pub, f) == -1) {
		dh_free(d);
		return (NULL);
	}
	return (d);
}

struct dh *
dh_new(const struct alg_group *g, const struct rand *r, struct fault *f)
{
	return (make(g, r, SPAN_NONE, f));
}

struct dh *
dh_from_private(const struct alg_group *g, struct span priv, struct fault *f)
{
	return (make(g, NULL, priv, f));
}

struct span
dh_public(const struct dh *d)
{
	return (span_of(d->pub, d->g->pub_len));
}

static int
check_len(const struct alg_group *g, struct span peer, struct fault *f)
{
	if (peer.len != g->pub_len)
		return (fault(f, FAULT_MALFORMED, "public value of %zu bytes, %s has %u", peer.len,
		    g->word, g->pub_len));
	return (0);
}

int
dh_check_public(const struct alg_group *g, struct span peer, struct fault *f)
{
	return (check_len(g, peer, f) != 0 ? -1 : dh_ops_of(g)->check(g, peer, f));
}

int
dh_shared(const struct dh *d, struct span peer, struct secret *out, struct fault *f)
{
	struct secret s = {0};

	if (check_len(d->g, peer, f) != 0)
		return (-1);
	if (secret_make(&s, d->g->shared_len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for g^xy"));
	if (d->ops->make_shared(d->g, secret_span(&d->priv), peer, s.p, f) == -1) {
		secret_free(&s);
		return (-1);
	}
	secret_move(out, &s);
	return (0);
}

int
dh_private(const struct dh *d, struct secret *out, struct fault *f)
{
	if (secret_set(out, secret_span(&d->priv)) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for a private value"));
	return (0);
}

void
dh_free(struct dh *d)
{
	if (d == NULL)
		return;
	secret_free(&d->priv);
	free(d);
}
