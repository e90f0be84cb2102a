/*
 * Hash, PRF, ciphers and Diffie-Hellman of IKE, thin over libcrypto, without
 * global state. Every function returns 0, or -1 with FAULT_CRYPTO,
 * FAULT_MEMORY or FAULT_NO_LEGACY_PROVIDER. ESP's bulk crypto is in esp/.
 */
#ifndef SAPIPE_CRYPTO_CRYPTO_H
#define SAPIPE_CRYPTO_CRYPTO_H

#include "base/fault.h"
#include "base/secret.h"
#include "base/span.h"
#include "crypto/alg.h"

#define HASH_MAX	64	/* bytes of the longest hash */
#define BLOCK_MAX	16	/* bytes of the longest cipher block */

/* hash(parts[0] | parts[1] | ...) into ${out}, ${h}->len bytes. */
int hash_parts(const struct alg_hash *h, uint8_t out[HASH_MAX], const struct span *parts,
    size_t n, struct fault *f);

/* prf(key, parts[0] | parts[1] | ...): HMAC of the negotiated hash (RFC 2409 section 4). */
int prf_parts(const struct alg_hash *h, struct span key, struct secret *out,
    const struct span *parts, size_t n, struct fault *f);

/* CBC of whole blocks, in place; ${iv} is replaced by the last cipher block. */
int cbc_encrypt(const struct alg_enc *e, struct span key, uint8_t iv[BLOCK_MAX], uint8_t *data,
    size_t len, struct fault *f);
int cbc_decrypt(const struct alg_enc *e, struct span key, uint8_t iv[BLOCK_MAX], uint8_t *data,
    size_t len, struct fault *f);

/*
 * Prepares ${e}: loads what it needs (the legacy provider, for single DES) before the
 * sandbox forbids it. 0, or -1 with FAULT_NO_LEGACY_PROVIDER or FAULT_CRYPTO.
 */
int cipher_ready(const struct alg_enc *e, struct fault *f);

/* DES weak and semi-weak keys (RFC 2409 appendix A): true if ${key} is one. */
bool des_weak_key(const struct alg_enc *e, struct span key);

/*
 * The source of random bytes is a parameter, so that exchanges are repeatable: a
 * function and its state. rand_system is libcrypto's generator; rand_seeded derives all
 * bytes from a seed, for tests and --seed only; ${state} must outlive the result.
 * fill() returns 0 or -1.
 */
struct rand {
	int	(*fill)(void *state, uint8_t *p, size_t n);
	void	*state;
};
extern const struct rand rand_system;
struct rand_seed { uint8_t seed[32]; uint64_t counter; };
struct rand rand_seeded(struct rand_seed *state, struct span seed);

/*
 * A Diffie-Hellman exchange. MODP values are padded to the prime's length, ECP ones are x | y
 * (RFC 5903), the shared secret is x; Curve25519 as RFC 8031. The peer's public value is checked:
 * range 2..p-2 for MODP, membership in the subgroup for 22-24, on the curve for ECP, large order
 * for 25519. A bad value, or one of the wrong length, is FAULT_MALFORMED.
 */
struct dh;
struct dh *dh_new(const struct alg_group *g, const struct rand *r, struct fault *f);
/* With a given private value, big-endian (skeyid-calc, tests); FAULT_USAGE if it is out of range. */
struct dh *dh_from_private(const struct alg_group *g, struct span priv, struct fault *f);
/*
 * The same checks of a peer's public value without a key of ours, for use before one is made: 0, or -1 with
 * FAULT_MALFORMED. Costs little, except in groups 22 to 24 (an exponentiation) and 31 (a multiplication).
 */
int dh_check_public(const struct alg_group *g, struct span peer, struct fault *f);
struct span dh_public(const struct dh *d);		/* lives as long as ${d} */
int dh_shared(const struct dh *d, struct span peer, struct secret *out, struct fault *f);
/* The private value, for state of test seams and --explain. */
int dh_private(const struct dh *d, struct secret *out, struct fault *f);
void dh_free(struct dh *d);				/* wipes; NULL is fine */

/* Whether it is a group of numbers, not of points. */
bool dh_is_modp(const struct alg_group *g);
/*
 * The prime and the generator of a group, for explanations: most significant byte first; the base point of an ECP group
 * is x | y, of Curve25519 u. 0, or -1 with FAULT_MEMORY or FAULT_CRYPTO.
 */
int dh_constants(const struct alg_group *g, struct secret *p, struct secret *gen, struct fault *f);

/* Arithmetic of Diffie-Hellman with the reader's own numbers; at most DH_NUMBER_MAX bytes each, else FAULT_CRYPTO. */
#define DH_NUMBER_MAX	256
/* 1: it is a prime (an error has a chance below 2^-64); 0: it is not; -1 with a fault. */
int dh_number_prime(struct span p, struct fault *f);
/* ${base} ^ ${x} mod ${p} without leading zeros; ${p} is odd, ${base} is below it. */
int dh_number_power(struct span base, struct span x, struct span p, struct secret *out, struct fault *f);

#endif
