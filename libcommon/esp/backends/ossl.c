/*
 * The bulk crypto of ESP and AH by libcrypto: every suite of the registry. Its contexts have some 600 bytes to 1 KB for each
 * key, so they are in slots of the worker: of the keys that it used lately.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/secret.h"
#include "esp/backends/key.h"
#include "esp/backends/key_slots.h"

#define XCBC_CHUNK	1024	/* bytes chained per call; a multiple of the block */
#define SLOTS		512	/* of a worker; a power of two */
#define ROWS		32	/* of the registry, or more */

struct slot {
	EVP_CIPHER_CTX	*cipher;	/* NULL: none yet */
	const EVP_CIPHER *is;		/* what it was made for */
	EVP_CIPHER_CTX	*xcbc;		/* AES-XCBC: CBC under K1 */
} __attribute__((aligned(64)));

struct esp_backend_ctx {
	uint8_t		 icv[HMAC_MAX];	/* in full, before it is cut */
	struct key_slots	 slots;
};

/* ---- algorithms of libcrypto, each fetched once: that takes longer than all else of a new key */

static pthread_mutex_t fetch_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(EVP_CIPHER *) fetched[ROWS];

/* Single DES is only in libcrypto's legacy provider. Triple DES with the same key three times is the same function. */
static bool
is_des(const struct alg_enc *e)
{
	return (e->legacy && e->key_len == 8);
}

static bool
direction(const struct esp_key *k)
{
	return (k->seal || k->form == ALG_CTR);
}

/* Prepares ${c} for keys of ${cipher}. */
static bool
prepare(EVP_CIPHER_CTX *c, const EVP_CIPHER *cipher, bool aead)
{
	return (EVP_CipherInit_ex2(c, cipher, NULL, NULL, 1, NULL) == 1 &&
	    (!aead || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) == 1));
}

static bool
set_key(EVP_CIPHER_CTX *c, const struct alg_enc *e, const uint8_t *key, bool encrypt)
{
	uint8_t des[24];
	bool ok;

	if (!is_des(e))
		return (EVP_CipherInit_ex2(c, NULL, key, NULL, encrypt, NULL) == 1);
	for (int i = 0; i < 3; i++)
		memcpy(des + 8 * i, key, 8);
	ok = EVP_CipherInit_ex2(c, NULL, des, NULL, encrypt, NULL) == 1;
	wipe(des, sizeof(des));
	return (ok);
}

/* Fetches the algorithm of ${k}. False: this libcrypto lacks it (a FIPS build). */
static bool
fetch(const struct esp_key *k)
{
	const struct alg_enc *e = alg_enc_row(k->row);
	EVP_CIPHER_CTX *trial;
	EVP_CIPHER *c;

	if (fetched[k->row] != NULL)
		return (true);
	(void)pthread_mutex_lock(&fetch_lock);
	if (fetched[k->row] == NULL) {
		c = EVP_CIPHER_fetch(NULL, is_des(e) ? "DES-EDE3-CBC" : e->ossl, NULL);
		trial = EVP_CIPHER_CTX_new();
		if (c != NULL && trial != NULL && prepare(trial, c, e->form == ALG_AEAD) && set_key(trial, e, k->bytes, direction(k)))
			fetched[k->row] = c;
		else
			EVP_CIPHER_free(c);
		EVP_CIPHER_CTX_free(trial);
	}
	(void)pthread_mutex_unlock(&fetch_lock);
	return (fetched[k->row] != NULL);
}

/* ---- contexts */

static void
clear(void *p)
{
	struct slot *s = p;

	EVP_CIPHER_CTX_free(s->cipher);		/* wipes */
	EVP_CIPHER_CTX_free(s->xcbc);
	*s = (struct slot){0};
}

static bool
make_cipher(struct slot *s, const struct esp_key *k)
{
	const struct alg_enc *e = alg_enc_row(k->row);
	const EVP_CIPHER *c = fetched[k->row];

	if (s->is != c) {
		s->is = NULL;
		if (s->cipher == NULL)
			s->cipher = EVP_CIPHER_CTX_new();
		else
			(void)EVP_CIPHER_CTX_reset(s->cipher);
		if (s->cipher == NULL || !prepare(s->cipher, c, e->form == ALG_AEAD))
			return (false);
		s->is = c;
	}
	return (set_key(s->cipher, e, k->bytes, direction(k)));
}

static bool
make_xcbc(struct slot *s, const struct esp_key *k)
{
	if (s->xcbc == NULL)
		s->xcbc = EVP_CIPHER_CTX_new();
	return (s->xcbc != NULL && EVP_EncryptInit_ex2(s->xcbc, EVP_aes_128_cbc(), key_mac(k), NULL, NULL) == 1);
}

/* The slot of ${k}, which no longer has what ${k} needs. NULL: no memory. */
static const struct slot *
make(struct esp_backend_ctx *ctx, const struct esp_key *k, size_t i)
{
	struct slot *s = key_slots_take(&ctx->slots, i);
	bool ok = (k->form == ALG_NULL || make_cipher(s, k)) && (k->hash != KEY_XCBC || make_xcbc(s, k));

	key_slots_done(&ctx->slots, i, ok ? k->serial : 0);
	return (ok ? s : NULL);
}

static const struct slot *
slot_of(struct esp_backend_ctx *ctx, const struct esp_key *k)
{
	size_t i = key_slots_index(&ctx->slots, k->serial);

	return (key_slots_has(&ctx->slots, i, k->serial) ? key_slots_at(&ctx->slots, i) : make(ctx, k, i));
}

/* ---- packets */

/* The MAC over ${a} | ${b} (${b} at most 4 bytes); the last block, which may be short, is masked. */
static int
xcbc_mac(const struct slot *s, const struct esp_key *k, struct span a, struct span b, uint8_t out[XCBC_BLOCK])
{
	static const uint8_t zero[XCBC_BLOCK];
	uint8_t scrap[XCBC_CHUNK], tail[2 * XCBC_BLOCK];
	size_t whole, rest, n, i, last;
	const uint8_t *mask;

	if (EVP_EncryptInit_ex2(s->xcbc, NULL, NULL, zero, NULL) != 1)
		return (-1);
	/* The bytes in ${a}, except the last 1..16 bytes of the whole message. */
	whole = (a.len + b.len - 1) / XCBC_BLOCK * XCBC_BLOCK;
	if (whole > a.len)
		whole -= XCBC_BLOCK;
	for (i = 0; i < whole; i += n) {
		n = whole - i < sizeof(scrap) ? whole - i : sizeof(scrap);
		if (EVP_Cipher(s->xcbc, scrap, a.p + i, (unsigned)n) < 0)
			return (-1);
	}
	rest = a.len - whole + b.len;		/* 1..20 */
	memset(tail, 0, sizeof(tail));
	memcpy(tail, a.p + whole, a.len - whole);
	if (b.len > 0)
		memcpy(tail + a.len - whole, b.p, b.len);
	last = (rest - 1) / XCBC_BLOCK * XCBC_BLOCK;
	mask = key_mac(k) + (rest - last == XCBC_BLOCK ? 1 : 2) * XCBC_BLOCK;
	if (rest - last < XCBC_BLOCK)
		tail[rest] = 0x80;
	for (i = 0; i < XCBC_BLOCK; i++)
		tail[last + i] ^= mask[i];
	if (EVP_Cipher(s->xcbc, scrap, tail, (unsigned)(last + XCBC_BLOCK)) < 0)
		return (-1);
	memcpy(out, scrap + last, XCBC_BLOCK);
	return (0);
}

/* The ICV over the first ${len} bytes of the packet and, with ESN, the upper half (RFC 4303, 2.2.1). */
static int
icv_make(const struct slot *s, const struct esp_job *j, size_t len, uint8_t out[HMAC_MAX])
{
	const struct esp_key *k = j->key;
	const uint8_t *in = key_mac(k);
	uint8_t hi[4];
	struct span more = span_of(hi, k->esn ? 4 : 0);

	put_be32(hi, j->seq_hi);
	if (k->hash == KEY_XCBC)
		return (xcbc_mac(s, k, span_of(j->p, len), more, out));
	return (hmac_make(k->hash, in, in + hmac_state_len(k->hash), span_of(j->p, len), more, out));
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
crypt_body(EVP_CIPHER_CTX *c, struct esp_job *j)
{
	const struct esp_key *k = j->key;
	size_t head = ESP_HDR + k->iv_len;
	uint8_t iv[ESP_IV_MAX];

	iv_make(k, j->p, iv);
	return (EVP_CipherInit_ex2(c, NULL, NULL, iv, -1, NULL) == 1 &&
	    EVP_Cipher(c, j->p + head, j->p + head, (unsigned)(j->len - head - k->icv_len)) >= 0);
}

/* A tag to be checked goes in here, one to be made comes out later. */
static bool
crypt_aead(EVP_CIPHER_CTX *c, struct esp_job *j)
{
	const struct esp_key *k = j->key;
	size_t head = ESP_HDR + k->iv_len, body = j->len - head - k->icv_len;
	uint8_t iv[ESP_IV_MAX], aad[12];
	int n = 0, aad_len = k->esn ? 12 : 8;

	iv_make(k, j->p, iv);
	/* SPI | sequence number, 64 bits of it with ESN (RFC 4106 section 5). */
	memcpy(aad, j->p, 4);
	put_be32(aad + 4, j->seq_hi);
	memcpy(aad + aad_len - 4, j->p + 4, 4);
	return (EVP_CipherInit_ex2(c, NULL, NULL, iv, -1, NULL) == 1 &&
	    (k->seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, k->icv_len, j->p + j->len - k->icv_len) == 1) &&
	    EVP_CipherUpdate(c, NULL, &n, aad, aad_len) == 1 &&
	    EVP_CipherUpdate(c, j->p + head, &n, j->p + head, (int)body) == 1);
}

static bool
aead_seal(EVP_CIPHER_CTX *c, struct esp_job *j)
{
	uint8_t none[ESP_IV_MAX];
	int n = 0;

	return (crypt_aead(c, j) && EVP_CipherFinal_ex(c, none, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, j->key->icv_len, j->p + j->len - j->key->icv_len) == 1);
}

static bool
aead_open(EVP_CIPHER_CTX *c, struct esp_job *j)
{
	uint8_t none[ESP_IV_MAX];
	int n = 0;

	/* libcrypto compares the tag in constant time. */
	return (crypt_aead(c, j) && EVP_CipherFinal_ex(c, none, &n) == 1);
}

/* A slot is needed for a cipher and for XCBC, not for an HMAC alone. */
static bool
ready(struct esp_backend_ctx *ctx, const struct esp_key *k, const struct slot **s)
{
	*s = NULL;
	return ((k->form == ALG_NULL && k->hash != KEY_XCBC) || (*s = slot_of(ctx, k)) != NULL);
}

static void
seal_one(struct esp_backend_ctx *ctx, struct esp_job *j)
{
	const struct esp_key *k = j->key;
	const struct slot *s;

	if (!(j->ok = ready(ctx, k, &s)))
		return;
	if (k->form == ALG_AEAD) {
		j->ok = aead_seal(s->cipher, j);
		return;
	}
	j->ok = k->form == ALG_NULL || crypt_body(s->cipher, j);
	if (!j->ok || k->icv_len == 0)
		return;
	j->ok = icv_make(s, j, j->len - k->icv_len, ctx->icv) == 0;
	memcpy(j->p + j->len - k->icv_len, ctx->icv, k->icv_len);
}

static void
ossl_seal(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seal_one(ctx, &jobs[i]);
}

static void
open_one(struct esp_backend_ctx *ctx, struct esp_job *j)
{
	const struct esp_key *k = j->key;
	const struct slot *s;

	if (!(j->ok = ready(ctx, k, &s)))
		return;
	if (k->form == ALG_AEAD) {
		j->ok = aead_open(s->cipher, j);
		return;
	}
	j->ok = k->icv_len == 0 || (icv_make(s, j, j->len - k->icv_len, ctx->icv) == 0 &&
	    ct_eq(span_of(ctx->icv, k->icv_len), span_of(j->p + j->len - k->icv_len, k->icv_len)));
	if (j->ok && k->form != ALG_NULL)
		j->ok = crypt_body(s->cipher, j);
}

static void
ossl_open(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		open_one(ctx, &jobs[i]);
}

static struct esp_backend_ctx *
ossl_ctx_new(struct fault *f)
{
	struct esp_backend_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx != NULL && key_slots_open(&ctx->slots, SLOTS, sizeof(struct slot), clear) == 0)
		return (ctx);
	(void)fault(f, FAULT_MEMORY, "no memory for a context of libcrypto");
	free(ctx);
	return (NULL);
}

static void
ossl_ctx_free(struct esp_backend_ctx *ctx)
{
	if (ctx == NULL)
		return;
	key_slots_close(&ctx->slots);
	wipe(ctx, sizeof(*ctx));
	free(ctx);
}

/* If this libcrypto lacks an algorithm (a FIPS build), ossl_key_new() fails. */
static bool
ossl_supports(const struct esp_suite *s)
{
	return (s->enc->form == ALG_NULL || s->enc->ossl != NULL);
}

static struct esp_key *
ossl_key_new(const struct esp_suite *s, struct span enc, struct span auth, bool seal,
    struct fault *f)
{
	const struct alg_enc *e = s->enc;
	struct esp_key *k = key_make(s, enc, auth, seal, f);

	if (k == NULL || e->form == ALG_NULL || (k->row < ROWS && fetch(k)))
		return (k);
	(void)fault(f, FAULT_CRYPTO, "libcrypto cannot do %s", e->name);
	key_drop(k);
	return (NULL);
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
	.key_free = key_drop,
	.seal = ossl_seal,
	.open = ossl_open,
};
