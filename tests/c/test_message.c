/* ike/v1base/message: messages sealed and opened, IVs and hashes, beside Python's and libcrypto's own. */
#include "vectors.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/secret.h"
#include "ike/v1base/message.h"

static struct fault f;
static const char *const hashes[] = { "md5", "sha1", "sha256", "sha384", "sha512" };

static const uint8_t skeyid_a[20] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
};
static const uint8_t ka[32] = {
	0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f,
	0x51, 0x5a, 0x63, 0x6c, 0x75, 0x7e, 0x87, 0x90, 0x99, 0xa2, 0xab, 0xb4, 0xbd, 0xc6, 0xcf, 0xd8,
};
static const uint8_t last[BLOCK_MAX] = {
	0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,
};
static const struct isakmp_hdr hdr = {
	.cky_i = "initiato", .cky_r = "responde", .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_INFO,
	.mid = 0xc0ffee01,
};
static const struct span ni = { (const uint8_t *)"nonce of i", 10 };
static const struct span nr = { (const uint8_t *)"nonce of the r", 14 };
static const struct v1_hash_n one = { .n = 1 };

/* Made with Python's hmac, hashlib and cryptography: SHA-1, AES-128, R-U-THERE. */
static const char known_rest[] = "000000200000000101108d28101112131415161718191a1b1c1d1e1f00000007";
static const char known_message[] =
    "696e69746961746f726573706f6e646508100501c0ffee010000005c54706d02fd3edc2db2d4bd462b975631"
    "fd10d04a5d96ce532179d2883fd516541f31c0df9a4e4ebcec48467293504271829b8a0ef3766d17dbede9ba1bac1352";
static const struct { const char *hash; unsigned n; const char *value; } known_hashes[] = {
	{ "sha512", 1, "171bd9eb5df60d28c79ed13b1da1c2a67f7f861457ed88efccdbb742cd684cb9"
	    "e4b79c64574e1cb070373d9a744030be672593a9cd60b4de7a3b59fdbeaf116f" },
	{ "sha256", 2, "154f1b3e02c7474b40a9f57fa7d013f3d039113ffd5d63c86cdd03d435dac9f6" },
	{ "md5", 3, "850891ede0809b1a3840f471d69b7532" },
};

static struct v1_message_keys
keys(const struct alg_hash *h, const struct alg_enc *e)
{
	return ((struct v1_message_keys){
		.hash = h, .enc = e, .cipher = span_of(ka, e->key_len), .skeyid_a = SPAN_ARRAY(skeyid_a),
	});
}

/* The next cipher that phase 1 may use; NULL after the last. */
static const struct alg_enc *
cipher(size_t *at)
{
	const struct alg_enc *e;

	while ((e = alg_enc_row((*at)++)) != NULL && e->ike == 0)
		;
	return (e);
}

/* HASH(n), a nonce of ${len} bytes; sealed into ${buf}. */
static struct span
make(const struct v1_message_keys *k, const struct v1_hash_n *of, size_t len, uint8_t iv[BLOCK_MAX],
    uint8_t buf[512])
{
	static const uint8_t nonce[256];
	struct isakmp_builder b;
	struct span message;

	isakmp_begin(&b, buf, 512, &hdr);
	v1_message_hash_put(k, &b);
	isakmp_payload_put(&b, PAYLOAD_NONCE, span_of(nonce, len));
	assert_int_equal(v1_message_hash_fill(k, of, &b, &f), 0);
	assert_int_equal(v1_message_seal(k, iv, &b, &message, &f), 0);
	return (message);
}

static enum v1_opened
open_it(const struct v1_message_keys *k, struct span message, uint8_t iv[BLOCK_MAX], uint8_t *plain,
    struct isakmp_msg *m)
{
	assert_int_equal(isakmp_msg_get(m, message, &f), 0);
	return (v1_message_open(k, iv, m, plain, &f));
}

/* --- against others --- */

static void
known_notify(void **state)
{
	const struct v1_message_keys k = keys(alg_hash_word("sha1"), alg_enc_word("aes128"));
	static struct vec rest, want;
	uint8_t iv[BLOCK_MAX], buf[512], plain[512];
	struct isakmp_builder b;
	struct isakmp_msg m;
	struct span message;

	(void)state;
	vec_hex(&rest, known_rest);
	vec_hex(&want, known_message);
	isakmp_begin(&b, buf, sizeof(buf), &hdr);
	v1_message_hash_put(&k, &b);
	isakmp_payload_put(&b, PAYLOAD_N, span_of(rest.b + 4, rest.len - 4));
	assert_int_equal(v1_message_hash_fill(&k, &one, &b, &f), 0);
	assert_int_equal(v1_message_iv(k.hash, k.enc, last, hdr.mid, iv, &f), 0);
	assert_int_equal(v1_message_seal(&k, iv, &b, &message, &f), 0);
	assert_span_eq(message, vec_span(&want));
	assert_memory_equal(iv, want.b + want.len - BLOCK_MAX, BLOCK_MAX);

	assert_int_equal(v1_message_iv(k.hash, k.enc, last, hdr.mid, iv, &f), 0);
	assert_int_equal(open_it(&k, vec_span(&want), iv, plain, &m), V1_OPENED);
	assert_int_equal(m.n, 2);
	assert_span_eq(m.pl[1].raw, vec_span(&rest));
	assert_int_equal(m.trailer.len, 8);
	assert_int_equal(v1_message_hash_verify(&k, &one, &m, &f), 0);
	assert_memory_equal(iv, want.b + want.len - BLOCK_MAX, BLOCK_MAX);
}

static void
known_hash_n(void **state)
{
	static struct vec rest, want;
	uint8_t got[HASH_MAX];
	size_t i;

	(void)state;
	vec_hex(&rest, known_rest);
	for (i = 0; i < sizeof(known_hashes) / sizeof(known_hashes[0]); i++) {
		const struct v1_message_keys k = keys(alg_hash_word(known_hashes[i].hash),
		    alg_enc_word("aes128"));
		const struct v1_hash_n of = { known_hashes[i].n, ni, nr };

		vec_hex(&want, known_hashes[i].value);
		assert_int_equal(v1_message_hash(&k, &of, hdr.mid, vec_span(&rest), got, &f), 0);
		assert_span_eq(span_of(got, k.hash->len), vec_span(&want));
	}
}

/* One buffer for an independent computation. */
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
mac(const char *hash, uint8_t out[64])
{
	unsigned len = 0;

	assert_non_null(HMAC(EVP_get_digestbyname(hash), skeyid_a, sizeof(skeyid_a), buf.b, buf.len, out,
	    &len));
	buf.len = 0;
	return (span_of(out, len));
}

static void
digest(const char *hash, uint8_t out[64])
{
	assert_int_equal(EVP_Digest(buf.b, buf.len, out, NULL, EVP_get_digestbyname(hash), NULL), 1);
	buf.len = 0;
}

static void
hash_n(void **state)
{
	static const uint8_t mid[] = { 0xde, 0xad, 0xbe, 0xef };
	const struct span rest = span_str("payloads behind HASH");
	const struct v1_hash_n n1 = { 1, ni, nr }, n2 = { 2, ni, nr }, n3 = { 3, ni, nr };
	uint8_t want[64], got[HASH_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		const struct v1_message_keys k = keys(alg_hash_word(hashes[i]), alg_enc_word("aes128"));

		put(mid, 4), put(rest.p, rest.len);
		assert_int_equal(v1_message_hash(&k, &n1, 0xdeadbeef, rest, got, &f), 0);
		assert_span_eq(span_of(got, k.hash->len), mac(hashes[i], want));
		put(mid, 4), put(ni.p, ni.len), put(rest.p, rest.len);
		assert_int_equal(v1_message_hash(&k, &n2, 0xdeadbeef, rest, got, &f), 0);
		assert_span_eq(span_of(got, k.hash->len), mac(hashes[i], want));
		put("", 1), put(mid, 4), put(ni.p, ni.len), put(nr.p, nr.len);
		assert_int_equal(v1_message_hash(&k, &n3, 0xdeadbeef, rest, got, &f), 0);
		assert_span_eq(span_of(got, k.hash->len), mac(hashes[i], want));
	}
}

static void
ivs(void **state)
{
	static const uint8_t mid[] = { 0, 0, 1, 2 };
	const struct span gxi = span_str("public of the initiator"), gxr = span_str("the other one");
	const struct alg_hash *h;
	const struct alg_enc *e;
	uint8_t want[64], iv[BLOCK_MAX];
	size_t i, j;

	(void)state;
	for (i = 0; i < 5; i++)
		for (j = 0; (e = cipher(&j)) != NULL;) {
			h = alg_hash_word(hashes[i]);
			put(gxi.p, gxi.len), put(gxr.p, gxr.len);
			assert_int_equal(v1_phase1_iv(h, e, gxi, gxr, iv, &f), 0);
			digest(hashes[i], want);
			assert_memory_equal(iv, want, e->block);
			put(last, e->block), put(mid, 4);
			assert_int_equal(v1_message_iv(h, e, last, 0x102, iv, &f), 0);
			digest(hashes[i], want);
			assert_memory_equal(iv, want, e->block);
			assert_int_equal(v1_next_iv(e, span_of(ka, 24), iv, &f), 0);
			assert_memory_equal(iv, ka + 24 - e->block, e->block);
			assert_int_equal(v1_next_iv(e, span_of(ka, e->block - 1U), iv, &f), -1);
			assert_int_equal(f.code, FAULT_MALFORMED);
		}
}

/* CBC of the whole message by libcrypto itself. */
static void
encrypt_again(const struct alg_enc *e, const uint8_t iv[BLOCK_MAX], const uint8_t *plain, size_t len,
    uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	assert_non_null(ctx);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_get_cipherbyname(e->ossl), NULL, ka, iv), 1);
	assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, out, &n, plain, (int)len), 1);
	assert_int_equal(n, (int)len);
	EVP_CIPHER_CTX_free(ctx);
}

/* --- there and back --- */

/* Three messages of every length around a block: the same bytes as libcrypto's, and both ends' IVs move alike. */
static void
seal_and_open(void **state)
{
	const struct alg_enc *e;
	uint8_t out[BLOCK_MAX], in[BLOCK_MAX], was[BLOCK_MAX], sent[512], plain[512], again[512];
	struct isakmp_msg m;
	struct span message;
	size_t i, len, body;
	unsigned n, tried = 0;

	(void)state;
	for (i = 0; (e = cipher(&i)) != NULL;) {
		const struct v1_message_keys k = keys(alg_hash_word("sha256"), e);

		memcpy(out, last, BLOCK_MAX);
		memcpy(in, last, BLOCK_MAX);
		for (len = 8; len < 8 + 2 * BLOCK_MAX; len++)
			for (n = 1; n <= 3; n++) {
				const struct v1_hash_n of = { n, ni, nr };

				memcpy(was, out, BLOCK_MAX);
				message = make(&k, &of, len, out, sent);
				body = message.len - ISAKMP_HDR_LEN;
				assert_int_equal(body % e->block, 0);
				assert_true(body - (36 + 4 + len) < e->block);
				assert_int_equal(sent[19], ISAKMP_FLAG_ENCRYPTED);
				assert_int_equal(open_it(&k, message, in, plain, &m), V1_OPENED);
				assert_int_equal(m.n, 2);
				assert_int_equal(m.pl[1].body.len, len);
				assert_int_equal(m.trailer.len, body - (36 + 4 + len));
				assert_int_equal(v1_message_hash_verify(&k, &of, &m, &f), 0);
				assert_memory_equal(in, out, e->block);
				if (e->key_len > 8) {	/* single DES is in the legacy provider */
					encrypt_again(e, was, plain, body, again);
					assert_memory_equal(again, sent + ISAKMP_HDR_LEN, body);
				}
				tried++;
			}
	}
	assert_true(tried > 100);
}

static void
seal_without_room(void **state)
{
	const struct v1_message_keys k = keys(alg_hash_word("sha1"), alg_enc_word("aes128"));
	uint8_t out[512], iv[BLOCK_MAX] = {0};
	struct isakmp_builder b;
	struct span message;
	size_t cap, fits = 0;
	int filled;

	(void)state;
	for (cap = 0; cap <= 96; cap++) {
		memset(out, 0xee, sizeof(out));
		isakmp_begin(&b, out, cap, &hdr);
		v1_message_hash_put(&k, &b);
		isakmp_payload_put(&b, PAYLOAD_NONCE, span_of(last, 16));
		/* Header 28, HASH 24, nonce 20: 72 bytes; padded 76. */
		filled = v1_message_hash_fill(&k, &one, &b, &f);
		assert_int_equal(filled, cap < 72 ? -1 : 0);
		if (filled == -1)
			assert_int_equal(f.code, FAULT_TOO_LARGE);
		if (v1_message_seal(&k, iv, &b, &message, &f) == 0)
			fits++;
		else
			assert_int_equal(f.code, FAULT_TOO_LARGE);
		assert_int_equal(out[cap], 0xee);
	}
	assert_int_equal(fits, 96 - 76 + 1);
}

/* --- what is wrong --- */

/* Cut at every byte: only whole blocks are decrypted, and only then does the IV move. */
static void
every_truncation(void **state)
{
	const struct v1_message_keys k = keys(alg_hash_word("sha256"), alg_enc_word("aes256"));
	uint8_t iv[BLOCK_MAX], sent[512], plain[512];
	struct isakmp_msg m;
	struct span message;
	size_t len, opened = 0;
	enum v1_opened how;

	(void)state;
	memcpy(iv, last, BLOCK_MAX);
	message = make(&k, &one, 100, iv, sent);
	for (len = ISAKMP_HDR_LEN; len <= message.len; len++) {
		size_t body = len - ISAKMP_HDR_LEN;

		put_be32(sent + 24, (uint32_t)len);
		memcpy(iv, last, BLOCK_MAX);
		f = (struct fault){0};
		how = open_it(&k, span_of(sent, len), iv, plain, &m);
		if (body == 0 || body % BLOCK_MAX != 0) {
			assert_int_equal(how, V1_UNDECRYPTED);
			assert_memory_equal(iv, last, BLOCK_MAX);
		} else
			assert_memory_equal(iv, sent + len - BLOCK_MAX, BLOCK_MAX);
		if (how == V1_OPENED) {
			opened++;
			continue;
		}
		assert_int_equal(m.n, 0);
		assert_int_equal(f.code, FAULT_MALFORMED);
	}
	/* The last payload is only there in the whole message. */
	assert_int_equal(opened, 1);
}

static void
other_keys(void **state)
{
	struct v1_message_keys k = keys(alg_hash_word("sha256"), alg_enc_word("aes128"));
	uint8_t iv[BLOCK_MAX], sent[512], plain[512];
	struct isakmp_msg m;
	struct span message;

	(void)state;
	memcpy(iv, last, BLOCK_MAX);
	message = make(&k, &one, 32, iv, sent);
	k.cipher = span_of(ka + 1, 16);
	memcpy(iv, last, BLOCK_MAX);
	assert_int_equal(open_it(&k, message, iv, plain, &m), V1_NONSENSE);
	assert_int_equal(m.n, 0);
	assert_memory_equal(iv, message.p + message.len - BLOCK_MAX, BLOCK_MAX);
	k.cipher = span_of(ka, 15);
	memcpy(iv, last, BLOCK_MAX);
	assert_int_equal(open_it(&k, message, iv, plain, &m), V1_UNDECRYPTED);
	assert_int_equal(f.code, FAULT_CRYPTO);
}

/* Each bit that the hash covers, those of the hash itself, the message ID and the nonces. */
static void
wrong_hash(void **state)
{
	const struct v1_message_keys k = keys(alg_hash_word("sha1"), alg_enc_word("aes128"));
	struct v1_hash_n of = { 2, ni, SPAN_NONE };
	uint8_t iv[BLOCK_MAX], sent[512], plain[512];
	struct isakmp_msg m;
	struct span message;
	size_t bit, end;

	(void)state;
	memcpy(iv, last, BLOCK_MAX);
	message = make(&k, &of, 33, iv, sent);
	memcpy(iv, last, BLOCK_MAX);
	assert_int_equal(open_it(&k, message, iv, plain, &m), V1_OPENED);
	assert_int_equal(v1_message_hash_verify(&k, &of, &m, &f), 0);
	assert_true(m.trailer.len > 0);
	end = (size_t)(m.trailer.p - plain);
	for (bit = 0; bit < 8 * end; bit++) {
		if (bit < 8 * ISAKMP_PAYLOAD_HDR_LEN)	/* the header of HASH is not covered */
			continue;
		plain[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(v1_message_hash_verify(&k, &of, &m, &f), -1);
		assert_int_equal(f.code, FAULT_MALFORMED);
		plain[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	plain[end] ^= 1;	/* padding is not covered */
	assert_int_equal(v1_message_hash_verify(&k, &of, &m, &f), 0);
	m.hdr.mid ^= 1;
	assert_int_equal(v1_message_hash_verify(&k, &of, &m, &f), -1);
	m.hdr.mid ^= 1;
	of.ni_b = nr;
	assert_int_equal(v1_message_hash_verify(&k, &of, &m, &f), -1);
	of.ni_b = ni;
	m.pl[0].body.len--;
	assert_int_equal(v1_message_hash_verify(&k, &of, &m, &f), -1);
	m.pl[0].type = PAYLOAD_NONCE;
	assert_int_equal(v1_message_hash_verify(&k, &of, &m, &f), -1);
	assert_non_null(strstr(f.what, "does not begin with"));
	m.n = 0;
	assert_int_equal(v1_message_hash_verify(&k, &of, &m, &f), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_notify), cmocka_unit_test(known_hash_n), cmocka_unit_test(hash_n),
		cmocka_unit_test(ivs), cmocka_unit_test(seal_and_open), cmocka_unit_test(seal_without_room),
		cmocka_unit_test(every_truncation), cmocka_unit_test(other_keys), cmocka_unit_test(wrong_hash),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
