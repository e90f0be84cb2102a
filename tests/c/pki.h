/* Certificates, keys and CRLs made for a test, by libcrypto. */
#ifndef SAPIPE_TESTS_PKI_H
#define SAPIPE_TESTS_PKI_H

#include <openssl/x509.h>

#include "crypto/trust.h"

#define PKI_NOW		1767225600	/* 2026-01-01T00:00:00Z */
#define PKI_YEAR	31536000LL

struct pki {
	X509		*x;
	EVP_PKEY	*key;
};

struct pki_spec {
	const char	*cn;		/* the subject is O=Test, CN=this */
	const struct pki *issuer;	/* NULL: self-signed */
	enum sign_kind	 kind;		/* of key */
	bool		 ca;
	const char	*san, *usage, *constraints, *eku;	/* as in openssl's configuration; NULL: none */
	int64_t		 from, to;	/* seconds from PKI_NOW; both 0: a year around it */
	const struct pki *key;		/* NULL: a new key */
};

struct pki pki_make(const struct pki_spec *spec);
void pki_free(struct pki *p);
/* The certificate, appended to a list. */
void pki_add(struct certs *l, const struct pki *p);
/* The private key, for a struct creds. */
struct sign_key *pki_key(const struct pki *p);
/* A CRL of ${ca} that revokes ${gone} (NULL: none), in PEM; valid for a day, from ${from} seconds after PKI_NOW. */
struct bytes pki_crl(const struct pki *ca, const struct pki *gone, int64_t from);
/* DER of a PKCS#7 that holds the ${n} certificates. */
struct bytes pki_pkcs7(const struct pki *const *list, size_t n);

#endif
