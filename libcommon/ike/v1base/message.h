/*
 * Messages under the keys of phase 1 (RFC 2409, sections 5.5 to 5.7 and appendix B): IVs, encryption, HASH(1) to
 * HASH(3). Pure: keys and IV in, message out. The engine, trace/ and explain/ all use these functions.
 *
 * Functions return 0, or -1 with a fault. FAULT_CRYPTO, FAULT_MEMORY and (single DES) FAULT_NO_LEGACY_PROVIDER are
 * possible everywhere.
 */
#ifndef SAPIPE_IKE_V1BASE_MESSAGE_H
#define SAPIPE_IKE_V1BASE_MESSAGE_H

#include "crypto/crypto.h"
#include "wire/isakmp.h"

/* The protection of an IKE SA's messages: algorithms and keys; borrowed. */
struct v1_message_keys {
	const struct alg_hash	*hash;		/* negotiated; it makes the PRF */
	const struct alg_enc	*enc;
	struct span		 cipher;	/* Ka, for open and seal */
	struct span		 skeyid_a;	/* for HASH(n) */
};

/* --- IVs, appendix B: ${enc}->block bytes each --- */

/* The first encrypted message of phase 1: hash(g^xi | g^xr). */
int v1_phase1_iv(const struct alg_hash *h, const struct alg_enc *enc, struct span gxi,
    struct span gxr, uint8_t iv[BLOCK_MAX], struct fault *f);
/* The first message of any other message ID: hash(${last} | M-ID). ${last} is the last cipher block of phase 1. */
int v1_message_iv(const struct alg_hash *h, const struct alg_enc *enc,
    const uint8_t last[BLOCK_MAX], uint32_t mid, uint8_t iv[BLOCK_MAX], struct fault *f);
/*
 * Every other message: the last cipher block of the message before it, in either direction. v1_message_open() and
 * v1_message_seal() leave it in ${iv}; this function reads it from a ciphertext that was not decrypted.
 * FAULT_MALFORMED: ${ciphertext} is shorter than a block.
 */
int v1_next_iv(const struct alg_enc *enc, struct span ciphertext, uint8_t iv[BLOCK_MAX],
    struct fault *f);

/* --- encryption --- */

enum v1_opened {
	V1_OPENED,
	V1_UNDECRYPTED,		/* no whole blocks, or libcrypto failed; ${iv} is unchanged */
	V1_NONSENSE,		/* decrypted, but not into a chain of payloads: other keys, or another IV */
};

/*
 * Decrypts ${body}, a message without its header, into ${plain} (as long). FAULT_MALFORMED: no whole blocks.
 */
int v1_message_decrypt(const struct v1_message_keys *k, uint8_t iv[BLOCK_MAX], struct span body,
    uint8_t *plain, struct fault *f);
/*
 * Decrypts ${m} and parses its payloads. ${m}->hdr and raw hold the message as it was received; ${plain} has room
 * for its body (header.length - ISAKMP_HDR_LEN bytes), and the payloads of ${m} point there. ${iv} is then the IV of
 * the next message, even if the payloads cannot be parsed. Not V1_OPENED: ${m} has no payloads, ${f} the reason
 * (FAULT_MALFORMED, FAULT_TOO_LARGE).
 */
enum v1_opened v1_message_open(const struct v1_message_keys *k, uint8_t iv[BLOCK_MAX],
    struct isakmp_msg *m, uint8_t *plain, struct fault *f);

/*
 * Completes the message in ${b}: pads it with zeros to whole blocks, sets the encryption flag and the length, and
 * encrypts it in place. ${message} is the datagram, in the buffer of ${b}; ${iv} is then the IV of the next message.
 * FAULT_TOO_LARGE: the buffer has no room for the message and its padding.
 */
int v1_message_seal(const struct v1_message_keys *k, uint8_t iv[BLOCK_MAX],
    struct isakmp_builder *b, struct span *message, struct fault *f);

/* --- HASH(1) to HASH(3), section 5.5 --- */

/*
 *   HASH(1) = prf(SKEYID_a, M-ID | rest)
 *   HASH(2) = prf(SKEYID_a, M-ID | Ni_b | rest)
 *   HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)
 *
 * ${rest} is the message behind its HASH payload: payloads with their generic headers, without padding. Informational
 * messages (section 5.7) and transactions have HASH(1) too.
 */
struct v1_hash_n {
	unsigned	n;		/* 1, 2 or 3 */
	struct span	ni_b, nr_b;	/* quick mode's; HASH(1) needs neither, HASH(2) only Ni_b */
};

/* The value itself: ${k}->hash->len bytes into ${out}. */
int v1_message_hash(const struct v1_message_keys *k, const struct v1_hash_n *of, uint32_t mid,
    struct span rest, uint8_t out[HASH_MAX], struct fault *f);

/* Begins a message: appends a HASH payload of zeros, which v1_message_hash_fill() fills in. */
void v1_message_hash_put(const struct v1_message_keys *k, struct isakmp_builder *b);
/*
 * Computes the hash over the message in ${b}, which begins with v1_message_hash_put() and has all its payloads.
 * FAULT_TOO_LARGE: they do not fit into the buffer.
 */
int v1_message_hash_fill(const struct v1_message_keys *k, const struct v1_hash_n *of,
    struct isakmp_builder *b, struct fault *f);

/*
 * Verifies the hash of an opened message, in constant time. FAULT_MALFORMED: the message does not begin with a HASH
 * payload, or the hash is wrong. Every other fault: the hash cannot be computed.
 */
int v1_message_hash_verify(const struct v1_message_keys *k, const struct v1_hash_n *of,
    const struct isakmp_msg *m, struct fault *f);
/* The part of a message that a hash covers: all payloads after the first. The message has at least one. */
struct span v1_message_rest(const struct isakmp_msg *m);

#endif
