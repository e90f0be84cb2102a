/* Peers behind one NAT by their ports, and fragments of the local host put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "esp/defrag.h"
#include "esp/peer_ports.h"

static const uint8_t nat[4] = { 203, 0, 113, 1 }, host[4] = { 203, 0, 113, 2 };
static uint16_t dead;		/* the port of a peer that has gone */

static bool
lives(const void *ctx, const struct endpoint *at)
{
	(void)ctx;
	return (at->port != dead);
}

static uint16_t
sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0U);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)sum);
}

/* The sum of a datagram and its pseudo header: 0xffff if the checksum is right. */
static uint16_t
udp_sum(const uint8_t *p)
{
	return (sum16(p + 20, 12, sum16(p + 12, 8, 17 + 12)));
}

/* A datagram of 4 bytes between the NAT and the host, with its checksum. */
static struct inner
datagram(uint8_t p[32], bool from_nat, uint16_t sport, uint16_t dport)
{
	struct inner in;

	memset(p, 0, 32);
	p[0] = 0x45;
	p[3] = 32;
	p[8] = 64;
	p[9] = 17;
	memcpy(p + 12, from_nat ? nat : host, 4);
	memcpy(p + 16, from_nat ? host : nat, 4);
	put_be16(p + 20, sport);
	put_be16(p + 22, dport);
	put_be16(p + 24, 12);
	memcpy(p + 28, "data", 4);
	put_be16(p + 26, (uint16_t)~udp_sum(p));
	assert_int_equal(udp_sum(p), 0xffff);
	assert_int_equal(inner_parse(&in, p, 32), 0);
	return (in);
}

/* The port that the host sees for ${port} of the peer behind the mapping ${mapping}; 0: none is free. */
static uint16_t
seen(struct peer_ports **t, uint16_t mapping, uint16_t port)
{
	const struct endpoint owner = { addr_make(4, nat), mapping };
	uint8_t p[32];
	struct inner in = datagram(p, true, port, 1701);

	if (peer_ports_in(t, p, &in, &owner, lives, NULL) != 0)
		return (0);
	assert_int_equal(udp_sum(p), 0xffff);
	assert_int_equal(get_be16(p + 20), in.sport);
	return (in.sport);
}

/* The mapping that an answer to ${to} goes to, whose real port must be ${port}; 0: none is known. */
static uint16_t
answer(struct peer_ports *t, uint16_t to, uint16_t port)
{
	uint8_t p[32];
	struct inner in = datagram(p, false, 1701, to);
	const struct endpoint *at = peer_ports_out(t, p, &in);

	assert_int_equal(udp_sum(p), 0xffff);
	if (at == NULL)
		return (0);
	assert_int_equal(get_be16(p + 22), port);
	return (at->port);
}

static void
each_peer_has_its_port(void **state)
{
	struct peer_ports *t = NULL;
	const struct endpoint old = { addr_make(4, nat), 20002 }, new = { addr_make(4, nat), 30003 };

	(void)state;
	assert_int_equal(answer(t, 1701, 1701), 0);
	assert_int_equal(seen(&t, 20001, 1701), 1701);
	assert_int_equal(seen(&t, 20002, 1701), 20002);	/* that of its mapping */
	assert_int_equal(seen(&t, 20001, 1701), 1701);
	assert_int_equal(seen(&t, 20001, 20004), 20004);
	assert_int_not_equal(seen(&t, 20004, 1701), 20004);	/* taken, by a port of another */
	assert_int_equal(answer(t, 1701, 1701), 20001);
	assert_int_equal(answer(t, 20002, 1701), 20002);
	assert_int_equal(answer(t, 4711, 0), 0);
	peer_ports_moved(t, &old, &new);
	assert_int_equal(answer(t, 20002, 1701), 30003);
	assert_int_equal(seen(&t, 30003, 1701), 20002);
	/* A peer that has gone makes room. */
	dead = 20001;
	assert_int_equal(seen(&t, 20009, 1701), 1701);
	assert_int_equal(answer(t, 1701, 1701), 20009);
	dead = 0;
	peer_ports_free(t);
}

/* One peer that uses all of its ports does not make the table grow, and another still gets one. */
static void
the_table_is_bounded(void **state)
{
	struct peer_ports *t = NULL;
	unsigned port;
	uint16_t other;

	(void)state;
	for (port = 1; port <= 65535; port++)
		assert_int_equal(seen(&t, 20001, (uint16_t)port), port);
	other = seen(&t, 20002, 1701);
	assert_int_not_equal(other, 0);
	assert_int_equal(answer(t, other, 1701), 20002);
	peer_ports_free(t);
}

static uint8_t room[PKT_MAX + 512];

/* A fragment of ${len} bytes of payload at ${off}: its bytes are those of their place. */
static struct pkt
fragment(uint8_t family, uint32_t id, size_t off, size_t len, bool more, struct inner *in)
{
	struct pkt k = { .p = room + 128, .buf = room, .cap = sizeof(room) };
	size_t head = family == 4 ? 20 : 48;

	memset(k.p, 0, head);
	if (family == 4) {
		k.p[0] = 0x45;
		put_be16(k.p + 2, (uint16_t)(head + len));
		put_be16(k.p + 4, (uint16_t)id);
		put_be16(k.p + 6, (uint16_t)((more ? 0x2000 : 0) | off / 8));
		k.p[9] = 253;
		memcpy(k.p + 12, host, 4);
		memcpy(k.p + 16, nat, 4);
	} else {
		k.p[0] = 0x60;
		put_be16(k.p + 4, (uint16_t)(8 + len));
		k.p[6] = 44;
		k.p[40] = 253;
		put_be16(k.p + 42, (uint16_t)(off | more));
		put_be32(k.p + 44, id);
	}
	for (size_t i = 0; i < len; i++)
		k.p[head + i] = (uint8_t)((off + i) * 7);
	k.len = head + len;
	assert_int_equal(inner_parse(in, k.p, k.len), 0);
	return (k);
}

static void
fragments_in_order_become_a_packet(void **state)
{
	struct ip_frags *d = NULL;
	struct inner in;
	struct pkt k;

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		size_t head = family == 4 ? 20 : 40;

		k = fragment(family, 7, 0, 800, true, &in);
		assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_MORE);
		k = fragment(family, 8, 0, 8, true, &in);	/* another in between */
		assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_MORE);
		k = fragment(family, 7, 800, 800, true, &in);
		assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_MORE);
		k = fragment(family, 7, 1600, 5, false, &in);
		assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_WHOLE);
		assert_int_equal(k.len, head + 1605);
		assert_int_equal(in.len, k.len);
		assert_int_equal(in.proto, 253);
		assert_false(in.frag);
		assert_false(in.df);
		for (size_t i = 0; i < 1605; i++)
			assert_int_equal(k.p[head + i], (uint8_t)(i * 7));
		/* It is done: the last one again is out of order. */
		k = fragment(family, 7, 1600, 5, false, &in);
		assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_BAD);
	}
	defrag_free(d);
}

static void
other_fragments_are_dropped(void **state)
{
	struct ip_frags *d = NULL;
	struct inner in;
	struct pkt k;
	size_t off;

	(void)state;
	k = fragment(4, 1, 8, 8, true, &in);		/* without a first one */
	assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_BAD);
	k = fragment(4, 1, 0, 800, true, &in);
	assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_MORE);
	k = fragment(4, 1, 1600, 8, false, &in);	/* a gap */
	assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_BAD);
	k = fragment(4, 1, 800, 8, false, &in);		/* the rest is gone with it */
	assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_BAD);
	k = fragment(4, 2, 0, 12, true, &in);		/* no whole units of 8 bytes */
	assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_BAD);
	/* More than a packet can have. */
	for (off = 0; off < 65528; off += 8192) {
		k = fragment(4, 3, off, 8192, true, &in);
		assert_int_equal(defrag_take(&d, &k, &in), off + 8192 + 20 > PKT_MAX ? DEFRAG_BAD : DEFRAG_MORE);
	}
	/* More packets at once than there are slots: the oldest makes room. */
	for (uint32_t id = 10; id <= 10 + DEFRAG_SLOTS; id++) {
		k = fragment(6, id, 0, 8, true, &in);
		assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_MORE);
	}
	k = fragment(6, 10, 8, 8, false, &in);
	assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_BAD);
	k = fragment(6, 11, 8, 8, false, &in);
	assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_WHOLE);
	/* A buffer without room. */
	k = fragment(6, 12, 8, 8, false, &in);
	k.cap = pkt_headroom(&k) + 40 + 15;
	assert_int_equal(defrag_take(&d, &k, &in), DEFRAG_BAD);
	defrag_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_peer_has_its_port),
		cmocka_unit_test(the_table_is_bounded),
		cmocka_unit_test(fragments_in_order_become_a_packet),
		cmocka_unit_test(other_fragments_are_dropped),
	};

	return (cmocka_run_group_tests_name("peer_ports", tests, NULL, NULL));
}
