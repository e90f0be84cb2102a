/* Unity's load balancing between two engines: which redirects a client follows, and what a gateway sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"
#include "ike/v1run/redirect.h"
#include "sim.h"

struct two {
	struct sim	  sim;
	struct ike_policy left, right;
	unsigned	  lose;		/* informational messages of right that are lost */
	unsigned	  n_info;	/* and all of them */
};

static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct two *t = s->tap_arg;
	struct isakmp_hdr h;

	assert_int_equal(isakmp_hdr_get(&h, span_of(data, len), NULL), 0);
	if (from != 1 || h.exchange != EXCHANGE_INFO)
		return (true);
	return (++t->n_info > t->lose);
}

/* A user of XAuth, and a gateway that redirects it to ${to}; NULL: it asks. */
static struct two *
two_new(const char *to)
{
	struct two *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	sim_pair_init(&t->sim, &t->left, &t->right, "aes128-sha256-curve25519", "aes128-sha256", 5);
	t->left.n_auths = t->right.n_auths = 1;
	t->left.auths[0] = t->right.auths[0] = AUTH_XAUTH_INIT_PSK;
	(void)snprintf(t->left.xauth_user, sizeof(t->left.xauth_user), "alice");
	assert_int_equal(secret_set(&t->left.xauth_password, span_str("sesame")), 0);
	t->right.xauth_check = true;
	if (to != NULL)
		assert_int_equal(addr_parse(&t->right.redirect, to), 0);
	t->sim.tap = tap;
	t->sim.tap_arg = t;
	return (t);
}

static void
connect(struct two *t)
{
	struct fault f;

	assert_int_equal(sim_connect(&t->sim, &t->left, true, &f), 0);
	sim_run(&t->sim, 900, NULL);
}

static void
two_free(struct two *t)
{
	sim_pair_free(&t->sim, &t->left, &t->right);
	free(t);
}

static bool
elsewhere(const struct two *t, const char *want)
{
	struct endpoint to;
	char text[ADDR_TEXT];

	return (ike_engine_elsewhere(t->sim.end[0].engine, &t->left, &to) && strcmp(addr_text(text, &to.addr), want) == 0 &&
	    to.port == sim_right.port);
}

/* The notify from right, with any data. */
static void
redirect(struct two *t, struct span data)
{
	struct ike_outbox out = {0};
	struct v1_sa *sa = v1_sa_of(t->sim.end[1].engine->sas);

	assert_non_null(sa);
	v1_info_notify(sa, PROTO_ISAKMP, NOTIFY_UNITY_LOAD_BALANCE, SPAN_NONE, data, &out);
	sim_flush(&t->sim, 1, &out);
	sim_run(&t->sim, 500, NULL);
}

static void
a_client_is_told_where_to_go(void **state)
{
	struct two *t = two_new("198.51.100.7");

	(void)state;
	connect(t);
	assert_int_equal(t->sim.end[0].n_failed, 1);
	assert_int_equal(t->sim.end[0].why.cause, CAUSE_REDIRECT);
	assert_string_equal(t->sim.end[0].why.what, "the gateway redirects this client to 198.51.100.7");
	assert_true(elsewhere(t, "198.51.100.7"));
	assert_non_null(strstr(t->sim.end[1].notes, "the client is redirected to 198.51.100.7"));
	/* the client has deleted the SA, and no password went out */
	assert_int_equal(t->sim.end[0].engine->n_sas + t->sim.end[1].engine->n_sas, 0);
	assert_false(t->sim.end[1].asks);
	assert_int_equal(t->sim.end[1].n_failed, 0);
	two_free(t);
}

static void
a_lost_redirect_is_sent_again(void **state)
{
	struct two *t = two_new("198.51.100.7");

	(void)state;
	t->lose = V1_REDIRECT_SENDS - 1;
	connect(t);
	sim_run(&t->sim, 10000, NULL);
	assert_true(elsewhere(t, "198.51.100.7"));
	assert_int_equal(t->sim.end[1].engine->n_sas, 0);
	two_free(t);

	t = two_new("198.51.100.7");
	t->lose = 100;
	connect(t);
	sim_run(&t->sim, 60000, NULL);
	assert_int_equal(t->n_info, V1_REDIRECT_SENDS + 1);	/* and the delete */
	assert_int_equal(t->sim.end[1].engine->n_sas, 0);
	two_free(t);
}

/* Peers that are no clients of Unity's are served. */
static void
others_are_served(void **state)
{
	struct two *t = two_new("198.51.100.7");

	(void)state;
	t->left.auths[0] = t->right.auths[0] = AUTH_PSK;
	t->left.xauth_user[0] = '\0';
	connect(t);
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_non_null(strstr(t->sim.end[1].notes, "did not announce Unity"));
	two_free(t);
}

static void
no_gateway_is_there(void **state)
{
	static const struct { uint8_t b[5]; uint8_t len; const char *why; } t[] = {
		{ { 224, 0, 0, 1 }, 4, "no unicast address" }, { { 255, 255, 255, 255 }, 4, "no unicast address" },
		{ { 127, 0, 0, 1 }, 4, "no unicast address" }, { { 0, 0, 0, 0 }, 4, "no unicast address" },
		{ { 240, 1, 2, 3 }, 4, "no unicast address" }, { { 0 }, 0, NULL }, { { 198, 51, 100 }, 3, NULL },
		{ { 198, 51, 100, 7, 0 }, 5, NULL },
	};
	struct two *two;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		two = two_new(NULL);
		connect(two);
		redirect(two, span_of(t[i].b, t[i].len));
		assert_false(elsewhere(two, "198.51.100.7"));
		if (t[i].why != NULL)
			assert_non_null(strstr(two->sim.end[0].why.what, t[i].why));
		else {		/* and XAuth goes on */
			assert_int_equal(two->sim.end[0].n_failed, 0);
			assert_non_null(strstr(two->sim.end[0].notes, "it has no IPv4 address"));
		}
		assert_int_equal(two->sim.end[0].n_children, 0);
		two_free(two);
	}
}

static void
to_itself_is_nowhere(void **state)
{
	struct two *t;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		t = two_new(NULL);
		connect(t);
		redirect(t, addr_span(i == 0 ? &sim_left.addr : &sim_right.addr));
		assert_int_equal(t->sim.end[0].why.cause, CAUSE_NONE);
		assert_non_null(strstr(t->sim.end[0].why.what, i == 0 ? "which is this end itself" : "where it is already"));
		assert_int_equal(t->sim.end[0].n_failed, 1);
		two_free(t);
	}
}

static void
circles_end(void **state)
{
	struct two *t = two_new("198.51.100.7");
	struct ike_outbox out;
	struct fault f;
	int i;

	(void)state;
	connect(t);
	for (i = 1; i <= V1_REDIRECTS_MAX; i++) {
		assert_int_equal(t->sim.end[0].n_failed, i);
		assert_int_equal(t->sim.end[0].why.cause, CAUSE_REDIRECT);
		/* The tool follows; the other gateway is like the first one. */
		out = (struct ike_outbox){0};
		assert_int_equal(ike_engine_redirect(t->sim.end[0].engine, t->sim.now, &t->left, &sim_left, &sim_right, true, &out,
		    &f), 0);
		sim_flush(&t->sim, 0, &out);
		sim_run(&t->sim, 900, NULL);
	}
	assert_int_equal(t->sim.end[0].why.code, FAULT_PROTOCOL);
	assert_int_equal(t->sim.end[0].why.cause, CAUSE_NONE);
	assert_non_null(strstr(t->sim.end[0].why.what, "in circles"));
	assert_int_equal(t->sim.end[0].engine->n_sas, 0);
	two_free(t);
}

/* Anybody can send it in clear. */
static void
in_clear_it_is_nothing(void **state)
{
	static const uint8_t to[] = { 198, 51, 100, 7 };
	struct two *t = two_new(NULL);
	uint8_t b[128], body[32];
	struct ike_outbox out = {0};
	struct isakmp_builder m;
	struct wr w = wr_of(body, sizeof(body));
	struct isakmp_notify n = { .doi = DOI_IPSEC, .proto = PROTO_ISAKMP, .type = NOTIFY_UNITY_LOAD_BALANCE, .data = SPAN_ARRAY(to) };
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_INFO, .mid = 7 };
	struct ike_sa *sa;

	(void)state;
	connect(t);
	sa = t->sim.end[0].engine->sas;
	memcpy(h.cky_i, sa->spi_i, sizeof(h.cky_i));
	memcpy(h.cky_r, sa->spi_r, sizeof(h.cky_r));
	isakmp_notify_put(&w, &n);
	isakmp_begin(&m, b, sizeof(b), &h);
	isakmp_payload_put(&m, PAYLOAD_N, wr_span(&w));
	ike_engine_datagram(t->sim.end[0].engine, t->sim.now, &sim_left, &sim_right, isakmp_end(&m), &out);
	sim_flush(&t->sim, 0, &out);
	assert_int_equal(t->sim.end[0].n_failed, 0);
	assert_int_equal(t->sim.end[0].engine->n_sas, 1);
	assert_non_null(strstr(t->sim.end[0].notes, "UNITY-LOAD-BALANCE (in clear: only a hint)"));
	two_free(t);
}

/* A gateway of plain PSK, and one whose tunnel is up, have nothing to redirect. */
static void
only_clients_that_log_in_follow(void **state)
{
	static const uint8_t to[] = { 198, 51, 100, 7 };
	struct two *t;

	(void)state;
	t = two_new(NULL);
	t->left.auths[0] = t->right.auths[0] = AUTH_PSK;
	connect(t);
	redirect(t, SPAN_ARRAY(to));
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_int_equal(t->sim.end[0].n_failed, 0);
	assert_non_null(strstr(t->sim.end[0].notes, "this end is no client of XAuth or mode config"));
	two_free(t);

	t = two_new(NULL);
	connect(t);
	t->sim.end[1].asks = false;
	{
		const struct ike_login yes = { .verdict = IKE_LOGIN_YES };
		const struct ike_answer a = { .login = &yes };
		struct ike_outbox out = {0};

		assert_true(ike_engine_answer(t->sim.end[1].engine, t->sim.now, t->sim.end[1].ask_id, t->sim.end[1].ask_mid, &a, &out));
		sim_flush(&t->sim, 1, &out);
		sim_run(&t->sim, 2000, NULL);
	}
	assert_int_equal(t->sim.end[0].n_children, 1);
	redirect(t, SPAN_ARRAY(to));
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_int_equal(t->sim.end[0].engine->n_sas, 1);
	assert_non_null(strstr(t->sim.end[0].notes, "there is a child SA already"));
	two_free(t);
}

/* A gateway that deletes the IKE SA while the user logs in: no time-out is waited for. */
static void
a_delete_before_the_end_of_xauth_ends_it(void **state)
{
	struct two *t = two_new(NULL);
	struct ike_outbox out = {0};
	uint8_t id[16];
	int side;

	(void)state;
	for (side = 0; side < 2; side++) {
		connect(t);
		ike_sa_id(t->sim.end[side].engine->sas, id);
		v1_info_delete(v1_sa_of(t->sim.end[side].engine->sas), PROTO_ISAKMP, SPAN_ARRAY(id), &out);
		sim_flush(&t->sim, side, &out);
		sim_run(&t->sim, 500, NULL);
		assert_int_equal(t->sim.end[!side].engine->n_sas, 0);
		assert_string_equal(t->sim.end[!side].why.what, "the peer deletes the IKE SA before the end of XAuth");
		two_free(t);
		t = two_new(NULL);
	}
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
		cmocka_unit_test(a_client_is_told_where_to_go),
		cmocka_unit_test(a_lost_redirect_is_sent_again),
		cmocka_unit_test(others_are_served),
		cmocka_unit_test(only_clients_that_log_in_follow),
		cmocka_unit_test(a_delete_before_the_end_of_xauth_ends_it),
		CLASS("A16: a redirect to no unicast address, or without one, leads nowhere", no_gateway_is_there),
		CLASS("A16: a redirect to this end or to the gateway itself leads nowhere", to_itself_is_nowhere),
		CLASS("A16: redirects in circles end", circles_end),
		CLASS("A16: a redirect in clear is nothing", in_clear_it_is_nothing),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
