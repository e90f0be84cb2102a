/* The attributes payload; XAuth and mode config between two engines: what an end may not grant itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "ike/engine_priv.h"
#include "ike/v1run/exchange.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1/mode_config.h"
#include "ike/v1/sa_events.h"
#include "ike/v1/xauth_priv.h"
#include "tool/login.h"
#include "two.h"

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
	assert_true(config_is_xauth(&c, false));
}

/* --- between two engines --- */

/* A user and its gateway, not connected yet. */
static struct two *
two_make(void)
{
	return (two_alloc_auth(5, AUTH_XAUTH_INIT_PSK));
}

/* Connected as far as the question for the password. */
static struct two *
two_new(void)
{
	struct two *t = two_make();

	two_connect(t, 5000);
	assert_true(t->sim.end[1].asks);
	return (t);
}

/* The one who judges at right says so. */
static void
judge(struct two *t, const struct ike_login *l)
{
	const struct ike_answer a = { .login = l };

	assert_true(sim_reply(&t->sim, 1, &a, 5000));
}

static void
answer(struct two *t, uint8_t yes)
{
	const struct ike_login l = { .verdict = yes != 0 ? IKE_LOGIN_YES : IKE_LOGIN_NO };

	judge(t, &l);
}

/* The user at left types it. */
static void
type_in(struct two *t, const char *value)
{
	const struct ike_answer a = { .data = span_str(value) };

	assert_true(sim_reply(&t->sim, 0, &a, 5000));
}

/* What side is asked. */
static struct ike_question
question(struct two *t, int side)
{
	struct sim_end *e = &t->sim.end[side];
	struct ike_question q = {0};

	assert_true(e->asks);
	assert_true(ike_engine_question(e->engine, e->ask_id, e->ask_mid, &q));
	return (q);
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
	assert_int_equal(v1_transaction_begin(two_sa(t, 0), &v1_xauth, CONFIG_SET, wr_span(&w), t->sim.now, &out, &f), 0);
	ike_engine_settle(t->sim.end[0].engine);
	sim_flush(&t->sim, 0, &out);
	sim_run(&t->sim, 1000, NULL);
}

static void
the_right_password_lets_in(void **state)
{
	struct two *t = two_new();
	struct ike_question q = question(t, 1);

	(void)state;
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
	v1_sa_up(two_sa(t, 0), t->sim.now, &out);
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

/* A user that answers with identifier 0, whatever that of the question was. */
static int
answer_with_zero(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	(void)x;
	(void)out;
	(void)f;
	assert_int_not_equal(in->id, 0);
	memset(w->p + 2, 0, 2);
	return (0);
}

static const struct v1_transactor zero = { "zero", PHASE_XAUTH, answer_with_zero, NULL };

static const struct v1_transactor *
pick_zero(const struct v1_sa *sa, const struct config *in, struct fault *f)
{
	(void)sa;
	(void)in;
	(void)f;
	return (&zero);
}

/* Left takes the question of right by the row above, and not by its own. */
static bool
take_with_zero(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct ike_outbox out = {0};
	struct isakmp_hdr h;
	struct two *t = s->tap_arg;

	if (from == 0)
		return (true);
	assert_int_equal(isakmp_hdr_get(&h, span_of(data, len), NULL), 0);
	(void)v1_transaction_datagram(two_sa(t, 0), s->now, &h, span_of(data, len), pick_zero, &out);
	sim_flush(s, 0, &out);
	return (false);
}

static long judged = -1;	/* the identifier of the answer that arrived */

static int
judge_identifier(struct v1_exchange *x, const struct config *in, struct ike_outbox *out, struct fault *f)
{
	(void)x;
	(void)out;
	(void)f;
	judged = in->id;
	return (0);
}

/* strongSwan 5.9.8 as a user does so. */
static void
an_answer_may_have_another_identifier(void **state)
{
	static const struct v1_transactor asks = { "asks", PHASE_XAUTH, NULL, judge_identifier };
	struct two *t = two_new();
	struct ike_outbox out = {0};
	struct fault f = {0};

	(void)state;
	t->sim.tap = take_with_zero;
	t->sim.tap_arg = t;
	assert_int_equal(v1_transaction_begin(two_sa(t, 1), &asks, CONFIG_REQUEST, SPAN_NONE, t->sim.now, &out, &f), 0);
	sim_flush(&t->sim, 1, &out);
	sim_run(&t->sim, 1000, NULL);
	assert_int_equal(judged, 0);
	two_free(t);
}

/* --- rounds --- */

static const struct ike_login more = {
	.verdict = IKE_LOGIN_CHALLENGE, .message = "the code of your token", .ask = IKE_ASK_PASSCODE,
	.state_len = 3, .state = { 7, 0, 9 },
};

static void
a_challenge_is_asked_and_answered(void **state)
{
	struct two *t = two_make();
	struct ike_login yes = { .verdict = IKE_LOGIN_YES, .group = "staff" };
	struct ike_question q;

	(void)state;
	t->left.xauth_ask = true;
	two_connect(t, 5000);
	assert_int_equal(question(t, 1).round, 1);
	judge(t, &more);
	q = question(t, 0);
	assert_int_equal(q.kind, IKE_QUESTION_VALUE);
	assert_string_equal(q.name, "passcode");
	assert_string_equal(q.message, "the code of your token");
	assert_non_null(strstr(t->sim.end[0].notes, "the gateway says: the code of your token"));
	type_in(t, "424242");
	q = question(t, 1);
	assert_int_equal(q.round, 2);
	assert_true(span_eq(q.user, span_str("alice")) && span_eq(q.password, span_str("424242")));
	assert_true(span_eq(q.state, span_of(more.state, more.state_len)));
	judge(t, &yes);
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_string_equal(t->sim.end[1].ike.xauth_group, "staff");
	two_free(t);
}

static void
what_cannot_be_answered_is_named(void **state)
{
	struct two *t = two_new();

	(void)state;
	judge(t, &more);
	assert_int_equal(t->sim.end[0].why.code, FAULT_AUTH_FAILED);
	assert_int_equal(t->sim.end[0].why.cause, CAUSE_NO_LOGIN);
	assert_string_equal(t->sim.end[0].why.what, "the gateway asks for XAUTH_PASSCODE, and none is configured");
	/* the gateway was told */
	assert_non_null(strstr(t->sim.end[1].why.what, "user alice is rejected"));
	assert_int_equal(t->sim.end[0].n_children + t->sim.end[1].n_children, 0);
	two_free(t);
}

static void
nobody_answers(void **state)
{
	const struct ike_answer no = { .no = true };
	struct two *t = two_make();

	(void)state;
	t->left.xauth_ask = true;
	two_connect(t, 5000);
	judge(t, &more);
	assert_true(sim_reply(&t->sim, 0, &no, 5000));
	assert_string_equal(t->sim.end[0].why.what, "the gateway asks for XAUTH_PASSCODE, and nobody answers");
	assert_int_equal(t->sim.end[1].engine->n_sas, 0);
	two_free(t);
}

/* The same password again may lock the account. */
static void
the_password_is_sent_once(void **state)
{
	struct ike_login again = more;
	struct two *t = two_new();

	(void)state;
	again.ask = IKE_ASK_PASSWORD;
	judge(t, &again);
	assert_string_equal(t->sim.end[0].why.what,
	    "the gateway asks for XAUTH_USER_PASSWORD, again, and there is no other answer");
	assert_false(t->sim.end[1].asks);
	two_free(t);
}

static void
rounds_are_bounded(void **state)
{
	struct two *t = two_make();
	unsigned i;

	(void)state;
	t->left.xauth_ask = true;
	two_connect(t, 5000);
	judge(t, &more);
	for (i = 1; i < 2 * V1_XAUTH_ROUNDS_MAX && t->sim.end[0].asks; i++) {
		type_in(t, "1");
		judge(t, &more);
	}
	assert_int_equal(i, V1_XAUTH_ROUNDS_MAX);
	assert_int_equal(t->sim.end[1].engine->n_sas, 0);
	assert_int_equal(t->sim.end[0].n_children, 0);
	two_free(t);
}

static void
chap_sends_no_password(void **state)
{
	struct two *t = two_make();
	uint8_t want[1 + IKE_CHAP_LEN];
	struct ike_question q;
	struct fault f;

	(void)state;
	t->right.xauth_chap = true;
	two_connect(t, 5000);
	q = question(t, 1);
	assert_int_equal(q.password.len, 0);
	assert_int_equal(q.challenge.len, IKE_CHAP_LEN);
	assert_int_equal(q.chap.len, 1 + IKE_CHAP_LEN);
	assert_int_equal(v1_xauth_chap(want, q.chap.p[0], span_str("sesame"), q.challenge, &f), 0);
	assert_true(span_eq(q.chap, SPAN_ARRAY(want)));
	answer(t, 1);
	assert_int_equal(t->sim.end[0].n_children, 1);
	two_free(t);
}

/* RFC 1994's formula, computed with another program: printf '\1sesame0123456789abcdef' | md5sum */
static void
chap_is_that_of_ppp(void **state)
{
	uint8_t got[1 + IKE_CHAP_LEN], want[1 + IKE_CHAP_LEN];
	struct fault f;

	(void)state;
	assert_int_equal(hex_get(want, sizeof(want), "0101dfa58b9f6f3f731e22139e78c2d50f"), (long)sizeof(want));
	assert_int_equal(v1_xauth_chap(got, 1, span_str("sesame"), span_str("0123456789abcdef"), &f), 0);
	assert_memory_equal(got, want, sizeof(want));
}

/* Right sends a REQUEST of its own making in place of its first. */
static void
request(struct two *t, struct wr *w)
{
	struct ike_outbox out = {0};
	struct fault f;

	assert_int_equal(v1_transaction_begin(two_sa(t, 1), &v1_xauth, CONFIG_REQUEST, wr_span(w), t->sim.now, &out, &f), 0);
	ike_engine_settle(t->sim.end[1].engine);
	sim_flush(&t->sim, 1, &out);
	sim_run(&t->sim, 1000, NULL);
}

static void
one_time_passwords_show_the_challenge(void **state)
{
	struct two *t = two_make();
	uint8_t b[128];
	struct wr w = wr_of(b, sizeof(b));
	struct ike_question q;

	(void)state;
	t->left.xauth_ask = true;
	two_connect(t, 5000);
	isakmp_attr_put(&w, CONFIG_XAUTH_TYPE, XAUTH_OTP);
	isakmp_attr_put_bytes(&w, CONFIG_XAUTH_CHALLENGE, span_str("otp-md5 487 dog2\x1b[2J"));
	isakmp_attr_put_bytes(&w, CONFIG_XAUTH_PASSWORD, SPAN_NONE);
	request(t, &w);
	q = question(t, 0);
	assert_string_equal(q.type, "otp");
	assert_string_equal(q.name, "password");
	assert_string_equal(q.text, "otp-md5 487 dog2?[2J");
	two_free(t);
}

static void
unknown_types_are_named(void **state)
{
	struct two *t = two_new();
	uint8_t b[32];
	struct wr w = wr_of(b, sizeof(b));

	(void)state;
	isakmp_attr_put(&w, CONFIG_XAUTH_TYPE, 9);
	isakmp_attr_put_bytes(&w, CONFIG_XAUTH_PASSWORD, SPAN_NONE);
	request(t, &w);
	assert_string_equal(t->sim.end[0].why.what, "the gateway asks for XAuth type 9, which is unknown");
	two_free(t);
}

/* --- Check Point's numbers --- */

static void
check_point_numbers_both_ways(void **state)
{
	struct two *t = two_make();
	struct ike_question q;

	(void)state;
	t->left.xauth_ask = true;
	two_connect(t, 5000);
	two_sa(t, 1)->login.xauth->check_point = true;
	judge(t, &more);
	q = question(t, 0);
	assert_string_equal(q.name, "passcode");
	assert_string_equal(q.message, "the code of your token");
	type_in(t, "1234");
	assert_true(two_sa(t, 0)->login.xauth->check_point);
	q = question(t, 1);
	assert_true(span_eq(q.password, span_str("1234")));
	answer(t, 1);
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_int_equal(t->sim.end[1].n_children, 1);
	two_free(t);
}

static void
check_point_numbers(void **state)
{
	(void)state;
	assert_int_equal(config_xauth_number(13), CONFIG_XAUTH_TYPE);
	assert_int_equal(config_xauth_number(17), CONFIG_XAUTH_MESSAGE);
	assert_int_equal(config_xauth_number(20), CONFIG_XAUTH_STATUS);
	assert_int_equal(config_xauth_number(21), 21);
	assert_int_equal(config_check_point_number(CONFIG_XAUTH_PASSWORD), 15);
	assert_int_equal(config_check_point_number(CONFIG_XAUTH_NEXT_PIN), 0);
}

/* --- hostile names --- */

/* CVE-2013-5018's class: a name that looks like DER with lengths that are wrong. It is bytes, and nothing parses it. */
static void
names_are_bytes(void **state)
{
	static const char *const names[] = {
		"30", "3082ffff", "3084ffffffff0101", "308080","30820101310b30090603550406", "1b5b324a", "0a0d", "ff",
	};
	uint8_t name[32];
	struct ike_question q;
	struct two *t;
	size_t i;
	size_t n;
	long got;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		t = two_make();
		got = hex_get(name, sizeof(name), names[i]);
		n = got > 0 ? (size_t)got : 0;
		assert_true(n > 0 && memchr(name, 0, n) == NULL);
		memcpy(t->left.xauth_user, name, n);
		t->left.xauth_user[n] = '\0';
		two_connect(t, 5000);
		q = question(t, 1);
		assert_true(span_eq(q.user, span_of(name, n)));
		answer(t, 1);
		assert_int_equal(t->sim.end[1].n_children, 1);
		assert_null(strchr(t->sim.end[1].ike.xauth_user, 0x1b));
		two_free(t);
	}
}

/* Names and passwords that a helper could not tell from others are not handed to it. */
static void
names_with_a_nul_are_rejected(void **state)
{
	struct two *t = two_make();

	(void)state;
	assert_int_equal(secret_set(&t->left.xauth_password, span_of((const uint8_t *)"se\0same", 7)), 0);
	two_connect(t, 5000);
	assert_false(t->sim.end[1].asks);
	assert_int_equal(t->sim.end[1].engine->n_sas, 0);
	assert_non_null(strstr(t->sim.end[1].why.what, "user alice is rejected"));
	two_free(t);
}

/* --- what a helper prints --- */

static void
output_of_a_helper(void **state)
{
	static const struct { uint8_t status; const char *out; enum ike_login_verdict verdict; bool odd; } rows[] = {
		{ 0, "", IKE_LOGIN_YES, false }, { 1, "", IKE_LOGIN_NO, false }, { 111, "group=a\n", IKE_LOGIN_NO, false },
		{ 0, "hello\nworld=1\n=\n", IKE_LOGIN_YES, false },
		{ 0, "group=staff\naddress=10.3.0.9", IKE_LOGIN_YES, false },
		{ 0, "group=a b\n", IKE_LOGIN_NO, true }, { 0, "group=\n", IKE_LOGIN_NO, true },
		{ 0, "group=../$(reboot)\n", IKE_LOGIN_NO, true }, { 0, "address=10.3.0\n", IKE_LOGIN_NO, true },
		{ LOGIN_CHALLENGE, "state=0g\n", IKE_LOGIN_NO, true }, { LOGIN_CHALLENGE, "ask=pin\n", IKE_LOGIN_NO, true },
		{ LOGIN_CHALLENGE, "state=0700\nask=next-pin\nmessage=new PIN", IKE_LOGIN_CHALLENGE, false },
	};
	struct login_answer a;
	char big[4096];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		a = (struct login_answer){ .status = rows[i].status };
		login_parse(&a, rows[i].out);
		assert_int_equal(a.login.verdict, rows[i].verdict);
		assert_int_equal(a.odd[0] != '\0', rows[i].odd);
	}
	assert_int_equal(a.login.ask, IKE_ASK_NEXT_PIN);
	assert_int_equal(a.login.state_len, 2);
	assert_string_equal(a.login.message, "new PIN");
	memset(big, 'a', sizeof(big));
	memcpy(big, "message=", 8);
	big[sizeof(big) - 1] = '\0';
	a = (struct login_answer){0};
	login_parse(&a, big);
	assert_int_equal(a.login.verdict, IKE_LOGIN_NO);
}

/* --- values of the gateway --- */

static void
texts_of_the_gateway_are_printable(void **state)
{
	struct two *t = two_new();
	struct v1_exchange x = { .sa = two_sa(t, 0) };
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
	assert_string_equal(x.sa->ike.config->settings->banner, "hello\nthere?[2J?");
	assert_string_equal(x.sa->ike.config->settings->domain, "a?b");
	assert_int_equal(x.sa->ike.config->settings->n_split, 1);
	assert_int_equal(selector_prefix(&x.sa->ike.config->settings->split[0]), 16);
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
		cmocka_unit_test(an_answer_may_have_another_identifier),
		cmocka_unit_test(a_challenge_is_asked_and_answered),
		cmocka_unit_test(what_cannot_be_answered_is_named),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(the_password_is_sent_once),
		cmocka_unit_test(rounds_are_bounded),
		cmocka_unit_test(chap_sends_no_password),
		cmocka_unit_test(chap_is_that_of_ppp),
		cmocka_unit_test(one_time_passwords_show_the_challenge),
		cmocka_unit_test(unknown_types_are_named),
		cmocka_unit_test(check_point_numbers),
		cmocka_unit_test(check_point_numbers_both_ways),
		CLASS("A14: user names of XAuth that look like ASN.1 are bytes", names_are_bytes),
		cmocka_unit_test(names_with_a_nul_are_rejected),
		cmocka_unit_test(output_of_a_helper),
		CLASS("A16: a user of XAuth grants itself nothing", a_user_grants_itself_nothing),
		CLASS("A16: no quick mode before the password was judged", a_user_does_not_go_ahead),
		CLASS("A23: texts of the gateway are printable, networks are networks", texts_of_the_gateway_are_printable),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
