/* Overload of a port: which first messages are dropped before anybody parses them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "port/port_shed.h"

static const struct endpoint peer = { { 4, { 192, 0, 2, 1 }, 0 }, 500 };

/* A first message under the cookie ${n}; ${known}: under a responder's cookie too. */
static bool
dropped(struct port_shed *s, uint64_t n, bool known)
{
	uint8_t msg[28] = {0};

	put_be64(msg, n);
	msg[15] = known;
	return (port_shed_drops(s, &peer, msg));
}

/* ${turns} turns of 100 new first messages each; how many of the last turn were dropped. */
static unsigned
flood(struct port_shed *s, uint64_t *cookie, unsigned turns, bool drained, unsigned *begins)
{
	unsigned i, k, n = 0;

	for (k = 0; k < turns; k++) {
		for (i = 0, n = 0; i < 100; i++)
			n += dropped(s, ++*cookie, false);
		*begins += port_shed_turn(s, drained);
	}
	return (n);
}

static void
nothing_is_dropped_while_the_queue_drains(void **state)
{
	struct port_shed s = { .salt = 1 };
	uint64_t cookie = 0;
	unsigned begins = 0;

	(void)state;
	assert_int_equal(flood(&s, &cookie, 1000, true, &begins), 0);
	assert_int_equal(begins, 0);
	assert_null(s.seen);
	port_shed_free(&s);
}

static void
repeated_messages_and_known_cookies_pass(void **state)
{
	struct port_shed s = { .salt = 1 };
	uint64_t cookie = 0, first;
	unsigned begins = 0, i, lost = 0, known = 0, again = 0;

	(void)state;
	assert_in_range(flood(&s, &cookie, 100, false, &begins), 90, 100);
	assert_int_equal(begins, 1);
	for (first = 1u << 30, i = 0; i < 1000; i++) {
		lost += dropped(&s, first + i, false);
		known += dropped(&s, first + i, true);
	}
	assert_in_range(lost, 950, 1000);
	assert_int_equal(known, 0);
	/* A peer sends again half a second later; 50,000 others have come meanwhile. */
	(void)flood(&s, &cookie, 500, false, &begins);
	for (i = 0; i < 1000; i++)
		again += dropped(&s, first + i, false);
	assert_in_range(again, 0, 100);
	port_shed_free(&s);
}

static void
shedding_ends_with_the_flood(void **state)
{
	struct port_shed s = { .salt = 1 };
	uint64_t cookie = 0;
	unsigned begins = 0;

	(void)state;
	(void)flood(&s, &cookie, 100, false, &begins);
	assert_int_equal(s.level, SHED_LEVELS);
	assert_int_equal(flood(&s, &cookie, 1000, true, &begins), 0);
	assert_int_equal(s.level, 0);
	port_shed_free(&s);
}

/* A queue that is full of other messages, ESP for one, is nothing for it. */
static void
other_traffic_is_no_reason(void **state)
{
	struct port_shed s = { .salt = 1 };
	uint64_t cookie = 0;
	unsigned i, k;

	(void)state;
	for (k = 0; k < 100; k++) {
		for (i = 0; i < 100; i++)
			assert_false(dropped(&s, ++cookie, i % 10 != 0));
		assert_false(port_shed_turn(&s, false));
	}
	assert_int_equal(s.level, 0);
	/* Another process whose queue is full is one. */
	for (k = 0; k < 10; k++) {
		(void)dropped(&s, ++cookie, false);
		s.stuck = true;
		(void)port_shed_turn(&s, true);
	}
	assert_true(s.level > 0);
	port_shed_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_dropped_while_the_queue_drains),
		cmocka_unit_test(repeated_messages_and_known_cookies_pass),
		cmocka_unit_test(shedding_ends_with_the_flood),
		cmocka_unit_test(other_traffic_is_no_reason),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
