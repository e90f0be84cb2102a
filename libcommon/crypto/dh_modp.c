/*
 * MODP groups, on libcrypto's BIGNUMs instead of EVP_PKEY: groups 1 and 2 have no name there, the
 * private value must come from the caller's random source, and the Montgomery
 * context of a prime can be kept, which EVP computes again for each key.
 */
#include "crypto/dh.h"
#include "crypto/fetch.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

/*
 * ${priv_bits}: a private value need not be as long as the prime. In the safe-prime groups
 * the best attacks on a short exponent take some 2^(bits/2) steps (Pollard's lambda), so twice
 * the strength of the group is enough: RFC 3526 section 8 has two estimates (we use the
 * larger one, rounded up to whole bytes), SP 800-56A rev. 3 section 5.6.1.1 requires
 * less (224 bits with 2048). Measured: a modp2048 exponentiation takes 0.4 instead of 2.6 ms.
 * Groups 22 to 24 have a subgroup of prime order q, from which the value is drawn.
 */
static const struct row {
	uint16_t	num;
	uint16_t	priv_bits;	/* 0: as long as q */
	BIGNUM		*(*prime)(BIGNUM *);	/* NULL: by name; the generator is then not 2 */
} rows[] = {
	{ 1, 256, BN_get_rfc2409_prime_768 },
	{ 2, 256, BN_get_rfc2409_prime_1024 },
	{ 5, 256, BN_get_rfc3526_prime_1536 },
	{ 14, 320, BN_get_rfc3526_prime_2048 },
	{ 15, 424, BN_get_rfc3526_prime_3072 },
	{ 16, 480, BN_get_rfc3526_prime_4096 },
	{ 17, 544, BN_get_rfc3526_prime_6144 },
	{ 18, 624, BN_get_rfc3526_prime_8192 },
	{ 22, 0, NULL },
	{ 23, 0, NULL },
	{ 24, 0, NULL },
};
#define ROWS	(sizeof(rows) / sizeof(rows[0]))

/* Computed from a row at its first use, kept for the life of the process. */
static struct params {
	BIGNUM		*p, *g, *p_minus_1;
	BIGNUM		*q;		/* order of the subgroup; NULL with a safe prime */
	BN_MONT_CTX	*mont;
} made[ROWS];

static void
params_free(struct params *m)
{
	BN_free(m->p);
	BN_free(m->g);
	BN_free(m->q);
	BN_free(m->p_minus_1);
	BN_MONT_CTX_free(m->mont);
	*m = (struct params){0};
}

/* p, g and q of a group that libcrypto knows by name. */
static int
params_named(const char *name, struct params *m)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *key = NULL;
	/* Not written to, despite the type. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)name, 0),
		OSSL_PARAM_construct_end(),
	};
	int rc = -1;

	if (ctx != NULL && EVP_PKEY_paramgen_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_params(ctx, params) == 1 && EVP_PKEY_generate(ctx, &key) == 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_FFC_P, &m->p) == 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_FFC_G, &m->g) == 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_FFC_Q, &m->q) == 1)
		rc = 0;
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	return (rc);
}

static const struct params *
params_get(const struct alg_group *g, const struct row **row, struct fault *f)
{
	struct params *m;
	BN_CTX *ctx = NULL;
	size_t i;

	for (i = 0; i < ROWS && rows[i].num != g->num; i++)
		;
	if (i == ROWS) {
		(void)fault(f, FAULT_CRYPTO, "%s is no MODP group", g->word);
		return (NULL);
	}
	*row = &rows[i];
	m = &made[i];
	if (m->mont != NULL)
		return (m);
	if (rows[i].prime != NULL) {
		m->p = rows[i].prime(NULL);
		if ((m->g = BN_new()) == NULL || !BN_set_word(m->g, 2))
			goto err;
	} else if (params_named(g->ossl, m) == -1)
		goto err;
	if (m->p == NULL || (m->p_minus_1 = BN_dup(m->p)) == NULL ||
	    !BN_sub_word(m->p_minus_1, 1) || (ctx = BN_CTX_new()) == NULL ||
	    (m->mont = BN_MONT_CTX_new()) == NULL || !BN_MONT_CTX_set(m->mont, m->p, ctx))
		goto err;
	BN_CTX_free(ctx);
	return (m);
err:
	BN_CTX_free(ctx);
	params_free(m);
	(void)fault_ossl(f, g->word);
	return (NULL);
}

/* A number in libcrypto's secure heap, treated without branches on its value. */
static BIGNUM *
bn_secret(struct span v)
{
	BIGNUM *b = BN_secure_new();

	if (b == NULL || v.len > DH_PUB_MAX || BN_bin2bn(v.p, (int)v.len, b) == NULL) {
		BN_clear_free(b);
		return (NULL);
	}
	BN_set_flags(b, BN_FLG_CONSTTIME);
	return (b);
}

/* ${base}^${priv} mod p into ${out}, padded to the prime's length (RFC 2409 section 5). */
static int
power(const struct alg_group *g, const struct params *m, const BIGNUM *base, struct span priv,
    uint8_t *out, struct fault *f)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *x = bn_secret(priv), *v = BN_secure_new();
	int rc = -1;

	if (ctx != NULL && x != NULL && v != NULL &&
	    BN_mod_exp_mont_consttime(v, base, x, m->p, ctx, m->mont) == 1 &&
	    BN_bn2binpad(v, out, g->pub_len) == g->pub_len)
		rc = 0;
	BN_clear_free(v);
	BN_clear_free(x);
	BN_CTX_free(ctx);
	return (rc == 0 ? 0 : fault_ossl(f, g->word));
}

/* 1 if 0 < x < ${order}, 0 if not, -1 if memory is short. */
static int
in_range(struct span x, const BIGNUM *order)
{
	BIGNUM *b = bn_secret(x);
	int rc;

	if (b == NULL)
		return (-1);
	rc = !BN_is_zero(b) && BN_cmp(b, order) < 0;
	BN_clear_free(b);
	return (rc);
}

static int
modp_draw(const struct alg_group *g, const struct rand *r, struct secret *priv, struct fault *f)
{
	const struct row *row;
	const struct params *m = params_get(g, &row, f);
	const BIGNUM *order;
	unsigned bits, tries;
	int ok = 0;

	if (m == NULL)
		return (-1);
	order = m->q != NULL ? m->q : m->p_minus_1;
	bits = m->q != NULL ? (unsigned)BN_num_bits(m->q) : row->priv_bits;
	if (secret_make(priv, (bits + 7) / 8) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a private value"));
	/* Drawn again until it is in range, so that every value is as likely: with q
	 * half of the draws may fail, else none. */
	for (tries = 0; ok == 0 && tries < 256; tries++) {
		if (r->fill(r->state, priv->p, priv->len) == -1)
			return (fault(f, FAULT_CRYPTO, "the random source failed"));
		if (bits % 8 != 0)
			priv->p[0] &= (uint8_t)((1U << bits % 8) - 1);
		ok = in_range(secret_span(priv), order);
	}
	return (ok == 1 ? 0 : fault(f, FAULT_CRYPTO, "the random source gives no private value"));
}

static int
modp_adopt(const struct alg_group *g, struct span given, struct secret *priv, struct fault *f)
{
	const struct row *row;
	const struct params *m = params_get(g, &row, f);

	if (m == NULL)
		return (-1);
	if (given.len == 0 || given.len > g->pub_len || in_range(given, m->p_minus_1) != 1)
		return (fault(f, FAULT_USAGE, "private value is not within 1 to p-2 of %s",
		    g->word));
	return (secret_set(priv, given) == 0 ? 0 : fault(f, FAULT_MEMORY, "no memory for a key"));
}

static int
modp_public(const struct alg_group *g, struct span priv, uint8_t *pub, struct fault *f)
{
	const struct row *row;
	const struct params *m = params_get(g, &row, f);

	return (m == NULL ? -1 : power(g, m, m->g, priv, pub, f));
}

/*
 * SP 800-56A rev. 3 section 5.6.2.3: 2 <= y <= p-2, and if there are small subgroups
 * (RFC 5114 primes are not safe primes), y^q = 1. With a safe prime the remaining values
 * have order q or 2q, which reveals at most one bit of a private value.
 */
static int
check_peer(const struct alg_group *g, const struct params *m, const BIGNUM *y, struct fault *f)
{
	BN_CTX *ctx;
	BIGNUM *one;
	int rc = -1;

	if (BN_is_zero(y) || BN_is_one(y) || BN_cmp(y, m->p_minus_1) >= 0)
		return (fault(f, FAULT_MALFORMED, "public value outside 2 to p-2 of %s", g->word));
	if (m->q == NULL)
		return (0);
	ctx = BN_CTX_new();
	one = BN_new();
	if (ctx == NULL || one == NULL || !BN_mod_exp_mont(one, y, m->q, m->p, ctx, m->mont))
		(void)fault_ossl(f, g->word);
	else if (!BN_is_one(one))
		(void)fault(f, FAULT_MALFORMED, "public value outside the subgroup of %s", g->word);
	else
		rc = 0;
	BN_free(one);
	BN_CTX_free(ctx);
	return (rc);
}

/* The peer's public value, checked; the caller frees it. NULL with a fault. */
static BIGNUM *
take_peer(const struct alg_group *g, const struct params *m, struct span peer, struct fault *f)
{
	BIGNUM *y = BN_bin2bn(peer.p, (int)peer.len, NULL);

	if (y == NULL)
		(void)fault_ossl(f, g->word);
	else if (check_peer(g, m, y, f) == 0)
		return (y);
	BN_free(y);
	return (NULL);
}

static int
modp_check(const struct alg_group *g, struct span peer, struct fault *f)
{
	const struct row *row;
	const struct params *m = params_get(g, &row, f);
	BIGNUM *y = m != NULL ? take_peer(g, m, peer, f) : NULL;

	if (y == NULL)
		return (-1);
	BN_free(y);
	return (0);
}

static int
modp_shared(const struct alg_group *g, struct span priv, struct span peer, uint8_t *out,
    struct fault *f)
{
	const struct row *row;
	const struct params *m = params_get(g, &row, f);
	BIGNUM *y = m != NULL ? take_peer(g, m, peer, f) : NULL;
	int rc = y != NULL ? power(g, m, y, priv, out, f) : -1;

	BN_free(y);
	return (rc);
}

static int
modp_constants(const struct alg_group *g, struct secret *p, struct secret *gen, struct fault *f)
{
	const struct row *row;
	const struct params *m = params_get(g, &row, f);

	if (m == NULL)
		return (-1);
	if (secret_make(p, (size_t)BN_num_bytes(m->p)) == NULL || secret_make(gen, (size_t)BN_num_bytes(m->g)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for the numbers of %s", g->word));
	return (BN_bn2bin(m->p, p->p) > 0 && BN_bn2bin(m->g, gen->p) > 0 ? 0 : fault_ossl(f, g->word));
}

const struct dh_ops dh_modp = {
	modp_draw, modp_adopt, modp_public, modp_check, modp_shared, modp_constants,
};
