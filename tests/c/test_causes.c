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

/* --- an SA that the peer no longer has --- */

/* Right starts again and knows nothing; whether it still answers new peers. */
static void
restart_right(struct pair *p, bool respond)
{
	struct sim_end *right = &p->sim.end[1];
	struct ike_conf conf = right->engine->conf;

	conf.respond = respond;
	ike_engine_free(right->engine);
	assert_non_null(right->engine = ike_engine_new(&conf, NULL));
	right->notes[0] = '\0';
}

static unsigned
times_in(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return (n);
}

static size_t bytes_of[2];

static bool
count_bytes(struct sim *s, int from, uint8_t *data, size_t len)
{
	(void)s;
	(void)data;
	bytes_of[from] += len;
	return (true);
}

static void
a_peer_that_restarted_says_so_and_is_believed_as_a_hint(void **state)
{
	struct pair *p = pair_new(4);
	uint64_t begun;

	(void)state;
	phase1(p);
	restart_right(p, true);
	p->sim.tap = count_bytes;
	bytes_of[0] = bytes_of[1] = 0;
	begun = p->sim.now.ms;
	begin_child(p, 1);
	while (p->sim.end[0].n_failed == 0 && p->sim.now.ms < begun + 60000)
		sim_run(&p->sim, 100, NULL);
	assert_int_equal(p->sim.end[0].why.code, FAULT_PEER_NOTIFY);
	assert_int_equal(p->sim.end[0].why.cause, CAUSE_NOTIFY_COOKIE);
	assert_int_equal(p->sim.end[0].why.evidence, EVIDENCE_CLEAR);
	assert_non_null(strstr(p->sim.end[0].why.what, "has forgotten this IKE SA"));
	assert_true(p->sim.now.ms - begun < 4000);
	assert_int_equal(times_in(p->sim.end[1].notes, "192.0.2.1:500 uses an IKE SA that is unknown here"), 1);
	assert_true(bytes_of[1] > 0 && bytes_of[1] < bytes_of[0]);
	/* The IKE SA is not given up for a message in clear. */
	assert_int_equal(p->sim.end[0].n_gone, 0);
	pair_free(p);
}

static void
unknown_cookies_are_answered_seldom_and_never_in_a_circle(void **state)
{
	struct pair *p = pair_new(5);
	struct sim_end *right = &p->sim.end[1];
	struct endpoint from = sim_left;
	uint8_t m[60] = {0};
	unsigned i;

	(void)state;
	for (i = 0; i < 1000; i++) {	/* a thousand addresses in a second */
		struct ike_outbox out = {0};

		from.addr.b[2] = (uint8_t)(i / 250);
		from.addr.b[3] = (uint8_t)(i % 250);
		put_be32(m, i + 1);
		put_be32(m + 8, i + 1);
		m[16] = PAYLOAD_HASH;
		m[17] = ISAKMP_VERSION_1;
		m[18] = EXCHANGE_QUICK;
		m[19] = ISAKMP_FLAG_ENCRYPTED;
		put_be32(m + 24, sizeof(m));
		ike_engine_datagram(right->engine, p->sim.now, &sim_right, &from, SPAN_ARRAY(m), &out);
		p->sim.cut = true;
		sim_flush(&p->sim, 1, &out);
		p->sim.now.ms += i % 2;
	}
	assert_true(right->n_sent > 0 && right->n_sent <= 2 * STRANGERS_ANSWERS);
	/* An answer is in clear: none follows, and none follows one with a header only. */
	right->n_sent = right->n_notes = 0;
	p->sim.now.ms += 60000;
	for (i = 0; i < 2; i++) {
		struct ike_outbox out = {0};

		m[19] = i == 0 ? 0 : ISAKMP_FLAG_ENCRYPTED;
		put_be32(m + 24, i == 0 ? sizeof(m) : ISAKMP_HDR_LEN);
		ike_engine_datagram(right->engine, p->sim.now, &sim_right, &sim_left,
		    span_of(m, i == 0 ? sizeof(m) : ISAKMP_HDR_LEN), &out);
		sim_flush(&p->sim, 1, &out);
	}
	assert_int_equal(right->n_sent, 0);
	pair_free(p);
}

static void
an_sa_under_which_nothing_is_answered_is_named(void **state)
{
	struct pair *p = pair_new(6);

	(void)state;
	phase1(p);
	restart_right(p, false);
	begin_child(p, 1);
	sim_run(&p->sim, 31000, NULL);
	assert_int_equal(p->sim.end[0].n_failed, 1);
	assert_int_equal(p->sim.end[0].why.code, FAULT_NO_REPLY);
	assert_int_equal(p->sim.end[0].why.cause, CAUSE_SA_SILENT);
	assert_non_null(strstr(p->sim.end[0].why.what, "nor to R-U-THERE"));
	pair_free(p);
}

static bool quick_lost;

static bool
lose_quick(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct isakmp_hdr h;
	struct fault f;

	(void)s;
	return (from != 0 || !quick_lost || isakmp_hdr_get(&h, span_of(data, len), &f) != 0 ||
	    h.exchange != EXCHANGE_QUICK);
}

static void
a_peer_that_has_the_sa_and_ignores_quick_mode_is_told_apart(void **state)
{
	struct pair *p = pair_new(7);

	(void)state;
	phase1(p);
	p->sim.tap = lose_quick;
	quick_lost = true;
	begin_child(p, 1);
	sim_run(&p->sim, 31000, NULL);
	assert_int_equal(p->sim.end[0].n_failed, 1);
	assert_int_equal(p->sim.end[0].why.code, FAULT_NO_REPLY);
	assert_int_equal(p->sim.end[0].why.cause, CAUSE_ALIVE);
	assert_non_null(strstr(p->sim.end[0].why.what, "the peer answers R-U-THERE"));
	pair_free(p);
}

static void
a_forged_invalid_cookie_does_not_end_the_exchange(void **state)
{
	struct pair *p = pair_new(8);
	const struct ike_sa *sa;
	uint8_t m[40] = {0};
	struct ike_outbox out = {0};

	(void)state;
	phase1(p);
	p->sim.tap = lose_quick;
	quick_lost = true;
	begin_child(p, 1);
	sim_run(&p->sim, 100, NULL);
	sa = p->sim.end[0].engine->sas;
	memcpy(m, sa->spi_i, 8);
	memcpy(m + 8, sa->spi_r, 8);
	m[16] = PAYLOAD_N;
	m[17] = ISAKMP_VERSION_1;
	m[18] = EXCHANGE_INFO;
	m[23] = 1;
	m[27] = sizeof(m);
	m[31] = 12;
	m[35] = 1;	/* DOI */
	m[36] = PROTO_ISAKMP;
	m[39] = NOTIFY_INVALID_COOKIE;
	ike_engine_datagram(p->sim.end[0].engine, p->sim.now, &sim_left, &sim_right, SPAN_ARRAY(m), &out);
	sim_flush(&p->sim, 0, &out);
	sim_run(&p->sim, 5000, NULL);
	assert_int_equal(p->sim.end[0].n_failed, 0);
	quick_lost = false;
	sim_run(&p->sim, 10000, NULL);
	assert_int_equal(p->sim.end[0].n_child, 1);
	assert_int_equal(p->sim.end[0].n_failed, 0);
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_children_one_after_another),
		cmocka_unit_test(many_children_at_once),
		cmocka_unit_test(unfinished_children_have_a_bound_that_is_told),
		cmocka_unit_test(a_peer_that_restarted_says_so_and_is_believed_as_a_hint),
		cmocka_unit_test(unknown_cookies_are_answered_seldom_and_never_in_a_circle),
		cmocka_unit_test(an_sa_under_which_nothing_is_answered_is_named),
		cmocka_unit_test(a_peer_that_has_the_sa_and_ignores_quick_mode_is_told_apart),
		cmocka_unit_test(a_forged_invalid_cookie_does_not_end_the_exchange),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
