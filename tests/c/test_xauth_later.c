/* XAuth after a phase 1 whose method has none, where the gateway asks by its policy: between two engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/v1/xauth.h"
#include "sim.h"

struct two {
	struct sim	  sim;
	struct ike_policy left, right;
	bool		  deaf;		/* right drops quick mode, as its user has not logged in */
	unsigned	  n_quick;	/* first messages of quick mode that left sent */
};

static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct two *t = s->tap_arg;
	struct isakmp_hdr h;

	assert_int_equal(isakmp_hdr_get(&h, span_of(data, len), NULL), 0);
	if (from != 0 || h.exchange != EXCHANGE_QUICK)
		return (true);
	t->n_quick++;
	return (!t->deaf);
}

/* Left has a login where ${user}; right, which judges logins, announces XAuth where ${announces}. Both agree on a pre-shared key. */
static struct two *
two_new(bool user, bool announces)
{
	struct two *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	sim_pair_init(&t->sim, &t->left, &t->right, "aes128-sha256-curve25519", "aes128-sha256", 5);
	t->left.n_auths = 1;
	t->left.auths[0] = t->right.auths[0] = AUTH_PSK;
	t->right.n_auths = announces ? 2 : 1;
	t->right.auths[1] = AUTH_XAUTH_INIT_PSK;
	t->right.xauth_check = true;
	if (user) {
		(void)snprintf(t->left.xauth_user, sizeof(t->left.xauth_user), "alice");
		assert_int_equal(secret_set(&t->left.xauth_password, span_str("sesame")), 0);
	}
	t->deaf = true;
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

static bool
right_is_up(struct sim *s)
{
	return (s->end[1].n_ike > 0);
}

static bool
both_have_a_child(struct sim *s)
{
	return (s->end[0].n_child > 0 && s->end[1].n_child > 0);
}

static void
connect(struct two *t, bool (*until)(struct sim *))
{
	struct fault f;

	assert_int_equal(sim_connect(&t->sim, &t->left, true, &f), 0);
	sim_run(&t->sim, 1000, until);
}

/* Right asks, or sets the status that it knows by now. */
static void
ask(struct two *t, uint64_t ms)
{
	struct ike_outbox out = {0};
	struct fault f = {0};

	assert_int_equal(v1_xauth_ask(v1_sa_of(t->sim.end[1].engine->sas), t->sim.now, &out, &f), 0);
	ike_sa_touch(t->sim.end[1].engine->sas);
	ike_engine_settle(t->sim.end[1].engine);
	sim_flush(&t->sim, 1, &out);
	sim_run(&t->sim, ms, NULL);
}

/* Right judges the login, tells left, and answers quick mode if it is right. */
static void
judge(struct two *t, bool yes)
{
	const struct ike_login l = { .verdict = yes ? IKE_LOGIN_YES : IKE_LOGIN_NO };
	const struct ike_answer a = { .login = &l };

	assert_true(sim_reply(&t->sim, 1, &a, 500));
	t->deaf = !yes;
	ask(t, 5000);
}

static void
assert_one_child(struct two *t)
{
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_int_equal(t->sim.end[1].n_children, 1);
	assert_true(sim_children_agree(&t->sim));
	assert_int_equal(t->sim.end[0].n_failed, 0);
}

static void
a_login_is_expected_and_asked_for(void **state)
{
	struct two *t = two_new(true, true);

	(void)state;
	connect(t, right_is_up);
	ask(t, 500);
	assert_int_equal(t->n_quick, 0);
	judge(t, true);
	assert_one_child(t);
	assert_string_equal(t->sim.end[0].ike.xauth_user, "alice");
	assert_string_equal(t->sim.end[0].ike.xauth_status, "ok");
	two_free(t);
}

/* The user takes longer to type than the gateway may take to ask. */
static void
the_answer_may_be_typed(void **state)
{
	const struct ike_answer typed = { .data = { (const uint8_t *)"sesame", 6 } };
	struct two *t = two_new(true, true);

	(void)state;
	secret_free(&t->left.xauth_password);
	t->left.xauth_ask = true;
	connect(t, right_is_up);
	ask(t, 3 * V1_XAUTH_EXPECT_MS);
	assert_int_equal(t->n_quick, 0);
	assert_true(sim_reply(&t->sim, 0, &typed, 500));
	judge(t, true);
	assert_one_child(t);
	two_free(t);
}

static void
a_gateway_that_does_not_ask_is_not_waited_for_long(void **state)
{
	struct two *t = two_new(true, true);
	uint64_t begun;

	(void)state;
	t->deaf = false;
	begun = t->sim.now.ms;
	connect(t, right_is_up);
	sim_run(&t->sim, 10000, both_have_a_child);
	assert_one_child(t);
	assert_in_range(t->sim.now.ms - begun, V1_XAUTH_EXPECT_MS, V1_XAUTH_EXPECT_MS + 1000);
	assert_non_null(strstr(t->sim.end[0].notes, "announced XAuth and does not ask"));
	two_free(t);
}

/* No login here, or no announcement there: nothing is waited for. */
static void
others_are_not_waited_for(void **state)
{
	struct two *t;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		t = two_new(i == 1, i == 2);
		t->deaf = false;
		connect(t, both_have_a_child);		/* within a second */
		assert_one_child(t);
		assert_null(strstr(t->sim.end[0].notes, "XAuth"));
		two_free(t);
	}
}

/* The gateway has not announced XAuth and asks: quick mode is dropped there, and begins again after the login. */
static void
a_login_that_was_not_expected(void **state)
{
	struct two *t = two_new(true, false);

	(void)state;
	connect(t, right_is_up);
	ask(t, 500);
	assert_int_equal(t->n_quick, 1);
	assert_non_null(strstr(t->sim.end[0].notes, "the gateway asks for a login first"));
	sim_run(&t->sim, 20000, NULL);
	assert_int_equal(t->n_quick, 1);	/* not sent again meanwhile */
	judge(t, true);
	assert_one_child(t);
	assert_string_equal(t->sim.end[0].ike.xauth_status, "ok");
	two_free(t);
}

static void
no_login_is_a_failure_that_says_so(void **state)
{
	struct two *t = two_new(false, true);

	(void)state;
	connect(t, right_is_up);
	ask(t, 1000);
	assert_int_equal(t->sim.end[0].n_failed, 1);
	assert_int_equal(t->sim.end[0].why.code, FAULT_AUTH_FAILED);
	assert_int_equal(t->sim.end[0].why.cause, CAUSE_NO_LOGIN);
	assert_string_equal(t->sim.end[0].why.what, "the gateway asks for XAUTH_USER_NAME, and none is configured");
	assert_int_equal(t->sim.end[0].engine->n_sas, 0);
	assert_int_equal(t->sim.end[0].n_children, 0);
	two_free(t);
}

static void
a_wrong_login_is_a_failure(void **state)
{
	struct two *t;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		t = two_new(true, i == 1);
		connect(t, right_is_up);
		ask(t, 500);
		judge(t, false);
		assert_int_equal(t->sim.end[0].n_failed, 1);
		assert_string_equal(t->sim.end[0].why.what, "the gateway rejects user alice or the password");
		assert_int_equal(t->sim.end[0].engine->n_sas, 0);
		assert_int_equal(t->sim.end[0].n_children, 0);
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
		cmocka_unit_test(a_login_is_expected_and_asked_for),
		cmocka_unit_test(the_answer_may_be_typed),
		cmocka_unit_test(a_gateway_that_does_not_ask_is_not_waited_for_long),
		cmocka_unit_test(others_are_not_waited_for),
		cmocka_unit_test(a_login_that_was_not_expected),
		cmocka_unit_test(no_login_is_a_failure_that_says_so),
		cmocka_unit_test(a_wrong_login_is_a_failure),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
