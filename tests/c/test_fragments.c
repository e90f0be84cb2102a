/* Which datagrams a reader of a queue is in the middle of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"
#include "net/fragments.h"

static struct fragments f;

static int
setup(void **state)
{
	(void)state;
	f = (struct fragments){0};
	return (0);
}

/* Whether the rest of a datagram is to be expected after a packet of IPv4: fragment ${n} of datagram ${id}. */
static bool
after4(uint8_t proto, uint16_t id, uint16_t n, bool more)
{
	uint8_t p[28] = { 0x45, [9] = proto, [12] = 10, 1, 0, 1, 10, 2, 0, 1 };

	put_be16(p + 4, id);
	put_be16(p + 6, (uint16_t)((more ? 0x2000 : 0) | n));
	fragments_read(&f, p, sizeof(p));
	return (fragments_follow(&f));
}

/* The same of IPv6; ${next}: of the IPv6 header, 44 is a fragment. */
static bool
after6(uint8_t next, uint32_t id, uint16_t n, bool more)
{
	uint8_t p[56] = { 0x60, [6] = next, [8] = 0x20, 1, [23] = 1, [40] = 17 };

	put_be16(p + 42, (uint16_t)(n << 3 | more));
	put_be32(p + 44, id);
	fragments_read(&f, p, sizeof(p));
	return (fragments_follow(&f));
}

static void
a_datagram_is_open_until_its_last_fragment(void **state)
{
	(void)state;
	assert_false(fragments_follow(&f));
	assert_false(after4(17, 7, 0, false));		/* no fragment */
	assert_true(after4(17, 7, 0, true));
	assert_true(after4(17, 7, 1, true));
	assert_false(after4(17, 7, 2, false));
	assert_false(after4(17, 7, 2, false));		/* whose first ones were not read */
	assert_true(after6(44, 7, 0, true));
	assert_false(after6(44, 7, 1, false));
	assert_false(after6(17, 7, 0, true));		/* no fragment header */
}

static void
other_packets_in_between_do_not_close_it(void **state)
{
	(void)state;
	assert_true(after4(17, 1, 0, true));
	assert_true(after4(17, 2, 0, true));
	assert_true(after4(1, 1, 0, true));
	assert_true(after6(44, 1, 0, true));
	assert_true(after4(17, 2, 1, false));
	assert_true(after4(17, 3, 0, false));
	assert_true(after4(1, 1, 1, false));
	assert_true(after6(44, 1, 1, false));
	assert_false(after4(17, 1, 1, false));
}

static void
one_that_never_ends_is_forgotten(void **state)
{
	(void)state;
	assert_true(after4(17, 1, 0, true));
	for (uint16_t i = 1; i < FRAGMENTS_FAR; i++)
		assert_true(after4(17, i, 0, false));
	assert_false(after4(17, 1, 0, false));
	assert_true(after4(17, 1, 1, true));		/* late, but here it is */
	assert_true(after4(17, 2, 0, true));
	assert_true(after4(17, 1, 2, true));
	for (uint16_t i = 1; i < FRAGMENTS_FAR; i++)
		assert_true(after4(17, i, 0, false));
	assert_false(after4(17, 1, 0, false));
}

static void
of_too_many_the_latest_are_known(void **state)
{
	(void)state;
	for (uint16_t i = 0; i <= FRAGMENTS_OPEN; i++)
		assert_true(after4(17, i, 0, true));
	for (uint16_t i = 1; i < FRAGMENTS_OPEN; i++)
		assert_true(after4(17, i, 1, false));
	assert_false(after4(17, FRAGMENTS_OPEN, 1, false));
}

static void
what_is_too_short_is_no_fragment(void **state)
{
	uint8_t v4[20] = { 0x45, [6] = 0x20 }, v6[48] = { 0x60, [6] = 44, [43] = 1, [47] = 1 };

	(void)state;
	fragments_read(&f, v4, 0);
	fragments_read(&f, v4, sizeof(v4) - 1);
	fragments_read(&f, v6, sizeof(v6) - 1);
	assert_false(fragments_follow(&f));
	fragments_read(&f, v4, sizeof(v4));
	assert_true(fragments_follow(&f));
	assert_int_equal(f.n, 1);
	fragments_read(&f, v6, sizeof(v6));
	assert_int_equal(f.n, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_datagram_is_open_until_its_last_fragment, setup),
		cmocka_unit_test_setup(other_packets_in_between_do_not_close_it, setup),
		cmocka_unit_test_setup(one_that_never_ends_is_forgotten, setup),
		cmocka_unit_test_setup(of_too_many_the_latest_are_known, setup),
		cmocka_unit_test_setup(what_is_too_short_is_no_fragment, setup),
	};

	return (cmocka_run_group_tests_name("fragments", tests, NULL, NULL));
}
