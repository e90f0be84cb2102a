/* What ipsec-mb has for the algorithms of a key, and what it makes of it. */
#include "esp/backends/mb_key.h"

#ifdef ESP_HAVE_MB
#include "base/secret.h"

/* What the library has for integrity, and the bytes of the MAC that it writes; the ICV is its beginning. */
static const struct mac_row {
	const char	*ossl;		/* as in alg.c; NULL: AES-XCBC */
	IMB_HASH_ALG	 hash;
	uint8_t		 mac_len;
} mac_rows[] = {
	{ NULL, IMB_AUTH_AES_XCBC, 12 },
	{ "MD5", IMB_AUTH_MD5, 12 },
	{ "SHA1", IMB_AUTH_HMAC_SHA_1, 12 },
	{ "SHA256", IMB_AUTH_HMAC_SHA_256, 16 },
	{ "SHA384", IMB_AUTH_HMAC_SHA_384, 24 },
	{ "SHA512", IMB_AUTH_HMAC_SHA_512, 32 },
};	/* the hashes in the order of hmac.h */

static const struct mac_row *
mac_row_of(const struct alg_integ *a)
{
	for (size_t i = 0; i < sizeof(mac_rows) / sizeof(mac_rows[0]); i++)
		if (a->ossl == NULL ? mac_rows[i].ossl == NULL : mac_rows[i].ossl != NULL &&
		    strcmp(a->ossl, mac_rows[i].ossl) == 0)
			return (&mac_rows[i]);
	return (NULL);
}

static const struct mac_row *
mac_row_for(const struct esp_key *k)
{
	return (k->hash == KEY_XCBC ? &mac_rows[0] : &mac_rows[k->hash]);
}

IMB_HASH_ALG
mb_hash(const struct esp_key *k)
{
	return (mac_row_for(k)->hash);
}

size_t
mb_mac_len(const struct esp_key *k)
{
	return (mac_row_for(k)->mac_len);
}

static void
aes_keys(IMB_MGR *mgr, const uint8_t *key, size_t len, void *enc, void *dec)
{
	switch (len) {
	case IMB_KEY_128_BYTES:
		IMB_AES_KEYEXP_128(mgr, key, enc, dec);
		break;
	case IMB_KEY_192_BYTES:
		IMB_AES_KEYEXP_192(mgr, key, enc, dec);
		break;
	default:
		IMB_AES_KEYEXP_256(mgr, key, enc, dec);
		break;
	}
}

/* CBC decrypts with keys of its own; CTR does not. */
static void
expand_aes(IMB_MGR *mgr, const struct esp_key *k, uint8_t *out)
{
	uint8_t other[MB_ROUND_KEYS * 16] __attribute__((aligned(16)));
	bool enc = k->seal || k->mode == IMB_CIPHER_CNTR;

	aes_keys(mgr, k->bytes, k->key_len, enc ? out : other, enc ? other : out);
	wipe(other, sizeof(other));
}

static void
expand_gcm(IMB_MGR *mgr, const struct esp_key *k, struct gcm_key_data *out)
{
	switch (k->key_len) {
	case IMB_KEY_128_BYTES:
		IMB_AES128_GCM_PRE(mgr, k->bytes, out);
		break;
	case IMB_KEY_192_BYTES:
		IMB_AES192_GCM_PRE(mgr, k->bytes, out);
		break;
	default:
		IMB_AES256_GCM_PRE(mgr, k->bytes, out);
		break;
	}
}

static void
expand_des(IMB_MGR *mgr, const struct esp_key *k, struct mb_des *out)
{
	for (size_t i = 0; i < k->key_len / 8u; i++) {
		(void)IMB_DES_KEYSCHED(mgr, out->schedule[i], k->bytes + 8 * i);
		out->of[i] = out->schedule[i];
	}
}

bool
mb_needs_slot(const struct esp_key *k)
{
	return ((k->mode != IMB_CIPHER_NULL && k->mode != IMB_CIPHER_CHACHA20_POLY1305) || k->hash == KEY_XCBC);
}

void
mb_expand(IMB_MGR *mgr, const struct esp_key *k, struct mb_slot *out)
{
	uint8_t other[MB_ROUND_KEYS * 16] __attribute__((aligned(16)));

	switch (k->mode) {
	case IMB_CIPHER_GCM:
		expand_gcm(mgr, k, &out->gcm);
		break;
	case IMB_CIPHER_DES:
	case IMB_CIPHER_DES3:
		expand_des(mgr, k, &out->des);
		break;
	case IMB_CIPHER_CBC:
	case IMB_CIPHER_CNTR:
		expand_aes(mgr, k, out->aes);
		break;
	default:
		break;
	}
	if (k->hash != KEY_XCBC)
		return;
	aes_keys(mgr, key_mac(k), XCBC_BLOCK, out->xcbc, other);
	wipe(other, sizeof(other));
}

const void *
mb_schedule(const struct esp_key *k, const struct mb_slot *s)
{
	switch (k->mode) {
	case IMB_CIPHER_CHACHA20_POLY1305:
		return (k->bytes);
	case IMB_CIPHER_DES:
		return (s->des.of[0]);
	case IMB_CIPHER_DES3:
		return (&s->des);		/* a list */
	default:
		return (s->aes);
	}
}

void
mb_gcm_functions(const IMB_MGR *mgr, aes_gcm_enc_dec_t out[2][MB_KEY_LENS])
{
	out[0][0] = mgr->gcm128_dec;
	out[0][1] = mgr->gcm192_dec;
	out[0][2] = mgr->gcm256_dec;
	out[1][0] = mgr->gcm128_enc;
	out[1][1] = mgr->gcm192_enc;
	out[1][2] = mgr->gcm256_enc;
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

uint8_t
mb_mode(const struct alg_enc *e)
{
	return ((uint8_t)mode_of(e));
}

#else
typedef int no_ipsec_mb;	/* no empty translation unit */
#endif
