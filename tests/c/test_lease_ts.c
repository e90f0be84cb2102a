/* What a client of a pool may ask for in quick mode: its lease, and networks configured for it. Two engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/sa_life.h"
#include "ike/v1run/ike_sa.h"
#include "sim.h"

static struct selector
net(const char *text)
{
	struct selector s;

	assert_int_equal(selector_parse(&s, text), 0);
	return (s);
}

/*
 * Whether a client that asks for ${claim}, of a gateway with the pool 10.3.0.0/29 and ${remote} as remote-ts (NULL: none), has
 * a child SA; ${leases}: it asks for an address, which is 10.3.0.1. The gateway's fault is in ${why}.
 */
static bool
gets(const char *claim, const char *const remote[2], bool leases, struct fault *why)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	struct ike_policy left, right;
	const struct selector range = net("10.3.0.0/29");
	struct fault f;
	bool up;
	size_t i;

	assert_non_null(sim);
	sim_pair_init(sim, &left, &right, "aes128-sha256-curve25519", "aes128-sha256", 5);
	left.mode_config = leases;
	left.local_ts[0] = net(claim);
	right.pool = pool_new(&range, NULL);
	right.give = ike_settings_new();
	assert_true(right.pool != NULL && right.give != NULL);
	right.n_remote_ts = 0;
	for (i = 0; i < 2 && remote[i] != NULL; i++)
		right.remote_ts[right.n_remote_ts++] = net(remote[i]);
	assert_int_equal(sim_connect(sim, &left, true, &f), 0);
	sim_run(sim, 5000, NULL);
	if (leases)
		assert_string_equal(sim->end[0].ike.address, "10.3.0.1");
	up = sim->end[0].n_children > 0;
	assert_int_equal(sim->end[0].n_children, sim->end[1].n_children);
	*why = sim->end[1].why;
	sim_pair_free(sim, &left, &right);
	free(sim);
	return (up);
}

static void
a_client_has_only_its_own(void **state)
{
	static const struct { const char *claim, *remote[2]; bool with, without; } t[] = {
		/* claim, remote-ts, whether allowed with a lease of 10.3.0.1, and without a lease */
		{ "10.3.0.1/32", { NULL }, true, false },
		{ "10.3.0.2/32", { NULL }, false, false },
		{ "10.3.0.1/32", { "10.3.0.0/29" }, true, false },
		{ "10.3.0.2/32", { "10.3.0.0/29" }, false, false },
		{ "10.3.0.0/30", { "10.3.0.0/29" }, false, false },
		{ "10.3.0.0/29", { "10.3.0.0/29" }, false, false },
		{ "10.3.0.1/32", { "0.0.0.0/0" }, true, false },
		{ "10.3.0.6/32", { "0.0.0.0/0" }, false, false },
		{ "10.0.0.0/8", { "0.0.0.0/0" }, false, false },
		{ "0.0.0.0/0", { "0.0.0.0/0" }, false, false },
		/* a network apart from the pool is configured for it */
		{ "10.9.0.0/24", { "10.9.0.0/24" }, true, true },
		{ "10.9.0.0/24", { "10.3.0.0/29", "10.9.0.0/24" }, true, true },
		{ "10.9.1.0/24", { "10.3.0.0/29", "10.9.0.0/24" }, false, false },
		{ "10.3.0.1/32", { "10.3.0.0/29", "10.9.0.0/24" }, true, false },
		{ "10.3.0.3/32", { "10.3.0.0/29", "10.9.0.0/24" }, false, false },
		/* one that has the pool stands for all clients, so that a client with a lease has no part of it beside */
		{ "10.7.0.0/24", { "0.0.0.0/0" }, false, true },
	};
	struct fault why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (gets(t[i].claim, t[i].remote, true, &why) != t[i].with)
			fail_msg("row %zu with a lease: %s", i, why.what);
		if (gets(t[i].claim, t[i].remote, false, &why) != t[i].without)
			fail_msg("row %zu without a lease: %s", i, why.what);
	}
}

/* Golden texts. */
static void
a_refusal_says_why(void **state)
{
	static const char *const remote[2] = { "10.3.0.0/29", "10.9.0.0/24" };
	struct fault why;

	(void)state;
	assert_false(gets("10.3.0.2/32", remote, true, &why));
	assert_int_equal(why.code, FAULT_TS_MISMATCH);
	assert_string_equal(why.what, "the client asks for 10.3.0.2/32 there, which is of the pool and not leased to it");
	assert_false(gets("10.8.0.0/24", remote, true, &why));
	assert_string_equal(why.what, "the peer asks for 10.2.0.0/24 here and 10.8.0.0/24 there, configured are 10.2.0.0/24 and "
	    "10.3.0.1/32, 10.9.0.0/24");
}

#define CLASS(name, f)	{ name, f, NULL, NULL, NULL }

static int
setup(void **state)
{
	(void)state;
	return (secret_init());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CLASS("A16: a client gets its lease and its networks, not the addresses of others", a_client_has_only_its_own),
		cmocka_unit_test(a_refusal_says_why),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
