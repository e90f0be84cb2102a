/* Super-packets: sums, segments of the device, and segments of the wire joined again, against plain computations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/csum.h"
#include "datapath/coalesce.h"
#include "datapath/segment.h"

#define FIN	0x01
#define SYN	0x02
#define PSH	0x08
#define ACK	0x10
#define CWR	0x80

/* ---- plain computations, as the RFCs have them */

static uint32_t
plain_sum(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (sum);
}

static size_t
ip_len(const uint8_t *p)
{
	return (p[0] >> 4 == 4 ? get_be16(p + 2) : 40U + get_be16(p + 4));
}

static uint8_t
proto_of(const uint8_t *p)
{
	return (p[p[0] >> 4 == 4 ? 9 : 6]);
}

static size_t
l4_of(const uint8_t *p)
{
	return (p[0] >> 4 == 4 ? (size_t)(p[0] & 15) * 4 : 40);
}

/* The sum of the pseudo header with a length of ${len}. */
static uint32_t
pseudo(const uint8_t *p, size_t len)
{
	uint32_t sum = p[0] >> 4 == 4 ? plain_sum(0, p + 12, 8) : plain_sum(0, p + 8, 32);

	return (plain_sum(sum + (uint32_t)len + proto_of(p), NULL, 0));
}

/* Whether all checksums of ${p} are right. */
static bool
is_right(const uint8_t *p)
{
	size_t l4 = l4_of(p), len = ip_len(p) - l4;

	return ((p[0] >> 4 == 6 || plain_sum(0, p, l4) == 0xffff) && plain_sum(pseudo(p, len), p + l4, len) == 0xffff);
}

/* Fills in all checksums of ${p}. */
static void
set_sums(uint8_t *p)
{
	size_t l4 = l4_of(p), len = ip_len(p) - l4, at = l4 + (proto_of(p) == 6 ? 16 : 6);
	uint16_t sum;

	if (p[0] >> 4 == 4) {
		put_be16(p + 10, 0);
		put_be16(p + 10, (uint16_t)~plain_sum(0, p, l4));
	}
	put_be16(p + at, 0);
	sum = (uint16_t)~plain_sum(pseudo(p, len), p + l4, len);
	put_be16(p + at, proto_of(p) == 17 && sum == 0 ? 0xffff : sum);
}

/* ---- packets */

struct make { bool v6, udp; size_t opts, body; uint8_t flags; uint32_t seq; uint16_t id, port; };

/* A packet with right checksums, of bytes that depend on ${seq}. Returns its length. */
static size_t
make(uint8_t *p, const struct make *m)
{
	size_t l4 = m->v6 ? 40 : 20, head = m->udp ? 8 : 20 + m->opts, len = l4 + head + m->body;

	memset(p, 0, l4 + head);
	if (m->v6) {
		p[0] = 0x60;
		p[1] = 0x20;
		put_be16(p + 4, (uint16_t)(len - 40));
		p[6] = m->udp ? 17 : 6;
		p[7] = 61;
		memset(p + 8, 0x2a, 16);
		memset(p + 24, 0x2b, 16);
	} else {
		p[0] = 0x45;
		p[1] = 0x02;
		put_be16(p + 2, (uint16_t)len);
		put_be16(p + 4, m->id);
		p[6] = 0x40;
		p[8] = 61;
		p[9] = m->udp ? 17 : 6;
		put_be32(p + 12, 0x0a010001);
		put_be32(p + 16, 0x0a020001);
	}
	put_be16(p + l4, (uint16_t)(40000 + m->port));
	put_be16(p + l4 + 2, 443);
	if (m->udp)
		put_be16(p + l4 + 4, (uint16_t)(8 + m->body));
	else {
		put_be32(p + l4 + 4, m->seq);
		put_be32(p + l4 + 8, 77);
		p[l4 + 12] = (uint8_t)((20 + m->opts) / 4 << 4);
		p[l4 + 13] = m->flags;
		put_be16(p + l4 + 14, 500);
		memset(p + l4 + 20, 1, m->opts);
	}
	for (size_t i = 0; i < m->body; i++)
		p[l4 + head + i] = (uint8_t)((m->seq + i) * 37 >> 3);
	set_sums(p);
	return (len);
}

/* The checksum field as a device leaves it: the sum of the pseudo header. */
static void
leave_partial(uint8_t *p)
{
	put_be16(p + l4_of(p) + (proto_of(p) == 6 ? 16 : 6), (uint16_t)pseudo(p, ip_len(p) - l4_of(p)));
}

/* ---- sums */

static void
test_csum_all_lengths_and_alignments(void **state)
{
	static uint8_t b[65535 + 64];
	static const size_t more[] = { 1348, 1448, 9000, 65535 };
	size_t n, off, i;

	(void)state;
	srand(1);
	for (i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(rand() >> 7);
	memset(b + 70, 0xff, 100);
	for (n = 0; n < 400 + sizeof(more) / sizeof(more[0]); n++)
		for (off = 0; off < 33; off++) {
			size_t len = n < 400 ? n : more[n - 400];
			uint8_t be[2];

			uint16_t word = csum_fold(csum_bytes(b + off, len));

			memcpy(be, &word, 2);
			assert_int_equal(get_be16(be) % 0xffff, plain_sum(0, b + off, len) % 0xffff);
			assert_int_equal(csum_fold(csum_bytes_plain(b + off, len)) % 0xffff, word % 0xffff);
		}
	memset(b, 0xff, sizeof(b));
	assert_int_equal(csum_fold(csum_bytes(b, 65534)), 0xffff);
	assert_int_equal(csum_fold(csum_bytes(b, 0)), 0);
}

static void
test_a_checksum_is_completed(void **state)
{
	uint8_t p[2000], want[2000];

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct make m = { .v6 = i % 2, .udp = i / 2, .body = 701, .flags = ACK };
		size_t len = make(want, &m), l4 = l4_of(want);
		struct pkt k = { .p = p, .len = len, .csum = PKT_CSUM_PARTIAL, .csum_start = (uint16_t)l4,
		    .csum_offset = m.udp ? 6 : 16 };

		memcpy(p, want, len);
		leave_partial(p);
		assert_int_equal(segment_complete(&k), 0);
		assert_memory_equal(p, want, len);
		/* Places outside of the packet. */
		k.csum = PKT_CSUM_PARTIAL;
		k.csum_start = (uint16_t)len;
		assert_int_equal(segment_complete(&k), -1);
		k.csum_start = (uint16_t)(len - 1);
		k.csum_offset = 0;
		assert_int_equal(segment_complete(&k), -1);
		k.csum_offset = 65535;
		assert_int_equal(segment_complete(&k), -1);
		assert_memory_equal(p, want, len);
	}
}

/* ---- segments */

/* A plain segmenter: packet ${nth} of ${super}. Returns its length, 0 after the last. */
static size_t
plain_segment(uint8_t *out, const uint8_t *super, size_t seg, size_t nth)
{
	bool tcp = proto_of(super) == 6, v6 = super[0] >> 4 == 6;
	size_t l4 = l4_of(super), head = l4 + (tcp ? (size_t)(super[l4 + 12] >> 4) * 4 : 8), body = ip_len(super) - head;
	size_t off = nth * seg, n = off < body ? body - off < seg ? body - off : seg : 0;

	if (n == 0)
		return (0);
	memcpy(out, super, head);
	memcpy(out + head, super + head + off, n);
	if (v6)
		put_be16(out + 4, (uint16_t)(head + n - 40));
	else {
		put_be16(out + 2, (uint16_t)(head + n));
		put_be16(out + 4, (uint16_t)(get_be16(super + 4) + nth));
	}
	if (tcp) {
		put_be32(out + l4 + 4, get_be32(super + l4 + 4) + (uint32_t)off);
		if (off > 0)
			out[l4 + 13] &= (uint8_t)~CWR;
		if (off + n < body)
			out[l4 + 13] &= (uint8_t)~(FIN | PSH);
	} else
		put_be16(out + l4 + 4, (uint16_t)(8 + n));
	set_sums(out);
	return (head + n);
}

static void
test_segments_are_those_of_a_plain_segmenter(void **state)
{
	static uint8_t super[65536], got[65536], want[65536];
	static const struct { size_t body, seg; } sizes[] = { { 1348, 1348 }, { 1349, 1348 }, { 60660, 1348 }, { 64000, 1348 },
	    { 5, 1 }, { 1000, 999 }, { 40000, 39000 }, { 65535 - 80, 536 } };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) * 8; i++) {
		struct make m = { .v6 = i / 2 % 2, .udp = i % 2, .opts = i % 2 ? 0 : i / 4 % 2 * 12, .flags = FIN | PSH | ACK | CWR,
		    .body = sizes[i / 8].body, .seq = 0xfffff000, .id = 0xfffe };
		size_t len = make(super, &m), l4 = l4_of(super), n, nth = 0;
		struct pkt k = { .p = super, .len = len, .seg = (uint16_t)sizes[i / 8].seg,
		    .gso = m.udp ? PKT_GSO_UDP : m.v6 ? PKT_GSO_TCP6 : PKT_GSO_TCP4 };
		struct segmenter s;
		struct inner in;

		leave_partial(super);
		assert_int_equal(inner_parse(&in, k.p, k.len), 0);
		assert_int_equal(segment_begin(&s, &k, &in), 0);
		for (; (n = segment_len(&s)) > 0; nth++) {
			assert_int_equal(plain_segment(want, super, k.seg, nth), n);
			/* With and without its IP header, and nothing around it. */
			memset(got, 0xa5, n + 3);
			segment_put(&s, got + 1 + l4, nth % 3 != 0);
			if (nth % 3 == 0) {
				for (size_t b = 0; b < l4 + 1; b++)
					assert_int_equal(got[b], 0xa5);
				memcpy(got + 1, want, l4);
			}
			assert_memory_equal(got + 1, want, n);
			assert_int_equal(got[n + 1], 0xa5);
		}
		assert_int_equal(plain_segment(want, super, k.seg, nth), 0);
	}
}

static int
begins(uint8_t *p, size_t len, enum pkt_gso gso, uint16_t seg)
{
	struct pkt k = { .p = p, .len = len, .seg = seg, .gso = gso };
	struct segmenter s;
	struct inner in;

	return (inner_parse(&in, p, len) == 0 ? segment_begin(&s, &k, &in) : -1);
}

static void
test_a_super_packet_that_makes_no_sense_is_refused(void **state)
{
	struct make tcp = { .body = 3000, .flags = ACK }, udp = { .udp = true, .body = 3000 };
	uint8_t p[4000];
	size_t len = make(p, &tcp);

	(void)state;
	assert_int_equal(begins(p, len, PKT_GSO_TCP4, 1000), 0);
	assert_int_equal(begins(p, len, PKT_GSO_TCP4, 0), -1);
	assert_int_equal(begins(p, len, PKT_GSO_TCP6, 1000), -1);
	assert_int_equal(begins(p, len, PKT_GSO_UDP, 1000), -1);
	p[20 + 12] = 0xf0;
	assert_int_equal(begins(p, len, PKT_GSO_TCP4, 1000), 0);
	p[20 + 12] = 0x40;
	assert_int_equal(begins(p, len, PKT_GSO_TCP4, 1000), -1);
	p[20 + 12] = 0x50;
	p[6] = 0x20;		/* a fragment */
	assert_int_equal(begins(p, len, PKT_GSO_TCP4, 1000), -1);
	p[6] = 0;
	put_be16(p + 2, 40);	/* no payload */
	assert_int_equal(begins(p, len, PKT_GSO_TCP4, 1000), -1);
	put_be16(p + 2, 39);
	assert_int_equal(begins(p, len, PKT_GSO_TCP4, 1000), -1);
	len = make(p, &udp);
	assert_int_equal(begins(p, len, PKT_GSO_UDP, 1000), 0);
	assert_int_equal(begins(p, len, PKT_GSO_TCP4, 1000), -1);
	put_be16(p + 2, 28);
	assert_int_equal(begins(p, len, PKT_GSO_UDP, 1000), -1);
}

/* ---- joined again */

#define MANY	400
static uint8_t in_bytes[MANY][2048], was[MANY][2048], whole[65536 + 100];
static struct pkt in_pkts[MANY];
static size_t n_in;
static size_t runs, packets;	/* put */
static size_t next_of[64];	/* by flow: the index after the last one put */
static struct coalesce join;

/* Compares what a run is when it is cut again with the packets that were added. */
static void
on_put(void *ctx, struct pkt *const *k, size_t n, size_t head)
{
	const struct pkt *first = k[0];
	uint8_t cut[2048];
	size_t len = first->inner_len, i, at, flow;

	(void)ctx;
	runs++;
	packets += n;
	memcpy(whole, first->p, first->inner_len);
	for (i = 1; i < n; i++) {
		memcpy(whole + len, k[i]->p + head, k[i]->inner_len - head);
		len += k[i]->inner_len - head;
	}
	if (n > 1) {
		assert_int_equal(ip_len(whole), len);
		assert_int_equal(first->csum, PKT_CSUM_PARTIAL);
		assert_int_equal(first->csum_start, l4_of(whole));
		assert_int_equal(first->csum_offset, proto_of(whole) == 6 ? 16 : 6);
		assert_int_equal(get_be16(whole + first->csum_start + first->csum_offset), pseudo(whole, len - l4_of(whole)));
		assert_int_equal(first->gso, proto_of(whole) == 17 ? PKT_GSO_UDP : whole[0] >> 4 == 4 ? PKT_GSO_TCP4 : PKT_GSO_TCP6);
		assert_true(whole[0] >> 4 == 6 || plain_sum(0, whole, 20) == 0xffff);
	} else {
		assert_int_equal(first->gso, PKT_GSO_NONE);
		assert_true(first->csum != PKT_CSUM_PARTIAL);
		if (first->csum == PKT_CSUM_GOOD)
			assert_true(is_right(whole));
	}
	for (i = 0; i < n; i++) {
		at = (size_t)(k[i] - in_pkts);
		flow = (size_t)k[i]->ifindex;
		assert_true(at >= next_of[flow]);	/* no packet overtakes one of its flow */
		next_of[flow] = at + 1;
		if (n == 1)
			assert_memory_equal(whole, was[at], len);
		else {
			assert_int_equal(plain_segment(cut, whole, first->seg, i), k[i]->inner_len);
			/* With DF, a fixed identification comes back as one that counts. */
			if (whole[0] >> 4 == 4 && get_be16(was[at] + 4) == get_be16(was[(size_t)(first - in_pkts)] + 4) && i > 0) {
				put_be16(cut + 4, get_be16(was[at] + 4));
				set_sums(cut);
			}
			assert_memory_equal(cut, was[at], k[i]->inner_len);
		}
	}
	if (n > 1)
		assert_int_equal(plain_segment(cut, whole, first->seg, n), 0);
}

static void
start(bool udp)
{
	coalesce_init(&join, udp, on_put, NULL);
	n_in = runs = packets = 0;
	memset(next_of, 0, sizeof(next_of));
}

static void
add_bytes(size_t len, uint32_t flow)
{
	struct pkt *k = &in_pkts[n_in];
	struct inner in;

	memcpy(was[n_in], in_bytes[n_in], len);
	*k = (struct pkt){ .p = in_bytes[n_in++], .len = len, .inner_len = len, .ifindex = flow };
	assert_int_equal(inner_parse(&in, k->p, len), 0);
	coalesce_add(&join, k, &in);
}

static void
add(const struct make *m)
{
	add_bytes(make(in_bytes[n_in], m), m->port);
}

static void
test_segments_joined_are_the_super_packet(void **state)
{
	static uint8_t super[65536];
	size_t n;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct make m = { .v6 = i % 2, .udp = i / 2, .opts = i / 2 ? 0 : 12, .flags = PSH | ACK, .body = 40 * 1348 + 77,
		    .seq = 0xffffff00, .id = 0xfff0 };
		size_t len = make(super, &m), nth = 0;
		struct pkt k = { .p = super, .len = len, .seg = 1348,
		    .gso = m.udp ? PKT_GSO_UDP : m.v6 ? PKT_GSO_TCP6 : PKT_GSO_TCP4 };
		struct segmenter s;
		struct inner in;

		leave_partial(super);
		start(true);
		assert_int_equal(inner_parse(&in, k.p, k.len), 0);
		assert_int_equal(segment_begin(&s, &k, &in), 0);
		for (; (n = segment_len(&s)) > 0; nth++) {
			segment_put(&s, in_bytes[n_in] + in.l4, true);
			add_bytes(n, 0);
		}
		coalesce_flush(&join);
		assert_int_equal(nth, 41);
		assert_int_equal(runs, 1);
		assert_int_equal(packets, 41);
		assert_memory_equal(whole, super, len);
	}
}

/* Two packets in order, the second changed by ${change}: how many runs they make. */
static size_t
two(bool v6, bool udp, void (*change)(uint8_t *p, size_t *len))
{
	struct make m = { .v6 = v6, .udp = udp, .opts = udp ? 0 : 12, .flags = ACK, .body = 500, .seq = 1000, .id = 7 };
	size_t len;

	start(true);
	add(&m);
	m.seq += 500;
	m.id++;
	len = make(in_bytes[n_in], &m);
	change(in_bytes[n_in], &len);
	add_bytes(len, 0);
	coalesce_flush(&join);
	assert_int_equal(packets, 2);
	return (runs);
}

static void nothing(uint8_t *p, size_t *len) { (void)p, (void)len; }
static void other_seq(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 7]++; set_sums(p); }
static void other_ack(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 11]++; set_sums(p); }
static void other_window(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 15]++; set_sums(p); }
static void other_urgent(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 19]++; set_sums(p); }
static void other_option(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 31]++; set_sums(p); }
static void other_reserved(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 12] |= 1; set_sums(p); }
static void more_header(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 12] = 0x90; set_sums(p); }
static void with_fin(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 13] |= FIN; set_sums(p); }
static void with_syn(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 13] |= SYN; set_sums(p); }
static void with_cwr(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 13] |= CWR; set_sums(p); }
static void with_ece(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 13] |= 0x40; set_sums(p); }
static void with_urg(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 13] |= 0x20; set_sums(p); }
static void without_ack(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 13] = 0; set_sums(p); }
static void with_psh(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 13] |= PSH; set_sums(p); }
static void bad_sum(uint8_t *p, size_t *len) { p[*len - 1]++; }
static void bad_ip_sum(uint8_t *p, size_t *len) { (void)len; p[10]++; }
static void other_tos(uint8_t *p, size_t *len) { (void)len; p[1] ^= 0x30; set_sums(p); }
static void other_ttl(uint8_t *p, size_t *len) { (void)len; p[p[0] >> 4 == 4 ? 8 : 7]--; set_sums(p); }
static void other_label(uint8_t *p, size_t *len) { (void)len; p[3]++; set_sums(p); }
static void other_df(uint8_t *p, size_t *len) { (void)len; p[6] = 0; set_sums(p); }
static void other_id(uint8_t *p, size_t *len) { (void)len; p[5] += 9; set_sums(p); }
static void same_id(uint8_t *p, size_t *len) { (void)len; p[5] = 7; set_sums(p); }
static void other_port(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 1]++; set_sums(p); }
static void other_address(uint8_t *p, size_t *len) { (void)len; p[15]++; set_sums(p); }

static void
resize(uint8_t *p, size_t *len, ptrdiff_t by)
{
	*len += (size_t)by;
	put_be16(p + (p[0] >> 4 == 4 ? 2 : 4), (uint16_t)(*len - (p[0] >> 4 == 4 ? 0 : 40)));
	if (proto_of(p) == 17)
		put_be16(p + l4_of(p) + 4, (uint16_t)(*len - l4_of(p)));
	set_sums(p);
}

static void longer(uint8_t *p, size_t *len) { resize(p, len, 1); }
static void shorter(uint8_t *p, size_t *len) { resize(p, len, -1); }
static void empty(uint8_t *p, size_t *len) { resize(p, len, -500); }
static void no_udp_sum(uint8_t *p, size_t *len) { (void)len; put_be16(p + l4_of(p) + 6, 0); }
static void udp_len(uint8_t *p, size_t *len) { (void)len; p[l4_of(p) + 5]--; set_sums(p); }

static void
test_each_rule(void **state)
{
	void (*const apart_tcp[])(uint8_t *, size_t *) = { other_seq, other_ack, other_window, other_urgent, other_option,
	    other_reserved, more_header, with_fin, with_syn, with_cwr, with_ece, with_urg, without_ack };
	void (*const apart[])(uint8_t *, size_t *) = { bad_sum, other_tos, other_ttl, other_port, other_address, longer, empty };
	void (*const apart_v4[])(uint8_t *, size_t *) = { bad_ip_sum, other_df, other_id };
	size_t i;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++)
		for (int udp = 0; udp < 2; udp++) {
			assert_int_equal(two(v6, udp, nothing), 1);
			assert_int_equal(two(v6, udp, shorter), 1);
			for (i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
				assert_int_equal(two(v6, udp, apart[i]), 2);
			for (i = 0; !udp && i < sizeof(apart_tcp) / sizeof(apart_tcp[0]); i++)
				assert_int_equal(two(v6, udp, apart_tcp[i]), 2);
			for (i = 0; !v6 && i < sizeof(apart_v4) / sizeof(apart_v4[0]); i++)
				assert_int_equal(two(v6, udp, apart_v4[i]), 2);
			if (!v6)
				assert_int_equal(two(v6, udp, same_id), 1);
			else
				assert_int_equal(two(v6, udp, other_label), 2);
			if (udp) {
				assert_int_equal(two(v6, udp, no_udp_sum), 2);
				assert_int_equal(two(v6, udp, udp_len), 2);
			} else
				assert_int_equal(two(v6, udp, with_psh), 1);
		}
}

/* PSH and a short segment end a run; a full run and 65535 bytes do, too. */
static void
test_ends_of_runs(void **state)
{
	struct make m = { .flags = ACK, .body = 100, .seq = 1 };
	size_t i;

	(void)state;
	start(false);
	for (i = 0; i < 6; i++, m.seq += 100, m.id++) {
		m.flags = i == 2 ? ACK | PSH : ACK;
		add(&m);
		assert_int_equal(runs, i >= 2);
	}
	coalesce_flush(&join);
	assert_int_equal(runs, 2);
	start(false);
	m.flags = ACK | PSH;
	add(&m);
	assert_int_equal(runs, 1);	/* alone, at once */
	start(false);
	m = (struct make){ .flags = ACK, .body = 100, .seq = 1 };
	for (i = 0; i < COALESCE_MAX + 1; i++, m.seq += 100, m.id++)
		add(&m);
	assert_int_equal(packets, COALESCE_MAX);
	start(false);
	m.body = 1900;
	for (i = 0; i < 35; i++, m.seq += 1900, m.id++)
		add(&m);
	coalesce_flush(&join);
	assert_int_equal(runs, 2);	/* 34 x 1900 + 40 = 64640 */
	/* A device without USO. */
	start(false);
	m = (struct make){ .udp = true, .body = 100 };
	add(&m);
	add(&m);
	assert_int_equal(runs, 2);
}

/* Random packets of a few flows with everything that ends a run: each flow comes out in order and unchanged (on_put()). */
static void
test_random_flows_come_out_as_they_went_in(void **state)
{
	struct make m[12];
	size_t joined = 0;

	(void)state;
	srand(7);
	for (int round = 0; round < 300; round++) {
		start(round % 2);
		for (size_t f = 0; f < 12; f++)
			m[f] = (struct make){ .v6 = f % 2, .udp = f % 4 > 1, .flags = ACK, .body = 200, .seq = (uint32_t)rand(),
			    .id = (uint16_t)rand(), .port = (uint16_t)f, .opts = f % 4 > 1 ? 0 : f % 3 * 4 };
		while (n_in < MANY) {
			struct make *x = &m[rand() % (round % 12 + 1)];
			size_t len;

			x->flags = rand() % 12 == 0 ? ACK | PSH : rand() % 30 == 0 ? ACK | FIN : ACK;
			x->body = rand() % 15 == 0 ? (size_t)(rand() % 200) : 200;
			len = make(in_bytes[n_in], x);
			if (rand() % 40 == 0)
				in_bytes[n_in][len - 1] ^= 1;
			add_bytes(len, x->port);
			if (rand() % 50 != 0)
				x->seq += (uint32_t)x->body;
			x->id++;
			if (rand() % 60 == 0)
				coalesce_flush(&join);
		}
		coalesce_flush(&join);
		assert_int_equal(packets, MANY);
		joined += MANY - runs;
	}
	assert_true(joined > 300 * MANY / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csum_all_lengths_and_alignments),
		cmocka_unit_test(test_a_checksum_is_completed),
		cmocka_unit_test(test_segments_are_those_of_a_plain_segmenter),
		cmocka_unit_test(test_a_super_packet_that_makes_no_sense_is_refused),
		cmocka_unit_test(test_segments_joined_are_the_super_packet),
		cmocka_unit_test(test_each_rule),
		cmocka_unit_test(test_ends_of_runs),
		cmocka_unit_test(test_random_flows_come_out_as_they_went_in),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
