/*
 * Attack class A15: certificates. Each test is named after what went wrong elsewhere (strongSwan CVE-2017-9022, 9023,
 * 2018-6459, 16151, 16152, 2021-41990, 41991; libreswan; Java CVE-2022-21449; Windows CVE-2020-0601).
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "ike/v1base/auth_cert.h"
#include "pki.h"

static struct pki root, leaf;
static const uint8_t hash[32] = "the hash of an exchange, 32 byte";

static int
make_all(void **state)
{
	(void)state;
	(void)secret_init();
	root = pki_make(&(struct pki_spec){ .cn = "Root", .kind = SIGN_EC256, .ca = true });
	leaf = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &root, .kind = SIGN_EC256, .san = "DNS:gw.example" });
	return (0);
}

static int
free_all(void **state)
{
	(void)state;
	pki_free(&root);
	pki_free(&leaf);
	return (0);
}

/* Processor time since ${from}, which no other process can prolong. */
static double
used(clock_t from)
{
	return ((double)(clock() - from) / CLOCKS_PER_SEC);
}

/* Whether the certificates of ${sent} and ${sig} prove gw.example to an end that trusts root. */
static int
judge(const struct certs *sent, enum sign_kind kind, struct span sig, struct fault *f)
{
	struct creds creds = {0};
	struct id id;
	const struct v1_cert_in in = { &creds, sent, &id, kind, PKI_NOW };
	int rc;

	pki_add(&creds.ca, &root);
	assert_int_equal(id_parse(&id, "gw.example", f), 0);
	*f = (struct fault){0};
	rc = v1_cert_check(&in, SPAN_ARRAY(hash), sig, f);
	creds_free(&creds);
	return (rc);
}

/* --- ASN.1 --- */

static void
a15_nested_asn1_ends(void **state)
{
	static uint8_t der[CERT_DER_MAX];
	struct certs l = {0};
	struct fault f;
	clock_t from = clock();
	size_t i;
	unsigned form;

	(void)state;
	for (form = 0; form < 4; form++) {
		/* SEQUENCE or constructed OCTET STRING, of indefinite length */
		for (i = 0; i + 1 < sizeof(der); i += 2) {
			der[i] = form % 2 == 0 ? 0x30 : 0x24;
			der[i + 1] = 0x80;
		}
		assert_int_equal(form < 2 ? certs_add_der(&l, SPAN_ARRAY(der), 16, &f) :
		    certs_add_pkcs7(&l, SPAN_ARRAY(der), 16, &f), -1);
		assert_int_equal(f.code, FAULT_MALFORMED);
	}
	assert_int_equal(l.n, 0);
	assert_true(used(from) < 2);
}

static void
a15_every_truncation_and_every_changed_length(void **state)
{
	const struct pki *both[] = { &leaf, &root };
	struct bytes p7 = pki_pkcs7(both, 2);
	struct certs whole = {0}, l = {0};
	struct bytes der = {0};
	size_t i, n;
	int d;

	(void)state;
	pki_add(&whole, &leaf);
	assert_int_equal(bytes_set(&der, cert_der(whole.c[0])), 0);
	for (n = 0; n < der.len; n++)
		assert_int_equal(certs_add_der(&l, span_of(der.p, n), 16, NULL), -1);
	for (n = 0; n < p7.len; n++)
		assert_int_equal(certs_add_pkcs7(&l, span_of(p7.p, n), 16, NULL), -1);
	/* Each byte is a length somewhere: one more and one less, under the sanitizers. */
	for (i = 0; i < der.len; i++)
		for (d = -1; d <= 1; d += 2) {
			der.p[i] = (uint8_t)(der.p[i] + d);
			(void)certs_add_der(&l, bytes_span(&der), 16, NULL);
			certs_free(&l);
			der.p[i] = (uint8_t)(der.p[i] - d);
		}
	for (i = 0; i < p7.len; i++)
		for (d = -1; d <= 1; d += 2) {
			p7.p[i] = (uint8_t)(p7.p[i] + d);
			(void)certs_add_pkcs7(&l, bytes_span(&p7), 16, NULL);
			certs_free(&l);
			p7.p[i] = (uint8_t)(p7.p[i] - d);
		}
	certs_free(&whole);
	bytes_free(&der);
	bytes_free(&p7);
}

static void
a15_bytes_behind_a_certificate(void **state)
{
	struct certs whole = {0}, l = {0};
	uint8_t buf[CERT_DER_MAX];
	struct span der;
	struct fault f;

	(void)state;
	pki_add(&whole, &leaf);
	der = cert_der(whole.c[0]);
	memcpy(buf, der.p, der.len);
	buf[der.len] = 0;
	assert_int_equal(certs_add_der(&l, span_of(buf, der.len + 1), 16, &f), -1);
	assert_string_equal(f.what, "1 bytes follow the certificate");
	certs_free(&whole);
}

static void
a15_pkcs7_empty_nested_and_huge(void **state)
{
	const struct pki *one[64];
	struct bytes none, many;
	struct certs l = {0};
	struct fault f;
	size_t i;

	(void)state;
	for (i = 0; i < 64; i++)
		one[i] = &leaf;
	none = pki_pkcs7(one, 0);
	assert_int_equal(certs_add_pkcs7(&l, bytes_span(&none), 16, &f), -1);
	assert_string_equal(f.what, "a PKCS#7 without certificates");
	many = pki_pkcs7(one, 64);
	assert_int_equal(certs_add_pkcs7(&l, bytes_span(&many), 16, &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	assert_int_equal(l.n, 0);
	assert_int_equal(certs_add_pkcs7(&l, bytes_span(&many), 64, &f), 0);
	assert_int_equal(l.n, 64);
	certs_free(&l);
	bytes_free(&none);
	bytes_free(&many);
}

/* --- chains --- */

static void
a15_issuers_in_a_circle(void **state)
{
	struct pki a = pki_make(&(struct pki_spec){ .cn = "A", .kind = SIGN_EC256, .ca = true }), b, a2, end;
	struct certs l = {0};
	struct fault f;
	clock_t from = clock();

	(void)state;
	b = pki_make(&(struct pki_spec){ .cn = "B", .issuer = &a, .kind = SIGN_EC256, .ca = true });
	a2 = pki_make(&(struct pki_spec){ .cn = "A", .issuer = &b, .key = &a, .ca = true });
	end = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &a, .kind = SIGN_EC256, .san = "DNS:gw.example" });
	pki_add(&l, &end);
	pki_add(&l, &a2);
	pki_add(&l, &b);
	assert_int_equal(judge(&l, SIGN_EC256, SPAN_ARRAY(hash), &f), -1);
	assert_int_equal(f.code, FAULT_AUTH_FAILED);
	assert_true(used(from) < 2);
	certs_free(&l);
	pki_free(&a);
	pki_free(&b);
	pki_free(&a2);
	pki_free(&end);
}

static void
a15_a_long_chain_is_refused(void **state)
{
	enum { LONG = 15 };
	struct pki chain[LONG];
	struct certs l = {0};
	struct fault f;
	size_t i;

	(void)state;
	for (i = 0; i < LONG; i++) {
		char cn[16];

		(void)snprintf(cn, sizeof(cn), "CA %zu", i);
		chain[i] = pki_make(&(struct pki_spec){ .cn = i + 1 < LONG ? cn : "gw", .issuer = i > 0 ? &chain[i - 1] : &root,
		    .key = &leaf, .ca = i + 1 < LONG, .san = i + 1 < LONG ? NULL : "DNS:gw.example" });
	}
	for (i = LONG; i-- > 0; )
		pki_add(&l, &chain[i]);
	assert_int_equal(judge(&l, SIGN_EC256, SPAN_ARRAY(hash), &f), -1);
	assert_int_equal(f.code, FAULT_AUTH_FAILED);
	certs_free(&l);
	for (i = 0; i < LONG; i++)
		pki_free(&chain[i]);
}

/* OpenSSL's CVE-2021-4044 class: names times constraints. */
static void
a15_many_names_and_constraints_end(void **state)
{
	enum { NAMES = 700 };
	char *names = calloc(NAMES, 32), *limits = calloc(NAMES, 48);
	struct pki ca, end;
	struct certs l = {0};
	struct fault f;
	clock_t from;
	size_t i, n = 0, m = 0;

	(void)state;
	assert_true(names != NULL && limits != NULL);
	for (i = 0; i < NAMES; i++) {
		n += (size_t)sprintf(names + n, "%sDNS:h%zu.example", i > 0 ? "," : "", i);
		m += (size_t)sprintf(limits + m, "%sexcluded;DNS:x%zu.example", i > 0 ? "," : "", i);
	}
	ca = pki_make(&(struct pki_spec){ .cn = "Limited", .issuer = &root, .kind = SIGN_EC256, .ca = true,
	    .constraints = limits });
	end = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &ca, .kind = SIGN_EC256, .san = names });
	pki_add(&l, &end);
	pki_add(&l, &ca);
	from = clock();
	assert_int_equal(judge(&l, SIGN_EC256, SPAN_ARRAY(hash), &f), -1);
	assert_true(used(from) < 2);
	certs_free(&l);
	pki_free(&ca);
	pki_free(&end);
	free(names);
	free(limits);
}

/* --- names --- */

static void
a15_a_nul_in_a_name_ends_nothing(void **state)
{
	static const char evil[] = "gw.example\0.evil.example";
	struct pki end = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &root, .kind = SIGN_EC256 });
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();
	struct certs l = {0};
	struct fault f;

	(void)state;
	assert_true(names != NULL && g != NULL && s != NULL);
	assert_int_equal(ASN1_STRING_set(s, evil, sizeof(evil) - 1), 1);
	GENERAL_NAME_set0_value(g, GEN_DNS, s);
	assert_true(sk_GENERAL_NAME_push(names, g) > 0);
	assert_int_equal(X509_add1_ext_i2d(end.x, NID_subject_alt_name, names, 0, 0), 1);
	assert_true(X509_sign(end.x, root.key, EVP_sha256()) > 0);
	GENERAL_NAMES_free(names);
	pki_add(&l, &end);
	assert_int_equal(judge(&l, SIGN_EC256, SPAN_ARRAY(hash), &f), -1);
	assert_int_equal(f.cause, CAUSE_CERT_NAME);
	assert_non_null(strstr(f.what, "DNS:gw.example\\x00.evil.example"));
	certs_free(&l);
	pki_free(&end);
}

/* --- signatures of certificates --- */

/* CVE-2018-6459 and 2021-41991's class: RSASSA-PSS with a salt that no signature has room for. */
static void
a15_huge_pss_salt(void **state)
{
	static const long salts[] = { 0x7fffffff, 0x40000000, 1000000, -1, -2147483647L - 1 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
		struct pki end = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &root, .kind = SIGN_EC256,
		    .san = "DNS:gw.example" });
		RSA_PSS_PARAMS *pss = RSA_PSS_PARAMS_new();
		const X509_ALGOR *inner = X509_get0_tbs_sigalg(end.x), *outer;
		const ASN1_BIT_STRING *sig;
		ASN1_STRING *packed = NULL;
		struct certs l = {0};
		struct fault f;

		assert_non_null(pss);
		assert_non_null(pss->saltLength = ASN1_INTEGER_new());
		assert_int_equal(ASN1_INTEGER_set(pss->saltLength, salts[i]), 1);
		assert_non_null(packed = ASN1_item_pack(pss, ASN1_ITEM_rptr(RSA_PSS_PARAMS), NULL));
		X509_get0_signature(&sig, &outer, end.x);
		assert_int_equal(X509_ALGOR_set0((X509_ALGOR *)(uintptr_t)inner, OBJ_nid2obj(NID_rsassaPss), V_ASN1_SEQUENCE,
		    ASN1_STRING_dup(packed)), 1);
		assert_int_equal(X509_ALGOR_set0((X509_ALGOR *)(uintptr_t)outer, OBJ_nid2obj(NID_rsassaPss), V_ASN1_SEQUENCE,
		    packed), 1);
		RSA_PSS_PARAMS_free(pss);
		pki_add(&l, &end);
		assert_int_equal(judge(&l, SIGN_EC256, SPAN_ARRAY(hash), &f), -1);
		assert_int_equal(f.code, FAULT_AUTH_FAILED);
		certs_free(&l);
		pki_free(&end);
	}
}

/* --- RSA --- */

/* A certificate of root for the RSA numbers. */
static struct pki
rsa_cert(const BIGNUM *n, const BIGNUM *e)
{
	struct pki end = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &root, .key = &leaf, .san = "DNS:gw.example" });
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *k = NULL;
	OSSL_PARAM *params;

	assert_true(b != NULL && ctx != NULL);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e), 1);
	assert_non_null(params = OSSL_PARAM_BLD_to_param(b));
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_PUBLIC_KEY, params), 1);
	assert_int_equal(X509_set_pubkey(end.x, k), 1);
	assert_true(X509_sign(end.x, root.key, EVP_sha256()) > 0);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(k);
	return (end);
}

static void
refused_signature(const struct pki *end, struct span sig)
{
	struct certs l = {0};
	struct fault f;

	pki_add(&l, end);
	assert_int_equal(judge(&l, SIGN_RSA, sig, &f), -1);
	assert_int_equal(f.code, FAULT_AUTH_FAILED);
	assert_string_equal(fault_cause_name(f.cause), "SIGNATURE");
	certs_free(&l);
}

/* The block type 1 around ${hash}, with ${ff} bytes of padding and garbage behind up to ${len}. */
static void
block(uint8_t *out, size_t len, size_t ff)
{
	memset(out, 0x5a, len);
	out[0] = 0;
	out[1] = 1;
	memset(out + 2, 0xff, ff);
	out[2 + ff] = 0;
	memcpy(out + 3 + ff, hash, sizeof(hash));
}

/* The largest number whose cube does not exceed ${n}. */
static void
cube_root(BIGNUM *out, const BIGNUM *n)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *cube = BN_new();
	int bit;

	assert_true(ctx != NULL && cube != NULL);
	BN_zero(out);
	for (bit = BN_num_bits(n) / 3 + 1; bit >= 0; bit--) {
		(void)BN_set_bit(out, bit);
		(void)BN_sqr(cube, out, ctx);
		(void)BN_mul(cube, cube, out, ctx);
		if (BN_cmp(cube, n) > 0)
			(void)BN_clear_bit(out, bit);
	}
	BN_CTX_free(ctx);
	BN_free(cube);
}

/* CVE-2018-16151, 16152, Bleichenbacher 2006: what stands behind the hash is not looked at. */
static void
a15_rsa_exponent_3_forgery(void **state)
{
	enum { LEN = 384 };
	EVP_PKEY *k = EVP_RSA_gen(LEN * 8);
	BIGNUM *n = NULL, *e = BN_new(), *m = BN_new(), *s = BN_new();
	uint8_t want[LEN], sig[LEN], back[LEN];
	BN_CTX *ctx = BN_CTX_new();
	struct pki end;

	(void)state;
	assert_true(k != NULL && e != NULL && m != NULL && s != NULL && ctx != NULL);
	assert_int_equal(EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	(void)BN_set_word(e, 3);
	end = rsa_cert(n, e);
	block(want, sizeof(want), 8);
	memset(want + 3 + 8 + sizeof(hash), 0xff, sizeof(want) - 3 - 8 - sizeof(hash));
	assert_non_null(BN_bin2bn(want, LEN, m));
	cube_root(s, m);
	assert_int_equal(BN_bn2binpad(s, sig, LEN), LEN);
	/* The forgery is good: with the public exponent it gives padding and hash. */
	(void)BN_sqr(m, s, ctx);
	(void)BN_mul(m, m, s, ctx);
	assert_int_equal(BN_bn2binpad(m, back, LEN), LEN);
	assert_memory_equal(back, want, 3 + 8 + sizeof(hash));
	refused_signature(&end, SPAN_ARRAY(sig));
	pki_free(&end);
	EVP_PKEY_free(k);
	BN_free(n);
	BN_free(e);
	BN_free(m);
	BN_free(s);
	BN_CTX_free(ctx);
}

/* CVE-2017-9022: exponent 0, even ones; and 1, under which each block is its own signature. */
static void
a15_rsa_exponents_that_are_none(void **state)
{
	static const unsigned long exponents[] = { 0, 1, 2, 65536 };
	enum { LEN = 256 };
	EVP_PKEY *k = EVP_RSA_gen(LEN * 8);
	BIGNUM *n = NULL, *e = BN_new();
	uint8_t sig[LEN];
	struct pki end;
	size_t i;

	(void)state;
	assert_true(k != NULL && e != NULL);
	assert_int_equal(EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	block(sig, LEN, LEN - 3 - sizeof(hash));
	for (i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
		(void)BN_set_word(e, exponents[i]);
		end = rsa_cert(n, e);
		refused_signature(&end, SPAN_ARRAY(sig));
		pki_free(&end);
	}
	/* One of 1,000 bits: work without a use */
	(void)BN_set_bit(e, 1000);
	(void)BN_set_bit(e, 0);
	end = rsa_cert(n, e);
	refused_signature(&end, SPAN_ARRAY(sig));
	pki_free(&end);
	EVP_PKEY_free(k);
	BN_free(n);
	BN_free(e);
}

static void
a15_rsa_keys_too_short_or_too_long(void **state)
{
	static const int bits[] = { 512, 1016, 20000 };
	BIGNUM *n = BN_new(), *e = BN_new();
	struct certs l = {0};
	struct pki end;
	struct fault f;
	clock_t from = clock();
	size_t i;

	(void)state;
	assert_true(n != NULL && e != NULL);
	(void)BN_set_word(e, 65537);
	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		BN_zero(n);
		(void)BN_set_bit(n, bits[i] - 1);
		(void)BN_set_bit(n, 0);
		end = rsa_cert(n, e);
		pki_add(&l, &end);
		assert_int_equal(judge(&l, SIGN_RSA, SPAN_ARRAY(hash), &f), -1);
		assert_string_equal(fault_cause_name(f.cause), "CERT_KEY");
		certs_free(&l);
		pki_free(&end);
	}
	assert_true(used(from) < 2);
	BN_free(n);
	BN_free(e);
}

/* What both forms have in common is exact: a DigestInfo of another hash, or one with parameters left out. */
static void
a15_rsa_forms_of_the_block(void **state)
{
	static const uint8_t sha256[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
	    0x01, 0x05, 0x00, 0x04, 0x20 };
	static const uint8_t no_params[] = { 0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
	    0x01, 0x04, 0x20 };
	static const uint8_t sha512_256[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
	    0x02, 0x06, 0x05, 0x00, 0x04, 0x20 };
	const struct { struct span prefix; size_t behind; bool good; } t[] = {
		{ SPAN_NONE, 0, true }, { SPAN_ARRAY(sha256), 0, true }, { SPAN_ARRAY(no_params), 0, false },
		{ SPAN_ARRAY(sha512_256), 0, false }, { SPAN_NONE, 1, false }, { SPAN_ARRAY(sha256), 1, false },
	};
	struct pki rsa = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &root, .kind = SIGN_RSA,
	    .san = "DNS:gw.example" });
	struct certs l = {0};
	struct fault f;
	size_t i;

	(void)state;
	pki_add(&l, &rsa);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, rsa.key, NULL);
		uint8_t in[128] = {0}, sig[256];
		size_t n = t[i].prefix.len + sizeof(hash) + t[i].behind, len = sizeof(sig);

		if (t[i].prefix.len > 0)
			memcpy(in, t[i].prefix.p, t[i].prefix.len);
		memcpy(in + t[i].prefix.len, hash, sizeof(hash));
		assert_non_null(ctx);
		assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
		assert_int_equal(EVP_PKEY_sign(ctx, sig, &len, in, n), 1);
		EVP_PKEY_CTX_free(ctx);
		if (judge(&l, SIGN_RSA, span_of(sig, len), &f) != (t[i].good ? 0 : -1))
			fail_msg("row %zu: %s", i, f.what);
	}
	certs_free(&l);
	pki_free(&rsa);
}

/* --- ECDSA --- */

/* CVE-2022-21449: r = s = 0, and other numbers out of range. */
static void
a15_ecdsa_numbers_out_of_range(void **state)
{
	static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	struct certs l = {0};
	uint8_t sig[64];
	struct fault f;
	unsigned r, s;

	(void)state;
	pki_add(&l, &leaf);
	for (r = 0; r < 3; r++)
		for (s = 0; s < 3; s++) {
			memset(sig, 0, sizeof(sig));
			if (r > 0)
				memcpy(sig, order, 32);
			if (s > 0)
				memcpy(sig + 32, order, 32);
			sig[31] = (uint8_t)(sig[31] + (r == 2));
			sig[63] = (uint8_t)(sig[63] + (s == 2));
			assert_int_equal(judge(&l, SIGN_EC256, SPAN_ARRAY(sig), &f), -1);
			assert_string_equal(fault_cause_name(f.cause), "SIGNATURE");
		}
	certs_free(&l);
}

/* CVE-2020-0601: the curve spelled out, with another generator. */
static void
a15_a_curve_of_the_peers_own(void **state)
{
	EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *p = BN_new(), *a = BN_new(), *b = BN_new();
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params;
	uint8_t point[65], pub[65];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *k = NULL;
	EC_POINT *q;
	struct pki end;
	struct certs l = {0};
	struct fault f;

	(void)state;
	assert_true(g != NULL && ctx != NULL && bld != NULL);
	assert_non_null(q = EC_POINT_new(g));
	assert_int_equal(EC_GROUP_get_curve(g, p, a, b, NULL), 1);
	assert_int_equal(EC_POINT_dbl(g, q, EC_GROUP_get0_generator(g), NULL), 1);
	assert_int_equal(EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point), NULL), sizeof(point));
	assert_int_equal(EC_POINT_dbl(g, q, q, NULL), 1);
	assert_int_equal(EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, pub, sizeof(pub), NULL), sizeof(pub));
	(void)OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_EC_FIELD_TYPE, "prime-field", 0);
	(void)OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_EC_P, p);
	(void)OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_EC_A, a);
	(void)OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_EC_B, b);
	(void)OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_EC_GENERATOR, point, sizeof(point));
	(void)OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_EC_ORDER, EC_GROUP_get0_order(g));
	(void)OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_EC_COFACTOR, EC_GROUP_get0_cofactor(g));
	(void)OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof(pub));
	assert_non_null(params = OSSL_PARAM_BLD_to_param(bld));
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_PUBLIC_KEY, params), 1);
	end = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &root, .key = &(struct pki){ NULL, k },
	    .san = "DNS:gw.example" });
	pki_add(&l, &end);
	assert_int_equal(judge(&l, SIGN_EC256, SPAN_ARRAY(hash), &f), -1);
	/* libcrypto refuses it along a path; where there is none, the key is of no kind that we know. */
	assert_string_equal(f.what, "CERT payload: \"O=Test, CN=gw\" is not valid: "
	    "Certificate public key has explicit ECC parameters");
	assert_int_equal(cert_kind(l.c[0]), SIGN_NONE);
	certs_free(&l);
	pki_free(&end);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(p);
	BN_free(a);
	BN_free(b);
	EC_POINT_free(q);
	EC_GROUP_free(g);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a15_nested_asn1_ends),
		cmocka_unit_test(a15_every_truncation_and_every_changed_length),
		cmocka_unit_test(a15_bytes_behind_a_certificate),
		cmocka_unit_test(a15_pkcs7_empty_nested_and_huge),
		cmocka_unit_test(a15_issuers_in_a_circle),
		cmocka_unit_test(a15_a_long_chain_is_refused),
		cmocka_unit_test(a15_many_names_and_constraints_end),
		cmocka_unit_test(a15_a_nul_in_a_name_ends_nothing),
		cmocka_unit_test(a15_huge_pss_salt),
		cmocka_unit_test(a15_rsa_exponent_3_forgery),
		cmocka_unit_test(a15_rsa_exponents_that_are_none),
		cmocka_unit_test(a15_rsa_keys_too_short_or_too_long),
		cmocka_unit_test(a15_rsa_forms_of_the_block),
		cmocka_unit_test(a15_ecdsa_numbers_out_of_range),
		cmocka_unit_test(a15_a_curve_of_the_peers_own),
	};

	return (cmocka_run_group_tests_name("attacks_cert", tests, make_all, free_all));
}
