/* The inside of a certificate, for crypto/ alone. */
#ifndef SAPIPE_CRYPTO_CERT_PRIV_H
#define SAPIPE_CRYPTO_CERT_PRIV_H

#include <openssl/x509.h>

#include "crypto/cert.h"

struct cert {
	X509		*x;
	struct bytes	 der, subject, issuer;
};

/* A certificate of its own from ${x}, which stays the caller's. NULL with FAULT_MEMORY or FAULT_MALFORMED. */
struct cert *cert_new(X509 *x, struct fault *f);
void cert_free(struct cert *c);
/* Appends ${x}, which stays the caller's; 0 or -1 as in cert.h. */
int certs_add(struct certs *l, X509 *x, size_t max, struct fault *f);

#endif
