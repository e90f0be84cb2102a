/* The anti-replay window against a model that remembers every number. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "esp/replay.h"

static bool
take(struct replay *r, uint64_t seq)
{
	uint64_t got;

	if (!replay_test(r, (uint32_t)seq, &got) || got != seq)
		return (false);
	return (replay_move(r, got));
}

static void
test_table(void **state)
{
	static const struct { uint64_t seq; bool ok; } steps[] = {
		{ 0, false }, { 1, true }, { 1, false }, { 3, true }, { 2, true }, { 2, false },
		{ 66, true }, { 3, false },	/* seen */ { 4, true }, { 67, true }, { 4, false },
		{ 3, false },			/* now left of the window */
		{ 131, true }, { 67, false },	/* exactly one too old */ { 68, true },
		{ 1000000, true }, { 131, false }, { 999937, true }, { 999936, false },
		{ 1000000, false }, { 999999, true },
		{ 0xfffffffe, true }, { 0xffffffff, true }, { 0xffffffff, false },
		{ 0, false }, { 1, false },	/* 32 bits never wrap */
	};
	struct replay r;

	(void)state;
	replay_init(&r, 64, false);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (take(&r, steps[i].seq) != steps[i].ok)
			fail_msg("step %zu", i);
}

static void
test_esn_table(void **state)
{
	const uint64_t k = UINT64_C(1) << 32;
	const struct { uint64_t seq; bool ok; } steps[] = {
		{ 1, true }, { k - 10, false },	/* taken for one before the first */
		{ 1u << 30, true }, { 1u << 31, true }, { 3u << 30, true }, { k - 10, true },
		{ k, true },			/* low half zero is a number like others */
		{ k - 9, true }, { k - 9, false }, { k + 20, true }, { k - 40, true },
		{ k - 44, false }, { k - 43, true }, { k, false }, { k + 19, true },
		{ k + (1u << 31), true }, { 2 * k - 5, true }, { 2 * k + 5, true }, { 2 * k - 6, true },
		{ 2 * k + 5, false },
	};
	struct replay r;

	(void)state;
	replay_init(&r, 64, true);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (take(&r, steps[i].seq) != steps[i].ok)
			fail_msg("step %zu", i);
}

static void
test_sizes(void **state)
{
	static const uint32_t asked[] = { 1, 32, 33, 64, 100, 1024, 4095, 4096, 100000 };
	struct replay r;

	(void)state;
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		uint32_t w;

		replay_init(&r, asked[i], false);
		w = r.window;
		assert_true(w >= 32 && w <= REPLAY_MAX && (w == asked[i] || asked[i] < 32 ||
		    asked[i] > REPLAY_MAX));
		assert_true(take(&r, 10 * REPLAY_MAX));
		assert_false(take(&r, 10 * REPLAY_MAX - w));
		assert_true(take(&r, 10 * REPLAY_MAX - w + 1));
	}
	/* Off: anything but zero, again and again. */
	replay_init(&r, 0, false);
	assert_true(take(&r, 5) && take(&r, 5) && take(&r, 1) && take(&r, 99999) && take(&r, 5));
	assert_false(take(&r, 0));
	/* Off, with ESN: numbers are still completed. */
	replay_init(&r, 0, true);
	assert_true(take(&r, UINT32_MAX / 2) && take(&r, UINT32_MAX - 1));
	assert_true(take(&r, UINT64_C(0x100000003)) && take(&r, UINT64_C(0x100000003)));
}

static void
test_twice_in_a_batch(void **state)
{
	struct replay r;
	uint64_t a = 0, b = 0;

	(void)state;
	replay_init(&r, 64, false);
	assert_true(replay_test(&r, 7, &a) && replay_test(&r, 7, &b));
	assert_true(replay_move(&r, a));
	assert_false(replay_move(&r, b));
}

static void
test_leap(void **state)
{
	struct replay r;

	(void)state;
	replay_init(&r, 1024, false);
	assert_true(take(&r, 10));
	replay_leap(&r, 500);
	assert_false(take(&r, 11));
	assert_false(take(&r, 500));
	assert_true(take(&r, 510));	/* numbers after the leap still come in any order */
	assert_true(take(&r, 501));
	assert_false(take(&r, 501));
	replay_leap(&r, 400);
	assert_true(take(&r, 502));
}

/* A random walk with jumps; the model keeps every number that was taken. */
static void
walk(uint32_t window, bool esn, uint64_t start)
{
	enum { SPAN = 40000 };
	static uint8_t seen[SPAN];
	struct replay r;
	uint64_t right = start, seq;
	bool want;

	memset(seen, 0, sizeof(seen));
	replay_init(&r, window, esn);
	replay_leap(&r, start);
	for (int i = 0; i < 60000; i++) {
		switch (random() % 8) {
		case 0: seq = right + 1 + (uint64_t)random() % 200; break;
		case 1: case 2: seq = right + 1; break;
		default:
			seq = right - (uint64_t)random() % (2 * window);
			if (seq > right || seq <= start)
				seq = start + 1;
		}
		if (seq - start >= SPAN)
			break;
		want = (seq > right || right - seq < window) && !seen[seq - start];
		if (take(&r, seq) != want)
			fail_msg("window %u, number start + %lu, right start + %lu", window,
			    (unsigned long)(seq - start), (unsigned long)(right - start));
		if (want) {
			seen[seq - start] = 1;
			right = seq > right ? seq : right;
		}
	}
}

static void
test_against_model(void **state)
{
	(void)state;
	srandom(1);
	for (uint32_t w = 64; w <= 4096; w *= 2)	/* the ring has just as many bits */
		walk(w, true, (UINT64_C(3) << 32) - 9000);
	for (uint32_t w = 32; w <= 4096; w = w * 3 / 2) {
		walk(w, false, 0);
		walk(w, true, (UINT64_C(3) << 32) - 9000);	/* over the wrap of the lower half */
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_esn_table),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_twice_in_a_batch),
		cmocka_unit_test(test_leap),
		cmocka_unit_test(test_against_model),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
