/* IKE heartbeats: two engines over a net made of arrays that say hello, lose some, and replay; and
 * dpd-ping's machine listening beside one of them, or in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/ping.h"
#include "ike/v1/heartbeat.h"
#include "ike/v1run/ike_sa.h"
#include "sim.h"

#define KEPT_MAX	64
#define EVENTS_MAX	64
#define INTERVAL	1000

struct pair {
	struct ike_policy	left, right;
	struct sim		sim;
	unsigned		hellos[2];	/* sent by left and right */
	bool			mute[2];	/* what it sends gets lost */
	unsigned		lose_first;	/* that many hellos of left's get lost */
	size_t			n_kept;		/* left's hellos */
	struct { uint8_t p[256]; size_t len; } kept[KEPT_MAX];
	/* A listener on left's machine: what right sends goes to both, as the shared ports do it. */
	struct ike_ping		*ping;
	size_t			n;
	struct ike_ping_event	ev[EVENTS_MAX];
};

static struct now
ping_now(const struct pair *p)
{
	return (p->sim.now);
}

/* ${data} of the peer reaches the ping. */
static void
take(struct pair *p, struct span data)
{
	machine_datagram(ike_ping_machine(p->ping), ping_now(p), &sim_left, &sim_right, data, NULL);
}

/* With DPD off and nothing deleted, what is Informational is a hello. */
static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct pair *p = s->tap_arg;
	bool hello = data[18] == EXCHANGE_INFO;

	p->hellos[from] += hello;
	if (hello && from == 0 && p->n_kept < KEPT_MAX) {
		assert_true(len <= sizeof(p->kept[0].p));
		memcpy(p->kept[p->n_kept].p, data, len);
		p->kept[p->n_kept++].len = len;
	}
	if (hello && from == 0 && p->lose_first > 0) {
		p->lose_first--;
		return (false);
	}
	if (from == 1 && p->ping != NULL && !p->mute[from])
		take(p, span_of(data, len));
	return (!p->mute[from]);
}

static struct pair *
pair_new(uint64_t seed, uint32_t left_ms, uint32_t right_ms)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	sim_pair_init(&p->sim, &p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256", seed);
	p->left.dpd_seconds = p->right.dpd_seconds = 0;
	p->left.heartbeat_ms = left_ms;
	p->right.heartbeat_ms = right_ms;
	p->sim.tap = tap;
	p->sim.tap_arg = p;
	return (p);
}

static void
pair_free(struct pair *p)
{
	ike_ping_free(p->ping);
	sim_pair_free(&p->sim, &p->left, &p->right);
	free(p);
}

static void
up(struct pair *p)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&p->sim, 500, NULL);
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_true(sim_children_agree(&p->sim));
}

static bool
said(const struct pair *p, int side, const char *what)
{
	return (strstr(p->sim.end[side].notes, what) != NULL);
}

static void
both_ends_send_hellos(void **state)
{
	struct pair *p = pair_new(1, INTERVAL, 2 * INTERVAL);

	(void)state;
	up(p);
	sim_run(&p->sim, 600000, NULL);
	assert_in_range(p->hellos[0], 600, 602);
	assert_in_range(p->hellos[1], 300, 302);
	assert_int_equal(p->sim.end[0].n_gone + p->sim.end[1].n_gone, 0);
	assert_false(said(p, 0, "lost") || said(p, 1, "lost"));
	assert_int_equal(ike_heartbeat_announced(&p->sim.end[0].ike), 2 * INTERVAL);
	assert_int_equal(ike_heartbeat_announced(&p->sim.end[1].ike), INTERVAL);
	pair_free(p);
}

static void
aggressive_mode_announces_heartbeats(void **state)
{
	struct pair *p = pair_new(2, INTERVAL, INTERVAL);

	(void)state;
	p->left.exchange = p->right.exchange = SA_AGGRESSIVE;
	up(p);
	sim_run(&p->sim, 60000, NULL);
	assert_in_range(p->hellos[0], 60, 62);
	assert_in_range(p->hellos[1], 60, 62);
	assert_int_equal(p->sim.end[0].n_gone + p->sim.end[1].n_gone, 0);
	pair_free(p);
}

/* A peer that does not announce them gets none, and is not dead for it. */
static void
a_peer_without_heartbeats_gets_none(void **state)
{
	struct pair *p;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		p = pair_new(3, i == 0 ? INTERVAL : 0, i == 1 ? INTERVAL : 0);
		up(p);
		sim_run(&p->sim, 600000, NULL);
		assert_int_equal(p->hellos[0] + p->hellos[1], 0);
		assert_int_equal(p->sim.end[0].n_gone + p->sim.end[1].n_gone, 0);
		/* Nor does a responder announce what the initiator does not know. */
		assert_int_equal(ike_heartbeat_announced(&p->sim.end[0].ike), 0);
		assert_int_equal(ike_heartbeat_announced(&p->sim.end[1].ike), i == 0 ? INTERVAL : 0);
		pair_free(p);
	}
}

/* After threshold lost ones both are dead to each other: not before, and not long after. */
static void
a_peer_without_hellos_is_dead_and_the_initiator_reconnects(void **state)
{
	struct pair *p = pair_new(4, INTERVAL, INTERVAL);
	uint64_t cut_ms;

	(void)state;
	p->left.heartbeat_threshold = p->right.heartbeat_threshold = 3;
	p->left.heartbeat_reconnect_ms = 90000;
	up(p);
	sim_run(&p->sim, 10000, NULL);
	p->sim.cut = true;
	cut_ms = p->sim.now.ms;
	/* The last hello came up to an interval before. */
	sim_run(&p->sim, 2 * INTERVAL + INTERVAL / 2 - 10, NULL);
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_int_equal(p->sim.end[1].n_children, 1);
	assert_false(said(p, 0, "dead") || said(p, 1, "dead"));
	sim_run(&p->sim, cut_ms + 3 * INTERVAL + INTERVAL / 2 + 10 - p->sim.now.ms, NULL);
	assert_int_equal(p->sim.end[0].n_children, 0);
	assert_int_equal(p->sim.end[1].n_children, 0);
	assert_int_equal(p->sim.end[0].n_gone, 1);
	assert_int_equal(p->sim.end[1].n_gone, 1);
	assert_true(said(p, 0, "the peer is dead: 3 heartbeats lost"));
	assert_true(said(p, 1, "an IKE SA ends: the peer is dead: no heartbeats"));
	/* It waits for as long as it was told, longer than it would otherwise ever. */
	p->sim.cut = false;
	sim_run(&p->sim, 86000, NULL);
	assert_int_equal(p->sim.end[0].n_ike, 1);
	assert_false(said(p, 0, "reconnecting"));
	sim_run(&p->sim, 5000, NULL);
	assert_true(said(p, 0, "reconnecting"));
	assert_int_equal(p->sim.end[0].n_ike, 2);
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_true(sim_children_agree(&p->sim));
	pair_free(p);
}

static void
packet_loss_makes_no_peer_dead(void **state)
{
	struct pair *p;
	uint64_t seed;

	(void)state;
	for (seed = 100; seed < 120; seed++) {
		p = pair_new(seed, INTERVAL, INTERVAL);
		p->left.heartbeat_threshold = p->right.heartbeat_threshold = 12;
		up(p);
		p->sim.loss = 30;
		p->sim.dup = 20;
		p->sim.reorder = 20;
		sim_run(&p->sim, 300000, NULL);
		assert_true(said(p, 0, "heartbeats of the peer lost"));
		assert_true(said(p, 0, "of the peer: it is back"));
		assert_int_equal(p->sim.end[0].n_gone + p->sim.end[1].n_gone, 0);
		pair_free(p);
	}
}

/* The other end of death: one that still hears does not learn why it is not heard. */
static void
one_way_silence_ends_both(void **state)
{
	struct pair *p = pair_new(5, INTERVAL, INTERVAL);

	(void)state;
	p->left.heartbeat_threshold = p->right.heartbeat_threshold = 3;
	p->left.heartbeat_reconnect_ms = 600000;
	up(p);
	p->mute[0] = true;	/* right hears nothing, gives up, and is silent from then on */
	sim_run(&p->sim, 20000, NULL);
	assert_int_equal(p->sim.end[1].n_gone, 1);
	assert_int_equal(p->sim.end[0].n_gone, 1);
	pair_free(p);
}

/* Hellos of old come again, as often as the peer would say hello, from elsewhere. */
static void
replayed_hellos_do_not_count(void **state)
{
	const struct endpoint elsewhere = { { 4, { 203, 0, 113, 66 }, 0 }, 500 };
	struct pair *p = pair_new(6, INTERVAL, INTERVAL);
	size_t k = 0;
	unsigned i;

	(void)state;
	p->right.heartbeat_threshold = 5;
	up(p);
	sim_run(&p->sim, 30000, NULL);
	p->mute[0] = true;
	for (i = 0; i < 40; i++) {
		struct ike_outbox out = {0};

		sim_run(&p->sim, INTERVAL / 4, NULL);
		ike_engine_datagram(p->sim.end[1].engine, p->sim.now, &sim_right, &elsewhere,
		    span_of(p->kept[k % p->n_kept].p, p->kept[k % p->n_kept].len), &out);
		/* Nothing is sent there, and hellos go to the peer's address. */
		assert_true(out.first == NULL || out.first->kind == IKE_OUT_NOTE);
		k++;
		sim_flush(&p->sim, 1, &out);
		if (p->sim.end[1].n_gone == 0)
			assert_true(endpoint_eq(&p->sim.end[1].engine->sas->remote.at, &sim_left));
	}
	assert_true(said(p, 1, "is a replay"));
	assert_true(said(p, 1, "the peer is dead: 5 heartbeats lost"));
	assert_int_equal(p->sim.end[1].n_gone, 1);
	pair_free(p);
}

/* Own hellos that come back say nothing of the peer, though they are under the same keys. */
static void
reflected_hellos_do_not_count(void **state)
{
	const struct endpoint elsewhere = { { 4, { 203, 0, 113, 66 }, 0 }, 500 };
	struct pair *p = pair_new(12, INTERVAL, 2 * INTERVAL);
	unsigned i;

	(void)state;
	p->left.heartbeat_threshold = 3;
	p->left.heartbeat_reconnect_ms = 600000;
	up(p);
	sim_run(&p->sim, 10000, NULL);
	p->mute[1] = true;
	for (i = 0; i < 40 && p->sim.end[0].n_gone == 0; i++) {
		struct ike_outbox out = {0};

		sim_run(&p->sim, INTERVAL / 2, NULL);
		if (p->sim.end[0].n_gone != 0)
			break;
		ike_engine_datagram(p->sim.end[0].engine, p->sim.now, &sim_left, &elsewhere,
		    span_of(p->kept[p->n_kept - 1].p, p->kept[p->n_kept - 1].len), &out);
		sim_flush(&p->sim, 0, &out);
		assert_true(endpoint_eq(&p->sim.end[0].engine->sas->remote.at, &sim_right));
	}
	assert_int_equal(p->sim.end[0].n_gone, 1);
	pair_free(p);
}

/* A hello as right would say it, but ${key} and ${encrypted} may be wrong. */
static void
forge(struct pair *p, uint32_t seq, bool encrypted, bool right_key)
{
	struct v1_sa *real = v1_sa_of(p->sim.end[1].engine->sas), sa = *real;
	struct ike_hello h = { .seq = seq, .interval_ms = INTERVAL, .heard = 1 };
	struct ike_outbox out = {0}, in = {0};
	struct ike_out *item;

	if (!right_key) {
		sa.keys.skeyid_a = (struct secret){0};
		assert_int_equal(secret_set(&sa.keys.skeyid_a,
		    span_str("0123456789abcdef0123456789abcdef")), 0);
	}
	v1_heartbeat_send(&sa, &h, &out);
	item = outbox_take(&out);
	assert_non_null(item);
	if (!encrypted) {
		/* The same payload with no hash before it. */
		uint8_t buf[128], spi[16], data[HELLO_LEN] = { 0, 0, 0, (uint8_t)seq, 0, 0, 3, 232 };
		struct isakmp_notify n = { DOI_IPSEC, PROTO_ISAKMP, NOTIFY_HEARTBEAT,
		    SPAN_ARRAY(spi), SPAN_ARRAY(data) };
		struct isakmp_hdr hdr = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_INFO, .mid = 9 };
		struct isakmp_builder b;

		v1_sa_id(real, spi);
		memcpy(hdr.cky_i, real->ike.spi_i, 8);
		memcpy(hdr.cky_r, real->ike.spi_r, 8);
		isakmp_begin(&b, buf, sizeof(buf), &hdr);
		isakmp_payload_begin(&b, PAYLOAD_N);
		isakmp_notify_put(&b.w, &n);
		isakmp_payload_end(&b);
		ike_engine_datagram(p->sim.end[0].engine, p->sim.now, &sim_left, &sim_right,
		    isakmp_end(&b), &in);
	} else
		ike_engine_datagram(p->sim.end[0].engine, p->sim.now, &sim_left, &sim_right,
		    span_of(item->dgram.data, item->dgram.len), &in);
	ike_out_free(item);
	sim_flush(&p->sim, 0, &in);
	if (!right_key)
		secret_free(&sa.keys.skeyid_a);
}

static void
forged_hellos_do_not_count(void **state)
{
	struct pair *p = pair_new(7, INTERVAL, INTERVAL);
	struct v1_sa *sa;
	uint32_t was;
	unsigned i;

	(void)state;
	p->left.heartbeat_reconnect_ms = 600000;
	up(p);
	sim_run(&p->sim, 5000, NULL);
	p->mute[1] = true;
	sa = v1_sa_of(p->sim.end[0].engine->sas);
	was = sa->hb.seq_in;
	for (i = 0; i < 10 && p->sim.end[0].n_gone == 0; i++) {
		forge(p, 200 + i, false, true);
		forge(p, 300 + i, true, false);
		assert_int_equal(sa->hb.seq_in, was);
		sim_run(&p->sim, INTERVAL, NULL);
	}
	assert_int_equal(p->sim.end[0].n_gone, 1);
	pair_free(p);
}

/* The same forger with the right keys is believed: the test above tests something. */
static void
authentic_hellos_count(void **state)
{
	struct pair *p = pair_new(8, INTERVAL, INTERVAL);
	unsigned i;

	(void)state;
	up(p);
	sim_run(&p->sim, 5000, NULL);
	p->mute[1] = true;
	for (i = 0; i < 20; i++) {
		forge(p, 200 + i, true, true);
		assert_int_equal(v1_sa_of(p->sim.end[0].engine->sas)->hb.seq_in, 200 + i);
		sim_run(&p->sim, INTERVAL, NULL);
	}
	assert_int_equal(p->sim.end[0].n_gone, 0);
	/* A zero interval or a zero number: these are not hellos. */
	forge(p, 0, true, true);
	assert_int_equal(v1_sa_of(p->sim.end[0].engine->sas)->hb.seq_in, 219);
	pair_free(p);
}

/* Each counts by the other's interval, also before the first hello has come. */
static void
intervals_may_differ(void **state)
{
	struct pair *p = pair_new(9, 60 * INTERVAL, INTERVAL);

	(void)state;
	p->lose_first = 3;
	p->right.heartbeat_threshold = p->left.heartbeat_threshold = 5;
	up(p);
	sim_run(&p->sim, 590000, NULL);
	assert_int_equal(p->sim.end[1].n_gone + p->sim.end[0].n_gone, 0);
	assert_in_range(p->hellos[0], 10, 11);
	assert_in_range(p->hellos[1], 590, 592);
	pair_free(p);
}

static void
hellos_continue_under_the_next_sa(void **state)
{
	struct pair *p = pair_new(10, INTERVAL, INTERVAL);

	(void)state;
	p->left.ike_seconds = p->right.ike_seconds = 60;
	p->left.heartbeat_threshold = p->right.heartbeat_threshold = 2;
	up(p);
	sim_run(&p->sim, 600000, NULL);
	assert_in_range(p->sim.end[0].n_ike, 10, 14);
	assert_false(said(p, 0, "dead") || said(p, 1, "dead"));
	assert_int_equal(p->sim.end[0].n_children, 1);
	/* One SA at a time, and the deletes of the old ones. */
	assert_in_range(p->hellos[1], 600, 620);
	pair_free(p);
}

/* A process that stood still for an hour has lost one, not all: what waits for it is read next. */
static void
a_pause_of_this_end_makes_no_peer_dead(void **state)
{
	struct pair *p = pair_new(11, INTERVAL, INTERVAL);
	struct ike_outbox out = {0};

	(void)state;
	up(p);
	sim_run(&p->sim, 5000, NULL);
	p->sim.now.ms += 3600000;
	ike_engine_timeout(p->sim.end[0].engine, p->sim.now, &out);
	sim_flush(&p->sim, 0, &out);
	assert_int_equal(v1_sa_of(p->sim.end[0].engine->sas)->hb.lost, 1);
	sim_run(&p->sim, 10000, NULL);
	assert_int_equal(v1_sa_of(p->sim.end[0].engine->sas)->hb.lost, 0);
	assert_int_equal(p->sim.end[0].n_gone, 0);
	pair_free(p);
}

static void
numbers_wrap(void **state)
{
	struct pair *p = pair_new(12, INTERVAL, INTERVAL);

	(void)state;
	assert_true(v1_heartbeat_newer(1, 0));
	assert_false(v1_heartbeat_newer(1, 1));
	assert_true(v1_heartbeat_newer(1, UINT32_MAX));
	assert_false(v1_heartbeat_newer(UINT32_MAX, 1));
	assert_false(v1_heartbeat_newer(7, 0x80000007));
	up(p);
	sim_run(&p->sim, 2000, NULL);
	/* Near the end of them at both ends. */
	v1_sa_of(p->sim.end[0].engine->sas)->hb.seq_out = v1_sa_of(p->sim.end[1].engine->sas)->hb.seq_in = UINT32_MAX - 3;
	sim_run(&p->sim, 20000, NULL);
	assert_in_range(v1_sa_of(p->sim.end[1].engine->sas)->hb.seq_in, 10, 20);
	assert_int_equal(v1_sa_of(p->sim.end[1].engine->sas)->hb.lost, 0);
	assert_false(said(p, 1, "replay"));
	pair_free(p);
}

static void
vendor_ids_are_bounded(void **state)
{
	uint8_t buf[HEARTBEAT_VID_LEN + 1];
	struct span v;

	(void)state;
	v = v1_heartbeat_vid(buf, 5000);
	assert_int_equal(v.len, HEARTBEAT_VID_LEN);
	assert_int_equal(v1_heartbeat_vid_ms(v), 5000);
	assert_int_equal(v1_heartbeat_vid_ms(span_of(buf, v.len - 1)), 0);
	assert_int_equal(v1_heartbeat_vid_ms(span_of(buf, v.len + 1)), 0);
	assert_int_equal(v1_heartbeat_vid_ms(v1_heartbeat_vid(buf, HEARTBEAT_MIN_MS - 1)), 0);
	assert_int_equal(v1_heartbeat_vid_ms(v1_heartbeat_vid(buf, HEARTBEAT_MIN_MS)), HEARTBEAT_MIN_MS);
	assert_int_equal(v1_heartbeat_vid_ms(v1_heartbeat_vid(buf, HEARTBEAT_MAX_MS)), HEARTBEAT_MAX_MS);
	assert_int_equal(v1_heartbeat_vid_ms(v1_heartbeat_vid(buf, HEARTBEAT_MAX_MS + 1)), 0);
	buf[0] ^= 1;
	assert_int_equal(v1_heartbeat_vid_ms(v), 0);
}

/* --- listening --- */

static void
on_event(void *ctx, const struct ike_ping_event *ev)
{
	struct pair *p = ctx;

	assert_true(p->n < EVENTS_MAX);
	p->ev[p->n++] = *ev;
}

static void
listen_for(struct pair *p, uint32_t count, uint32_t hello_ms)
{
	struct ike_ping_conf conf = {
		.rand = rand_system, .count = count, .hello_ms = hello_ms, .threshold = 3,
		.interval_ms = 1000, .wait_ms = 1000, .tell = on_event, .ctx = p,
	};
	struct fault f = {0};

	ike_ping_free(p->ping);
	p->n = 0;
	if ((p->ping = ike_ping_heartbeats(&p->sim.end[0].ike, &conf, ping_now(p), &f)) == NULL)
		fail_msg("%s", f.what);
}

/* Lets ${ms} pass, with the listener doing what is due. */
static void
run(struct pair *p, uint64_t ms)
{
	struct ike_outbox out = {0}, in = {0};
	uint64_t end = p->sim.now.ms + ms;
	struct ike_out *item;

	while (p->sim.now.ms < end) {
		if (p->ping != NULL && machine_deadline_us(ike_ping_machine(p->ping)) <= now_us(ping_now(p)))
			machine_timeout(ike_ping_machine(p->ping), ping_now(p), &out);
		while ((item = outbox_take(&out)) != NULL) {
			if (item->kind == IKE_OUT_DATAGRAM)
				ike_engine_datagram(p->sim.end[1].engine, p->sim.now, &sim_right,
				    &sim_left, span_of(item->dgram.data, item->dgram.len), &in);
			ike_out_free(item);
		}
		sim_flush(&p->sim, 1, &in);
		sim_run(&p->sim, 10, NULL);
	}
}

/* The resident engine of left was killed; only its record exists. */
static void
resident_goes(struct pair *p)
{
	struct ike_conf conf = { .policies = &p->left, .n_policies = 1 };

	ike_engine_free(p->sim.end[0].engine);
	conf.rand = rand_seeded(&p->sim.end[0].seed, span_str("gone"));
	p->sim.end[0].engine = ike_engine_new(&conf, NULL);
}

static void
each_hello_is_shown(void **state)
{
	struct pair *p = pair_new(20, INTERVAL, 2 * INTERVAL);
	size_t i;

	(void)state;
	up(p);
	run(p, 5000);
	listen_for(p, 5, 0);
	run(p, 20000);
	assert_int_equal(p->n, 5);
	for (i = 0; i < 5; i++) {
		assert_int_equal(p->ev[i].what, IKE_PING_HELLO);
		assert_int_equal(p->ev[i].count, i + 1);
		assert_int_equal(p->ev[i].seq, p->ev[0].seq + i);
		assert_int_equal(p->ev[i].rtt_us, i == 0 ? 0 : 2000 * INTERVAL);
		assert_int_equal(p->ev[i].interval_ms, 2 * INTERVAL);
		assert_int_equal(p->ev[i].heard, p->ev[0].heard + 2 * i);
		assert_int_equal(p->ev[i].lost, 0);
	}
	assert_true(machine_over(ike_ping_machine(p->ping)));
	assert_int_equal(ike_ping_stats(p->ping)->sent, 5);
	assert_int_equal(ike_ping_stats(p->ping)->answered, 5);
	assert_int_equal(ike_ping_stats(p->ping)->measured, 4);
	assert_int_equal(ike_ping_stats(p->ping)->max_us, 2000 * INTERVAL);
	/* It said nothing. */
	assert_in_range(p->hellos[0], 25, 26);
	pair_free(p);
}

static void
lost_hellos_are_counted_and_the_threshold_is_reported(void **state)
{
	struct pair *p = pair_new(21, INTERVAL, INTERVAL);
	static const enum ike_ping_what said[] = {
		IKE_PING_HELLO, IKE_PING_HELLO, IKE_PING_LOST, IKE_PING_LOST, IKE_PING_LOST, IKE_PING_DEAD,
		IKE_PING_LOST, IKE_PING_HELLO, IKE_PING_HELLO,
	};
	size_t i;

	(void)state;
	p->left.heartbeat_threshold = 10;
	up(p);
	run(p, 2000);
	listen_for(p, 0, 0);
	run(p, 2000);
	p->mute[1] = true;
	run(p, 4200);
	p->mute[1] = false;
	run(p, 1500);
	assert_int_equal(p->n, sizeof(said) / sizeof(said[0]));
	for (i = 0; i < p->n; i++)
		assert_int_equal(p->ev[i].what, said[i]);
	for (i = 0; i < 4; i++) {
		size_t k = i < 3 ? 2 + i : 6;

		assert_int_equal(p->ev[k].lost, i + 1);
		assert_int_equal(p->ev[k].seq, p->ev[1].seq + i + 1);
	}
	assert_int_equal(p->ev[7].seq, p->ev[1].seq + 5);
	assert_int_equal(p->ev[7].lost, 4);
	assert_int_equal(p->ev[7].rtt_us, 0);
	assert_int_equal(ike_ping_stats(p->ping)->sent, 8);
	assert_int_equal(ike_ping_stats(p->ping)->answered, 4);
	/* Silence ends a counted run, too. */
	listen_for(p, 2, 0);
	p->mute[1] = true;
	run(p, 5000);
	assert_true(machine_over(ike_ping_machine(p->ping)));
	assert_int_equal(ike_ping_stats(p->ping)->sent, 2);
	assert_int_equal(ike_ping_stats(p->ping)->answered, 0);
	pair_free(p);
}

/* One that comes after it had been given up was not lost, and is not due twice. */
static void
a_late_hello_is_not_lost(void **state)
{
	struct pair *p = pair_new(22, INTERVAL, INTERVAL);
	struct ike_hello h = { .interval_ms = INTERVAL };
	struct ike_outbox out = {0};
	struct ike_out *item;

	(void)state;
	up(p);
	run(p, 2000);
	listen_for(p, 0, 0);
	run(p, 2000);
	p->mute[1] = true;
	run(p, 1700);
	assert_int_equal(p->ev[p->n - 1].what, IKE_PING_LOST);
	assert_int_equal(ike_ping_stats(p->ping)->sent, 3);
	h.seq = p->ev[p->n - 2].seq + 1;
	v1_heartbeat_send(v1_sa_of(p->sim.end[1].engine->sas), &h, &out);
	item = outbox_take(&out);
	take(p, span_of(item->dgram.data, item->dgram.len));
	assert_int_equal(p->ev[p->n - 1].what, IKE_PING_HELLO);
	assert_int_equal(p->ev[p->n - 1].lost, 0);
	assert_int_equal(ike_ping_stats(p->ping)->sent, 3);
	assert_int_equal(ike_ping_stats(p->ping)->answered, 3);
	/* And once more it is a replay, that counts for nothing. */
	take(p, span_of(item->dgram.data, item->dgram.len));
	assert_int_equal(p->ev[p->n - 1].what, IKE_PING_REPLAY);
	assert_int_equal(ike_ping_stats(p->ping)->sent, 3);
	assert_int_equal(ike_ping_stats(p->ping)->answered, 3);
	/* Numbers that leap do not make more lost than there was time for. */
	ike_out_free(item);
	run(p, 300);
	h.seq += 100000;
	v1_heartbeat_send(v1_sa_of(p->sim.end[1].engine->sas), &h, &out);
	item = outbox_take(&out);
	take(p, span_of(item->dgram.data, item->dgram.len));
	assert_int_equal(p->ev[p->n - 1].what, IKE_PING_HELLO);
	assert_int_equal(ike_ping_stats(p->ping)->sent, 4);
	ike_out_free(item);
	pair_free(p);
}

/* With no resident tool the listener keeps the SA alive at the peer, run after run. */
static void
alone_it_says_hello_itself(void **state)
{
	struct pair *p = pair_new(23, INTERVAL, INTERVAL);
	unsigned i;

	(void)state;
	p->right.heartbeat_threshold = 3;
	up(p);
	run(p, 7000);
	resident_goes(p);
	for (i = 0; i < 3; i++) {
		listen_for(p, 20, INTERVAL);
		run(p, 21000);
		assert_true(machine_over(ike_ping_machine(p->ping)));
		assert_int_equal(ike_ping_stats(p->ping)->answered, 20);
		assert_int_equal(p->ev[19].heard, p->ev[18].heard + 1);
		assert_true(p->ev[19].heard > 20 * i + 15);
	}
	assert_int_equal(p->sim.end[1].n_gone, 0);
	run(p, 6000);
	assert_int_equal(p->sim.end[1].n_gone, 1);
	pair_free(p);
}

/* It sends hellos beside the resident engine: the one that is behind continues above the other. */
static void
two_senders_share_the_sequence_numbers(void **state)
{
	struct pair *p = pair_new(24, 2 * INTERVAL, INTERVAL);

	(void)state;
	p->right.heartbeat_threshold = 3;
	up(p);
	run(p, 7000);
	listen_for(p, 0, INTERVAL / 2);
	run(p, 20000);
	ike_ping_free(p->ping);
	p->ping = NULL;
	run(p, 60000);
	assert_int_equal(p->sim.end[1].n_gone, 0);
	assert_int_equal(v1_sa_of(p->sim.end[1].engine->sas)->hb.seq_in, v1_sa_of(p->sim.end[0].engine->sas)->hb.seq_out);
	assert_int_equal(v1_sa_of(p->sim.end[1].engine->sas)->hb.peer_ms, 2 * INTERVAL);
	pair_free(p);
}

/* dpd-ping without --heartbeat takes the resident tool's hellos for no word to itself. */
static void
questions_go_past_hellos(void **state)
{
	struct pair *p = pair_new(25, INTERVAL, INTERVAL);
	struct ike_ping_conf conf = {
		.rand = rand_system, .count = 1, .interval_ms = 1000, .wait_ms = 5000,
		.tell = on_event, .ctx = p,
	};

	(void)state;
	up(p);
	p->ping = ike_ping_sa(&p->sim.end[0].ike, &conf, ping_now(p), NULL);
	assert_non_null(p->ping);
	run(p, 10000);
	assert_int_equal(p->n, 1);
	assert_int_equal(p->ev[0].what, IKE_PING_ANSWERED);
	pair_free(p);
}

static void
a_peer_without_is_refused(void **state)
{
	struct pair *p = pair_new(26, INTERVAL, 0);
	struct ike_ping_conf conf = { .rand = rand_system, .tell = on_event, .ctx = p };
	struct fault f = {0};

	(void)state;
	up(p);
	assert_null(ike_ping_heartbeats(&p->sim.end[0].ike, &conf, ping_now(p), &f));
	assert_int_equal(f.code, FAULT_PROTOCOL);
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_send_hellos),
		cmocka_unit_test(aggressive_mode_announces_heartbeats),
		cmocka_unit_test(a_peer_without_heartbeats_gets_none),
		cmocka_unit_test(a_peer_without_hellos_is_dead_and_the_initiator_reconnects),
		cmocka_unit_test(packet_loss_makes_no_peer_dead),
		cmocka_unit_test(one_way_silence_ends_both),
		cmocka_unit_test(replayed_hellos_do_not_count),
		cmocka_unit_test(reflected_hellos_do_not_count),
		cmocka_unit_test(forged_hellos_do_not_count),
		cmocka_unit_test(authentic_hellos_count),
		cmocka_unit_test(intervals_may_differ),
		cmocka_unit_test(hellos_continue_under_the_next_sa),
		cmocka_unit_test(a_pause_of_this_end_makes_no_peer_dead),
		cmocka_unit_test(numbers_wrap),
		cmocka_unit_test(vendor_ids_are_bounded),
		cmocka_unit_test(each_hello_is_shown),
		cmocka_unit_test(lost_hellos_are_counted_and_the_threshold_is_reported),
		cmocka_unit_test(a_late_hello_is_not_lost),
		cmocka_unit_test(alone_it_says_hello_itself),
		cmocka_unit_test(two_senders_share_the_sequence_numbers),
		cmocka_unit_test(questions_go_past_hellos),
		cmocka_unit_test(a_peer_without_is_refused),
	};

	return (cmocka_run_group_tests_name("heartbeat", tests, NULL, NULL));
}
