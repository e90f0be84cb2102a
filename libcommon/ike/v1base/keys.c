/* The derivations of RFC 2409: SKEYID and its family, the cipher key, HASH_I and HASH_R, KEYMAT. */
#include "ike/v1base/keys.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* prf() with a public result: it is sent or compared. */
static int
prf_public(const struct alg_hash *h, struct span key, uint8_t out[HASH_MAX],
    const struct span *parts, size_t n, struct fault *f)
{
	struct secret mac = {0};

	if (prf_parts(h, key, &mac, parts, n, f) == -1)
		return (-1);
	memcpy(out, mac.p, mac.len);
	secret_free(&mac);
	return (0);
}

int
v1_skeyid_psk(const struct alg_hash *h, struct span psk, struct span ni_b, struct span nr_b,
    struct secret *out, struct fault *f)
{
	struct span parts[] = { ni_b, nr_b };

	return (prf_parts(h, psk, out, parts, COUNT(parts), f));
}

int
v1_skeyid_sig(const struct alg_hash *h, struct span ni_b, struct span nr_b, struct span gxy,
    struct secret *out, struct fault *f)
{
	struct secret key = {0};
	int rc;

	if (secret_make(&key, ni_b.len + nr_b.len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for the nonces"));
	if (ni_b.len > 0)
		memcpy(key.p, ni_b.p, ni_b.len);
	if (nr_b.len > 0)
		memcpy(key.p + ni_b.len, nr_b.p, nr_b.len);
	rc = prf_parts(h, secret_span(&key), out, &gxy, 1, f);
	secret_free(&key);
	return (rc);
}

int
v1_skeyid_pke(const struct alg_hash *h, struct span ni_b, struct span nr_b,
    const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN], struct secret *out,
    struct fault *f)
{
	struct span nonces[] = { ni_b, nr_b };
	struct span parts[] = { span_of(cky_i, COOKIE_LEN), span_of(cky_r, COOKIE_LEN) };
	uint8_t key[HASH_MAX];
	int rc;

	/* With this method the nonces travel encrypted: their hash is a key. */
	if ((rc = hash_parts(h, key, nonces, COUNT(nonces), f)) == 0)
		rc = prf_parts(h, span_of(key, h->len), out, parts, COUNT(parts), f);
	wipe(key, sizeof(key));
	return (rc);
}

int
v1_skeyid_next(const struct alg_hash *h, enum v1_skeyid_which which, struct span skeyid,
    struct span before, struct span gxy, const uint8_t cky_i[COOKIE_LEN],
    const uint8_t cky_r[COOKIE_LEN], struct secret *out, struct fault *f)
{
	uint8_t num = (uint8_t)which;
	struct span parts[] = {
		which == V1_SKEYID_D ? SPAN_NONE : before, gxy, span_of(cky_i, COOKIE_LEN),
		span_of(cky_r, COOKIE_LEN), span_of(&num, 1),
	};

	return (prf_parts(h, skeyid, out, parts, COUNT(parts), f));
}

/*
 * ${len} bytes of K1 | K2 | ... with K1 = prf(key, ${first}), Kn = prf(key, Kn-1 | ${tail}):
 * the feedback of appendix B and of KEYMAT.
 */
static int
stretch(const struct alg_hash *h, struct span key, const struct span *first, size_t n_first,
    const struct span *tail, size_t n_tail, size_t len, struct secret *out, struct fault *f)
{
	struct secret all = {0}, k = {0};
	struct span parts[1 + 5];
	size_t have, take;
	int rc;

	if (secret_make(&all, len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a key"));
	rc = prf_parts(h, key, &k, first, n_first, f);
	for (have = 0; rc == 0; have += take) {
		take = len - have < k.len ? len - have : k.len;
		memcpy(all.p + have, k.p, take);
		if (have + take == len)
			break;
		parts[0] = secret_span(&k);
		if (n_tail > 0)
			memcpy(parts + 1, tail, n_tail * sizeof(*tail));
		rc = prf_parts(h, key, &k, parts, 1 + n_tail, f);
	}
	secret_free(&k);
	if (rc == 0)
		secret_move(out, &all);
	secret_free(&all);
	return (rc);
}

/* Of DES, the first eight bytes of SKEYID_e that make no weak key. */
static int
des_key(const struct alg_enc *enc, struct span skeyid_e, struct secret *out, struct fault *f)
{
	struct span key;
	size_t i;

	for (i = 0; i + enc->key_len <= skeyid_e.len; i += enc->key_len) {
		key = span_of(skeyid_e.p + i, enc->key_len);
		if (des_weak_key(enc, key))
			continue;
		return (secret_set(out, key) == 0 ? 0 : fault(f, FAULT_MEMORY, "no memory for a key"));
	}
	return (fault(f, FAULT_CRYPTO, "SKEYID_e holds nothing but weak keys of DES"));
}

/* The head of ${from}, or where that is too short K1 | K2 | ... with K1 = prf(from, 0). */
static int
head(const struct alg_hash *h, const struct alg_enc *enc, struct span from, struct secret *out,
    struct fault *f)
{
	static const uint8_t zero[1];
	struct span first = SPAN_ARRAY(zero);

	if (from.len < enc->key_len)
		return (stretch(h, from, &first, 1, NULL, 0, enc->key_len, out, f));
	if (secret_set(out, span_of(from.p, enc->key_len)) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for a key"));
	return (0);
}

int
v1_cipher_key(const struct alg_hash *h, const struct alg_enc *enc, struct span skeyid_e,
    struct secret *out, struct fault *f)
{
	return (enc->key_len == 8 ? des_key(enc, skeyid_e, out, f) : head(h, enc, skeyid_e, out, f));
}

int
v1_pke_ne(const struct alg_hash *h, struct span nonce_b, const uint8_t cky[COOKIE_LEN],
    struct secret *out, struct fault *f)
{
	struct span part = span_of(cky, COOKIE_LEN);

	return (prf_parts(h, nonce_b, out, &part, 1, f));
}

int
v1_pke_ke(const struct alg_hash *h, const struct alg_enc *enc, struct span ne, struct secret *out,
    struct fault *f)
{
	return (head(h, enc, ne, out, f));
}

int
v1_pke_encrypt(const struct alg_enc *enc, struct span ke, uint8_t iv[BLOCK_MAX], struct span body,
    struct secret *out, struct fault *f)
{
	/* There is always padding; its last byte is the number of padding bytes before it. */
	size_t len = (body.len / enc->block + 1) * enc->block;

	if (secret_make(out, len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a payload of %zu bytes", body.len));
	if (body.len > 0)
		memcpy(out->p, body.p, body.len);
	out->p[len - 1] = (uint8_t)(len - body.len - 1);
	return (cbc_encrypt(enc, ke, iv, out->p, len, f));
}

int
v1_pke_decrypt(const struct alg_enc *enc, struct span ke, uint8_t iv[BLOCK_MAX],
    struct span ciphertext, struct secret *out, struct fault *f)
{
	size_t pad;

	if (ciphertext.len == 0 || ciphertext.len % enc->block != 0)
		return (fault(f, FAULT_MALFORMED, "%zu encrypted bytes are no whole blocks",
		    ciphertext.len));
	if (secret_set(out, ciphertext) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for a payload"));
	if (cbc_decrypt(enc, ke, iv, out->p, out->len, f) == -1)
		return (-1);
	pad = (size_t)out->p[out->len - 1] + 1;
	if (pad > out->len) {
		secret_free(out);
		return (fault(f, FAULT_MALFORMED, "padding of %zu bytes in a payload of %zu: another key?",
		    pad, ciphertext.len));
	}
	secret_cut(out, out->len - pad);
	return (0);
}

int
v1_keys_derive(struct v1_keys *k, const struct alg_hash *h, const struct alg_enc *enc,
    struct span gxy, const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN],
    struct fault *f)
{
	struct span skeyid = secret_span(&k->skeyid);

	if (v1_skeyid_next(h, V1_SKEYID_D, skeyid, SPAN_NONE, gxy, cky_i, cky_r, &k->skeyid_d,
	    f) == -1 ||
	    v1_skeyid_next(h, V1_SKEYID_A, skeyid, secret_span(&k->skeyid_d), gxy, cky_i, cky_r,
	    &k->skeyid_a, f) == -1 ||
	    v1_skeyid_next(h, V1_SKEYID_E, skeyid, secret_span(&k->skeyid_a), gxy, cky_i, cky_r,
	    &k->skeyid_e, f) == -1 ||
	    v1_cipher_key(h, enc, secret_span(&k->skeyid_e), &k->cipher, f) == -1) {
		v1_keys_wipe(k);
		return (-1);
	}
	return (0);
}

void
v1_keys_wipe(struct v1_keys *k)
{
	secret_free(&k->skeyid);
	secret_free(&k->skeyid_d);
	secret_free(&k->skeyid_a);
	secret_free(&k->skeyid_e);
	secret_free(&k->cipher);
}

int
v1_hash_i(const struct alg_hash *h, struct span skeyid, struct span gxi, struct span gxr,
    const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN], struct span sai_b,
    struct span idii_b, uint8_t out[HASH_MAX], struct fault *f)
{
	struct span parts[] = {
		gxi, gxr, span_of(cky_i, COOKIE_LEN), span_of(cky_r, COOKIE_LEN), sai_b, idii_b,
	};

	return (prf_public(h, skeyid, out, parts, COUNT(parts), f));
}

int
v1_hash_r(const struct alg_hash *h, struct span skeyid, struct span gxi, struct span gxr,
    const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN], struct span sai_b,
    struct span idir_b, uint8_t out[HASH_MAX], struct fault *f)
{
	struct span parts[] = {
		gxr, gxi, span_of(cky_r, COOKIE_LEN), span_of(cky_i, COOKIE_LEN), sai_b, idir_b,
	};

	return (prf_public(h, skeyid, out, parts, COUNT(parts), f));
}

int
v1_keymat(const struct alg_hash *h, struct span skeyid_d, struct span gqmxy, uint8_t protocol,
    const uint8_t spi[4], struct span ni_b, struct span nr_b, size_t len, struct secret *out,
    struct fault *f)
{
	struct span parts[] = { gqmxy, span_of(&protocol, 1), span_of(spi, 4), ni_b, nr_b };

	if (len == 0 || len > V1_KEYMAT_MAX)
		return (fault(f, FAULT_CRYPTO, "KEYMAT of %zu bytes", len));
	return (stretch(h, skeyid_d, parts, COUNT(parts), parts, COUNT(parts), len, out, f));
}

void
esp_key_sizes(const struct esp_proposal *p, size_t *enc_len, size_t *auth_len)
{
	*enc_len = p->enc != NULL ? (size_t)p->enc->key_len + p->enc->salt_len : 0;
	*auth_len = p->integ != NULL ? p->integ->key_len : 0;
}

int
v1_keymat_cut(const struct esp_proposal *p, struct span keymat, struct secret *enc,
    struct secret *auth, struct fault *f)
{
	size_t enc_len, auth_len;

	esp_key_sizes(p, &enc_len, &auth_len);
	if (keymat.len != enc_len + auth_len)
		return (fault(f, FAULT_CRYPTO, "KEYMAT of %zu bytes where %zu are needed",
		    keymat.len, enc_len + auth_len));
	if (p->enc != NULL && des_weak_key(p->enc, span_of(keymat.p, enc_len)))
		return (fault(f, FAULT_CRYPTO, "KEYMAT came out as a weak key of DES"));
	if (secret_set(enc, span_of(keymat.p, enc_len)) == -1 ||
	    secret_set(auth, span_of(keymat.p + enc_len, auth_len)) == -1) {
		secret_free(enc);
		secret_free(auth);
		return (fault(f, FAULT_MEMORY, "no memory for a key"));
	}
	return (0);
}
