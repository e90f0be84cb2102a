/*
 * Inside backends/: HMAC for packets. Of the key it keeps the two states of the hash that follow from it (RFC 2104), which
 * EVP_MAC would copy with several allocations for each packet. libcrypto and ipsec-mb have the same states.
 */
#ifndef SAPIPE_ESP_BACKENDS_HMAC_H
#define SAPIPE_ESP_BACKENDS_HMAC_H

#include "base/span.h"

#define HMAC_MAX	64	/* the longest hash */

/* The number of a hash by libcrypto's name, as in alg.c; 0: unknown. */
uint8_t hmac_hash(const char *digest);
/* Bytes of each state, a multiple of 16. */
size_t hmac_state_len(uint8_t hash);
/* Makes the states of ${key}, at most a block. 0, or -1: a longer key. */
int hmac_init(uint8_t hash, struct span key, uint8_t *in, uint8_t *out);
/* HMAC(${a} | ${b}) into ${mac}, as long as the hash is. 0 or -1. */
int hmac_make(uint8_t hash, const uint8_t *in, const uint8_t *out, struct span a, struct span b, uint8_t mac[HMAC_MAX]);

#endif
