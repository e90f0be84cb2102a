/*
 * Exchanges of one IKE SA at the same time: transactions, quick modes and informational exchanges that cross, over a net that
 * loses, repeats and reorders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/v1/mode_config.h"
#include "ike/v1/xauth.h"
#include "ike/v1run/exchange.h"
#include "two.h"

#define NETS	6

static void
connect(struct two *t)
{
	struct fault f;

	assert_int_equal(sim_connect(&t->sim, &t->left, true, &f), 0);
}

static void
reply(struct two *t, int side, const struct ike_answer *a)
{
	struct sim_end *e = &t->sim.end[side];
	struct ike_outbox out = {0};

	e->asks = false;
	(void)ike_engine_answer(e->engine, t->sim.now, e->ask_id, e->ask_mid, a, &out);
	sim_flush(&t->sim, side, &out);
}

static void
judge(struct two *t, enum ike_login_verdict verdict)
{
	const struct ike_login l = { .verdict = verdict, .message = "more", .ask = IKE_ASK_PASSCODE };
	const struct ike_answer a = { .login = &l };

	reply(t, 1, &a);
}

/* ${side} begins a transaction of ${type} with the attributes in ${w}. */
static void
transact(struct two *t, int side, const struct v1_transactor *how, uint8_t type, const struct wr *w)
{
	struct ike_outbox out = {0};
	struct fault f;

	assert_int_equal(v1_transaction_begin(two_sa(t, side), how, type, wr_span(w), t->sim.now, &out, &f), 0);
	ike_sa_touch(&two_sa(t, side)->ike);
	ike_engine_settle(t->sim.end[side].engine);
	sim_flush(&t->sim, side, &out);
}

/* A gateway that pushes single values, later than its first SET. */
static int
judge_nothing(struct v1_exchange *x, const struct config *in, struct ike_outbox *out, struct fault *f)
{
	(void)x, (void)out, (void)f;
	assert_int_equal(in->type, CONFIG_ACK);
	return (0);
}

static const struct v1_transactor pushes = { "push", PHASE_CONFIG, NULL, judge_nothing };

static void
push_banner(struct two *t, const char *text)
{
	uint8_t b[64];
	struct wr w = wr_of(b, sizeof(b));

	isakmp_attr_put_bytes(&w, CONFIG_UNITY_BANNER, span_str(text));
	transact(t, 1, &pushes, CONFIG_SET, &w);
}

static bool
asks(struct sim *s)
{
	return (s->end[0].asks || s->end[1].asks);
}

/* The networks of both ends: left, a client of mode config, has a quick mode for each of right's. */
static void
six_networks(struct two *t)
{
	const struct selector pool = { .first = { 4, { 10, 9, 0, 1 }, 0 }, .last = { 4, { 10, 9, 0, 6 }, 0 } };
	char text[32];
	size_t i;

	t->left.mode_config = true;
	t->left.n_local_ts = t->right.n_remote_ts = 0;
	t->left.n_remote_ts = t->right.n_local_ts = NETS;
	for (i = 0; i < NETS; i++) {
		(void)snprintf(text, sizeof(text), "10.2.%zu.0/24", i);
		assert_int_equal(selector_parse(&t->left.remote_ts[i], text), 0);
		t->right.local_ts[i] = t->left.remote_ts[i];
	}
	t->right.pool = pool_new(&pool, NULL);
	t->right.give = ike_settings_new();
	assert_true(t->right.pool != NULL && t->right.give != NULL);
}

/* A login in two rounds, mode config, six quick modes at once, DPD of both ends, and values pushed in between. */
static void
all_at_once_over_a_bad_net(void **state)
{
	uint32_t in_use, all;
	uint64_t seed;
	struct two *t;
	int i;

	(void)state;
	for (seed = 1; seed <= 12; seed++) {
		t = two_alloc_auth(seed, AUTH_XAUTH_INIT_PSK);
		six_networks(t);
		t->left.xauth_ask = true;
		t->left.dpd_seconds = t->right.dpd_seconds = 1;
		t->left.dpd_tries = t->right.dpd_tries = 30;
		t->sim.loss = 20;
		t->sim.dup = 20;
		t->sim.reorder = 30;
		connect(t);
		for (i = 0; i < 3; i++) {
			sim_run(&t->sim, 60000, asks);
			if (i == 0)
				judge(t, IKE_LOGIN_CHALLENGE);
			else if (i == 1)
				reply(t, 0, &(const struct ike_answer){ .data = span_str("1234") });
			else
				judge(t, IKE_LOGIN_YES);
		}
		/* While the quick modes run: */
		for (i = 0; i < 20 && t->sim.end[0].n_children < NETS; i++) {
			if (t->sim.end[1].n_ike > 0 && i % 4 == 1)
				push_banner(t, i % 8 == 1 ? "welcome" : "welcome again");
			sim_run(&t->sim, 200, NULL);
		}
		sim_run(&t->sim, 60000, NULL);
		if (t->sim.end[0].n_children != NETS || t->sim.end[1].n_children != NETS || t->sim.end[0].n_failed != 0)
			fail_msg("seed %llu: %zu and %zu children, %d failed: %s\n%s", (unsigned long long)seed,
			    t->sim.end[0].n_children, t->sim.end[1].n_children, t->sim.end[0].n_failed, t->sim.end[0].why.what,
			    t->sim.end[0].notes);
		assert_true(sim_children_agree(&t->sim));
		assert_int_equal(t->sim.end[0].n_gone + t->sim.end[1].n_gone, 0);
		pool_count(t->right.pool, &in_use, &all);
		assert_int_equal(in_use, 1);
		two_free(t);
	}
}

/* A SET that comes between the messages of quick modes disturbs neither: each has IVs of its own. */
static void
a_push_between_quick_modes(void **state)
{
	struct two *t = two_alloc_auth(5, AUTH_PSK);
	int i;

	(void)state;
	six_networks(t);
	connect(t);
	for (i = 0; i < 1000 && t->sim.end[0].n_ike == 0; i++)
		sim_run(&t->sim, 1, NULL);
	push_banner(t, "between");
	push_banner(t, "and another one at the same time");
	sim_run(&t->sim, 2000, NULL);
	assert_int_equal(t->sim.end[0].n_children, NETS);
	assert_true(sim_children_agree(&t->sim));
	assert_string_equal(two_sa(t, 0)->ike.config->settings->banner, "and another one at the same time");
	assert_null(strstr(t->sim.end[1].notes, "mode config, message 1 (asks)"));
	two_free(t);
}

static size_t
open_transactions(struct two *t, int side)
{
	const struct v1_exchange *x = two_sa(t, side)->exchanges;
	size_t n = 0;

	for (; x != NULL; x = x->next)
		n += v1_is_transaction(x) && !x->over;
	return (n);
}

static void
ask_for_password(struct two *t, const char *message)
{
	uint8_t b[128];
	struct wr w = wr_of(b, sizeof(b));

	isakmp_attr_put(&w, CONFIG_XAUTH_TYPE, XAUTH_GENERIC);
	isakmp_attr_put_bytes(&w, CONFIG_XAUTH_MESSAGE, span_str(message));
	isakmp_attr_put_bytes(&w, CONFIG_XAUTH_USER, SPAN_NONE);
	isakmp_attr_put_bytes(&w, CONFIG_XAUTH_PASSCODE, SPAN_NONE);
	transact(t, 1, &v1_xauth, CONFIG_REQUEST, &w);
	sim_run(&t->sim, 100, NULL);
}

/* The user types; the gateway asks again, and a thousand times: the user is asked once, and the first question is answered. */
static void
one_question_at_a_time(void **state)
{
	struct two *t = two_alloc_auth(5, AUTH_XAUTH_INIT_PSK);
	uint32_t mid;
	int i;

	(void)state;
	secret_free(&t->left.xauth_password);
	t->left.xauth_ask = true;
	connect(t);
	sim_run(&t->sim, 400, asks);
	assert_true(t->sim.end[0].asks);
	t->sim.end[0].asks = false;
	mid = t->sim.end[0].ask_mid;
	ask_for_password(t, "second");
	assert_false(t->sim.end[0].asks);
	assert_int_equal(open_transactions(t, 0), 1);
	assert_non_null(strstr(t->sim.end[0].notes, "the peer asks again before its last question is answered"));
	for (i = 0; i < 200; i++)
		ask_for_password(t, "flood");
	assert_int_equal(open_transactions(t, 0), 1);
	assert_false(t->sim.end[0].asks);
	/* The answer goes to the first one. */
	assert_int_equal(t->sim.end[0].ask_mid, mid);
	reply(t, 0, &(const struct ike_answer){ .data = span_str("sesame") });
	assert_int_equal(open_transactions(t, 0), 0);
	sim_run(&t->sim, 500, NULL);
	assert_true(t->sim.end[1].asks);
	two_free(t);
}

/* The gateway gives up while the user types: its status counts, and no answer is sent any more. */
static void
a_status_ends_an_open_question(void **state)
{
	struct two *t = two_alloc_auth(5, AUTH_XAUTH_INIT_PSK);
	uint8_t b[16];
	struct wr w = wr_of(b, sizeof(b));

	(void)state;
	secret_free(&t->left.xauth_password);
	t->left.xauth_ask = true;
	connect(t);
	sim_run(&t->sim, 400, asks);
	assert_true(t->sim.end[0].asks);
	isakmp_attr_put(&w, CONFIG_XAUTH_STATUS, XAUTH_FAIL);
	transact(t, 1, &v1_xauth, CONFIG_SET, &w);
	sim_run(&t->sim, 500, NULL);
	assert_int_equal(t->sim.end[0].n_failed, 1);
	assert_int_equal(t->sim.end[0].why.code, FAULT_AUTH_FAILED);
	assert_int_equal(t->sim.end[0].engine->n_sas, 0);
	reply(t, 0, &(const struct ike_answer){ .data = span_str("sesame") });
	sim_run(&t->sim, 500, NULL);
	assert_false(t->sim.end[1].asks);
	two_free(t);
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
		cmocka_unit_test(all_at_once_over_a_bad_net),
		cmocka_unit_test(a_push_between_quick_modes),
		cmocka_unit_test(a_status_ends_an_open_question),
		CLASS("A16: a gateway has one question open at a time", one_question_at_a_time),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
