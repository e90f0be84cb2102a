/* ESP seen from outside: gaps, replays, order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "esp/watch.h"

static const struct endpoint a = { { 4, { 192, 0, 2, 1 }, 0 }, 0 }, b = { { 4, { 192, 0, 2, 2 }, 0 }, 0 };
static const uint8_t spi[4] = { 1, 2, 3, 4 };

static const struct watch_flow *
feed(struct watch *w, const uint32_t *seq, size_t n)
{
	const struct watch_flow *f = NULL;
	size_t i;

	for (i = 0; i < n; i++)
		f = watch_take(w, 50, spi, seq[i], &a, &b, 100, i);
	return (f);
}
#define FEED(w, ...)	feed((w), (const uint32_t[]){ __VA_ARGS__ },		\
	sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void
in_order(void **state)
{
	struct watch *w = watch_new();
	const struct watch_flow *f = FEED(w, 1, 2, 3, 4);

	(void)state;
	assert_int_equal(f->packets, 4);
	assert_int_equal(f->bytes, 400);
	assert_int_equal(watch_missing(f), 0);
	assert_int_equal(f->replays + f->reordered + f->late + f->n_gaps, 0);
	watch_free(w);
}

static void
gaps(void **state)
{
	struct watch *w = watch_new();
	const struct watch_flow *f = FEED(w, 10, 11, 15, 20);

	(void)state;
	assert_int_equal(watch_missing(f), 7);
	assert_int_equal(f->n_gaps, 2);
	assert_int_equal(f->gap[0].from, 12);
	assert_int_equal(f->gap[0].to, 14);
	f = FEED(w, 13);		/* splits it */
	assert_int_equal(f->reordered, 1);
	assert_int_equal(watch_missing(f), 6);
	assert_int_equal(f->n_gaps, 3);
	f = FEED(w, 12, 14);
	assert_int_equal(f->n_gaps, 1);
	assert_int_equal(f->gap[0].from, 16);
	f = FEED(w, 7);			/* before the first that was seen */
	assert_int_equal(f->low, 7);
	assert_int_equal(watch_missing(f), 6);
	watch_free(w);
}

/* A first packet with number 0 is no beginning: the numbers begin with the next. */
static void
zero_first(void **state)
{
	struct watch *w = watch_new();
	const struct watch_flow *f = FEED(w, 0, 1, 2, 0, 3);

	(void)state;
	assert_int_equal(f->zeros, 2);
	assert_int_equal(f->replays, 0);
	assert_int_equal(f->wraps, 0);
	assert_int_equal(f->low, 1);
	assert_int_equal(f->high, 3);
	watch_free(w);
}

static void
replays(void **state)
{
	struct watch *w = watch_new();
	const struct watch_flow *f = FEED(w, 1, 2, 2, 1, 3, 0, 10000, 3);

	(void)state;
	assert_int_equal(f->zeros, 1);
	assert_int_equal(f->replays, 2);
	assert_int_equal(f->late, 1);
	assert_int_equal(f->distinct, 4);
	watch_free(w);
}

static void
anew(void **state)
{
	struct watch *w = watch_new();
	const struct watch_flow *f = FEED(w, 0xfffffffe, 0xffffffff, 1, 2);

	(void)state;
	assert_int_equal(f->wraps, 1);
	assert_int_equal(watch_missing(f), 0);
	assert_int_equal(f->replays, 0);
	assert_int_equal(f->packets, 4);
	watch_free(w);
}

static void
many(void **state)
{
	struct watch *w = watch_new();
	uint8_t s[4];
	uint32_t i;

	(void)state;
	for (i = 0; i < WATCH_FLOWS + 5; i++) {
		put_be32(s, i * 65536);
		assert_true((watch_take(w, 50, s, 1, &a, &b, 1, 0) != NULL) == (i < WATCH_FLOWS));
	}
	assert_int_equal(watch_others(w), 5);
	/* the same SPI to another address, or of AH, is another flow */
	put_be32(s, 0);
	assert_int_equal(watch_take(w, 50, s, 2, &a, &b, 1, 0)->packets, 2);
	assert_null(watch_take(w, 51, s, 2, &a, &b, 1, 0));
	assert_null(watch_take(w, 50, s, 2, &b, &a, 1, 0));
	assert_null(watch_flow(w, WATCH_FLOWS));
	watch_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(gaps),
		cmocka_unit_test(replays),
		cmocka_unit_test(zero_first),
		cmocka_unit_test(anew),
		cmocka_unit_test(many),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
