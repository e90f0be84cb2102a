/* Cisco's TCP encapsulation: trailers, merged segments, and the connections of two tables with a wire between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/siphash.h"
#include "port/tcp_conn.h"

static const struct endpoint a = { .addr = { 4, { 192, 0, 2, 1 }, 0 }, .port = 10000 };
static const struct endpoint b = { .addr = { 4, { 192, 0, 2, 2 }, 0 }, .port = 10000 };

static struct tcp_table *
table(uint8_t key)
{
	struct tcp_table *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	memset(t->key, key, sizeof(t->key));
	return (t);
}

/* --- the codec --- */

static void
hashes_as_published(void **state)
{
	uint8_t key[16], in[15];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	/* The example in appendix A of the SipHash paper. */
	assert_true(siphash(in, sizeof(in), key) == 0xa129ca6149be45e5ULL);
}

/* A packet of ${len} bytes and its trailer at ${out}; returns the length of both. */
static size_t
packet(uint8_t *out, size_t len, uint8_t fill)
{
	memset(out, fill, len);
	ctcp_trailer_put(out + len, CTCP_PROTO_ESP, (struct ctcp_mark){0});
	return (len + CTCP_TRAILER);
}

static void
cuts_merged_segments(void **state)
{
	uint8_t buf[4096];
	struct span rest, data;
	size_t n = 0, len, count = 0;

	(void)state;
	for (uint8_t i = 1; i <= 5; i++)
		n += packet(buf + n, i < 5 ? 200 : 90, i);
	for (rest = span_of(buf, n); rest.len > 0; rest = span_of(rest.p + len, rest.len - len)) {
		len = ctcp_packet_len(rest);
		assert_true(len > 0 && len <= rest.len);
		assert_int_equal(ctcp_packet_get(&data, span_of(rest.p, len)), CTCP_PROTO_ESP);
		assert_int_equal(data.len, ++count < 5 ? 200 : 90);
		assert_int_equal(data.p[0], count);
	}
	assert_int_equal(count, 5);
	/* The bytes of a trailer inside of a packet do not cut it: what follows would be longer than what is before. */
	n = packet(buf, 100, 7);
	n += packet(buf + n, 300, 8);
	assert_int_equal(ctcp_packet_len(span_of(buf, n)), n);
	assert_int_equal(ctcp_packet_len(span_of(buf, n - 1)), 0);
}

static void
reads_no_byte_outside(void **state)
{
	uint8_t *tight, buf[64];
	struct span data;
	struct ctcp_segment s;
	size_t len, n = packet(buf, 20, 3);

	(void)state;
	buf[n - 3] = CTCP_PROTO_UDP;
	put_be16(buf + 4, 20);
	assert_int_equal(ctcp_packet_get(&data, span_of(buf, n)), CTCP_PROTO_UDP);
	assert_int_equal(data.len, 12);
	put_be16(buf + 4, 21);		/* a UDP length past the end, or below its own header */
	assert_int_equal(ctcp_packet_get(&data, span_of(buf, n)), 0);
	put_be16(buf + 4, 7);
	assert_int_equal(ctcp_packet_get(&data, span_of(buf, n)), 0);
	/* Every truncation, in a buffer of its own for the sanitizer. */
	for (len = 0; len < n; len++) {
		tight = malloc(len > 0 ? len : 1);
		assert_non_null(tight);
		memcpy(tight, buf + n - len, len);
		(void)ctcp_packet_len(span_of(tight, len));
		(void)ctcp_packet_get(&data, span_of(tight, len));
		(void)ctcp_segment_get(&s, span_of(tight, len));
		free(tight);
	}
	memset(buf, 0, sizeof(buf));
	buf[12] = 0xf0;
	assert_int_equal(ctcp_segment_get(&s, span_of(buf, 59)), -1);
	assert_int_equal(ctcp_segment_get(&s, span_of(buf, 60)), 0);
	buf[12] = 0x40;
	assert_int_equal(ctcp_segment_get(&s, span_of(buf, 60)), -1);
}

static void
checks_sums(void **state)
{
	struct ctcp_segment s = { .sport = 10000, .dport = 10000, .seq = 7, .ack = 9, .flags = CTCP_ACK };
	uint8_t buf[CTCP_TCP + 5] = {0};
	struct span part[2] = { span_of(buf, CTCP_TCP), span_of(buf + CTCP_TCP, 5) };

	(void)state;
	ctcp_header_put(buf, &s);
	memcpy(buf + CTCP_TCP, "hello", 5);
	put_be16(buf + 16, ctcp_checksum(&a.addr, &b.addr, part, 2));
	assert_true(ctcp_checksum_good(&a.addr, &b.addr, SPAN_ARRAY(buf)));
	buf[CTCP_TCP] ^= 1;
	assert_false(ctcp_checksum_good(&a.addr, &b.addr, SPAN_ARRAY(buf)));
	assert_false(ctcp_checksum_good(&a.addr, &b.addr, span_of(buf, 17)));
}

/* What Linux sends through a veth device, the rest of the checksum being the hardware's. */
static void
checks_unfinished_sums(void **state)
{
	uint8_t buf[CTCP_TCP] = {0};
	struct addr src, dst;

	(void)state;
	assert_int_equal(addr_parse(&src, "2001:db8:ff::2"), 0);
	assert_int_equal(addr_parse(&dst, "2001:db8:ff::1"), 0);
	put_be16(buf + 16, 0x5d8d);
	assert_true(ctcp_checksum_good(&src, &dst, SPAN_ARRAY(buf)));
	put_be16(buf + 16, 0x5d8e);
	assert_false(ctcp_checksum_good(&src, &dst, SPAN_ARRAY(buf)));
}

/* --- connections --- */

/* ${out} of the end ${from} arrives at ${to}, whose table is ${t}. */
static struct tcp_step
arrives(struct tcp_table *t, uint64_t now, const struct endpoint *to, const struct endpoint *from,
    const struct ctcp_segment *out)
{
	struct tcp_step step;

	tcp_receive(t, now, to, from, out, &step);
	return (step);
}

/* Opens a connection from ${a} to ${b}. */
static void
opens(struct tcp_table *ta, struct tcp_table *tb, uint64_t now)
{
	struct ctcp_mark mark;
	struct ctcp_segment s;
	struct tcp_step step;

	assert_int_equal(tcp_send(ta, now, &a, &b, 100, true, &mark, &s, &step), TCP_WAIT);
	assert_true(step.send && step.out.flags == CTCP_SYN);
	step = arrives(tb, now, &b, &a, &step.out);
	assert_true(step.send && step.out.flags == (CTCP_SYN | CTCP_ACK));
	assert_int_equal(tcp_count(tb, TCP_UP), 0);	/* nothing is kept yet */
	step = arrives(ta, now, &a, &b, &step.out);
	assert_true(step.event == TCP_OPENED && step.send && step.out.flags == CTCP_ACK);
	step = arrives(tb, now, &b, &a, &step.out);
	assert_false(step.send || step.deliver);
	assert_int_equal(tcp_count(tb, TCP_UP), 1);
	assert_int_equal(tcp_send(ta, now, &a, &b, 100, true, &mark, &s, &step), TCP_SEND);
	assert_true(mark.client && mark.number == 1);
	s.payload = span_of("0123456789", 10);
	step = arrives(tb, now, &b, &a, &s);
	assert_true(step.deliver && !step.send);
	assert_int_equal(tcp_send(tb, now, &b, &a, 50, false, &mark, &s, &step), TCP_SEND);
	assert_true(!mark.client && s.ack != 0);
}

static void
opens_and_carries(void **state)
{
	struct tcp_table *ta = table(1), *tb = table(2);

	(void)state;
	opens(ta, tb, 1000);
	free(ta);
	free(tb);
}

static void
keeps_nothing_of_a_flood(void **state)
{
	struct tcp_table *tb = table(2);
	struct endpoint from = a;
	struct ctcp_segment syn = { .flags = CTCP_SYN, .seq = 5 }, ack = { .flags = CTCP_ACK, .seq = 6 };
	struct tcp_step step;
	size_t i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		from.addr.b[2] = (uint8_t)(i >> 8);
		from.addr.b[3] = (uint8_t)i;
		step = arrives(tb, i, &b, &from, &syn);
		assert_true(step.send);
		/* A guess at the cookie. */
		ack.ack = (uint32_t)i * 2654435761U;
		ack.payload = span_of("x", 1);
		step = arrives(tb, i, &b, &from, &ack);
		assert_false(step.send || step.deliver);
	}
	assert_int_equal(tcp_count(tb, TCP_UP), 0);
	free(tb);
}

/* One address with many ports has at most a bucket, and those that have proven themselves stay in it. */
static void
bounds_an_address(void **state)
{
	struct tcp_table *ta = table(1), *tb = table(2);
	struct endpoint from = a;
	struct ctcp_segment syn = { .flags = CTCP_SYN, .seq = 5 };
	struct tcp_step step;
	size_t i;

	(void)state;
	opens(ta, tb, 1000);
	tcp_proven(tb, &b, &a);
	for (i = 0; i < 1000; i++) {
		from.port = (uint16_t)(20000 + i);
		step = arrives(tb, 2000 + i, &b, &from, &syn);
		step.out = (struct ctcp_segment){ .flags = CTCP_ACK, .seq = 6, .ack = step.out.seq + 1 };
		step = arrives(tb, 2000 + i, &b, &from, &step.out);
	}
	assert_int_equal(tcp_count(tb, TCP_UP), TCP_WAYS);
	assert_int_equal(tcp_send(tb, 3000, &b, &a, 50, false, NULL, &syn, &step), TCP_SEND);
	free(ta);
	free(tb);
}

static void
old_cookies_expire(void **state)
{
	struct tcp_table *tb = table(2);
	struct ctcp_segment s = { .flags = CTCP_SYN, .seq = 5 };
	struct tcp_step step = arrives(tb, 1000, &b, &a, &s);

	(void)state;
	s = (struct ctcp_segment){ .flags = CTCP_ACK, .seq = 6, .ack = step.out.seq + 1 };
	step = arrives(tb, 200000, &b, &a, &s);
	assert_int_equal(tcp_count(tb, TCP_UP), 0);
	step = arrives(tb, 60000, &b, &a, &s);
	assert_int_equal(tcp_count(tb, TCP_UP), 1);
	free(tb);
}

/* A forged SYN, RST or number moves nothing; what the peer sends does. */
static void
forged_segments_move_nothing(void **state)
{
	struct tcp_table *ta = table(1), *tb = table(2);
	struct ctcp_segment s, was;
	struct tcp_step step;

	(void)state;
	opens(ta, tb, 1000);
	assert_int_equal(tcp_send(tb, 1000, &b, &a, 50, false, NULL, &was, &step), TCP_SEND);
	s = (struct ctcp_segment){ .flags = CTCP_SYN, .seq = 77 };
	step = arrives(tb, 1000, &b, &a, &s);
	assert_true(step.send);		/* goes to the real peer, which ignores it */
	step = arrives(ta, 1000, &a, &b, &step.out);
	assert_false(step.send);
	s = (struct ctcp_segment){ .flags = CTCP_RST, .seq = was.ack + 100000 };
	step = arrives(tb, 1000, &b, &a, &s);
	assert_int_equal(step.event, TCP_NOTHING);
	s = (struct ctcp_segment){ .flags = CTCP_ACK, .seq = was.ack + 0x40000000, .ack = 1, .payload = span_of("x", 1) };
	step = arrives(tb, 1000, &b, &a, &s);
	assert_int_equal(tcp_send(tb, 1000, &b, &a, 50, false, NULL, &s, &step), TCP_SEND);
	assert_int_equal(s.ack, was.ack);
	/* One that follows from it: so much was lost. */
	s = (struct ctcp_segment){ .flags = CTCP_ACK, .seq = was.ack + 0x40000001, .ack = 1, .payload = span_of("x", 1) };
	step = arrives(tb, 1000, &b, &a, &s);
	assert_int_equal(tcp_send(tb, 1000, &b, &a, 50, false, NULL, &s, &step), TCP_SEND);
	assert_int_equal(s.ack, was.ack + 0x40000002);
	free(ta);
	free(tb);
}

/* --- timers --- */

struct ticked { size_t n; struct tcp_step last; };

static void
on_each(void *ctx, const struct tcp_conn *c, const struct tcp_step *step)
{
	struct ticked *t = ctx;

	(void)c;
	t->n++;
	t->last = *step;
}

static struct ticked
tick(struct tcp_table *t, uint64_t now)
{
	struct ticked got = {0};

	tcp_tick(t, now, on_each, &got);
	return (got);
}

static void
gives_up_after_three_seconds(void **state)
{
	struct tcp_table *ta = table(1);
	struct ctcp_segment s;
	struct tcp_step step;
	struct ticked t;

	(void)state;
	assert_int_equal(tcp_send(ta, 0, &a, &b, 100, true, NULL, &s, &step), TCP_WAIT);
	assert_int_equal(tick(ta, 999).n, 0);
	for (uint64_t ms = 1000; ms <= 2000; ms += 1000) {
		t = tick(ta, ms);
		assert_true(t.n == 1 && t.last.send && t.last.out.flags == CTCP_SYN && t.last.out.seq == step.out.seq);
	}
	t = tick(ta, 3000);
	assert_true(t.n == 1 && !t.last.send && t.last.event == TCP_UNANSWERED);
	/* The next packet tries again. */
	assert_int_equal(tcp_send(ta, 4000, &a, &b, 100, true, NULL, &s, &step), TCP_WAIT);
	assert_true(step.send);
	s = (struct ctcp_segment){ .flags = CTCP_RST | CTCP_ACK, .ack = step.out.seq + 1 };
	step = arrives(ta, 4000, &a, &b, &s);
	assert_int_equal(step.event, TCP_REFUSED);
	/* A peer that refuses is asked no more often than one that is silent. */
	assert_int_equal(tcp_send(ta, 4020, &a, &b, 100, true, NULL, &s, &step), TCP_WAIT);
	assert_false(step.send);
	assert_int_equal(tcp_send(ta, 4999, &a, &b, 100, false, NULL, &s, &step), TCP_WAIT);
	assert_false(step.send);
	assert_int_equal(tcp_send(ta, 5000, &a, &b, 100, false, NULL, &s, &step), TCP_WAIT);
	assert_true(step.send && step.out.flags == CTCP_SYN);
	free(ta);
}

static void
lives_by_keepalives(void **state)
{
	struct tcp_table *ta = table(1), *tb = table(2), *again = table(3);
	struct ctcp_segment s;
	struct tcp_step step;
	struct ticked t;
	uint64_t ms;

	(void)state;
	opens(ta, tb, 0);
	for (ms = 5000; ms <= 100000; ms += 5000) {
		t = tick(ta, ms);
		assert_true(t.n == 1 && t.last.send && t.last.event == TCP_NOTHING);
		(void)arrives(tb, ms, &b, &a, &t.last.out);
		t = tick(tb, ms);
		assert_true(t.n == 1 && t.last.send && t.last.event == TCP_NOTHING);
		(void)arrives(ta, ms, &a, &b, &t.last.out);
	}
	/* The other end is gone: ours is opened again by the next packet, the peer's is forgotten. */
	t = tick(ta, ms + TCP_SILENT_MS);
	assert_int_equal(t.last.event, TCP_CLOSED);
	assert_int_equal(tcp_send(ta, ms + TCP_SILENT_MS, &a, &b, 1, false, NULL, &s, &step), TCP_WAIT);
	assert_true(step.send);
	assert_int_equal(tick(tb, ms + TCP_IDLE_MS).last.event, TCP_CLOSED);
	assert_int_equal(tcp_send(tb, ms + TCP_IDLE_MS, &b, &a, 1, false, NULL, &s, &step), TCP_NO);
	/* The peer has restarted, and its port is the same. */
	opens(again, tb, ms + TCP_IDLE_MS);
	free(again);
	free(ta);
	free(tb);
}

static void
a_peer_may_restart_on_its_port(void **state)
{
	struct tcp_table *ta = table(1), *tb = table(2), *again = table(3);
	struct ctcp_segment s, out;
	struct tcp_step step;

	(void)state;
	opens(ta, tb, 1000);
	assert_int_equal(tcp_send(again, 1000, &a, &b, 100, true, NULL, &s, &step), TCP_WAIT);
	step = arrives(tb, 1000, &b, &a, &step.out);
	step = arrives(again, 1000, &a, &b, &step.out);
	assert_int_equal(step.event, TCP_OPENED);
	s = step.out;
	step = arrives(tb, 1000, &b, &a, &s);
	assert_int_equal(tcp_count(tb, TCP_UP), 1);
	assert_int_equal(tcp_send(tb, 1000, &b, &a, 50, false, NULL, &out, &step), TCP_SEND);
	assert_true(out.seq == s.ack && out.ack == s.seq);	/* as the new connection counts */
	free(ta);
	free(tb);
	free(again);
}

/* Whatever a holder of the shared memory puts there, nobody reads or writes outside of the table. */
static void
survives_a_mad_table(void **state)
{
	struct tcp_table *t = table(1);
	struct ctcp_segment s = { .flags = CTCP_ACK };
	uint8_t *bytes = (uint8_t *)t->used;
	struct tcp_step step;
	uint32_t x = 1;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(*t) - offsetof(struct tcp_table, used); i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
	(void)arrives(t, 1000, &a, &b, &s);
	(void)tcp_send(t, 1000, &a, &b, 100, true, NULL, &s, &step);
	(void)tick(t, 100000);
	tcp_close(t, on_each, &(struct ticked){0});
	free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_as_published), cmocka_unit_test(cuts_merged_segments),
		cmocka_unit_test(reads_no_byte_outside), cmocka_unit_test(checks_sums), cmocka_unit_test(checks_unfinished_sums),
		cmocka_unit_test(opens_and_carries), cmocka_unit_test(keeps_nothing_of_a_flood),
		cmocka_unit_test(bounds_an_address), cmocka_unit_test(old_cookies_expire),
		cmocka_unit_test(forged_segments_move_nothing), cmocka_unit_test(gives_up_after_three_seconds),
		cmocka_unit_test(lives_by_keepalives), cmocka_unit_test(a_peer_may_restart_on_its_port),
		cmocka_unit_test(survives_a_mad_table),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
