/*
 * Phase 1: main mode and aggressive mode. Below are the two tables, as
 * RFC 2409 section 5 draws them; a function for putting each payload into a message
 * and one for taking it out follow.
 */
#include <stdlib.h>

#include "ike/v1/phase1.h"

#include "ike/engine_priv.h"
#include "ike/policy_match.h"
#include "ike/sa_life.h"
#include "ike/v1/auth.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/ike_sa.h"
#include "ike/v1/info_send.h"
#include "ike/v1/payload.h"
#include "ike/v1/phase1_cert.h"
#include "ike/v1/phase1_natt.h"
#include "ike/v1/runner.h"
#include "ike/v1base/sa_payload_p1.h"

enum { I = SA_INITIATOR, R = SA_RESPONDER };
enum {
	SA = PAYLOAD_SA, KE = PAYLOAD_KE, NONCE = PAYLOAD_NONCE, ID = PAYLOAD_ID,
	AUTH = V1_AUTH, VID = PAYLOAD_VID, NAT_D = PAYLOAD_NAT_D, N = PAYLOAD_N,
	CR = PAYLOAD_CR, CERT = PAYLOAD_CERT,
};

/*
 * Main mode (RFC 2409 sections 5.1 and 5.4), NAT-D as RFC 3947 section 3.2. AUTH is HASH_I and
 * HASH_R with a pre-shared key, SIG behind the CERT payloads with signatures; the authentication
 * method decides. CERTREQ may be in each message from the third on:
 *
 *	HDR, SA                        -->
 *	                               <--    HDR, SA
 *	HDR, KE, Ni, NAT-D, NAT-D      -->
 *	                               <--    HDR, KE, Nr, NAT-D, NAT-D
 *	HDR*, IDii, AUTH               -->
 *	                               <--    HDR*, IDir, AUTH
 */
static const struct v1_message main_mode[] = {
	{ I, V1_CLEAR,  { SA },        { VID },         NULL, v1_agree_natt, "offers proposals" },
	{ R, V1_CLEAR,  { SA },        { VID },         NULL, v1_agree_natt, "chooses one" },
	{ I, V1_CLEAR,  { KE, NONCE }, { NAT_D, VID, CR }, NULL, v1_detect_nat, "sends its key" },
	{ R, V1_CLEAR,  { KE, NONCE }, { NAT_D, VID, CR }, NULL, v1_detect_nat, "sends its key" },
	{ I, V1_SECRET, { ID, AUTH },  { CERT, CR, N, VID }, NULL, NULL, "authenticates" },
	{ R, V1_SECRET, { ID, AUTH },  { CERT, CR, N, VID }, NULL, NULL, "authenticates" },
};

/*
 * Aggressive mode (the same sections):
 *
 *	HDR, SA, KE, Ni, IDii          -->
 *	                               <--    HDR, SA, KE, Nr, IDir, AUTH, NAT-D, NAT-D
 *	HDR*, AUTH, NAT-D, NAT-D       -->
 */
static const struct v1_message aggressive_mode[] = {
	{ I, V1_CLEAR,  { SA, KE, NONCE, ID }, { VID, CR },
	    NULL, v1_agree_natt, "offers proposals and its key" },
	{ R, V1_CLEAR,  { SA, KE, NONCE, ID, AUTH }, { CERT, NAT_D, VID, CR },
	    NULL, v1_agree_and_detect_nat, "chooses one, authenticates" },
	{ I, V1_EITHER, { AUTH }, { CERT, NAT_D, N, VID },
	    NULL, v1_detect_nat, "authenticates" },
};

static struct ike_sa *
ike(const struct v1_exchange *x)
{
	return (&x->sa->ike);
}

static struct v1_phase1 *
part(const struct v1_exchange *x)
{
	return (x->part);
}

/* Ni or Nr, by the role of the sender. */
static struct bytes *
nonce_of(const struct v1_exchange *x, enum sa_role sender)
{
	return (sender == SA_INITIATOR ? &part(x)->ni_b : &part(x)->nr_b);
}

static struct bytes *
id_of(const struct v1_exchange *x, enum sa_role sender)
{
	return (sender == SA_INITIATOR ? &part(x)->idii_b : &part(x)->idir_b);
}

static enum sa_role
peer_role(const struct v1_exchange *x)
{
	return (x->role == SA_INITIATOR ? SA_RESPONDER : SA_INITIATOR);
}

static int
no_memory(struct fault *f)
{
	return (fault(f, FAULT_MEMORY, "no memory for phase 1"));
}

/* --- SA --- */

static int
set_proposal(struct v1_exchange *x, const struct p1_choice *c, struct fault *f)
{
	char name[NUM_TEXT];

	if ((x->sa->auth = v1_auth_find(c->auth)) == NULL)
		return (fault(f, FAULT_NO_PROPOSAL, "authentication %s is not implemented",
		    ike_auth_name(c->auth, name)));
	x->sa->proposal = c->proposal;
	ike(x)->lifetime.seconds = c->life.seconds;
	part(x)->shorter_life = c->shorter;
	return (0);
}

static int
put_sa(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	uint8_t buf[SA_BODY_MAX];
	struct wr w = wr_of(buf, sizeof(buf));

	if (x->role == SA_RESPONDER) {
		isakmp_payload_put(b, PAYLOAD_SA, bytes_span(&part(x)->sar_b));
		return (0);
	}
	p1_offer(&w, x->sa->ike.policy);
	if (w.bad)
		return (fault_because(f, CAUSE_IKE_PROPOSAL,
		    fault(f, FAULT_BAD_PROPOSAL, "there are no proposals to make")));
	if (bytes_set(&part(x)->sai_b, wr_span(&w)) != 0)
		return (no_memory(f));
	isakmp_payload_put(b, PAYLOAD_SA, bytes_span(&part(x)->sai_b));
	return (0);
}

/*
 * Main mode: the first policy whose peer this may turn out to be and that accepts the offer, if the one for the
 * address does not.
 */
static int
choose_other(struct v1_exchange *x, struct p1_choice *c, struct span offer, struct wr *reply)
{
	struct ike_policy *p;
	size_t at = 0;

	while (x->sa->ike.policy->exchange == SA_MAIN && (p = ike_policy_next(&x->sa->ike.engine->conf, x->sa->ike.policy,
	    v1_auth_may_switch, &ike(x)->peer_addr, &at)) != NULL)
		if (p1_choose(c, offer, p, reply, NULL) == 0) {
			x->sa->ike.policy = p;
			return (0);
		}
	return (-1);
}

static int
take_sa(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	uint8_t buf[1024];
	struct wr reply = wr_of(buf, sizeof(buf));
	struct ike_policy *policy = x->sa->ike.policy;
	struct p1_choice c;

	if (x->role == SA_INITIATOR) {
		if (p1_accept(&c, pl->body, policy, f) != 0)
			return (-1);
		return (set_proposal(x, &c, f));
	}
	/* Kept before it is judged: a refusal shows it. */
	if (bytes_set(&part(x)->sai_b, pl->body) != 0)
		return (no_memory(f));
	if (p1_choose(&c, pl->body, policy, &reply, f) != 0 && choose_other(x, &c, pl->body, &reply) != 0)
		return (-1);
	if (bytes_set(&part(x)->sar_b, wr_span(&reply)) != 0)
		return (no_memory(f));
	return (set_proposal(x, &c, f));
}

/*
 * In main mode the identity has selected the policy ${p} after the proposal was chosen: that must be one of ${p}, and
 * its lifetime counts. Aggressive mode takes the ID before the SA.
 */
static int
choose_again(struct v1_exchange *x, const struct ike_policy *p, struct fault *f)
{
	uint8_t buf[1024];
	struct wr reply = wr_of(buf, sizeof(buf));
	struct p1_choice c;

	if (p1_choose(&c, bytes_span(&part(x)->sar_b), p, &reply, f) != 0) {
		fault_where(f, "[%.60s]", p->name);
		return (-1);
	}
	return (set_proposal(x, &c, f));
}

/* --- KE and nonces --- */

static int
put_ke(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct alg_group *group = x->sa->proposal.group;

	if (group == NULL)	/* aggressive mode's first message */
		group = p1_group(x->sa->ike.policy);
	if (part(x)->dh == NULL &&
	    (part(x)->dh = dh_new(group, &x->sa->ike.engine->conf.rand, f)) == NULL)
		return (-1);
	isakmp_payload_put(b, PAYLOAD_KE, dh_public(part(x)->dh));
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
static int
take_ke(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	const struct alg_group *group = x->sa->proposal.group;

	if (dh_check_public(group, pl->body, f) != 0)
		return (-1);
	if (part(x)->dh == NULL && !ike_sa_work(ike(x), x->now, dh_units(group) + sign_units(x)))
		return (fault(f, FAULT_PROTOCOL, "its address causes too much work"));
	return (bytes_set(&part(x)->gx_peer, pl->body) != 0 ? no_memory(f) : 0);
}

static int
put_nonce(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	struct bytes *own = nonce_of(x, x->role);

	if (own->len == 0 && v1_nonce_make(x, own, f) != 0)
		return (-1);
	isakmp_payload_put(b, PAYLOAD_NONCE, bytes_span(own));
	return (0);
}

static int
take_nonce(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	return (v1_nonce_take(nonce_of(x, peer_role(x)), pl, f));
}

/* g^xi and g^xr, by the role of the sender. */
static struct span
gx_of(const struct v1_exchange *x, enum sa_role who)
{
	return (who == x->role ? dh_public(part(x)->dh) : bytes_span(&part(x)->gx_peer));
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
static int
make_keys(struct v1_exchange *x, struct fault *f)
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

/* --- ID --- */

/* This end rekeys as responder, whose policy may accept any identity: the peer's is that of the SA before. */
static bool
is_known(const struct v1_exchange *x, const struct id *id)
{
	struct ike_id *peer = NULL;
	const struct ike_sa *o;
	bool known = false;

	if (part(x)->begin != IKE_BEGIN_REKEY)
		return (false);
	if (ike_id_set(&peer, id) != 0)
		return (false);
	for (o = ike_peer_sas(ike(x)->engine, ike(x)->policy, peer); o != NULL && !known; o = ike_peer_sas_next(o))
		known = o->state == IKE_SA_ESTABLISHED &&
		    addr_cmp(&o->remote.at.addr, &ike(x)->remote.at.addr) == 0;
	free(peer);
	return (known);
}

static int
put_id(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	uint8_t buf[ID_MAX + 4];
	struct wr w = wr_of(buf, sizeof(buf));
	struct ike_end *own = &ike(x)->local;
	struct id id = x->sa->ike.policy->local_id;

	if (id.type == 0)
		id = id_from_addr(&own->at.addr);
	id_put(&w, &id);
	if (ike_id_set(&own->id, &id) != 0 || bytes_set(id_of(x, x->role), wr_span(&w)) != 0)
		return (no_memory(f));
	isakmp_payload_put(b, PAYLOAD_ID, wr_span(&w));
	return (0);
}

/*
 * The initiator checks the proof before it rejects the ID: a wrong ID that is proven ends the exchange, one
 * that is not may be anybody's.
 */
static int
defer_wrong_id(struct v1_exchange *x, const struct isakmp_payload *pl, const struct fault *f)
{
	if (x->role != SA_INITIATOR || f->code != FAULT_ID_MISMATCH ||
	    (part(x)->wrong_id = malloc(sizeof(*f))) == NULL)
		return (-1);
	*part(x)->wrong_id = *f;
	return (bytes_set(id_of(x, peer_role(x)), pl->body));
}

static int
take_id(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct ike_end *peer = &ike(x)->remote;
	struct ike_policy *policy = x->sa->ike.policy, *other = NULL;
	struct id id, expected = policy->remote_id;
	char *got, *want;

	free(part(x)->wrong_id);
	part(x)->wrong_id = NULL;
	if (id_get(&id, pl->body, f) != 0)
		return (-1);
	if (x->role == SA_INITIATOR) {
		if (expected.type == 0)
			expected = id_from_addr(&ike(x)->peer_addr);
		if (policy->remote_id_any || id_eq(&expected, &id) || is_known(x, &id))
			other = policy;
	} else
		/* Aggressive mode brings the ID before the method is chosen. */
		other = ike_policy_for_id(&x->sa->ike.engine->conf, policy,
		    x->sa->auth != NULL ? x->sa->auth->same_key : NULL, &ike(x)->peer_addr, &id);
	if (other == NULL) {
		got = malloc(ID_TEXT);
		want = malloc(ID_TEXT);
		if (got != NULL && want != NULL)
			(void)fault_because(f, x->role == SA_RESPONDER ? CAUSE_STRANGE_ID : CAUSE_NONE,
			    fault(f, FAULT_ID_MISMATCH, expected.type != 0 ?
			    "the peer calls itself %s, expected is %s" : "the peer calls itself %s, %s",
			    id_text(got, &id), expected.type != 0 ? id_text(want, &expected) :
			    "which no section expects from its address"));
		else
			(void)no_memory(f);
		free(got);
		free(want);
		return (defer_wrong_id(x, pl, f));
	}
	if (other != policy && other->exchange == SA_MAIN && choose_again(x, other, f) != 0)
		return (-1);
	x->sa->ike.policy = other;
	if (ike_sa_set_name(ike(x), other->name) != 0 || ike_id_set(&peer->id, &id) != 0 ||
	    bytes_set(id_of(x, peer_role(x)), pl->body) != 0)
		return (no_memory(f));
	return (0);
}

/* --- AUTH: the proof of identity --- */

static uint8_t
proof(const struct v1_exchange *x, const struct isakmp_msg *m)
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
	    s->spi_i, s->spi_r, bytes_span(&p->sai_b), bytes_span(id_of(x, whose)), out, f));
}

static int
put_auth(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct v1_auth *auth = x->sa->auth;
	const struct v1_auth_in in = auth_in(x);
	uint8_t own[HASH_MAX];
	struct bytes body = {0};
	int r;

	if ((r = make_keys(x, f)) == 0 && (r = hash_ir(x, x->role, own, f)) == 0)
		r = auth->prove(&in, span_of(own, proof_hash(x)->len), &body, f);
	if (r == 0 && (r = v1_put_certs(x, b, f)) == 0)
		isakmp_payload_put(b, v1_auth_proof(auth, x->role), bytes_span(&body));
	bytes_free(&body);
	return (r);
}

static int
take_auth(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_auth_in in = auth_in(x);
	uint8_t expected[HASH_MAX];
	struct id id;
	int r;

	/* A forged message may have made keys before: these must be this message's. */
	if (x->kind->number == EXCHANGE_AGGRESSIVE && x->role == SA_INITIATOR)
		part(x)->has_keys = false;
	if ((r = make_keys(x, f)) != 0 || (r = hash_ir(x, peer_role(x), expected, f)) != 0)
		return (r);
	if (id_get(&id, bytes_span(id_of(x, peer_role(x))), f) != 0)
		return (-1);
	in.peer_id = &id;
	if ((r = x->sa->auth->check(&in, span_of(expected, proof_hash(x)->len), pl->body, f)) != 0)
		return (r);
	x->proven = true;
	certs_free(&part(x)->certs);
	if (part(x)->wrong_id == NULL)
		return (0);
	*f = *part(x)->wrong_id;
	return (-1);
}

/* --- N, CR --- */

static void
put_notify(const struct v1_exchange *x, struct isakmp_builder *b, uint16_t type, struct span data)
{
	uint8_t spi[2 * COOKIE_LEN] = {0};
	struct isakmp_notify n = {
		.doi = DOI_IPSEC, .proto = PROTO_ISAKMP, .type = type, .spi = SPAN_ARRAY(spi), .data = data,
	};

	v1_sa_id(x->sa, spi);
	isakmp_payload_begin(b, PAYLOAD_N);
	isakmp_notify_put(&b->w, &n);
	isakmp_payload_end(b);
}

/*
 * INITIAL-CONTACT: this is the only SA between the two systems (RFC 2407 section 4.6.3.3), and the system is
 * the host. So only a process that stays says it, only when it starts, and only if neither it nor
 * another tool has SAs with the peer. Only an encrypted message may carry it.
 */
static bool
is_initial_contact(const struct v1_exchange *x)
{
	const struct ike_conf *conf = &ike(x)->engine->conf;

	return (x->role == SA_INITIATOR && part(x)->begin == IKE_BEGIN_FIRST &&
	    conf->keep && !conf->others &&
	    !(x->kind->number == EXCHANGE_AGGRESSIVE && ike(x)->policy->aggressive_clear) &&
	    !ike_sa_has_others(ike(x)));
}

/* Our shorter life, for a RESPONDER-LIFETIME notify; in ${buf}. */
static struct span
life_data(const struct v1_exchange *x, uint8_t *buf, size_t cap)
{
	struct wr w = wr_of(buf, cap);

	isakmp_attr_put(&w, IKE_ATTR_LIFE_TYPE, LIFE_TYPE_SECONDS);
	isakmp_attr_put(&w, IKE_ATTR_LIFE_DURATION, (uint32_t)ike(x)->lifetime.seconds);
	return (wr_span(&w));
}

/* Called for the encrypted messages: 5 and 6 of main mode, 3 of aggressive mode. */
static int
put_n(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	uint8_t buf[32];

	(void)f;
	if (is_initial_contact(x))
		put_notify(x, b, NOTIFY_INITIAL_CONTACT, SPAN_NONE);
	if (x->role == SA_RESPONDER && part(x)->shorter_life)
		put_notify(x, b, NOTIFY_RESPONDER_LIFETIME, life_data(x, buf, sizeof(buf)));
	return (0);
}

void
v1_phase1_tell_life(struct v1_exchange *x, struct ike_outbox *out)
{
	uint8_t buf[32], spi[2 * COOKIE_LEN];

	if (x->role != SA_RESPONDER || x->kind->number != EXCHANGE_AGGRESSIVE || !part(x)->shorter_life)
		return;
	v1_sa_id(x->sa, spi);
	v1_info_notify(x->sa, PROTO_ISAKMP, NOTIFY_RESPONDER_LIFETIME, SPAN_ARRAY(spi),
	    life_data(x, buf, sizeof(buf)), out);
}

static int
take_n(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct isakmp_notify n;
	struct sa_life life;

	if (isakmp_notify_get(&n, pl->body, f) != 0)
		return (-1);
	if (n.type == NOTIFY_INITIAL_CONTACT)
		part(x)->initial_contact = true;
	/* It cannot be meant for another SA, whatever its SPI. */
	if (n.type == NOTIFY_RESPONDER_LIFETIME && n.proto == PROTO_ISAKMP && x->role == SA_INITIATOR &&
	    sa_life_get(&life, n.data, NULL) == 0)
		part(x)->responder_seconds = life.seconds;
	return (0);
}

/* In the order of processing: the identity selects the policy, the policy the
 * proposal, and the proposal the keys. */
static const struct v1_payload payloads[] = {
	{ PAYLOAD_VID,		32,		v1_put_vid,	v1_take_vid },
	{ PAYLOAD_ID,		1,		put_id,		take_id },
	{ PAYLOAD_SA,		1,		put_sa,		take_sa },
	{ PAYLOAD_KE,		1,		put_ke,		take_ke },
	{ PAYLOAD_NONCE,	1,		put_nonce,	take_nonce },
	{ PAYLOAD_NAT_D,	32,		v1_put_natd,	v1_take_natd },
	{ PAYLOAD_CR,		V1_CERT_REQS_MAX, v1_put_cert_req, v1_take_cert_req },
	/* V1_AUTH puts them: they precede it. */
	{ PAYLOAD_CERT,		V1_CERTS_MAX,	v1_put_nothing,	v1_take_cert },
	{ V1_AUTH,		1,		put_auth,	take_auth },
	{ PAYLOAD_N,		8,		put_n,		take_n },
	{ V1_NOTHING,		0,		NULL,		NULL },
};

static void
nonsense(const struct v1_exchange *x, struct fault *f)
{
	const struct v1_auth *auth = x->sa->auth;

	if (auth->nonsense != FAULT_NONE)
		(void)fault(f, auth->nonsense, "it decrypts to nonsense: %s", auth->nonsense_text);
}

static void
forget(struct v1_exchange *x)
{
	part(x)->n_natd = 0;
	part(x)->initial_contact = false;
	certs_free(&part(x)->certs);
}

/* The notify for ${why} (RFC 2408 section 3.14.1); 0: none. */
static uint16_t
notify_for(const struct fault *why)
{
	if (why->code != FAULT_AUTH_FAILED)
		return (why->code == FAULT_NO_PROPOSAL ? NOTIFY_NO_PROPOSAL_CHOSEN :
		    why->code == FAULT_WRONG_PSK ? NOTIFY_PAYLOAD_MALFORMED :
		    why->code == FAULT_ID_MISMATCH ? NOTIFY_INVALID_ID_INFORMATION : 0);
	return (why->cause == CAUSE_NONE ? NOTIFY_AUTHENTICATION_FAILED :
	    why->cause == CAUSE_CERT_NONE ? NOTIFY_CERTIFICATE_UNAVAILABLE :
	    why->cause == CAUSE_CERT_ISSUER ? NOTIFY_INVALID_CERT_AUTHORITY :
	    why->cause == CAUSE_SIGNATURE ? NOTIFY_INVALID_SIGNATURE : NOTIFY_INVALID_CERTIFICATE);
}

/* Notifies the peer once why it was rejected, unless that reveals a secret. */
static void
refused(struct v1_exchange *x, const struct fault *why, struct ike_outbox *out)
{
	uint16_t type = notify_for(why);
	uint8_t id[16] = {0};
	char *text, peer[IKE_PEER_TEXT];

	if (type == 0 || x->told)
		return;
	x->told = true;
	if (type == NOTIFY_NO_PROPOSAL_CHOSEN && (text = malloc(SA_MISMATCH_TEXT)) != NULL) {
		outbox_note(out, NOTE_WARN, "%sthe proposals:\n%s", ike_sa_peer_text(peer, &x->sa->ike), p1_mismatch_text(text, SA_MISMATCH_TEXT,
		    bytes_span(&part(x)->sai_b), x->sa->ike.policy));
		free(text);
	}
	if (x->role == SA_RESPONDER)
		v1_info_notify_clear(x->sa, type, out);
	else if (type != NOTIFY_NO_PROPOSAL_CHOSEN && part(x)->has_keys) {
		/* For the responder the SA is already established. */
		v1_sa_id(x->sa, id);
		v1_info_notify(x->sa, PROTO_ISAKMP, type, SPAN_NONE, SPAN_NONE, out);
		v1_info_delete(x->sa, PROTO_ISAKMP, SPAN_ARRAY(id), out);
	}
}

static void
phase1_free(struct v1_exchange *x)
{
	struct v1_phase1 *p = x->part;

	if (p == NULL)
		return;
	dh_free(p->dh);
	bytes_free(&p->sai_b);
	bytes_free(&p->sar_b);
	bytes_free(&p->gx_peer);
	bytes_free(&p->ni_b);
	bytes_free(&p->nr_b);
	bytes_free(&p->idii_b);
	bytes_free(&p->idir_b);
	certs_free(&p->certs);
	free(p->wrong_id);
	free(p);
}

static const struct v1_kind kinds[] = {
	[SA_MAIN] = {
		"phase 1 (main mode)", PHASE_MAIN, EXCHANGE_MAIN, main_mode,
		sizeof(main_mode) / sizeof(main_mode[0]), payloads,
		false,		/* the initiator retransmits */
		NULL, NULL, proof, make_keys, nonsense, forget, refused, NULL, NULL, phase1_free,
	},
	[SA_AGGRESSIVE] = {
		"phase 1 (aggressive mode)", PHASE_AGGRESSIVE, EXCHANGE_AGGRESSIVE, aggressive_mode,
		sizeof(aggressive_mode) / sizeof(aggressive_mode[0]), payloads,
		false,		/* nor here: see ask_again() in version.c */
		NULL, NULL, proof, make_keys, nonsense, forget, refused, NULL, NULL, phase1_free,
	},
};

struct v1_phase1 *
v1_phase1_of(const struct v1_exchange *x)
{
	return (x->kind == &kinds[SA_MAIN] || x->kind == &kinds[SA_AGGRESSIVE] ? x->part : NULL);
}

const struct v1_auth *
v1_phase1_auth(const struct v1_exchange *x)
{
	const struct ike_policy *policy;

	if (v1_phase1_of(x) == NULL)
		return (NULL);
	if (x->sa->auth != NULL)
		return (x->sa->auth);
	policy = x->sa->ike.policy;
	return (policy->n_auths == 1 ? v1_auth_find(policy->auths[0]) : NULL);
}

bool
v1_phase1_proof_sent(const struct v1_exchange *x)
{
	return (v1_phase1_of(x) != NULL && v1_exchange_has_sent_type(x, V1_AUTH));
}

struct v1_exchange *
v1_phase1_new(struct v1_sa *sa, enum sa_role role, struct now now)
{
	struct v1_exchange *x = v1_exchange_new(sa, &kinds[sa->ike.policy->exchange], role, 0, now);

	if (x == NULL || (x->part = calloc(1, sizeof(struct v1_phase1))) == NULL) {
		v1_exchange_free(x);
		return (NULL);
	}
	sa->exchanges = x;
	return (x);
}

int
v1_phase1_begin(struct v1_sa *sa, struct now now, enum ike_begin why, struct ike_outbox *out, struct fault *f)
{
	struct v1_exchange *x = v1_phase1_new(sa, SA_INITIATOR, now);

	if (x == NULL)
		return (no_memory(f));
	part(x)->begin = why;
	if (ike_engine_spi(sa->ike.engine, sa->ike.spi_i, f) != 0 || v1_exchange_run(x, now, out, f) != 0)
		return (-1);
	return (ike_engine_link(sa->ike.engine, &sa->ike) != 0 ? no_memory(f) : 0);
}
