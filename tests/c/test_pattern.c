/* How a peer repeats itself, with an engine in memory as the peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/pattern.h"
#include "survey_net.h"
#include "wire/vid.h"

static void	carry(struct net *n, struct ike_pattern *p, struct ike_outbox *out);

static void
carry_back(struct net *n, struct ike_pattern *p, struct ike_outbox *back)
{
	struct ike_outbox more = {0};
	struct ike_out *item;

	while ((item = outbox_take(back)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM)
			machine_datagram(ike_pattern_machine(p), net_later(n), &survey_us, &survey_peer,
			    span_of(item->dgram.data, item->dgram.len), &more);
		ike_out_free(item);
		carry(n, p, &more);
	}
}

static void
carry(struct net *n, struct ike_pattern *p, struct ike_outbox *out)
{
	struct ike_outbox back = {0};
	struct ike_out *item;

	while ((item = outbox_take(out)) != NULL) {
		if (n->carried++ >= n->mute_first)
			ike_engine_datagram(n->peer, n->now, &item->dgram.remote, &item->dgram.local,
			    span_of(item->dgram.data, item->dgram.len), &back);
		ike_out_free(item);
		carry_back(n, p, &back);
	}
}

static struct ike_pattern_result
run(enum sa_exchange exchange, unsigned lost, uint32_t limit_ms)
{
	struct ike_outbox out = {0};
	struct ike_pattern_result r;
	struct ike_pattern_conf c = {0};
	struct ike_pattern *p;
	struct net n;
	uint64_t next, was;

	net_init(&n, "aes128-sha1-modp1024", exchange);
	n.mute_first = lost;
	c.rand = n.conf.rand;
	c.local = survey_us;
	c.remote = survey_peer;
	c.offer = (struct probe_transform){
	    { alg_enc_word("aes128"), alg_hash_word("sha1"), alg_group_word("modp1024") }, AUTH_PSK };
	c.id = n.conf.id;
	c.no_main = exchange == SA_AGGRESSIVE;
	c.natt = 1U << VID_NATT_RFC3947;
	c.timeout_ms = 4000;
	c.quiet_ms = 20000;
	c.limit_ms = limit_ms;
	p = ike_pattern_new(&c, NULL);
	assert_non_null(p);
	while (!machine_over(ike_pattern_machine(p))) {
		machine_timeout(ike_pattern_machine(p), n.now, &out);
		carry(&n, p, &out);
		was = n.now.ms;
		next = net_deadline_ms(ike_pattern_machine(p));
		if (ike_engine_deadline(n.peer) < next)
			next = ike_engine_deadline(n.peer);
		if (next == UINT64_MAX)
			break;
		n.now.ms = next > was ? next : was + 1;
		n.now.epoch += n.now.ms / 1000 - was / 1000;
		ike_engine_timeout(n.peer, n.now, &out);
		carry_back(&n, p, &out);
	}
	r = *ike_pattern_result(p);
	ike_pattern_free(p);
	net_free(&n);
	return (r);
}

static void
repeats(const struct ike_pattern_result *r, enum pattern_of of, const uint32_t *after_ms, size_t n)
{
	size_t i;

	assert_true(r->of[of].answered && r->of[of].ended);
	assert_int_equal(r->of[of].n, n);
	for (i = 0; i < n; i++)
		assert_in_range(r->of[of].after_ms[i], after_ms[i] - 50, after_ms[i] + 50);
}

static const uint32_t main_4[] = { 500, 1000, 2000, 4000, 8000, 8000 };

static void
only_message_4_of_main_mode_is_repeated(void **state)
{
	struct ike_pattern_result r = run(SA_MAIN, 0, 300000);

	(void)state;
	repeats(&r, PATTERN_MAIN_2, NULL, 0);
	repeats(&r, PATTERN_MAIN_4, main_4, 6);
	assert_false(r.of[PATTERN_AGGRESSIVE_2].answered);
	assert_string_equal(ike_pattern_like(&r), "sapipe");
}

static void
aggressive_mode_repeats_nothing_unasked(void **state)
{
	struct ike_pattern_result r = run(SA_AGGRESSIVE, 0, 300000);

	(void)state;
	assert_false(r.of[PATTERN_MAIN_2].asked || r.of[PATTERN_MAIN_4].asked);
	repeats(&r, PATTERN_AGGRESSIVE_2, NULL, 0);
	assert_null(ike_pattern_like(&r));
}

/* What answers our own resend is no repetition. */
static void
lost_probes_change_nothing(void **state)
{
	struct ike_pattern_result r = run(SA_MAIN, 4, 300000);

	(void)state;
	repeats(&r, PATTERN_MAIN_2, NULL, 0);
	repeats(&r, PATTERN_MAIN_4, main_4, 6);
}

static void
time_is_bounded_and_the_end_not_claimed(void **state)
{
	struct ike_pattern_result r = run(SA_MAIN, 0, 10000);

	(void)state;
	assert_true(r.elapsed_ms <= 10100);
	assert_int_equal(r.of[PATTERN_MAIN_4].n, 4);
	assert_false(r.of[PATTERN_MAIN_4].ended);
	assert_null(ike_pattern_like(&r));
}

static void
habits_are_known_and_nothing_is_nobodys(void **state)
{
	static const uint32_t strongswan[] = { 3995, 7199, 12961 }, quick[] = { 2003, 3602, 6490 };
	static const uint32_t libreswan[] = { 501, 499, 1003, 2000, 4001, 8002, 16003 };
	struct ike_pattern_result r = {0};

	(void)state;
	assert_null(ike_pattern_like(&r));
	r.of[PATTERN_AGGRESSIVE_2].n = 3;
	memcpy(r.of[PATTERN_AGGRESSIVE_2].after_ms, strongswan, sizeof(strongswan));
	assert_string_equal(ike_pattern_like(&r), "strongSwan 5");
	r.of[PATTERN_AGGRESSIVE_2].n = 2;
	assert_null(ike_pattern_like(&r));
	r.of[PATTERN_AGGRESSIVE_2].n = 3;
	r.of[PATTERN_AGGRESSIVE_2].after_ms[1] = 9000;
	assert_null(ike_pattern_like(&r));
	/* Another retransmit_timeout of strongSwan: the ratio shows it. */
	memcpy(r.of[PATTERN_AGGRESSIVE_2].after_ms, quick, sizeof(quick));
	assert_string_equal(ike_pattern_like(&r), "strongSwan 5");
	r.of[PATTERN_AGGRESSIVE_2].n = 7;
	memcpy(r.of[PATTERN_AGGRESSIVE_2].after_ms, libreswan, sizeof(libreswan));
	assert_string_equal(ike_pattern_like(&r), "libreswan");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_message_4_of_main_mode_is_repeated),
		cmocka_unit_test(aggressive_mode_repeats_nothing_unasked),
		cmocka_unit_test(lost_probes_change_nothing),
		cmocka_unit_test(time_is_bounded_and_the_end_not_claimed),
		cmocka_unit_test(habits_are_known_and_nothing_is_nobodys),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
