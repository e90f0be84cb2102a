/* Inside backends/: what ipsec-mb makes of a key, for mb.c. */
#ifndef SAPIPE_ESP_BACKENDS_MB_KEY_H
#define SAPIPE_ESP_BACKENDS_MB_KEY_H

#include "esp/backends/key.h"

#ifdef ESP_HAVE_MB
#include <intel-ipsec-mb.h>

#define MB_ROUND_KEYS	15		/* of AES-256 */
#define MB_KEY_LENS	3		/* of AES */
#define MB_KEY_LEN(k)	((k)->key_len / 8 - 2)	/* 128, 192, 256 bits: 0, 1, 2 */

struct mb_des {
	const void	*of[3];		/* as the library wants them */
	uint64_t	 schedule[3][IMB_DES_KEY_SCHED_SIZE / 8];
};

/* In a slot; aligned as the library wants the tables of GCM, which its header does not say. */
struct mb_slot {
	union {
		struct gcm_key_data gcm;
		struct {
			union {
				uint8_t		 aes[MB_ROUND_KEYS * 16];
				struct mb_des	 des;
			};
			uint8_t	 xcbc[11 * 16] __attribute__((aligned(16)));	/* round keys of K1 */
		};
	};
} __attribute__((aligned(64)));

/* Whether the library has these algorithms. */
bool mb_key_supports(const struct esp_suite *s);
/* An IMB_CIPHER_MODE, for the ${mode} of a key. */
uint8_t mb_mode(const struct alg_enc *e);
/* The integrity of a key that has one. */
IMB_HASH_ALG mb_hash(const struct esp_key *k);
size_t mb_mac_len(const struct esp_key *k);
/* Whether ${k} needs a slot at all; and what it has in one. */
bool mb_needs_slot(const struct esp_key *k);
void mb_expand(IMB_MGR *mgr, const struct esp_key *k, struct mb_slot *out);
/* What the cipher of ${k} wants for its key; ${s} is the slot of ${k}, if it needs one. */
const void *mb_schedule(const struct esp_key *k, const struct mb_slot *s);
/* The functions of AES-GCM, [seal][MB_KEY_LEN()]. */
void mb_gcm_functions(const IMB_MGR *mgr, aes_gcm_enc_dec_t out[2][MB_KEY_LENS]);

#endif
#endif
