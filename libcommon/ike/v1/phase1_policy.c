/*
 * Phase 1: what is agreed, and with whom. The SA payload chooses a proposal of the policy, the ID payload the
 * policy.
 */
#include <stdlib.h>

#include "ike/v1/phase1_policy.h"

#include "base/hash.h"
#include "ike/engine_priv.h"
#include "ike/policy_match.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1base/auth.h"
#include "ike/v1base/sa_payload_p1.h"
#include "ike/v1run/ike_sa.h"

struct bytes *
v1_phase1_id(const struct v1_exchange *x, enum sa_role sender)
{
	return (sender == SA_INITIATOR ? &phase1_of(x)->idii_b : &phase1_of(x)->idir_b);
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
	phase1_of(x)->shorter_life = c->shorter;
	return (0);
}

int
v1_put_sa(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	uint8_t buf[SA_BODY_MAX];
	struct wr w = wr_of(buf, sizeof(buf));

	if (x->role == SA_RESPONDER) {
		isakmp_payload_put(b, PAYLOAD_SA, bytes_span(&phase1_of(x)->sar_b));
		return (0);
	}
	p1_offer(&w, x->sa->ike.policy);
	if (w.bad)
		return (fault_because(f, CAUSE_IKE_PROPOSAL,
		    fault(f, FAULT_BAD_PROPOSAL, "there are no proposals to make")));
	if (bytes_set(&phase1_of(x)->sai_b, wr_span(&w)) != 0)
		return (phase1_no_memory(f));
	isakmp_payload_put(b, PAYLOAD_SA, bytes_span(&phase1_of(x)->sai_b));
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

int
v1_take_sa(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
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
	if (bytes_set(&phase1_of(x)->sai_b, pl->body) != 0)
		return (phase1_no_memory(f));
	if (p1_choose(&c, pl->body, policy, &reply, f) != 0 && choose_other(x, &c, pl->body, &reply) != 0)
		return (-1);
	if (bytes_set(&phase1_of(x)->sar_b, wr_span(&reply)) != 0)
		return (phase1_no_memory(f));
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

	if (p1_choose(&c, bytes_span(&phase1_of(x)->sar_b), p, &reply, f) != 0) {
		fault_where(f, "[%.60s]", p->name);
		return (-1);
	}
	return (set_proposal(x, &c, f));
}

/* --- ID --- */

/* This end rekeys as responder, whose policy may accept any identity: the peer's is that of the SA before. */
static bool
is_known(const struct v1_exchange *x, const struct id *id)
{
	struct ike_id *peer = NULL;
	const struct ike_sa *o;
	bool known = false;

	if (phase1_of(x)->begin != IKE_BEGIN_REKEY)
		return (false);
	if (ike_id_set(&peer, id) != 0)
		return (false);
	for (o = ike_peer_sas(ike(x)->engine, ike(x)->policy, peer); o != NULL && !known; o = ike_peer_sas_next(o))
		known = o->state == IKE_SA_ESTABLISHED &&
		    addr_cmp(&o->remote.at.addr, &ike(x)->remote.at.addr) == 0;
	free(peer);
	return (known);
}

int
v1_put_id(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	uint8_t buf[ID_MAX + 4];
	struct wr w = wr_of(buf, sizeof(buf));
	struct ike_end *own = &ike(x)->local;
	struct id id = x->sa->ike.policy->local_id;

	if (id.type == 0)
		id = id_from_addr(&own->at.addr);
	id_put(&w, &id);
	if (ike_id_set(&own->id, &id) != 0 || bytes_set(v1_phase1_id(x, x->role), wr_span(&w)) != 0)
		return (phase1_no_memory(f));
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
	    (phase1_of(x)->wrong_id = malloc(sizeof(*f))) == NULL)
		return (-1);
	*phase1_of(x)->wrong_id = *f;
	return (bytes_set(v1_phase1_id(x, v1_exchange_peer(x)), pl->body));
}

/*
 * A number for the peer's NAT mapping, if its identity ${id} does not identify it: several peers behind NATs can have the
 * same private address as ID, and a key that every identity may use does not distinguish them. 0: the identity is enough.
 */
static uint64_t
place_of(const struct v1_exchange *x, const struct ike_policy *policy, const struct id *id)
{
	const struct endpoint *at = &ike(x)->remote.at;
	bool address = id->type == ID_IPV4_ADDR || id->type == ID_IPV6_ADDR;

	if (!address || !ike(x)->natt.remote_nat || policy->remote_id.type != 0 || policy->psk.len == 0)
		return (0);
	return (hash_bytes(at->addr.b, addr_len(&at->addr), at->port) | 1);
}

/* Whether the initiator ${x} may meet a peer that calls itself ${id}; ${*expected}: its ID, by configuration or by its address. */
static bool
is_expected(const struct v1_exchange *x, const struct id *id, struct id *expected)
{
	const struct ike_policy *policy = x->sa->ike.policy;
	struct id inner;

	*expected = policy->remote_id;
	if (policy->remote_id.type == 0)
		*expected = id_from_addr(&ike(x)->peer_addr);
	if (policy->remote_id.type == 0 && policy->remote_inner.family != 0) {
		inner = id_from_addr(&policy->remote_inner);
		if (id_eq(&inner, id))
			return (true);
	}
	return (policy->remote_id_any || id_eq(expected, id) || is_known(x, id));
}

int
v1_take_id(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct ike_end *peer = &ike(x)->remote;
	struct ike_policy *policy = x->sa->ike.policy, *other = NULL;
	struct id id, expected = policy->remote_id;
	char *got, *want;

	free(phase1_of(x)->wrong_id);
	phase1_of(x)->wrong_id = NULL;
	if (id_get(&id, pl->body, f) != 0)
		return (-1);
	if (x->role == SA_INITIATOR) {
		if (is_expected(x, &id, &expected))
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
			(void)phase1_no_memory(f);
		free(got);
		free(want);
		return (defer_wrong_id(x, pl, f));
	}
	if (other != policy && other->exchange == SA_MAIN && choose_again(x, other, f) != 0)
		return (-1);
	x->sa->ike.policy = other;
	if (ike_sa_set_name(ike(x), other->name) != 0 || ike_id_set(&peer->id, &id) != 0 ||
	    bytes_set(v1_phase1_id(x, v1_exchange_peer(x)), pl->body) != 0)
		return (phase1_no_memory(f));
	peer->id->place = place_of(x, other, &id);
	return (0);
}
