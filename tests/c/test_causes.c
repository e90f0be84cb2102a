/* The reports of failures, and bounds for an authentic peer: two engines in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"
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
	sim_pair_init(&p->sim, &p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256", seed);
	sim_networks(&p->left, &p->right, "10.1.0.0/16", "10.2.0.0/24");
	p->sim.tap_arg = p;
	return (p);
}

static void
pair_free(struct pair *p)
{
	sim_pair_free(&p->sim, &p->left, &p->right);
	free(p);
}

/* Only phase 1. */
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
unfinished_children_are_bounded_and_reported(void **state)
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
invalid_cookie_of_a_restarted_peer_is_a_hint(void **state)
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
unknown_cookies_get_rationed_answers_that_do_not_loop(void **state)
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
an_sa_whose_messages_get_no_answer_is_named(void **state)
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
a_peer_that_only_ignores_quick_mode_is_distinguished(void **state)
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

/* --- what a refusal names --- */

static bool
lose_all(struct sim *s, int from, uint8_t *data, size_t len)
{
	(void)s;
	(void)from;
	(void)data;
	(void)len;
	return (false);
}

/* Why left's main mode fails if message 1 is answered in clear with ATTRIBUTES-NOT-SUPPORTED and ${data}. */
static void
refuse_attributes(struct pair *p, struct span data, struct fault *why)
{
	struct ike_outbox out = {0};
	uint8_t m[128] = {0};
	struct fault f = {0};

	p->sim.tap = lose_all;
	assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
	sim_run(&p->sim, 100, NULL);
	assert_true(40 + data.len <= sizeof(m));
	memcpy(m, p->sim.end[0].engine->sas->spi_i, 8);
	m[16] = PAYLOAD_N;
	m[17] = ISAKMP_VERSION_1;
	m[18] = EXCHANGE_INFO;
	m[23] = 1;
	m[27] = (uint8_t)(40 + data.len);
	m[31] = (uint8_t)(12 + data.len);
	m[35] = 1;	/* DOI */
	m[36] = PROTO_ISAKMP;
	m[39] = NOTIFY_ATTRIBUTES_NOT_SUPPORTED;
	if (data.len > 0)
		memcpy(m + 40, data.p, data.len);
	ike_engine_datagram(p->sim.end[0].engine, p->sim.now, &sim_left, &sim_right,
	    span_of(m, 40 + data.len), &out);
	sim_flush(&p->sim, 0, &out);
	sim_run(&p->sim, 60000, NULL);
	assert_int_equal(p->sim.end[0].n_failed, 1);
	*why = p->sim.end[0].why;
}

static void
attributes_that_are_not_supported_are_named(void **state)
{
	static const uint8_t group[] = { 0x80, 4, 0, 14 }, two[] = { 0x80, 1, 0, 7, 0, 14, 0, 2, 1, 0 },
	    strange[] = { 0x80, 4, 0, 14, 0xbf, 0xff, 0, 1 }, cut[] = { 0x80, 4, 0 };
	static const struct { struct span data; const char *end; } rows[] = {
		{ { group, sizeof(group) }, "(ATTRIBUTES-NOT-SUPPORTED); its data has GROUP = 14" },
		{ { two, sizeof(two) }, "; its data has ENCRYPTION = 7, KEY-LENGTH = 256" },
		{ { strange, sizeof(strange) }, "; its data has GROUP = 14, attribute 16383 = 1" },
		{ { cut, sizeof(cut) }, "(ATTRIBUTES-NOT-SUPPORTED)" },		/* no attributes */
		{ { NULL, 0 }, "(ATTRIBUTES-NOT-SUPPORTED)" },
	};
	struct fault why;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair *p = pair_new(20 + i);

		refuse_attributes(p, rows[i].data, &why);
		pair_free(p);
		assert_int_equal(why.code, FAULT_NO_PROPOSAL);
		assert_int_equal(why.evidence, EVIDENCE_CLEAR);
		n = strlen(rows[i].end);
		assert_true(strlen(why.what) > n);
		assert_string_equal(why.what + strlen(why.what) - n, rows[i].end);
	}
}

/* --- dead peer detection --- */

static bool
lose_info(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct isakmp_hdr h;
	struct fault f;

	(void)s;
	return (from != 0 || isakmp_hdr_get(&h, span_of(data, len), &f) != 0 || h.exchange != EXCHANGE_INFO);
}

/* Right answers what it never received: under these cookies, with this number. */
static void
odd_ack(struct pair *p, bool cookies, uint32_t seq)
{
	struct v1_sa *sa = (struct v1_sa *)p->sim.end[1].engine->sas;
	struct ike_outbox out = {0};
	uint8_t id[16], data[4];

	put_be32(data, seq);
	v1_sa_id(sa, id);
	v1_info_notify(sa, PROTO_ISAKMP, NOTIFY_R_U_THERE_ACK, cookies ? SPAN_ARRAY(id) : SPAN_NONE,
	    SPAN_ARRAY(data), &out);
	sim_flush(&p->sim, 1, &out);
}

static void
a_peer_that_answers_dpd_wrongly_is_not_called_silent(void **state)
{
	static const struct { bool cookies; const char *text; } t[] = {
		{ true, "with number 7 where " }, { false, "without the cookies of this IKE SA" },
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pair *p = pair_new(20 + i);
		struct sim_end *left = &p->sim.end[0];

		p->left.dpd_seconds = 10;
		p->left.dpd_tries = 2;
		p->right.dpd_seconds = 0;
		phase1(p);
		p->sim.tap = lose_info;
		for (k = 0; k < 300 && left->n_gone == 0; k++) {
			sim_run(&p->sim, 1000, NULL);
			if (left->engine->sas != NULL &&
			    ((const struct v1_sa *)left->engine->sas)->dpd.tries > 0)
				odd_ack(p, t[i].cookies, 7);
		}
		assert_int_equal(left->n_gone, 1);
		assert_int_equal(times_in(left->notes, "dead peer detection is at fault"), 1);
		assert_int_equal(times_in(left->notes, t[i].text), 2);
		assert_int_equal(times_in(left->notes, "is taken for dead: it answered"), 1);
		assert_int_equal(times_in(left->notes, "unanswered"), 0);
		assert_int_equal(times_in(left->notes, "192.0.2.2:500: the peer is taken for dead"), 1);
		pair_free(p);
	}
}

/* --- who is turned away --- */

/* REPLAY-STATUS: whether the other end checks for replays. */
static void
replay_status_is_reported(void **state)
{
	struct pair *p = pair_new(33);
	struct ike_outbox out = {0};
	uint8_t data[4] = {0};
	int i;

	(void)state;
	phase1(p);
	for (i = 0; i < 2; i++) {
		data[3] = (uint8_t)i;
		v1_info_notify(v1_sa_of(p->sim.end[1].engine->sas), PROTO_ESP, NOTIFY_REPLAY_STATUS, SPAN_NONE,
		    SPAN_ARRAY(data), &out);
		sim_flush(&p->sim, 1, &out);
		sim_run(&p->sim, 100, NULL);
		assert_non_null(strstr(p->sim.end[0].notes, i == 1 ? "REPLAY-STATUS: it checks for replays" :
		    "REPLAY-STATUS: it does not check for replays"));
	}
	pair_free(p);
}

/* 0.0.0.0/0 at one end and networks at the other: told by both. */
static void
a_route_based_end_is_named(void **state)
{
	struct pair *p = pair_new(34);
	struct fault f = {0};

	(void)state;
	assert_int_equal(selector_parse(&p->left.local_ts[0], "0.0.0.0/0"), 0);
	assert_int_equal(selector_parse(&p->left.remote_ts[0], "0.0.0.0/0"), 0);
	assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
	sim_run(&p->sim, 5000, NULL);
	assert_int_equal(p->sim.end[0].why.code, FAULT_TS_MISMATCH);
	assert_int_equal(p->sim.end[0].why.cause, CAUSE_ROUTE_BASED);
	assert_int_equal(p->sim.end[1].why.code, FAULT_TS_MISMATCH);
	assert_int_equal(p->sim.end[1].why.cause, CAUSE_ROUTE_BASED);
	pair_free(p);
}

static void
restrict_right(struct pair *p, const char *net)
{
	assert_int_equal(selector_parse(&p->right.remote_addr, net), 0);
}

static const struct fault *
turned_away(struct pair *p)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&p->sim, 40000, NULL);
	return (&p->sim.end[1].why);
}

static void
address_exchange_and_id_are_three_causes(void **state)
{
	const struct fault *why;
	struct pair *p;

	(void)state;
	p = pair_new(30);
	restrict_right(p, "198.51.100.0/24");
	why = turned_away(p);
	assert_int_equal(why->code, FAULT_UNKNOWN_PEER);
	assert_int_equal(why->cause, CAUSE_STRANGE_ADDRESS);
	assert_string_equal(why->where, "192.0.2.1:500");
	assert_int_equal(p->sim.end[1].n_turned_away, 1);	/* seven times sent, once reported */
	assert_int_equal(p->sim.end[1].n_sent, 0);
	pair_free(p);

	p = pair_new(31);
	p->right.exchange = SA_AGGRESSIVE;
	why = turned_away(p);
	assert_int_equal(why->cause, CAUSE_STRANGE_EXCHANGE);
	assert_non_null(strstr(why->what, "begins main mode, and only aggressive mode"));
	assert_int_equal(p->sim.end[1].n_turned_away, 1);
	assert_int_equal(p->sim.end[1].n_sent, 0);
	pair_free(p);

	p = pair_new(32);
	assert_int_equal(id_parse(&p->right.remote_id, "somebody.example", NULL), 0);
	why = turned_away(p);
	assert_int_equal(why->code, FAULT_ID_MISMATCH);
	assert_int_equal(why->cause, CAUSE_STRANGE_ID);
	assert_non_null(strstr(why->where, "192.0.2.1"));
	pair_free(p);
}

static void
a_refusal_is_reported_once(void **state)
{
	struct pair *p = pair_new(33);
	struct sim_end *right = &p->sim.end[1];
	struct fault f = {0};

	(void)state;
	p->right.ike.p[0].hash = alg_hash_word("sha1");
	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&p->sim, 1500, NULL);
	assert_int_equal(times_in(right->notes, "first difference"), 1);
	assert_int_equal(times_in(right->notes, "192.0.2.1:500: the proposals"), 1);
	assert_int_equal(right->n_failed, 1);
	assert_true(right->n_sent >= 1);
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_children_one_after_another),
		cmocka_unit_test(many_children_at_once),
		cmocka_unit_test(unfinished_children_are_bounded_and_reported),
		cmocka_unit_test(invalid_cookie_of_a_restarted_peer_is_a_hint),
		cmocka_unit_test(unknown_cookies_get_rationed_answers_that_do_not_loop),
		cmocka_unit_test(an_sa_whose_messages_get_no_answer_is_named),
		cmocka_unit_test(a_peer_that_only_ignores_quick_mode_is_distinguished),
		cmocka_unit_test(a_forged_invalid_cookie_does_not_end_the_exchange),
		cmocka_unit_test(attributes_that_are_not_supported_are_named),
		cmocka_unit_test(a_peer_that_answers_dpd_wrongly_is_not_called_silent),
		cmocka_unit_test(address_exchange_and_id_are_three_causes),
		cmocka_unit_test(a_refusal_is_reported_once),
		cmocka_unit_test(replay_status_is_reported),
		cmocka_unit_test(a_route_based_end_is_named),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
