/* Diffie-Hellman with small numbers, as textbooks teach it; and the constants of the real groups. */
#include "crypto/dh.h"
#include "crypto/fetch.h"

#include <openssl/bn.h>

static BIGNUM *
bn_of(struct span v)
{
	BIGNUM *b = BN_secure_new();

	if (b == NULL || v.len > DH_NUMBER_MAX || BN_bin2bn(v.p, (int)v.len, b) == NULL) {
		BN_clear_free(b);
		return (NULL);
	}
	return (b);
}

int
dh_number_prime(struct span p, struct fault *f)
{
	BIGNUM *b = bn_of(p);
	BN_CTX *ctx = BN_CTX_secure_new();
	int rc = -1;

	if (b != NULL && ctx != NULL)
		rc = BN_check_prime(b, ctx, NULL);
	BN_CTX_free(ctx);
	BN_clear_free(b);
	return (rc >= 0 ? rc : fault_ossl(f, "check of a prime"));
}

int
dh_number_power(struct span base, struct span x, struct span p, struct secret *out, struct fault *f)
{
	BIGNUM *b = bn_of(base), *e = bn_of(x), *m = bn_of(p), *v = BN_secure_new();
	BN_CTX *ctx = BN_CTX_secure_new();
	int rc = -1;

	if (b != NULL && e != NULL && m != NULL && v != NULL && ctx != NULL &&
	    BN_mod_exp_mont_consttime(v, b, e, m, ctx, NULL) == 1 &&
	    secret_make(out, (size_t)BN_num_bytes(v)) != NULL && BN_bn2bin(v, out->p) >= 0)
		rc = 0;
	BN_CTX_free(ctx);
	BN_clear_free(v);
	BN_clear_free(m);
	BN_clear_free(e);
	BN_clear_free(b);
	return (rc == 0 ? 0 : fault_ossl(f, "power of a number"));
}

int
dh_constants(const struct alg_group *g, struct secret *p, struct secret *gen, struct fault *f)
{
	return (dh_ops_of(g)->constants(g, p, gen, f));
}
