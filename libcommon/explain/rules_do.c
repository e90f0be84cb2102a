/* The computations of the rules: calls of the functions that the negotiation calls. */
#include "explain/rules.h"

#include "ike/v1base/keys.h"
#include "ike/v1base/message.h"
#include "ike/v1base/natd.h"

static struct span
in(const struct calc *c, enum val v)
{
	return (secret_span(&c->v[v]));
}

static uint32_t
mid(const struct calc *c)
{
	return (get_be32(c->v[V_MID].p));
}

/* Copies a digest, which is in plain memory, into a value. */
static int
keep(struct secret *out, const uint8_t *digest, size_t len, struct fault *f)
{
	return (secret_set(out, span_of(digest, len)) == 0 ? 0 :
	    fault(f, FAULT_MEMORY, "no memory for a result"));
}

int
do_private(const struct calc *c, struct secret *out, struct fault *f)
{
	struct dh *d = dh_new(c->group, &c->rand, f);
	int rc = d != NULL ? dh_private(d, out, f) : -1;

	dh_free(d);
	return (rc);
}

static int
public_of(const struct calc *c, enum val private, struct secret *out, struct fault *f)
{
	struct dh *d = dh_from_private(c->group, in(c, private), f);
	int rc = d != NULL ? keep(out, dh_public(d).p, dh_public(d).len, f) : -1;

	dh_free(d);
	return (rc);
}

int
do_gx(const struct calc *c, struct secret *out, struct fault *f)
{
	return (public_of(c, V_PRIVATE, out, f));
}

int
do_gy(const struct calc *c, struct secret *out, struct fault *f)
{
	return (public_of(c, V_PEER_PRIVATE, out, f));
}

int
do_number_gx(const struct calc *c, struct secret *out, struct fault *f)
{
	return (dh_number_power(in(c, V_GENERATOR), in(c, V_PRIVATE), in(c, V_PRIME), out, f));
}

int
do_number_gy(const struct calc *c, struct secret *out, struct fault *f)
{
	return (dh_number_power(in(c, V_GENERATOR), in(c, V_PEER_PRIVATE), in(c, V_PRIME), out, f));
}

int
do_number_gxy(const struct calc *c, struct secret *out, struct fault *f)
{
	return (dh_number_power(in(c, V_PUBLIC), in(c, V_PRIVATE), in(c, V_PRIME), out, f));
}

int
do_gxy(const struct calc *c, struct secret *out, struct fault *f)
{
	struct dh *d = dh_from_private(c->group, in(c, V_PRIVATE), f);
	int rc = d != NULL ? dh_shared(d, in(c, V_PUBLIC), out, f) : -1;

	dh_free(d);
	return (rc);
}

int
do_skeyid_psk(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_skeyid_psk(c->hash, in(c, V_PSK), in(c, V_NI), in(c, V_NR), out, f));
}

int
do_skeyid_sig(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_skeyid_sig(c->hash, in(c, V_NI), in(c, V_NR), in(c, V_GXY), out, f));
}

int
do_skeyid_pke(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_skeyid_pke(c->hash, in(c, V_NI), in(c, V_NR), c->v[V_CKY_I].p,
	    c->v[V_CKY_R].p, out, f));
}

int
do_skeyid_d(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_skeyid_next(c->hash, V1_SKEYID_D, in(c, V_SKEYID), SPAN_NONE, in(c, V_GXY),
	    c->v[V_CKY_I].p, c->v[V_CKY_R].p, out, f));
}

int
do_skeyid_a(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_skeyid_next(c->hash, V1_SKEYID_A, in(c, V_SKEYID), in(c, V_SKEYID_D),
	    in(c, V_GXY), c->v[V_CKY_I].p, c->v[V_CKY_R].p, out, f));
}

int
do_skeyid_e(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_skeyid_next(c->hash, V1_SKEYID_E, in(c, V_SKEYID), in(c, V_SKEYID_A),
	    in(c, V_GXY), c->v[V_CKY_I].p, c->v[V_CKY_R].p, out, f));
}

int
do_ka(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_cipher_key(c->hash, c->enc, in(c, V_SKEYID_E), out, f));
}

/* RFC 4754 section 3: the method of ECDSA names its own. */
static const struct alg_hash *
hash_of(const struct calc *c)
{
	return (c->auth_hash != NULL ? c->auth_hash : c->hash);
}

int
do_hash_i(const struct calc *c, struct secret *out, struct fault *f)
{
	uint8_t h[HASH_MAX];

	if (v1_hash_i(hash_of(c), in(c, V_SKEYID), in(c, V_GXI), in(c, V_GXR), c->v[V_CKY_I].p,
	    c->v[V_CKY_R].p, in(c, V_SAI), in(c, V_IDI), h, f) == -1)
		return (-1);
	return (keep(out, h, hash_of(c)->len, f));
}

int
do_hash_r(const struct calc *c, struct secret *out, struct fault *f)
{
	uint8_t h[HASH_MAX];

	if (v1_hash_r(hash_of(c), in(c, V_SKEYID), in(c, V_GXI), in(c, V_GXR), c->v[V_CKY_I].p,
	    c->v[V_CKY_R].p, in(c, V_SAI), in(c, V_IDR), h, f) == -1)
		return (-1);
	return (keep(out, h, hash_of(c)->len, f));
}

static int
hash_n(const struct calc *c, unsigned n, struct secret *out, struct fault *f)
{
	const struct v1_message_keys k = { .hash = c->hash, .skeyid_a = in(c, V_SKEYID_A) };
	const struct v1_hash_n of = { .n = n, .ni_b = in(c, V_NI), .nr_b = in(c, V_NR) };
	uint8_t h[HASH_MAX];

	if (v1_message_hash(&k, &of, mid(c), in(c, V_MESSAGE), h, f) == -1)
		return (-1);
	return (keep(out, h, c->hash->len, f));
}

int
do_hash1(const struct calc *c, struct secret *out, struct fault *f)
{
	return (hash_n(c, 1, out, f));
}

int
do_hash2(const struct calc *c, struct secret *out, struct fault *f)
{
	return (hash_n(c, 2, out, f));
}

int
do_hash3(const struct calc *c, struct secret *out, struct fault *f)
{
	return (hash_n(c, 3, out, f));
}

int
do_iv_phase1(const struct calc *c, struct secret *out, struct fault *f)
{
	uint8_t iv[BLOCK_MAX];

	if (v1_phase1_iv(c->hash, c->enc, in(c, V_GXI), in(c, V_GXR), iv, f) == -1)
		return (-1);
	return (keep(out, iv, c->enc->block, f));
}

int
do_iv_message(const struct calc *c, struct secret *out, struct fault *f)
{
	uint8_t iv[BLOCK_MAX], last[BLOCK_MAX] = {0};

	if (c->v[V_LAST].len != c->enc->block)
		return (fault(f, FAULT_USAGE, "--last: a block of %s has %u bytes, not %zu",
		    c->enc->word, c->enc->block, c->v[V_LAST].len));
	memcpy(last, c->v[V_LAST].p, c->v[V_LAST].len);
	if (v1_message_iv(c->hash, c->enc, last, mid(c), iv, f) == -1)
		return (-1);
	return (keep(out, iv, c->enc->block, f));
}

int
do_iv_chain(const struct calc *c, struct secret *out, struct fault *f)
{
	struct span v = in(c, V_PREVIOUS);
	uint8_t iv[BLOCK_MAX];

	if (v.len % c->enc->block != 0)
		return (fault(f, FAULT_USAGE, "--previous: %zu bytes are no whole blocks of %s", v.len,
		    c->enc->word));
	if (v1_next_iv(c->enc, v, iv, f) == -1)
		return (-1);
	return (keep(out, iv, c->enc->block, f));
}

int
do_last_block(const struct calc *c, struct secret *out, struct fault *f)
{
	uint8_t iv[BLOCK_MAX];

	if (v1_next_iv(c->enc, in(c, V_CIPHERTEXT), iv, f) == -1)
		return (-1);
	return (keep(out, iv, c->enc->block, f));
}

int
do_plaintext(const struct calc *c, struct secret *out, struct fault *f)
{
	const struct v1_message_keys k = { .enc = c->enc, .cipher = in(c, V_KA) };
	struct span v = in(c, V_CIPHERTEXT);
	uint8_t iv[BLOCK_MAX];

	memcpy(iv, c->v[V_IV].p, c->enc->block);
	if (secret_make(out, v.len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a message"));
	return (v1_message_decrypt(&k, iv, v, out->p, f));
}

/* ---- public-key encryption, revised */

int
do_ne_i(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_pke_ne(c->hash, in(c, V_NI), c->v[V_CKY_I].p, out, f));
}

int
do_ne_r(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_pke_ne(c->hash, in(c, V_NR), c->v[V_CKY_R].p, out, f));
}

int
do_ke_i(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_pke_ke(c->hash, c->enc, in(c, V_NE_I), out, f));
}

int
do_ke_r(const struct calc *c, struct secret *out, struct fault *f)
{
	return (v1_pke_ke(c->hash, c->enc, in(c, V_NE_R), out, f));
}

int
do_hash_cert(const struct calc *c, struct secret *out, struct fault *f)
{
	struct span cert = in(c, V_CERT);
	uint8_t h[HASH_MAX];

	if (hash_parts(c->hash, h, &cert, 1, f) == -1)
		return (-1);
	return (keep(out, h, c->hash->len, f));
}

/* Encrypts or decrypts a body with Ke_i or Ke_r; --previous ends with the IV. */
static int
pke_crypt(const struct calc *c, enum val ke, bool encrypt, struct secret *out, struct fault *f)
{
	uint8_t iv[BLOCK_MAX] = {0};

	if (c->has[V_PREVIOUS] && c->v[V_PREVIOUS].len % c->enc->block != 0)
		return (fault(f, FAULT_USAGE, "--previous: %zu bytes are no whole blocks of %s",
		    c->v[V_PREVIOUS].len, c->enc->word));
	if (c->has[V_PREVIOUS])
		memcpy(iv, c->v[V_PREVIOUS].p + c->v[V_PREVIOUS].len - c->enc->block, c->enc->block);
	return (encrypt ? v1_pke_encrypt(c->enc, in(c, ke), iv, in(c, V_BODY), out, f) :
	    v1_pke_decrypt(c->enc, in(c, ke), iv, in(c, V_CIPHERTEXT), out, f));
}

int
do_ciphertext_i(const struct calc *c, struct secret *out, struct fault *f)
{
	return (pke_crypt(c, V_KE_I, true, out, f));
}

int
do_ciphertext_r(const struct calc *c, struct secret *out, struct fault *f)
{
	return (pke_crypt(c, V_KE_R, true, out, f));
}

int
do_body_i(const struct calc *c, struct secret *out, struct fault *f)
{
	return (pke_crypt(c, V_KE_I, false, out, f));
}

int
do_body_r(const struct calc *c, struct secret *out, struct fault *f)
{
	return (pke_crypt(c, V_KE_R, false, out, f));
}

int
do_keymat(const struct calc *c, struct secret *out, struct fault *f)
{
	size_t len = c->keymat_len, enc_len, auth_len;

	esp_key_sizes(&c->esp, &enc_len, &auth_len);
	if (len == 0)
		len = enc_len + auth_len;
	if (len == 0)
		len = c->hash->len;
	return (v1_keymat(c->hash, in(c, V_SKEYID_D), in(c, V_GXY), c->v[V_PROTOCOL].p[0],
	    c->v[V_SPI].p, in(c, V_NI), in(c, V_NR), len, out, f));
}

/* Cuts KEYMAT into both keys; each rule keeps one. */
static int
cut(const struct calc *c, struct secret *enc, struct secret *auth, struct fault *f)
{
	struct secret other = {0};
	int rc;

	rc = v1_keymat_cut(&c->esp, in(c, V_KEYMAT), enc != NULL ? enc : &other,
	    auth != NULL ? auth : &other, f);
	secret_free(&other);
	return (rc);
}

int
do_enc_key(const struct calc *c, struct secret *out, struct fault *f)
{
	return (cut(c, out, NULL, f));
}

int
do_auth_key(const struct calc *c, struct secret *out, struct fault *f)
{
	return (cut(c, NULL, out, f));
}

int
do_nat_d(const struct calc *c, struct secret *out, struct fault *f)
{
	struct endpoint e = {
		.addr = addr_make(c->v[V_IP].len == 4 ? 4 : 6, c->v[V_IP].p),
		.port = get_be16(c->v[V_PORT].p),
	};
	uint8_t h[HASH_MAX];

	if (natd_hash(c->hash, c->v[V_CKY_I].p, c->v[V_CKY_R].p, &e, h, f) == -1)
		return (-1);
	return (keep(out, h, c->hash->len, f));
}

int
do_cookie_random(const struct calc *c, struct secret *out, struct fault *f)
{
	uint8_t cookie[COOKIE_LEN];

	if (c->rand.fill(c->rand.state, cookie, sizeof(cookie)) == -1)
		return (fault(f, FAULT_CRYPTO, "the random source failed"));
	return (keep(out, cookie, sizeof(cookie), f));
}

int
do_cookie(const struct calc *c, struct secret *out, struct fault *f)
{
	struct span parts[] = {
		in(c, V_IP), in(c, V_PEER_IP), in(c, V_PORT), in(c, V_PEER_PORT), in(c, V_TIME),
		in(c, V_SECRET),
	};
	uint8_t h[HASH_MAX];

	if (hash_parts(c->hash, h, parts, sizeof(parts) / sizeof(parts[0]), f) == -1)
		return (-1);
	return (keep(out, h, COOKIE_LEN, f));
}

int
do_vid(const struct calc *c, struct secret *out, struct fault *f)
{
	struct span text = in(c, V_TEXT);
	uint8_t h[HASH_MAX];

	if (hash_parts(c->hash, h, &text, 1, f) == -1)
		return (-1);
	return (keep(out, h, c->hash->len, f));
}
