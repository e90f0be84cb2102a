/*
 * The derivations of RFC 2409, by its own names: SKEYID and its family, the cipher key, HASH_I and HASH_R, KEYMAT.
 * Pure: inputs in, result out, no exchange and no state. IVs and HASH(1) to HASH(3) are in message.h. "_b" is the
 * body of a payload without its generic header (RFC 2409 section 3.2); ${g^xi} is the initiator's public value and
 * so on; cookies are COOKIE_LEN bytes.
 *
 * Every function returns 0, or -1 with FAULT_CRYPTO, FAULT_MEMORY or (single DES)
 * FAULT_NO_LEGACY_PROVIDER; results are then empty or unchanged. A secret that
 * receives a result is released first. ${h} is the negotiated hash, which makes the PRF.
 */
#ifndef SAPIPE_IKE_V1BASE_KEYS_H
#define SAPIPE_IKE_V1BASE_KEYS_H

#include "crypto/crypto.h"
#include "crypto/proposal.h"
#include "wire/isakmp.h"

#define V1_KEYMAT_MAX	256	/* bytes that one SA may ask for */

struct v1_keys {
	struct secret	skeyid, skeyid_d, skeyid_a, skeyid_e;
	struct secret	cipher;		/* Ka: the key of ${enc}, derived from SKEYID_e */
};

/*
 * SKEYID, RFC 2409 section 5:
 *   pre-shared key          prf(pre-shared-key, Ni_b | Nr_b)
 *   signatures              prf(Ni_b | Nr_b, g^xy)
 *   public-key encryption   prf(hash(Ni_b | Nr_b), CKY-I | CKY-R)
 */
int v1_skeyid_psk(const struct alg_hash *h, struct span psk, struct span ni_b, struct span nr_b,
    struct secret *out, struct fault *f);
int v1_skeyid_sig(const struct alg_hash *h, struct span ni_b, struct span nr_b, struct span gxy,
    struct secret *out, struct fault *f);
int v1_skeyid_pke(const struct alg_hash *h, struct span ni_b, struct span nr_b,
    const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN], struct secret *out,
    struct fault *f);

/* The three that follow from SKEYID, one by one.
 *   SKEYID_d = prf(SKEYID, g^xy | CKY-I | CKY-R | 0)
 *   SKEYID_a = prf(SKEYID, SKEYID_d | g^xy | CKY-I | CKY-R | 1)
 *   SKEYID_e = prf(SKEYID, SKEYID_a | g^xy | CKY-I | CKY-R | 2)
 */
enum v1_skeyid_which { V1_SKEYID_D, V1_SKEYID_A, V1_SKEYID_E };
/* ${before} is the one before it in that list; ignored (empty) for SKEYID_d. */
int v1_skeyid_next(const struct alg_hash *h, enum v1_skeyid_which which, struct span skeyid,
    struct span before, struct span gxy, const uint8_t cky_i[COOKIE_LEN],
    const uint8_t cky_r[COOKIE_LEN], struct secret *out, struct fault *f);

/*
 * Ka, RFC 2409 appendix B: the head of SKEYID_e, or where that is too short K1 | K2 | ...
 * with K1 = prf(SKEYID_e, 0), Kn = prf(SKEYID_e, Kn-1). Of DES the first eight bytes that are
 * no weak key.
 */
int v1_cipher_key(const struct alg_hash *h, const struct alg_enc *enc, struct span skeyid_e,
    struct secret *out, struct fault *f);

/*
 * Revised mode of public-key encryption, RFC 2409 section 5.3: derives from the nonce and cookie of one end an
 * ephemeral key for its payloads. ${nonce_b} is the nonce of that end, ${cky} its cookie, ${ne} the output of v1_pke_ne().
 *   Ne_i = prf(Ni_b, CKY-I), Ne_r = prf(Nr_b, CKY-R)
 *   Ke_i = the head of Ne_i, or where that is too short K1 | K2 | ..., K1 = prf(Ne_i, 0), K2 = prf(Ne_i, K1)
 */
int v1_pke_ne(const struct alg_hash *h, struct span nonce_b, const uint8_t cky[COOKIE_LEN],
    struct secret *out, struct fault *f);
int v1_pke_ke(const struct alg_hash *h, const struct alg_enc *enc, struct span ne, struct secret *out,
    struct fault *f);
/*
 * A payload's body under such a key, in CBC. ${iv} is zero for the first, and moves on to the next. Padding is zeros
 * and, last, their number; there is at least that one byte. FAULT_MALFORMED: no whole blocks, or no such padding;
 * ${out} is then undefined, but may be released.
 */
int v1_pke_encrypt(const struct alg_enc *enc, struct span ke, uint8_t iv[BLOCK_MAX], struct span body,
    struct secret *out, struct fault *f);
int v1_pke_decrypt(const struct alg_enc *enc, struct span ke, uint8_t iv[BLOCK_MAX],
    struct span ciphertext, struct secret *out, struct fault *f);

/* All of it at once: ${k}->skeyid is given, the others are filled. On failure all
 * of ${k} is released. */
int v1_keys_derive(struct v1_keys *k, const struct alg_hash *h, const struct alg_enc *enc,
    struct span gxy, const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN],
    struct fault *f);
void v1_keys_wipe(struct v1_keys *k);

/*
 * Proof of phase 1, RFC 2409 section 5; ${h}->len bytes into ${out}. To be compared with ct_eq().
 *   HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b)
 *   HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b)
 * SAi_b is the initiator's offer in both, as received on the wire.
 */
int v1_hash_i(const struct alg_hash *h, struct span skeyid, struct span gxi, struct span gxr,
    const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN], struct span sai_b,
    struct span idii_b, uint8_t out[HASH_MAX], struct fault *f);
int v1_hash_r(const struct alg_hash *h, struct span skeyid, struct span gxi, struct span gxr,
    const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN], struct span sai_b,
    struct span idir_b, uint8_t out[HASH_MAX], struct fault *f);

/*
 * KEYMAT of one SA, RFC 2409 section 5.5: K1 | K2 | ... cut to ${len} (1 to V1_KEYMAT_MAX),
 *   K1 = prf(SKEYID_d, [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b)
 *   Kn = prf(SKEYID_d, Kn-1 | [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b)
 * ${gqmxy} is empty without PFS. ${protocol} is that of isakmp_num.h (PROTO_ESP, PROTO_AH);
 * ${spi} the one that the receiver of the traffic chose.
 */
int v1_keymat(const struct alg_hash *h, struct span skeyid_d, struct span gqmxy, uint8_t protocol,
    const uint8_t spi[4], struct span ni_b, struct span nr_b, size_t len, struct secret *out,
    struct fault *f);

/* The KEYMAT length for ${p}: ${enc_len} bytes with the salt, then ${auth_len}. */
void esp_key_sizes(const struct esp_proposal *p, size_t *enc_len, size_t *auth_len);

/*
 * Splits KEYMAT of esp_key_sizes() bytes into the two keys of SA state: encryption
 * comes first (RFC 2407 section 4.5 by way of RFC 4301 section 4.5.2). FAULT_CRYPTO if it is a weak
 * key of single DES (RFC 2405 section 3): negotiate the SA again.
 */
int v1_keymat_cut(const struct esp_proposal *p, struct span keymat, struct secret *enc,
    struct secret *auth, struct fault *f);

#endif
