/* Certificates made for a test: one key of each kind is made once and serves all certificates that name no other. */
#include "pki.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Parameters take a second: they are made once. */
static EVP_PKEY *
new_dsa(void)
{
	static EVP_PKEY *params;
	EVP_PKEY *k = NULL;
	EVP_PKEY_CTX *ctx;

	if (params == NULL) {
		ctx = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
		assert_true(EVP_PKEY_paramgen_init(ctx) == 1 && EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, 1024) == 1 &&
		    EVP_PKEY_CTX_set_dsa_paramgen_q_bits(ctx, 160) == 1 && EVP_PKEY_paramgen(ctx, &params) == 1);
		EVP_PKEY_CTX_free(ctx);
	}
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, params, NULL);
	assert_true(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_keygen(ctx, &k) == 1);
	EVP_PKEY_CTX_free(ctx);
	return (k);
}

static EVP_PKEY *
new_key(enum sign_kind kind)
{
	EVP_PKEY *k = kind == SIGN_DSS ? new_dsa() : kind == SIGN_RSA ? EVP_RSA_gen(2048) :
	    EVP_EC_gen(kind == SIGN_EC384 ? "P-384" : kind == SIGN_EC521 ? "P-521" : "P-256");

	assert_non_null(k);
	return (k);
}

static X509_NAME *
name_of(const char *cn)
{
	X509_NAME *n = X509_NAME_new();

	assert_non_null(n);
	assert_int_equal(X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC, (const unsigned char *)"Test", -1, -1, 0), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0), 1);
	return (n);
}

static void
extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	assert_non_null(e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value));
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

struct pki
pki_make(const struct pki_spec *s)
{
	static long serial = 0x1000;
	struct pki p = { X509_new(), NULL };
	X509_NAME *name = name_of(s->cn);
	int64_t from = s->from == 0 && s->to == 0 ? -PKI_YEAR : s->from, to = s->to == 0 ? PKI_YEAR : s->to;
	const struct pki *issuer;

	assert_non_null(p.x);
	if (s->key != NULL)
		(void)EVP_PKEY_up_ref(p.key = s->key->key);
	else
		p.key = new_key(s->kind);
	issuer = s->issuer != NULL ? s->issuer : &p;
	(void)X509_set_version(p.x, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(p.x), ++serial);
	(void)X509_set_subject_name(p.x, name);
	(void)X509_set_issuer_name(p.x, s->issuer != NULL ? X509_get_subject_name(s->issuer->x) : name);
	(void)X509_set_pubkey(p.x, p.key);
	(void)ASN1_TIME_set(X509_getm_notBefore(p.x), (time_t)(PKI_NOW + from));
	(void)ASN1_TIME_set(X509_getm_notAfter(p.x), (time_t)(PKI_NOW + to));
	extend(p.x, issuer->x, NID_basic_constraints, s->ca ? "critical,CA:TRUE" : "CA:FALSE");
	extend(p.x, issuer->x, NID_key_usage, s->usage);
	extend(p.x, issuer->x, NID_subject_alt_name, s->san);
	extend(p.x, issuer->x, NID_name_constraints, s->constraints);
	extend(p.x, issuer->x, NID_ext_key_usage, s->eku);
	assert_true(X509_sign(p.x, issuer->key, EVP_sha256()) > 0);
	X509_NAME_free(name);
	return (p);
}

void
pki_free(struct pki *p)
{
	X509_free(p->x);
	EVP_PKEY_free(p->key);
	*p = (struct pki){0};
}

void
pki_add(struct certs *l, const struct pki *p)
{
	unsigned char *der = NULL;
	struct fault f;
	int len = i2d_X509(p->x, &der);

	assert_true(len > 0);
	if (certs_add_der(l, span_of(der, (size_t)len), CERTS_FILE_MAX, &f) != 0)
		fail_msg("%s", f.what);
	OPENSSL_free(der);
}

struct sign_key *
pki_key(const struct pki *p)
{
	struct sign_key *k = NULL;
	unsigned char *der = NULL;
	struct fault f;
	bool locked;
	int len = i2d_PrivateKey(p->key, &der);

	assert_true(len > 0);
	if (sign_key_read(&k, span_of(der, (size_t)len), SPAN_NONE, &locked, &f) != 0)
		fail_msg("%s", f.what);
	OPENSSL_free(der);
	return (k);
}

static struct bytes
bio_bytes(BIO *b)
{
	struct bytes out = {0};
	char *p;
	long len = BIO_get_mem_data(b, &p);

	assert_true(len > 0);
	assert_int_equal(bytes_set(&out, span_of(p, (size_t)len)), 0);
	BIO_free(b);
	return (out);
}

struct bytes
pki_crl(const struct pki *ca, const struct pki *gone, int64_t from)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)(PKI_NOW + from));
	X509_REVOKED *r;
	BIO *b = BIO_new(BIO_s_mem());

	assert_true(crl != NULL && t != NULL && b != NULL);
	(void)X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	(void)X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x));
	(void)X509_CRL_set1_lastUpdate(crl, t);
	if (gone != NULL) {
		assert_non_null(r = X509_REVOKED_new());
		(void)X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(gone->x));
		(void)X509_REVOKED_set_revocationDate(r, t);
		assert_int_equal(X509_CRL_add0_revoked(crl, r), 1);
	}
	assert_non_null(ASN1_TIME_set(t, (time_t)(PKI_NOW + from + 86400)));
	(void)X509_CRL_set1_nextUpdate(crl, t);
	assert_true(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509_CRL(b, crl), 1);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
	return (bio_bytes(b));
}

struct bytes
pki_pkcs7(const struct pki *const *list, size_t n)
{
	PKCS7 *p7 = PKCS7_new();
	struct bytes out = {0};
	unsigned char *der = NULL;
	size_t i;
	int len;

	assert_non_null(p7);
	assert_int_equal(PKCS7_set_type(p7, NID_pkcs7_signed), 1);
	assert_int_equal(PKCS7_content_new(p7, NID_pkcs7_data), 1);
	for (i = 0; i < n; i++)
		assert_int_equal(PKCS7_add_certificate(p7, list[i]->x), 1);
	assert_true((len = i2d_PKCS7(p7, &der)) > 0);
	assert_int_equal(bytes_set(&out, span_of(der, (size_t)len)), 0);
	OPENSSL_free(der);
	PKCS7_free(p7);
	return (out);
}
