/* Signatures over a hash, and the keys that make and check them. */
#include "crypto/sign.h"

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>

#include "crypto/cert_priv.h"
#include "crypto/fetch.h"

#define PASS_MAX	1024
#define EC_LEN_MAX	66		/* bytes of a number on P-521 */
#define DSS_LEN		20		/* of r and of s, those of q */

struct sign_key {
	EVP_PKEY	*k;	/* with ${by}: only its public part */
	sign_by		*by;	/* NULL: libcrypto signs */
	sign_by_end	*end;
	void		*ctx;
};

static EVP_PKEY *
pkey(const struct sign_key *k)
{
	return (k->k);
}

/* FIPS 186-2: IKEv1 has no DSS but that of SHA-1. */
static bool
is_dss(const EVP_PKEY *k, int bits)
{
	BIGNUM *q = NULL;
	bool is = EVP_PKEY_is_a(k, "DSA") && bits >= SIGN_RSA_BITS_MIN && bits <= SIGN_DSS_BITS_MAX &&
	    EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_FFC_Q, &q) == 1 && BN_num_bits(q) == 8 * DSS_LEN;

	BN_free(q);
	return (is);
}

static enum sign_kind
kind_of(const EVP_PKEY *k)
{
	static const struct { const char *group; enum sign_kind kind; } curves[] = {
		{ "prime256v1", SIGN_EC256 }, { "P-256", SIGN_EC256 }, { "secp384r1", SIGN_EC384 },
		{ "P-384", SIGN_EC384 }, { "secp521r1", SIGN_EC521 }, { "P-521", SIGN_EC521 },
	};
	char group[32];
	size_t i, len;
	int bits;

	if (k == NULL)
		return (SIGN_NONE);
	bits = EVP_PKEY_get_bits(k);
	if (EVP_PKEY_is_a(k, "RSA"))
		return (bits >= SIGN_RSA_BITS_MIN && bits <= SIGN_RSA_BITS_MAX ? SIGN_RSA : SIGN_NONE);
	if (is_dss(k, bits))
		return (SIGN_DSS);
	if (!EVP_PKEY_is_a(k, "EC") || EVP_PKEY_get_group_name(k, group, sizeof(group), &len) != 1)
		return (SIGN_NONE);
	for (i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(curves[i].group, group) == 0)
			return (curves[i].kind);
	return (SIGN_NONE);
}

/* Bytes of r and of s; 0: not such a kind. */
static size_t
rs_len(enum sign_kind kind)
{
	static const size_t lens[] = { [SIGN_NONE] = 0, [SIGN_RSA] = 0, [SIGN_EC256] = 32, [SIGN_EC384] = 48,
	    [SIGN_EC521] = EC_LEN_MAX, [SIGN_DSS] = DSS_LEN };

	return (lens[kind]);
}

const char *
sign_kind_name(enum sign_kind kind)
{
	static const char *const names[] = {
		[SIGN_NONE] = "another kind of key", [SIGN_RSA] = "RSA", [SIGN_EC256] = "ECDSA P-256",
		[SIGN_EC384] = "ECDSA P-384", [SIGN_EC521] = "ECDSA P-521", [SIGN_DSS] = "DSS",
	};

	return (names[kind]);
}

/* --- keys --- */

struct asked {
	struct span	pass;
	bool		used;
};

static int
give_pass(char *buf, int size, int writing, void *arg)
{
	struct asked *a = arg;

	(void)writing;
	a->used = true;
	if (a->pass.len == 0 || size < 0 || a->pass.len > (size_t)size)
		return (-1);
	memcpy(buf, a->pass.p, a->pass.len);
	return ((int)a->pass.len);
}

static int
take_key(struct sign_key **out, EVP_PKEY *k, struct fault *f)
{
	if (kind_of(k) == SIGN_NONE) {
		EVP_PKEY_free(k);
		return (fault(f, FAULT_CONFIG, "the private key is neither RSA of %d to %d bits nor ECDSA on P-256, "
		    "P-384 or P-521 nor DSS of %d to %d bits with a q of 160", SIGN_RSA_BITS_MIN, SIGN_RSA_BITS_MAX,
		    SIGN_RSA_BITS_MIN, SIGN_DSS_BITS_MAX));
	}
	if ((*out = calloc(1, sizeof(**out))) == NULL) {
		EVP_PKEY_free(k);
		return (fault(f, FAULT_MEMORY, "no memory for a private key"));
	}
	(*out)->k = k;
	return (0);
}

int
sign_key_take(struct sign_key **out, void *evp_pkey, struct fault *f)
{
	return (take_key(out, evp_pkey, f));
}

int
sign_key_elsewhere(struct sign_key **out, struct span spki, sign_by *by, sign_by_end *end, void *ctx, struct fault *f)
{
	const unsigned char *p = spki.p;
	EVP_PKEY *k = spki.len <= INT32_MAX ? d2i_PUBKEY(NULL, &p, (long)spki.len) : NULL;

	ERR_clear_error();
	if (k == NULL)
		return (fault(f, FAULT_SECRET_FILE, "the public key cannot be read"));
	if (take_key(out, k, f) != 0)
		return (-1);
	(*out)->by = by;
	(*out)->end = end;
	(*out)->ctx = ctx;
	return (0);
}

int
sign_key_public(const struct sign_key *k, struct bytes *out, struct fault *f)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pkey(k), &der), rc = -1;

	if (n <= 0)
		(void)fault_ossl(f, "public key");
	else if ((rc = bytes_set(out, span_of(der, (size_t)n))) != 0)
		(void)fault(f, FAULT_MEMORY, "no memory for a key");
	OPENSSL_free(der);
	return (rc);
}

int
sign_key_read(struct sign_key **out, struct span data, struct span pass, bool *locked, struct fault *f)
{
	struct asked asked = { .pass = pass };
	const unsigned char *p = data.p;
	size_t left = data.len;
	EVP_PKEY *k = NULL;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(&k, NULL, NULL, NULL, OSSL_KEYMGMT_SELECT_PRIVATE_KEY |
	    OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, NULL, NULL);
	bool ok = ctx != NULL && OSSL_DECODER_CTX_set_pem_password_cb(ctx, give_pass, &asked) == 1 &&
	    OSSL_DECODER_from_data(ctx, &p, &left) == 1;

	OSSL_DECODER_CTX_free(ctx);
	ERR_clear_error();
	*locked = asked.used;
	if (ok && k != NULL)
		return (take_key(out, k, f));
	EVP_PKEY_free(k);
	if (asked.used)
		return (fault(f, FAULT_SECRET_FILE, pass.len == 0 ? "the private key is encrypted" :
		    "the passphrase does not open the private key"));
	return (fault(f, FAULT_SECRET_FILE, "no private key in it, neither PEM nor DER"));
}

int
sign_p12_read(struct sign_key **out, struct certs *certs, struct span data, struct span pass, bool *locked,
    struct fault *f)
{
	const unsigned char *p = data.p;
	char text[PASS_MAX];
	STACK_OF(X509) *more = NULL;
	X509 *leaf = NULL;
	EVP_PKEY *k = NULL;
	PKCS12 *p12 = data.len <= INT32_MAX ? d2i_PKCS12(NULL, &p, (long)data.len) : NULL;
	int i, rc = -1;
	bool ok;

	*locked = false;
	ERR_clear_error();
	if (p12 == NULL)
		return (fault(f, FAULT_MALFORMED, "no PKCS#12"));
	if (pass.len >= sizeof(text)) {
		PKCS12_free(p12);
		return (fault(f, FAULT_SECRET_FILE, "the passphrase is longer than %zu bytes", sizeof(text) - 1));
	}
	if (pass.len > 0)
		memcpy(text, pass.p, pass.len);
	text[pass.len] = '\0';
	ok = PKCS12_parse(p12, text, &k, &leaf, &more) == 1;
	wipe(text, sizeof(text));
	ERR_clear_error();
	if (!ok) {
		*locked = true;
		(void)fault(f, FAULT_SECRET_FILE, pass.len == 0 ? "the PKCS#12 is encrypted" :
		    "the passphrase does not open the PKCS#12, or its cipher is one of OpenSSL's legacy provider");
	} else if (k == NULL || take_key(out, k, f) == 0) {
		rc = leaf != NULL ? certs_add(certs, leaf, CERTS_FILE_MAX, f) : 0;
		for (i = 0; rc == 0 && i < sk_X509_num(more); i++)
			rc = certs_add(certs, sk_X509_value(more, i), CERTS_FILE_MAX, f);
	}
	X509_free(leaf);
	sk_X509_pop_free(more, X509_free);
	PKCS12_free(p12);
	return (rc);
}

void
sign_key_free(struct sign_key *k)
{
	if (k == NULL)
		return;
	if (k->end != NULL)
		k->end(k->ctx);
	EVP_PKEY_free(k->k);
	free(k);
}

enum sign_kind
sign_key_kind(const struct sign_key *k)
{
	return (kind_of(pkey(k)));
}

/* RSA's work grows with the cube of the length; that of the others is small. */
unsigned
sign_key_units(const struct sign_key *k)
{
	unsigned n = (unsigned)EVP_PKEY_get_bits(pkey(k)) / 2048;

	return (sign_key_kind(k) != SIGN_RSA || n < 2 ? 1 : n * n * n / 2);
}

bool
sign_key_fits(const struct sign_key *k, const struct cert *c)
{
	EVP_PKEY *pub = X509_get0_pubkey(c->x);
	bool fits = pub != NULL && EVP_PKEY_eq(pub, pkey(k)) == 1;

	ERR_clear_error();
	return (fits);
}

enum sign_kind
cert_kind(const struct cert *c)
{
	enum sign_kind kind = kind_of(X509_get0_pubkey(c->x));

	ERR_clear_error();
	return (kind);
}

/* --- signatures --- */

/* DER of ECDSA-Sig-Value to r | s. Dss-Sig-Value (RFC 3279, 2.2.2) is the same two numbers. */
static int
rs_to_raw(struct bytes *out, struct span der, size_t len, struct fault *f)
{
	const unsigned char *p = der.p;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)der.len);
	uint8_t raw[2 * EC_LEN_MAX];
	int rc = -1;

	if (s == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(s), raw, (int)len) < 0 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(s), raw + len, (int)len) < 0)
		(void)fault_ossl(f, "signature");
	else if ((rc = bytes_set(out, span_of(raw, 2 * len))) != 0)
		(void)fault(f, FAULT_MEMORY, "no memory for a signature");
	ECDSA_SIG_free(s);
	return (rc);
}

int
sign_make(const struct sign_key *k, struct span hash, struct bytes *out, struct fault *f)
{
	EVP_PKEY_CTX *ctx;
	enum sign_kind kind = sign_key_kind(k);
	struct bytes sig = {0};
	size_t len = 0;
	int rc = -1;

	if (k->by != NULL)
		return (k->by(k->ctx, hash, out, f));
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey(k), NULL);
	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 ||
	    (kind == SIGN_RSA && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1) ||
	    EVP_PKEY_sign(ctx, NULL, &len, hash.p, hash.len) != 1 || (sig.p = malloc(len)) == NULL ||
	    EVP_PKEY_sign(ctx, sig.p, &len, hash.p, hash.len) != 1)
		(void)fault_ossl(f, "signature");
	else {
		sig.len = len;
		if (kind != SIGN_RSA)
			rc = rs_to_raw(out, bytes_span(&sig), rs_len(kind), f);
		else if ((rc = bytes_set(out, bytes_span(&sig))) != 0)
			(void)fault(f, FAULT_MEMORY, "no memory for a signature");
	}
	bytes_free(&sig);
	EVP_PKEY_CTX_free(ctx);
	return (rc);
}

static bool
verify(EVP_PKEY *k, enum sign_kind kind, const EVP_MD *md, struct span hash, struct span sig)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
	bool good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	    (kind != SIGN_RSA || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1) &&
	    (md == NULL || EVP_PKEY_CTX_set_signature_md(ctx, md) == 1) &&
	    EVP_PKEY_verify(ctx, sig.p, sig.len, hash.p, hash.len) == 1;

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return (good);
}

/* The exponent is odd, at least 3 and no more than 64 bits: 1 signs nothing, and a long one costs time. */
static bool
rsa_is_sane(const EVP_PKEY *k)
{
	BIGNUM *e = NULL;
	bool sane = EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) && !BN_is_one(e) &&
	    !BN_is_negative(e) && BN_num_bits(e) <= 64;

	BN_free(e);
	return (sane);
}

static bool
rsa_check(EVP_PKEY *k, struct span hash, struct span sig)
{
	static const struct { size_t len; const EVP_MD *(*md)(void); } info[] = {
		{ 16, EVP_md5 }, { 20, EVP_sha1 }, { 32, EVP_sha256 }, { 48, EVP_sha384 }, { 64, EVP_sha512 },
	};
	size_t i;

	if (sig.len != (size_t)EVP_PKEY_get_size(k) || !rsa_is_sane(k))
		return (false);
	if (verify(k, SIGN_RSA, NULL, hash, sig))
		return (true);
	for (i = 0; i < sizeof(info) / sizeof(info[0]); i++)
		if (info[i].len == hash.len)
			return (verify(k, SIGN_RSA, info[i].md(), hash, sig));
	return (false);
}

static bool
rs_check(EVP_PKEY *k, enum sign_kind kind, struct span hash, struct span sig)
{
	size_t len = rs_len(kind);
	ECDSA_SIG *s = ECDSA_SIG_new();
	BIGNUM *r, *t;
	unsigned char *der = NULL;
	bool good = false;
	int n;

	if (sig.len != 2 * len) {
		ECDSA_SIG_free(s);
		return (false);
	}
	r = BN_bin2bn(sig.p, (int)len, NULL);
	t = BN_bin2bn(sig.p + len, (int)len, NULL);
	if (s != NULL && r != NULL && t != NULL && ECDSA_SIG_set0(s, r, t) == 1) {
		r = t = NULL;
		n = i2d_ECDSA_SIG(s, &der);
		good = n > 0 && verify(k, kind, NULL, hash, span_of(der, (size_t)n));
	}
	BN_free(r);
	BN_free(t);
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
	return (good);
}

bool
sign_check(const struct cert *c, enum sign_kind kind, struct span hash, struct span sig)
{
	EVP_PKEY *k = X509_get0_pubkey(c->x);

	if (kind == SIGN_NONE || kind_of(k) != kind)
		return (false);
	return (kind == SIGN_RSA ? rsa_check(k, hash, sig) : rs_check(k, kind, hash, sig));
}

int
sign_recover(const struct cert *c, struct span sig, struct bytes *out, struct fault *f)
{
	EVP_PKEY *k = X509_get0_pubkey(c->x);
	EVP_PKEY_CTX *ctx = kind_of(k) == SIGN_RSA && rsa_is_sane(k) ? EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL) : NULL;
	struct bytes block = {0};
	size_t len = ctx != NULL ? (size_t)EVP_PKEY_get_size(k) : 0;
	int rc = -1;

	if (ctx == NULL || EVP_PKEY_verify_recover_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1)
		(void)fault_ossl(f, "signature");
	else if ((block.p = malloc(len)) == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for a signature");
	else if (EVP_PKEY_verify_recover(ctx, block.p, &len, sig.p, sig.len) != 1)
		(void)fault_ossl(f, "signature");
	else {
		block.len = len;
		*out = block;
		block = (struct bytes){0};
		rc = 0;
	}
	bytes_free(&block);
	EVP_PKEY_CTX_free(ctx);
	return (rc);
}
