/* Inner packets: headers, selectors, ECN, MSS, ICMP. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "esp/inner.h"

static uint8_t pkt[2048];

/* The one's complement sum over ${n} bytes, folded: 0xffff where a checksum within holds. */
static uint16_t
sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += (uint32_t)p[i] << (i % 2 == 0 ? 8 : 0);
	while (s > 0xffff)
		s = (s & 0xffff) + (s >> 16);
	return ((uint16_t)s);
}

static size_t
v4(uint8_t proto, size_t payload)
{
	memset(pkt, 0, sizeof(pkt));
	pkt[0] = 0x45;
	put_be16(pkt + 2, (uint16_t)(20 + payload));
	put_be16(pkt + 4, 0x1234);
	pkt[8] = 64;
	pkt[9] = proto;
	put_be32(pkt + 12, 0x0a010001);
	put_be32(pkt + 16, 0x0a020001);
	put_be16(pkt + 10, (uint16_t)~sum(pkt, 20, 0));
	return (20 + payload);
}

static size_t
v6(uint8_t next, size_t payload)
{
	memset(pkt, 0, sizeof(pkt));
	pkt[0] = 0x60;
	put_be16(pkt + 4, (uint16_t)payload);
	pkt[6] = next;
	pkt[7] = 64;
	(void)hex_get(pkt + 8, 16, "20010db8000100000000000000000001");
	(void)hex_get(pkt + 24, 16, "20010db8000200000000000000000001");
	return (40 + payload);
}

static void
test_parse(void **state)
{
	struct inner in;
	size_t n;

	(void)state;
	n = v4(6, 40);
	put_be16(pkt + 20, 1000);
	put_be16(pkt + 22, 80);
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_true(in.has_ports && in.sport == 1000 && in.dport == 80 && in.l4 == 20);
	assert_int_equal(inner_parse(&in, pkt, n + 30), 0);	/* traffic flow padding */
	assert_int_equal(in.len, n);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(inner_parse(&in, pkt, cut), -1);
	pkt[0] = 0x44;
	assert_int_equal(inner_parse(&in, pkt, n), -1);
	pkt[0] = 0x4f;					/* 60 bytes of header: options, then nothing */
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_false(in.has_ports);
	pkt[0] = 0x55;
	assert_int_equal(inner_parse(&in, pkt, n), -1);
	n = v4(17, 8);
	put_be16(pkt + 2, 19);
	assert_int_equal(inner_parse(&in, pkt, n), -1);
	put_be16(pkt + 2, 29);
	assert_int_equal(inner_parse(&in, pkt, n), -1);

	n = v6(0, 8 + 8 + 8 + 20);			/* hop-by-hop, destination options, fragment, TCP */
	pkt[40] = 60;
	pkt[48] = 44;
	pkt[56] = 6;
	put_be32(pkt + 60, 77);
	put_be16(pkt + 64, 22);
	put_be16(pkt + 66, 443);
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_true(in.proto == 6 && in.frag && !in.frag_rest && in.id == 77);
	assert_true(in.has_ports && in.sport == 22 && in.dport == 443 && in.l4 == 64);
	put_be16(pkt + 58, 0x0008);
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_true(in.frag_rest && !in.has_ports);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(inner_parse(&in, pkt, cut), -1);
	n = v6(0, 8);
	pkt[41] = 1;					/* a header longer than what is left */
	assert_int_equal(inner_parse(&in, pkt, n), -1);
	n = v6(60, 8 * 20);				/* headers without end */
	for (size_t i = 0; i < 20; i++)
		pkt[40 + 8 * i] = 60;
	assert_int_equal(inner_parse(&in, pkt, n), -1);
}

static void
test_selectors(void **state)
{
	struct selector from, to;
	struct inner in;

	(void)state;
	(void)v4(6, 20);
	put_be16(pkt + 20, 1000);
	put_be16(pkt + 22, 80);
	assert_int_equal(inner_parse(&in, pkt, 40), 0);
	assert_int_equal(selector_parse(&from, "10.1.0.0/24"), 0);
	assert_int_equal(selector_parse(&to, "10.2.0.0-10.2.0.1"), 0);
	assert_true(inner_matches(&in, &from, &to));
	assert_false(inner_matches(&in, &to, &from));
	to.proto = 6;
	assert_true(inner_matches(&in, &from, &to));
	to.port = to.port_end = 80;
	assert_true(inner_matches(&in, &from, &to));
	from.port = 1001;
	from.port_end = 2000;
	assert_false(inner_matches(&in, &from, &to));
	from.port = 1000;
	assert_true(inner_matches(&in, &from, &to));
	to.proto = 17;
	assert_false(inner_matches(&in, &from, &to));
	to.proto = 0;
	put_be16(pkt + 6, 0x0001);			/* a later fragment has no ports to fit */
	assert_int_equal(inner_parse(&in, pkt, 40), 0);
	assert_false(inner_matches(&in, &from, &to));
	from.port = from.port_end = to.port = to.port_end = 0;
	assert_true(inner_matches(&in, &from, &to));
	assert_int_equal(selector_parse(&to, "::/0"), 0);
	assert_false(inner_matches(&in, &from, &to));
}

/* RFC 6040 figure 4: row is the inner field, column the outer one; -1: dropped. */
static void
test_ecn(void **state)
{
	static const int want[4][4] = {			/* outer 00 (not), 01 (ECT 1), 10 (ECT 0), 11 (CE) */
		{ 0, 0, 0, -1 }, { 1, 1, 1, 3 }, { 2, 1, 2, 3 }, { 3, 3, 3, 3 },
	};
	struct inner in;

	(void)state;
	for (uint8_t own = 0; own < 4; own++)
		for (uint8_t outer = 0; outer < 4; outer++) {
			(void)v4(17, 8);
			pkt[1] = 0xb8 | own;
			put_be16(pkt + 10, 0);
			put_be16(pkt + 10, (uint16_t)~sum(pkt, 20, 0));
			assert_int_equal(inner_parse(&in, pkt, 28), 0);
			assert_int_equal(inner_ecn_exit(pkt, &in, 0x24 | outer), want[own][outer] < 0 ? -1 : 0);
			if (want[own][outer] >= 0)
				assert_int_equal(pkt[1], 0xb8 | want[own][outer]);
			assert_int_equal(sum(pkt, 20, 0), 0xffff);
			(void)v6(17, 8);
			put_be32(pkt, UINT32_C(0x6b812345) | (uint32_t)own << 20);
			assert_int_equal(inner_parse(&in, pkt, 48), 0);
			assert_int_equal(in.tos, 0xb8 | own);
			assert_int_equal(inner_ecn_exit(pkt, &in, outer), want[own][outer] < 0 ? -1 : 0);
			if (want[own][outer] >= 0)
				assert_int_equal(get_be32(pkt), 0x6b812345 | (uint32_t)want[own][outer] << 20);
		}
}

/* A SYN with ${opts} (hex) behind 20 bytes of TCP header, checksum right. */
static size_t
syn(const char *opts, uint8_t flags)
{
	long n = hex_get(pkt + 40, 40, opts);
	size_t len;
	uint8_t keep[40];

	assert_true(n >= 0 && n % 4 == 0);
	memcpy(keep, pkt + 40, 40);
	len = v4(6, 20 + (size_t)n);
	memcpy(pkt + 40, keep, (size_t)n);
	pkt[32] = (uint8_t)((20 + n) / 4 << 4);
	pkt[33] = flags;
	put_be16(pkt + 36, (uint16_t)~sum(pkt + 20, len - 20, sum(pkt + 12, 8, 6 + (uint32_t)len - 20)));
	return (len);
}

static void
test_mss(void **state)
{
	static const struct { const char *opts; bool changes; size_t at; } cases[] = {
		{ "020405b4", true, 2 },
		{ "0101080a0102030405060708020405b4", true, 14 },
		{ "01020405b4010101", true, 3 },	/* on an odd byte */
		{ "020403e8", false, 0 },		/* 1000: low enough */
		{ "00000000020405b4", false, 0 },	/* behind the end */
		{ "080005b4", false, 0 },		/* option of no length */
		{ "080105b4", false, 0 },
		{ "080a05b4", false, 0 },		/* option beyond the header */
		{ "010101020405b401", true, 5 },
		{ "01010102", false, 0 },		/* cut off */
		{ "0101020405b40000", true, 4 },
		{ "020505b401010101", false, 0 },	/* not the length of an MSS */
		{ "", false, 0 },
	};
	uint8_t before[128];
	struct inner in;
	size_t n, len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = syn(cases[i].opts, 0x02);
		memcpy(before, pkt, n);
		assert_int_equal(inner_parse(&in, pkt, n), 0);
		if (inner_mss_clamp(pkt, &in, 1300) != cases[i].changes)
			fail_msg("options %s", cases[i].opts);
		if (cases[i].changes)
			assert_int_equal(get_be16(pkt + 40 + cases[i].at), 1300);
		else
			assert_memory_equal(pkt, before, n);
		len = n - 20;
		assert_int_equal(sum(pkt + 20, len, sum(pkt + 12, 8, 6 + (uint32_t)len)), 0xffff);
	}
	n = syn("020405b4", 0x10);			/* no SYN */
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_false(inner_mss_clamp(pkt, &in, 1300));
	n = syn("020405b4", 0x02);
	pkt[32] = 0xf0;					/* header longer than the packet */
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_false(inner_mss_clamp(pkt, &in, 1300));
	assert_int_equal(inner_mss_of(4, 1400), 1360);
	assert_int_equal(inner_mss_of(6, 1400), 1340);
	assert_int_equal(inner_mss_of(6, 10), 1);
}

static void
test_toobig(void **state)
{
	uint8_t out[TOOBIG_MAX];
	struct inner in;
	size_t n, len;

	(void)state;
	n = v4(17, 1400);
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	len = inner_toobig(out, pkt, &in, 1300);
	assert_int_equal(len, 576);
	assert_int_equal(get_be16(out + 2), 576);
	assert_memory_equal(out + 12, pkt + 16, 4);
	assert_memory_equal(out + 16, pkt + 12, 4);
	assert_true(out[20] == 3 && out[21] == 4 && get_be16(out + 26) == 1300);
	assert_memory_equal(out + 28, pkt, 576 - 28);
	assert_int_equal(sum(out, 20, 0), 0xffff);
	assert_int_equal(sum(out + 20, len - 20, 0), 0xffff);
	n = v4(17, 21);					/* short and odd */
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	len = inner_toobig(out, pkt, &in, 1300);
	assert_int_equal(len, 28 + 41);
	assert_int_equal(sum(out + 20, len - 20, 0), 0xffff);

	n = v6(17, 1400);
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	len = inner_toobig(out, pkt, &in, 1290);
	assert_int_equal(len, 1280);
	assert_true(out[40] == 2 && out[41] == 0 && get_be32(out + 44) == 1290);
	assert_memory_equal(out + 48, pkt, 1280 - 48);
	assert_int_equal(sum(out + 40, len - 40, sum(out + 8, 32, 58 + (uint32_t)len - 40)), 0xffff);

	/* Nothing answers these. */
	n = v4(1, 1400);
	pkt[20] = 3;
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_int_equal(inner_toobig(out, pkt, &in, 1300), 0);
	pkt[20] = 8;
	assert_int_equal(inner_toobig(out, pkt, &in, 1300), 576);
	n = v6(58, 1400);
	pkt[40] = 1;
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_int_equal(inner_toobig(out, pkt, &in, 1300), 0);
	n = v4(17, 1400);
	pkt[16] = 224;
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_int_equal(inner_toobig(out, pkt, &in, 1300), 0);
	n = v4(17, 1400);
	put_be16(pkt + 6, 0x2010);
	assert_int_equal(inner_parse(&in, pkt, n), 0);
	assert_int_equal(inner_toobig(out, pkt, &in, 1300), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_ecn),
		cmocka_unit_test(test_mss),
		cmocka_unit_test(test_toobig),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
