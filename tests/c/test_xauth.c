/* The attributes payload; XAuth and mode config between two engines: what an end may not grant itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "ike/engine_priv.h"
#include "ike/v1/exchange.h"
#include "ike/v1/ike_sa.h"
#include "ike/v1/mode_config.h"
#include "ike/v1/sa_events.h"
#include "ike/v1/xauth.h"
#include "sim.h"

/* --- attributes --- */

static void
attributes_that_are_none(void **state)
{
	static const struct { const char *hex; enum fault_code code; } t[] = {
		{ "", FAULT_MALFORMED }, { "010000", FAULT_MALFORMED },		/* no head */
		{ "0100000000", FAULT_MALFORMED }, { "01000000000100", FAULT_MALFORMED },
		{ "0100000000010001", FAULT_MALFORMED },		/* a byte is missing */
		{ "010000000001ffff00", FAULT_MALFORMED },
	};
	uint8_t b[4 + 4 * (CONFIG_ATTRS_MAX + 1)] = { CONFIG_REQUEST };
	struct config c;
	struct fault f;
	long n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		n = hex_get(b, sizeof(b), t[i].hex);
		assert_true(n >= 0);
		f = (struct fault){0};
		assert_int_equal(config_get(&c, span_of(b, (size_t)n), &f), -1);
		assert_int_equal(f.code, t[i].code);
	}
	memset(b, 0, sizeof(b));
	assert_int_equal(config_get(&c, span_of(b, sizeof(b) - 4), &f), 0);
	assert_int_equal(config_get(&c, SPAN_ARRAY(b), &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
}

static void
attributes_of_both_forms(void **state)
{
	uint8_t b[64];
	struct wr w = wr_of(b, sizeof(b));
	struct isakmp_attr a;
	struct config c;

	(void)state;
	config_begin(&w, CONFIG_SET, 0x1234);
	isakmp_attr_put(&w, CONFIG_XAUTH_STATUS, XAUTH_OK);
	isakmp_attr_put_bytes(&w, CONFIG_IP4_ADDRESS, span_str("\x0a\x03\x01\x02"));
	isakmp_attr_put_bytes(&w, CONFIG_IP4_DNS, SPAN_NONE);
	assert_int_equal(config_get(&c, wr_span(&w), NULL), 0);
	assert_int_equal(c.type, CONFIG_SET);
	assert_int_equal(c.id, 0x1234);
	assert_true(config_find(&c, CONFIG_XAUTH_STATUS, &a) && a.basic && a.value == XAUTH_OK);
	assert_true(config_find(&c, CONFIG_IP4_ADDRESS, &a) && !a.basic && a.value == 0x0a030102);
	assert_true(config_find(&c, CONFIG_IP4_DNS, &a) && a.bytes.len == 0);
	assert_false(config_find(&c, CONFIG_IP4_NBNS, &a));
	assert_true(config_is_xauth(&c));
}

/* --- between two engines --- */

struct two {
	struct sim	  sim;
	struct ike_policy left, right;
};

/* A user and its gateway, connected as far as the question for the password. */
static struct two *
two_new(void)
{
	struct two *t = calloc(1, sizeof(*t));
	struct fault f;

	assert_non_null(t);
	sim_pair_init(&t->sim, &t->left, &t->right, "aes128-sha256-curve25519", "aes128-sha256", 5);
	t->left.n_auths = t->right.n_auths = 1;
	t->left.auths[0] = t->right.auths[0] = AUTH_XAUTH_INIT_PSK;
	(void)snprintf(t->left.xauth_user, sizeof(t->left.xauth_user), "alice");
	assert_int_equal(secret_set(&t->left.xauth_password, span_str("sesame")), 0);
	t->right.xauth_check = true;
	assert_int_equal(sim_connect(&t->sim, &t->left, true, &f), 0);
	sim_run(&t->sim, 5000, NULL);
	assert_true(t->sim.end[1].asks);
	return (t);
}

static void
two_free(struct two *t)
{
	sim_pair_free(&t->sim, &t->left, &t->right);
	free(t);
}

static struct v1_sa *
sa_of(struct two *t, int side)
{
	struct v1_sa *sa = v1_sa_of(t->sim.end[side].engine->sas);

	assert_non_null(sa);
	return (sa);
}

static void
answer(struct two *t, uint8_t yes)
{
	struct sim_end *e = &t->sim.end[1];
	struct ike_outbox out = {0};
	const struct ike_answer a = { .data = span_of(&yes, 1) };

	e->asks = false;
	assert_true(ike_engine_answer(e->engine, t->sim.now, e->ask_id, e->ask_mid, &a, &out));
	sim_flush(&t->sim, 1, &out);
	sim_run(&t->sim, 5000, NULL);
}

/* Left sends the SET of a gateway. */
static void
set_status(struct two *t, uint32_t status)
{
	struct ike_outbox out = {0};
	uint8_t b[16];
	struct wr w = wr_of(b, sizeof(b));
	struct fault f;

	isakmp_attr_put(&w, CONFIG_XAUTH_STATUS, status);
	assert_int_equal(v1_transaction_begin(sa_of(t, 0), &v1_xauth, CONFIG_SET, wr_span(&w), t->sim.now, &out, &f), 0);
	ike_engine_settle(t->sim.end[0].engine);
	sim_flush(&t->sim, 0, &out);
	sim_run(&t->sim, 1000, NULL);
}

static void
the_right_password_lets_in(void **state)
{
	struct two *t = two_new();
	struct ike_question q;

	(void)state;
	assert_true(v1_xauth_question(sa_of(t, 1), &q));
	assert_true(span_eq(q.user, span_str("alice")) && span_eq(q.password, span_str("sesame")));
	assert_int_equal(t->sim.end[0].n_children + t->sim.end[1].n_children, 0);
	answer(t, 1);
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_int_equal(t->sim.end[1].n_children, 1);
	assert_true(sim_children_agree(&t->sim));
	assert_string_equal(t->sim.end[1].ike.xauth_user, "alice");
	assert_string_equal(t->sim.end[1].ike.xauth_status, "ok");
	two_free(t);
}

static void
the_wrong_password_does_not(void **state)
{
	struct two *t = two_new();

	(void)state;
	answer(t, 0);
	assert_int_equal(t->sim.end[0].n_children + t->sim.end[1].n_children, 0);
	assert_int_equal(t->sim.end[1].engine->n_sas, 0);
	assert_int_equal(t->sim.end[0].why.code, FAULT_AUTH_FAILED);
	two_free(t);
}

/* CVE-2015-8023's class: the user's own SET says that it may come in. */
static void
a_user_grants_itself_nothing(void **state)
{
	struct two *t = two_new();

	(void)state;
	set_status(t, XAUTH_OK);
	assert_int_equal(t->sim.end[1].why.code, FAULT_PROTOCOL);
	assert_non_null(strstr(t->sim.end[1].why.what, "the user sends a status of XAuth"));
	assert_int_equal(t->sim.end[1].engine->n_sas, 0);
	assert_int_equal(t->sim.end[1].n_ike, 0);
	assert_int_equal(t->sim.end[1].n_children, 0);
	two_free(t);
}

/* A user that goes on as if it were in, before its password was judged. */
static void
a_user_does_not_go_ahead(void **state)
{
	struct two *t = two_new();
	struct ike_outbox out = {0};

	(void)state;
	v1_sa_up(sa_of(t, 0), t->sim.now, &out);
	ike_engine_settle(t->sim.end[0].engine);
	sim_flush(&t->sim, 0, &out);
	sim_run(&t->sim, 1000, NULL);
	assert_non_null(strstr(t->sim.end[1].notes, "quick mode before the end of XAuth"));
	assert_int_equal(t->sim.end[1].n_children, 0);
	answer(t, 0);
	assert_int_equal(t->sim.end[1].n_children, 0);
	assert_int_equal(t->sim.end[1].engine->n_sas, 0);
	two_free(t);
}

/* --- values of the gateway --- */

static void
texts_of_the_gateway_are_printable(void **state)
{
	struct two *t = two_new();
	struct v1_exchange x = { .sa = sa_of(t, 0) };
	struct ike_outbox out = {0};
	uint8_t b[256];
	struct wr w = wr_of(b, sizeof(b));
	struct config c;
	struct fault f = {0};

	(void)state;
	config_begin(&w, CONFIG_REPLY, 1);
	isakmp_attr_put_bytes(&w, CONFIG_IP4_ADDRESS, span_str("\x0a\x03\x01\x02"));
	isakmp_attr_put_bytes(&w, CONFIG_UNITY_BANNER, span_str("hello\nthere\x1b[2J\x7f"));
	isakmp_attr_put_bytes(&w, CONFIG_UNITY_DEF_DOMAIN, span_str("a\tb"));
	/* 10.9.9.9 under a mask of 255.0.255.0, which is none; then 10.2.0.5/16. */
	isakmp_attr_put_bytes(&w, CONFIG_UNITY_SPLIT_INCLUDE, span_of((const uint8_t[]){ 10, 9, 9, 9, 255, 0, 255, 0,
	    0, 0, 0, 0, 0, 0, 10, 2, 0, 5, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0 }, 28));
	assert_int_equal(config_get(&c, wr_span(&w), &f), 0);
	assert_int_equal(v1_mode_config.judge(&x, &c, &out, &f), 0);
	assert_string_equal(x.sa->ike.config->banner, "hello\nthere?[2J?");
	assert_string_equal(x.sa->ike.config->domain, "a?b");
	assert_int_equal(x.sa->ike.config->n_split, 1);
	assert_int_equal(selector_prefix(&x.sa->ike.config->split[0]), 16);
	outbox_free(&out);
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
		cmocka_unit_test(attributes_that_are_none),
		cmocka_unit_test(attributes_of_both_forms),
		cmocka_unit_test(the_right_password_lets_in),
		cmocka_unit_test(the_wrong_password_does_not),
		CLASS("A16: a user of XAuth grants itself nothing", a_user_grants_itself_nothing),
		CLASS("A16: no quick mode before the password was judged", a_user_does_not_go_ahead),
		CLASS("A23: texts of the gateway are printable, networks are networks", texts_of_the_gateway_are_printable),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
