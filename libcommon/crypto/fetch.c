/* Fetches algorithms from libcrypto once per process. */
#include "crypto/fetch.h"

#include <openssl/err.h>
#include <openssl/provider.h>

/* More rows than the registry has of any kind. */
#define ROWS	32

static EVP_MD *mds[ROWS];
static EVP_CIPHER *ciphers[ROWS];
static EVP_MAC *hmac;

int
fault_ossl(struct fault *f, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	if (reason == NULL)
		return (fault(f, FAULT_CRYPTO, "%s: libcrypto refuses", what));
	return (fault(f, FAULT_CRYPTO, "%s: %s", what, reason));
}

/*
 * Since OpenSSL 3 single DES is in a separate module. Loading any provider explicitly
 * stops the implicit loading of the default one, so load the default one first.
 */
static int
legacy_load(struct fault *f)
{
	static OSSL_PROVIDER *deflt, *legacy;

	if (legacy != NULL)
		return (0);
	if (deflt == NULL && (deflt = OSSL_PROVIDER_load(NULL, "default")) == NULL)
		return (fault_ossl(f, "loading OpenSSL's default provider"));
	if ((legacy = OSSL_PROVIDER_try_load(NULL, "legacy", 1)) == NULL) {
		ERR_clear_error();
		return (fault(f, FAULT_NO_LEGACY_PROVIDER,
		    "single DES needs OpenSSL's legacy provider, which cannot be loaded"));
	}
	return (0);
}

const EVP_MD *
fetch_md(const struct alg_hash *h, struct fault *f)
{
	size_t i = (size_t)(h - alg_hash_row(0));

	if (i >= ROWS) {
		(void)fault(f, FAULT_CRYPTO, "hash %s is not in the registry", h->word);
		return (NULL);
	}
	if (mds[i] == NULL && (mds[i] = EVP_MD_fetch(NULL, h->ossl, NULL)) == NULL)
		(void)fault_ossl(f, h->word);
	return (mds[i]);
}

const EVP_CIPHER *
fetch_cipher(const struct alg_enc *e, struct fault *f)
{
	size_t i = (size_t)(e - alg_enc_row(0));

	if (i >= ROWS || e->ossl == NULL) {
		(void)fault(f, FAULT_CRYPTO, "%s is no cipher of libcrypto", e->word);
		return (NULL);
	}
	if (ciphers[i] != NULL)
		return (ciphers[i]);
	if (e->legacy && legacy_load(f) == -1)
		return (NULL);
	if ((ciphers[i] = EVP_CIPHER_fetch(NULL, e->ossl, NULL)) == NULL)
		(void)fault_ossl(f, e->word);
	return (ciphers[i]);
}

EVP_MAC *
fetch_hmac(struct fault *f)
{
	if (hmac == NULL && (hmac = EVP_MAC_fetch(NULL, "HMAC", NULL)) == NULL)
		(void)fault_ossl(f, "HMAC");
	return (hmac);
}
