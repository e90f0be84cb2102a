/*
 * Signatures over a hash that is there already, as IKEv1 makes them, and private keys; thin over libcrypto. The hash
 * is HASH_I or HASH_R: it is not hashed again.
 */
#ifndef SAPIPE_CRYPTO_SIGN_H
#define SAPIPE_CRYPTO_SIGN_H

#include "base/bytes.h"
#include "base/fault.h"
#include "base/secret.h"
#include "crypto/cert.h"

#define SIGN_RSA_BITS_MIN	1024
#define SIGN_RSA_BITS_MAX	16384
#define SIGN_DSS_BITS_MAX	3072	/* of p, at least SIGN_RSA_BITS_MIN; q has 160 */

enum sign_kind {
	SIGN_NONE,		/* no key, or one of another kind or size */
	SIGN_RSA,		/* PKCS#1 version 1.5, block type 1 around the bare hash (RFC 2409 section 5.1) */
	SIGN_EC256, SIGN_EC384, SIGN_EC521,	/* r | s on P-256, P-384, P-521 (RFC 4754) */
	SIGN_DSS,		/* r | s of 20 bytes each, over a hash of SHA-1 (RFC 2409 section 5.1) */
};

/* A private key. libcrypto decides which of its numbers it keeps in its secure heap. */
struct sign_key;

/*
 * Reads a private key: PEM or DER, PKCS#8 (encrypted or not), or the older forms. ${pass} opens an encrypted one; a
 * key that is not encrypted ignores it. 0, or -1: FAULT_SECRET_FILE (*${locked}: an empty ${pass} is the reason, or a
 * wrong one), FAULT_CONFIG (a kind of key that cannot be used).
 */
int sign_key_read(struct sign_key **out, struct span data, struct span pass, bool *locked, struct fault *f);
/*
 * A PKCS#12: the key, and all of its certificates appended to ${certs}. FAULT_MALFORMED: ${data} is none; otherwise
 * as above. ${out} stays NULL if it has no key.
 */
int sign_p12_read(struct sign_key **out, struct certs *certs, struct span data, struct span pass, bool *locked,
    struct fault *f);
/*
 * A key that signs elsewhere, such as in a process that holds a token: ${spki} is its public part, a SubjectPublicKeyInfo
 * in DER. ${by} signs a hash as sign_make() does and may wait; ${end} releases ${ctx}. 0, or -1: FAULT_SECRET_FILE,
 * FAULT_CONFIG or FAULT_MEMORY; ${ctx} is then the caller's.
 */
typedef int sign_by(void *ctx, struct span hash, struct bytes *out, struct fault *f);
typedef void sign_by_end(void *ctx);
int sign_key_elsewhere(struct sign_key **out, struct span spki, sign_by *by, sign_by_end *end, void *ctx, struct fault *f);
/* The public part of ${k}, as above. 0, or -1 with FAULT_CRYPTO or FAULT_MEMORY. */
int sign_key_public(const struct sign_key *k, struct bytes *out, struct fault *f);
/*
 * The key that ${uri} (RFC 7512, "pkcs11:...") names, by OpenSSL's engine pkcs11 (sign_engine.c). It loads code, opens
 * files and perhaps sockets: for a process of its own. 0, or -1: FAULT_SECRET_FILE, FAULT_CONFIG, FAULT_MEMORY.
 */
int sign_key_engine(struct sign_key **out, const char *uri, struct span pin, struct fault *f);
/* For sign_engine.c: takes libcrypto's EVP_PKEY, which it releases if it fails. */
int sign_key_take(struct sign_key **out, void *evp_pkey, struct fault *f);
void sign_key_free(struct sign_key *k);		/* wipes; NULL is fine */

enum sign_kind sign_key_kind(const struct sign_key *k);
/* What a signature costs, in units of some 2 ms (ike/budget.h). */
unsigned sign_key_units(const struct sign_key *k);
/* Whether ${k} is the key of the certificate ${c}. */
bool sign_key_fits(const struct sign_key *k, const struct cert *c);
/* The kind of signature that the key of ${c} checks. */
enum sign_kind cert_kind(const struct cert *c);
/* The key in words, constant: "RSA", "ECDSA P-256", "another kind of key". */
const char *sign_kind_name(enum sign_kind kind);

/* Signs ${hash}; ${out} is the caller's to release. 0, or -1 with FAULT_CRYPTO or FAULT_MEMORY. */
int sign_make(const struct sign_key *k, struct span hash, struct bytes *out, struct fault *f);
/*
 * Whether ${sig} is a signature over ${hash} by the key of ${c}, which is of kind ${kind}. RSA: the block holds the bare
 * hash, or a DigestInfo with it, and nothing else. The caller trusts the key: see trust.h.
 */
bool sign_check(const struct cert *c, enum sign_kind kind, struct span hash, struct span sig);
/*
 * The block that an RSA signature contains, by the key of ${c}: as long as the modulus, padding and all; ${out} is the
 * caller's to release. 0, or -1 with FAULT_CRYPTO (it is none of that length, or no RSA key) or FAULT_MEMORY.
 */
int sign_recover(const struct cert *c, struct span sig, struct bytes *out, struct fault *f);

#endif
