/* Who carries the routes of a failover group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "monitor/group.h"

#define READY	{ .state = MONITOR_READY, .present = true, .waiting = true, .preempt = true }
#define MISSED	{ .state = MONITOR_READY, .present = true, .preempt = true }
#define UP	{ .state = MONITOR_UP, .present = true, .preempt = true }
#define DOWN	{ .state = MONITOR_DOWN, .present = true, .preempt = true }
#define GONE	{ .state = MONITOR_UP, .present = false, .preempt = true }

static void
the_first_that_is_up(void **state)
{
	static const struct { struct group_member m[3]; size_t want; } t[] = {
		{ { UP, UP, UP }, 0 },
		{ { DOWN, UP, UP }, 1 },
		{ { DOWN, DOWN, UP }, 2 },
		{ { DOWN, DOWN, DOWN }, GROUP_NONE },
		{ { GONE, UP, UP }, 1 },
		{ { GONE, GONE, GONE }, GROUP_NONE },
		{ { MISSED, UP, UP }, 1 },
		{ { MISSED, DOWN, UP }, 2 },
		{ { MISSED, MISSED, DOWN }, 0 },
		{ { DOWN, MISSED, READY }, 2 },
		{ { DOWN, MISSED, MISSED }, 1 },
	};
	size_t i, now;

	(void)state;
	/* Whoever had them before: all may preempt. */
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (now = 0; now < 4; now++)
			assert_true(group_elect(t[i].m, 3, now == 3 ? GROUP_NONE : now) == t[i].want);
	assert_true(group_elect(NULL, 0, GROUP_NONE) == GROUP_NONE);
}

static void
a_start_moves_nothing_twice(void **state)
{
	struct group_member m[2] = { READY, READY };

	(void)state;
	assert_true(group_elect(m, 2, GROUP_NONE) == 0);
	/* The second one answers a moment before the first one. */
	m[1] = (struct group_member)UP;
	assert_true(group_elect(m, 2, 0) == 0);
	/* The first one has missed a probe: it is no longer waited for. */
	m[0] = (struct group_member)MISSED;
	assert_true(group_elect(m, 2, 0) == 1);
	m[0] = (struct group_member)UP;
	assert_true(group_elect(m, 2, 1) == 0);
	/* A member that has just begun takes nothing from one that is UP. */
	m[0] = (struct group_member)READY;
	assert_true(group_elect(m, 2, 1) == 1);
}

static void
priority_goes_before_order(void **state)
{
	struct group_member m[3] = { UP, UP, UP };

	(void)state;
	m[0].priority = 20;
	m[1].priority = 10;
	m[2].priority = 10;
	assert_true(group_elect(m, 3, GROUP_NONE) == 1);
	m[1].state = MONITOR_DOWN;
	assert_true(group_elect(m, 3, 1) == 2);
	m[2].state = MONITOR_DOWN;
	assert_true(group_elect(m, 3, 2) == 0);
	m[2].state = MONITOR_UP;
	assert_true(group_elect(m, 3, 0) == 2);
}

static void
without_preemption_they_stay_while_it_is_up(void **state)
{
	struct group_member m[3] = { UP, UP, UP };

	(void)state;
	m[0].preempt = false;
	assert_true(group_elect(m, 3, GROUP_NONE) == 0);
	assert_true(group_elect(m, 3, 0) == 0);
	assert_true(group_elect(m, 3, 2) == 1);	/* the second one may */
	m[1].preempt = false;
	assert_true(group_elect(m, 3, 2) == 2);
	m[2].state = MONITOR_DOWN;
	assert_true(group_elect(m, 3, 2) == 0);
	m[2] = (struct group_member)MISSED;
	assert_true(group_elect(m, 3, 2) == 0);
	m[2] = (struct group_member)GONE;
	assert_true(group_elect(m, 3, 2) == 0);
}

/* All states of three members: whoever is chosen can carry, and nobody better was passed over. */
static void
no_choice_is_absurd(void **state)
{
	static const struct group_member kinds[] = { READY, MISSED, UP, DOWN, GONE };
	struct group_member m[3];
	size_t a, b, c, now, got, i;

	(void)state;
	for (a = 0; a < 5; a++)
		for (b = 0; b < 5; b++)
			for (c = 0; c < 5; c++)
				for (now = 0; now < 4; now++) {
					m[0] = kinds[a];
					m[1] = kinds[b];
					m[2] = kinds[c];
					got = group_elect(m, 3, now == 3 ? GROUP_NONE : now);
					if (got == GROUP_NONE) {
						assert_true(a >= 3 && b >= 3 && c >= 3);
						continue;
					}
					assert_true(m[got].present && m[got].state != MONITOR_DOWN);
					for (i = 0; i < got; i++)
						assert_true(!m[i].present || m[i].state != MONITOR_UP);
					/* And it would be chosen again. */
					assert_true(group_elect(m, 3, got) == got);
				}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_is_up),
		cmocka_unit_test(a_start_moves_nothing_twice),
		cmocka_unit_test(priority_goes_before_order),
		cmocka_unit_test(without_preemption_they_stay_while_it_is_up),
		cmocka_unit_test(no_choice_is_absurd),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
