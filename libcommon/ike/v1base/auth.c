/*
 * The authentication methods of phase 1.
 */
#include "ike/v1base/auth.h"

#include "ike/v1base/auth_cert.h"
#include "ike/v1base/keys.h"

/* --- pre-shared key, RFC 2409 section 5.4 --- */

static int
psk_skeyid(const struct v1_auth_in *in, struct secret *out, struct fault *f)
{
	return (v1_skeyid_psk(in->hash, secret_span(&in->policy->psk), in->ni_b, in->nr_b, out, f));
}

static int
psk_prove(const struct v1_auth_in *in, struct span hash_ir, struct bytes *out, struct fault *f)
{
	(void)in;
	return (bytes_set(out, hash_ir) == 0 ? 0 : fault(f, FAULT_MEMORY, "no memory for phase 1"));
}

static int
psk_check(const struct v1_auth_in *in, struct span hash_ir, struct span proof, struct fault *f)
{
	if (ct_eq(hash_ir, proof))
		return (0);
	if (in->aggressive)
		return (fault(f, FAULT_WRONG_PSK,
		    "its hash is not the one that our pre-shared key gives"));
	/* In main mode the message could be decrypted: the keys are the same. */
	return (fault(f, FAULT_AUTH_FAILED, "its hash does not prove its identity"));
}

static bool
psk_ready(const struct ike_policy *p)
{
	return (p->psk.len > 0);
}

static bool
psk_same_key(const struct ike_policy *a, const struct ike_policy *b)
{
	return (ct_eq(secret_span(&a->psk), secret_span(&b->psk)));
}

/* --- signatures, RFC 2409 section 5.1 and RFC 4754 --- */

static int
sig_skeyid(const struct v1_auth_in *in, struct secret *out, struct fault *f)
{
	return (v1_skeyid_sig(in->hash, in->ni_b, in->nr_b, in->gxy, out, f));
}

static int
sig_prove(const struct v1_auth_in *in, struct span hash_ir, struct bytes *out, struct fault *f)
{
	return (sign_make(in->policy->creds.key, hash_ir, out, f));
}

static int
sig_check(const struct v1_auth_in *in, struct span hash_ir, struct span proof, struct fault *f)
{
	const struct v1_cert_in c = {
		.creds = &in->policy->creds, .sent = in->certs, .id = in->peer_id, .kind = in->row->sign,
		.epoch = in->now.epoch,
	};

	return (v1_cert_check(&c, hash_ir, proof, f));
}

static bool
sig_ready(const struct ike_policy *p)
{
	return (p->creds.key != NULL);
}

/* SKEYID comes from the nonces: it is the method that both policies must have. */
static bool
sig_same_key(const struct ike_policy *a, const struct ike_policy *b)
{
	const struct v1_auth *row;
	size_t i, j;

	for (i = 0; i < a->n_auths; i++)
		for (j = 0; j < b->n_auths; j++)
			if (a->auths[i] == b->auths[j] && (row = v1_auth_find(a->auths[i])) != NULL &&
			    row->proof == PAYLOAD_SIG)
				return (true);
	return (false);
}

/* --- hybrid, draft-ietf-ipsec-isakmp-hybrid-auth-05 --- */

static int
hybrid_prove(const struct v1_auth_in *in, struct span hash_ir, struct bytes *out, struct fault *f)
{
	return (in->is_user ? psk_prove(in, hash_ir, out, f) : sig_prove(in, hash_ir, out, f));
}

/* The user's hash shows only that it has the keys of this exchange. */
static int
hybrid_check(const struct v1_auth_in *in, struct span hash_ir, struct span proof, struct fault *f)
{
	if (in->is_user)
		return (sig_check(in, hash_ir, proof, f));
	return (ct_eq(hash_ir, proof) ? 0 : fault(f, FAULT_AUTH_FAILED, "its hash is not that of this exchange"));
}

/* The gateway has a key; the user has a CA, or the gateway's certificate. */
static bool
hybrid_ready(const struct ike_policy *p)
{
	return (p->creds.key != NULL || p->creds.ca.n > 0 || p->creds.pinned.n > 0 || p->creds.n_hashes > 0);
}

/* The hash is signed as it is, so what went wrong with the certificate or the signature is the fault of check(). */
#define SIGNATURE(number, word, next, sign, hash)						\
	{ number, word, PAYLOAD_SIG, next,							\
	    sig_skeyid, sig_prove, sig_check, sig_ready, sig_same_key,				\
	    FAULT_NONE, NULL, FAULT_AUTH_FAILED, sign, hash, false }
#define HYBRID(number)										\
	{ number, "hybrid", PAYLOAD_SIG, V1_AUTH_THEN_XAUTH,					\
	    sig_skeyid, hybrid_prove, hybrid_check, hybrid_ready, sig_same_key,			\
	    FAULT_NONE, NULL, FAULT_AUTH_FAILED, SIGN_RSA, NULL, true }

/* Two numbers for each method of XAuth: which end of phase 1 is the user. */
#define SECRET(number, word, next)						\
	{ number, word, PAYLOAD_HASH, next,					\
	    psk_skeyid, psk_prove, psk_check, psk_ready, psk_same_key,		\
	    FAULT_WRONG_PSK, "the two ends' pre-shared keys differ", FAULT_WRONG_PSK, SIGN_NONE, NULL, false }

static const struct v1_auth rows[] = {
	SECRET(AUTH_PSK, "psk", V1_AUTH_THEN_QUICK),
	SECRET(AUTH_XAUTH_INIT_PSK, "xauth-psk", V1_AUTH_THEN_XAUTH),
	SECRET(AUTH_XAUTH_RESP_PSK, "xauth-psk", V1_AUTH_THEN_XAUTH),
	SIGNATURE(AUTH_RSA_SIG, "rsa", V1_AUTH_THEN_QUICK, SIGN_RSA, NULL),
	SIGNATURE(AUTH_ECDSA_256, "ecdsa", V1_AUTH_THEN_QUICK, SIGN_EC256, "sha256"),
	SIGNATURE(AUTH_ECDSA_384, "ecdsa", V1_AUTH_THEN_QUICK, SIGN_EC384, "sha384"),
	SIGNATURE(AUTH_ECDSA_521, "ecdsa", V1_AUTH_THEN_QUICK, SIGN_EC521, "sha512"),
	SIGNATURE(AUTH_DSS_SIG, "dss", V1_AUTH_THEN_QUICK, SIGN_DSS, "sha1"),
	SIGNATURE(AUTH_XAUTH_INIT_RSA, "xauth-rsa", V1_AUTH_THEN_XAUTH, SIGN_RSA, NULL),
	SIGNATURE(AUTH_XAUTH_RESP_RSA, "xauth-rsa", V1_AUTH_THEN_XAUTH, SIGN_RSA, NULL),
	HYBRID(AUTH_HYBRID_INIT_RSA),
	HYBRID(AUTH_HYBRID_RESP_RSA),
};

static const struct v1_auth *more;	/* see v1_auth_add() */

void
v1_auth_add(const struct v1_auth *added)
{
	more = added;
}

const struct v1_auth *
v1_auth_find(uint16_t number)
{
	const struct v1_auth *a;
	size_t i;

	for (a = more; a != NULL && a->number != 0; a++)
		if (a->number == number)
			return (a);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].number == number)
			return (&rows[i]);
	return (NULL);
}

bool
v1_auth_may_switch(const struct ike_policy *p, const struct ike_policy *used)
{
	const struct v1_auth *a;
	size_t i, j;

	for (i = 0; i < p->n_auths; i++) {
		for (j = 0; j < used->n_auths && used->auths[j] != p->auths[i]; j++)
			;
		if ((a = v1_auth_find(p->auths[i])) != NULL && (j == used->n_auths || a->same_key(p, used)))
			return (true);
	}
	return (false);
}

/* The end that begins phase 1 by a method of XAuth is the user: a gateway has no name and password for it. */
static bool
user_is_there(const struct v1_auth *a, const struct ike_policy *p)
{
	return (a->next != V1_AUTH_THEN_XAUTH || v1_auth_user(a) != SA_INITIATOR || p->xauth_user[0] != '\0' ||
	    p->xauth_ask);
}

bool
v1_auth_ready(const struct ike_policy *p)
{
	const struct v1_auth *a;
	size_t i;

	for (i = 0; i < p->n_auths; i++)
		if ((a = v1_auth_find(p->auths[i])) != NULL && a->ready(p) && user_is_there(a, p))
			return (true);
	return (false);
}
