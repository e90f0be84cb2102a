/* Inside crypto/: the two backends behind struct dh of crypto.h. */
#ifndef SAPIPE_CRYPTO_DH_H
#define SAPIPE_CRYPTO_DH_H

#include "crypto/crypto.h"

#define DH_PUB_MAX	1024	/* bytes: modp8192 */

/*
 * One family of groups. ${pub} has g->pub_len bytes, ${out} g->shared_len.
 * All return 0 or -1. check() and make_shared() check the peer's value: FAULT_MALFORMED.
 */
struct dh_ops {
	/* A fresh private value, uniform over the group's range. */
	int (*draw)(const struct alg_group *g, const struct rand *r, struct secret *priv,
	    struct fault *f);
	/* Whether ${priv} is in the group's range; does not change it. */
	int (*adopt)(const struct alg_group *g, struct span given, struct secret *priv,
	    struct fault *f);
	int (*make_public)(const struct alg_group *g, struct span priv, uint8_t *pub,
	    struct fault *f);
	int (*check)(const struct alg_group *g, struct span peer, struct fault *f);
	int (*make_shared)(const struct alg_group *g, struct span priv, struct span peer,
	    uint8_t *out, struct fault *f);
	/* As dh_constants(). */
	int (*constants)(const struct alg_group *g, struct secret *p, struct secret *gen, struct fault *f);
};
extern const struct dh_ops dh_modp, dh_ecp, dh_x25519;

const struct dh_ops *dh_ops_of(const struct alg_group *g);

#endif
