/* The search of the longest packet that passes (monitor/sizes.h), over simulated paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "monitor/sizes.h"

#define SMALL	500
#define LINK	1446

/* A path: it carries ${most} bytes, loses what ${lost} says, and answers after ${rtt_ms}. */
struct path {
	size_t		most;
	uint64_t	rtt_ms;
	bool		(*lost)(const struct path *p, size_t size);
	unsigned	packets, rounds;
	uint64_t	now_ms;
};

/* Answers of a round, in time; the caller turns when the deadline has come. */
static void
answer(struct sizes *s, struct path *p, size_t size, uint16_t seq, uint64_t sent_ms)
{
	p->packets++;
	if (size > p->most || (p->lost != NULL && p->lost(p, size)))
		return;
	if (sent_ms + p->rtt_ms > s->deadline_ms)
		return;
	if (p->now_ms < sent_ms + p->rtt_ms)
		p->now_ms = sent_ms + p->rtt_ms;
	sizes_answer(s, seq, p->now_ms);
}

static void
run(struct sizes *s, struct path *p)
{
	uint64_t sent_ms;
	size_t size;

	for (p->rounds = 0; s->state == SIZES_SEARCH; p->rounds++) {
		assert_true(p->rounds < 200);
		if (p->now_ms < s->deadline_ms)
			p->now_ms = s->deadline_ms;
		if (!sizes_turn(s, p->now_ms))
			continue;
		sent_ms = p->now_ms;
		size = s->size;
		answer(s, p, s->small, s->seq, sent_ms);
		answer(s, p, size, (uint16_t)(s->seq + 1), sent_ms);
	}
}

static void
finds_each_size_exactly(void **state)
{
	struct sizes s = {0};

	(void)state;
	for (size_t most = SMALL; most <= LINK + 3; most++) {
		struct path p = { .most = most, .rtt_ms = 20, .now_ms = 1000 };

		sizes_begin(&s, SMALL, LINK, LINK, true, p.now_ms);
		run(&s, &p);
		assert_int_equal(s.state, SIZES_FOUND);
		assert_int_equal(s.lo, most < LINK ? most : LINK);
		assert_int_equal(s.hi, most < LINK ? most + 1 : 0);
		assert_true(p.now_ms - 1000 < 12 * (SIZES_TRIES * (20 + SIZES_AFTER_MS)));
	}
}

static void
confirms_and_raises(void **state)
{
	struct path p = { .most = 1300, .rtt_ms = 20, .now_ms = 1 };
	struct sizes s = {0};

	(void)state;
	/* What is in use passes: one round, and longer ones are not asked for. */
	sizes_begin(&s, SMALL, 1250, LINK, false, p.now_ms);
	run(&s, &p);
	assert_int_equal(s.state, SIZES_FOUND);
	assert_int_equal(s.lo, 1250);
	assert_int_equal(s.hi, 0);
	assert_int_equal(p.packets, 2);
	/* Longer ones are. */
	sizes_begin(&s, SMALL, 1250, LINK, true, p.now_ms);
	run(&s, &p);
	assert_int_equal(s.lo, 1300);
	assert_int_equal(s.hi, 1301);
	/* The path has become wider. */
	p.most = 9000;
	sizes_begin(&s, SMALL, 1300, LINK, true, p.now_ms);
	run(&s, &p);
	assert_int_equal(s.lo, LINK);
	assert_int_equal(s.hi, 0);
	/* ... and narrower than what is in use. */
	p.most = 700;
	sizes_begin(&s, SMALL, 1300, LINK, false, p.now_ms);
	run(&s, &p);
	assert_int_equal(s.lo, 700);
	/* What is in use is the short packet. */
	sizes_begin(&s, SMALL, SMALL, LINK, false, p.now_ms);
	run(&s, &p);
	assert_int_equal(s.lo, 700);
	sizes_begin(&s, SMALL, SMALL, SMALL, true, p.now_ms);
	assert_int_equal(s.state, SIZES_UNPROVEN);
}

static bool
all_lost(const struct path *p, size_t size)
{
	(void)p, (void)size;
	return (true);
}

/* The long packets of three rounds are lost, but the short ones as well. */
static bool
outage(const struct path *p, size_t size)
{
	(void)size;
	return (p->rounds < 3);
}

/* Two of three long packets of each size, or each second round as a whole. */
static bool
most_long_ones(const struct path *p, size_t size)
{
	return (size > SMALL && p->rounds % 3 != 2);
}

static bool
each_second(const struct path *p, size_t size)
{
	(void)size;
	return (p->rounds % 2 == 0);
}

static void
loss_without_short_answers_proves_nothing(void **state)
{
	static bool (*const lost[])(const struct path *, size_t) = { outage, most_long_ones, each_second };
	struct path p = { .most = 9000, .rtt_ms = 20, .lost = all_lost, .now_ms = 1 };
	struct sizes s = {0};

	(void)state;
	sizes_begin(&s, SMALL, LINK, LINK, true, p.now_ms);
	run(&s, &p);
	assert_int_equal(s.state, SIZES_UNPROVEN);
	assert_int_equal(p.packets, 2 * SIZES_SILENT);
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		p = (struct path){ .most = 9000, .rtt_ms = 20, .lost = lost[i], .now_ms = 1 };
		sizes_begin(&s, SMALL, LINK, LINK, true, p.now_ms);
		run(&s, &p);
		assert_int_equal(s.state, SIZES_FOUND);
		assert_int_equal(s.lo, LINK);
		p = (struct path){ .most = 1111, .rtt_ms = 20, .lost = lost[i] == most_long_ones ? NULL : lost[i], .now_ms = 1 };
		sizes_begin(&s, SMALL, LINK, LINK, true, p.now_ms);
		run(&s, &p);
		assert_int_equal(s.lo, 1111);
	}
}

static void
numbers_of_others_are_no_answers(void **state)
{
	struct sizes s = { .seq = 65530 };
	uint16_t old;

	(void)state;
	for (int i = 0; i < 8; i++) {	/* the number wraps */
		sizes_begin(&s, SMALL, LINK, LINK, true, 1000);
		sizes_answer(&s, s.seq, 1000);		/* nothing has been sent */
		sizes_answer(&s, (uint16_t)(s.seq + 1), 1000);
		assert_true(sizes_turn(&s, 1000));
		old = s.seq;
		sizes_answer(&s, (uint16_t)(old + 2), 1010);
		sizes_answer(&s, (uint16_t)(old + 3), 1010);
		sizes_answer(&s, (uint16_t)(old - 1), 1010);
		sizes_answer(&s, (uint16_t)(old - 2), 1010);
		sizes_answer(&s, (uint16_t)(old + 0x8001), 1010);
		assert_false(sizes_turn(&s, 1010));
		/* An answer to the long packet of the round before counts. */
		assert_true(sizes_turn(&s, 1000 + SIZES_ROUND_MS));
		assert_int_equal(s.seq, (uint16_t)(old + 2));
		sizes_answer(&s, (uint16_t)(old + 1), 2001);
		assert_false(sizes_turn(&s, 2001));
		assert_int_equal(s.state, SIZES_FOUND);
		assert_int_equal(s.lo, LINK);
		sizes_answer(&s, (uint16_t)(old + 1), 2001);
		assert_false(sizes_turn(&s, 99999));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_each_size_exactly),
		cmocka_unit_test(confirms_and_raises),
		cmocka_unit_test(loss_without_short_answers_proves_nothing),
		cmocka_unit_test(numbers_of_others_are_no_answers),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
