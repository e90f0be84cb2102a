/* Peers that are wanted for a while: ike_engine_want() and ike_engine_unwant(), beside what the peer itself begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "sim.h"

struct ends {
	struct ike_policy	left, right, wanted;
	struct sim		sim;
};

/* Left, which wants right under a policy of its own beside the one for whoever comes. */
static struct ends *
ends_new(uint64_t seed)
{
	struct ends *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	sim_pair_init(&t->sim, &t->left, &t->right, "aes128-sha256-modp1024", "aes128-sha256", seed);
	t->wanted = t->left;	/* which keeps the secret */
	return (t);
}

static void
ends_free(struct ends *t)
{
	sim_pair_free(&t->sim, &t->left, &t->right);
	free(t);
}

static void
want(struct ends *t)
{
	struct ike_outbox out = {0};
	struct fault f = {0};

	assert_int_equal(ike_engine_want(t->sim.end[0].engine, t->sim.now, &t->wanted, &sim_left, &sim_right, &out, &f), 0);
	sim_flush(&t->sim, 0, &out);
}

static void
unwant(struct ends *t)
{
	struct ike_outbox out = {0};

	ike_engine_unwant(t->sim.end[0].engine, t->sim.now, &t->wanted, &out);
	sim_flush(&t->sim, 0, &out);
	/* The policy may serve another peer now. */
	memset(&t->wanted, 0, sizeof(t->wanted));
	sim_run(&t->sim, 1000, NULL);
	t->wanted = t->left;
}

/* Right begins: its child SAs come up as the policy ${left} has them at left. */
static void
right_begins(struct ends *t)
{
	struct ike_outbox out = {0};
	struct fault f = {0};

	assert_int_equal(ike_engine_connect(t->sim.end[1].engine, t->sim.now, &t->right, &sim_right, &sim_left, true, NULL, &out,
	    &f), 0);
	sim_flush(&t->sim, 1, &out);
}

static void
assert_sas(const struct ends *t, size_t ike, size_t children)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ike_engine_count_ike(t->sim.end[i].engine), ike);
		assert_int_equal(ike_engine_count_children(t->sim.end[i].engine), children);
		assert_int_equal(ike_engine_has_child(t->sim.end[i].engine, i == 0 ? &sim_right.addr : &sim_left.addr),
		    children > 0);
	}
}

static void
comes_and_goes(void **state)
{
	struct ends *t = ends_new(1);

	(void)state;
	for (int i = 0; i < 3; i++) {
		want(t);
		sim_run(&t->sim, 3000, NULL);
		assert_sas(t, 1, 1);
		unwant(t);
		assert_sas(t, 0, 0);
	}
	/* A negotiation that has just begun ends too, and what the peer still sends to it changes nothing. */
	want(t);
	unwant(t);
	assert_sas(t, 0, 0);
	assert_int_equal(ike_engine_count_running(t->sim.end[0].engine), 0);
	unwant(t);	/* it is not wanted: nothing happens */
	ends_free(t);
}

static void
a_dead_peer_is_tried_again(void **state)
{
	struct ends *t = ends_new(2);

	(void)state;
	t->sim.cut = true;
	want(t);
	sim_run(&t->sim, 100000, NULL);
	assert_true(t->sim.end[0].n_failed > 0);
	assert_sas(t, 0, 0);
	t->sim.cut = false;
	sim_run(&t->sim, 100000, NULL);
	assert_sas(t, 1, 1);
	ends_free(t);
}

static void
what_the_peer_deletes_comes_back(void **state)
{
	struct ends *t = ends_new(3);
	struct ike_outbox out = {0};

	(void)state;
	t->sim.end[1].engine->conf.respond = true;
	want(t);
	sim_run(&t->sim, 3000, NULL);
	ike_engine_shutdown(t->sim.end[1].engine, t->sim.now, &out);
	t->sim.end[1].engine->conf.respond = t->sim.end[1].engine->conf.keep = true;
	sim_flush(&t->sim, 1, &out);
	sim_run(&t->sim, 500, NULL);
	assert_sas(t, 0, 0);
	sim_run(&t->sim, 5000, NULL);
	assert_sas(t, 1, 1);
	ends_free(t);
}

/* The peer has an SA, or is about to, under the policy for whoever comes: none is begun while it has. */
static void
what_the_peer_begins_is_not_begun_again(void **state)
{
	struct ends *t = ends_new(4);
	struct ike_outbox out = {0};

	(void)state;
	right_begins(t);
	sim_run(&t->sim, 3000, NULL);
	assert_sas(t, 1, 1);
	want(t);
	sim_run(&t->sim, 20000, NULL);
	assert_sas(t, 1, 1);
	/* When the peer lets it go, the one that is wanted comes. */
	ike_engine_shutdown(t->sim.end[1].engine, t->sim.now, &out);
	t->sim.end[1].engine->conf.respond = t->sim.end[1].engine->conf.keep = true;
	sim_flush(&t->sim, 1, &out);
	sim_run(&t->sim, 5000, NULL);
	assert_sas(t, 1, 1);
	assert_ptr_equal(t->sim.end[0].engine->sas->policy, &t->wanted);
	unwant(t);
	assert_sas(t, 0, 0);
	ends_free(t);
}

/* An SA that the peer began ends with the want, too. */
static void
what_the_peer_began_ends_too(void **state)
{
	struct ends *t = ends_new(5);

	(void)state;
	t->right.remote_addr = (struct selector){0};
	right_begins(t);
	sim_run(&t->sim, 3000, NULL);
	want(t);
	sim_run(&t->sim, 2000, NULL);
	t->sim.end[1].engine->conf.keep = false;	/* or it would come back at once */
	unwant(t);
	assert_sas(t, 0, 0);
	ends_free(t);
}

static bool
only_first(struct sim *s, int from, uint8_t *data, size_t len)
{
	(void)s, (void)data, (void)len;
	return (from == 0 || ++*(unsigned *)s->tap_arg == 1);
}

/* A first message may be forged: it holds up nothing for longer than a moment. */
static void
first_message(bool own)
{
	struct ends *t = ends_new(6);
	unsigned n = 0;

	t->sim.tap = only_first;
	t->sim.tap_arg = &n;
	right_begins(t);
	sim_run(&t->sim, 100, NULL);
	if (own)	/* it is under the policy for this peer */
		t->sim.end[0].engine->sas->policy = &t->wanted;
	want(t);
	assert_null(t->sim.end[0].engine->sas->next);	/* the peer's */
	t->sim.tap = NULL;
	t->sim.end[1].engine->conf.keep = false;
	sim_run(&t->sim, 700, NULL);
	assert_true(ike_engine_count_ike(t->sim.end[0].engine) >= 1);
	ends_free(t);
}

static void
a_first_message_holds_up_little(void **state)
{
	(void)state;
	first_message(false);
	first_message(true);
}

static void
both_begin_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 10; seed < 30; seed++) {
		struct ends *t = ends_new(seed);

		right_begins(t);
		want(t);
		sim_run(&t->sim, 5000, NULL);
		assert_true(sim_children_agree(&t->sim));
		assert_true(sim_passes(&t->sim, 0) && sim_passes(&t->sim, 1));
		assert_true(ike_engine_count_children(t->sim.end[0].engine) <= 2);
		ends_free(t);
	}
}

/*
 * Both begin at once, under the policies that they also answer with, as bindings make them do. Each end may see its own IKE SA
 * come last and replace the other's. The ends must not delete both: one serves on, and none has to be negotiated again.
 */
static void
one_of_two_that_cross_stays(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 160; seed++) {
		struct ends *t = ends_new(seed);
		struct ike_outbox out[2] = { {0}, {0} };
		struct fault f = {0};
		int had;

		t->sim.reorder = seed % 2 == 0 ? 0 : 60;
		assert_int_equal(ike_engine_want(t->sim.end[0].engine, t->sim.now, &t->left, &sim_left, &sim_right, &out[0], &f), 0);
		assert_int_equal(ike_engine_want(t->sim.end[1].engine, t->sim.now, &t->right, &sim_right, &sim_left, &out[1], &f), 0);
		for (int i = 0; i < 2; i++)
			sim_flush(&t->sim, i, &out[i]);
		sim_run(&t->sim, 3500, NULL);
		had = t->sim.end[0].n_ike;
		for (int i = 0; i < 150; i++) {
			sim_run(&t->sim, 100, NULL);
			assert_true(ike_engine_count_ike(t->sim.end[0].engine) > 0);
			assert_true(ike_engine_count_ike(t->sim.end[1].engine) > 0);
		}
		assert_int_equal(t->sim.end[0].n_ike, had);
		assert_sas(t, 1, ike_engine_count_children(t->sim.end[0].engine));
		assert_true(sim_children_agree(&t->sim));
		assert_true(sim_passes(&t->sim, 0) && sim_passes(&t->sim, 1));
		ends_free(t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_and_goes),
		cmocka_unit_test(a_dead_peer_is_tried_again),
		cmocka_unit_test(what_the_peer_deletes_comes_back),
		cmocka_unit_test(what_the_peer_begins_is_not_begun_again),
		cmocka_unit_test(what_the_peer_began_ends_too),
		cmocka_unit_test(a_first_message_holds_up_little),
		cmocka_unit_test(both_begin_at_once),
		cmocka_unit_test(one_of_two_that_cross_stays),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
