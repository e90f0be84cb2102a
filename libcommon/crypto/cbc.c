/* CBC of whole blocks, and weak keys of DES. */
#include "crypto/crypto.h"
#include "crypto/fetch.h"

#include <limits.h>

static int
cbc(const struct alg_enc *e, struct span key, uint8_t iv[BLOCK_MAX], uint8_t *data, size_t len,
    int encrypt, struct fault *f)
{
	const EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *ctx;
	uint8_t last[BLOCK_MAX];
	int n = 0, rc = -1;

	if (e->form != ALG_CBC || key.len != e->key_len || len % e->block != 0 || len > INT_MAX)
		return (fault(f, FAULT_CRYPTO, "%s: no whole blocks, or a key of %zu bytes",
		    e->word, key.len));
	if ((cipher = fetch_cipher(e, f)) == NULL)
		return (-1);
	if (len == 0)
		return (0);
	if ((ctx = EVP_CIPHER_CTX_new()) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a cipher"));
	if (!encrypt)		/* before it is decrypted in place */
		memcpy(last, data + len - e->block, e->block);
	if (EVP_CipherInit_ex2(ctx, cipher, key.p, iv, encrypt, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
	    EVP_CipherUpdate(ctx, data, &n, data, (int)len) != 1 || (size_t)n != len)
		goto done;
	memcpy(iv, encrypt ? data + len - e->block : last, e->block);
	rc = 0;
done:
	EVP_CIPHER_CTX_free(ctx);
	return (rc == 0 ? 0 : fault_ossl(f, e->word));
}

int
cbc_encrypt(const struct alg_enc *e, struct span key, uint8_t iv[BLOCK_MAX], uint8_t *data,
    size_t len, struct fault *f)
{
	return (cbc(e, key, iv, data, len, 1, f));
}

int
cbc_decrypt(const struct alg_enc *e, struct span key, uint8_t iv[BLOCK_MAX], uint8_t *data,
    size_t len, struct fault *f)
{
	return (cbc(e, key, iv, data, len, 0, f));
}

/* Whether eight bytes are one of the 16 weak and semi-weak keys of RFC 2409 appendix A. */
static bool
des_weak(const uint8_t *key)
{
	static const uint8_t weak[][8] = {
		{ 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01 },
		{ 0x1f, 0x1f, 0x1f, 0x1f, 0x0e, 0x0e, 0x0e, 0x0e },
		{ 0xe0, 0xe0, 0xe0, 0xe0, 0xf1, 0xf1, 0xf1, 0xf1 },
		{ 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe },
		{ 0x01, 0xfe, 0x01, 0xfe, 0x01, 0xfe, 0x01, 0xfe },
		{ 0xfe, 0x01, 0xfe, 0x01, 0xfe, 0x01, 0xfe, 0x01 },
		{ 0x1f, 0xe0, 0x1f, 0xe0, 0x0e, 0xf1, 0x0e, 0xf1 },
		{ 0xe0, 0x1f, 0xe0, 0x1f, 0xf1, 0x0e, 0xf1, 0x0e },
		{ 0x01, 0xe0, 0x01, 0xe0, 0x01, 0xf1, 0x01, 0xf1 },
		{ 0xe0, 0x01, 0xe0, 0x01, 0xf1, 0x01, 0xf1, 0x01 },
		{ 0x1f, 0xfe, 0x1f, 0xfe, 0x0e, 0xfe, 0x0e, 0xfe },
		{ 0xfe, 0x1f, 0xfe, 0x1f, 0xfe, 0x0e, 0xfe, 0x0e },
		{ 0x01, 0x1f, 0x01, 0x1f, 0x01, 0x0e, 0x01, 0x0e },
		{ 0x1f, 0x01, 0x1f, 0x01, 0x0e, 0x01, 0x0e, 0x01 },
		{ 0xe0, 0xfe, 0xe0, 0xfe, 0xf1, 0xfe, 0xf1, 0xfe },
		{ 0xfe, 0xe0, 0xfe, 0xe0, 0xfe, 0xf1, 0xfe, 0xf1 },
	};
	size_t i, j;
	unsigned diff;
	bool found = false;

	/* Derived keys come with any parity, so its bit does not count. */
	for (i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		for (diff = 0, j = 0; j < 8; j++)
			diff |= (unsigned)(key[j] ^ weak[i][j]) & 0xfe;
		found |= diff == 0;
	}
	return (found);
}

bool
des_weak_key(const struct alg_enc *e, struct span key)
{
	return (e->form == ALG_CBC && e->key_len == 8 && key.len == 8 && des_weak(key.p));
}

int
cipher_ready(const struct alg_enc *e, struct fault *f)
{
	return (fetch_cipher(e, f) != NULL ? 0 : -1);
}
