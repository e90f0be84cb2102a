/* Keepalives of GRE: what is asked, what is answered, and to whom. */
#include "vectors.h"

#include "gre/keepalive.h"

static struct addr
ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return (a);
}

static void
three_without_an_answer_are_down_and_one_answer_is_up(void **state)
{
	struct keepalive k = { .retries = 3 };

	(void)state;
	assert_false(keepalive_tick(&k));	/* the first goes out */
	assert_false(keepalive_answered(&k));
	assert_false(keepalive_tick(&k));
	for (unsigned i = 1; i < 3; i++)
		assert_false(keepalive_tick(&k));
	assert_true(keepalive_tick(&k));
	assert_true(k.down);
	assert_false(keepalive_tick(&k));	/* told once */
	assert_true(keepalive_answered(&k));
	assert_false(keepalive_answered(&k));
	assert_false(keepalive_tick(&k));
	assert_false(keepalive_tick(&k));	/* one missed begins anew */
	assert_false(k.down);
}

static void
the_answer_is_what_we_take_for_one(void **state)
{
	static const struct gre_head heads[] = { { .proto = 0 }, { .has_key = true, .key = 42 }, { .csum = true, .has_key = true, .key = 7 } };
	static const char *const ends[][2] = { { "203.0.113.1", "203.0.113.2" }, { "2001:db8::1", "2001:db8::2" } };
	uint8_t b[KEEPALIVE_MAX], copy[KEEPALIVE_MAX];
	struct gre_head got;
	struct span gre;
	size_t n, len;

	(void)state;
	for (size_t e = 0; e < 2; e++)
		for (size_t i = 0; i < 3; i++) {
			const struct addr us = ip(ends[e][0]), peer = ip(ends[e][1]), other = ip(e == 0 ? "203.0.113.3" : "2001:db8::3");

			n = keepalive_put(b, &heads[i], &us, &peer);
			assert_true(n <= KEEPALIVE_MAX);
			/* At the peer: from us, to it. */
			assert_int_equal(keepalive_get(&gre, span_of(b, n), &heads[i], &us, &peer), KEEPALIVE_ASKS);
			assert_int_equal(gre_parse(&got, &len, gre), GRE_OK);
			assert_int_equal(got.proto, GRE_KEEPALIVE);
			assert_int_equal(got.has_key, heads[i].has_key);
			assert_int_equal(got.key, heads[i].key);
			assert_int_equal(got.csum, heads[i].csum);
			assert_int_equal(len, gre.len);
			assert_true(gre.len < n);
			/* From another, it would be sent to somebody who has not asked: an inner packet like any other. */
			assert_int_equal(keepalive_get(&gre, span_of(b, n), &heads[i], &other, &peer), KEEPALIVE_NONE);
			/* In the name of another than us. */
			assert_int_equal(keepalive_get(&gre, span_of(b, n), &heads[i], &us, &other), KEEPALIVE_BAD);
			/* Another key, or none. */
			got = (struct gre_head){ .has_key = true, .key = 43 };
			assert_int_equal(keepalive_get(&gre, span_of(b, n), &got, &us, &peer), KEEPALIVE_BAD);
			/* Each truncation: no answer. */
			for (len = 0; len < n; len++) {
				memcpy(copy, b, n);
				assert_int_not_equal(keepalive_get(&gre, span_of(copy, len), &heads[i], &us, &peer), KEEPALIVE_ASKS);
			}
		}
}

static void
nothing_else_is_sent_back(void **state)
{
	const struct addr us = ip("203.0.113.1"), peer = ip("203.0.113.2");
	const struct gre_head h = { .proto = 0 };
	uint8_t b[KEEPALIVE_MAX + 8] = {0}, copy[sizeof(b)];
	struct span gre;
	size_t n = keepalive_put(b, &h, &us, &peer);

	(void)state;
	memcpy(copy, b, sizeof(b));
	put_be16(copy + 2, (uint16_t)(n + 8));	/* content */
	assert_int_equal(keepalive_get(&gre, span_of(copy, n + 8), &h, &us, &peer), KEEPALIVE_BAD);
	memcpy(copy, b, sizeof(b));
	put_be16(copy + 22, 0x0800);		/* a packet in it */
	assert_int_equal(keepalive_get(&gre, span_of(copy, n), &h, &us, &peer), KEEPALIVE_BAD);
	memcpy(copy, b, sizeof(b));
	copy[21] = 1;				/* PPTP */
	assert_int_equal(keepalive_get(&gre, span_of(copy, n), &h, &us, &peer), KEEPALIVE_BAD);
	memcpy(copy, b, sizeof(b));
	copy[9] = 50;				/* ESP */
	assert_int_equal(keepalive_get(&gre, span_of(copy, n), &h, &us, &peer), KEEPALIVE_NONE);
	memcpy(copy, b, sizeof(b));
	put_be16(copy + 6, 0x2000);		/* a fragment */
	assert_int_equal(keepalive_get(&gre, span_of(copy, n), &h, &us, &peer), KEEPALIVE_NONE);
}

static void
answers_have_a_limit_each_second(void **state)
{
	struct keepalive_limit l = {0};
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 3 * KEEPALIVE_ANSWERS; i++)
		n += keepalive_allowed(&l, 5000 + i);
	assert_int_equal(n, KEEPALIVE_ANSWERS);
	assert_true(keepalive_allowed(&l, 6000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_without_an_answer_are_down_and_one_answer_is_up),
		cmocka_unit_test(the_answer_is_what_we_take_for_one),
		cmocka_unit_test(nothing_else_is_sent_back),
		cmocka_unit_test(answers_have_a_limit_each_second),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
