/* Fragments put together: order, overlaps, lengths, time, and too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/ip_frag.h"

#define SLOTS	4
#define SECOND	UINT64_C(1000000)

static const struct ip_frags_conf any_order = { .slots = SLOTS, .timeout_us = 60 * SECOND }, in_order = { .slots = SLOTS, .in_order = true };
static uint8_t head4[20], head6[48], bytes[IP_FRAG_MAX + 8];

static int
setup(void **state)
{
	(void)state;
	head4[0] = 0x45;
	head4[1] = 0xb8;
	head4[6] = 0x20;
	head6[0] = 0x60;
	head6[6] = 0;		/* hop-by-hop options, then the fragment header */
	head6[40] = 44;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	return (0);
}

/* Bytes ${off} to ${off} + ${len} of datagram ${id}. */
static struct ip_part
part(uint8_t family, uint32_t id, size_t off, size_t len, bool more)
{
	static const uint8_t a[16] = { 192, 0, 2, 1 }, b[16] = { 192, 0, 2, 2 };

	return ((struct ip_part){ .src = addr_make(family, a), .dst = addr_make(family, b), .proto = 17, .id = id, .off = off,
	    .more = more, .head = family == 4 ? SPAN_ARRAY(head4) : SPAN_ARRAY(head6), .next_at = 40,
	    .payload = span_of(bytes + off, len) });
}

static enum ip_frags_state
take_at(struct ip_frags *t, struct ip_part p, uint64_t us, struct ip_whole *w)
{
	const char *note = NULL;
	struct ip_whole other;
	enum ip_frags_state s = ip_frags_take(t, &p, us, w != NULL ? w : &other, &note);

	assert_true((s == IP_FRAGS_BAD) == (note != NULL));
	return (s);
}

static enum ip_frags_state
take(struct ip_frags *t, struct ip_part p)
{
	return (take_at(t, p, SECOND, NULL));
}

static void
is_whole(const struct ip_whole *w, uint8_t family, size_t len, unsigned parts)
{
	size_t head = family == 4 ? sizeof(head4) : sizeof(head6);

	assert_int_equal(w->head, head);
	assert_int_equal(w->all.len, head + len);
	assert_int_equal(w->parts, parts);
	assert_int_equal(w->proto, 17);
	assert_memory_equal(w->all.p + head, bytes, len);
	if (family == 4) {
		assert_int_equal(get_be16(w->all.p + 2), head + len);
		assert_int_equal(get_be16(w->all.p + 6), 0);
		assert_int_equal(w->all.p[1], 0xb8);
	} else {
		assert_int_equal(get_be16(w->all.p + 4), head - 40 + len);
		assert_int_equal(w->all.p[40], 17);
	}
}

static void
any_order_makes_a_datagram(void **state)
{
	static const uint8_t orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct ip_frags *t = ip_frags_new(&any_order);
	struct ip_whole w;

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2)
		for (size_t o = 0; o < 6; o++)
			for (size_t i = 0; i < 3; i++) {
				size_t at = orders[o][i];
				enum ip_frags_state s = take_at(t, part(family, 5, 800 * at, at == 2 ? 5 : 800, at != 2), SECOND, &w);

				assert_int_equal(s, i == 2 ? IP_FRAGS_WHOLE : IP_FRAGS_MORE);
				if (i == 2)
					is_whole(&w, family, 1605, 3);
			}
	assert_int_equal(ip_frags_incomplete(t), 0);
	ip_frags_free(t);
}

static void
the_same_part_twice_counts_once(void **state)
{
	struct ip_frags *t = ip_frags_new(&any_order);
	struct ip_whole w;

	(void)state;
	assert_int_equal(take(t, part(4, 1, 0, 800, true)), IP_FRAGS_MORE);
	assert_int_equal(take(t, part(4, 1, 0, 800, true)), IP_FRAGS_MORE);
	assert_int_equal(take(t, part(4, 1, 400, 400, true)), IP_FRAGS_MORE);
	assert_int_equal(take_at(t, part(4, 1, 800, 3, false), SECOND, &w), IP_FRAGS_WHOLE);
	is_whole(&w, 4, 803, 4);
	ip_frags_free(t);
}

/* Of parts that overlap with other bytes none counts, and what comes later does not either (RFC 5722). */
static void
overlaps_with_other_bytes_void_the_datagram(void **state)
{
	static const struct { size_t off, len; bool more; } bad[] = {
		{ 0, 800, true }, { 400, 800, true }, { 792, 800, true }, { 0, 8, true }, { 8, 16, true },
		{ 24, 3, false },	/* teardrop: it lies within the first part, and ends before it */
		{ 792, 1, false },
	};
	struct ip_frags *t;
	struct ip_part p;

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			t = ip_frags_new(&any_order);
			assert_int_equal(take(t, part(family, 1, 0, 800, true)), IP_FRAGS_MORE);
			p = part(family, 1, bad[i].off, bad[i].len, bad[i].more);
			p.payload.p++;		/* other bytes */
			assert_int_equal(take(t, p), IP_FRAGS_BAD);
			assert_int_equal(take(t, part(family, 1, 800, 5, false)), IP_FRAGS_BAD);
			assert_int_equal(take(t, part(family, 1, 0, 800, true)), IP_FRAGS_BAD);
			assert_int_equal(ip_frags_incomplete(t), 1);
			ip_frags_free(t);
		}
}

static void
ends_that_contradict_void_the_datagram(void **state)
{
	struct ip_frags *t = ip_frags_new(&any_order);

	(void)state;
	assert_int_equal(take(t, part(4, 1, 800, 8, false)), IP_FRAGS_MORE);
	assert_int_equal(take(t, part(4, 1, 808, 8, true)), IP_FRAGS_BAD);	/* behind the end */
	assert_int_equal(take(t, part(4, 2, 800, 8, false)), IP_FRAGS_MORE);
	assert_int_equal(take(t, part(4, 2, 400, 8, false)), IP_FRAGS_BAD);	/* another end */
	assert_int_equal(take(t, part(4, 3, 800, 8, true)), IP_FRAGS_MORE);
	assert_int_equal(take(t, part(4, 3, 0, 8, false)), IP_FRAGS_BAD);	/* there is more than that already */
	ip_frags_free(t);
}

static void
lengths_are_bounded(void **state)
{
	static uint8_t long_head[IP_FRAG_HEAD + 8];
	struct ip_frags *t = ip_frags_new(&any_order);
	struct ip_part p;
	struct ip_whole w;

	(void)state;
	assert_int_equal(take(t, part(4, 1, 0, 12, true)), IP_FRAGS_BAD);	/* no whole units */
	assert_int_equal(take(t, part(4, 1, 0, 0, true)), IP_FRAGS_BAD);
	assert_int_equal(take(t, part(4, 1, 65528, 8, false)), IP_FRAGS_BAD);	/* the ping of death */
	assert_int_equal(take(t, part(4, 1, 65512, 8, false)), IP_FRAGS_BAD);
	p = part(6, 1, 0, 8, true);
	p.head = SPAN_ARRAY(long_head);
	assert_int_equal(take(t, p), IP_FRAGS_BAD);
	p = part(6, 1, 0, 8, true);
	p.next_at = sizeof(head6);
	assert_int_equal(take(t, p), IP_FRAGS_BAD);
	assert_int_equal(ip_frags_incomplete(t), 0);
	/* The longest there is; then with longer headers in the first part, which comes last. */
	assert_int_equal(take(t, part(4, 1, 0, 65512, true)), IP_FRAGS_MORE);
	assert_int_equal(take_at(t, part(4, 1, 65512, 3, false), SECOND, &w), IP_FRAGS_WHOLE);
	is_whole(&w, 4, 65515, 2);
	assert_int_equal(take(t, part(6, 2, 65480, 7, false)), IP_FRAGS_MORE);
	p = part(6, 2, 0, 65400, true);
	p.head = span_of(long_head, 128);
	assert_int_equal(take(t, p), IP_FRAGS_BAD);
	ip_frags_free(t);
}

static void
time_and_number_are_bounded(void **state)
{
	struct ip_frags *t = ip_frags_new(&any_order);
	struct ip_whole w;

	(void)state;
	assert_int_equal(take_at(t, part(4, 1, 0, 8, true), SECOND, NULL), IP_FRAGS_MORE);
	assert_int_equal(take_at(t, part(4, 1, 8, 8, false), 61 * SECOND, &w), IP_FRAGS_WHOLE);
	assert_int_equal(take_at(t, part(4, 2, 0, 8, true), SECOND, NULL), IP_FRAGS_MORE);
	assert_int_equal(take_at(t, part(4, 2, 8, 8, false), 61 * SECOND + 1, NULL), IP_FRAGS_MORE);
	assert_int_equal(ip_frags_incomplete(t), 2);
	/* One more than there is room for: the oldest goes, and nothing else. */
	for (uint32_t id = 10; id < 10 + SLOTS + 1; id++)
		assert_int_equal(take_at(t, part(4, id, 0, 8, true), 62 * SECOND, NULL), IP_FRAGS_MORE);
	for (uint32_t id = 10 + SLOTS; id > 10; id--)
		assert_int_equal(take_at(t, part(4, id, 8, 8, false), 62 * SECOND, &w), IP_FRAGS_WHOLE);
	assert_int_equal(take_at(t, part(4, 10, 8, 8, false), 62 * SECOND, NULL), IP_FRAGS_MORE);
	/* A flood does not grow it. */
	for (uint32_t id = 100; id < 5000; id++)
		assert_int_equal(take_at(t, part(6, id, 16, 8, true), 63 * SECOND, NULL), IP_FRAGS_MORE);
	assert_int_equal(ip_frags_incomplete(t), 4900 + 1 + 3);
	ip_frags_free(t);
}

static void
in_order_refuses_the_rest(void **state)
{
	struct ip_frags *t = ip_frags_new(&in_order);
	struct ip_whole w;

	(void)state;
	assert_int_equal(take(t, part(4, 1, 8, 8, false)), IP_FRAGS_BAD);	/* without a first part */
	assert_int_equal(take(t, part(4, 1, 0, 800, true)), IP_FRAGS_MORE);
	assert_int_equal(take(t, part(4, 1, 1600, 8, false)), IP_FRAGS_BAD);
	assert_int_equal(take(t, part(4, 1, 800, 8, false)), IP_FRAGS_BAD);	/* its datagram is gone */
	assert_int_equal(take(t, part(4, 1, 0, 800, true)), IP_FRAGS_MORE);	/* a new one of that number */
	assert_int_equal(take(t, part(4, 1, 0, 800, true)), IP_FRAGS_MORE);
	assert_int_equal(take(t, part(4, 1, 792, 16, false)), IP_FRAGS_BAD);	/* an overlap */
	assert_int_equal(take(t, part(4, 1, 0, 800, true)), IP_FRAGS_MORE);
	assert_int_equal(take(t, part(4, 1, 800, 801, true)), IP_FRAGS_BAD);	/* no whole units */
	assert_int_equal(take(t, part(4, 1, 800, 8, false)), IP_FRAGS_BAD);
	assert_int_equal(take(t, part(6, 2, 0, 800, true)), IP_FRAGS_MORE);
	assert_int_equal(take_at(t, part(6, 2, 800, 8, false), 0, &w), IP_FRAGS_WHOLE);
	is_whole(&w, 6, 808, 2);
	ip_frags_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_makes_a_datagram),
		cmocka_unit_test(the_same_part_twice_counts_once),
		cmocka_unit_test(overlaps_with_other_bytes_void_the_datagram),
		cmocka_unit_test(ends_that_contradict_void_the_datagram),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(time_and_number_are_bounded),
		cmocka_unit_test(in_order_refuses_the_rest),
	};

	return (cmocka_run_group_tests_name("ip_frag", tests, setup, NULL));
}
