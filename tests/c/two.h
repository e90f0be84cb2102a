/* Two ends of sim.h with their policies in one piece, as tests of transactions and of child SAs have them. */
#ifndef SAPIPE_TESTS_TWO_H
#define SAPIPE_TESTS_TWO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/v1run/ike_sa.h"
#include "sim.h"

struct two {
	struct sim	  sim;
	struct ike_policy left, right;
};

/* Both ends with their policies, which the caller may change before they connect. Fails the test without memory. */
static inline struct two *
two_alloc(uint64_t seed)
{
	struct two *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	sim_pair_init(&t->sim, &t->left, &t->right, "aes128-sha256-curve25519", "aes128-sha256", seed);
	return (t);
}

/* The same with ${auth}; if that is XAuth, alice at left, whose password right has to judge. */
static inline struct two *
two_alloc_auth(uint64_t seed, uint16_t auth)
{
	struct two *t = two_alloc(seed);

	t->left.n_auths = t->right.n_auths = 1;
	t->left.auths[0] = t->right.auths[0] = auth;
	if (auth == AUTH_PSK)
		return (t);
	(void)snprintf(t->left.xauth_user, sizeof(t->left.xauth_user), "alice");
	assert_int_equal(secret_set(&t->left.xauth_password, span_str("sesame")), 0);
	t->right.xauth_check = true;
	return (t);
}

static inline void
two_free(struct two *t)
{
	sim_pair_free(&t->sim, &t->left, &t->right);
	free(t);
}

/* Left begins phase 1 and 2; then ${ms} pass. */
static inline void
two_connect(struct two *t, uint64_t ms)
{
	struct fault f;

	assert_int_equal(sim_connect(&t->sim, &t->left, true, &f), 0);
	sim_run(&t->sim, ms, NULL);
}

/* The newest IKE SA of an end. */
static inline struct v1_sa *
two_sa(const struct two *t, int side)
{
	struct v1_sa *sa = v1_sa_of(t->sim.end[side].engine->sas);

	assert_non_null(sa);
	return (sa);
}

#endif
