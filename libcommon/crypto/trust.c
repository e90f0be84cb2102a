/* Credentials, and the path from a certificate to an authority. */
#include "crypto/trust.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/secret.h"
#include "crypto/cert_priv.h"

#define DEPTH_MAX	8	/* intermediates of a path */

struct crls {
	STACK_OF(X509_CRL)	*stack;
};

void
creds_free(struct creds *c)
{
	certs_free(&c->own);
	certs_free(&c->ca);
	certs_free(&c->pinned);
	sign_key_free(c->key);
	crls_free(c->crls);
	*c = (struct creds){0};
}

static int
place(const struct creds *c, size_t from, bool (*fits)(const struct creds *, const struct cert *, const struct cert *),
    const struct cert *below)
{
	size_t i;

	for (i = from; i < c->own.n; i++)
		if (fits(c, c->own.c[i], below))
			return ((int)i);
	return (-1);
}

static bool
has_key(const struct creds *c, const struct cert *one, const struct cert *below)
{
	(void)below;
	return (sign_key_fits(c->key, one));
}

static bool
issued(const struct creds *c, const struct cert *one, const struct cert *below)
{
	(void)c;
	return (!cert_is_root(one) && X509_NAME_cmp(X509_get_subject_name(one->x),
	    X509_get_issuer_name(below->x)) == 0);
}

int
creds_order(struct creds *c, struct fault *f)
{
	struct cert *t;
	size_t n;
	int at = place(c, 0, has_key, NULL);

	if (at < 0)
		return (fault(f, FAULT_CONFIG, "none of the %zu certificates belongs to the private key", c->own.n));
	for (n = 0; at >= 0; n++) {
		t = c->own.c[n];
		c->own.c[n] = c->own.c[at];
		c->own.c[at] = t;
		at = place(c, n + 1, issued, c->own.c[n]);
	}
	while (c->own.n > n)
		cert_free(c->own.c[--c->own.n]);
	return (0);
}

/* --- revocation lists --- */

static int
crls_add(struct crls *l, X509_CRL *crl, struct fault *f)
{
	if (sk_X509_CRL_num(l->stack) >= TRUST_CRLS_MAX) {
		X509_CRL_free(crl);
		return (fault(f, FAULT_TOO_LARGE, "more than %d CRLs", TRUST_CRLS_MAX));
	}
	if (sk_X509_CRL_push(l->stack, crl) == 0) {
		X509_CRL_free(crl);
		return (fault(f, FAULT_MEMORY, "no memory for a CRL"));
	}
	return (0);
}

int
crls_add_file(struct crls **list, struct span data, struct fault *f)
{
	struct crls *l = *list;
	const unsigned char *p = data.p;
	X509_CRL *crl;
	BIO *in;
	int rc = 0, had;

	if (data.len > TRUST_CRL_MAX)
		return (fault(f, FAULT_TOO_LARGE, "%zu bytes of CRLs, at most %d", data.len, TRUST_CRL_MAX));
	if (l == NULL && ((l = calloc(1, sizeof(*l))) == NULL || (l->stack = sk_X509_CRL_new_null()) == NULL)) {
		free(l);
		return (fault(f, FAULT_MEMORY, "no memory for a CRL"));
	}
	*list = l;
	had = sk_X509_CRL_num(l->stack);
	if (data.len > 0 && data.p[0] == 0x30) {
		crl = d2i_X509_CRL(NULL, &p, (long)data.len);
		ERR_clear_error();
		if (crl != NULL && p == data.p + data.len)
			return (crls_add(l, crl, f));
		X509_CRL_free(crl);
		return (fault(f, FAULT_MALFORMED, "DER, but no CRL"));
	}
	if ((in = BIO_new_mem_buf(data.p, (int)data.len)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a CRL"));
	while (rc == 0 && (crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL)
		rc = crls_add(l, crl, f);
	ERR_clear_error();
	BIO_free(in);
	if (rc == 0 && sk_X509_CRL_num(l->stack) == had)
		rc = fault(f, FAULT_MALFORMED, "no CRL in it, neither PEM nor DER");
	return (rc);
}

bool
crls_eq(const struct crls *a, const struct crls *b)
{
	int i, n = a != NULL ? sk_X509_CRL_num(a->stack) : 0;

	if (n != (b != NULL ? sk_X509_CRL_num(b->stack) : 0))
		return (false);
	for (i = 0; i < n; i++)
		if (X509_CRL_match(sk_X509_CRL_value(a->stack, i), sk_X509_CRL_value(b->stack, i)) != 0)
			return (false);
	return (true);
}

void
crls_free(struct crls *l)
{
	if (l == NULL)
		return;
	sk_X509_CRL_pop_free(l->stack, X509_CRL_free);
	free(l);
}

/* --- pinned certificates --- */

int
cert_hash(const struct cert *c, uint8_t out[TRUST_HASH_LEN])
{
	unsigned len = TRUST_HASH_LEN;

	return (EVP_Digest(c->der.p, c->der.len, out, &len, EVP_sha256(), NULL) == 1 ? 0 : -1);
}

bool
trust_is_pinned(const struct cert *leaf, const struct creds *c)
{
	uint8_t hash[TRUST_HASH_LEN];
	size_t i;

	for (i = 0; i < c->pinned.n; i++)
		if (cert_eq(leaf, c->pinned.c[i]))
			return (true);
	if (c->n_hashes == 0 || cert_hash(leaf, hash) != 0)
		return (false);
	for (i = 0; i < c->n_hashes; i++)
		if (ct_eq(SPAN_ARRAY(hash), span_of(c->hash[i], TRUST_HASH_LEN)))
			return (true);
	return (false);
}

/* --- the path --- */

void
trust_result_free(struct trust_result *r)
{
	bytes_free(&r->subject);
	bytes_free(&r->issuer);
	*r = (struct trust_result){0};
}

static int64_t
seconds(const ASN1_TIME *t)
{
	ASN1_TIME *zero = ASN1_TIME_set(NULL, 0);
	int days, rest;
	int64_t s = 0;

	if (zero != NULL && t != NULL && ASN1_TIME_diff(&days, &rest, zero, t) == 1)
		s = (int64_t)days * 86400 + rest;
	ASN1_TIME_free(zero);
	return (s);
}

/*
 * With CRLs the certificate itself needs one of its issuer; an intermediate is checked where there is one. The CRL at
 * hand is known here only.
 */
static int
on_error(int ok, X509_STORE_CTX *ctx)
{
	struct trust_result *r = X509_STORE_CTX_get_app_data(ctx);
	X509_CRL *crl = X509_STORE_CTX_get0_current_crl(ctx);
	X509_REVOKED *entry;
	int error = X509_STORE_CTX_get_error(ctx);

	if (!ok && error == X509_V_ERR_CERT_REVOKED && crl != NULL &&
	    X509_CRL_get0_by_cert(crl, &entry, X509_STORE_CTX_get_current_cert(ctx)) == 1)
		r->when = seconds(X509_REVOKED_get0_revocationDate(entry));
	if (!ok && error == X509_V_ERR_CRL_HAS_EXPIRED && crl != NULL)
		r->when = seconds(X509_CRL_get0_nextUpdate(crl));
	if (!ok && error == X509_V_ERR_UNABLE_TO_GET_CRL && X509_STORE_CTX_get_error_depth(ctx) > 0) {
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
		return (1);
	}
	return (ok);
}

static enum trust_why
why_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return (TRUST_OK);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return (TRUST_NO_ISSUER);
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return (TRUST_OTHER_CA);
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
		return (TRUST_NOT_CA);
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return (TRUST_BAD_SIGNATURE);
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return (TRUST_EARLY);
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return (TRUST_EXPIRED);
	case X509_V_ERR_CERT_REVOKED:
		return (TRUST_REVOKED);
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return (TRUST_NO_CRL);
	case X509_V_ERR_CRL_HAS_EXPIRED:
		return (TRUST_OLD_CRL);
	case X509_V_ERR_PERMITTED_VIOLATION:
	case X509_V_ERR_EXCLUDED_VIOLATION:
	case X509_V_ERR_SUBTREE_MINMAX:
	case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
	case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
	case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
		return (TRUST_CONSTRAINED);
	default:
		return (TRUST_OTHER);
	}
}

/* What the result is about, from libcrypto's context. */
static int
describe(struct trust_result *r, X509_STORE_CTX *ctx, const struct cert *leaf, struct fault *f)
{
	X509 *at = X509_STORE_CTX_get_current_cert(ctx);
	struct cert *c = cert_new(at != NULL ? at : leaf->x, f);

	if (c == NULL)
		return (-1);
	if (bytes_set(&r->subject, cert_subject(c)) != 0 || bytes_set(&r->issuer, cert_issuer(c)) != 0) {
		cert_free(c);
		return (fault(f, FAULT_MEMORY, "no memory for a certificate"));
	}
	(void)cert_serial_text(r->serial, c);
	r->is_leaf = cert_eq(c, leaf);
	if (r->why == TRUST_EARLY || r->why == TRUST_EXPIRED)
		r->when = r->why == TRUST_EARLY ? cert_begins(c) : cert_ends(c);
	cert_free(c);
	return (0);
}

static STACK_OF(X509) *
stack_of(const struct certs *l)
{
	STACK_OF(X509) *s = sk_X509_new_null();
	size_t i;

	for (i = 0; s != NULL && l != NULL && i < l->n; i++)
		if (sk_X509_push(s, l->c[i]->x) == 0) {
			sk_X509_free(s);
			return (NULL);
		}
	return (s);
}

static int
check_path(struct trust_result *r, X509_STORE_CTX *ctx, const struct cert *leaf, const struct creds *c,
    STACK_OF(X509) *ca, STACK_OF(X509) *sent, uint64_t epoch, struct fault *f)
{
	X509_VERIFY_PARAM *p;
	unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_USE_CHECK_TIME |
	    (c->crls != NULL ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0);
	int ok, error;

	if (X509_STORE_CTX_init(ctx, NULL, leaf->x, sent) != 1)
		return (fault(f, FAULT_MEMORY, "no memory for a certificate"));
	X509_STORE_CTX_set0_trusted_stack(ctx, ca);
	if (c->crls != NULL)
		X509_STORE_CTX_set0_crls(ctx, c->crls->stack);
	X509_STORE_CTX_set_verify_cb(ctx, on_error);
	if (X509_STORE_CTX_set_app_data(ctx, r) != 1)
		return (fault(f, FAULT_MEMORY, "no memory for a certificate"));
	p = X509_STORE_CTX_get0_param(ctx);
	(void)X509_VERIFY_PARAM_set_flags(p, flags);
	X509_VERIFY_PARAM_set_depth(p, DEPTH_MAX);
	X509_VERIFY_PARAM_set_time(p, (time_t)epoch);
	ok = X509_verify_cert(ctx);
	error = X509_STORE_CTX_get_error(ctx);
	ERR_clear_error();
	if (ok == 1)
		return (0);
	r->why = error == X509_V_OK ? TRUST_OTHER : why_of(error);
	r->text = X509_verify_cert_error_string(error);
	return (error == X509_V_ERR_OUT_OF_MEM ? fault(f, FAULT_MEMORY, "no memory for a certificate") :
	    describe(r, ctx, leaf, f));
}

int
trust_check(struct trust_result *r, const struct cert *leaf, const struct certs *sent, const struct creds *c,
    uint64_t epoch, struct fault *f)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *ca = stack_of(&c->ca), *between = stack_of(sent);
	int rc = -1;

	*r = (struct trust_result){0};
	if (ctx == NULL || ca == NULL || between == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for a certificate");
	else
		rc = check_path(r, ctx, leaf, c, ca, between, epoch, f);
	X509_STORE_CTX_free(ctx);
	sk_X509_free(ca);
	sk_X509_free(between);
	return (rc);
}
