/* X.509 certificates: from DER, PEM and PKCS#7, and what is in them. */
#include "crypto/cert_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/secret.h"

void
cert_free(struct cert *c)
{
	if (c == NULL)
		return;
	X509_free(c->x);
	bytes_free(&c->der);
	bytes_free(&c->subject);
	bytes_free(&c->issuer);
	free(c);
}

static int
name_set(struct bytes *out, const X509_NAME *n)
{
	unsigned char *der = NULL;
	int len = i2d_X509_NAME(n, &der), rc = -1;

	if (len >= 0)
		rc = bytes_set(out, span_of(der, (size_t)len));
	OPENSSL_free(der);
	return (rc);
}

struct cert *
cert_new(X509 *x, struct fault *f)
{
	struct cert *c = calloc(1, sizeof(*c));
	unsigned char *der = NULL;
	int len;

	if (c == NULL)
		goto memory;
	if ((len = i2d_X509(x, &der)) <= 0) {
		(void)fault(f, FAULT_MALFORMED, "a certificate that cannot be encoded");
		goto bad;
	}
	if (bytes_set(&c->der, span_of(der, (size_t)len)) != 0 ||
	    name_set(&c->subject, X509_get_subject_name(x)) != 0 ||
	    name_set(&c->issuer, X509_get_issuer_name(x)) != 0 || X509_up_ref(x) != 1)
		goto memory;
	c->x = x;
	OPENSSL_free(der);
	/* Parses the extensions now: later uses only read. */
	(void)X509_check_purpose(x, -1, 0);
	ERR_clear_error();
	return (c);
memory:
	(void)fault(f, FAULT_MEMORY, "no memory for a certificate");
bad:
	OPENSSL_free(der);
	cert_free(c);
	return (NULL);
}

int
certs_add(struct certs *l, X509 *x, size_t max, struct fault *f)
{
	struct cert **grown, *c;

	if (l->n >= max)
		return (fault(f, FAULT_TOO_LARGE, "more than %zu certificates", max));
	if ((c = cert_new(x, f)) == NULL)
		return (-1);
	if ((grown = realloc(l->c, (l->n + 1) * sizeof(*grown))) == NULL) {
		cert_free(c);
		return (fault(f, FAULT_MEMORY, "no memory for a certificate"));
	}
	l->c = grown;
	l->c[l->n++] = c;
	return (0);
}

/* Back to the first ${n}. */
static void
certs_cut(struct certs *l, size_t n)
{
	while (l->n > n)
		cert_free(l->c[--l->n]);
}

void
certs_free(struct certs *l)
{
	certs_cut(l, 0);
	free(l->c);
	*l = (struct certs){0};
}

static int
check_size(struct span der, struct fault *f)
{
	if (der.len > CERT_DER_MAX)
		return (fault(f, FAULT_TOO_LARGE, "%zu bytes of certificate, at most %d", der.len, CERT_DER_MAX));
	return (0);
}

int
certs_add_der(struct certs *l, struct span der, size_t max, struct fault *f)
{
	const unsigned char *p = der.p;
	X509 *x;
	int rc = -1;

	if (check_size(der, f) != 0)
		return (-1);
	x = d2i_X509(NULL, &p, (long)der.len);
	ERR_clear_error();
	if (x == NULL)
		return (fault(f, FAULT_MALFORMED, "%zu bytes are no X.509 certificate", der.len));
	if ((size_t)(p - der.p) != der.len)
		(void)fault(f, FAULT_MALFORMED, "%zu bytes follow the certificate", der.len - (size_t)(p - der.p));
	else
		rc = certs_add(l, x, max, f);
	X509_free(x);
	return (rc);
}

static int
add_pkcs7(struct certs *l, PKCS7 *p7, size_t max, struct fault *f)
{
	STACK_OF(X509) *set = PKCS7_type_is_signed(p7) && p7->d.sign != NULL ? p7->d.sign->cert : NULL;
	size_t had = l->n;
	int i;

	if (set == NULL || sk_X509_num(set) <= 0)
		return (fault(f, FAULT_MALFORMED, "a PKCS#7 without certificates"));
	for (i = 0; i < sk_X509_num(set); i++)
		if (certs_add(l, sk_X509_value(set, i), max, f) != 0) {
			certs_cut(l, had);
			return (-1);
		}
	return (0);
}

int
certs_add_pkcs7(struct certs *l, struct span der, size_t max, struct fault *f)
{
	const unsigned char *p = der.p;
	PKCS7 *p7;
	int rc = -1;

	if (check_size(der, f) != 0)
		return (-1);
	p7 = d2i_PKCS7(NULL, &p, (long)der.len);
	ERR_clear_error();
	if (p7 == NULL)
		return (fault(f, FAULT_MALFORMED, "%zu bytes are no PKCS#7", der.len));
	if ((size_t)(p - der.p) != der.len)
		(void)fault(f, FAULT_MALFORMED, "%zu bytes follow the PKCS#7", der.len - (size_t)(p - der.p));
	else
		rc = add_pkcs7(l, p7, max, f);
	PKCS7_free(p7);
	return (rc);
}

/* One object of a PEM file. */
static int
add_pem(struct certs *l, const char *name, struct span der, size_t max, struct fault *f)
{
	if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0 ||
	    strcmp(name, PEM_STRING_X509_TRUSTED) == 0)
		return (certs_add_der(l, der, max, f));
	if (strcmp(name, PEM_STRING_PKCS7) == 0 || strcmp(name, PEM_STRING_PKCS7_SIGNED) == 0)
		return (certs_add_pkcs7(l, der, max, f));
	return (0);	/* a key beside it */
}

int
certs_add_file(struct certs *l, struct span data, size_t max, struct fault *f)
{
	BIO *in;
	char *name, *header;
	unsigned char *der;
	size_t had = l->n;
	long len;
	int rc = 0;

	if (data.len > 0 && data.p[0] == 0x30) {	/* a SEQUENCE: DER */
		if (certs_add_der(l, data, max, NULL) == 0 || certs_add_pkcs7(l, data, max, NULL) == 0)
			return (0);
		return (fault(f, FAULT_MALFORMED, "DER, but no certificate and no PKCS#7 of certificates"));
	}
	if (data.len > INT32_MAX || (in = BIO_new_mem_buf(data.p, (int)data.len)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for certificates"));
	/* Keys may be in the file: what was read is wiped. */
	while (rc == 0 && PEM_read_bio(in, &name, &header, &der, &len) == 1) {
		rc = add_pem(l, name, span_of(der, (size_t)len), max, f);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len);
	}
	ERR_clear_error();
	BIO_free(in);
	if (rc == 0 && l->n == had)
		rc = fault(f, FAULT_MALFORMED, "no certificate in it, neither PEM nor DER");
	if (rc != 0)
		certs_cut(l, had);
	return (rc);
}

/* --- what is in one --- */

struct span
cert_der(const struct cert *c)
{
	return (bytes_span(&c->der));
}

struct span
cert_subject(const struct cert *c)
{
	return (bytes_span(&c->subject));
}

struct span
cert_issuer(const struct cert *c)
{
	return (bytes_span(&c->issuer));
}

bool
cert_eq(const struct cert *a, const struct cert *b)
{
	return (span_eq(bytes_span(&a->der), bytes_span(&b->der)));
}

bool
cert_is_root(const struct cert *c)
{
	return (X509_NAME_cmp(X509_get_subject_name(c->x), X509_get_issuer_name(c->x)) == 0);
}

bool
cert_is_ca(const struct cert *c)
{
	return (X509_check_ca(c->x) != 0);
}

static int64_t
seconds(const ASN1_TIME *t, int64_t otherwise)
{
	ASN1_TIME *zero = ASN1_TIME_set(NULL, 0);
	int days, rest;
	int64_t s = otherwise;

	if (zero != NULL && t != NULL && ASN1_TIME_diff(&days, &rest, zero, t) == 1)
		s = (int64_t)days * 86400 + rest;
	ASN1_TIME_free(zero);
	ERR_clear_error();
	return (s);
}

int64_t
cert_begins(const struct cert *c)
{
	return (seconds(X509_get0_notBefore(c->x), INT64_MIN));
}

int64_t
cert_ends(const struct cert *c)
{
	return (seconds(X509_get0_notAfter(c->x), INT64_MAX));
}

bool
cert_may_sign(const struct cert *c)
{
	return ((X509_get_key_usage(c->x) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0);
}

char *
cert_usage_text(char out[CERT_USAGE_TEXT], const struct cert *c)
{
	static const struct { uint32_t bit; const char *word; } words[] = {
		{ KU_DIGITAL_SIGNATURE, "digitalSignature" }, { KU_NON_REPUDIATION, "nonRepudiation" },
		{ KU_KEY_ENCIPHERMENT, "keyEncipherment" }, { KU_DATA_ENCIPHERMENT, "dataEncipherment" },
		{ KU_KEY_AGREEMENT, "keyAgreement" }, { KU_KEY_CERT_SIGN, "keyCertSign" },
		{ KU_CRL_SIGN, "cRLSign" },
	};
	uint32_t usage = X509_get_key_usage(c->x);
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; usage != UINT32_MAX && i < sizeof(words) / sizeof(words[0]); i++)
		if ((usage & words[i].bit) != 0 && n < CERT_USAGE_TEXT)
			n += (size_t)snprintf(out + n, CERT_USAGE_TEXT - n, "%s%s", n > 0 ? ", " : "", words[i].word);
	return (out);
}

char *
cert_serial_text(char out[CERT_SERIAL_TEXT], const struct cert *c)
{
	const ASN1_INTEGER *s = X509_get0_serialNumber(c->x);
	const unsigned char *p = ASN1_STRING_get0_data(s);
	int i, len = ASN1_STRING_length(s);
	size_t n = 0;

	out[0] = '\0';
	for (i = 0; i < len && n + 3 <= CERT_SERIAL_TEXT; i++)
		n += (size_t)snprintf(out + n, CERT_SERIAL_TEXT - n, "%02x", p[i]);
	return (out);
}
