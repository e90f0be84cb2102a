/* vpnmon's machine, with time as an argument. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/monitor.h"

#define S	UINT64_C(1000000)
#define START	(1000 * S)

struct lab {
	struct monitor	m;
	uint64_t	now;
	unsigned	probes, rekeys, ups, downs;
	uint16_t	seq;
	uint64_t	rx;
	bool		count;		/* the device's packets are known */
};

static void
note(struct lab *l, struct monitor_do d)
{
	l->probes += d.probe;
	l->rekeys += d.rekey;
	l->ups += d.changed && l->m.state == MONITOR_UP;
	l->downs += d.changed && l->m.state == MONITOR_DOWN;
	if (d.probe)
		l->seq = d.seq;
}

static void
begin(struct lab *l, struct monitor_conf conf)
{
	*l = (struct lab){ .now = START };
	if (conf.interval_us == 0)
		conf.interval_us = 10 * S;
	if (conf.threshold == 0)
		conf.threshold = 10;
	monitor_start(&l->m, &conf, now_at_us(l->now));
}

static void
turn(struct lab *l)
{
	assert_true(l->m.deadline_us != MONITOR_NEVER && l->m.deadline_us >= l->now);
	l->now = l->m.deadline_us;
	note(l, monitor_turn(&l->m, now_at_us(l->now), l->count ? &l->rx : NULL));
}

/* The answer to the last probe, a millisecond after it. */
static void
answer(struct lab *l)
{
	l->now += 1000;
	note(l, monitor_answer(&l->m, now_at_us(l->now), l->seq));
}

static void
up_at_the_first_answer(void **state)
{
	struct lab l;

	(void)state;
	begin(&l, (struct monitor_conf){0});
	assert_true(l.m.state == MONITOR_READY && l.m.why == MONITOR_STARTED);
	assert_true(l.m.deadline_us == START);
	turn(&l);
	assert_true(l.probes == 1 && l.m.state == MONITOR_READY);
	answer(&l);
	assert_true(l.m.state == MONITOR_UP && l.m.why == MONITOR_ANSWERED && l.ups == 1);
	assert_true(l.m.rtt_us == 1000 && l.m.since_us == START + 1000);
	assert_true(l.m.deadline_us == START + 10 * S);
	turn(&l);
	answer(&l);
	assert_true(l.ups == 1 && l.m.sent == 2 && l.m.answered == 2);
}

static void
down_after_interval_times_threshold(void **state)
{
	struct lab l;

	(void)state;
	begin(&l, (struct monitor_conf){0});
	while (l.m.state == MONITOR_READY)
		turn(&l);
	assert_true(l.m.state == MONITOR_DOWN && l.m.why == MONITOR_SILENCE);
	assert_true(l.now == START + 100 * S && l.probes == 10 && l.rekeys == 0);
	/* The classic one stops asking. */
	assert_true(l.m.deadline_us == MONITOR_NEVER);
	/* A late answer counts too, and probing continues. */
	l.now += 2 * S;
	note(&l, monitor_answer(&l.m, now_at_us(l.now), l.seq));
	assert_true(l.m.state == MONITOR_UP && l.m.rtt_us == 12 * S);
	assert_true(l.m.deadline_us == l.now + 10 * S);
	turn(&l);
	assert_true(l.probes == 11);
}

static void
an_answer_resets_the_count(void **state)
{
	struct lab l;
	int i;

	(void)state;
	begin(&l, (struct monitor_conf){ .threshold = 3 });
	turn(&l);
	answer(&l);
	for (i = 0; i < 30; i++) {
		turn(&l);
		if (i % 3 == 2)
			answer(&l);
	}
	assert_true(l.downs == 0 && l.m.state == MONITOR_UP);
	for (i = 0; i < 4; i++)
		turn(&l);
	assert_true(l.downs == 1);
	assert_true(l.m.since_us - START == (30 + 4) * 10 * S);
}

static void
threshold_of_one(void **state)
{
	struct lab l;

	(void)state;
	begin(&l, (struct monitor_conf){ .threshold = 1, .persist = true });
	for (int i = 0; i < 5; i++) {
		turn(&l);
		answer(&l);
		turn(&l);
		turn(&l);
		assert_true(l.m.state == MONITOR_DOWN && l.downs == (unsigned)i + 1);
		answer(&l);
		assert_true(l.m.state == MONITOR_UP && l.ups == (unsigned)i + 2);
	}
	assert_true(l.m.changes == 11);
}

static void
foreign_answers_are_ignored(void **state)
{
	struct lab l;
	uint64_t at;

	(void)state;
	begin(&l, (struct monitor_conf){ .persist = true });
	/* Before anything was asked. */
	note(&l, monitor_answer(&l.m, now_at_us(l.now), 0));
	note(&l, monitor_answer(&l.m, now_at_us(l.now), 65535));
	assert_true(l.m.state == MONITOR_READY && l.m.answered == 0);
	turn(&l);
	note(&l, monitor_answer(&l.m, now_at_us(l.now), 1));	/* not asked yet */
	assert_true(l.m.answered == 0);
	answer(&l);
	at = l.m.rtt_us;
	l.now += S;
	note(&l, monitor_answer(&l.m, now_at_us(l.now), l.seq));	/* twice */
	assert_true(l.m.answered == 1 && l.m.rtt_us == at);
	for (unsigned i = 0; i < MONITOR_RING + 5; i++)
		turn(&l);
	assert_true(l.m.state == MONITOR_DOWN);
	note(&l, monitor_answer(&l.m, now_at_us(l.now), (uint16_t)(l.seq - MONITOR_RING)));	/* too old */
	assert_true(l.m.state == MONITOR_DOWN);
	note(&l, monitor_answer(&l.m, now_at_us(l.now), (uint16_t)(l.seq - MONITOR_RING + 1)));
	assert_true(l.m.state == MONITOR_UP);
}

static void
numbers_wrap(void **state)
{
	struct lab l;

	(void)state;
	begin(&l, (struct monitor_conf){ .threshold = 3 });
	for (uint32_t i = 0; i < 2 * 65536 + 10; i++) {
		turn(&l);
		assert_true(l.seq == (uint16_t)i);
		answer(&l);
	}
	assert_true(l.m.answered == 2 * 65536 + 10 && l.downs == 0);
	assert_true(monitor_loss(&l.m) < 0.001);
}

static void
the_rekey_command_runs_at_growing_intervals(void **state)
{
	/* After the DOWN at 100 s: 100 s, 200 s, 400 s, and then never more than 600 s. */
	static const unsigned at[] = { 100, 200, 400, 800, 1400, 2000 };
	struct lab l;
	unsigned seen = 0, i;

	(void)state;
	begin(&l, (struct monitor_conf){ .rekey = true });
	for (i = 0; i < 210; i++) {
		turn(&l);
		if (l.rekeys > seen) {
			assert_true(l.now == START + at[seen] * S);
			seen++;
		}
	}
	assert_true(seen == 6 && l.probes == 210);
	/* And from the beginning when it was back in between. */
	answer(&l);
	assert_true(l.m.state == MONITOR_UP);
	seen = l.rekeys;
	for (i = 0; i < 11; i++)
		turn(&l);
	assert_true(l.m.state == MONITOR_DOWN && l.rekeys == seen + 1);
	for (i = 0; i < 10; i++)
		turn(&l);
	assert_true(l.rekeys == seen + 2);
}

static void
a_long_first_pause_is_kept(void **state)
{
	struct lab l;

	(void)state;
	begin(&l, (struct monitor_conf){ .rekey = true, .interval_us = 100 * S });
	for (int i = 0; i <= 40; i++)
		turn(&l);
	assert_true(l.rekeys == 4);	/* at 1000, 2000, 3000 and 4000 s */
}

static void
persist_continues_probing(void **state)
{
	struct lab l;

	(void)state;
	begin(&l, (struct monitor_conf){ .persist = true });
	for (int i = 0; i < 50; i++)
		turn(&l);
	assert_true(l.probes == 50 && l.rekeys == 0 && l.downs == 1);
	answer(&l);
	assert_true(l.m.state == MONITOR_UP);
}

static void
a_nudge_sends_threshold_probes(void **state)
{
	struct lab l;

	(void)state;
	begin(&l, (struct monitor_conf){ .threshold = 3 });
	monitor_nudge(&l.m, now_at_us(l.now));
	while (l.m.deadline_us != MONITOR_NEVER)
		turn(&l);
	assert_true(l.probes == 3 && l.m.state == MONITOR_DOWN);
	l.now += 1000 * S;
	monitor_nudge(&l.m, now_at_us(l.now));
	assert_true(l.m.deadline_us == l.now);
	while (l.m.deadline_us != MONITOR_NEVER)
		turn(&l);
	assert_true(l.probes == 6 && l.downs == 1);
	monitor_nudge(&l.m, now_at_us(l.now));
	turn(&l);
	answer(&l);
	assert_true(l.m.state == MONITOR_UP && l.m.deadline_us != MONITOR_NEVER);
}

static void
unsent_probes_are_reported(void **state)
{
	struct lab l;

	(void)state;
	begin(&l, (struct monitor_conf){ .threshold = 2, .persist = true });
	turn(&l);
	monitor_unsent(&l.m, ENODEV);
	turn(&l);
	monitor_unsent(&l.m, ENETUNREACH);
	turn(&l);
	assert_true(l.m.state == MONITOR_DOWN && l.m.why == MONITOR_UNSENT && l.m.sys == ENETUNREACH);
	answer(&l);
	turn(&l);
	turn(&l);
	monitor_unsent(&l.m, ENODEV);
	turn(&l);
	/* One was sent: silence. */
	assert_true(l.m.state == MONITOR_DOWN && l.m.why == MONITOR_SILENCE);
}

static void
traffic_counts_when_asked_to(void **state)
{
	struct lab l;
	int i;

	(void)state;
	begin(&l, (struct monitor_conf){ .threshold = 3, .optimized = true });
	l.count = true;
	l.rx = 1000;
	turn(&l);		/* the first count tells nothing */
	assert_true(l.m.state == MONITOR_READY && l.probes == 1);
	for (i = 0; i < 5; i++) {
		l.rx += 7;
		turn(&l);
	}
	assert_true(l.m.state == MONITOR_UP && l.m.why == MONITOR_TRAFFIC && l.probes == 1);
	/* Our own answers are no traffic: each turn asks. */
	for (i = 0; i < 5; i++) {
		turn(&l);
		l.rx++;
		answer(&l);
	}
	assert_true(l.probes == 6);
	/* A new device counts from 0. */
	l.rx = 0;
	turn(&l);
	assert_true(l.probes == 7);
	/* Silence: three questions more or less, then no question; the count is still looked at. */
	for (i = 0; i < 10; i++)
		turn(&l);
	assert_true(l.m.state == MONITOR_DOWN && l.probes == 9 && l.downs == 1);
	l.rx++;
	turn(&l);
	assert_true(l.m.state == MONITOR_UP && l.m.why == MONITOR_TRAFFIC);
	/* Without --optimized it is nothing. */
	begin(&l, (struct monitor_conf){ .threshold = 3, .persist = true });
	l.count = true;
	for (i = 0; i < 5; i++) {
		l.rx += 7;
		turn(&l);
	}
	assert_true(l.m.state == MONITOR_DOWN);
}

static void
a_sleep_is_one_miss(void **state)
{
	struct lab l;

	(void)state;
	begin(&l, (struct monitor_conf){ .threshold = 3 });
	turn(&l);
	answer(&l);
	turn(&l);
	l.now += 3600 * S;
	note(&l, monitor_turn(&l.m, now_at_us(l.now), NULL));
	assert_true(l.m.state == MONITOR_UP && l.m.deadline_us == l.now + 10 * S);
}

static void
loss_is_of_the_last_probes(void **state)
{
	struct lab l;
	int i;

	(void)state;
	begin(&l, (struct monitor_conf){ .persist = true });
	assert_true(monitor_loss(&l.m) == 0);
	turn(&l);
	assert_true(monitor_loss(&l.m) == 0);		/* under way */
	answer(&l);
	turn(&l);
	turn(&l);
	assert_true(monitor_loss(&l.m) == 50);
	for (i = 0; i < 200; i++) {
		turn(&l);
		if (i % 4 != 0)
			answer(&l);
	}
	assert_true(monitor_loss(&l.m) == 25);
	/* A late answer makes good. */
	note(&l, monitor_answer(&l.m, now_at_us(l.now), (uint16_t)(l.seq - 3)));
	assert_true(monitor_loss(&l.m) > 23 && monitor_loss(&l.m) < 24);
}

static void
each_of_the_last_probes_is_told(void **state)
{
	struct lab l;
	uint64_t rtt;

	(void)state;
	begin(&l, (struct monitor_conf){ .persist = true });
	for (int i = 0; i < 100; i++) {
		turn(&l);
		if (i == 97)
			answer(&l);
	}
	assert_int_equal(monitor_probe(&l.m, 1, &rtt), MONITOR_WAITING);
	assert_int_equal(monitor_probe(&l.m, 2, &rtt), MONITOR_LOST);
	assert_int_equal(monitor_probe(&l.m, 3, &rtt), MONITOR_HEARD);
	assert_true(rtt == 1000);
	assert_int_equal(monitor_probe(&l.m, MONITOR_RING, &rtt), MONITOR_LOST);
}

static void
names_are_stable(void **state)
{
	(void)state;
	assert_string_equal(monitor_state_name(MONITOR_READY), "ready");
	assert_string_equal(monitor_state_name(MONITOR_UP), "up");
	assert_string_equal(monitor_state_name(MONITOR_DOWN), "down");
	assert_string_equal(monitor_why_name(MONITOR_STARTED), "started");
	assert_string_equal(monitor_why_name(MONITOR_ANSWERED), "answered");
	assert_string_equal(monitor_why_name(MONITOR_TRAFFIC), "traffic");
	assert_string_equal(monitor_why_name(MONITOR_SILENCE), "no-answer");
	assert_string_equal(monitor_why_name(MONITOR_UNSENT), "not-sent");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_at_the_first_answer),
		cmocka_unit_test(down_after_interval_times_threshold),
		cmocka_unit_test(an_answer_resets_the_count),
		cmocka_unit_test(threshold_of_one),
		cmocka_unit_test(foreign_answers_are_ignored),
		cmocka_unit_test(numbers_wrap),
		cmocka_unit_test(the_rekey_command_runs_at_growing_intervals),
		cmocka_unit_test(a_long_first_pause_is_kept),
		cmocka_unit_test(persist_continues_probing),
		cmocka_unit_test(a_nudge_sends_threshold_probes),
		cmocka_unit_test(unsent_probes_are_reported),
		cmocka_unit_test(traffic_counts_when_asked_to),
		cmocka_unit_test(a_sleep_is_one_miss),
		cmocka_unit_test(loss_is_of_the_last_probes),
		cmocka_unit_test(each_of_the_last_probes_is_told),
		cmocka_unit_test(names_are_stable),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
