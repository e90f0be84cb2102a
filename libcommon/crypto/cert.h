/*
 * X.509 certificates (RFC 5280), thin over libcrypto: parsed, taken apart, and their names. Which one is trusted is in
 * trust.h. All bytes may be hostile: sizes and numbers are bounded here, ASN.1 is libcrypto's.
 */
#ifndef SAPIPE_CRYPTO_CERT_H
#define SAPIPE_CRYPTO_CERT_H

#include "base/bytes.h"
#include "base/fault.h"
#include "base/span.h"

#define CERT_DER_MAX	32768	/* bytes of one certificate, or of one PKCS#7 */
#define CERTS_FILE_MAX	1024	/* certificates of a file, or of one list of CAs */

struct cert;

/* A list that owns its certificates; all zero is empty. */
struct certs {
	size_t		  n;
	struct cert	**c;
};

/*
 * Each appends to ${l}, which never has more than ${max} certificates. 0, or -1 with FAULT_MALFORMED (not that
 * form, or bytes behind it), FAULT_TOO_LARGE (too long, too many) or FAULT_MEMORY; ${l} is then as before.
 */
/* One certificate in DER. */
int certs_add_der(struct certs *l, struct span der, size_t max, struct fault *f);
/* The certificates of a PKCS#7 SignedData in DER, at least one; their order means nothing. */
int certs_add_pkcs7(struct certs *l, struct span der, size_t max, struct fault *f);
/* A file: one or more certificates or PKCS#7 in PEM, text between them ignored; or one of them in DER. */
int certs_add_file(struct certs *l, struct span data, size_t max, struct fault *f);
void certs_free(struct certs *l);

/* These live as long as ${c}. */
struct span cert_der(const struct cert *c);
struct span cert_subject(const struct cert *c);		/* DER of the name */
struct span cert_issuer(const struct cert *c);
bool cert_eq(const struct cert *a, const struct cert *b);	/* the same bytes */
/* Whether subject and issuer are one name. */
bool cert_is_root(const struct cert *c);
/* basicConstraints with CA, or a certificate of version 1 that is self-signed. */
bool cert_is_ca(const struct cert *c);
#define CERT_TIME_TEXT	32
/* Seconds since 1970 as RFC 3339. */
char *cert_time_text(char out[CERT_TIME_TEXT], int64_t epoch);
/* Seconds since 1970: the first and the last of its validity; INT64_MIN and INT64_MAX where it cannot be read. */
int64_t cert_begins(const struct cert *c);
int64_t cert_ends(const struct cert *c);
/* keyUsage, if it is there, must allow signatures: digitalSignature or nonRepudiation (RFC 4945 section 5.1.3.2). */
bool cert_may_sign(const struct cert *c);
/* The words of keyUsage, "keyEncipherment, keyAgreement"; "" if it is not there. */
#define CERT_USAGE_TEXT	128
char *cert_usage_text(char out[CERT_USAGE_TEXT], const struct cert *c);
/* The serial number in hex, cut to the room. */
#define CERT_SERIAL_TEXT 64
char *cert_serial_text(char out[CERT_SERIAL_TEXT], const struct cert *c);

/* subjectAltName: whether ${name} is one of its names of that kind. Wildcards are compared as text. */
enum cert_name { CERT_DNS, CERT_EMAIL, CERT_IP, CERT_DN };
/* DNS without regard to case; e-mail's domain likewise; an address as 4 or 16 bytes; a DN in DER, byte for byte. */
bool cert_has_name(const struct cert *c, enum cert_name kind, struct span name);
/* Names for people: "DNS:gw.example, IP:192.0.2.1"; other bytes as \xNN; "" if it has none; cut to the room. */
void cert_names_text(char *out, size_t cap, const struct cert *c);

#endif
