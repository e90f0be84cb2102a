/* Key schedules of ipsec-mb. */
#include "esp/backends/mb_key.h"

#ifdef ESP_HAVE_MB
#include <stdatomic.h>
#include <stdlib.h>

#include "base/secret.h"

#define ALIGN		16
#define ROUND_UP(n)	(((n) + ALIGN - 1) / ALIGN * ALIGN)
#define HASH_BLOCK_MAX	128
#define KEY_MAX		32
#define IPAD		0x36
#define OPAD		0x5c

static _Atomic uint64_t serials = 1;

/* An integrity algorithm of the registry and what the library has for it. */
static const struct mac_row {
	const char	*ossl;		/* as in alg.c; NULL: AES-XCBC */
	IMB_HASH_ALG	 hash;
	uint8_t		 block, mac_len;
} mac_rows[] = {
	{ "SHA1", IMB_AUTH_HMAC_SHA_1, 64, 12 },
	{ "SHA256", IMB_AUTH_HMAC_SHA_256, 64, 16 },
	{ "SHA384", IMB_AUTH_HMAC_SHA_384, 128, 24 },
	{ "SHA512", IMB_AUTH_HMAC_SHA_512, 128, 32 },
	{ "MD5", IMB_AUTH_MD5, 64, 12 },
	{ NULL, IMB_AUTH_AES_XCBC, 16, 12 },
};

static const struct mac_row *
mac_row_of(const struct alg_integ *a)
{
	for (size_t i = 0; i < sizeof(mac_rows) / sizeof(mac_rows[0]); i++)
		if (a->ossl == NULL ? mac_rows[i].ossl == NULL : mac_rows[i].ossl != NULL &&
		    strcmp(a->ossl, mac_rows[i].ossl) == 0)
			return (&mac_rows[i]);
	return (NULL);
}

/* The state of the hash after one block. */
static void
one_block(IMB_MGR *mgr, IMB_HASH_ALG hash, const uint8_t *block, uint8_t *state)
{
	switch (hash) {
	case IMB_AUTH_HMAC_SHA_1:
		IMB_SHA1_ONE_BLOCK(mgr, block, state);
		break;
	case IMB_AUTH_HMAC_SHA_256:
		IMB_SHA256_ONE_BLOCK(mgr, block, state);
		break;
	case IMB_AUTH_HMAC_SHA_384:
		IMB_SHA384_ONE_BLOCK(mgr, block, state);
		break;
	case IMB_AUTH_HMAC_SHA_512:
		IMB_SHA512_ONE_BLOCK(mgr, block, state);
		break;
	default:
		IMB_MD5_ONE_BLOCK(mgr, block, state);
		break;
	}
}

/* ${auth} is at most a block: esp_suite_keys(). */
static void
mac_init(IMB_MGR *mgr, struct mb_key *k, const struct mac_row *row, struct span auth)
{
	uint8_t block[HASH_BLOCK_MAX], key[16];
	size_t i;

	k->hash = (uint8_t)row->hash;
	k->mac_len = row->mac_len;
	if (row->hash == IMB_AUTH_AES_XCBC) {
		memcpy(key, auth.p, sizeof(key));
		IMB_AES_XCBC_KEYEXP(mgr, key, k->mac->xcbc.k1, k->mac->xcbc.k2, k->mac->xcbc.k3);
		wipe(key, sizeof(key));
		return;
	}
	memset(block, IPAD, row->block);
	for (i = 0; i < auth.len; i++)
		block[i] ^= auth.p[i];
	one_block(mgr, row->hash, block, k->mac->hmac.ipad);
	for (i = 0; i < row->block; i++)
		block[i] ^= IPAD ^ OPAD;
	one_block(mgr, row->hash, block, k->mac->hmac.opad);
	wipe(block, sizeof(block));
}

/* CBC decrypts with keys of its own; CTR does not. */
static void
aes_init(IMB_MGR *mgr, struct mb_key *k, const uint8_t *key, uint8_t *out)
{
	struct { uint8_t enc[MB_ROUND_KEYS * 16], dec[MB_ROUND_KEYS * 16]; } __attribute__((aligned(16))) both;

	memset(&both, 0, sizeof(both));
	switch (k->key_len) {
	case IMB_KEY_128_BYTES:
		IMB_AES_KEYEXP_128(mgr, key, both.enc, both.dec);
		break;
	case IMB_KEY_192_BYTES:
		IMB_AES_KEYEXP_192(mgr, key, both.enc, both.dec);
		break;
	default:
		IMB_AES_KEYEXP_256(mgr, key, both.enc, both.dec);
		break;
	}
	memcpy(out, k->seal || k->cipher == IMB_CIPHER_CNTR ? both.enc : both.dec, sizeof(both.enc));
	wipe(&both, sizeof(both));
}

static void
des_init(IMB_MGR *mgr, const struct mb_key *k, const uint8_t *key, struct mb_des *out)
{
	for (size_t i = 0; i < k->key_len / 8u; i++) {
		(void)IMB_DES_KEYSCHED(mgr, out->schedule[i], key + 8 * i);
		out->of[i] = out->schedule[i];
	}
}

static aes_gcm_enc_dec_t
gcm_of(const IMB_MGR *mgr, unsigned key_len, bool seal)
{
	switch (key_len) {
	case IMB_KEY_128_BYTES:
		return (seal ? mgr->gcm128_enc : mgr->gcm128_dec);
	case IMB_KEY_192_BYTES:
		return (seal ? mgr->gcm192_enc : mgr->gcm192_dec);
	default:
		return (seal ? mgr->gcm256_enc : mgr->gcm256_dec);
	}
}

void
mb_gcm_expand(IMB_MGR *mgr, const struct mb_key *k, struct gcm_key_data *out)
{
	switch (k->key_len) {
	case IMB_KEY_128_BYTES:
		IMB_AES128_GCM_PRE(mgr, k->sched, out);
		break;
	case IMB_KEY_192_BYTES:
		IMB_AES192_GCM_PRE(mgr, k->sched, out);
		break;
	default:
		IMB_AES256_GCM_PRE(mgr, k->sched, out);
		break;
	}
}

static IMB_CIPHER_MODE
mode_of(const struct alg_enc *e)
{
	switch (e->form) {
	case ALG_CBC:
		return (e->block == IMB_AES_BLOCK_SIZE ? IMB_CIPHER_CBC : e->key_len == 8 ? IMB_CIPHER_DES : IMB_CIPHER_DES3);
	case ALG_CTR:
		return (IMB_CIPHER_CNTR);
	case ALG_AEAD:
		return (e->key_bits == 0 ? IMB_CIPHER_CHACHA20_POLY1305 : IMB_CIPHER_GCM);
	case ALG_NULL:
		break;
	}
	return (IMB_CIPHER_NULL);
}

/* An algorithm that the registry gets later is not one of these by its form. */
bool
mb_key_supports(const struct esp_suite *s)
{
	static const char *const ciphers[] = { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC", "DES-EDE3-CBC", "DES-CBC",
	    "AES-128-CTR", "AES-192-CTR", "AES-256-CTR", "AES-128-GCM", "AES-192-GCM", "AES-256-GCM", "ChaCha20-Poly1305" };
	bool known = s->enc->ossl == NULL && s->enc->form == ALG_NULL;

	for (size_t i = 0; s->enc->ossl != NULL && i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
		known = known || strcmp(s->enc->ossl, ciphers[i]) == 0;
	return (known && (s->integ == NULL || mac_row_of(s->integ) != NULL));
}

/* Bytes of what the key of ${mode} needs. */
static size_t
sched_size(IMB_CIPHER_MODE mode)
{
	switch (mode) {
	case IMB_CIPHER_NULL:
		return (0);
	case IMB_CIPHER_GCM:
	case IMB_CIPHER_CHACHA20_POLY1305:
		return (KEY_MAX);
	case IMB_CIPHER_DES:
	case IMB_CIPHER_DES3:
		return (sizeof(struct mb_des));
	default:
		return (MB_ROUND_KEYS * 16);
	}
}

/*
 * With room behind the struct for ${sched} bytes and, with ${mac}, for its keys. The library reads round keys and states
 * of hashes in vectors of 16 bytes, as malloc() aligns: more would cost each of thousands of keys a hole. NULL: no memory.
 */
static struct mb_key *
key_room(size_t sched, bool mac)
{
	size_t macs = ROUND_UP(sizeof(struct mb_key)) + ROUND_UP(sched), size = macs + (mac ? sizeof(struct mb_mac) : 0);
	struct mb_key *k = calloc(1, size);

	if (k == NULL)
		return (NULL);
	k->size = (uint32_t)size;
	k->sched = (uint8_t *)k + ROUND_UP(sizeof(*k));
	k->mac = mac ? (struct mb_mac *)(void *)((uint8_t *)k + macs) : NULL;
	return (k);
}

void
mb_key_free(struct mb_key *k)
{
	if (k == NULL)
		return;
	esp_backend_ossl.key_free(k->one);
	wipe(k, k->size);
	free(k);
}

struct mb_key *
mb_key_new(IMB_MGR *mgr, const struct esp_suite *s, struct span enc, struct span auth, bool seal, struct fault *f)
{
	const struct mac_row *row = s->integ != NULL ? mac_row_of(s->integ) : NULL;
	const struct alg_enc *e = s->enc;
	struct mb_key *k;
	void *sched;

	if (esp_suite_keys(s, enc, auth, f) != 0)
		return (NULL);
	if ((k = key_room(sched_size(mode_of(e)), row != NULL)) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for an ESP key");
		return (NULL);
	}
	k->serial = atomic_fetch_add(&serials, 1);
	k->cipher = (uint8_t)mode_of(e);
	k->hash = IMB_AUTH_NULL;
	k->seal = seal;
	k->esn = s->esn;
	k->key_len = e->key_len;
	k->iv_len = e->iv_len;
	k->icv_len = e->form == ALG_AEAD ? e->icv_len : s->integ != NULL ? s->integ->icv_len : 0;
	if (e->salt_len == sizeof(k->salt))
		memcpy(k->salt, enc.p + e->key_len, sizeof(k->salt));
	if (e->form != ALG_AEAD && (k->one = esp_backend_ossl.key_new(s, enc, auth, seal, f)) == NULL) {
		mb_key_free(k);
		return (NULL);
	}
	sched = (uint8_t *)k + ROUND_UP(sizeof(*k));
	if (k->cipher == IMB_CIPHER_GCM)
		k->gcm = gcm_of(mgr, k->key_len, seal);
	if (e->form == ALG_AEAD)
		memcpy(sched, enc.p, k->key_len);
	else if (k->cipher == IMB_CIPHER_DES || k->cipher == IMB_CIPHER_DES3)
		des_init(mgr, k, enc.p, sched);
	else if (k->cipher != IMB_CIPHER_NULL)
		aes_init(mgr, k, enc.p, sched);
	if (row != NULL)
		mac_init(mgr, k, row, auth);
	return (k);
}

#else
typedef int no_ipsec_mb;	/* no empty translation unit */
#endif
