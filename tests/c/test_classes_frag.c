/*
 * A class of attacks on IKEv1 that was found in other implementations (strongSwan CVE-2013-6076, racoon CVE-2016-10396,
 * Cisco CVE-2016-1287): hostile IKE fragments. Each test sends a gateway the first message of a peer, which it would
 * answer, in fragments that must not make it up.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "classes.h"
#include "forge.h"
#include "ike/engine_priv.h"
#include "sim.h"

static const struct endpoint gateway = { { 4, { 192, 0, 2, 2 }, 0 }, 500 };
static const struct endpoint honest = { { 4, { 192, 0, 2, 1 }, 0 }, 500 };
static struct lone l, peer;
static uint8_t out[FORGE_MAX], *const body = out + FRAG_HDR_LEN - 4;

static struct span
first(void)
{
	return (span_of(peer.did.last, peer.did.last_len));
}

static void
begin(void)
{
	const char *ike = "aes128-sha1-curve25519";
	struct ike_policy r = sim_policy("a shared secret", "right.example", "left.example", ike, "aes128-sha1");
	struct ike_policy i = sim_policy("a shared secret", "left.example", "right.example", ike, "aes128-sha1");

	lone_init(&l, &r, &gateway, true);
	lone_init(&peer, &i, &honest, false);
	lone_connect(&peer, &gateway);
	assert_true(first().len > 100);
}

static void
end(void)
{
	lone_free(&l);
	lone_free(&peer);
}

/* A fragment of the first message. */
static struct span
piece(unsigned number, bool last, size_t at, size_t len)
{
	memcpy(out, first().p, ISAKMP_HDR_LEN);
	out[16] = PAYLOAD_FRAG;
	put_be32(out + 24, (uint32_t)(FRAG_HDR_LEN + len));
	put_be16(out + ISAKMP_HDR_LEN, 0);
	put_be16(out + ISAKMP_HDR_LEN + 2, (uint16_t)(8 + len));
	put_be16(body, 1);
	body[2] = (uint8_t)number;
	body[3] = last;
	memcpy(body + 4, first().p + at, len);
	return (span_of(out, FRAG_HDR_LEN + len));
}

static void
put(struct span fragment)
{
	lone_put(&l, &honest, fragment);
}

static void
put_nothing_follows(struct span fragment)
{
	put(fragment);
	assert_int_equal(l.did.datagrams, 0);
	assert_int_equal(l.did.records + l.did.up + l.did.children, 0);
	assert_int_equal(l.engine->n_sas, 0);
}

/* The gateway is as well as before: the honest fragments, a retransmission later, are a message that it answers. */
static void
still_works(void)
{
	size_t n;

	l.now.ms += FRAG_DOUBT_MS;
	put_nothing_follows(piece(1, false, 0, 60));
	n = l.engine->frags.n;
	put(piece(2, true, 60, first().len - 60));
	assert_int_equal(l.did.datagrams, 1);
	assert_int_equal(l.engine->n_sas, 1);
	assert_int_equal(l.engine->frags.n, n - 1);
}

static void
number_zero(void **state)
{
	(void)state;
	begin();
	put_nothing_follows(piece(0, false, 0, 60));
	put_nothing_follows(piece(0, true, 0, first().len));
	assert_int_equal(l.engine->frags.n, 0);
	still_works();
	end();
}

static void
last_before_first(void **state)
{
	(void)state;
	begin();
	put_nothing_follows(piece(3, true, 60, first().len - 60));
	put_nothing_follows(piece(2, true, 30, 30));		/* a second last one */
	put_nothing_follows(piece(4, false, 30, 30));		/* behind the last */
	put_nothing_follows(piece(255, true, 30, 30));
	put_nothing_follows(piece(1, false, 0, 30));
	put(piece(2, false, 30, 30));
	assert_int_equal(l.did.datagrams, 1);
	end();
}

static void
overlapping(void **state)
{
	(void)state;
	begin();
	put_nothing_follows(piece(1, false, 0, 60));
	put_nothing_follows(piece(1, false, 0, 61));
	put_nothing_follows(piece(1, false, 1, 60));
	put_nothing_follows(piece(1, false, 0, 60));
	put_nothing_follows(piece(1, true, 0, first().len));
	assert_int_equal(l.engine->frags.n, 1);
	still_works();
	end();
	/* two parts that overlap make another message up, which is no message */
	begin();
	put_nothing_follows(piece(1, false, 0, 60));
	put_nothing_follows(piece(2, true, 50, first().len - 50));
	still_works();
	end();
}

static void
huge_count(void **state)
{
	size_t before = 0, k, i;

	(void)state;
	begin();
	for (k = 0; k < 2000; k++) {
		/* other cookies each time; no last one, until the bytes are too many */
		peer.did.last[7] = (uint8_t)k;
		peer.did.last[6] = (uint8_t)(k >> 8);
		for (i = 1; i <= FRAGS_MAX; i += 1 + k % 50)
			put_nothing_follows(piece((unsigned)i, false, 28, 80));
		assert_in_range(l.engine->frags.n, 0, FRAG_POOL_PER_ADDR);
		if (k == 200)
			before = mallinfo2().uordblks;
	}
	assert_in_range(mallinfo2().uordblks, 0, before + 65536);
	peer.did.last[6] = 0xff;
	still_works();
	end();
}

static void
too_many_bytes(void **state)
{
	static uint8_t big[FORGE_MAX];
	struct isakmp_hdr h = { .next = PAYLOAD_FRAG, .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_MAIN };
	unsigned n;

	(void)state;
	begin();
	memcpy(h.cky_i, first().p, COOKIE_LEN);
	for (n = 1; n <= 5; n++) {
		struct wr w = wr_of(big, sizeof(big));

		h.length = FORGE_MAX;
		isakmp_hdr_put(&w, &h);
		wr_u16(&w, 0);
		wr_u16(&w, FORGE_MAX - ISAKMP_HDR_LEN);
		wr_u16(&w, 1);
		wr_u8(&w, (uint8_t)n);
		wr_u8(&w, n == 5);
		wr_zeros(&w, FORGE_MAX - w.len);
		put_nothing_follows(wr_span(&w));
	}
	assert_non_null(strstr(l.did.note, "more than 16384 bytes"));
	still_works();
	end();
}

static void
length_underflow(void **state)
{
	static const uint16_t lengths[] = { 0, 1, 3, 4, 7, 8, 9, 67, 69, 0x7fff, 0xffff };
	struct span f;
	size_t i;

	(void)state;
	begin();
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		f = piece(1, true, 28, 60);
		put_be16(out + ISAKMP_HDR_LEN + 2, lengths[i]);
		put_nothing_follows(f);
	}
	for (i = 0; i < f.len; i++) {
		(void)piece(1, true, 28, 60);
		put_nothing_follows(span_of(out, i));		/* cut */
		put_be32(out + 24, (uint32_t)i);
		put_nothing_follows(span_of(out, i));		/* and saying so */
	}
	assert_int_equal(l.engine->frags.n, 0);
	still_works();
	end();
}

static void
not_a_message(void **state)
{
	struct span f;

	(void)state;
	begin();
	f = piece(1, true, 0, first().len);
	body[4] ^= 1;					/* other cookies inside */
	put_nothing_follows(f);
	f = piece(1, true, 0, first().len);
	body[4 + 16] = PAYLOAD_FRAG;			/* a fragment inside */
	put_nothing_follows(f);
	f = piece(1, true, 0, first().len);
	put_be32(body + 4 + 24, UINT32_MAX);		/* longer than it is */
	put_nothing_follows(f);
	f = piece(1, true, 0, first().len);
	body[4 + 18] = EXCHANGE_QUICK;			/* one that begins nothing */
	put_nothing_follows(f);
	put_nothing_follows(piece(1, true, 0, 20));	/* not even a header */
	still_works();
	end();
}

/* Seconds of processor time for each of ${n} fragments of a message that comes backwards; the least of some tries. */
static double
cost(unsigned n)
{
	enum { TIMES = 200 };
	double least = 1e9, t;
	unsigned i, k, try;
	clock_t from;

	for (try = 0; try < 7; try++) {
		from = clock();
		for (k = 0; k < TIMES; k++) {
			/* the parts of a message that is then dropped, as its length is wrong */
			for (i = n; i > 0; i--)
				put(piece(i, i == n, 28, 60));
			assert_int_equal(l.engine->frags.n, 0);
		}
		t = (double)(clock() - from) / CLOCKS_PER_SEC / TIMES / n;
		least = t < least ? t : least;
	}
	return (least);
}

/* 255 fragments cost about 16 times what 16 cost, not 256 times. */
static void
quadratic_reassembly(void **state)
{
	double few, many;

	(void)state;
	begin();
	few = cost(16);
	many = cost(FRAGS_MAX);
	if (many > 4 * few)
		fail_msg("a fragment of 255 costs %.2f us, one of 16 %.2f us", many * 1e6, few * 1e6);
	still_works();
	end();
}

static int
setup(void **state)
{
	(void)state;
	return (secret_init());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CLASS("A13: fragment number 0", number_zero),
		CLASS("A13: the last fragment before the first, a second last, numbers behind it", last_before_first),
		CLASS("A13: overlapping fragments", overlapping),
		CLASS("A13: a huge count of fragments", huge_count),
		CLASS("A13: more bytes than a message may have", too_many_bytes),
		CLASS("A13: length underflow", length_underflow),
		CLASS("A13: fragments that make up no message", not_a_message),
		CLASS("A13: quadratic reassembly", quadratic_reassembly),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
