/* crypto/: the registry, random sources, Diffie-Hellman with good and bad peers, DES. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/crypto.h"

static struct fault f;

/* Every row is found again by each of its names and numbers, and is like itself. */
static void
registry_finds_rows(void **state)
{
	const struct alg_enc *e;
	const struct alg_hash *h;
	const struct alg_integ *a;
	const struct alg_group *g;
	size_t i;

	(void)state;
	for (i = 0; (e = alg_enc_row(i)) != NULL; i++) {
		assert_ptr_equal(alg_enc_word(e->word), e);
		assert_ptr_equal(alg_enc_name(e->name, e->key_bits), e);
		assert_ptr_equal(alg_enc_esp(e->esp, e->key_bits), e);
		if (e->ike != 0)
			assert_ptr_equal(alg_enc_ike(e->ike, e->key_bits), e);
		assert_true(e->ike == 0 || e->form == ALG_CBC);
		assert_true(e->key_bits == 0 || e->key_bits == 8 * e->key_len);
		assert_true((e->form == ALG_AEAD) == (e->icv_len > 0));
		assert_true(e->block <= BLOCK_MAX && e->block >= 1);
	}
	assert_true(i >= 19);
	for (i = 0; (h = alg_hash_row(i)) != NULL; i++) {
		assert_ptr_equal(alg_hash_word(h->word), h);
		assert_ptr_equal(alg_hash_ike(h->ike), h);
		assert_true(h->len <= HASH_MAX);
	}
	assert_int_equal(i, 5);
	for (i = 0; (a = alg_integ_row(i)) != NULL; i++) {
		assert_ptr_equal(alg_integ_word(a->word), a);
		assert_ptr_equal(alg_integ_name(a->name), a);
		assert_int_equal(alg_integ_auth(a->auth)->auth, a->auth);
		assert_true(a->icv_len <= a->key_len);
	}
	assert_int_equal(i, 7);
	for (i = 0; (g = alg_group_row(i)) != NULL; i++) {
		assert_ptr_equal(alg_group_word(g->word), g);
		assert_ptr_equal(alg_group_num(g->num), g);
	}
	assert_int_equal(i, 15);
}

/* The numbers of IANA's "Internet Key Exchange (IKE) Attributes" and "ISAKMP" registries. */
static void
registry_numbers(void **state)
{
	static const struct { const char *word; unsigned ike, esp, key, salt, iv, icv; } e[] = {
		{ "des", 1, 2, 8, 0, 8, 0 }, { "3des", 5, 3, 24, 0, 8, 0 },
		{ "aes128", 7, 12, 16, 0, 16, 0 }, { "aes192", 7, 12, 24, 0, 16, 0 },
		{ "aes256", 7, 12, 32, 0, 16, 0 }, { "null", 0, 11, 0, 0, 0, 0 },
		{ "aes128ctr", 0, 13, 16, 4, 8, 0 }, { "aes256ctr", 0, 13, 32, 4, 8, 0 },
		{ "aes128gcm8", 0, 18, 16, 4, 8, 8 }, { "aes256gcm12", 0, 19, 32, 4, 8, 12 },
		{ "aes192gcm16", 0, 20, 24, 4, 8, 16 }, { "chacha20poly1305", 0, 254, 32, 4, 8, 16 },
	};
	static const struct { const char *word; unsigned ike, len; } h[] = {
		{ "md5", 1, 16 }, { "sha1", 2, 20 }, { "sha256", 4, 32 }, { "sha384", 5, 48 },
		{ "sha512", 6, 64 },
	};
	static const struct { const char *word; unsigned auth, ah, key, icv; } a[] = {
		{ "md5", 1, 2, 16, 12 }, { "sha1", 2, 3, 20, 12 }, { "sha256", 5, 5, 32, 16 },
		{ "sha256_96", 5, 5, 32, 12 }, { "sha384", 6, 6, 48, 24 }, { "sha512", 7, 7, 64, 32 },
		{ "aesxcbc", 9, 9, 16, 12 },
	};
	static const struct { const char *word; unsigned num, pub, shared; } g[] = {
		{ "modp768", 1, 96, 96 }, { "modp1024", 2, 128, 128 }, { "modp1536", 5, 192, 192 },
		{ "modp2048", 14, 256, 256 }, { "modp3072", 15, 384, 384 },
		{ "modp4096", 16, 512, 512 }, { "modp6144", 17, 768, 768 },
		{ "modp8192", 18, 1024, 1024 }, { "ecp256", 19, 64, 32 }, { "ecp384", 20, 96, 48 },
		{ "ecp521", 21, 132, 66 }, { "modp1024s160", 22, 128, 128 },
		{ "modp2048s224", 23, 256, 256 }, { "modp2048s256", 24, 256, 256 },
		{ "curve25519", 31, 32, 32 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(e) / sizeof(e[0]); i++) {
		const struct alg_enc *r = alg_enc_word(e[i].word);

		assert_non_null(r);
		assert_int_equal(r->ike, e[i].ike);
		assert_int_equal(r->esp, e[i].esp);
		assert_int_equal(r->key_len, e[i].key);
		assert_int_equal(r->salt_len, e[i].salt);
		assert_int_equal(r->iv_len, e[i].iv);
		assert_int_equal(r->icv_len, e[i].icv);
	}
	for (i = 0; i < sizeof(h) / sizeof(h[0]); i++) {
		assert_int_equal(alg_hash_word(h[i].word)->ike, h[i].ike);
		assert_int_equal(alg_hash_word(h[i].word)->len, h[i].len);
	}
	for (i = 0; i < sizeof(a) / sizeof(a[0]); i++) {
		const struct alg_integ *r = alg_integ_word(a[i].word);

		assert_int_equal(r->auth, a[i].auth);
		assert_int_equal(r->ah, a[i].ah);
		assert_int_equal(r->key_len, a[i].key);
		assert_int_equal(r->icv_len, a[i].icv);
	}
	for (i = 0; i < sizeof(g) / sizeof(g[0]); i++) {
		assert_int_equal(alg_group_word(g[i].word)->num, g[i].num);
		assert_int_equal(alg_group_word(g[i].word)->pub_len, g[i].pub);
		assert_int_equal(alg_group_word(g[i].word)->shared_len, g[i].shared);
	}
}

static void
registry_corners(void **state)
{
	(void)state;
	assert_null(alg_enc_ike(0, 0));
	assert_null(alg_enc_ike(7, 0));		/* AES has no fixed length */
	assert_null(alg_enc_ike(7, 127));
	assert_null(alg_enc_esp(0, 0));
	assert_null(alg_group_num(0));
	assert_null(alg_group_num(3));
	assert_null(alg_integ_auth(0));
	assert_null(alg_hash_word(""));
	assert_null(alg_enc_word("aes12"));
	assert_null(alg_enc_name("aes-cbc", 0));
	/* The standard cut goes first where a number stands for two. */
	assert_int_equal(alg_integ_auth(5)->icv_len, 16);
	assert_int_equal(alg_integ_word("sha256_96")->icv_len, 12);
	/* Case and other spellings */
	assert_ptr_equal(alg_enc_word("AES128GCM128"), alg_enc_name("aes-gcm-16", 128));
	assert_ptr_equal(alg_group_word("x25519"), alg_group_num(31));
	assert_ptr_equal(alg_hash_word("SHA2_256"), alg_hash_ike(4));
	/* What must never be offered unasked */
	assert_true(alg_enc_word("des")->weak && alg_enc_word("null")->weak);
	assert_true(alg_group_num(1)->weak && alg_group_num(22)->weak);
	assert_false(alg_group_num(14)->weak || alg_enc_word("aes128")->weak);
}

static void
dh_ends_agree(void **state)
{
	const struct alg_group *g;
	struct secret a = {0}, b = {0};
	struct dh *x, *y;
	size_t i;

	(void)state;
	for (i = 0; (g = alg_group_row(i)) != NULL; i++) {
		assert_non_null(x = dh_new(g, &rand_system, &f));
		assert_non_null(y = dh_new(g, &rand_system, &f));
		assert_int_equal(dh_public(x).len, g->pub_len);
		assert_false(span_eq(dh_public(x), dh_public(y)));
		assert_int_equal(dh_check_public(g, dh_public(y), &f), 0);
		assert_int_equal(dh_shared(x, dh_public(y), &a, &f), 0);
		assert_int_equal(dh_shared(y, dh_public(x), &b, &f), 0);
		assert_int_equal(a.len, g->shared_len);
		assert_true(ct_eq(secret_span(&a), secret_span(&b)));
		dh_free(x);
		dh_free(y);
	}
	secret_free(&a);
	secret_free(&b);
}

static void
dh_seed_repeats(void **state)
{
	const struct alg_group *g;
	struct rand_seed s1, s2, s3;
	struct rand r1, r2, r3;
	struct secret p = {0};
	struct dh *x, *y, *z, *w;
	size_t i;

	(void)state;
	for (i = 0; (g = alg_group_row(i)) != NULL; i++) {
		r1 = rand_seeded(&s1, span_str("seed"));
		r2 = rand_seeded(&s2, span_str("seed"));
		r3 = rand_seeded(&s3, span_str("weed"));
		assert_non_null(x = dh_new(g, &r1, &f));
		assert_non_null(y = dh_new(g, &r2, &f));
		assert_non_null(z = dh_new(g, &r3, &f));
		assert_true(span_eq(dh_public(x), dh_public(y)));
		assert_false(span_eq(dh_public(x), dh_public(z)));
		/* A second key of the same source is another one. */
		dh_free(y);
		assert_non_null(y = dh_new(g, &r2, &f));
		assert_false(span_eq(dh_public(x), dh_public(y)));
		/* And its private value brings it back. */
		assert_int_equal(dh_private(x, &p, &f), 0);
		assert_non_null(w = dh_from_private(g, secret_span(&p), &f));
		assert_true(span_eq(dh_public(x), dh_public(w)));
		dh_free(x);
		dh_free(y);
		dh_free(z);
		dh_free(w);
	}
	secret_free(&p);
}

static void
seeded_stream(void **state)
{
	struct rand_seed s;
	struct rand r = rand_seeded(&s, span_str("x"));
	uint8_t a[100], b[100], c[33];

	(void)state;
	assert_int_equal(r.fill(r.state, a, sizeof(a)), 0);
	assert_int_equal(r.fill(r.state, c, sizeof(c)), 0);
	assert_int_equal(r.fill(r.state, c, 0), 0);
	r = rand_seeded(&s, span_str("x"));
	assert_int_equal(r.fill(r.state, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, a + 32, 32);
	assert_int_equal(rand_system.fill(NULL, a, sizeof(a)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static int
fill_zero(void *state, uint8_t *p, size_t n)
{
	(void)state;
	memset(p, 0, n);
	return (0);
}

static int
fill_fails(void *state, uint8_t *p, size_t n)
{
	(void)state, (void)p, (void)n;
	return (-1);
}

/* No private value of zero, whatever the source says, and no endless loop either. */
static void
dh_bad_source(void **state)
{
	static const struct rand zero = { fill_zero, NULL }, fails = { fill_fails, NULL };
	const struct alg_group *g;
	size_t i;

	(void)state;
	for (i = 0; (g = alg_group_row(i)) != NULL; i++) {
		assert_null(dh_new(g, &fails, &f));
		assert_int_equal(f.code, FAULT_CRYPTO);
		if (g->num == 31)
			continue;	/* there zero is clamped to a value */
		assert_null(dh_new(g, &zero, &f));
		assert_int_equal(f.code, FAULT_CRYPTO);
	}
}

static void
refused(const struct alg_group *g, const struct dh *d, struct span peer)
{
	struct secret out = {0};

	f = (struct fault){0};
	assert_int_equal(dh_check_public(g, peer, &f), -1);
	assert_int_equal(f.code, FAULT_MALFORMED);
	f = (struct fault){0};
	assert_int_equal(dh_shared(d, peer, &out, &f), -1);
	assert_int_equal(f.code, FAULT_MALFORMED);
	assert_null(out.p);
}

/* p-1 is refused and p-2 taken in dh_rfc3526 and dh_oakley_primes. */
static void
dh_modp_bad_peer(void **state)
{
	static const unsigned safe[] = { 1, 2, 5, 14 };
	const struct alg_group *g;
	static uint8_t v[1025];
	struct dh *d;
	struct secret out = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(safe) / sizeof(safe[0]); i++) {
		g = alg_group_num(safe[i]);
		assert_non_null(d = dh_new(g, &rand_system, &f));
		memset(v, 0, sizeof(v));
		refused(g, d, span_of(v, g->pub_len));			/* 0 */
		v[g->pub_len - 1] = 1;
		refused(g, d, span_of(v, g->pub_len));			/* 1 */
		v[g->pub_len - 1] = 2;
		assert_int_equal(dh_shared(d, span_of(v, g->pub_len), &out, &f), 0);
		memset(v, 0xff, sizeof(v));
		refused(g, d, span_of(v, g->pub_len));			/* above p */
		/* Lengths other than the group's */
		refused(g, d, SPAN_NONE);
		refused(g, d, span_of(dh_public(d).p, (size_t)g->pub_len - 1));
		memset(v, 0, sizeof(v));
		memcpy(v + 1, dh_public(d).p, g->pub_len);
		refused(g, d, span_of(v, (size_t)g->pub_len + 1));
		dh_free(d);
	}
	secret_free(&out);
}

/*
 * RFC 2409 section 6: the primes of groups 1 and 2 end in 64 one bits, after what is given
 * here of them. p-1, p and p+1 are refused, p-2 (whose square is 4) is not.
 */
static void
dh_oakley_primes(void **state)
{
	static const char head[] =
	    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74"
	    "020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"
	    "4fe1356d6d51c245e485b576625e7ec6f44c42e9a6";
	static const char *const tail[] = {
		"3a3620ffffffffffffffff",
		"37ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff",
	};
	static const uint8_t two[] = { 2 };
	char text[300];
	uint8_t p[129] = {0};
	struct secret out = {0};
	struct dh *d;
	size_t i, len;
	long n;

	(void)state;
	for (i = 0; i < 2; i++) {
		(void)snprintf(text, sizeof(text), "%s%s", head, tail[i]);
		n = hex_get(p, sizeof(p), text);
		len = alg_group_num((unsigned)i + 1)->pub_len;
		assert_int_equal(n, len);
		assert_non_null(d = dh_from_private(alg_group_num((unsigned)i + 1), SPAN_ARRAY(two),
		    &f));
		refused(alg_group_num((unsigned)i + 1), d, span_of(p, len));	/* p */
		p[len - 1] = 0xfe;
		refused(alg_group_num((unsigned)i + 1), d, span_of(p, len));	/* p-1 */
		p[len - 1] = 0xfd;
		assert_int_equal(dh_shared(d, span_of(p, len), &out, &f), 0);
		assert_int_equal(out.p[len - 1], 4);
		/* p+1: ends in 64 zero bits with a carry into the bits before them. */
		memset(p + len - 8, 0, 8);
		p[len - 9]++;
		refused(alg_group_num((unsigned)i + 1), d, span_of(p, len));	
		dh_free(d);
	}
	secret_free(&out);
}

/* The RFC 5114 groups: the prime and its neighbours, and values outside the subgroup. */
static void
dh_subgroup_bad_peer(void **state)
{
	static const unsigned nums[] = { 22, 23, 24 };
	const struct alg_group *g;
	static uint8_t v[256];
	struct dh *d;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		g = alg_group_num(nums[i]);
		assert_non_null(d = dh_new(g, &rand_system, &f));
		memset(v, 0, sizeof(v));
		refused(g, d, span_of(v, g->pub_len));
		v[g->pub_len - 1] = 1;
		refused(g, d, span_of(v, g->pub_len));
		v[g->pub_len - 1] = 2;		/* in range, but generates more than the subgroup */
		refused(g, d, span_of(v, g->pub_len));
		memset(v, 0xff, sizeof(v));
		refused(g, d, span_of(v, g->pub_len));
		dh_free(d);
	}
}

static void
dh_ecp_bad_peer(void **state)
{
	static const unsigned nums[] = { 19, 20, 21 };
	const struct alg_group *g;
	uint8_t v[132];
	struct dh *d, *e;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		g = alg_group_num(nums[i]);
		assert_non_null(d = dh_new(g, &rand_system, &f));
		assert_non_null(e = dh_new(g, &rand_system, &f));
		memset(v, 0, sizeof(v));
		refused(g, d, span_of(v, g->pub_len));		/* (0, 0) */
		memset(v, 0xff, sizeof(v));
		refused(g, d, span_of(v, g->pub_len));		/* above the prime */
		memcpy(v, dh_public(e).p, g->pub_len);
		v[g->pub_len - 1] ^= 1;
		refused(g, d, span_of(v, g->pub_len));		/* off the curve */
		memcpy(v, dh_public(e).p, g->pub_len);
		v[0] ^= 1;
		refused(g, d, span_of(v, g->pub_len));
		refused(g, d, span_of(dh_public(e).p, g->shared_len));	/* x alone */
		dh_free(d);
		dh_free(e);
	}
}

/* Points of small order (RFC 7748 section 6.1): zero, one, p-1, p, p+1, one of order 8. */
static void
dh_25519_bad_peer(void **state)
{
	static const uint8_t order8[32] = {
		0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
		0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
		0x5f, 0x49, 0xb8, 0x00,
	};
	static const uint8_t low[] = { 0xec, 0xed, 0xee };	/* p-1, p, p+1 */
	const struct alg_group *g = alg_group_num(31);
	struct dh *d = dh_new(g, &rand_system, &f);
	uint8_t v[32] = {0};
	size_t i;

	(void)state;
	assert_non_null(d);
	refused(g, d, SPAN_ARRAY(v));
	v[0] = 1;
	refused(g, d, SPAN_ARRAY(v));
	refused(g, d, SPAN_ARRAY(order8));
	memset(v, 0xff, sizeof(v));
	v[31] = 0x7f;
	for (i = 0; i < 3; i++) {
		v[0] = low[i];
		refused(g, d, SPAN_ARRAY(v));
	}
	dh_free(d);
}

static void
dh_private_range(void **state)
{
	const struct alg_group *g;
	static uint8_t v[1025];
	size_t i;

	(void)state;
	for (i = 0; (g = alg_group_row(i)) != NULL; i++) {
		assert_null(dh_from_private(g, SPAN_NONE, &f));
		assert_int_equal(f.code, FAULT_USAGE);
		memset(v, 0xff, sizeof(v));
		assert_null(dh_from_private(g, span_of(v, (size_t)g->pub_len + 1), &f));
		if (g->num == 31)
			continue;
		assert_null(dh_from_private(g, span_of(v, g->shared_len), &f));
		memset(v, 0, sizeof(v));
		assert_null(dh_from_private(g, span_of(v, g->shared_len), &f));
		assert_int_equal(f.code, FAULT_USAGE);
	}
	dh_free(NULL);
}

static void
cbc_misuse(void **state)
{
	const struct alg_enc *e = alg_enc_word("aes128");
	uint8_t key[16] = {0}, iv[BLOCK_MAX] = {0}, data[32] = {0};

	(void)state;
	assert_int_equal(cbc_encrypt(e, SPAN_ARRAY(key), iv, data, 17, &f), -1);
	assert_int_equal(f.code, FAULT_CRYPTO);
	assert_int_equal(cbc_decrypt(e, span_of(key, 15), iv, data, 16, &f), -1);
	assert_int_equal(cbc_encrypt(alg_enc_word("aes128gcm16"), SPAN_ARRAY(key), iv, data, 16,
	    &f), -1);
	assert_int_equal(cbc_encrypt(e, SPAN_ARRAY(key), iv, data, 0, &f), 0);
	assert_int_equal(iv[0], 0);
}

static void
des_weak_keys(void **state)
{
	static const uint8_t weak[][8] = {
		{ 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01 },
		{ 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 },	/* parity apart */
		{ 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		{ 0x1f, 0x1f, 0x1f, 0x1f, 0x0e, 0x0e, 0x0e, 0x0e },
		{ 0xe0, 0xfe, 0xe0, 0xfe, 0xf1, 0xfe, 0xf1, 0xfe },
		{ 0x01, 0x1f, 0x01, 0x1f, 0x01, 0x0e, 0x01, 0x0e },
	};
	static const uint8_t fine[8] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	const struct alg_enc *des = alg_enc_word("des");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		assert_true(des_weak_key(des, SPAN_ARRAY(weak[i])));
	assert_false(des_weak_key(des, SPAN_ARRAY(fine)));
	/* Other ciphers have none. */
	assert_false(des_weak_key(alg_enc_word("3des"), SPAN_ARRAY(weak[0])));
	assert_false(des_weak_key(alg_enc_word("null"), SPAN_NONE));
}

/* FIPS 81's example. DES works, and what is in the default provider still does after it. */
static void
des_works(void **state)
{
	static const uint8_t key[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	static const uint8_t want[] = { 0xe5, 0xc7, 0xcd, 0xde, 0x87, 0x2b, 0xf2, 0x7c };
	uint8_t iv[BLOCK_MAX] = { 0x12, 0x34, 0x56, 0x78, 0x90, 0xab, 0xcd, 0xef };
	uint8_t data[] = "Now is t", key3[24] = {0}, iv3[BLOCK_MAX] = {0}, data3[8] = {0};
	struct secret out = {0};

	(void)state;
	assert_int_equal(cbc_encrypt(alg_enc_word("des"), SPAN_ARRAY(key), iv, data, 8, &f), 0);
	assert_memory_equal(data, want, 8);
	key3[0] = 2;
	key3[9] = 2;
	assert_int_equal(cbc_encrypt(alg_enc_word("3des"), SPAN_ARRAY(key3), iv3, data3, 8, &f), 0);
	assert_int_equal(prf_parts(alg_hash_word("md5"), SPAN_ARRAY(key), &out, NULL, 0, &f), 0);
	secret_free(&out);
}

/* In a process of its own, whose modules are nowhere: DES is missing, all else works. */
static void
des_without_legacy(void **state)
{
	uint8_t key[24] = { 1, 0x23 }, iv[BLOCK_MAX] = {0}, data[8] = {0};
	struct fault g = {0};
	pid_t pid;
	int status;

	(void)state;
	if ((pid = fork()) == 0) {
		if (setenv("OPENSSL_MODULES", "/nonexistent", 1) == -1)
			_exit(10);
		if (cbc_encrypt(alg_enc_word("des"), span_of(key, 8), iv, data, 8, &g) != -1)
			_exit(11);
		if (g.code != FAULT_NO_LEGACY_PROVIDER)
			_exit(12);
		key[8] = 7;
		_exit(cbc_encrypt(alg_enc_word("3des"), SPAN_ARRAY(key), iv, data, 8, &g) == 0 ?
		    0 : 13);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(des_without_legacy),	/* first: before the provider is loaded */
		cmocka_unit_test(registry_finds_rows), cmocka_unit_test(registry_numbers),
		cmocka_unit_test(registry_corners),
		cmocka_unit_test(dh_ends_agree), cmocka_unit_test(dh_seed_repeats),
		cmocka_unit_test(seeded_stream), cmocka_unit_test(dh_bad_source),
		cmocka_unit_test(dh_modp_bad_peer), cmocka_unit_test(dh_oakley_primes),
		cmocka_unit_test(dh_subgroup_bad_peer),
		cmocka_unit_test(dh_ecp_bad_peer), cmocka_unit_test(dh_25519_bad_peer),
		cmocka_unit_test(dh_private_range), cmocka_unit_test(cbc_misuse),
		cmocka_unit_test(des_weak_keys), cmocka_unit_test(des_works),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
