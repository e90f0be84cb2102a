/*
 * Inside crypto/: fetches each algorithm from libcrypto once per process. A look-up
 * by name takes some microseconds and a lock, and a negotiation needs hundreds. Fetch an
 * algorithm before several threads use it.
 */
#ifndef SAPIPE_CRYPTO_FETCH_H
#define SAPIPE_CRYPTO_FETCH_H

#include <openssl/evp.h>

#include "base/fault.h"
#include "crypto/alg.h"

/* NULL with FAULT_CRYPTO; for single DES also FAULT_NO_LEGACY_PROVIDER. Not to be freed. */
const EVP_MD *fetch_md(const struct alg_hash *h, struct fault *f);
const EVP_CIPHER *fetch_cipher(const struct alg_enc *e, struct fault *f);
EVP_MAC *fetch_hmac(struct fault *f);

/* FAULT_CRYPTO with ${what} and libcrypto's reason; empties its error queue. -1. */
int fault_ossl(struct fault *f, const char *what);

#endif
