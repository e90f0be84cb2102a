/* Tests ike/v1base/keys with known answers, and every formula against libcrypto's HMAC over one buffer. */
#include "vectors.h"

#include <openssl/hmac.h>

#include "ike/v1base/keys.h"

static struct fault f;
static const char *const hashes[] = { "md5", "sha1", "sha256", "sha384", "sha512" };

static void
check_skeyid(enum vec_place place, const char *file, bool psk_auth, unsigned want)
{
	static struct vec cky_i, cky_r, ni, nr, gxy, psk, skeyid, skeyid_d, skeyid_a, skeyid_e;
	static char name[128], value[2 * VEC_MAX + 1];
	static const struct { const char *cavp, *word; } words[] = {
		{ "MD5", "md5" }, { "SHA-1", "sha1" }, { "SHA-256", "sha256" },
		{ "SHA-384", "sha384" }, { "SHA-512", "sha512" },
	};
	const struct { const char *name; struct vec *v; } fields[] = {
		{ "CKY_I", &cky_i }, { "CKY_R", &cky_r }, { "Ni", &ni }, { "Nr", &nr },
		{ "g^xy", &gxy }, { "pre-shared-key", &psk }, { "SKEYID", &skeyid },
		{ "SKEYID_d", &skeyid_d }, { "SKEYID_a", &skeyid_a }, { "SKEYID_e", &skeyid_e },
	};
	const struct alg_hash *h = NULL;
	struct v1_keys k = {0};
	FILE *fp = vec_open(place, file);
	unsigned n = 0;
	size_t i;

	while (vec_line(fp, name, sizeof(name), value, sizeof(value))) {
		if (value[0] == '[')
			for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
				if (strcmp(name, words[i].cavp) == 0)
					h = alg_hash_word(words[i].word);
		for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			if (strcmp(name, fields[i].name) == 0)
				vec_hex(fields[i].v, value);
		if (strcmp(name, "SKEYID_e") != 0)
			continue;
		assert_non_null(h);
		if (psk_auth)
			assert_int_equal(v1_skeyid_psk(h, vec_span(&psk), vec_span(&ni),
			    vec_span(&nr), &k.skeyid, &f), 0);
		else
			assert_int_equal(v1_skeyid_sig(h, vec_span(&ni), vec_span(&nr),
			    vec_span(&gxy), &k.skeyid, &f), 0);
		assert_span_eq(secret_span(&k.skeyid), vec_span(&skeyid));
		assert_int_equal(v1_keys_derive(&k, h, alg_enc_word("aes128"), vec_span(&gxy),
		    cky_i.b, cky_r.b, &f), 0);
		assert_span_eq(secret_span(&k.skeyid_d), vec_span(&skeyid_d));
		assert_span_eq(secret_span(&k.skeyid_a), vec_span(&skeyid_a));
		assert_span_eq(secret_span(&k.skeyid_e), vec_span(&skeyid_e));
		n++;
	}
	fclose(fp);
	v1_keys_wipe(&k);
	print_message("%s: %u cases\n", file, n);
	assert_int_equal(n, want);
}

static void
skeyid_psk(void **state)
{
	static const char *const cavp = "nist-cavp-ike/ikev1_psk.first3.rsp";

	(void)state;
	check_skeyid(VEC_OURS, "ikev1_psk.rsp", true, 40);
	if (vec_exists(VEC_MORE, cavp))
		check_skeyid(VEC_MORE, cavp, true, 51);
}

static void
skeyid_sig(void **state)
{
	static const char *const cavp = "nist-cavp-ike/ikev1_dsa.first3.rsp";

	(void)state;
	check_skeyid(VEC_OURS, "ikev1_sig.rsp", false, 40);
	if (vec_exists(VEC_MORE, cavp))
		check_skeyid(VEC_MORE, cavp, false, 51);
}

/* The formulas once more, in the plainest way: one buffer, one HMAC. */
static struct {
	uint8_t	b[4096];
	size_t	len;
} buf;

static void
put(const void *p, size_t n)
{
	assert_true(buf.len + n <= sizeof(buf.b));
	memcpy(buf.b + buf.len, p, n);
	buf.len += n;
}

static struct span
mac(const char *hash, struct span key, uint8_t out[64])
{
	unsigned len = 0;

	assert_non_null(HMAC(EVP_get_digestbyname(hash), key.p, (int)key.len, buf.b, buf.len, out,
	    &len));
	buf.len = 0;
	return (span_of(out, len));
}

static struct span
digest(const char *hash, uint8_t out[64])
{
	unsigned len = 0;

	assert_int_equal(EVP_Digest(buf.b, buf.len, out, &len, EVP_get_digestbyname(hash), NULL), 1);
	buf.len = 0;
	return (span_of(out, len));
}

static const uint8_t cky_i[8] = "initiato", cky_r[8] = "responde";
static const uint8_t key[20] = "some key or another!";
static const struct span gxi = { (const uint8_t *)"public of the initiator", 23 };
static const struct span gxr = { (const uint8_t *)"responder's public", 18 };
static const struct span ni = { (const uint8_t *)"nonce of i", 10 };
static const struct span nr = { (const uint8_t *)"nonce of the r", 14 };
static const struct span sai = { (const uint8_t *)"SA offered", 10 };
static const struct span id = { (const uint8_t *)"\1\0\0\0\300\0\2\1", 8 };

static void
phase1_hashes(void **state)
{
	const struct alg_hash *h;
	uint8_t want[64], got[HASH_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		h = alg_hash_word(hashes[i]);
		put(gxi.p, gxi.len), put(gxr.p, gxr.len), put(cky_i, 8), put(cky_r, 8);
		put(sai.p, sai.len), put(id.p, id.len);
		assert_int_equal(v1_hash_i(h, SPAN_ARRAY(key), gxi, gxr, cky_i, cky_r, sai, id, got,
		    &f), 0);
		assert_span_eq(span_of(got, h->len), mac(hashes[i], SPAN_ARRAY(key), want));
		put(gxr.p, gxr.len), put(gxi.p, gxi.len), put(cky_r, 8), put(cky_i, 8);
		put(sai.p, sai.len), put(id.p, id.len);
		assert_int_equal(v1_hash_r(h, SPAN_ARRAY(key), gxi, gxr, cky_i, cky_r, sai, id, got,
		    &f), 0);
		assert_span_eq(span_of(got, h->len), mac(hashes[i], SPAN_ARRAY(key), want));
	}
}

static void
skeyid_pke(void **state)
{
	const struct alg_hash *h;
	uint8_t want[64], nonces[64];
	struct span nkey;
	struct secret got = {0};
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		h = alg_hash_word(hashes[i]);
		put(ni.p, ni.len), put(nr.p, nr.len);
		nkey = digest(hashes[i], nonces);
		put(cky_i, 8), put(cky_r, 8);
		assert_int_equal(v1_skeyid_pke(h, ni, nr, cky_i, cky_r, &got, &f), 0);
		assert_span_eq(secret_span(&got), mac(hashes[i], nkey, want));
	}
	secret_free(&got);
}

/* Appendix B: the head of SKEYID_e where that is enough, else the feedback from a zero byte. */
static void
cipher_keys(void **state)
{
	const struct alg_hash *h;
	const struct alg_enc *e;
	uint8_t all[192], block[64];
	struct span k, skeyid_e;
	struct secret got = {0};
	size_t i, j, have;

	(void)state;
	for (i = 0; i < 5; i++)
	for (j = 0; (e = alg_enc_row(j)) != NULL; j++) {
		if (e->ike == 0)
			continue;
		h = alg_hash_word(hashes[i]);
		put("whatever", 8);
		skeyid_e = mac(hashes[i], SPAN_ARRAY(key), block);
		memcpy(all, skeyid_e.p, skeyid_e.len);
		skeyid_e = span_of(all + 128, skeyid_e.len);
		memcpy(all + 128, all, skeyid_e.len);
		if (skeyid_e.len < e->key_len) {
			put("", 1);
			for (have = 0; have < e->key_len; have += k.len) {
				k = mac(hashes[i], skeyid_e, block);
				memcpy(all + have, k.p, k.len);
				put(k.p, k.len);
			}
			buf.len = 0;
		}
		assert_int_equal(v1_cipher_key(h, e, skeyid_e, &got, &f), 0);
		assert_span_eq(secret_span(&got), span_of(all, e->key_len));
	}
	secret_free(&got);
}

/* Revised public-key encryption: Ne and Ke by the same formulas, bodies there and back. */
static void
pke_keys_and_bodies(void **state)
{
	static const char *const ciphers[] = { "3des", "aes128", "aes256" };
	uint8_t block[64], all[192], iv[BLOCK_MAX], body[40], cky[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const struct alg_hash *h = alg_hash_word("sha1");
	struct secret ne = {0}, ke = {0}, out = {0}, back = {0};
	const struct alg_enc *e;
	struct span want, k;
	size_t i, n, have;

	(void)state;
	memset(body, 0xab, sizeof(body));
	put(cky, sizeof(cky));
	want = mac("sha1", ni, block);
	assert_int_equal(v1_pke_ne(h, ni, cky, &ne, &f), 0);
	assert_span_eq(secret_span(&ne), want);
	for (i = 0; i < 3; i++) {
		e = alg_enc_word(ciphers[i]);
		memcpy(all, ne.p, ne.len);
		if (ne.len < e->key_len) {
			put("", 1);
			for (have = 0; have < e->key_len; have += k.len) {
				k = mac("sha1", secret_span(&ne), block);
				memcpy(all + have, k.p, k.len);
				put(k.p, k.len);
			}
			buf.len = 0;
		}
		assert_int_equal(v1_pke_ke(h, e, secret_span(&ne), &ke, &f), 0);
		assert_span_eq(secret_span(&ke), span_of(all, e->key_len));
		for (n = 0; n <= sizeof(body); n++) {
			memset(iv, 0, sizeof(iv));
			assert_int_equal(v1_pke_encrypt(e, secret_span(&ke), iv, span_of(body, n), &out,
			    &f), 0);
			assert_int_equal(out.len, (n / e->block + 1) * e->block);
			assert_memory_equal(iv, out.p + out.len - e->block, e->block);
			memset(iv, 0, sizeof(iv));
			assert_int_equal(v1_pke_decrypt(e, secret_span(&ke), iv, secret_span(&out), &back,
			    &f), 0);
			assert_span_eq(secret_span(&back), span_of(body, n));
		}
		/* padding as RFC 2409, 5.3 wants it: zeros, then their number */
		memset(iv, 0, sizeof(iv));
		assert_int_equal(v1_pke_encrypt(e, secret_span(&ke), iv, span_of(body, 1), &out, &f), 0);
		memset(iv, 0, sizeof(iv));
		assert_int_equal(cbc_decrypt(e, secret_span(&ke), iv, out.p, out.len, &f), 0);
		for (n = 1; n + 1 < out.len; n++)
			assert_int_equal(out.p[n], 0);
		assert_int_equal(out.p[out.len - 1], out.len - 2);
		/* no whole blocks; more padding than there is payload */
		assert_int_equal(v1_pke_decrypt(e, secret_span(&ke), iv, span_of(body, 7), &back, &f), -1);
		assert_int_equal(f.code, FAULT_MALFORMED);
		assert_int_equal(v1_pke_decrypt(e, secret_span(&ke), iv, SPAN_NONE, &back, &f), -1);
		memset(out.p, 0xff, out.len);
		memset(iv, 0, sizeof(iv));
		assert_int_equal(cbc_encrypt(e, secret_span(&ke), iv, out.p, out.len, &f), 0);
		memset(iv, 0, sizeof(iv));
		assert_int_equal(v1_pke_decrypt(e, secret_span(&ke), iv, secret_span(&out), &back, &f), -1);
		assert_int_equal(f.code, FAULT_MALFORMED);
	}
	secret_free(&ne);
	secret_free(&ke);
	secret_free(&out);
	secret_free(&back);
}

static void
cipher_key_skips_weak_des(void **state)
{
	uint8_t skeyid_e[20];
	const struct alg_enc *des = alg_enc_word("des");
	struct secret got = {0};

	(void)state;
	memset(skeyid_e, 0xfe, 8);
	memcpy(skeyid_e + 8, "no, fine", 8);
	assert_int_equal(v1_cipher_key(alg_hash_word("sha1"), des, SPAN_ARRAY(skeyid_e), &got, &f),
	    0);
	assert_span_eq(secret_span(&got), span_str("no, fine"));
	memset(skeyid_e, 0xfe, sizeof(skeyid_e));
	assert_int_equal(v1_cipher_key(alg_hash_word("sha1"), des, SPAN_ARRAY(skeyid_e), &got, &f),
	    -1);
	assert_int_equal(f.code, FAULT_CRYPTO);
	secret_free(&got);
}

static void
keymat(void **state)
{
	static const uint8_t spi[4] = { 0xc0, 0xff, 0xee, 0x01 };
	static const size_t lens[] = { 1, 16, 20, 36, 64, 96, 100, V1_KEYMAT_MAX };
	const struct alg_hash *h;
	uint8_t all[V1_KEYMAT_MAX + 64], block[64];
	struct span k = SPAN_NONE, pfs;
	struct secret got = {0};
	size_t i, j, have;
	unsigned with_pfs;

	(void)state;
	for (i = 0; i < 5; i++)
	for (j = 0; j < sizeof(lens) / sizeof(lens[0]); j++)
	for (with_pfs = 0; with_pfs < 2; with_pfs++) {
		h = alg_hash_word(hashes[i]);
		pfs = with_pfs ? gxi : SPAN_NONE;
		for (have = 0; have < lens[j]; have += k.len) {
			if (have > 0)
				put(k.p, k.len);
			if (with_pfs)
				put(pfs.p, pfs.len);
			put("\3", 1), put(spi, 4), put(ni.p, ni.len), put(nr.p, nr.len);
			k = mac(hashes[i], SPAN_ARRAY(key), block);
			memcpy(all + have, k.p, k.len);
		}
		assert_int_equal(v1_keymat(h, SPAN_ARRAY(key), pfs, PROTO_ESP, spi, ni, nr, lens[j],
		    &got, &f), 0);
		assert_span_eq(secret_span(&got), span_of(all, lens[j]));
	}
	assert_int_equal(v1_keymat(h, SPAN_ARRAY(key), SPAN_NONE, PROTO_ESP, spi, ni, nr, 0, &got,
	    &f), -1);
	assert_int_equal(v1_keymat(h, SPAN_ARRAY(key), SPAN_NONE, PROTO_ESP, spi, ni, nr,
	    V1_KEYMAT_MAX + 1, &got, &f), -1);
	secret_free(&got);
}

static void
keymat_cut(void **state)
{
	uint8_t all[V1_KEYMAT_MAX];
	struct secret enc = {0}, auth = {0};
	struct esp_proposal p = {0};
	size_t i, j, enc_len, auth_len;

	(void)state;
	for (i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	for (i = 0; (p.enc = alg_enc_row(i)) != NULL; i++)
	for (j = 0; (p.integ = alg_integ_row(j)) != NULL; j++) {
		esp_key_sizes(&p, &enc_len, &auth_len);
		assert_int_equal(enc_len, p.enc->key_len + (p.enc->form == ALG_CTR ||
		    p.enc->form == ALG_AEAD ? 4 : 0));
		assert_int_equal(auth_len, p.integ->key_len);
		assert_true(enc_len + auth_len <= V1_KEYMAT_MAX);
		assert_int_equal(v1_keymat_cut(&p, span_of(all, enc_len + auth_len), &enc, &auth,
		    &f), 0);
		assert_span_eq(secret_span(&enc), span_of(all, enc_len));
		assert_span_eq(secret_span(&auth), span_of(all + enc_len, auth_len));
		assert_int_equal(v1_keymat_cut(&p, span_of(all, enc_len + auth_len + 1), &enc,
		    &auth, &f), -1);
	}
	/* An AEAD alone; AH alone; DES with a weak key */
	p = (struct esp_proposal){ .enc = alg_enc_word("aes256gcm16") };
	assert_int_equal(v1_keymat_cut(&p, span_of(all, 36), &enc, &auth, &f), 0);
	assert_int_equal(enc.len, 36);
	assert_int_equal(auth.len, 0);
	p = (struct esp_proposal){ .integ = alg_integ_word("sha1") };
	assert_int_equal(v1_keymat_cut(&p, span_of(all, 20), &enc, &auth, &f), 0);
	assert_int_equal(enc.len, 0);
	assert_int_equal(auth.len, 20);
	p = (struct esp_proposal){ .enc = alg_enc_word("des"), .integ = alg_integ_word("md5") };
	memset(all, 1, 8);
	assert_int_equal(v1_keymat_cut(&p, span_of(all, 24), &enc, &auth, &f), -1);
	assert_int_equal(f.code, FAULT_CRYPTO);
	secret_free(&enc);
	secret_free(&auth);
}

/* A result may go where an input came from: SKEYID = prf(SKEYID, ...). */
static void
in_place(void **state)
{
	const struct alg_hash *h = alg_hash_word("sha256");
	struct secret a = {0}, b = {0};

	(void)state;
	assert_int_equal(secret_set(&a, SPAN_ARRAY(key)), 0);
	assert_int_equal(prf_parts(h, secret_span(&a), &b, &ni, 1, &f), 0);
	assert_int_equal(prf_parts(h, secret_span(&a), &a, &ni, 1, &f), 0);
	assert_true(ct_eq(secret_span(&a), secret_span(&b)));
	secret_free(&a);
	secret_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(skeyid_psk), cmocka_unit_test(skeyid_sig),
		cmocka_unit_test(phase1_hashes), cmocka_unit_test(skeyid_pke),
		cmocka_unit_test(cipher_keys), cmocka_unit_test(cipher_key_skips_weak_des),
		cmocka_unit_test(pke_keys_and_bodies),
		cmocka_unit_test(keymat), cmocka_unit_test(keymat_cut), cmocka_unit_test(in_place),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
