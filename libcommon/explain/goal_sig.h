/* The results of skeyid-calc sig: a signature over HASH_I or HASH_R, made or checked. */
#ifndef SAPIPE_EXPLAIN_GOAL_SIG_H
#define SAPIPE_EXPLAIN_GOAL_SIG_H

#include "crypto/sign.h"
#include "explain/calc.h"

/* All of it is borrowed. */
struct goal_sig {
	const struct sign_key	*key;	/* makes the signature; NULL: ${sig} is given */
	const struct cert	*cert;	/* checks it; NULL: it is not checked */
	struct span		 hash;	/* HASH_I or HASH_R */
	struct span		 sig;	/* body of a SIG payload; empty: ${key} makes it */
};

/*
 * 0, or -1: FAULT_USAGE (an input is missing), FAULT_AUTH_FAILED with CAUSE_SIGNATURE (it is no signature by that
 * certificate over that hash; the results are there), FAULT_CONFIG (the key cannot sign so much), FAULT_CRYPTO or
 * FAULT_MEMORY.
 */
int goal_sig(struct calc *c, const struct goal_sig *in, struct fault *f);

#endif
