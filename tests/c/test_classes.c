/*
 * Classes of attacks on IKEv1 that were found in other implementations, a test for each. What proves to be nobody's
 * changes nothing: no SA, no answer, no memory that stays. test_attacks.c has floods and amplification,
 * test_classes_frag.c IKE fragments (A13).
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "classes.h"
#include "forge.h"
#include "ike/engine_priv.h"
#include "ike/v1base/sa_payload_p2.h"
#include "sim.h"

static const struct endpoint gateway = { { 4, { 192, 0, 2, 2 }, 0 }, 500 };
static const struct endpoint honest = { { 4, { 192, 0, 2, 1 }, 0 }, 500 };
static const uint8_t zero[8];
static uint8_t buf[FORGE_MAX];

static struct ike_policy
policy_of(enum sa_exchange exchange, const char *ike, bool initiator)
{
	struct ike_policy p = initiator ?
	    sim_policy("a shared secret", "left.example", "right.example", ike, "aes128-sha1") :
	    sim_policy("a shared secret", "right.example", "left.example", ike, "aes128-sha1");

	p.exchange = exchange;
	return (p);
}

/* A gateway, and a peer whose first message is in ${peer->did}. */
static void
begin(struct lone *l, struct lone *peer, enum sa_exchange exchange)
{
	struct ike_policy r = policy_of(exchange, "aes128-sha1-curve25519", false);
	struct ike_policy i = policy_of(exchange, "aes128-sha1-curve25519", true);

	lone_init(l, &r, &gateway, true);
	lone_init(peer, &i, &honest, false);
	lone_connect(peer, &gateway);
}

static void
end(struct lone *l, struct lone *peer)
{
	lone_free(l);
	lone_free(peer);
}

/* The gateway does nothing about ${message} but note it. */
static void
nothing_follows(struct lone *l, struct span message)
{
	size_t sas = l->engine->n_sas;

	lone_put(l, &honest, message);
	assert_int_equal(l->did.datagrams, 0);
	assert_int_equal(l->did.records + l->did.up + l->did.children, 0);
	assert_int_equal(l->engine->n_sas, sas);
}

/* A copy of the first message with room to change it. */
static size_t
copy_first(const struct lone *peer)
{
	memcpy(buf, peer->did.last, peer->did.last_len);
	return (peer->did.last_len);
}

static void
headers_that_are_none(void **state)
{
	static const uint8_t versions[] = { 0x00, 0x01, 0x20, 0x30, 0xff };
	static struct lone l, peer;
	size_t n, i;

	(void)state;
	begin(&l, &peer, SA_MAIN);
	for (n = copy_first(&peer), i = 0; i < n; i++)
		nothing_follows(&l, span_of(buf, i));
	for (i = 0; i < sizeof(versions); i++) {
		buf[17] = versions[i];
		nothing_follows(&l, span_of(buf, n));
	}
	(void)copy_first(&peer);
	put_be32(buf + 24, (uint32_t)n + 1);
	nothing_follows(&l, span_of(buf, n));
	put_be32(buf + 24, ISAKMP_HDR_LEN - 1);
	nothing_follows(&l, span_of(buf, n));
	put_be32(buf + 24, UINT32_MAX);
	nothing_follows(&l, span_of(buf, n));
	end(&l, &peer);
}

static void
lengths_and_chains(void **state)
{
	static const uint16_t lengths[] = { 0, 1, 3, 5, 0x7fff, 0xffff };
	struct forged many[ISAKMP_PAYLOADS_MAX + 2];
	static struct lone l, peer;
	size_t n, i;

	(void)state;
	begin(&l, &peer, SA_MAIN);
	n = copy_first(&peer);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		put_be16(buf + ISAKMP_HDR_LEN + 2, lengths[i]);
		nothing_follows(&l, span_of(buf, n));
	}
	for (i = 0; i < ISAKMP_PAYLOADS_MAX + 1; i++)
		many[i] = (struct forged){ i == 0 ? PAYLOAD_SA : PAYLOAD_VID, SPAN_ARRAY(zero) };
	many[i] = (struct forged){ 0, SPAN_NONE };
	nothing_follows(&l, forge_clear(buf, peer.did.last, zero, EXCHANGE_MAIN, 0, many));
	end(&l, &peer);
}

/* Message 3 of a main mode, changed, is dropped; the real one is then accepted. */
static void
payloads_missing_or_repeated(void **state)
{
	static struct lone l, peer;
	struct span m, sa, ke, nonce;
	static uint8_t m3[FORGE_MAX];
	size_t i;

	(void)state;
	begin(&l, &peer, SA_MAIN);
	m = span_of(peer.did.last, peer.did.last_len);
	sa = forge_find(m, PAYLOAD_SA, NULL);
	{
		const struct forged none[] = { { PAYLOAD_VID, SPAN_ARRAY(zero) }, { 0, SPAN_NONE } };
		const struct forged twice[] = { { PAYLOAD_SA, sa }, { PAYLOAD_SA, sa }, { 0, SPAN_NONE } };
		const struct forged *lists[] = { none, twice };

		for (i = 0; i < 2; i++)
			nothing_follows(&l, forge_clear(buf, m.p, zero, EXCHANGE_MAIN, 0, lists[i]));
	}
	lone_put(&l, &honest, m);
	assert_int_equal(l.did.datagrams, 1);
	lone_put(&peer, &gateway, span_of(l.did.last, l.did.last_len));
	memcpy(m3, peer.did.last, peer.did.last_len);
	m = span_of(m3, peer.did.last_len);
	ke = forge_find(m, PAYLOAD_KE, NULL);
	nonce = forge_find(m, PAYLOAD_NONCE, NULL);
	{
		const struct forged no_ke[] = { { PAYLOAD_NONCE, nonce }, { 0, SPAN_NONE } };
		const struct forged no_nonce[] = { { PAYLOAD_KE, ke }, { 0, SPAN_NONE } };
		const struct forged two_kes[] = { { PAYLOAD_KE, ke }, { PAYLOAD_KE, ke }, { PAYLOAD_NONCE, nonce },
		    { 0, SPAN_NONE } };
		const struct forged two_nonces[] = { { PAYLOAD_KE, ke }, { PAYLOAD_NONCE, nonce },
		    { PAYLOAD_NONCE, nonce }, { 0, SPAN_NONE } };
		const struct forged empty[] = { { PAYLOAD_KE, SPAN_NONE }, { PAYLOAD_NONCE, SPAN_NONE },
		    { 0, SPAN_NONE } };
		const struct forged *lists[] = { no_ke, no_nonce, two_kes, two_nonces, empty };

		for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
			nothing_follows(&l, forge_clear(buf, m.p, m.p + 8, EXCHANGE_MAIN, 0, lists[i]));
	}
	lone_put(&l, &honest, m);
	assert_int_equal(l.did.datagrams, 1);
	end(&l, &peer);
}

/* Each byte of an SA payload as anything else: an answer has at most its length, and never another group. */
static void
sa_payloads_of_all_sorts(void **state)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	static struct lone l, peer;
	uint8_t *body;
	struct span sa, answer;
	size_t n, i, k;

	(void)state;
	begin(&l, &peer, SA_MAIN);
	for (i = 0; i < forge_find(span_of(peer.did.last, peer.did.last_len), PAYLOAD_SA, NULL).len; i++)
		for (k = 0; k < sizeof(values); k++) {
			n = copy_first(&peer);
			sa = forge_find(span_of(buf, n), PAYLOAD_SA, &body);
			body[i] = values[k];
			put_be32(buf, (uint32_t)(i * 256 + k + 1));
			lone_put(&l, &honest, span_of(buf, n));
			assert_in_range(l.did.datagrams, 0, 1);
			assert_in_range(l.did.bytes, 0, IKE_AMPLIFY_MAX * n);
			answer = forge_find(span_of(l.did.last, l.did.last_len), PAYLOAD_SA, NULL);
			assert_in_range(answer.len, 0, sa.len);
		}
	end(&l, &peer);
}

/* --- with an IKE SA --- */

struct tunnel {
	struct ike_policy left, right;
	struct sim	 sim;
};

static struct tunnel *
tunnel_new(void)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	struct fault f;

	assert_non_null(t);
	sim_pair_init(&t->sim, &t->left, &t->right, "aes128-sha1-curve25519", "aes128-sha1", 3);
	assert_int_equal(sim_connect(&t->sim, &t->left, true, &f), 0);
	sim_run(&t->sim, 1000, NULL);
	assert_int_equal(t->sim.end[1].n_children, 1);
	return (t);
}

static void
tunnel_free(struct tunnel *t)
{
	sim_pair_free(&t->sim, &t->left, &t->right);
	free(t);
}

/* ${m} reaches the right end; how many datagrams it sends then. */
static int
put(struct tunnel *t, struct span m)
{
	struct ike_outbox out = {0};
	int sent = t->sim.end[1].n_sent;

	ike_engine_datagram(t->sim.end[1].engine, t->sim.now, &sim_right, &sim_left, m, &out);
	sim_flush(&t->sim, 1, &out);
	return (t->sim.end[1].n_sent - sent);
}

static void
all_stands(const struct tunnel *t)
{
	assert_int_equal(ike_engine_count_ike(t->sim.end[1].engine), 1);
	assert_int_equal(ike_engine_count_children(t->sim.end[1].engine), 1);
	assert_int_equal(t->sim.end[1].n_gone, 0);
}

static void
quick_mode_too_early_or_unproven(void **state)
{
	static const uint8_t spi[4] = { 1, 2, 3, 4 };
	uint8_t sa[512], nonce[16] = { 1 };
	struct wr w = wr_of(sa, sizeof(sa));
	struct tunnel *t = tunnel_new();
	struct forged list[] = { { PAYLOAD_SA, SPAN_NONE }, { PAYLOAD_NONCE, SPAN_ARRAY(nonce) }, { 0, SPAN_NONE } };
	const struct forged two[] = { { PAYLOAD_HASH, SPAN_ARRAY(nonce) }, { 0, SPAN_NONE } };
	static struct lone l, peer;

	(void)state;
	p2_offer(&w, &t->left, spi, ENCAP_TUNNEL, NULL);
	list[0].body = wr_span(&w);
	assert_int_equal(put(t, forge_keyed(buf, &t->sim.end[1].ike, EXCHANGE_QUICK, 71, list, true)), 0);
	all_stands(t);
	assert_int_equal(put(t, forge_keyed(buf, &t->sim.end[1].ike, EXCHANGE_QUICK, 72, two, false)), 0);
	all_stands(t);
	/* The same with a right hash is one. */
	assert_int_equal(put(t, forge_keyed(buf, &t->sim.end[1].ike, EXCHANGE_QUICK, 73, list, false)), 1);
	/* Before phase 1 has ended: in clear, and encrypted under nothing. */
	begin(&l, &peer, SA_MAIN);
	lone_put(&l, &honest, span_of(peer.did.last, peer.did.last_len));
	memcpy(nonce, l.did.last, 16);		/* both cookies */
	nothing_follows(&l, forge_clear(buf, nonce, nonce + 8, EXCHANGE_QUICK, 74, list));
	buf[19] = ISAKMP_FLAG_ENCRYPTED;
	nothing_follows(&l, span_of(buf, get_be32(buf + 24)));
	end(&l, &peer);
	tunnel_free(t);
}

/* RFC 2408 section 5.5: the answer to a proposal that is not formed as section 4.2 says is BAD-PROPOSAL-SYNTAX. */
static void
quick_mode_with_a_protocol_twice(void **state)
{
	static const uint8_t spi[4] = { 1, 2, 3, 4 }, left[] = { 4, 0, 0, 0, 10, 1, 0, 0, 255, 255, 255, 0 },
	    right[] = { 4, 0, 0, 0, 10, 2, 0, 0, 255, 255, 255, 0 };
	uint8_t mode[64], body[512], nonce[16] = { 1 };
	struct tunnel *t = tunnel_new();
	struct wr a = wr_of(mode, sizeof(mode)), w = wr_of(body, sizeof(body));
	struct forged list[] = { { PAYLOAD_SA, SPAN_NONE }, { PAYLOAD_NONCE, SPAN_ARRAY(nonce) },
	    { PAYLOAD_ID, SPAN_ARRAY(left) }, { PAYLOAD_ID, SPAN_ARRAY(right) }, { 0, SPAN_NONE } };
	struct isakmp_sa sa = { .doi = DOI_IPSEC, .situation = SIT_IDENTITY_ONLY, .np = 2, .nt = 2 };
	size_t i;

	(void)state;
	isakmp_attr_put(&a, IPSEC_ATTR_ENCAP_MODE, ENCAP_TUNNEL);
	for (i = 0; i < sa.np; i++) {
		sa.p[i] = (struct isakmp_proposal){ 1, PROTO_ESP, SPAN_ARRAY(spi), 1, i };
		sa.t[i] = (struct isakmp_transform){ 1, 12, wr_span(&a) };
	}
	isakmp_sa_put(&w, &sa);
	list[0].body = wr_span(&w);
	assert_int_equal(put(t, forge_keyed(buf, &t->sim.end[1].ike, EXCHANGE_QUICK, 75, list, false)), 1);
	assert_int_equal(t->sim.end[1].n_failed, 1);
	assert_int_equal(fault_exit(t->sim.end[1].why.code), EXIT_NO);
	assert_non_null(strstr(t->sim.end[1].why.what, "proposal 1 has protocol ESP twice"));
	sim_run(&t->sim, 1000, NULL);
	assert_non_null(strstr(t->sim.end[0].notes, "BAD-PROPOSAL-SYNTAX"));
	all_stands(t);
	tunnel_free(t);
}

static void
selectors_that_are_none(void **state)
{
	static const uint8_t spi[4] = { 1, 2, 3, 4 };
	static const struct { uint8_t len, b[16]; } ids[] = {
		{ 12, { 2, 0, 0, 0, 'l', '.', 'e', 'x', 'a', 'm', 'p', 'l' } },	/* FQDN */
		{ 7, { 1, 0, 0, 0, 10, 1, 0 } },				/* an address of 3 bytes */
		{ 9, { 1, 0, 0, 0, 10, 1, 0, 0, 0 } },				/* of 5 */
		{ 12, { 4, 0, 0, 0, 10, 1, 0, 0, 255, 0, 255, 0 } },		/* a mask with a hole */
		{ 12, { 7, 0, 0, 0, 10, 1, 0, 9, 10, 1, 0, 1 } },		/* a range from its end */
		{ 4, { 4, 0, 0, 0 } }, { 1, { 4 } }, { 0, { 0 } },
	};
	uint8_t sa[512], nonce[16] = { 1 };
	static const uint8_t good[] = { 1, 0, 0, 0, 192, 0, 2, 2 };
	struct wr w = wr_of(sa, sizeof(sa));
	struct tunnel *t = tunnel_new();
	size_t i;

	(void)state;
	p2_offer(&w, &t->left, spi, ENCAP_TUNNEL, NULL);
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const struct forged list[] = { { PAYLOAD_SA, wr_span(&w) }, { PAYLOAD_NONCE, SPAN_ARRAY(nonce) },
		    { PAYLOAD_ID, span_of(ids[i].b, ids[i].len) }, { PAYLOAD_ID, SPAN_ARRAY(good) }, { 0, SPAN_NONE } };

		assert_in_range(put(t, forge_keyed(buf, &t->sim.end[1].ike, EXCHANGE_QUICK, (uint32_t)(80 + i), list,
		    false)), 0, 1);		/* at most INVALID-ID-INFORMATION */
		all_stands(t);
	}
	tunnel_free(t);
}

/* The body of a delete of ${n} SPIs of ${size} bytes, of which ${len} bytes of ${spis} are there. */
static struct span
delete_of(uint8_t *to, uint8_t proto, uint8_t size, uint16_t n, const uint8_t *spis, size_t len)
{
	put_be32(to, DOI_IPSEC);
	to[4] = proto;
	to[5] = size;
	put_be16(to + 6, n);
	memcpy(to + 8, spis, len);
	return (span_of(to, 8 + len));
}

static void
deletes_that_are_not_obeyed(void **state)
{
	struct tunnel *t = tunnel_new();
	const struct sa_ike *ike = &t->sim.end[1].ike;
	uint8_t to[64], cookies[16];
	struct forged list[] = { { PAYLOAD_D, SPAN_NONE }, { 0, SPAN_NONE } };
	size_t i;

	(void)state;
	/* A wrong hash; in clear; the SPI of our own direction; another's; a count that overflows. */
	list[0].body = delete_of(to, PROTO_ESP, 4, 1, t->sim.end[1].children[0].spi_out, 4);
	assert_int_equal(put(t, forge_keyed(buf, ike, EXCHANGE_INFO, 90, list, true)), 0);
	assert_int_equal(put(t, forge_clear(buf, ike->spi_i, ike->spi_r, EXCHANGE_INFO, 91, list)), 0);
	all_stands(t);
	list[0].body = delete_of(to, PROTO_ESP, 4, 1, t->sim.end[1].children[0].spi_in, 4);
	assert_int_equal(put(t, forge_keyed(buf, ike, EXCHANGE_INFO, 92, list, false)), 0);
	memcpy(cookies, ike->spi_i, 8);
	memcpy(cookies + 8, zero, 8);
	list[0].body = delete_of(to, PROTO_ISAKMP, 16, 1, cookies, 16);
	assert_int_equal(put(t, forge_keyed(buf, ike, EXCHANGE_INFO, 93, list, false)), 0);
	list[0].body = delete_of(to, PROTO_ESP, 4, 0xffff, t->sim.end[1].children[0].spi_out, 4);
	assert_int_equal(put(t, forge_keyed(buf, ike, EXCHANGE_INFO, 94, list, false)), 0);
	list[0].body = delete_of(to, PROTO_ESP, 255, 257, t->sim.end[1].children[0].spi_out, 4);
	assert_int_equal(put(t, forge_keyed(buf, ike, EXCHANGE_INFO, 95, list, false)), 0);
	all_stands(t);
	/* A proven delete is obeyed, once; again, or replayed, it finds nothing. */
	list[0].body = delete_of(to, PROTO_ESP, 4, 1, t->sim.end[1].children[0].spi_out, 4);
	for (i = 0; i < 3; i++) {
		(void)put(t, forge_keyed(buf, ike, EXCHANGE_INFO, (uint32_t)(96 + i / 2), list, false));
		assert_int_equal(ike_engine_count_children(t->sim.end[1].engine), 0);
		assert_int_equal(ike_engine_count_ike(t->sim.end[1].engine), 1);
	}
	tunnel_free(t);
}

/* The body of an R-U-THERE about the SA ${ike}. */
static struct span
ask(uint8_t *to, const struct sa_ike *ike, uint16_t type, uint32_t seq)
{
	put_be32(to, DOI_IPSEC);
	to[4] = PROTO_ISAKMP;
	to[5] = 16;
	put_be16(to + 6, type);
	memcpy(to + 8, ike->spi_i, 8);
	memcpy(to + 16, ike->spi_r, 8);
	put_be32(to + 24, seq);
	return (span_of(to, 28));
}

static void
questions_without_state_or_again(void **state)
{
	struct tunnel *t = tunnel_new();
	const struct sa_ike *ike = &t->sim.end[1].ike;
	struct sa_ike other = { .role = SA_INITIATOR };
	uint8_t to[64];
	struct forged list[] = { { PAYLOAD_N, SPAN_NONE }, { 0, SPAN_NONE } };
	struct span m;

	(void)state;
	list[0].body = ask(to, ike, NOTIFY_R_U_THERE, 5);
	m = forge_keyed(buf, ike, EXCHANGE_INFO, 100, list, false);
	assert_int_equal(put(t, m), 1);
	assert_int_equal(put(t, m), 0);			/* replayed */
	list[0].body = ask(to, ike, NOTIFY_R_U_THERE_ACK, UINT32_MAX);
	assert_int_equal(put(t, forge_keyed(buf, ike, EXCHANGE_INFO, 101, list, false)), 0);
	list[0].body = ask(to, &other, NOTIFY_R_U_THERE, 6);		/* about no SA */
	assert_int_equal(put(t, forge_keyed(buf, ike, EXCHANGE_INFO, 102, list, false)), 0);
	list[0].body = span_of(to, 20);
	assert_int_equal(put(t, forge_keyed(buf, ike, EXCHANGE_INFO, 103, list, false)), 0);
	all_stands(t);
	tunnel_free(t);
}

/* Encrypted, or informational, where there is no SA or no key: at most a note for -vv. */
static void
messages_without_state(void **state)
{
	static const uint8_t exchanges[] = { EXCHANGE_INFO, EXCHANGE_QUICK, EXCHANGE_TRANSACTION, EXCHANGE_MAIN, 77 };
	const struct forged list[] = { { PAYLOAD_HASH, SPAN_ARRAY(zero) }, { PAYLOAD_N, SPAN_ARRAY(zero) }, { 0, SPAN_NONE } };
	uint8_t cookies[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	static struct lone l, peer;
	size_t i, k;

	(void)state;
	begin(&l, &peer, SA_MAIN);
	for (k = 0; k < 2; k++) {
		for (i = 0; i < sizeof(exchanges); i++) {
			(void)forge_clear(buf, cookies, cookies + 8, exchanges[i], 110 + (uint32_t)i, list);
			buf[19] = ISAKMP_FLAG_ENCRYPTED;
			lone_put(&l, &honest, span_of(buf, get_be32(buf + 24)));
			assert_in_range(l.did.bytes, 0, IKE_AMPLIFY_MAX * get_be32(buf + 24));
			assert_int_equal(l.did.records + l.did.up + l.did.children, 0);
		}
		/* Then under the cookies of an exchange that has no keys yet. */
		lone_put(&l, &honest, span_of(peer.did.last, peer.did.last_len));
		memcpy(cookies, l.did.last, 16);
	}
	end(&l, &peer);
}

static void
a_refused_offer_leaves_no_cookie(void **state)
{
	const struct forged list[] = { { PAYLOAD_HASH, SPAN_ARRAY(zero) }, { 0, SPAN_NONE } };
	struct ike_policy i = policy_of(SA_AGGRESSIVE, "aes256-sha256-curve25519", true);
	struct ike_policy r = policy_of(SA_AGGRESSIVE, "aes128-sha1-curve25519", false);
	static struct lone l, peer;
	uint8_t cookies[16];

	(void)state;
	lone_init(&l, &r, &gateway, true);
	lone_init(&peer, &i, &honest, false);
	lone_connect(&peer, &gateway);
	lone_put(&l, &honest, span_of(peer.did.last, peer.did.last_len));
	assert_int_equal(l.did.datagrams, 1);		/* the refusal, with both cookies */
	memcpy(cookies, l.did.last, 16);
	assert_int_equal(l.engine->n_sas, 0);
	(void)forge_clear(buf, cookies, cookies + 8, EXCHANGE_AGGRESSIVE, 0, list);
	lone_put(&l, &honest, span_of(buf, get_be32(buf + 24)));
	assert_int_equal(l.did.up + l.did.records, 0);
	buf[19] = ISAKMP_FLAG_ENCRYPTED;
	lone_put(&l, &honest, span_of(buf, get_be32(buf + 24)));
	assert_int_equal(l.did.up + l.did.records, 0);
	assert_int_equal(l.engine->n_sas, 0);
	end(&l, &peer);
}

/* The payload numbers of IKEv2, 33 to 53, mean nothing in IKEv1. */
static void
payloads_of_the_other_version(void **state)
{
	static struct lone l, peer;
	struct span sa;
	uint8_t type;

	(void)state;
	begin(&l, &peer, SA_MAIN);
	sa = forge_find(span_of(peer.did.last, peer.did.last_len), PAYLOAD_SA, NULL);
	for (type = 33; type <= 53; type++) {
		const struct forged list[] = { { type, sa }, { type, sa }, { 0, SPAN_NONE } };

		nothing_follows(&l, forge_clear(buf, peer.did.last, zero, EXCHANGE_MAIN, 0, list));
	}
	end(&l, &peer);
}

static void
names_with_bad_lengths(void **state)
{
	static const struct { uint8_t len, b[12]; } dns[] = {
		{ 10, { 9, 0, 0, 0, 0x30, 0x84, 0xff, 0xff, 0xff, 0xff } }, { 6, { 9, 0, 0, 0, 0x30, 0x80 } },
		{ 8, { 9, 0, 0, 0, 0x30, 0x7f, 0x31, 0x7f } }, { 5, { 9, 0, 0, 0, 0x30 } }, { 4, { 9 } }, { 3, { 9 } },
		{ 10, { 9, 0, 0, 0, 0x30, 0x04, 0x31, 0x02, 0x30, 0x05 } },
	};
	struct span m, ke, nonce, sa;
	static struct lone l, peer;
	size_t i;

	(void)state;
	begin(&l, &peer, SA_AGGRESSIVE);
	m = span_of(peer.did.last, peer.did.last_len);
	sa = forge_find(m, PAYLOAD_SA, NULL);
	ke = forge_find(m, PAYLOAD_KE, NULL);
	nonce = forge_find(m, PAYLOAD_NONCE, NULL);
	for (i = 0; i < sizeof(dns) / sizeof(dns[0]); i++) {
		const struct forged list[] = { { PAYLOAD_SA, sa }, { PAYLOAD_KE, ke }, { PAYLOAD_NONCE, nonce },
		    { PAYLOAD_ID, span_of(dns[i].b, dns[i].len) }, { 0, SPAN_NONE } };

		lone_put(&l, &honest, forge_clear(buf, m.p, zero, EXCHANGE_AGGRESSIVE, 0, list));
		assert_int_equal(l.engine->n_sas, 0);
		assert_in_range(l.did.bytes, 0, 100);	/* at most a refusal */
	}
	end(&l, &peer);
}

/* What only comes later, or claims success, is not success. */
static void
success_out_of_turn(void **state)
{
	uint8_t connected[12] = { 0, 0, 0, 1, 1, 0, 0x40, 0x00 };
	const struct forged list[] = { { PAYLOAD_N, SPAN_ARRAY(connected) }, { 0, SPAN_NONE } };
	const struct forged proof[] = { { PAYLOAD_ID, SPAN_ARRAY(zero) }, { PAYLOAD_HASH, SPAN_ARRAY(zero) }, { 0, SPAN_NONE } };
	static struct lone l, peer;
	uint8_t cookies[16];
	int k;

	(void)state;
	begin(&l, &peer, SA_MAIN);
	lone_put(&l, &honest, span_of(peer.did.last, peer.did.last_len));
	memcpy(cookies, l.did.last, 16);
	for (k = 0; k < 2; k++) {		/* the initiator before and after message 2 */
		lone_put(&peer, &gateway, forge_clear(buf, cookies, cookies + 8, EXCHANGE_INFO, 5, list));
		assert_int_equal(peer.did.up + peer.did.datagrams, 0);
		(void)forge_clear(buf, cookies, cookies + 8, EXCHANGE_MAIN, 0, proof);
		lone_put(&peer, &gateway, span_of(buf, get_be32(buf + 24)));
		buf[19] = ISAKMP_FLAG_ENCRYPTED;
		lone_put(&peer, &gateway, span_of(buf, get_be32(buf + 24)));
		assert_int_equal(peer.did.up + peer.did.records, 0);
		if (k == 0) {
			lone_put(&peer, &gateway, span_of(l.did.last, l.did.last_len));
			assert_int_equal(peer.did.datagrams, 1);
		}
	}
	/* Message 5 before message 3 at the responder. */
	(void)forge_clear(buf, cookies, cookies + 8, EXCHANGE_MAIN, 0, proof);
	nothing_follows(&l, span_of(buf, get_be32(buf + 24)));
	buf[19] = ISAKMP_FLAG_ENCRYPTED;
	nothing_follows(&l, span_of(buf, get_be32(buf + 24)));
	assert_int_equal(ike_engine_count_ike(l.engine) + ike_engine_count_ike(peer.engine), 0);
	end(&l, &peer);
}

/* The same exchange over memory of other contents gives the same bytes. */
static void
answers_do_not_depend_on_old_memory(void **state)
{
	static const int fill[] = { 0x55, 0xaa };
	static uint8_t said[2][4][FORGE_MAX];
	size_t len[2][4] = {{0}};
	static struct lone l, peer;
	size_t k, n;
	int exchange;

	(void)state;
	for (exchange = SA_MAIN; exchange <= SA_AGGRESSIVE; exchange++) {
		for (k = 0; k < 2; k++) {
			(void)mallopt(M_PERTURB, fill[k]);
			begin(&l, &peer, (enum sa_exchange)exchange);
			for (n = 0; n < 4 && peer.did.datagrams > 0; n++) {
				lone_put(&l, &honest, span_of(peer.did.last, peer.did.last_len));
				memcpy(said[k][n], l.did.last, l.did.last_len);
				len[k][n] = l.did.last_len;
				lone_put(&peer, &gateway, span_of(l.did.last, l.did.last_len));
			}
			end(&l, &peer);
		}
		for (n = 0; n < 4; n++)
			assert_true(span_eq(span_of(said[0][n], len[0][n]), span_of(said[1][n], len[1][n])));
		assert_true(len[0][0] > 0);
	}
	(void)mallopt(M_PERTURB, 0);
}

/* HASH_R of aggressive mode lets anybody guess the secret: nobody gets one where the mode is not configured. */
static void
aggressive_mode_is_only_for_who_asked_for_it(void **state)
{
	struct ike_policy r = policy_of(SA_MAIN, "aes128-sha1-curve25519", false);
	struct ike_policy i = policy_of(SA_AGGRESSIVE, "aes128-sha1-curve25519", true);
	static struct lone l, peer;

	(void)state;
	lone_init(&l, &r, &gateway, true);
	lone_init(&peer, &i, &honest, false);
	lone_connect(&peer, &gateway);
	lone_put(&l, &honest, span_of(peer.did.last, peer.did.last_len));
	assert_int_equal(forge_find(span_of(l.did.last, l.did.last_len), PAYLOAD_HASH, NULL).len, 0);
	assert_int_equal(l.engine->n_sas, 0);
	end(&l, &peer);
}

/* Writes ${auth} over the authentication method of each transform in an SA payload. */
static void
set_method(uint8_t *body, size_t len, uint8_t auth)
{
	size_t i, n = 0;

	for (i = 0; i + 4 <= len; i++)
		if (body[i] == 0x80 && body[i + 1] == 3 && body[i + 2] == 0 && body[i + 3] == AUTH_PSK) {
			body[i + 3] = auth;
			n++;
		}
	assert_true(n > 0);
}

/*
 * A21: public-key encryption, both forms, in both exchanges: the offer is refused, and an encrypted nonce finds no
 * exchange. As initiator, a choice of such a method is none of ours.
 */
static void
public_key_encryption_is_refused_before_any_decryption(void **state)
{
	static const uint8_t methods[] = { AUTH_RSA_ENC, AUTH_RSA_REV_ENC };
	static struct lone l, peer;
	static uint8_t secret[256];
	const struct forged third[] = { { PAYLOAD_KE, SPAN_ARRAY(secret) }, { PAYLOAD_ID, SPAN_ARRAY(secret) },
	    { PAYLOAD_NONCE, SPAN_ARRAY(secret) }, { 0, SPAN_NONE } };
	const enum sa_exchange exchanges[] = { SA_MAIN, SA_AGGRESSIVE };
	struct isakmp_notify notify;
	struct span sa;
	uint8_t *body;
	size_t n, i, k;

	(void)state;
	for (i = 0; i < 4; i++) {
		begin(&l, &peer, exchanges[i / 2]);
		n = copy_first(&peer);
		sa = forge_find(span_of(buf, n), PAYLOAD_SA, &body);
		set_method(body, sa.len, methods[i % 2]);
		lone_put(&l, &honest, span_of(buf, n));
		assert_int_equal(l.did.datagrams, 1);
		assert_int_equal(isakmp_notify_get(&notify, forge_find(span_of(l.did.last, l.did.last_len), PAYLOAD_N, NULL),
		    NULL), 0);
		assert_int_equal(notify.type, NOTIFY_NO_PROPOSAL_CHOSEN);
		assert_int_equal(l.engine->n_sas, 0);
		for (k = 0; k < 8; k++) {
			memset(secret, (int)k, sizeof(secret));
			nothing_follows(&l, forge_clear(buf, peer.did.last, l.did.last_len > 16 ? l.did.last + 8 : zero,
			    EXCHANGE_MAIN, 0, third));
			lone_put(&l, &honest, span_of(buf, n));
		}
		end(&l, &peer);
	}
	for (i = 0; i < 2; i++) {
		begin(&l, &peer, SA_MAIN);
		n = copy_first(&peer);
		lone_put(&l, &honest, span_of(buf, n));
		memcpy(buf, l.did.last, l.did.last_len);
		n = l.did.last_len;
		sa = forge_find(span_of(buf, n), PAYLOAD_SA, &body);
		set_method(body, sa.len, methods[i]);
		lone_put(&peer, &gateway, span_of(buf, n));
		assert_int_equal(peer.did.datagrams, 0);
		end(&l, &peer);
	}
}

/* A peer for which there is no secret, or another: nothing of it is left. */
static void
a_secret_that_is_not_there(void **state)
{
	struct ike_policy left, right;
	static struct sim sim;
	struct fault f;
	int k;

	(void)state;
	for (k = 0; k < 2; k++) {
		sim_policies(&left, &right, "aes128-sha1-curve25519", "aes128-sha1");
		if (k == 0)
			assert_int_equal(secret_set(&right.psk, span_str("x")), 0);
		else
			assert_int_equal(id_parse(&right.remote_id, "somebody.example", &f), 0);
		sim_init(&sim, &left, &right, 12);
		assert_int_equal(sim_connect(&sim, &left, true, &f), 0);
		sim_run(&sim, 3000, NULL);
		sim.cut = true;
		sim_run(&sim, 120000, NULL);
		assert_int_equal(sim.end[1].engine->n_sas, 0);
		assert_int_equal(sim.end[1].n_ike + sim.end[0].n_ike, 0);
		sim_free(&sim);
		ike_policy_wipe(&left);
		ike_policy_wipe(&right);
	}
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
		CLASS("A1: headers that are none", headers_that_are_none),
		CLASS("A2: bad lengths and too many payloads", lengths_and_chains),
		CLASS("A3: mandatory payload missing, repeated or empty", payloads_missing_or_repeated),
		CLASS("A5: SA payloads of all sorts", sa_payloads_of_all_sorts),
		CLASS("A6: quick mode before phase 1 has ended, or with a wrong hash", quick_mode_too_early_or_unproven),
		cmocka_unit_test(quick_mode_with_a_protocol_twice),
		CLASS("A7: selectors that are none", selectors_that_are_none),
		CLASS("A8: deletes that are not obeyed", deletes_that_are_not_obeyed),
		CLASS("A9: R-U-THERE for no state, replayed or absurd", questions_without_state_or_again),
		CLASS("A10: messages without state or keys", messages_without_state),
		CLASS("A11: a refused offer leaves no cookie to go on with", a_refused_offer_leaves_no_cookie),
		CLASS("A12: payload numbers of IKEv2", payloads_of_the_other_version),
		CLASS("A14: names with bad lengths", names_with_bad_lengths),
		CLASS("A16: success out of turn", success_out_of_turn),
		CLASS("A19: answers do not depend on old memory", answers_do_not_depend_on_old_memory),
		CLASS("A20: aggressive mode only where it is configured", aggressive_mode_is_only_for_who_asked_for_it),
		CLASS("A21: public-key encryption is refused before any decryption",
		    public_key_encryption_is_refused_before_any_decryption),
		CLASS("A24: a secret that is not there leaves nothing half-made", a_secret_that_is_not_there),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
