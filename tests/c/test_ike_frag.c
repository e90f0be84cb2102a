/* Two engines that send their messages in IKE fragments, and the limits of what comes in fragments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "sim.h"
#include "wire/frag_pool.h"

#define SMALL		150	/* bytes of an IP packet: almost every message is longer */
#define HEADERS		28	/* of IPv4 and UDP */

struct counts {
	unsigned	fragments, whole[2], too_long;
};

static struct ike_policy left, right;
static struct sim sim;
static struct counts seen;

static bool
look(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct counts *c = s->tap_arg;

	if (data[16] != PAYLOAD_FRAG) {
		c->whole[from]++;
		c->too_long += len + HEADERS > SMALL;
		return (true);
	}
	c->fragments++;
	c->too_long += len + HEADERS > SMALL;
	return (true);
}

static void
begin(enum fragmentation l, enum fragmentation r, enum sa_exchange exchange, uint64_t seed)
{
	(void)secret_init();
	sim_policies(&left, &right, "aes128-sha256-curve25519,aes256-sha256-curve25519,aes128-sha1-curve25519,"
	    "aes256-sha1-curve25519", "aes128-sha256");
	left.fragmentation = l;
	right.fragmentation = r;
	left.fragment_size = right.fragment_size = SMALL;
	left.n_local_ts = left.n_remote_ts = right.n_local_ts = right.n_remote_ts = 1;
	assert_int_equal(selector_parse(&left.local_ts[0], "10.1.0.0/24"), 0);
	assert_int_equal(selector_parse(&left.remote_ts[0], "10.2.0.0/24"), 0);
	right.local_ts[0] = left.remote_ts[0];
	right.remote_ts[0] = left.local_ts[0];
	left.exchange = right.exchange = exchange;
	sim_init(&sim, &left, &right, seed);
	seen = (struct counts){0};
	sim.tap = look;
	sim.tap_arg = &seen;
}

static void
connect_both(uint64_t ms)
{
	struct fault f = {0};

	if (sim_connect(&sim, &left, true, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&sim, ms, NULL);
}

static void
end(void)
{
	sim_free(&sim);
	ike_policy_wipe(&left);
	ike_policy_wipe(&right);
}

/* Only message 1 is whole: its sender cannot know yet that the peer puts fragments together. */
static void
announced(void **state)
{
	(void)state;
	begin(FRAGMENTATION_AUTO, FRAGMENTATION_AUTO, SA_MAIN, 1);
	connect_both(2000);
	assert_int_equal(sim.end[0].n_children, 1);
	assert_true(sim_children_agree(&sim));
	assert_int_equal(seen.too_long, 1);
	assert_true(seen.fragments >= 12);
	end();
}

static void
forced(void **state)
{
	static const enum sa_exchange exchanges[] = { SA_MAIN, SA_AGGRESSIVE };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		begin(FRAGMENTATION_FORCE, FRAGMENTATION_FORCE, exchanges[i], 2);
		connect_both(2000);
		assert_int_equal(sim.end[0].n_children, 1);
		assert_true(sim_children_agree(&sim));
		assert_int_equal(seen.too_long, 0);
		assert_true(seen.fragments >= 6);
		end();
	}
}

/* A peer that has not announced it gets no fragments. */
static void
off(void **state)
{
	static const enum fragmentation ways[][2] = { { FRAGMENTATION_OFF, FRAGMENTATION_AUTO },
	    { FRAGMENTATION_AUTO, FRAGMENTATION_OFF }, { FRAGMENTATION_OFF, FRAGMENTATION_OFF } };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		begin(ways[i][0], ways[i][1], SA_MAIN, 3 + i);
		connect_both(2000);
		assert_int_equal(sim.end[0].n_children, 1);
		assert_int_equal(seen.fragments, 0);
		end();
	}
	/* and one that is off does not put together what comes all the same */
	begin(FRAGMENTATION_FORCE, FRAGMENTATION_OFF, SA_MAIN, 6);
	connect_both(20000);
	assert_int_equal(sim.end[0].n_children, 0);
	assert_int_equal(sim.end[1].n_sent, 0);
	end();
	/* on an SA, too: message 1 fits, message 3 does not */
	begin(FRAGMENTATION_FORCE, FRAGMENTATION_OFF, SA_MAIN, 6);
	left.fragment_size = 400;
	left.ike.n = 1;
	connect_both(1);
	assert_int_equal(seen.whole[0], 1);
	left.fragment_size = SMALL;
	sim_run(&sim, 20000, NULL);
	assert_int_equal(sim.end[0].n_children, 0);
	assert_non_null(strstr(sim.end[1].notes, "a fragment is dropped: fragmentation is off"));
	end();
}

static bool
both_up(struct sim *s)
{
	return (s->end[0].n_children > 0 && s->end[1].n_children > 0 && sim_children_agree(s));
}

/* Fragments are lost, come twice and in any order: retransmissions fill the gaps. */
static void
lossy(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 60; seed++) {
		begin(FRAGMENTATION_FORCE, FRAGMENTATION_AUTO, seed % 3 == 0 ? SA_AGGRESSIVE : SA_MAIN, seed);
		sim.loss = 15;
		sim.dup = 20;
		sim.reorder = 30;
		sim.nat = seed % 2 == 0;
		left.timeout_ms = right.timeout_ms = 60000;
		connect_both(0);
		sim_run(&sim, 300000, both_up);
		if (!both_up(&sim))
			fail_msg("seed %u: %s", (unsigned)seed, sim.end[0].why.what);
		end();
	}
}

/* --- the pool --- */

static const struct addr a = { 4, { 192, 0, 2, 1 }, 0 }, b = { 4, { 192, 0, 2, 2 }, 0 };

struct sender {
	struct frag_pool	pool;
	struct now		now;
	struct bytes		whole;
	struct fault		why;
};

/* Fragment ${number} of a message of ${total} (0: not the last) under the cookies ${n}. */
static bool
put(struct sender *s, const struct addr *from, enum frag_trust trust, uint32_t n, unsigned number, bool last, const char *data)
{
	struct isakmp_hdr h = { .next = PAYLOAD_FRAG, .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_MAIN };
	uint8_t buf[256];
	struct wr w = wr_of(buf, sizeof(buf));

	put_be32(h.cky_i, n);
	h.length = (uint32_t)(FRAG_HDR_LEN + strlen(data));
	isakmp_hdr_put(&w, &h);
	wr_u16(&w, 0);
	wr_u16(&w, (uint16_t)(8 + strlen(data)));
	wr_u16(&w, 1);
	wr_u8(&w, (uint8_t)number);
	wr_u8(&w, last);
	wr_bytes(&w, span_str(data));
	return (frag_pool_add(&s->pool, s->now, from, trust, &h, wr_span(&w), &s->whole, &s->why));
}

/* The message ${msg} with the cookies ${n}, in two fragments; the second one is not checked. */
static bool
put_message(struct sender *s, const struct addr *from, enum frag_trust trust, uint32_t n, uint8_t next, uint32_t inner)
{
	struct isakmp_hdr h = { .next = next, .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_MAIN, .length = 60 };
	uint8_t msg[60] = {0}, buf[128];
	struct wr w = wr_of(msg, sizeof(msg));
	struct span one;

	put_be32(h.cky_i, n);
	isakmp_hdr_put(&w, &h);
	one = frag_put(buf, sizeof(buf), SPAN_ARRAY(msg), 40, 0);
	assert_int_equal(isakmp_hdr_get(&h, one, NULL), 0);
	put_be32(buf + FRAG_HDR_LEN, inner);
	assert_false(frag_pool_add(&s->pool, s->now, from, trust, &h, one, &s->whole, &s->why));
	one = frag_put(buf, sizeof(buf), SPAN_ARRAY(msg), 40, 1);
	assert_int_equal(isakmp_hdr_get(&h, one, NULL), 0);
	return (frag_pool_add(&s->pool, s->now, from, trust, &h, one, &s->whole, &s->why));
}

static void
pool_ends_what_stays_incomplete(void **state)
{
	struct sender s = {0};

	(void)state;
	assert_false(put(&s, &a, FRAG_STRANGER, 1, 1, false, "x"));
	assert_false(put(&s, &a, FRAG_PROVEN, 2, 1, false, "x"));
	assert_int_equal(s.pool.n, 2);
	s.now.ms = FRAG_STRANGER_LIFE_MS;
	assert_false(put(&s, &a, FRAG_STRANGER, 3, 1, false, "x"));
	assert_int_equal(s.pool.n, 2);
	s.now.ms = FRAG_LIFE_MS;
	assert_false(put(&s, &a, FRAG_STRANGER, 4, 1, false, "x"));
	assert_int_equal(s.pool.n, 1);
	frag_pool_drop(&s.pool, (const uint8_t *)"\0\0\0\4\0\0\0\0", (const uint8_t *)"\1\0\0\0\0\0\0\0");
	assert_int_equal(s.pool.n, 0);
	assert_false(put(&s, &a, FRAG_STRANGER, 5, 1, false, "x"));
	frag_pool_free(&s.pool);
	assert_int_equal(s.pool.n, 0);
}

/* A forged fragment spoils one transmission: the next one begins afresh. */
static void
pool_recovers_from_forged_fragments(void **state)
{
	struct sender s = {0};

	(void)state;
	assert_false(put(&s, &a, FRAG_RETURNED, 1, 9, true, "forged"));
	assert_false(put_message(&s, &a, FRAG_RETURNED, 1, PAYLOAD_ID, 1));
	assert_int_equal(s.why.code, FAULT_PROTOCOL);
	s.now.ms += FRAG_DOUBT_MS;
	assert_true(put_message(&s, &a, FRAG_RETURNED, 1, PAYLOAD_ID, 1));
	assert_int_equal(s.whole.len, 60);
	assert_int_equal(s.pool.n, 0);
	/* from another address it does not even reach the peer's */
	assert_false(put(&s, &b, FRAG_STRANGER, 1, 9, true, "forged"));
	assert_true(put_message(&s, &a, FRAG_RETURNED, 1, PAYLOAD_ID, 1));
	bytes_free(&s.whole);
	frag_pool_free(&s.pool);
}

static void
pool_makes_messages_only(void **state)
{
	struct sender s = {0};

	(void)state;
	assert_false(put_message(&s, &a, FRAG_RETURNED, 1, PAYLOAD_ID, 2));	/* other cookies inside */
	assert_non_null(strstr(s.why.what, "another IKE SA"));
	assert_false(put_message(&s, &a, FRAG_RETURNED, 1, PAYLOAD_FRAG, 1));	/* a fragment of a fragment */
	assert_non_null(strstr(s.why.what, "make up a fragment"));
	assert_false(put(&s, &a, FRAG_RETURNED, 1, 1, true, "no header"));
	assert_int_equal(s.why.code, FAULT_TRUNCATED);
	bytes_free(&s.whole);
	frag_pool_free(&s.pool);
}

/* A flood of one address or of all takes no place of what is trusted more. */
static void
pool_is_bounded(void **state)
{
	struct sender s = {0};
	struct addr from = a;
	uint32_t i;

	(void)state;
	assert_false(put(&s, &a, FRAG_PROVEN, 1, 1, false, "x"));
	for (i = 2; i < 1000; i++)
		assert_false(put(&s, &a, FRAG_STRANGER, i, 1, false, "x"));
	assert_int_equal(s.pool.n, FRAG_POOL_PER_ADDR);
	for (i = 1000; i < 5000; i++) {
		put_be32(from.b, i);
		assert_false(put(&s, &from, FRAG_STRANGER, i, 1, false, "x"));
	}
	assert_int_equal(s.pool.n, FRAG_POOL_MAX);
	/* the youngest stranger is still served */
	put_be32(from.b, 6000);
	assert_true(put_message(&s, &from, FRAG_STRANGER, 6000, PAYLOAD_SA, 6000));
	/* the proven one is still there: a second fragment completes it */
	assert_false(put(&s, &a, FRAG_PROVEN, 1, 1, false, "x"));
	assert_int_equal(s.why.code, FAULT_NONE);
	assert_false(put(&s, &a, FRAG_PROVEN, 1, 2, true, "y"));
	assert_int_equal(s.why.code, FAULT_TRUNCATED);		/* "xy" is no message, but was put together */
	/* where all are trusted more, a stranger waits */
	frag_pool_free(&s.pool);
	s = (struct sender){ .whole = s.whole };
	for (i = 0; i < 2 * FRAG_POOL_MAX; i++) {
		put_be32(from.b, i);
		assert_false(put(&s, &from, FRAG_PROVEN, i, 1, false, "x"));
	}
	assert_int_equal(s.pool.n, FRAG_POOL_MAX);
	assert_false(put(&s, &a, FRAG_STRANGER, 7000, 1, false, "x"));
	assert_int_equal(s.why.code, FAULT_TOO_LARGE);
	/* IPv6: one host has a network of addresses */
	frag_pool_free(&s.pool);
	s = (struct sender){ .whole = s.whole };
	from = (struct addr){ .family = 6, .b = { 0x20, 1, 0x0d, 0xb8 } };
	for (i = 0; i < 1000; i++) {
		put_be32(from.b + 12, i);
		assert_false(put(&s, &from, FRAG_STRANGER, i, 1, false, "x"));
	}
	assert_int_equal(s.pool.n, FRAG_POOL_PER_ADDR);
	bytes_free(&s.whole);
	frag_pool_free(&s.pool);
}

/* Which vendor IDs announce it. */
static void
vendor_ids(void **state)
{
	static const struct { size_t len; uint32_t can; bool announces; } rows[] = {
		{ 16, 0, true }, { 20, 0x80000000, true }, { 20, 0xc0000000, true }, { 20, 0x40000000, true },
		{ 20, 0, false }, { 20, 1, false }, { 15, 0, false },
	};
	uint8_t body[20];
	size_t i;

	(void)state;
	assert_true(frag_vid_announces(frag_vid()));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(body, frag_vid().p, 16);
		put_be32(body + 16, rows[i].can);
		assert_int_equal(frag_vid_announces(span_of(body, rows[i].len)), rows[i].announces);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(announced),
		cmocka_unit_test(forced),
		cmocka_unit_test(off),
		cmocka_unit_test(lossy),
		cmocka_unit_test(pool_ends_what_stays_incomplete),
		cmocka_unit_test(pool_recovers_from_forged_fragments),
		cmocka_unit_test(pool_makes_messages_only),
		cmocka_unit_test(pool_is_bounded),
		cmocka_unit_test(vendor_ids),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
