#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "os/clock.h"

static void
reads_the_machines_clocks(void **state)
{
	struct now a = clock_now(NULL), b;
	struct timespec ts = { 0, 3000000 };

	(void)state;
	(void)nanosleep(&ts, NULL);
	b = clock_now(&(struct clock){0});
	assert_true(b.ms >= a.ms + 2 && b.ms < a.ms + 60000);
	assert_true(b.epoch >= 1700000000 && b.epoch - a.epoch <= 60);
}

static void
a_fixed_clock_does_not_advance(void **state)
{
	struct timespec ts = { 0, 3000000 };
	struct clock c = {0};
	struct fault f = {0};
	char text[CLOCK_TEXT];

	(void)state;
	assert_int_equal(clock_fix(&c, "2026-01-02T03:04:05Z", &f), 0);
	assert_true(clock_now(&c).epoch == 1767323045 && clock_now(&c).ms == 0);
	(void)nanosleep(&ts, NULL);
	assert_true(clock_now(&c).epoch == 1767323045 && clock_now(&c).ms == 0);
	assert_string_equal(clock_text(text, 1767323046), "2026-01-02T03:04:06Z");
	assert_int_equal(clock_fix(&c, "@1234", &f), 0);
	assert_true(clock_now(&c).epoch == 1234);
	assert_string_equal(clock_text(text, 0), "1970-01-01T00:00:00Z");
	assert_string_equal(clock_text(text, UINT64_MAX), "18446744073709551615");
}

static void
refuses_other_text(void **state)
{
	static const char *const bad[] = { "", "@", "now", "-5", "12x", "2026-01-02",
	    "2026-13-02T00:00:00Z", "2026-01-02T03:04:05Zx", "99999999999999999999" };
	struct clock c = {0};
	struct fault f;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f = (struct fault){0};
		assert_int_equal(clock_fix(&c, bad[i], &f), -1);
		assert_int_equal(f.code, FAULT_USAGE);
		assert_false(c.fixed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_machines_clocks),
		cmocka_unit_test(a_fixed_clock_does_not_advance),
		cmocka_unit_test(refuses_other_text),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
