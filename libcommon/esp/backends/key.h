/*
 * Inside backends/: a key as an SA keeps it, for each backend the same. Of thousands of SAs few are busy, so what a cipher
 * needs beyond the key itself is in the slots of a worker (key_slots.h), which makes it again when it needs it.
 */
#ifndef SAPIPE_ESP_BACKENDS_KEY_H
#define SAPIPE_ESP_BACKENDS_KEY_H

#include "esp/backend.h"
#include "esp/backends/hmac.h"

#define KEY_XCBC	255	/* instead of the number of a hash */
#define XCBC_BLOCK	16

/* One allocation. What libraries read in vectors of 16 bytes is aligned to 16, as malloc() aligns. */
struct esp_key {
	uint64_t	 serial;	/* no other key of the process has it */
	uint8_t		 form;		/* enum alg_form */
	uint8_t		 row;		/* of the registry: alg_enc_row() */
	uint8_t		 hash;		/* of hmac.h; KEY_XCBC; 0: none */
	uint8_t		 key_len, iv_len, icv_len;
	uint8_t		 salt[4];
	bool		 seal, esn;
	uint8_t		 mode;		/* the backend's own */
	uint8_t		 mac_at;	/* where the states of the HMAC are in ${bytes}, or K1, K2, K3 of XCBC (RFC 3566) */
	uint16_t	 len;		/* of ${bytes} */
	_Alignas(16) uint8_t bytes[];	/* the key of the cipher, and at ${mac_at} the others */
};

/* As esp_backend.key_new and .key_free; it does not know what a backend supports. */
struct esp_key *key_make(const struct esp_suite *s, struct span enc, struct span auth, bool seal, struct fault *f);
void key_drop(struct esp_key *k);

static inline const uint8_t *
key_mac(const struct esp_key *k)
{
	return (k->bytes + k->mac_at);
}

#endif
