/* ISAKMP framing: every truncation, lengths off by one, bounds, and what was read is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

#include "wire/isakmp.h"

static const struct isakmp_hdr hdr = {
	.cky_i = { 1, 2, 3, 4, 5, 6, 7, 8 }, .cky_r = { 9, 10, 11, 12, 13, 14, 15, 16 },
	.version = ISAKMP_VERSION_1, .exchange = EXCHANGE_MAIN, .flags = 0, .mid = 0x01020304,
};

/* An SA body: two proposals, three transforms, attributes of both forms. */
static struct span
sa_body(uint8_t *buf, size_t cap)
{
	static const uint8_t spi[4] = { 0xde, 0xad, 0xbe, 0xef };
	static uint8_t attrs[64];
	struct wr a = wr_of(attrs, sizeof(attrs)), w = wr_of(buf, cap);
	struct isakmp_sa sa = { .doi = DOI_IPSEC, .situation = SIT_IDENTITY_ONLY, .np = 2, .nt = 3 };

	isakmp_attr_put(&a, IKE_ATTR_ENCRYPTION, 7);
	isakmp_attr_put(&a, IKE_ATTR_LIFE_DURATION, 86400);
	isakmp_attr_put_bytes(&a, IKE_ATTR_PRF, span_of("abc", 3));
	sa.p[0] = (struct isakmp_proposal){ 1, PROTO_ESP, SPAN_ARRAY(spi), 2, 0 };
	sa.p[1] = (struct isakmp_proposal){ 2, PROTO_AH, SPAN_NONE, 1, 2 };
	sa.t[0] = (struct isakmp_transform){ 1, 12, wr_span(&a) };
	sa.t[1] = (struct isakmp_transform){ 2, 3, SPAN_NONE };
	sa.t[2] = (struct isakmp_transform){ 1, 2, span_of(attrs, 4) };
	isakmp_sa_put(&w, &sa);
	assert_false(w.bad);
	return (wr_span(&w));
}

static struct span
message(uint8_t *buf, size_t cap)
{
	struct isakmp_builder b;
	uint8_t sa[256];

	isakmp_begin(&b, buf, cap, &hdr);
	isakmp_payload_put(&b, PAYLOAD_SA, sa_body(sa, sizeof(sa)));
	isakmp_payload_put(&b, PAYLOAD_VID, SPAN_NONE);
	isakmp_payload_begin(&b, PAYLOAD_KE);
	wr_zeros(&b.w, 16);
	isakmp_payload_end(&b);
	isakmp_payload_put(&b, PAYLOAD_VID, span_of("vendor", 6));
	return (isakmp_end(&b));
}

static void
a_message_reads_back(void **state)
{
	static struct isakmp_msg m;
	uint8_t buf[512];
	struct span s = message(buf, sizeof(buf));
	const struct isakmp_payload *p;
	struct fault f;

	(void)state;
	assert_true(s.len > 0);
	assert_int_equal(isakmp_msg_get(&m, s, &f), 0);
	assert_memory_equal(m.hdr.cky_i, hdr.cky_i, 8);
	assert_memory_equal(m.hdr.cky_r, hdr.cky_r, 8);
	assert_int_equal(m.hdr.mid, 0x01020304);
	assert_int_equal(m.hdr.length, s.len);
	assert_int_equal(m.hdr.exchange, EXCHANGE_MAIN);
	assert_int_equal(m.n, 4);
	assert_int_equal(m.trailer.len, 0);
	p = isakmp_find(&m, PAYLOAD_VID, NULL);
	assert_ptr_equal(p, &m.pl[1]);
	assert_int_equal(p->body.len, 0);
	p = isakmp_find(&m, PAYLOAD_VID, p);
	assert_ptr_equal(p, &m.pl[3]);
	assert_memory_equal(p->body.p, "vendor", 6);
	assert_int_equal(p->raw.len, 10);
	assert_null(isakmp_find(&m, PAYLOAD_VID, p));
	assert_null(isakmp_find(&m, PAYLOAD_HASH, NULL));
	/* Bytes behind the header's length are no part of the message. */
	buf[s.len] = 0xff;
	assert_int_equal(isakmp_msg_get(&m, span_of(buf, s.len + 1), &f), 0);
	assert_int_equal(m.raw.len, s.len);
}

static void
every_truncation_is_refused(void **state)
{
	static struct isakmp_msg m;
	uint8_t buf[512], *copy;
	struct span s = message(buf, sizeof(buf));
	struct fault f;
	size_t n;

	(void)state;
	for (n = 0; n < s.len; n++) {
		copy = malloc(n > 0 ? n : 1);	/* so that a sanitizer sees one byte too far */
		assert_non_null(copy);
		memcpy(copy, buf, n);
		f = (struct fault){0};
		assert_int_equal(isakmp_msg_get(&m, span_of(copy, n), &f), -1);
		assert_int_equal(f.code, FAULT_TRUNCATED);
		/* And with the header's length made to agree. */
		if (n >= ISAKMP_HDR_LEN) {
			put_be32(copy + 24, (uint32_t)n);
			f = (struct fault){0};
			assert_int_equal(isakmp_msg_get(&m, span_of(copy, n), &f), -1);
			assert_int_equal(f.code, FAULT_MALFORMED);
			assert_true(f.at >= ISAKMP_HDR_LEN && f.at <= n);
			assert_int_equal(m.n, 0);
		}
		free(copy);
	}
}

static void
each_payload_length_off_by_one_is_refused(void **state)
{
	static struct isakmp_msg m;
	uint8_t buf[512];
	struct span s = message(buf, sizeof(buf));
	size_t at, len, i;
	int d;

	(void)state;
	for (at = ISAKMP_HDR_LEN, i = 0; i < 4; i++, at += len) {
		len = get_be16(buf + at + 2);
		for (d = -1; d <= 1; d += 2) {
			put_be16(buf + at + 2, (uint16_t)((int)len + d));
			/* A shifted chain may look right again by chance; not in these bytes. */
			assert_int_equal(isakmp_msg_get(&m, s, NULL), -1);
		}
		put_be16(buf + at + 2, (uint16_t)len);
	}
	assert_int_equal(isakmp_msg_get(&m, s, NULL), 0);
	for (d = -1; d <= 1; d += 2) {
		put_be32(buf + 24, (uint32_t)((int)s.len + d));
		assert_int_equal(isakmp_msg_get(&m, s, NULL), -1);
	}
	put_be32(buf + 24, 27);
	assert_int_equal(isakmp_msg_get(&m, s, NULL), -1);
	put_be32(buf + 24, UINT32_MAX);
	assert_int_equal(isakmp_msg_get(&m, s, NULL), -1);
}

static void
padding_is_accepted_only_where_asked_except_three_zeros(void **state)
{
	static struct isakmp_msg m = { .hdr = { .next = PAYLOAD_HASH } };
	static const uint8_t body[] = { 0, 0, 0, 6, 1, 2, 0, 0, 7 };
	static const uint8_t zeros[] = { 0, 0, 0, 6, 1, 2, 0, 0, 0, 0 };
	struct fault f;
	size_t n;

	(void)state;
	assert_int_equal(isakmp_chain_get(&m, SPAN_ARRAY(body), false, &f), -1);
	assert_int_equal(f.at, 6);
	assert_int_equal(isakmp_chain_get(&m, SPAN_ARRAY(body), true, &f), 0);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.trailer.len, 3);
	for (n = 0; n < 4; n++) {
		assert_int_equal(isakmp_chain_get(&m, span_of(zeros, 6 + n), false, &f), 0);
		assert_int_equal(m.trailer.len, n);
	}
	assert_int_equal(isakmp_chain_get(&m, span_of(zeros, 10), false, &f), -1);
	assert_int_equal(f.at, 6);
	/* Nonsense from a wrong key: a length beyond the end. */
	assert_int_equal(isakmp_chain_get(&m, span_of(body, 5), true, &f), -1);
	m.hdr.next = PAYLOAD_NONE;
	assert_int_equal(isakmp_chain_get(&m, SPAN_NONE, false, &f), 0);
	assert_int_equal(m.n, 0);
	assert_int_equal(isakmp_chain_get(&m, SPAN_ARRAY(body), false, &f), -1);
}

static void
payloads_are_counted(void **state)
{
	static struct isakmp_msg m;
	uint8_t body[(ISAKMP_PAYLOADS_MAX + 1) * 4];
	struct fault f;
	size_t i, n;

	(void)state;
	for (n = ISAKMP_PAYLOADS_MAX; n <= ISAKMP_PAYLOADS_MAX + 1; n++) {
		for (i = 0; i < n; i++)
			memcpy(body + 4 * i, i + 1 < n ? "\x0d\0\0\x04" : "\0\0\0\x04", 4);
		m.hdr.next = PAYLOAD_VID;
		f = (struct fault){0};
		assert_int_equal(isakmp_chain_get(&m, span_of(body, 4 * n), false, &f),
		    n > ISAKMP_PAYLOADS_MAX ? -1 : 0);
		assert_int_equal(f.code, n > ISAKMP_PAYLOADS_MAX ? FAULT_TOO_LARGE : FAULT_NONE);
	}
}

static void
a_builder_refuses_what_does_not_fit(void **state)
{
	uint8_t buf[512];
	struct span s = message(buf, sizeof(buf));
	struct isakmp_builder b;
	size_t cap, full = s.len;

	(void)state;
	for (cap = 0; cap < full; cap++)
		assert_int_equal(message(buf, cap).len, 0);
	assert_int_equal(message(buf, full).len, full);
	isakmp_begin(&b, buf, sizeof(buf), &hdr);
	isakmp_payload_begin(&b, PAYLOAD_KE);
	assert_int_equal(isakmp_end(&b).len, 0);	/* still open */
	isakmp_begin(&b, buf, sizeof(buf), &hdr);
	isakmp_payload_begin(&b, PAYLOAD_KE);
	isakmp_payload_begin(&b, PAYLOAD_KE);
	isakmp_payload_end(&b);
	assert_int_equal(isakmp_end(&b).len, 0);
	isakmp_begin(&b, buf, sizeof(buf), &hdr);
	isakmp_payload_end(&b);
	assert_int_equal(isakmp_end(&b).len, 0);
	isakmp_begin(&b, buf, sizeof(buf), &hdr);
	assert_int_equal(isakmp_end(&b).len, ISAKMP_HDR_LEN);
	assert_int_equal(buf[16], PAYLOAD_NONE);
}

static void
an_sa_payload_round_trips(void **state)
{
	static struct isakmp_sa sa;
	uint8_t buf[256], out[256], *copy;
	struct span s = sa_body(buf, sizeof(buf));
	struct isakmp_attrs a;
	struct wr w = wr_of(out, sizeof(out));
	struct fault f;
	size_t n;

	(void)state;
	assert_int_equal(isakmp_sa_get(&sa, s, &f), 0);
	assert_int_equal(sa.np, 2);
	assert_int_equal(sa.nt, 3);
	assert_int_equal(sa.p[1].proto, PROTO_AH);
	assert_int_equal(sa.p[1].first, 2);
	assert_int_equal(sa.t[1].num, 2);
	assert_int_equal(isakmp_attrs_get(&a, sa.t[0].attrs, &f), 0);
	assert_int_equal(a.n, 3);
	assert_true(a.a[0].basic && a.a[0].value == 7 && a.a[0].bytes.len == 2);
	assert_true(!a.a[1].basic && a.a[1].value == 86400 && a.a[1].bytes.len == 4);
	assert_true(!a.a[2].basic && a.a[2].value == 0x616263);
	isakmp_sa_put(&w, &sa);
	assert_true(span_eq(wr_span(&w), s));
	for (n = 0; n < s.len; n++) {
		copy = malloc(n > 0 ? n : 1);
		assert_non_null(copy);
		memcpy(copy, s.p, n);
		assert_int_equal(isakmp_sa_get(&sa, span_of(copy, n), &f), -1);
		assert_int_equal(f.code, FAULT_MALFORMED);
		assert_int_equal(sa.np, 0);
		free(copy);
	}
	buf[s.len] = 0;
	assert_int_equal(isakmp_sa_get(&sa, span_of(buf, s.len + 1), &f), -1);
	w = wr_of(out, s.len - 1);
	assert_int_equal(isakmp_sa_get(&sa, s, &f), 0);
	isakmp_sa_put(&w, &sa);
	assert_true(w.bad);
}

/* Offsets in sa_body(): DOI 0, situation 4, first proposal 8 (length 10, SPI size 14, count
 * 15, SPI 16), its transforms at 20 (length 22) and 47 (length 49), second proposal at 55. */
static void
each_field_of_an_sa_is_checked(void **state)
{
	static const struct { size_t at; int add; } t[] = {
		{ 3, 1 }, { 3, -1 }, { 7, 1 }, { 7, -1 }, { 8, 1 }, { 8, -2 }, { 11, 1 },
		{ 11, -1 }, { 14, 1 }, { 14, -1 }, { 15, 1 }, { 15, -1 }, { 20, 1 }, { 20, -3 },
		{ 23, 1 }, { 23, -1 }, { 47, 3 }, { 47, 1 }, { 50, 1 }, { 50, -1 }, { 55, 2 },
		{ 58, 1 }, { 58, -1 }, { 61, 1 }, { 62, 1 }, { 62, -1 }, { 63, 3 }, { 66, 1 },
		{ 66, -1 },
	};
	static struct isakmp_sa sa;
	uint8_t buf[256];
	struct span s = sa_body(buf, sizeof(buf));
	size_t i;

	(void)state;
	assert_int_equal(buf[47], PAYLOAD_NONE);
	assert_int_equal(buf[20], PAYLOAD_T);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf[t[i].at] = (uint8_t)(buf[t[i].at] + t[i].add);
		if (isakmp_sa_get(&sa, s, NULL) == 0)
			fail_msg("byte %zu %+d is taken", t[i].at, t[i].add);
		buf[t[i].at] = (uint8_t)(buf[t[i].at] - t[i].add);
	}
	assert_int_equal(isakmp_sa_get(&sa, s, NULL), 0);
}

static void
proposals_and_transforms_are_counted(void **state)
{
	static struct isakmp_sa sa, back;
	static uint8_t buf[16384];
	struct wr w;
	struct fault f;
	size_t i;

	(void)state;
	/* As many as there may be: 64 proposals of 4 transforms. */
	sa = (struct isakmp_sa){ .doi = 1, .situation = 1, .np = ISAKMP_PROPOSALS_MAX,
	    .nt = ISAKMP_TRANSFORMS_MAX };
	for (i = 0; i < sa.np; i++)
		sa.p[i] = (struct isakmp_proposal){ (uint8_t)i, 3, SPAN_NONE, 4, 4 * i };
	w = wr_of(buf, sizeof(buf));
	isakmp_sa_put(&w, &sa);
	assert_int_equal(isakmp_sa_get(&back, wr_span(&w), &f), 0);
	assert_int_equal(back.nt, ISAKMP_TRANSFORMS_MAX);
	/* One proposal more, which the writer cannot make: link it by hand. */
	buf[w.len - 8 * 4 - 8] = PAYLOAD_P;
	wr_bytes(&w, span_of("\0\0\0\x08\x01\x03\0\0", 8));
	assert_int_equal(isakmp_sa_get(&back, wr_span(&w), &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	/* One transform more: 2 proposals with 255 and 2. */
	w = wr_of(buf, sizeof(buf));
	sa.np = 2;
	sa.p[0].n = 255;
	sa.p[1].first = 254;
	sa.p[1].n = 2;
	isakmp_sa_put(&w, &sa);
	assert_false(w.bad);
	assert_int_equal(isakmp_sa_get(&back, wr_span(&w), &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	/* No transform at all is for the exchange to judge. */
	sa.np = 1;
	sa.p[0].n = 0;
	w = wr_of(buf, sizeof(buf));
	isakmp_sa_put(&w, &sa);
	assert_int_equal(isakmp_sa_get(&back, wr_span(&w), &f), 0);
	assert_int_equal(back.nt, 0);
}

static void
attributes_are_bounded(void **state)
{
	static const uint8_t cut[] = { 0x80, 1, 0 }, over[] = { 0, 1, 0, 2, 9 },
	    big[] = { 0, 1, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0 },
	    eight[] = { 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2 }, none[] = { 0, 1, 0, 0 };
	uint8_t many[(ISAKMP_ATTRS_MAX + 1) * 4];
	struct isakmp_attrs a;
	struct fault f;

	(void)state;
	assert_int_equal(isakmp_attrs_get(&a, SPAN_ARRAY(cut), &f), -1);
	assert_int_equal(isakmp_attrs_get(&a, SPAN_ARRAY(over), &f), -1);
	assert_int_equal(a.n, 0);
	assert_int_equal(isakmp_attrs_get(&a, SPAN_ARRAY(big), &f), 0);
	assert_true(a.a[0].value == UINT64_MAX);
	assert_int_equal(isakmp_attrs_get(&a, SPAN_ARRAY(eight), &f), 0);
	assert_true(a.a[0].value == 0x100000002);
	assert_int_equal(isakmp_attrs_get(&a, SPAN_ARRAY(none), &f), 0);
	assert_true(a.n == 1 && a.a[0].value == 0 && a.a[0].bytes.len == 0);
	assert_int_equal(isakmp_attrs_get(&a, SPAN_NONE, &f), 0);
	memset(many, 0x80, sizeof(many));
	assert_int_equal(isakmp_attrs_get(&a, span_of(many, sizeof(many) - 4), &f), 0);
	assert_int_equal(isakmp_attrs_get(&a, SPAN_ARRAY(many), &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
}

static void
notify_and_delete_round_trip(void **state)
{
	static const uint8_t spi[16] = { 1, 2, 3 };
	struct isakmp_notify n = { DOI_IPSEC, PROTO_ISAKMP, NOTIFY_R_U_THERE, SPAN_ARRAY(spi),
	    span_of("\0\0\0\x07", 4) }, nb;
	struct isakmp_delete d = { DOI_IPSEC, PROTO_ESP, 4, 3, span_of(spi, 12) }, db;
	uint8_t buf[600];
	struct wr w = wr_of(buf, sizeof(buf));
	struct fault f;
	size_t i, len;

	(void)state;
	isakmp_notify_put(&w, &n);
	assert_int_equal(isakmp_notify_get(&nb, wr_span(&w), &f), 0);
	assert_true(nb.doi == n.doi && nb.proto == n.proto && nb.type == n.type);
	assert_true(span_eq(nb.spi, n.spi) && span_eq(nb.data, n.data));
	for (i = 0; i < 8 + 16; i++)
		assert_int_equal(isakmp_notify_get(&nb, span_of(buf, i), &f), -1);
	assert_int_equal(isakmp_notify_get(&nb, span_of(buf, 24), &f), 0);
	assert_int_equal(nb.data.len, 0);

	w = wr_of(buf, sizeof(buf));
	isakmp_delete_put(&w, &d);
	len = w.len;
	assert_int_equal(isakmp_delete_get(&db, wr_span(&w), &f), 0);
	assert_true(db.n == 3 && db.spi_len == 4 && span_eq(db.spis, d.spis));
	for (i = 0; i < len + 4; i++)
		if (i != len)
			assert_int_equal(isakmp_delete_get(&db, span_of(buf, i), &f), -1);
	buf[5] = 0;	/* three SPIs of no byte */
	assert_int_equal(isakmp_delete_get(&db, span_of(buf, 8), &f), -1);
	buf[7] = 0;
	assert_int_equal(isakmp_delete_get(&db, span_of(buf, 8), &f), 0);
	memset(buf + 8, 0, sizeof(buf) - 8);
	buf[5] = 4;
	buf[7] = ISAKMP_SPIS_MAX;
	assert_int_equal(isakmp_delete_get(&db, span_of(buf, 8 + 4 * ISAKMP_SPIS_MAX), &f), 0);
	buf[7]++;
	assert_int_equal(isakmp_delete_get(&db, span_of(buf, 12 + 4 * ISAKMP_SPIS_MAX), &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	d.n = 2;
	isakmp_delete_put(&w, &d);
	assert_true(w.bad);
}

static void
names_are_spelled_as_in_the_rfcs(void **state)
{
	char b[NUM_TEXT];

	(void)state;
	assert_string_equal(isakmp_notify_name(14, b), "NO-PROPOSAL-CHOSEN");
	assert_string_equal(isakmp_notify_name(29, b), "UNSUPPORTED-EXCHANGE-TYPE");
	assert_string_equal(isakmp_notify_name(36136, b), "R-U-THERE");
	assert_string_equal(isakmp_payload_name(20, b), "NAT-D");
	assert_string_equal(isakmp_payload_name(99, b), "payload type 99");
	assert_string_equal(isakmp_id_name(4, b), "ID_IPV4_ADDR_SUBNET");
	assert_string_equal(isakmp_exchange_name(32, b), "QUICK");
	assert_string_equal(isakmp_notify_name(65535, b), "notify type 65535");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_reads_back),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(each_payload_length_off_by_one_is_refused),
		cmocka_unit_test(padding_is_accepted_only_where_asked_except_three_zeros),
		cmocka_unit_test(payloads_are_counted),
		cmocka_unit_test(a_builder_refuses_what_does_not_fit),
		cmocka_unit_test(an_sa_payload_round_trips),
		cmocka_unit_test(each_field_of_an_sa_is_checked),
		cmocka_unit_test(proposals_and_transforms_are_counted),
		cmocka_unit_test(attributes_are_bounded),
		cmocka_unit_test(notify_and_delete_round_trip),
		cmocka_unit_test(names_are_spelled_as_in_the_rfcs),
	};

	return (cmocka_run_group_tests_name("isakmp", tests, NULL, NULL));
}
