/* What is said of failures, and of bounds that an authentic peer meets: two engines in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/v1/ike_sa.h"
#include "ike/version.h"
#include "sim.h"
#include "wire/isakmp.h"

struct pair {
	struct ike_policy	left, right;
	struct sim		sim;
};

static struct pair *
pair_new(uint64_t seed)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)secret_init();
	sim_policies(&p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256");
	p->left.n_local_ts = p->left.n_remote_ts = 1;
	p->right.n_local_ts = p->right.n_remote_ts = 1;
	assert_int_equal(selector_parse(&p->left.local_ts[0], "10.1.0.0/16"), 0);
	assert_int_equal(selector_parse(&p->left.remote_ts[0], "10.2.0.0/24"), 0);
	p->right.local_ts[0] = p->left.remote_ts[0];
	p->right.remote_ts[0] = p->left.local_ts[0];
	sim_init(&p->sim, &p->left, &p->right, seed);
	p->sim.tap_arg = p;
	return (p);
}

static void
pair_free(struct pair *p)
{
	sim_free(&p->sim);
	ike_policy_wipe(&p->left);
	ike_policy_wipe(&p->right);
	free(p);
}

/* Phase 1 alone. */
static void
phase1(struct pair *p)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, false, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&p->sim, 1000, NULL);
	assert_int_equal(p->sim.end[0].n_ike, 1);
	assert_int_equal(p->sim.end[1].n_ike, 1);
}

/* Left begins a quick mode for the ${n}th address of its network. */
static void
begin_child(struct pair *p, unsigned n)
{
	struct ike_sa *sa = p->sim.end[0].engine->sas;
	struct ike_outbox out = {0};
	struct selector own;
	char text[32];
	struct fault f;

	(void)snprintf(text, sizeof(text), "10.1.%u.%u", n / 250, n % 250);
	assert_int_equal(selector_parse(&own, text), 0);
	assert_int_equal(sa->version->child_begin(sa, p->sim.now, &p->left, &own,
	    &p->left.remote_ts[0], NULL, &out, &f), 0);
	ike_sa_touch(sa);
	ike_engine_settle(p->sim.end[0].engine);
	sim_flush(&p->sim, 0, &out);
}

/* --- bounds that an authentic peer meets --- */

static void
many_children_one_after_another(void **state)
{
	struct pair *p = pair_new(1);
	uint64_t begun;
	unsigned i;

	(void)state;
	phase1(p);
	begun = p->sim.now.ms;
	for (i = 0; i < 100; i++) {
		begin_child(p, i);
		sim_run(&p->sim, 10, NULL);
		assert_int_equal(p->sim.end[0].n_child, i + 1);
	}
	assert_true(p->sim.now.ms - begun < 2000);
	assert_int_equal(p->sim.end[1].n_child, 100);
	assert_true(sim_children_agree(&p->sim));
	pair_free(p);
}

static void
many_children_at_once(void **state)
{
	struct pair *p = pair_new(2);
	unsigned i;

	(void)state;
	phase1(p);
	for (i = 0; i < 100; i++)
		begin_child(p, i);
	sim_run(&p->sim, 400, NULL);
	assert_int_equal(p->sim.end[0].n_child, 100);
	assert_int_equal(p->sim.end[1].n_child, 100);
	assert_true(sim_children_agree(&p->sim));
	pair_free(p);
}

/* Left's third messages of quick mode are lost. */
static bool
lose_third(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct isakmp_hdr h;
	struct fault f;

	(void)s;
	return (from != 0 || isakmp_hdr_get(&h, span_of(data, len), &f) != 0 ||
	    h.exchange != EXCHANGE_QUICK || len > 100);
}

static void
unfinished_children_have_a_bound_that_is_told(void **state)
{
	struct pair *p = pair_new(3);
	const struct sim_end *right = &p->sim.end[1];
	unsigned i;

	(void)state;
	phase1(p);
	p->sim.tap = lose_third;
	for (i = 0; i < V1_QUICK_RUNNING_MAX; i++) {
		begin_child(p, i);
		sim_run(&p->sim, 1, NULL);
	}
	assert_int_equal(right->n_failed, 0);
	begin_child(p, i);
	sim_run(&p->sim, 3, NULL);
	assert_int_equal(right->n_failed, 1);
	assert_int_equal(right->why.phase, PHASE_QUICK);
	assert_int_equal(right->why.evidence, EVIDENCE_PROVEN);
	assert_non_null(strstr(right->why.what, "256 quick modes"));
	assert_non_null(strstr(right->why.where, "192.0.2.1"));
	/* The newcomer was accepted; the one that ended was deleted at both ends. */
	assert_int_equal(right->n_children, V1_QUICK_RUNNING_MAX);
	assert_int_equal(p->sim.end[0].n_children, V1_QUICK_RUNNING_MAX);
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_children_one_after_another),
		cmocka_unit_test(many_children_at_once),
		cmocka_unit_test(unfinished_children_have_a_bound_that_is_told),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
