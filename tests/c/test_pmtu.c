/* Path MTUs from ICMP errors (esp/pmtu.h), and fragments of IPv4 made before the tunnel (esp/cut.h). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/csum.h"
#include "esp/pmtu.h"
#include "esp/cut.h"
#include "esp/tos.h"

static struct addr
v4(uint8_t last)
{
	const uint8_t b[4] = { 203, 0, 113, last };

	return (addr_make(4, b));
}

static struct addr
v6(void)
{
	const uint8_t b[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };

	return (addr_make(6, b));
}

static void
test_lower_and_age(void **state)
{
	struct pmtu m = { .salt = 7 };
	struct addr a = v4(1), b = v4(2), c = v6();

	(void)state;
	assert_int_equal(pmtu_of(&m, &a, 1500, 0), 1500);
	assert_true(pmtu_lower(&m, &a, 1500, 1300, 1000));
	assert_int_equal(pmtu_of(&m, &a, 1500, 1000), 1300);
	assert_int_equal(pmtu_of(&m, &b, 1500, 1000), 1500);
	/* Never up by an error, and no error makes it younger unless it lowers it. */
	assert_false(pmtu_lower(&m, &a, 1300, 1400, 2000));
	assert_false(pmtu_lower(&m, &a, 1300, 1300, 2000));
	assert_int_equal(pmtu_of(&m, &a, 1500, 1000 + PMTU_AGE_MS - 1), 1300);
	assert_int_equal(pmtu_of(&m, &a, 1500, 1000 + PMTU_AGE_MS), 1500);
	assert_int_equal(m.peers.n, 0);
	/* The floors. */
	assert_true(pmtu_lower(&m, &a, 1500, 68, 0));
	assert_int_equal(pmtu_of(&m, &a, 1500, 0), PMTU_MIN_V4);
	assert_false(pmtu_lower(&m, &a, PMTU_MIN_V4, 68, 0));
	assert_false(pmtu_lower(&m, &a, PMTU_MIN_V4, 0, 0));
	assert_true(pmtu_lower(&m, &c, 1500, 600, 0));
	assert_int_equal(pmtu_of(&m, &c, 1500, 0), PMTU_MIN_V6);
	/* A link that has become as narrow takes its place; one that is not known hides it. */
	assert_int_equal(pmtu_of(&m, &c, 0, 0), 0);
	assert_int_equal(pmtu_of(&m, &c, 1500, 0), PMTU_MIN_V6);
	assert_int_equal(pmtu_of(&m, &c, 1280, 0), 1280);
	assert_int_equal(m.peers.n, 1);
	pmtu_free(&m);
}

static void
probes_decide_in_both_directions(void **state)
{
	struct pmtu m = { .salt = 7 };
	struct addr a = { .family = 4, .b = { 203, 0, 113, 2 } };

	(void)state;
	assert_false(pmtu_found(&m, &a, 1500, 1500, 1000));
	assert_int_equal(m.peers.n, 0);
	assert_true(pmtu_found(&m, &a, 1500, 1300, 1000));
	assert_int_equal(pmtu_of(&m, &a, 1500, 1000), 1300);
	/* Confirmed: it holds longer. */
	assert_false(pmtu_found(&m, &a, 1500, 1300, 60000));
	assert_int_equal(pmtu_of(&m, &a, 1500, 60000 + PMTU_AGE_MS - 1), 1300);
	assert_int_equal(pmtu_of(&m, &a, 1500, 60000 + PMTU_AGE_MS), 1500);
	/* More than an error has told. */
	assert_true(pmtu_lower(&m, &a, 1500, 1000, 0));
	assert_true(pmtu_found(&m, &a, 1500, 1300, 0));
	assert_int_equal(pmtu_of(&m, &a, 1500, 0), 1300);
	assert_true(pmtu_found(&m, &a, 1500, 1500, 0));
	assert_int_equal(m.peers.n, 0);
	assert_true(pmtu_found(&m, &a, 1500, 100, 0));
	assert_int_equal(pmtu_of(&m, &a, 1500, 0), PMTU_MIN_V4);
	assert_false(pmtu_found(&m, &a, 400, 500, 0));
	assert_int_equal(pmtu_of(&m, &a, 400, 0), 400);
	pmtu_free(&m);
}

/* RFC 1191, 5: routers that do not say how much passes. */
static void
test_plateaus(void **state)
{
	static const size_t steps[] = { 1492, 1400, 1280, 1006, 576 };
	struct pmtu m = { .salt = 7 };
	struct addr a = v4(1);
	size_t was = 1500;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_true(pmtu_lower(&m, &a, was, 0, 0));
		was = pmtu_of(&m, &a, 1500, 0);
		assert_int_equal(was, steps[i]);
	}
	assert_false(pmtu_lower(&m, &a, was, 0, 0));
	assert_true(pmtu_lower(&m, &a, 9000, 0, 0));
	assert_int_equal(pmtu_of(&m, &a, 9000, 0), 8166);
	pmtu_free(&m);
}

/* However many peers say so, the table is bounded. */
static void
test_bounded(void **state)
{
	struct pmtu m = { .salt = 7 };
	struct addr a = v4(0);

	(void)state;
	for (uint32_t i = 0; i < PMTU_PEERS + 10; i++) {
		put_be32(a.b, i + 1);
		assert_int_equal(pmtu_lower(&m, &a, 1500, 1300, 0), i < PMTU_PEERS);
	}
	assert_int_equal(m.peers.n, PMTU_PEERS);
	put_be32(a.b, 1);
	assert_true(pmtu_lower(&m, &a, 1300, 1200, 0));
	pmtu_free(&m);
}

static bool
ours(const struct esp_sa *sa, uint32_t spi, uint32_t seq, size_t len)
{
	uint8_t q[16] = { 4, 5 };
	size_t at = sa->protocol == SA_AH ? 4 : 0;

	put_be32(q + at, spi);
	put_be32(q + at + 4, seq);
	return (pmtu_is_ours(sa, span_of(q, len)));
}

static void
test_which_to_believe(void **state)
{
	struct esp_sa sa = { .spi = { 0xc0, 1, 2, 3 }, .protocol = SA_ESP, .seq = 1000 };

	(void)state;
	for (int ah = 0; ah < 2; ah++) {
		size_t whole = ah ? 12 : 8;

		sa.protocol = ah ? SA_AH : SA_ESP;
		sa.seq = 1000;
		assert_true(ours(&sa, 0xc0010203, 1000, whole));
		assert_true(ours(&sa, 0xc0010203, 1, 16));
		assert_false(ours(&sa, 0xc0010203, 0, 16));		/* no packet has it */
		assert_false(ours(&sa, 0xc0010203, 1001, 16));		/* none yet */
		assert_false(ours(&sa, 0xc0010204, 1000, 16));
		assert_false(ours(&sa, 0xc0010203, 1000, whole - 1));
		assert_false(ours(&sa, 0xc0010203, 1000, 0));
		/* Long ago; and beyond 32 bits. */
		sa.seq = PMTU_RECENT + 5;
		assert_true(ours(&sa, 0xc0010203, 6, 16));
		assert_false(ours(&sa, 0xc0010203, 5, 16));
		sa.seq = (UINT64_C(1) << 32) + 3;
		assert_true(ours(&sa, 0xc0010203, 0xfffffff0, 16));
		assert_true(ours(&sa, 0xc0010203, 3, 16));
		assert_false(ours(&sa, 0xc0010203, 4, 16));
	}
	sa.seq = 0;
	sa.protocol = SA_ESP;
	assert_false(ours(&sa, 0xc0010203, 0, 16));
}

/* ---- esp/cut.h */

#define ROOM	66000

/* An IPv4 packet of ${head} + ${body} bytes; its bytes count. */
static size_t
packet(uint8_t *p, size_t head, size_t body, uint16_t frag)
{
	memset(p, 0, head);
	p[0] = (uint8_t)(0x40 | head / 4);
	put_be16(p + 2, (uint16_t)(head + body));
	put_be16(p + 4, 0x1234);
	put_be16(p + 6, frag);
	p[8] = 64;
	p[9] = 17;
	memcpy(p + 12, "\xa\1\0\1\xa\2\0\1", 8);
	for (size_t i = 0; i < body; i++)
		p[head + i] = (uint8_t)(i ^ i >> 8);
	return (head + body);
}

/* Cuts to ${mtu} and puts together again: every byte, offsets without gap, MF on all but the last. Returns the pieces. */
static size_t
check_pieces(const uint8_t *p, size_t len, size_t mtu)
{
	static uint8_t piece[ROOM], whole[ROOM];
	size_t head = (size_t)(p[0] & 15) * 4, at = 0, n = 0, got;
	uint16_t was = get_be16(p + 6);
	struct inner in;
	struct cutter c;

	assert_int_equal(inner_parse(&in, p, len), 0);
	assert_true(cut_needed(&in, mtu));
	assert_int_equal(cut_begin(&c, p, &in, mtu), 0);
	while ((got = cut_len(&c)) > 0) {
		size_t h;

		assert_true(got <= mtu);
		memset(piece, 0xee, sizeof(piece));
		cut_put(&c, piece);
		assert_int_equal(piece[got], 0xee);
		assert_int_equal(get_be16(piece + 2), got);
		assert_int_equal(get_be16(piece + 4), 0x1234);
		h = (size_t)(piece[0] & 15) * 4;
		assert_true(csum_right(csum_bytes(piece, h)));
		assert_int_equal(get_be16(piece + 6) & 0x1fff, (was & 0x1fff) + at / 8);
		memcpy(whole + at, piece + h, got - h);
		at += got - h;
		assert_int_equal((get_be16(piece + 6) & 0x2000) != 0, at < len - head || (was & 0x2000) != 0);
		n++;
	}
	assert_int_equal(at, len - head);
	assert_memory_equal(whole, p + head, at);
	return (n);
}

static void
test_cut(void **state)
{
	static uint8_t p[ROOM];

	(void)state;
	assert_int_equal(check_pieces(p, packet(p, 20, 1480, 0), 1400), 2);
	assert_int_equal(check_pieces(p, packet(p, 20, 1481, 0), 1500), 2);
	assert_int_equal(check_pieces(p, packet(p, 20, 65515, 0), 68), 1365);
	/* A fragment is cut again: in the middle, and the last. */
	assert_int_equal(check_pieces(p, packet(p, 20, 1480, 0x2000 | 185), 700), 3);
	assert_int_equal(check_pieces(p, packet(p, 20, 1477, 370), 700), 3);
	for (size_t mtu = 68; mtu < 1500; mtu += 7)
		(void)check_pieces(p, packet(p, 20, 1480, 0), mtu);
}

static void
test_cut_options(void **state)
{
	static uint8_t p[ROOM], to[ROOM];
	/* NOP, record route (not copied), loose source route (copied). */
	static const uint8_t options[20] = { 1, 7, 7, 4, 0, 0, 0, 0, 131, 7, 4, 10, 9, 9, 9 };
	size_t len = packet(p, 40, 1400, 0);
	struct inner in;
	struct cutter c;

	(void)state;
	memcpy(p + 20, options, sizeof(options));
	assert_int_equal(check_pieces(p, len, 500), 4);
	assert_int_equal(inner_parse(&in, p, len), 0);
	assert_int_equal(cut_begin(&c, p, &in, 500), 0);
	cut_put(&c, to);
	assert_int_equal(to[0], 0x4a);
	assert_memory_equal(to + 20, options, sizeof(options));
	cut_put(&c, to);
	assert_int_equal(to[0], 0x47);
	assert_memory_equal(to + 20, "\x83\x07\x04\x0a\x09\x09\x09\0", 8);
	/* Lengths that lie end the list. */
	p[21] = 0x83;
	for (unsigned bad = 0; bad < 256; bad++) {
		p[22] = (uint8_t)bad;
		assert_int_equal(cut_begin(&c, p, &in, 500), 0);
		assert_true(c.later_len >= 20 && c.later_len <= 40);
		while (cut_len(&c) > 0)
			cut_put(&c, to);
	}
}

static void
test_not_cut(void **state)
{
	static uint8_t p[ROOM];
	struct inner in;
	struct cutter c;
	size_t len = packet(p, 20, 1480, 0);

	(void)state;
	assert_int_equal(inner_parse(&in, p, len), 0);
	assert_false(cut_needed(&in, 1500));
	assert_true(cut_needed(&in, 1499));
	assert_false(cut_needed(&in, 0));		/* not known */
	assert_int_equal(cut_begin(&c, p, &in, 27), -1);
	/* DF. */
	len = packet(p, 20, 1480, 0x4000);
	assert_int_equal(inner_parse(&in, p, len), 0);
	assert_false(cut_needed(&in, 1000));
	assert_int_equal(cut_begin(&c, p, &in, 1000), -1);
	/* Beyond 64 KiB there is no offset. */
	len = packet(p, 20, 1480, 0x1ff0);
	assert_int_equal(inner_parse(&in, p, len), 0);
	assert_int_equal(cut_begin(&c, p, &in, 1000), -1);
}

/* ---- esp/tos.h */

static void
test_dscp_map(void **state)
{
	static const char *const bad[] = { "", "1", "1:", ":1", "1:64", "64:1", "1:2,", "1:2 ", "a:b", "1:2;3:4", "-1:2", "0001:2" };
	struct dscp_map m;
	struct fault f;

	(void)state;
	dscp_map_init(&m, NULL);
	for (unsigned tos = 0; tos < 256; tos++)
		assert_int_equal(dscp_map_tos(&m, (uint8_t)tos), tos);
	assert_int_equal(dscp_map_parse(&m, "46:34,0:63,10:0", &f), 0);
	for (unsigned tos = 0; tos < 256; tos++)
		assert_int_equal(dscp_map_tos(&m, (uint8_t)tos) >> 2,
		    tos >> 2 == 46 ? 34 : tos >> 2 == 0 ? 63 : tos >> 2 == 10 ? 0 : tos >> 2);
	assert_int_equal(dscp_map_tos(&m, 46 << 2 | 3), 34 << 2 | 3);
	dscp_map_init(&m, &(const uint8_t){ 10 });
	assert_int_equal(dscp_map_tos(&m, 1), 10 << 2 | 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dscp_map_parse(&m, bad[i], &f), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_decide_in_both_directions),
		cmocka_unit_test(test_lower_and_age),
		cmocka_unit_test(test_plateaus),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_which_to_believe),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_options),
		cmocka_unit_test(test_not_cut),
		cmocka_unit_test(test_dscp_map),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
