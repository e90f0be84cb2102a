/* Inside backends/: the keys of mb.c, and the schedules that ipsec-mb wants of them. */
#ifndef SAPIPE_ESP_BACKENDS_MB_KEY_H
#define SAPIPE_ESP_BACKENDS_MB_KEY_H

#include "esp/backend.h"

#ifdef ESP_HAVE_MB
#include <intel-ipsec-mb.h>

#define MB_ROUND_KEYS	15		/* of AES-256 */
#define MB_MAC_STATE	64		/* the longest state of a hash */

struct mb_mac {			/* HMAC: the states after K ^ ipad, K ^ opad (RFC 2104); or XCBC's keys */
	union {
		struct { uint8_t ipad[MB_MAC_STATE], opad[MB_MAC_STATE]; } hmac;
		struct { uint8_t k1[11 * 16], k2[16], k3[16]; } xcbc;
	};
} __attribute__((aligned(16)));

struct mb_des {
	const void	*of[3];		/* as the library wants them */
	uint64_t	 schedule[3][IMB_DES_KEY_SCHED_SIZE / 8];
};

/* One allocation: what a cipher does not need is not there. */
struct mb_key {
	aes_gcm_enc_dec_t gcm;			/* of the key's length and direction; NULL: not AES-GCM */
	struct esp_key	*one;			/* libcrypto's, for packets that come alone; NULL for AEADs */
	struct mb_mac	*mac;
	const void	*sched;			/* round keys, a struct mb_des; the key itself of AES-GCM and ChaCha20 */
	uint64_t	 serial;		/* no other key of the process has it */
	uint32_t	 size;			/* of all of it */
	uint8_t		 cipher, hash;		/* enum IMB_CIPHER_MODE; IMB_HASH_ALG: IMB_AUTH_NULL if there is no HMAC or XCBC */
	bool		 seal, esn;
	uint8_t		 key_len, iv_len, icv_len;
	uint8_t		 mac_len;		/* that the library writes; the ICV is its beginning */
	uint8_t		 salt[4];
};

/* Whether the library has these algorithms. */
bool mb_key_supports(const struct esp_suite *s);
/* As esp_backend.key_new and .key_free. ${mgr} is initialized; it need not outlive the key. */
struct mb_key *mb_key_new(IMB_MGR *mgr, const struct esp_suite *s, struct span enc, struct span auth, bool seal,
    struct fault *f);
void mb_key_free(struct mb_key *k);
/* The tables of AES-GCM of ${k}: 1 KB. */
void mb_gcm_expand(IMB_MGR *mgr, const struct mb_key *k, struct gcm_key_data *out);

#endif
#endif
