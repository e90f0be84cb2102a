/*
 * Phase 1: what proves the peer. The KE and nonce payloads make the keys, and the keys verify the proof of
 * identity.
 */
#include "ike/v1/phase1_proof.h"

#include "ike/engine_priv.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/phase1_cert.h"
#include "ike/v1/phase1_policy.h"
#include "ike/v1base/auth.h"
#include "ike/v1base/sa_payload_p1.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/payload.h"

/* Ni or Nr, by the role of the sender. */
static struct bytes *
nonce_of(const struct v1_exchange *x, enum sa_role sender)
{
	return (sender == SA_INITIATOR ? &phase1_of(x)->ni_b : &phase1_of(x)->nr_b);
}

/* --- KE and nonces --- */

int
v1_put_ke(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct alg_group *group = x->sa->proposal.group;

	if (group == NULL)	/* aggressive mode's first message */
		group = p1_group(x->sa->ike.policy);
	if (phase1_of(x)->dh == NULL &&
	    (phase1_of(x)->dh = dh_new(group, &x->sa->ike.engine->conf.rand, f)) == NULL)
		return (-1);
	isakmp_payload_put(b, PAYLOAD_KE, dh_public(phase1_of(x)->dh));
	return (0);
}

/* What the responder's key and g^xy cost: the work grows with the square of the length, and more. */
static unsigned
dh_units(const struct alg_group *g)
{
	unsigned n = (unsigned)g->pub_len * g->pub_len / (256 * 256);

	return (n > 0 ? n : 1);
}

/* What this end's signature costs, in aggressive mode before the peer has proven anything. */
static unsigned
sign_units(const struct v1_exchange *x)
{
	if (x->kind->number != EXCHANGE_AGGRESSIVE || x->sa->auth == NULL || x->sa->auth->proof != PAYLOAD_SIG ||
	    ike(x)->policy->creds.key == NULL)
		return (0);
	return (sign_key_units(ike(x)->policy->creds.key));
}

/* All that is cheap is checked before this end makes a key for its answer. */
int
v1_take_ke(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	const struct alg_group *group = x->sa->proposal.group;

	if (dh_check_public(group, pl->body, f) != 0)
		return (-1);
	if (phase1_of(x)->dh == NULL && !ike_sa_work(ike(x), x->now, dh_units(group) + sign_units(x)))
		return (fault(f, FAULT_PROTOCOL, "its address causes too much work"));
	return (bytes_set(&phase1_of(x)->gx_peer, pl->body) != 0 ? phase1_no_memory(f) : 0);
}

int
v1_put_nonce(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	struct bytes *own = nonce_of(x, x->role);

	if (own->len == 0 && v1_nonce_make(x, NONCE_OWN, own, f) != 0)
		return (-1);
	isakmp_payload_put(b, PAYLOAD_NONCE, bytes_span(own));
	return (0);
}

int
v1_take_nonce(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	return (v1_nonce_take(nonce_of(x, v1_exchange_peer(x)), pl, f));
}

/* g^xi and g^xr, by the role of the sender. */
static struct span
gx_of(const struct v1_exchange *x, enum sa_role who)
{
	return (who == x->role ? dh_public(phase1_of(x)->dh) : bytes_span(&phase1_of(x)->gx_peer));
}

/* The input of the authentication method. */
static struct v1_auth_in
auth_in(const struct v1_exchange *x)
{
	const struct v1_phase1 *p = x->part;

	return ((struct v1_auth_in){
		.policy = x->sa->ike.policy, .row = x->sa->auth, .hash = x->sa->proposal.hash,
		.aggressive = x->kind->number == EXCHANGE_AGGRESSIVE,
		.is_user = x->sa->auth != NULL && v1_auth_user(x->sa->auth) == x->role,
		.ni_b = bytes_span(&p->ni_b), .nr_b = bytes_span(&p->nr_b),
		.cky_i = ike(x)->spi_i, .cky_r = ike(x)->spi_r, .answer = x->answer,
		.now = x->now, .certs = &p->certs,
	});
}

/* SKEYID and all that follows from it, once both keys and nonces are there. */
int
v1_phase1_keys(struct v1_exchange *x, struct fault *f)
{
	struct v1_phase1 *p = x->part;
	const struct ike_proposal *alg = &x->sa->proposal;
	struct ike_sa *s = ike(x);
	struct v1_auth_in in = auth_in(x);
	struct v1_keys k = {0};
	struct secret gxy = {0};
	int r = -1;

	if (p->has_keys)
		return (0);
	if (dh_shared(p->dh, bytes_span(&p->gx_peer), &gxy, f) != 0)
		goto out;
	in.gxy = secret_span(&gxy);
	if ((r = x->sa->auth->skeyid(&in, &k.skeyid, f)) != 0)
		goto out;
	r = -1;
	if (v1_keys_derive(&k, alg->hash, alg->enc, secret_span(&gxy), s->spi_i, s->spi_r,
	    f) != 0 ||
	    v1_phase1_iv(alg->hash, alg->enc, gx_of(x, SA_INITIATOR), gx_of(x, SA_RESPONDER),
	    x->iv, f) != 0)
		goto out;
	v1_keys_wipe(&x->sa->keys);
	x->sa->keys = k;
	k = (struct v1_keys){0};
	p->has_keys = true;
	r = 0;
out:
	secret_free(&gxy);
	v1_keys_wipe(&k);
	return (r);
}

/* --- AUTH: the proof of identity --- */

uint8_t
v1_phase1_proof(const struct v1_exchange *x, const struct isakmp_msg *m)
{
	size_t i;

	for (i = 0; m != NULL && i < m->n; i++)
		if (m->pl[i].type == PAYLOAD_SA)
			return (V1_NOTHING);
	return (x->sa->auth != NULL ? v1_auth_proof(x->sa->auth, x->kind->rows[x->at].from) : V1_NOTHING);
}

static const struct alg_hash *
proof_hash(const struct v1_exchange *x)
{
	return (x->sa->auth->hash != NULL ? alg_hash_word(x->sa->auth->hash) : x->sa->proposal.hash);
}

static int
hash_ir(struct v1_exchange *x, enum sa_role whose, uint8_t out[HASH_MAX], struct fault *f)
{
	struct v1_phase1 *p = x->part;
	struct ike_sa *s = ike(x);

	return ((whose == SA_INITIATOR ? v1_hash_i : v1_hash_r)(proof_hash(x),
	    secret_span(&x->sa->keys.skeyid), gx_of(x, SA_INITIATOR), gx_of(x, SA_RESPONDER),
	    s->spi_i, s->spi_r, bytes_span(&p->sai_b), bytes_span(v1_phase1_id(x, whose)), out, f));
}

int
v1_put_auth(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct v1_auth *auth = x->sa->auth;
	const struct v1_auth_in in = auth_in(x);
	uint8_t own[HASH_MAX];
	struct bytes body = {0};
	int r;

	if ((r = v1_phase1_keys(x, f)) == 0 && (r = hash_ir(x, x->role, own, f)) == 0)
		r = auth->prove(&in, span_of(own, proof_hash(x)->len), &body, f);
	if (r == 0 && (r = v1_put_certs(x, b, f)) == 0)
		isakmp_payload_put(b, v1_auth_proof(auth, x->role), bytes_span(&body));
	bytes_free(&body);
	return (r);
}

int
v1_take_auth(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_auth_in in = auth_in(x);
	uint8_t expected[HASH_MAX];
	struct id id;
	int r;

	/* A forged message may have made keys before: these must be this message's. */
	if (x->kind->number == EXCHANGE_AGGRESSIVE && x->role == SA_INITIATOR)
		phase1_of(x)->has_keys = false;
	if ((r = v1_phase1_keys(x, f)) != 0 || (r = hash_ir(x, v1_exchange_peer(x), expected, f)) != 0)
		return (r);
	if (id_get(&id, bytes_span(v1_phase1_id(x, v1_exchange_peer(x))), f) != 0)
		return (-1);
	in.peer_id = &id;
	if ((r = x->sa->auth->check(&in, span_of(expected, proof_hash(x)->len), pl->body, f)) != 0)
		return (r);
	x->proven = true;
	if (v1_keep_certs(x->sa, &phase1_of(x)->certs, f) != 0)
		return (-1);
	certs_free(&phase1_of(x)->certs);
	if (phase1_of(x)->wrong_id == NULL)
		return (0);
	*f = *phase1_of(x)->wrong_id;
	return (-1);
}
