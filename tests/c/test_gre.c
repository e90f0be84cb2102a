/* GRE: its header, the bindings of a device, and what is sampled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gre/bindings.h"
#include "gre/gate.h"
#include "gre/gre.h"
#include "gre/sampler.h"
#include "gre/tap.h"

/* From RFC 2784 and RFC 2890 by hand; checksums by the kernel's own algorithm elsewhere (scapy in gre-tun.bats). */
static void
test_known_bytes(void **state)
{
	static const struct { struct gre_head h; size_t len; uint8_t b[20]; } known[] = {
		{ { .proto = GRE_IPV4 }, 4, { 0x00, 0x00, 0x08, 0x00 } },
		{ { .proto = GRE_NHRP, .has_key = true, .key = 42 }, 8, { 0x20, 0x00, 0x20, 0x01, 0, 0, 0, 42 } },
		{ { .proto = GRE_IPV6, .has_seq = true, .seq = 0xfffffffe }, 8, { 0x10, 0x00, 0x86, 0xdd, 0xff, 0xff, 0xff, 0xfe } },
		/* ~(8000 + 0800 + 4500) = 32ff */
		{ { .proto = GRE_IPV4, .csum = true }, 8, { 0x80, 0x00, 0x08, 0x00, 0x32, 0xff, 0, 0 } },
		/* ~fold(b000 + 0800 + 0001 + 0002 + 0003 + 0004 + 4500) = 02f5 */
		{ { .proto = GRE_IPV4, .csum = true, .has_key = true, .key = 0x10002, .has_seq = true, .seq = 0x30004 }, 16,
		    { 0xb0, 0x00, 0x08, 0x00, 0x02, 0xf5, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4 } },
	};
	uint8_t buf[GRE_HEAD_MAX + 2], *p;
	struct gre_head h;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		buf[GRE_HEAD_MAX] = 0x45;
		buf[GRE_HEAD_MAX + 1] = 0x00;
		p = gre_put(&known[i].h, buf + GRE_HEAD_MAX, 2);
		assert_int_equal(buf + GRE_HEAD_MAX - p, known[i].len);
		assert_memory_equal(p, known[i].b, known[i].len);
		assert_int_equal(gre_parse(&h, &len, span_of(p, known[i].len + 2)), GRE_OK);
		assert_int_equal(len, known[i].len);
		assert_int_equal(h.proto, known[i].h.proto);
		assert_int_equal(h.key, known[i].h.key);
		assert_int_equal(h.seq, known[i].h.seq);
		/* Cut anywhere in its header. */
		for (size_t n = 0; n < known[i].len; n++) {
			uint8_t *cut = malloc(n + 1);

			assert_non_null(cut);
			memcpy(cut, p, n);
			assert_int_equal(gre_parse(&h, &len, span_of(cut, n)), GRE_SHORT);
			free(cut);
		}
	}
}

/* Every value of the first two bytes: what RFC 2784 and RFC 2890 say of each bit. */
static void
test_all_flags(void **state)
{
	uint8_t b[32] = {0};
	enum gre_verdict v;
	struct gre_head h;
	size_t len;

	(void)state;
	for (unsigned flags = 0; flags < 0x10000; flags++) {
		put_be16(b, (uint16_t)flags);
		put_be16(b + 2, GRE_IPV4);
		v = gre_parse(&h, &len, SPAN_ARRAY(b));
		if ((flags & 7) != 0)
			assert_int_equal(v, GRE_VERSION);
		else if ((flags & 0x4c00) != 0)
			assert_int_equal(v, GRE_FLAGS);
		else if ((flags & 0x8000) != 0)
			assert_int_equal(v, GRE_CSUM);
		else {
			assert_int_equal(v, GRE_OK);
			assert_int_equal(h.has_key, (flags & 0x2000) != 0);
			assert_int_equal(h.has_seq, (flags & 0x1000) != 0);
		}
	}
}

static void
test_checksum_sees_every_bit(void **state)
{
	uint8_t buf[GRE_HEAD_MAX + 21], *p;
	const struct gre_head h = { .proto = GRE_IPV4, .csum = true, .has_key = true, .key = 7 };
	struct gre_head got;
	size_t len;

	(void)state;
	memset(buf, 0x5a, sizeof(buf));
	p = gre_put(&h, buf + GRE_HEAD_MAX, 21);	/* an odd length */
	assert_int_equal(gre_parse(&got, &len, span_of(p, 12 + 21)), GRE_OK);
	for (size_t bit = 8 * 2; bit < 8 * (12 + 21); bit++) {
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(gre_parse(&got, &len, span_of(p, 12 + 21)), GRE_CSUM);
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* ---- bindings */

static struct sa_nhrp_binding
binding(const char *proto, uint8_t prefix, const char *nbma, const char *via, uint64_t expires)
{
	struct sa_nhrp_binding b = { .prefix = prefix, .kind = NHRP_KIND_DYNAMIC, .holding = 60, .expires = expires };

	assert_int_equal(addr_parse(&b.proto, proto), 0);
	if (nbma != NULL)
		assert_int_equal(addr_parse(&b.nbma, nbma), 0);
	if (via != NULL)
		assert_int_equal(addr_parse(&b.via, via), 0);
	return (b);
}

static void
assert_addr(const struct addr *a, const char *text)
{
	char out[ADDR_TEXT];

	assert_string_equal(a->family == 0 ? "" : addr_text(out, a), text);
}

static void
test_bindings(void **state)
{
	struct bindings b = {0};
	struct sa_nhrp_binding r;
	struct route routes[8];
	struct neigh neighs[8];
	struct addr own = {0};
	size_t nr, nn;
	struct fault f;

	(void)state;
	r = binding("10.255.255.1", 32, "192.0.2.1", NULL, 100);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_NEW);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_SAME);
	r = binding("10.2.0.9", 24, "192.0.2.2", "10.255.255.2", 200);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_NEW);
	r = binding("2001:db8::5", 128, "2001:db8:ff::9", NULL, UINT64_MAX);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_NEW);
	r = binding("10.9.9.9", 32, NULL, NULL, 100);
	r.kind = NHRP_KIND_NEGATIVE;
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_NEW);
	assert_int_equal(b.n, 4);
	bindings_want(&b, &own, routes, &nr, neighs, &nn);
	assert_int_equal(nr, 3);
	assert_int_equal(nn, 3);
	assert_addr(&routes[0].net, "10.2.0.0");
	assert_int_equal(routes[0].prefix, 24);
	assert_addr(&routes[0].via, "10.255.255.2");
	assert_addr(&neighs[0].hop, "10.255.255.2");
	assert_addr(&neighs[0].nbma, "192.0.2.2");
	assert_addr(&routes[1].net, "10.255.255.1");
	assert_addr(&routes[1].via, "");
	assert_addr(&neighs[2].nbma, "2001:db8:ff::9");
	/* This end's own binding makes no neighbour. */
	own = neighs[1].nbma;
	bindings_want(&b, &own, routes, &nr, neighs, &nn);
	assert_int_equal(nn, 2);
	/* What a NAT made of it is where packets go. */
	r = binding("10.255.255.1", 32, "192.0.2.1", NULL, 100);
	assert_int_equal(addr_parse(&r.nat_nbma, "203.0.113.7"), 0);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_CHANGED);
	bindings_want(&b, &own, routes, &nr, neighs, &nn);
	assert_addr(&neighs[1].nbma, "203.0.113.7");
	/* Withdrawn, expired, and both for one that was never there. */
	r.holding = 0;
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_GONE);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_SAME);
	r = binding("10.2.0.9", 24, "192.0.2.2", "10.255.255.2", 50);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_GONE);
	assert_int_equal(bindings_next(&b), 100);
	assert_int_equal(bindings_expire(&b, 99, NULL, NULL), 0);
	assert_int_equal(bindings_expire(&b, 100, NULL, NULL), 1);
	assert_int_equal(bindings_next(&b), UINT64_MAX);
	r = binding("10.2.0.9", 33, "192.0.2.2", NULL, 90);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), -1);
	assert_int_equal(f.code, FAULT_BAD_RECORD);
	bindings_free(&b);
}

static void
test_bindings_are_bounded(void **state)
{
	struct sa_nhrp_binding r = binding("10.0.0.0", 32, "192.0.2.1", NULL, 100);
	struct bindings b = {0};
	struct fault f;
	uint32_t i;

	(void)state;
	for (i = 0; i < BINDINGS_MAX; i++) {
		put_be32(r.proto.b, 0x0a000000u + i);
		assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_NEW);
	}
	put_be32(r.proto.b, 0x0a000000u + i);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	put_be32(r.proto.b, 0x0a000000u);
	assert_int_equal(bindings_apply(&b, &r, 50, &f), BINDINGS_SAME);
	bindings_free(&b);
}

/* ---- samples */

static void
test_sampler(void **state)
{
	static const uint8_t key[16] = "0123456789abcdef";
	struct sampler *s = sampler_new(key);
	struct addr a, b, nbma, got;

	(void)state;
	assert_non_null(s);
	assert_int_equal(addr_parse(&a, "10.1.0.1"), 0);
	assert_int_equal(addr_parse(&b, "10.2.0.1"), 0);
	assert_int_equal(addr_parse(&nbma, "192.0.2.1"), 0);
	assert_false(sampler_out(s, &a, &b, 1000, &got));
	sampler_in(s, &a, &b, &nbma, 1000);
	assert_false(sampler_out(s, &b, &a, 1001, &got));
	assert_true(sampler_out(s, &a, &b, 1001, &got));
	assert_int_equal(addr_cmp(&got, &nbma), 0);
	/* Once in a while only, and only what came in just now. */
	sampler_in(s, &a, &b, &nbma, 1002);
	assert_false(sampler_out(s, &a, &b, 1002, &got));
	sampler_in(s, &a, &b, &nbma, 1001 + SAMPLER_PAUSE_MS);
	assert_true(sampler_out(s, &a, &b, 1001 + SAMPLER_PAUSE_MS, &got));
	assert_false(sampler_out(s, &a, &b, 1001 + 3 * SAMPLER_PAUSE_MS, &got));
	sampler_free(s);
}

static void
test_sampler_rate(void **state)
{
	static const uint8_t key[16] = "0123456789abcdef";
	struct sampler *s = sampler_new(key);
	struct addr a, b, nbma, got;
	unsigned n = 0;

	(void)state;
	assert_non_null(s);
	assert_int_equal(addr_parse(&a, "10.1.0.1"), 0);
	assert_int_equal(addr_parse(&b, "10.2.0.1"), 0);
	assert_int_equal(addr_parse(&nbma, "192.0.2.1"), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		put_be32(b.b, 0x0a020000u + i);
		sampler_in(s, &a, &b, &nbma, 5000);
		n += sampler_out(s, &a, &b, 5000, &got);
	}
	assert_int_equal(n, SAMPLER_RATE);
	put_be32(b.b, 0x0a02ffffu);
	sampler_in(s, &a, &b, &nbma, 6000);
	assert_true(sampler_out(s, &a, &b, 6000, &got));
	sampler_free(s);
}

/* ---- questions for link addresses */

static void
test_questions(void **state)
{
	/* As the kernel sends it by a device of link type 778: link addresses of 4 bytes. */
	static const uint8_t arp[] = { 0x03, 0x0a, 0x08, 0x00, 4, 4, 0, 1, 0, 0, 0, 0, 10, 255, 255, 1, 0, 0, 0, 0, 10, 255, 255, 2 };
	static const uint8_t target[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };
	uint8_t b[80];
	struct tap_frame frame = { .proto = GRE_ARP };
	struct pkt k = { .p = b };
	struct addr hop;

	(void)state;
	memcpy(b, arp, sizeof(arp));
	for (k.len = 0; k.len < sizeof(arp); k.len++)
		assert_false(tap_question(&frame, &k, &hop));
	assert_true(tap_question(&frame, &k, &hop));
	assert_int_equal(get_be32(hop.b), 0x0affff02);
	b[7] = 2;		/* an answer */
	assert_false(tap_question(&frame, &k, &hop));
	b[7] = 1;
	b[4] = 255;		/* addresses that end behind the packet */
	assert_false(tap_question(&frame, &k, &hop));
	frame.proto = GRE_IPV6;
	memset(b, 0, sizeof(b));
	b[0] = 0x60;
	b[6] = 58;
	b[40] = 135;
	memcpy(b + 48, target, sizeof(target));
	for (k.len = 0; k.len < 64; k.len++)
		assert_false(tap_question(&frame, &k, &hop));
	assert_true(tap_question(&frame, &k, &hop));
	assert_int_equal(hop.family, 6);
	assert_memory_equal(hop.b, target, 16);
	b[40] = 136;
	assert_false(tap_question(&frame, &k, &hop));
}

static struct addr
host4(uint8_t last)
{
	const uint8_t b[] = { 203, 0, 113, last };

	return (addr_make(4, b));
}

static void
test_gate(void **state)
{
	struct gate g = {0};
	const struct addr a = host4(1), b = host4(2), c = host4(3);
	struct fault f;

	(void)state;
	assert_false(gate_has(&g, &a));
	assert_false(gate_remove(&g, &a, 0));
	assert_int_equal(gate_add(&g, &b, 0, &f), 1);
	assert_int_equal(gate_add(&g, &b, 0, &f), 0);
	assert_int_equal(gate_add(&g, &b, 1, &f), 0);	/* known, by another source */
	assert_int_equal(gate_add(&g, &a, 1, &f), 1);
	assert_true(gate_has(&g, &a) && gate_has(&g, &b));
	assert_false(gate_has(&g, &c));
	/* Of two sources that report it, the last one counts. */
	assert_false(gate_remove(&g, &b, 0));
	assert_true(gate_has(&g, &b));
	assert_true(gate_remove(&g, &b, 1));
	assert_false(gate_has(&g, &b));
	assert_true(gate_has(&g, &a));
	/* The end of a source is the end of what it reported. */
	assert_int_equal(gate_add(&g, &b, 0, &f), 1);
	gate_source_over(&g, 1);
	assert_false(gate_has(&g, &a));
	assert_true(gate_has(&g, &b));
	gate_source_over(&g, 7);
	assert_true(gate_has(&g, &b));
	gate_free(&g);
}

static void
test_gate_is_bounded(void **state)
{
	struct gate g = {0};
	struct fault f;
	uint8_t n[4];

	(void)state;
	/* In blocks that run backwards: entries are put before others, too. */
	for (uint32_t i = 0; i < GATE_MAX; i++) {
		put_be32(n, (i ^ 0xff) * 7);
		assert_int_equal(gate_add(&g, &(struct addr){ .family = 4, .b = { n[0], n[1], n[2], n[3] } }, 0, &f), 1);
	}
	for (size_t i = 1; i < g.n; i++)
		assert_true(addr_cmp(&g.list[i - 1].addr, &g.list[i].addr) < 0);
	assert_int_equal(gate_add(&g, &(struct addr){ .family = 4, .b = { 255, 1, 1, 1 } }, 0, &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	put_be32(n, 7);
	assert_true(gate_has(&g, &(struct addr){ .family = 4, .b = { n[0], n[1], n[2], n[3] } }));
	gate_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_all_flags),
		cmocka_unit_test(test_checksum_sees_every_bit),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_bindings_are_bounded),
		cmocka_unit_test(test_sampler),
		cmocka_unit_test(test_sampler_rate),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_gate_is_bounded),
	};

	return (cmocka_run_group_tests_name("gre", tests, NULL, NULL));
}
