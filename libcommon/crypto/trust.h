/*
 * Which certificates an end trusts, and its own: certificate authorities, revocation lists, pinned certificates and
 * hashes; the path from a certificate to one of the authorities (RFC 5280 section 6), checked by libcrypto.
 */
#ifndef SAPIPE_CRYPTO_TRUST_H
#define SAPIPE_CRYPTO_TRUST_H

#include "crypto/cert.h"
#include "crypto/sign.h"

#define TRUST_HASHES_MAX	16	/* of --peer-cert-hash */
#define TRUST_HASH_LEN		32	/* bytes: SHA-256 */
#define TRUST_CRLS_MAX		64
#define TRUST_CRL_MAX		(16 * 1024 * 1024)	/* bytes of a file of CRLs */

struct crls;		/* revocation lists */

/* The credentials of an end and its view of the peer; all zero: none. */
struct creds {
	struct certs		 own;		/* ours first, then the chain above it, without the root */
	struct sign_key		*key;		/* of the first */
	struct certs		 ca;
	struct certs		 pinned;	/* the peer's certificate, without a CA */
	struct crls		*crls;
	size_t			 n_hashes;
	uint8_t			 hash[TRUST_HASHES_MAX][TRUST_HASH_LEN];	/* SHA-256 of the peer's, in DER */
};
void creds_free(struct creds *c);
/*
 * Puts ${c}->own in the order in which it is sent: the certificate of ${c}->key first, the chain above it next.
 * Others and the root are left out. 0, or -1 with FAULT_CONFIG: none belongs to the key.
 */
int creds_order(struct creds *c, struct fault *f);

/* Appends the CRLs of a file, PEM or DER. 0, or -1 with FAULT_MALFORMED, FAULT_TOO_LARGE or FAULT_MEMORY. */
int crls_add_file(struct crls **l, struct span data, struct fault *f);
/* Whether both have the same lists in the same order. */
bool crls_eq(const struct crls *a, const struct crls *b);
void crls_free(struct crls *l);

/* Why a certificate is not trusted. */
enum trust_why {
	TRUST_OK,
	TRUST_NO_ISSUER,	/* its issuer is no CA of ours and was not sent */
	TRUST_OTHER_CA,		/* the chain ends in a root that is not ours */
	TRUST_NOT_CA,		/* the issuer's certificate may not issue any */
	TRUST_BAD_SIGNATURE,	/* not made by the issuer's key */
	TRUST_EARLY, TRUST_EXPIRED,
	TRUST_REVOKED,
	TRUST_NO_CRL,		/* there are CRLs, but none of its issuer */
	TRUST_OLD_CRL,		/* the issuer's CRL is not valid now */
	TRUST_CONSTRAINED,	/* a CA's name constraints exclude a name of it */
	TRUST_OTHER,		/* ${text} has libcrypto's words */
};
struct trust_result {
	enum trust_why	 why;
	struct bytes	 subject, issuer;	/* of the certificate it is about, DER of the names */
	int64_t		 when;			/* seconds since 1970: of revocation, or the end of a CRL */
	char		 serial[CERT_SERIAL_TEXT];
	const char	*text;			/* constant */
	bool		 is_leaf;		/* it is the certificate itself, not one of its chain */
};
void trust_result_free(struct trust_result *r);

/*
 * Whether ${leaf} is trusted at ${epoch} (seconds since 1970): a path leads over certificates of ${sent} (may be
 * NULL) to one of ${c}->ca; all are valid then, none is revoked. 0 with ${r} filled in, or -1 with FAULT_MEMORY.
 */
int trust_check(struct trust_result *r, const struct cert *leaf, const struct certs *sent, const struct creds *c,
    uint64_t epoch, struct fault *f);
/* Whether ${leaf} is pinned: it, or its hash, is configured. */
bool trust_is_pinned(const struct cert *leaf, const struct creds *c);
/* SHA-256 of its DER. 0 or -1. */
int cert_hash(const struct cert *c, uint8_t out[TRUST_HASH_LEN]);

#endif
