/*
 * Inside backends/: HMAC for packets. It keeps the two states of libcrypto's hash that follow from the key (RFC 2104) and
 * copies them for each packet, which EVP_MAC does with several allocations.
 */
#ifndef SAPIPE_ESP_BACKENDS_HMAC_H
#define SAPIPE_ESP_BACKENDS_HMAC_H

#include <openssl/md5.h>
#include <openssl/sha.h>

#include "base/span.h"

#define HMAC_MAX	SHA512_DIGEST_LENGTH

union hmac_state {
	MD5_CTX		 md5;
	SHA_CTX		 sha1;
	SHA256_CTX	 sha256;
	SHA512_CTX	 sha512;	/* also of SHA-384 */
};

struct hmac {			/* the owner wipes it */
	const struct hmac_hash *hash;
	union hmac_state in, out;
};

/* ${digest} is libcrypto's name, as in alg.c; the key is at most a block. 0, or -1: an unknown hash, a longer key. */
int hmac_init(struct hmac *h, const char *digest, struct span key);
/* HMAC(${a} | ${b}) into ${mac}, as long as the hash is. 0 or -1. */
int hmac_make(const struct hmac *h, struct span a, struct span b, uint8_t mac[HMAC_MAX]);

#endif
