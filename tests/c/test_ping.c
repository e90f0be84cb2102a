/* dpd-ping's machine against an engine in memory, with the resident engine beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/ping.h"
#include "probe/probe.h"
#include "ike/engine_priv.h"
#include "ike/v1/dpd.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"
#include "sim.h"

#define EVENTS_MAX	64

struct host {			/* left's machine: a resident engine and a ping share its ports */
	struct ike_policy	left, right;
	struct sim		sim;
	struct ike_ping		*ping;
	bool			 peer_mute;	/* right hears nothing of the ping's */
	bool			 alone;		/* no resident engine any more */
	size_t			 n;
	struct ike_ping_event	 ev[EVENTS_MAX];
	/* What right is asked, by either: it opens the messages as right would. */
	struct ike_engine	*watcher;
	struct ike_policy	 watch_policy;
	uint32_t		 last, passed, refused;
	uint64_t		 late_us;	/* added to the time of the ping */
};

static void
on_event(void *ctx, const struct ike_ping_event *ev)
{
	struct host *h = ctx;

	assert_true(h->n < EVENTS_MAX);
	h->ev[h->n++] = *ev;
}

static struct host *
host_with_dpd(uint64_t seed, uint32_t dpd_seconds)
{
	struct host *h = calloc(1, sizeof(*h));
	struct fault f = {0};

	assert_non_null(h);
	(void)secret_init();
	sim_policies(&h->left, &h->right, "aes128-sha256-modp1024", "aes128-sha256");
	h->left.dpd_seconds = dpd_seconds;
	h->left.dpd_tries = 2;
	sim_init(&h->sim, &h->left, &h->right, seed);
	assert_int_equal(sim_connect(&h->sim, &h->left, true, &f), 0);
	sim_run(&h->sim, 2000, NULL);
	assert_int_equal(h->sim.end[0].n_ike, 1);
	return (h);
}

static struct host *
host_new(uint64_t seed)
{
	return (host_with_dpd(seed, 0));
}

static void
host_free(struct host *h)
{
	ike_ping_free(h->ping);
	ike_engine_free(h->watcher);
	sim_free(&h->sim);
	ike_policy_wipe(&h->left);
	ike_policy_wipe(&h->right);
	free(h);
}

static struct now
now(const struct host *h)
{
	struct now t = now_at_us(h->sim.now.ms * 1000 + h->late_us);

	t.epoch = h->sim.now.epoch;
	t.epoch_us = (uint32_t)(h->sim.now.ms % 1000 * 1000);
	return (t);
}

/* ${data} of the peer reaches the ping. */
static void
take(struct host *h, struct span data)
{
	machine_datagram(ike_ping_machine(h->ping), now(h), &sim_left, &sim_right, data, NULL);
}

static void
ping_open_every(struct host *h, uint32_t count, bool with_sa, uint32_t interval_ms)
{
	struct ike_ping_conf conf = {
		.rand = rand_system, .count = count, .interval_ms = interval_ms, .wait_ms = 2000,
		.tell = on_event, .ctx = h,
	};
	struct fault f = {0};

	ike_ping_free(h->ping);
	h->ping = with_sa ? ike_ping_sa(&h->sim.end[0].ike, &conf, now(h), &f) :
	    ike_ping_peer(&sim_left, &sim_right, &conf, &f);
	if (h->ping == NULL)
		fail_msg("%s", f.what);
}

static void
ping_open(struct host *h, uint32_t count, bool with_sa)
{
	ping_open_every(h, count, with_sa, 1000);
}

/* Whether right takes it: a number has to be above the last one. */
static bool
strict(struct host *h, uint8_t *data, size_t len)
{
	static uint8_t buf[ISAKMP_MSG_MAX];
	const struct sa_ike *s = &h->sim.end[0].ike;
	struct isakmp_hdr hdr;
	struct isakmp_msg m;
	struct isakmp_notify n;
	uint32_t seq;

	if (h->watcher == NULL || isakmp_hdr_get(&hdr, span_of(data, len), NULL) != 0 ||
	    hdr.exchange != EXCHANGE_INFO ||
	    v1_info_open(v1_sa_of(ike_sa_find(h->watcher, s->spi_i, s->spi_r)), &hdr,
	    span_of(data, len), buf, &m) != 0 ||
	    isakmp_notify_get(&n, m.pl[1].body, NULL) != 0 || n.type != NOTIFY_R_U_THERE)
		return (true);
	assert_int_equal(n.data.len, 4);
	seq = get_be32(n.data.p);
	if (h->passed > 0 && (int32_t)(seq - h->last) <= 0) {
		h->refused++;
		return (false);
	}
	h->passed++;
	h->last = seq;
	return (true);
}

static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	return (from != 0 || strict(s->tap_arg, data, len));
}

static void
watch(struct host *h)
{
	struct ike_conf conf = { .rand = rand_system };
	struct sa_rec rec = { .type = SA_IKE };
	struct fault f;

	ike_policy_default(&h->watch_policy);
	h->watcher = ike_engine_new(&conf, &f);
	assert_int_equal(sa_ike_copy(&rec.ike, &h->sim.end[0].ike), 0);
	assert_int_equal(ike_engine_adopt(h->watcher, h->sim.now, &rec, &h->watch_policy, &f), 0);
	sa_rec_wipe(&rec);
	h->sim.tap = tap;
	h->sim.tap_arg = h;
}

/* What right answers goes to both, as the shared ports do it; ${rtt_us} later. */
static void
carry(struct host *h, struct ike_outbox *out, uint64_t rtt_us)
{
	struct ike_outbox back = {0}, more = {0};
	struct ike_out *item;

	while ((item = outbox_take(out)) != NULL) {
		assert_int_equal(item->kind, IKE_OUT_DATAGRAM);
		assert_true(endpoint_eq(&item->dgram.remote, &sim_right));
		if (!h->peer_mute && strict(h, item->dgram.data, item->dgram.len))
			ike_engine_datagram(h->sim.end[1].engine, h->sim.now, &sim_right, &sim_left,
			    span_of(item->dgram.data, item->dgram.len), &back);
		ike_out_free(item);
	}
	h->late_us += rtt_us;
	while ((item = outbox_take(&back)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM) {
			struct span d = span_of(item->dgram.data, item->dgram.len);

			take(h, d);
			if (!h->alone)
				ike_engine_datagram(h->sim.end[0].engine, h->sim.now, &sim_left,
				    &sim_right, d, &more);
			sim_flush(&h->sim, 0, &more);
		}
		ike_out_free(item);
	}
	h->late_us -= rtt_us;
}

/* Lets ${ms} pass, with the ping doing what is due. */
static void
ping_run(struct host *h, uint64_t ms, uint64_t rtt_us)
{
	struct ike_outbox out = {0};
	uint64_t end = h->sim.now.ms + ms, due;

	while (h->sim.now.ms <= end) {
		due = machine_deadline_us(ike_ping_machine(h->ping));
		if (due <= now_us(now(h))) {
			machine_timeout(ike_ping_machine(h->ping), now(h), &out);
			carry(h, &out, rtt_us);
		}
		sim_run(&h->sim, 10, NULL);
	}
}

static void
answers_are_counted(void **state)
{
	struct host *h = host_new(1);
	const struct ike_ping_stats *st;
	size_t i;

	(void)state;
	ping_open(h, 3, true);
	ping_run(h, 5000, 1234);
	assert_int_equal(h->n, 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(h->ev[i].what, IKE_PING_ANSWERED);
		assert_int_equal(h->ev[i].count, i + 1);
		assert_int_equal(h->ev[i].rtt_us, 1234);
		assert_int_equal(h->ev[i].seq, h->ev[0].seq + i);
	}
	assert_true(machine_over(ike_ping_machine(h->ping)));
	assert_true(machine_deadline_us(ike_ping_machine(h->ping)) == UINT64_MAX);
	st = ike_ping_stats(h->ping);
	assert_int_equal(st->sent, 3);
	assert_int_equal(st->answered, 3);
	assert_int_equal(st->min_us, 1234);
	assert_int_equal(st->max_us, 1234);
	assert_int_equal(st->sum_us, 3 * 1234);
	host_free(h);
}

static void
sequence_numbers_rise_between_runs(void **state)
{
	struct host *h = host_new(2);
	uint32_t last = 0, first;
	int run;

	(void)state;
	for (run = 0; run < 5; run++) {
		h->n = 0;
		ping_open(h, 2, true);
		ping_run(h, 1500, 100);
		assert_int_equal(h->n, 2);
		first = h->ev[0].seq;
		if (run > 0)
			assert_true((int32_t)(first - last) > 0);
		/* RFC 3706 section 5.4: begin with the top bit zero */
		assert_true(first < 0x80000000);
		last = h->ev[1].seq;
	}
	host_free(h);
}

/* Somebody sets the date between two runs: a strict peer drops what is not above all before. */
static void
sequence_numbers_rise_whatever_the_date_does(void **state)
{
	static const int64_t steps[] = { 0, -3600, 7200, -1, -86400 };
	struct host *h = host_new(5);
	size_t i;

	(void)state;
	h->sim.now.ms += 4 * 3600000;	/* the machine has been up for longer than its date is set forward */
	watch(h);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		h->n = 0;
		h->sim.now.epoch += (uint64_t)steps[i];
		ping_open(h, 2, true);
		ping_run(h, 1500, 100);
		assert_int_equal(h->n, 2);
		assert_int_equal(h->ev[0].what, IKE_PING_ANSWERED);
		assert_int_equal(h->ev[1].what, IKE_PING_ANSWERED);
	}
	assert_int_equal(h->refused, 0);
	host_free(h);
}

/* The time since the start, in days, and the date, in seconds since the SA was established: each number is above the last. */
static void
sequence_numbers_rise_over_laps_and_restarts(void **state)
{
	static const struct row { double days; uint64_t age; } same[] = { { 0.01, 0 }, { 0.02, 800 }, { 1, 86000 } },
	    lap[] = { { 124.2, 0 }, { 124.25, 4300 }, { 124.3, 8600 }, { 124.31, 8000 } },
	    restart[] = { { 100, 0 }, { 0.001, 8600 }, { 0.01, 9400 } },
	    no_clock[] = { { 0.001, 0 }, { 0.002, 1700000000 }, { 0.1, 1700008600 } };
	const struct { const char *name; const struct row *at; size_t n; } rows[] = { { "same", same, 3 }, { "lap", lap, 4 },
	    { "restart", restart, 3 }, { "no clock", no_clock, 3 } };
	struct host *h = host_new(6);
	struct v1_sa *sa;
	struct now t;
	uint32_t seq, last;
	size_t i, k;

	(void)state;
	watch(h);
	sa = v1_sa_of(ike_sa_find(h->watcher, h->sim.end[0].ike.spi_i, h->sim.end[0].ike.spi_r));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (k = last = 0; k < rows[i].n; k++, last = seq) {
			t = (struct now){ .ms = (uint64_t)(rows[i].at[k].days * 86400000),
			    .epoch = sa->ike.established + rows[i].at[k].age };
			seq = v1_dpd_start(sa, t);
			if (k == 0)
				assert_true(seq < 0x80000000);	/* RFC 3706 section 5.4 */
			else if ((int32_t)(seq - last) <= 0)
				fail_msg("%s: %u after %u", rows[i].name, seq, last);
		}
	host_free(h);
}

/*
 * A peer as strict as they come: a number counts only if it is above all before. Both ask, in turns and
 * at the same time.
 */
static void
it_shares_the_numbers_with_the_resident_engine(void **state)
{
	struct host *h = host_with_dpd(3, 2);
	int i;

	(void)state;
	watch(h);
	for (i = 0; i < 6; i++) {
		ping_open(h, 5, true);
		ping_run(h, 7000, 500);
		ping_run(h, 9000, 500);		/* the resident one alone */
	}
	assert_int_equal(h->n, 30);
	for (i = 0; i < 30; i++)
		assert_int_equal(h->ev[i].what, IKE_PING_ANSWERED);
	assert_int_equal(h->refused, 0);
	assert_true(h->passed > 30 + 6);	/* the resident one did ask */
	assert_int_equal(h->sim.end[0].n_gone, 0);
	host_free(h);
}

/* The answers to the ping get lost, so the resident engine does not know how far it counted. */
static void
lost_answers_do_not_end_the_resident_engine(void **state)
{
	struct host *h = host_with_dpd(4, 2);
	int i;

	(void)state;
	watch(h);
	h->alone = true;
	for (i = 0; i < 6; i++) {
		ping_open(h, 3, true);
		ping_run(h, 4000, 500);
		ping_run(h, 9000, 500);
	}
	assert_true(h->refused > 0);		/* else this shows nothing */
	assert_int_equal(h->sim.end[0].n_gone, 0);
	host_free(h);
}

static void
timeouts_are_reported_and_late_answers_count(void **state)
{
	struct host *h = host_new(4);
	struct ike_outbox out = {0}, back = {0};
	struct ike_out *item, *kept = NULL;

	(void)state;
	ping_open(h, 3, true);
	machine_timeout(ike_ping_machine(h->ping), now(h), &out);
	item = outbox_take(&out);
	ike_engine_datagram(h->sim.end[1].engine, h->sim.now, &sim_right, &sim_left,
	    span_of(item->dgram.data, item->dgram.len), &back);
	ike_out_free(item);
	while ((item = outbox_take(&back)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM && kept == NULL)
			kept = item;
		else
			ike_out_free(item);
	}
	assert_non_null(kept);
	h->peer_mute = true;
	ping_run(h, 2500, 0);
	assert_int_equal(h->n, 1);
	assert_int_equal(h->ev[0].what, IKE_PING_SILENCE);
	take(h, span_of(kept->dgram.data, kept->dgram.len));
	assert_int_equal(h->n, 2);
	assert_int_equal(h->ev[1].what, IKE_PING_LATE);
	assert_int_equal(h->ev[1].count, 1);
	assert_true(h->ev[1].rtt_us >= 2500000);
	/* once */
	take(h, span_of(kept->dgram.data, kept->dgram.len));
	assert_int_equal(h->n, 2);
	ping_run(h, 6000, 0);
	assert_true(machine_over(ike_ping_machine(h->ping)));
	assert_int_equal(ike_ping_stats(h->ping)->sent, 3);
	assert_int_equal(ike_ping_stats(h->ping)->answered, 1);
	ike_out_free(kept);
	host_free(h);
}

/* Every bit of an answer counts. */
static void
forged_answers_do_not_count(void **state)
{
	struct host *h = host_new(5);
	struct ike_outbox out = {0}, back = {0};
	struct ike_out *item;
	uint8_t copy[512];
	size_t bit, len = 0;

	(void)state;
	ping_open(h, 1, true);
	machine_timeout(ike_ping_machine(h->ping), now(h), &out);
	item = outbox_take(&out);
	ike_engine_datagram(h->sim.end[1].engine, h->sim.now, &sim_right, &sim_left,
	    span_of(item->dgram.data, item->dgram.len), &back);
	ike_out_free(item);
	while ((item = outbox_take(&back)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM) {
			len = item->dgram.len;
			assert_true(len <= sizeof(copy));
			memcpy(copy, item->dgram.data, len);
		}
		ike_out_free(item);
	}
	assert_true(len > 28);
	for (bit = 0; bit < len * 8; bit++) {
		/* Flags without a meaning here, the minor version and the MBZ bits are not covered. */
		if (bit / 8 == 17 || bit / 8 == 19)
			continue;
		copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
		take(h, span_of(copy, len));
		if (ike_ping_stats(h->ping)->answered != 0)
			fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
		copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_int_equal(h->n, 0);
	take(h, span_of(copy, len));
	assert_int_equal(ike_ping_stats(h->ping)->answered, 1);
	host_free(h);
}

static void
a_peer_that_forgot_says_so(void **state)
{
	struct host *h = host_new(6);
	struct ike_outbox out = {0};
	struct isakmp_hdr hdr = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_INFO, .mid = 7 };
	struct isakmp_notify n = { .doi = DOI_IPSEC, .proto = PROTO_ISAKMP,
	    .type = NOTIFY_INVALID_COOKIE };
	struct isakmp_builder b;
	uint8_t buf[256];
	struct span msg;

	(void)state;
	ping_open(h, 1, true);
	h->peer_mute = true;
	machine_timeout(ike_ping_machine(h->ping), now(h), &out);
	outbox_free(&out);
	memcpy(hdr.cky_i, h->sim.end[0].ike.spi_i, 8);
	memcpy(hdr.cky_r, h->sim.end[0].ike.spi_r, 8);
	isakmp_begin(&b, buf, sizeof(buf), &hdr);
	isakmp_payload_begin(&b, PAYLOAD_N);
	isakmp_notify_put(&b.w, &n);
	isakmp_payload_end(&b);
	msg = isakmp_end(&b);
	/* In clear, so it is reported once and not trusted: the ping keeps waiting. */
	take(h, msg);
	take(h, msg);
	assert_int_equal(h->n, 1);
	assert_int_equal(h->ev[0].what, IKE_PING_UNKNOWN_SA);
	assert_false(machine_over(ike_ping_machine(h->ping)));
	ping_run(h, 3000, 0);
	assert_true(machine_over(ike_ping_machine(h->ping)));
	assert_int_equal(h->n, 1);
	assert_int_equal(ike_ping_stats(h->ping)->answered, 0);
	host_free(h);
}

static void
a_delete_ends_it(void **state)
{
	struct host *h = host_new(7);
	struct ike_outbox out = {0};
	struct ike_out *item;

	(void)state;
	ping_open(h, 0, true);
	ping_run(h, 2500, 100);
	assert_int_equal(h->n, 3);
	ike_engine_shutdown(h->sim.end[1].engine, h->sim.now, &out);
	while ((item = outbox_take(&out)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM)
			take(h, span_of(item->dgram.data, item->dgram.len));
		ike_out_free(item);
	}
	assert_int_equal(h->ev[h->n - 1].what, IKE_PING_DELETED);
	assert_true(machine_over(ike_ping_machine(h->ping)));
	host_free(h);
}

static void
no_probe_is_sent_under_an_expired_sa(void **state)
{
	struct host *h = host_new(8);
	struct ike_ping_conf conf = { .rand = rand_system, .tell = on_event, .ctx = h };
	struct sa_ike *s = &h->sim.end[0].ike;
	struct fault f = {0};

	(void)state;
	s->lifetime.expires = h->sim.now.epoch;
	assert_null(ike_ping_sa(s, &conf, now(h), &f));
	assert_int_equal(f.code, FAULT_NO_IKE_SA);
	s->lifetime.expires = h->sim.now.epoch + 3;
	h->alone = true;
	ping_open(h, 0, true);
	ping_run(h, 6000, 100);
	assert_true(machine_over(ike_ping_machine(h->ping)));
	assert_int_equal(h->ev[h->n - 1].what, IKE_PING_EXPIRED);
	host_free(h);
}

/* A record whose words and keys do not fit is refused, not used. */
static void
a_record_that_does_not_fit_is_refused(void **state)
{
	struct host *h = host_new(9);
	struct ike_ping_conf conf = { .rand = rand_system, .tell = on_event, .ctx = h };
	struct sa_ike *s = &h->sim.end[0].ike;
	struct fault f = {0};

	(void)state;
	s->key_bits = 256;
	assert_null(ike_ping_sa(s, &conf, now(h), &f));
	assert_int_equal(f.code, FAULT_BAD_RECORD);
	host_free(h);
}

/* One cookie as long as the peer takes an offer: one half-open exchange there, not one a probe. */
static void
strangers_are_answered(void **state)
{
	struct host *h = host_new(10);
	uint8_t id[2][16];

	(void)state;
	ping_open(h, 8, false);
	ike_ping_id(h->ping, id[0]);
	ping_run(h, 9000, 700);
	ike_ping_id(h->ping, id[1]);
	assert_memory_equal(id[0], id[1], 16);
	assert_int_equal(h->n, 8);
	assert_int_equal(h->ev[7].what, IKE_PING_ANSWERED);
	assert_int_equal(h->ev[7].rtt_us, 700);
	assert_int_equal(h->ev[7].notify, 0);
	assert_true(ike_engine_count_running(h->sim.end[1].engine) <= 1);
	host_free(h);
}

/* Asked twice a second, with an answer that comes late: a repeated message is answered twice a second, and not sooner. */
static void
a_late_answer_delays_the_next_probe(void **state)
{
	struct host *h = host_new(13);
	struct ike_outbox out = {0};

	(void)state;
	ping_open_every(h, 4, false, 500);
	machine_timeout(ike_ping_machine(h->ping), now(h), &out);
	sim_run(&h->sim, 300, NULL);		/* the first is on its way as long, the others not */
	carry(h, &out, 0);
	assert_int_equal(h->n, 1);
	assert_true(machine_deadline_us(ike_ping_machine(h->ping)) >= now_us(now(h)) + 500000);
	ping_run(h, 3000, 0);
	assert_int_equal(ike_ping_stats(h->ping)->sent, 4);
	assert_int_equal(ike_ping_stats(h->ping)->answered, 4);
	host_free(h);
}

static void
a_refusal_is_an_answer(void **state)
{
	struct host *h = host_new(11);

	(void)state;
	/* nothing of what is knocked with */
	assert_int_equal(ike_proposals_parse(&h->right.ike, "aes192-sha512-modp8192", NULL), 0);
	ping_open(h, 3, false);
	ping_run(h, 4000, 700);
	assert_int_equal(h->n, 3);
	assert_int_equal(h->ev[2].what, IKE_PING_ANSWERED);
	assert_int_equal(h->ev[2].notify, NOTIFY_NO_PROPOSAL_CHOSEN);
	host_free(h);
}

static void
icmp_errors_are_reported_only_for_that_peer(void **state)
{
	struct host *h = host_new(12);
	struct ike_outbox out = {0};
	struct endpoint other = sim_right;

	(void)state;
	h->peer_mute = true;
	ping_open(h, 1, false);
	machine_timeout(ike_ping_machine(h->ping), now(h), &out);
	outbox_free(&out);
	other.port++;
	machine_unreachable(ike_ping_machine(h->ping), now(h), &other, 111, NULL);
	assert_int_equal(h->n, 0);
	machine_unreachable(ike_ping_machine(h->ping), now(h), &sim_right, 111, NULL);
	machine_unreachable(ike_ping_machine(h->ping), now(h), &sim_right, 111, NULL);
	assert_int_equal(h->n, 1);
	assert_int_equal(h->ev[0].what, IKE_PING_UNREACHABLE);
	assert_int_equal(h->ev[0].sys, 111);
	host_free(h);
}

static void
offers_fit_a_datagram(void **state)
{
	static const uint8_t cookie[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t buf[PROBE_MSG_MAX];
	struct probe_offer o;
	struct isakmp_msg m;
	struct span msg;
	size_t i, j;

	(void)state;
	for (i = 0; probe_offer_broad(&o, i); i++) {
		assert_true(o.n > 0);
		for (j = 0; j < o.n; j++)
			assert_true(o.t[j].p.enc != NULL && o.t[j].p.enc->ike != 0 &&
			    o.t[j].p.hash != NULL && o.t[j].p.group != NULL);
		msg = probe_main1(buf, cookie, &o, PROBE_VIDS);
		assert_true(msg.len > 0);
		assert_int_equal(isakmp_msg_get(&m, msg, NULL), 0);
		assert_int_equal(m.pl[0].type, PAYLOAD_SA);
		assert_true(m.n >= 6);
	}
	assert_true(i > 2);
	assert_false(probe_offer_broad(&o, SIZE_MAX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_counted),
		cmocka_unit_test(sequence_numbers_rise_between_runs),
		cmocka_unit_test(sequence_numbers_rise_whatever_the_date_does),
		cmocka_unit_test(sequence_numbers_rise_over_laps_and_restarts),
		cmocka_unit_test(it_shares_the_numbers_with_the_resident_engine),
		cmocka_unit_test(lost_answers_do_not_end_the_resident_engine),
		cmocka_unit_test(timeouts_are_reported_and_late_answers_count),
		cmocka_unit_test(forged_answers_do_not_count),
		cmocka_unit_test(a_peer_that_forgot_says_so),
		cmocka_unit_test(a_delete_ends_it),
		cmocka_unit_test(no_probe_is_sent_under_an_expired_sa),
		cmocka_unit_test(a_record_that_does_not_fit_is_refused),
		cmocka_unit_test(strangers_are_answered),
		cmocka_unit_test(a_late_answer_delays_the_next_probe),
		cmocka_unit_test(a_refusal_is_an_answer),
		cmocka_unit_test(icmp_errors_are_reported_only_for_that_peer),
		cmocka_unit_test(offers_fit_a_datagram),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
