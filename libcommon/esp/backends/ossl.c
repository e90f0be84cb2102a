/* The bulk crypto of ESP and AH by libcrypto: every suite of the registry. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/secret.h"
#include "esp/backend.h"
#include "esp/backends/hmac.h"

#define XCBC_BLOCK	16
#define XCBC_CHUNK	1024	/* bytes chained per call; a multiple of the block */

struct esp_key {
	enum alg_form	 form;
	bool		 esn, seal;
	uint8_t		 iv_len, icv_len, salt_len;
	uint8_t		 salt[4];
	EVP_CIPHER_CTX	*cipher;	/* NULL for NULL encryption */
	/* One of: */
	struct hmac	*hmac;
	EVP_CIPHER_CTX	*xcbc;		/* AES-XCBC: CBC under K1 */
	uint8_t		 k2[XCBC_BLOCK], k3[XCBC_BLOCK];
};

/* All else that libcrypto needs hangs on the keys. */
struct esp_backend_ctx {
	uint8_t		 icv[HMAC_MAX];	/* in full, before it is cut */
};

/* One block under AES-128, for the XCBC keys. */
static int
aes_block(const uint8_t key[16], uint8_t fill, uint8_t out[XCBC_BLOCK])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t in[XCBC_BLOCK];
	int n = 0, rc = -1;

	memset(in, fill, sizeof(in));
	if (c != NULL && EVP_EncryptInit_ex2(c, EVP_aes_128_ecb(), key, NULL, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(c, 0) == 1 &&
	    EVP_EncryptUpdate(c, out, &n, in, XCBC_BLOCK) == 1)
		rc = 0;
	EVP_CIPHER_CTX_free(c);
	return (rc);
}

/* K1, K2, K3 of RFC 3566 section 4. */
static int
xcbc_init(struct esp_key *k, const uint8_t key[16])
{
	uint8_t k1[XCBC_BLOCK];
	int rc = -1;

	if ((k->xcbc = EVP_CIPHER_CTX_new()) != NULL && aes_block(key, 1, k1) == 0 &&
	    aes_block(key, 2, k->k2) == 0 && aes_block(key, 3, k->k3) == 0 &&
	    EVP_EncryptInit_ex2(k->xcbc, EVP_aes_128_cbc(), k1, NULL, NULL) == 1)
		rc = 0;
	wipe(k1, sizeof(k1));
	return (rc);
}

/* The MAC over ${a} | ${b} (${b} at most 4 bytes); the last block, which may be short, is masked. */
static int
xcbc_mac(const struct esp_key *k, struct span a, struct span b, uint8_t out[XCBC_BLOCK])
{
	static const uint8_t zero[XCBC_BLOCK];
	uint8_t scrap[XCBC_CHUNK], tail[2 * XCBC_BLOCK];
	size_t whole, rest, n, i, last;
	const uint8_t *mask;

	if (EVP_EncryptInit_ex2(k->xcbc, NULL, NULL, zero, NULL) != 1)
		return (-1);
	/* The bytes in ${a}, except the last 1..16 bytes of the whole message. */
	whole = (a.len + b.len - 1) / XCBC_BLOCK * XCBC_BLOCK;
	if (whole > a.len)
		whole -= XCBC_BLOCK;
	for (i = 0; i < whole; i += n) {
		n = whole - i < sizeof(scrap) ? whole - i : sizeof(scrap);
		if (EVP_Cipher(k->xcbc, scrap, a.p + i, (unsigned)n) < 0)
			return (-1);
	}
	rest = a.len - whole + b.len;		/* 1..20 */
	memset(tail, 0, sizeof(tail));
	memcpy(tail, a.p + whole, a.len - whole);
	if (b.len > 0)
		memcpy(tail + a.len - whole, b.p, b.len);
	last = (rest - 1) / XCBC_BLOCK * XCBC_BLOCK;
	mask = rest - last == XCBC_BLOCK ? k->k2 : k->k3;
	if (rest - last < XCBC_BLOCK)
		tail[rest] = 0x80;
	for (i = 0; i < XCBC_BLOCK; i++)
		tail[last + i] ^= mask[i];
	if (EVP_Cipher(k->xcbc, scrap, tail, (unsigned)(last + XCBC_BLOCK)) < 0)
		return (-1);
	memcpy(out, scrap + last, XCBC_BLOCK);
	return (0);
}

/* The ICV over the first ${len} bytes of the packet and, with ESN, the upper half (RFC 4303, 2.2.1). */
static int
icv_make(const struct esp_key *k, const struct esp_job *j, size_t len, uint8_t out[HMAC_MAX])
{
	uint8_t hi[4];
	struct span more = span_of(hi, k->esn ? 4 : 0);

	put_be32(hi, j->seq_hi);
	return (k->xcbc != NULL ? xcbc_mac(k, span_of(j->p, len), more, out) : hmac_make(k->hmac, span_of(j->p, len), more, out));
}

/* Cipher IV of this packet: for counter forms salt | IV | 1 (RFC 3686 section 4), salt | IV. */
static void
iv_make(const struct esp_key *k, const uint8_t *p, uint8_t iv[ESP_IV_MAX])
{
	if (k->form == ALG_CBC) {
		memcpy(iv, p + ESP_HDR, k->iv_len);
		return;
	}
	memcpy(iv, k->salt, 4);
	memcpy(iv + 4, p + ESP_HDR, 8);
	put_be32(iv + 12, 1);
}

/*
 * CBC and CTR, whole blocks in one step: EVP_Cipher() knows no padding. A context that was told so by
 * EVP_CIPHER_CTX_set_padding() would be told again with each IV, by way of parameters with names.
 */
static bool
crypt_body(const struct esp_key *k, struct esp_job *j)
{
	size_t head = ESP_HDR + k->iv_len;
	uint8_t iv[ESP_IV_MAX];

	iv_make(k, j->p, iv);
	return (EVP_CipherInit_ex2(k->cipher, NULL, NULL, iv, -1, NULL) == 1 &&
	    EVP_Cipher(k->cipher, j->p + head, j->p + head, (unsigned)(j->len - head - k->icv_len)) >= 0);
}

/* A tag to be checked goes in here, one to be made comes out later. */
static bool
crypt_aead(const struct esp_key *k, struct esp_job *j)
{
	size_t head = ESP_HDR + k->iv_len, body = j->len - head - k->icv_len;
	uint8_t iv[ESP_IV_MAX], aad[12];
	int n = 0, aad_len = k->esn ? 12 : 8;

	iv_make(k, j->p, iv);
	/* SPI | sequence number, 64 bits of it with ESN (RFC 4106 section 5). */
	memcpy(aad, j->p, 4);
	put_be32(aad + 4, j->seq_hi);
	memcpy(aad + aad_len - 4, j->p + 4, 4);
	return (EVP_CipherInit_ex2(k->cipher, NULL, NULL, iv, -1, NULL) == 1 &&
	    (k->seal || EVP_CIPHER_CTX_ctrl(k->cipher, EVP_CTRL_AEAD_SET_TAG, k->icv_len, j->p + j->len - k->icv_len) == 1) &&
	    EVP_CipherUpdate(k->cipher, NULL, &n, aad, aad_len) == 1 &&
	    EVP_CipherUpdate(k->cipher, j->p + head, &n, j->p + head, (int)body) == 1);
}

static bool
aead_seal(const struct esp_key *k, struct esp_job *j)
{
	uint8_t none[ESP_IV_MAX];
	int n = 0;

	return (crypt_aead(k, j) && EVP_CipherFinal_ex(k->cipher, none, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(k->cipher, EVP_CTRL_AEAD_GET_TAG, k->icv_len,
	    j->p + j->len - k->icv_len) == 1);
}

static bool
aead_open(const struct esp_key *k, struct esp_job *j)
{
	uint8_t none[ESP_IV_MAX];
	int n = 0;

	/* libcrypto compares the tag in constant time. */
	return (crypt_aead(k, j) && EVP_CipherFinal_ex(k->cipher, none, &n) == 1);
}

static void
ossl_seal(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n)
{
	uint8_t *icv = ctx->icv;
	struct esp_job *j;
	const struct esp_key *k;

	for (j = jobs; j < jobs + n; j++) {
		k = j->key;
		if (k->form == ALG_AEAD) {
			j->ok = aead_seal(k, j);
			continue;
		}
		j->ok = k->form == ALG_NULL || crypt_body(k, j);
		if (!j->ok || k->icv_len == 0)
			continue;
		j->ok = icv_make(k, j, j->len - k->icv_len, icv) == 0;
		memcpy(j->p + j->len - k->icv_len, icv, k->icv_len);
	}
}

static void
ossl_open(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n)
{
	uint8_t *icv = ctx->icv;
	struct esp_job *j;
	const struct esp_key *k;

	for (j = jobs; j < jobs + n; j++) {
		k = j->key;
		if (k->form == ALG_AEAD) {
			j->ok = aead_open(k, j);
			continue;
		}
		j->ok = k->icv_len == 0 || (icv_make(k, j, j->len - k->icv_len, icv) == 0 &&
		    ct_eq(span_of(icv, k->icv_len), span_of(j->p + j->len - k->icv_len, k->icv_len)));
		if (j->ok && k->form != ALG_NULL)
			j->ok = crypt_body(k, j);
	}
}

static struct esp_backend_ctx *
ossl_ctx_new(struct fault *f)
{
	struct esp_backend_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for a context of libcrypto");
	return (ctx);
}

static void
ossl_ctx_free(struct esp_backend_ctx *ctx)
{
	if (ctx == NULL)
		return;
	wipe(ctx, sizeof(*ctx));
	free(ctx);
}

/* If this libcrypto lacks an algorithm (a FIPS build), ossl_key_new() fails. */
static bool
ossl_supports(const struct esp_suite *s)
{
	return (s->enc->form == ALG_NULL || s->enc->ossl != NULL);
}

static void
ossl_key_free(struct esp_key *k)
{
	if (k == NULL)
		return;
	EVP_CIPHER_CTX_free(k->cipher);
	EVP_CIPHER_CTX_free(k->xcbc);
	if (k->hmac != NULL)
		wipe(k->hmac, sizeof(*k->hmac));
	free(k->hmac);
	wipe(k, sizeof(*k));
	free(k);
}

static int
cipher_init(struct esp_key *k, const struct alg_enc *e, struct span enc)
{
	EVP_CIPHER *c;
	uint8_t des[24];
	const uint8_t *key = enc.p;
	const char *name = e->ossl;
	int rc = -1;

	if (e->legacy && e->key_len == 8) {
		/*
		 * Single DES is only in libcrypto's legacy provider; triple DES with
		 * the same key three times is the same function and in the default provider.
		 */
		memcpy(des, enc.p, 8);
		memcpy(des + 8, enc.p, 8);
		memcpy(des + 16, enc.p, 8);
		key = des;
		name = "DES-EDE3-CBC";
	}
	c = EVP_CIPHER_fetch(NULL, name, NULL);
	if (c != NULL && (k->cipher = EVP_CIPHER_CTX_new()) != NULL &&
	    EVP_CipherInit_ex2(k->cipher, c, NULL, NULL, k->seal || e->form == ALG_CTR, NULL) == 1 &&
	    (e->form != ALG_AEAD ||
	    EVP_CIPHER_CTX_ctrl(k->cipher, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) == 1) &&
	    EVP_CipherInit_ex2(k->cipher, NULL, key, NULL, -1, NULL) == 1)
		rc = 0;
	EVP_CIPHER_free(c);
	wipe(des, sizeof(des));
	return (rc);
}

static int
mac_init(struct esp_key *k, const struct alg_integ *a, struct span auth)
{
	if (a->ossl == NULL)
		return (xcbc_init(k, auth.p));
	return ((k->hmac = calloc(1, sizeof(*k->hmac))) != NULL ? hmac_init(k->hmac, a->ossl, auth) : -1);
}

static struct esp_key *
ossl_key_new(const struct esp_suite *s, struct span enc, struct span auth, bool seal,
    struct fault *f)
{
	const struct alg_enc *e = s->enc;
	struct esp_key *k;

	if (esp_suite_keys(s, enc, auth, f) != 0)
		return (NULL);
	if ((k = calloc(1, sizeof(*k))) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for an ESP key");
		return (NULL);
	}
	k->form = e->form;
	k->esn = s->esn;
	k->seal = seal;
	k->iv_len = e->iv_len;
	k->salt_len = e->salt_len;
	k->icv_len = e->form == ALG_AEAD ? e->icv_len : s->integ != NULL ? s->integ->icv_len : 0;
	if (e->salt_len == sizeof(k->salt))
		memcpy(k->salt, enc.p + e->key_len, sizeof(k->salt));
	if ((e->form != ALG_NULL && cipher_init(k, e, enc) != 0) ||
	    (s->integ != NULL && mac_init(k, s->integ, auth) != 0)) {
		(void)fault(f, FAULT_CRYPTO, "libcrypto cannot do %s%s%s", e->name,
		    s->integ != NULL ? " with " : "", s->integ != NULL ? s->integ->name : "");
		ossl_key_free(k);
		return (NULL);
	}
	return (k);
}

static const char *
ossl_version(void)
{
	return (OpenSSL_version(OPENSSL_VERSION_STRING));
}

const struct esp_backend esp_backend_ossl = {
	.name = "libcrypto",
	.version = ossl_version,
	.ctx_new = ossl_ctx_new,
	.ctx_free = ossl_ctx_free,
	.supports = ossl_supports,
	.key_new = ossl_key_new,
	.key_free = ossl_key_free,
	.seal = ossl_seal,
	.open = ossl_open,
};
