/*
 * A peer behind a NAT whose mapping changes at any moment: between two messages of phase 1, between phase 1 and quick mode,
 * while a user types, while child SAs are rekeyed. Two engines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/v1run/ike_sa.h"
#include "sim.h"

struct two {
	struct sim	  sim;
	struct ike_policy left, right;
	unsigned	  n_left;	/* datagrams that left sent, */
	unsigned	  change_at;	/* the mapping changes after so many; 0: never */
};

static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct two *t = s->tap_arg;

	(void)data, (void)len;
	if (from == 0 && ++t->n_left == t->change_at)
		s->nat_shift = 30000;
	return (true);
}

static struct two *
two_new(uint64_t seed, enum sa_exchange exchange)
{
	struct two *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	sim_pair_init(&t->sim, &t->left, &t->right, "aes128-sha256-curve25519", "aes128-sha256", seed);
	t->left.exchange = t->right.exchange = exchange;
	t->sim.nat = true;
	t->sim.tap = tap;
	t->sim.tap_arg = t;
	return (t);
}

static void
two_free(struct two *t)
{
	sim_pair_free(&t->sim, &t->left, &t->right);
	free(t);
}

static void
connect(struct two *t)
{
	struct fault f;

	assert_int_equal(sim_connect(&t->sim, &t->left, true, &f), 0);
}

/* Right has the peer where its mapping is: IKE and the child. */
static void
assert_at(struct two *t, uint16_t shift)
{
	const struct endpoint want = { sim_natted, (uint16_t)(4500 + shift) };

	assert_true(endpoint_eq(&t->sim.end[1].engine->sas->remote.at, &want));
	assert_true(endpoint_eq(&t->sim.end[1].children[0].remote.at, &want));
}

/* After each datagram of left: the ports of RFC 3947's float and those of the new mapping may mix. */
static void
between_any_two_messages(void **state)
{
	static const enum sa_exchange modes[] = { SA_MAIN, SA_AGGRESSIVE };
	static const unsigned last[] = { 4, 3 };	/* datagrams before the last one of quick mode */
	struct two *t;
	unsigned at;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		for (at = 1; at <= 6; at++) {
			/* DPD shows where left is; without it the messages of the exchange itself do, up to the last. */
			if (i >= 2 && at > last[i % 2])
				continue;
			t = two_new(at, modes[i % 2]);
			t->left.dpd_seconds = t->right.dpd_seconds = i < 2 ? 2 : 0;
			t->change_at = at;
			connect(t);
			sim_run(&t->sim, 20000, NULL);
			if (t->sim.end[0].n_children != 1 || t->sim.end[1].n_children != 1 || t->sim.end[0].n_failed != 0)
				fail_msg("mode %zu, after datagram %u: %zu and %zu children, %d failed: %s\n%s", i, at,
				    t->sim.end[0].n_children, t->sim.end[1].n_children, t->sim.end[0].n_failed,
				    t->sim.end[0].why.what, t->sim.end[0].notes);
			assert_true(sim_children_agree(&t->sim));
			assert_int_equal(t->sim.nat_shift, 30000);
			assert_at(t, 30000);
			assert_int_equal(t->sim.end[0].n_ike, 1);
			two_free(t);
		}
}

/* The user types longer than the NAT keeps an idle mapping. The client keeps it alive meanwhile. */
static void
while_a_user_types(void **state)
{
	const struct ike_login yes = { .verdict = IKE_LOGIN_YES };
	const struct ike_answer judged = { .login = &yes }, typed = { .data = { (const uint8_t *)"sesame", 6 } };
	struct ike_outbox out;
	struct sim_end *e;
	struct two *t;
	int moves, side;

	(void)state;
	for (moves = 0; moves < 2; moves++) {
		t = two_new(7, SA_MAIN);
		t->left.n_auths = t->right.n_auths = 1;
		t->left.auths[0] = t->right.auths[0] = AUTH_XAUTH_INIT_PSK;
		(void)snprintf(t->left.xauth_user, sizeof(t->left.xauth_user), "alice");
		t->left.xauth_ask = t->right.xauth_check = true;
		t->left.keepalive_ms = 10000;
		connect(t);
		/* First left's user types for 60 s, then right judges for as long; the mapping changes in each of the two. */
		for (side = 0; side < 2; side++) {
			e = &t->sim.end[side];
			sim_run(&t->sim, 2000, NULL);
			assert_true(e->asks);
			e->asks = false;
			t->n_left = 0;
			sim_run(&t->sim, 60000, NULL);
			assert_in_range(t->sim.end[0].n_keepalives, 5 * (side + 1), 7 * (side + 1));
			if (moves == 1 && side == 0)
				t->sim.nat_shift = 30000;
			out = (struct ike_outbox){0};
			assert_true(ike_engine_answer(e->engine, t->sim.now, e->ask_id, e->ask_mid, side == 0 ? &typed : &judged, &out));
			sim_flush(&t->sim, side, &out);
		}
		sim_run(&t->sim, 5000, NULL);
		assert_int_equal(t->sim.end[0].n_children, 1);
		assert_true(sim_children_agree(&t->sim));
		assert_at(t, moves == 1 ? 30000 : 20000);
		two_free(t);
	}
}

/* Right begins to rekey the child at the moment when the mapping changes: it hears left's next question, and goes on. */
static void
while_the_gateway_rekeys(void **state)
{
	struct sa_event ev = { .what = SA_EVENT_SOFT, .has_spi_in = true };
	struct ike_outbox out = {0};
	struct two *t = two_new(9, SA_MAIN);

	(void)state;
	t->left.dpd_seconds = 4;
	connect(t);
	sim_run(&t->sim, 2000, NULL);
	assert_int_equal(t->sim.end[1].n_children, 1);
	t->sim.nat_shift = 30000;
	memcpy(ev.spi_in, t->sim.end[1].children[0].spi_in, sizeof(ev.spi_in));
	ike_engine_event(t->sim.end[1].engine, t->sim.now, &ev, &out);
	sim_flush(&t->sim, 1, &out);
	sim_run(&t->sim, 40000, NULL);
	assert_int_equal(t->sim.end[0].n_child, 2);
	assert_true(sim_children_agree(&t->sim));
	assert_true(sim_passes(&t->sim, 0) && sim_passes(&t->sim, 1));
	assert_at(t, 30000);
	assert_int_equal(t->sim.end[0].n_gone + t->sim.end[1].n_gone, 0);
	two_free(t);
}

/* Left replaces phase 1 at the moment when its mapping changes: the new IKE SA, and the old child, are where left is now. */
static void
while_phase_1_is_replaced(void **state)
{
	struct two *t = two_new(11, SA_MAIN);
	uint64_t seed;

	(void)state;
	two_free(t);
	for (seed = 1; seed <= 6; seed++) {
		t = two_new(seed, SA_MAIN);
		t->left.ike_seconds = t->right.ike_seconds = 60;
		t->left.dpd_seconds = 5;
		connect(t);
		sim_run(&t->sim, 2000, NULL);
		t->n_left = 0;
		/* The successor's first message, or one of the next ones, is the last through the old mapping. */
		while (t->sim.end[0].engine->sas->next == NULL)
			sim_run(&t->sim, 100, NULL);
		t->change_at = t->n_left + (unsigned)(seed - 1) % 3;
		if (seed % 3 == 1)
			t->sim.nat_shift = 30000;
		sim_run(&t->sim, 40000, NULL);
		assert_true(t->sim.end[0].n_ike >= 2);
		assert_int_equal(t->sim.end[0].n_children, 1);
		assert_true(sim_passes(&t->sim, 0) && sim_passes(&t->sim, 1));
		assert_at(t, 30000);
		two_free(t);
	}
}

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
		cmocka_unit_test(between_any_two_messages),
		cmocka_unit_test(while_a_user_types),
		cmocka_unit_test(while_the_gateway_rekeys),
		cmocka_unit_test(while_phase_1_is_replaced),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
