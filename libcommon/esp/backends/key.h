/*
 * Inside backends/: a key as an SA keeps it, for each backend the same. Of thousands of SAs few are busy, so what a cipher
 * needs beyond the key itself is in the slots of a worker (key_slots.h), which makes it again when it needs it.
 */
#ifndef SAPIPE_ESP_BACKENDS_KEY_H
#define SAPIPE_ESP_BACKENDS_KEY_H

#include "esp/backend.h"
#include "esp/backends/hmac.h"

#define KEY_XCBC	15	/* instead of the number of a hash */
#define XCBC_BLOCK	16
#define KEY_ROUND_UP(n)	(((n) + 15) / 16 * 16)

/* One allocation. What libraries read in vectors of 16 bytes is aligned to 16, as malloc() aligns. */
struct esp_key {
	uint64_t	 serial : 48;	/* no other key of the process has it */
	uint64_t	 form : 2;	/* enum alg_form */
	uint64_t	 hash : 4;	/* of hmac.h; KEY_XCBC; 0: none */
	uint64_t	 seal : 1, esn : 1;
	uint64_t	 row : 8;	/* of the registry: alg_enc_row() */
	uint8_t		 key_len, iv_len, icv_len;
	uint8_t		 mode;		/* the backend's own */
	uint8_t		 salt[4];
	_Alignas(16) uint8_t bytes[];	/* the key of the cipher, and at key_mac() the others */
};

_Static_assert(sizeof(struct esp_key) == 16, "two keys for each of thousands of SAs");

/* As esp_backend.key_new and .key_free; it does not know what a backend supports. */
struct esp_key *key_make(const struct esp_suite *s, struct span enc, struct span auth, bool seal, struct fault *f);
void key_drop(struct esp_key *k);

/* The states of the HMAC, or K1, K2, K3 of XCBC (RFC 3566). */
static inline const uint8_t *
key_mac(const struct esp_key *k)
{
	return (k->bytes + KEY_ROUND_UP((size_t)k->key_len));
}

#endif
