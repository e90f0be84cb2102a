/* Elliptic curves: ECP groups of RFC 5903, Curve25519 of RFC 8031. */
#include "crypto/dh.h"
#include "crypto/fetch.h"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>

static const struct row {
	uint16_t	num;
	int		nid;
} rows[] = {
	{ 19, NID_X9_62_prime256v1 },
	{ 20, NID_secp384r1 },
	{ 21, NID_secp521r1 },
};
#define ROWS	(sizeof(rows) / sizeof(rows[0]))

static EC_GROUP *curves[ROWS];	/* made when first asked for */

static const EC_GROUP *
curve(const struct alg_group *g, struct fault *f)
{
	size_t i;

	for (i = 0; i < ROWS && rows[i].num != g->num; i++)
		;
	if (i == ROWS) {
		(void)fault(f, FAULT_CRYPTO, "%s is no ECP group", g->word);
		return (NULL);
	}
	if (curves[i] == NULL && (curves[i] = EC_GROUP_new_by_curve_name(rows[i].nid)) == NULL)
		(void)fault_ossl(f, g->word);
	return (curves[i]);
}

/* 1 if 0 < k < order, 0 if not, -1 if memory is short. */
static int
scalar_ok(const EC_GROUP *c, struct span k)
{
	BIGNUM *b = BN_secure_new();
	int rc = -1;

	if (b != NULL && BN_bin2bn(k.p, (int)k.len, b) != NULL)
		rc = !BN_is_zero(b) && BN_cmp(b, EC_GROUP_get0_order(c)) < 0;
	BN_clear_free(b);
	return (rc);
}

static int
ecp_draw(const struct alg_group *g, const struct rand *r, struct secret *priv, struct fault *f)
{
	const EC_GROUP *c = curve(g, f);
	unsigned bits, tries;
	int ok = 0;

	if (c == NULL)
		return (-1);
	bits = (unsigned)EC_GROUP_order_bits(c);
	if (secret_make(priv, (bits + 7) / 8) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a private value"));
	/* All orders are just below a power of two: a second draw is rare. */
	for (tries = 0; ok == 0 && tries < 256; tries++) {
		if (r->fill(r->state, priv->p, priv->len) == -1)
			return (fault(f, FAULT_CRYPTO, "the random source failed"));
		if (bits % 8 != 0)
			priv->p[0] &= (uint8_t)((1U << bits % 8) - 1);
		ok = scalar_ok(c, secret_span(priv));
	}
	return (ok == 1 ? 0 : fault(f, FAULT_CRYPTO, "the random source gives no private value"));
}

static int
ecp_adopt(const struct alg_group *g, struct span given, struct secret *priv, struct fault *f)
{
	const EC_GROUP *c = curve(g, f);

	if (c == NULL)
		return (-1);
	if (given.len == 0 || given.len > g->shared_len || scalar_ok(c, given) != 1)
		return (fault(f, FAULT_USAGE, "private value is not below the order of %s",
		    g->word));
	return (secret_set(priv, given) == 0 ? 0 : fault(f, FAULT_MEMORY, "no memory for a key"));
}

/*
 * The peer's x | y as a point. Checks that the coordinates are below the prime and on the curve; as the
 * cofactor is 1 there is no small subgroup to fall into. RFC 5903 section 7: x | y without the leading
 * 4 of SEC 1.
 */
static int
point_of(const struct alg_group *g, const EC_GROUP *c, struct span peer, EC_POINT *p, BN_CTX *ctx,
    struct fault *f)
{
	uint8_t sec1[1 + 2 * 66];

	sec1[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(sec1 + 1, peer.p, peer.len);
	if (EC_POINT_oct2point(c, p, sec1, 1 + peer.len, ctx) == 1)
		return (0);
	(void)fault_ossl(NULL, "");
	return (fault(f, FAULT_MALFORMED, "public value is no point of %s", g->word));
}

/*
 * priv * (${peer}, or the generator where it is empty) as x | y into ${xy}, g->pub_len bytes.
 */
static int
multiply(const struct alg_group *g, struct span priv, struct span peer, uint8_t *xy,
    struct fault *f)
{
	const EC_GROUP *c = curve(g, f);
	uint8_t sec1[1 + 2 * 66];
	size_t n = 1 + (size_t)g->pub_len;
	BN_CTX *ctx;
	BIGNUM *k;
	EC_POINT *in, *out;
	int rc = -1;

	if (c == NULL)
		return (-1);
	ctx = BN_CTX_secure_new();
	k = BN_secure_new();
	in = EC_POINT_new(c);
	out = EC_POINT_new(c);
	if (ctx == NULL || k == NULL || in == NULL || out == NULL ||
	    BN_bin2bn(priv.p, (int)priv.len, k) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a point");
		goto done;
	}
	BN_set_flags(k, BN_FLG_CONSTTIME);
	if (peer.len > 0 && point_of(g, c, peer, in, ctx, f) != 0)
		goto done;
	if (EC_POINT_mul(c, out, peer.len > 0 ? NULL : k, peer.len > 0 ? in : NULL,
	    peer.len > 0 ? k : NULL, ctx) != 1 ||
	    EC_POINT_point2oct(c, out, POINT_CONVERSION_UNCOMPRESSED, sec1, n, ctx) != n) {
		(void)fault_ossl(f, g->word);
		goto done;
	}
	memcpy(xy, sec1 + 1, g->pub_len);
	rc = 0;
done:
	wipe(sec1, sizeof(sec1));
	EC_POINT_clear_free(out);
	EC_POINT_free(in);
	BN_clear_free(k);
	BN_CTX_free(ctx);
	return (rc);
}

static int
ecp_public(const struct alg_group *g, struct span priv, uint8_t *pub, struct fault *f)
{
	return (multiply(g, priv, SPAN_NONE, pub, f));
}

static int
ecp_check(const struct alg_group *g, struct span peer, struct fault *f)
{
	const EC_GROUP *c = curve(g, f);
	EC_POINT *p = c != NULL ? EC_POINT_new(c) : NULL;
	int rc;

	if (c == NULL)
		return (-1);
	rc = p == NULL ? fault(f, FAULT_MEMORY, "no memory for a point") :
	    point_of(g, c, peer, p, NULL, f);
	EC_POINT_free(p);
	return (rc);
}

/* RFC 5903 section 7 (and its erratum): the shared secret is x. */
static int
ecp_shared(const struct alg_group *g, struct span priv, struct span peer, uint8_t *out,
    struct fault *f)
{
	uint8_t xy[2 * 66];
	int rc;

	if ((rc = multiply(g, priv, peer, xy, f)) == 0)
		memcpy(out, xy, g->shared_len);
	wipe(xy, sizeof(xy));
	return (rc);
}

static int
ecp_constants(const struct alg_group *g, struct secret *p, struct secret *gen, struct fault *f)
{
	static const uint8_t one = 1;
	const EC_GROUP *c = curve(g, f);

	if (c == NULL)
		return (-1);
	if (secret_make(p, g->shared_len) == NULL || secret_make(gen, g->pub_len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for the numbers of %s", g->word));
	if (BN_bn2binpad(EC_GROUP_get0_field(c), p->p, g->shared_len) != g->shared_len)
		return (fault_ossl(f, g->word));
	return (multiply(g, span_of(&one, 1), SPAN_NONE, gen->p, f));
}

const struct dh_ops dh_ecp = {
	ecp_draw, ecp_adopt, ecp_public, ecp_check, ecp_shared, ecp_constants,
};

static int
x25519_draw(const struct alg_group *g, const struct rand *r, struct secret *priv, struct fault *f)
{
	/* Any 32 bytes are valid: the function itself sets and clears bits (RFC 7748 section 5). */
	if (secret_make(priv, g->shared_len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a private value"));
	if (r->fill(r->state, priv->p, priv->len) == -1)
		return (fault(f, FAULT_CRYPTO, "the random source failed"));
	return (0);
}

static int
x25519_adopt(const struct alg_group *g, struct span given, struct secret *priv, struct fault *f)
{
	if (given.len != g->shared_len)
		return (fault(f, FAULT_USAGE, "private value of %zu bytes, %s has %u", given.len,
		    g->word, g->shared_len));
	return (secret_set(priv, given) == 0 ? 0 : fault(f, FAULT_MEMORY, "no memory for a key"));
}

static int
x25519_public(const struct alg_group *g, struct span priv, uint8_t *pub, struct fault *f)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, g->ossl, NULL, priv.p, priv.len);
	size_t len = g->pub_len;
	int ok;

	ok = key != NULL && EVP_PKEY_get_raw_public_key(key, pub, &len) == 1 && len == g->pub_len;
	EVP_PKEY_free(key);
	return (ok ? 0 : fault_ossl(f, g->word));
}

static int
x25519_shared(const struct alg_group *g, struct span priv, struct span peer, uint8_t *out,
    struct fault *f)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, g->ossl, NULL, priv.p, priv.len);
	EVP_PKEY *pub = EVP_PKEY_new_raw_public_key_ex(NULL, g->ossl, NULL, peer.p, peer.len);
	EVP_PKEY_CTX *ctx = NULL;
	size_t len = g->shared_len, i;
	uint8_t any = 0;
	int rc = -1;

	if (key == NULL || pub == NULL ||
	    (ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL)) == NULL ||
	    EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, pub) != 1) {
		(void)fault_ossl(f, g->word);
		goto done;
	}
	/* Points of small order give zero, with any private value (RFC 7748 section 6.1). libcrypto
	 * rejects them; this check does not rely on that. */
	if (EVP_PKEY_derive(ctx, out, &len) == 1 && len == g->shared_len)
		for (i = 0; i < len; i++)
			any |= out[i];
	if (any != 0)
		rc = 0;
	else {
		(void)fault_ossl(NULL, "");
		(void)fault(f, FAULT_MALFORMED, "public value is of small order in %s", g->word);
	}
done:
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pub);
	EVP_PKEY_free(key);
	return (rc);
}

/* A point is of small order if it gives zero with any private value: with this one, too. */
static int
x25519_check(const struct alg_group *g, struct span peer, struct fault *f)
{
	static const uint8_t any[32] = { 8 };
	uint8_t out[32];

	return (x25519_shared(g, SPAN_ARRAY(any), peer, out, f));
}

/* RFC 7748 section 4.1: p = 2^255 - 19, u = 9. */
static int
x25519_constants(const struct alg_group *g, struct secret *p, struct secret *gen, struct fault *f)
{
	if (secret_make(p, g->pub_len) == NULL || secret_make(gen, 1) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for the numbers of %s", g->word));
	memset(p->p, 0xff, p->len);
	p->p[0] = 0x7f;
	p->p[p->len - 1] = 0xed;
	gen->p[0] = 9;
	return (0);
}

const struct dh_ops dh_x25519 = {
	x25519_draw, x25519_adopt, x25519_public, x25519_check, x25519_shared, x25519_constants,
};
