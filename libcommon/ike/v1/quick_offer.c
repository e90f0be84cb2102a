/* Quick mode: what is offered and chosen. SA, KE and nonce payloads, lifetimes, and refusals. */
#include <stdlib.h>

#include "ike/v1/quick_offer.h"

#include "ike/child.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/quick_ts.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"
#include "ike/v1run/payload.h"

static struct bytes *
nonce_of(const struct v1_exchange *x, enum sa_role sender)
{
	return (sender == SA_INITIATOR ? &quick_of(x)->ni_b : &quick_of(x)->nr_b);
}

/* The encapsulation mode attribute for the NAT traversal of this IKE SA. */
static uint16_t
encap_mode(const struct v1_exchange *x)
{
	bool tunnel = quick_of(x)->policy->mode == SA_TUNNEL;

	if (v1_sa_natt_in_use(x->sa))
		return (tunnel ? x->sa->natt->encap_tunnel : x->sa->natt->encap_transport);
	return (tunnel ? ENCAP_TUNNEL : ENCAP_TRANSPORT);
}

/* --- nonces and keys --- */

int
v1_quick_put_nonce(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	(void)f;
	isakmp_payload_put(b, PAYLOAD_NONCE, bytes_span(nonce_of(x, x->role)));
	return (0);
}

int
v1_quick_take_nonce(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	return (v1_nonce_take(nonce_of(x, v1_exchange_peer(x)), pl, f));
}

int
v1_quick_put_ke(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	(void)f;
	if (quick_of(x)->dh != NULL)
		isakmp_payload_put(b, PAYLOAD_KE, dh_public(quick_of(x)->dh));
	return (0);
}

int
v1_quick_take_ke(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	if (x->role == SA_INITIATOR && quick_of(x)->dh == NULL)
		return (fault(f, FAULT_PFS_MISMATCH,
		    "the peer sends a key for PFS, which is not configured here"));
	/* The responder knows the group when it has chosen a proposal: see v1_quick_take_sa(). */
	if (x->role == SA_INITIATOR && dh_check_public(quick_of(x)->pfs, pl->body, f) != 0)
		return (-1);
	return (bytes_set(&quick_of(x)->gx_peer, pl->body) != 0 ? v1_quick_no_memory(f) : 0);
}

/* SPIs up to 255 are reserved (RFC 4303 section 2.1). */
int
v1_quick_make_spi(struct v1_exchange *x, struct fault *f)
{
	struct v1_quick *q = x->part;
	struct rand *r = &x->sa->ike.engine->conf.rand;

	size_t i;

	for (i = 0; i < (q->policy->ah.n > 0 ? 8 : 4); i += 4)
		do {
			if (r->fill(r->state, q->spi_in + i, 4) != 0)
				return (fault(f, FAULT_CRYPTO, "no random bytes"));
		} while (get_be32(q->spi_in + i) < 256 || ike_child_by_spi(x->sa->ike.engine, q->spi_in + i) != NULL);
	return (0);
}

/*
 * This end's nonce and, with PFS, its key. vpnc 0.5.3, to which a gateway begins quick mode, answers with a nonce of the same
 * length as the gateway's, and makes its keys of the first 20 bytes: the length of Cisco's nonces.
 */
int
v1_quick_make_own(struct v1_exchange *x, struct fault *f)
{
	struct v1_quick *q = x->part;
	bool to_client = x->role == SA_INITIATOR && x->sa->ike.role == SA_RESPONDER;

	if (v1_nonce_make(x, to_client ? NONCE_TO_CLIENT : NONCE_OWN, nonce_of(x, x->role), f) != 0)
		return (-1);
	dh_free(q->dh);
	q->dh = NULL;
	if (q->pfs != NULL &&
	    (q->dh = dh_new(q->pfs, &x->sa->ike.engine->conf.rand, f)) == NULL)
		return (-1);
	return (0);
}

/* --- SA --- */

/* The policy whose proposals an initiator offers: that of ${x}, or ${bare}, a copy of it without groups. */
static const struct ike_policy *
offered(const struct v1_exchange *x, struct ike_policy *bare)
{
	size_t i;

	if (!x->sa->no_pfs)
		return (quick_of(x)->policy);
	*bare = *quick_of(x)->policy;
	for (i = 0; i < bare->esp.n; i++)
		bare->esp.p[i].group = NULL;
	return (bare);
}

int
v1_quick_put_sa(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	struct v1_quick *q = x->part;
	uint8_t buf[SA_BODY_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct ike_policy bare;

	if (x->role == SA_RESPONDER) {
		isakmp_payload_put(b, PAYLOAD_SA, bytes_span(&q->reply));
		return (0);
	}
	p2_offer(&w, offered(x, &bare), q->spi_in, encap_mode(x), q->pfs);
	if (w.bad)
		return (fault_because(f, CAUSE_ESP_PROPOSAL,
		    fault(f, FAULT_BAD_PROPOSAL, "there are no proposals to make")));
	isakmp_payload_put(b, PAYLOAD_SA, wr_span(&w));
	return (0);
}

static int
take_sa(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_quick *q = x->part;
	uint8_t buf[1024];
	struct wr reply = wr_of(buf, sizeof(buf));
	uint16_t encap = encap_mode(x);
	struct ike_policy bare;

	if (x->role == SA_INITIATOR) {
		if (p2_accept(&q->choice, pl->body, offered(x, &bare), encap, q->pfs, f) != 0)
			return (-1);
		if ((q->choice.proposal.group != NULL) != (q->gx_peer.len > 0))
			return (fault(f, FAULT_PFS_MISMATCH, "the peer's answer %s a key",
			    q->gx_peer.len > 0 ? "has no group, but" : "has a group, but not"));
		return (0);
	}
	if (p2_choose(&q->choice, pl->body, q->policy, &encap, 1, q->gx_peer.len, q->spi_in,
	    &reply, f) != 0)
		return (-1);
	q->pfs = q->choice.proposal.group;
	return (bytes_set(&q->reply, wr_span(&reply)) != 0 ? v1_quick_no_memory(f) : 0);
}

/*
 * AH authenticates the addresses of the outer header, which a NAT changes (RFC 3715 section 2.1), and RFC 3948 puts only
 * ESP into UDP.
 */
int
v1_quick_check_ah(const struct v1_exchange *x, struct fault *f)
{
	const struct sa_natt *n = &x->sa->ike.natt;

	if (quick_of(x)->policy->proto != SA_AH && quick_of(x)->policy->ah.n == 0)
		return (0);
	if (n->tcp)
		return (fault_because(f, CAUSE_AH_NAT, fault(f, FAULT_NO_PROPOSAL, "AH does not go into TCP")));
	if (!v1_sa_natt_in_use(x->sa))
		return (0);
	return (fault_because(f, CAUSE_AH_NAT, n->local_nat || n->remote_nat ?
	    fault(f, FAULT_NO_PROPOSAL, "AH cannot pass the NAT in front of %s: it authenticates the addresses that a NAT changes",
	    n->local_nat && n->remote_nat ? "both ends" : n->local_nat ? "this end" : "the peer") :
	    fault(f, FAULT_NO_PROPOSAL, "NAT traversal is forced, and AH does not go into UDP")));
}

/*
 * The responder, after it has parsed message 1: makes all checks that can
 * reject the offer, before it answers.
 */
int
v1_quick_take_sa(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct ike_child *old;

	if (x->role == SA_INITIATOR)
		return (take_sa(x, pl, f));
	/* Kept before anything is judged: a refusal shows it, and names its SPI. */
	if (bytes_set(&quick_of(x)->offer, pl->body) != 0)
		return (v1_quick_no_memory(f));
	if (v1_quick_check_ah(x, f) != 0 || v1_quick_check_ts(x, f) != 0 || v1_quick_make_spi(x, f) != 0 || take_sa(x, pl, f) != 0 ||
	    (quick_of(x)->pfs != NULL && dh_check_public(quick_of(x)->pfs, bytes_span(&quick_of(x)->gx_peer), f) != 0) ||
	    v1_quick_make_own(x, f) != 0)
		return (-1);
	old = ike_child_like(&x->sa->ike, &quick_of(x)->local_ts, &quick_of(x)->remote_ts);
	if (old != NULL)
		memcpy(quick_of(x)->replaces, old->spi_in, 4);
	return (0);
}

/* --- N: RESPONDER-LIFETIME, CONNECTED --- */

int
v1_quick_put_notify(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	struct v1_quick *q = x->part;
	uint8_t buf[32];
	struct wr w = wr_of(buf, sizeof(buf));
	struct isakmp_notify n = {
		.doi = DOI_IPSEC, .type = NOTIFY_RESPONDER_LIFETIME,
		.proto = v1_proto_number(q->policy->proto),
		.spi = span_of(q->spi_in, 4),
	};

	(void)f;
	if (x->at == 3) {	/* message 4, which is there with the commit bit only */
		n.type = NOTIFY_CONNECTED;
		isakmp_payload_begin(b, PAYLOAD_N);
		isakmp_notify_put(&b->w, &n);
		isakmp_payload_end(b);
		return (0);
	}
	/* RFC 2407 section 4.6.3.1: the answer repeats the offer; a notify carries a shorter lifetime. */
	if (x->role != SA_RESPONDER || !q->choice.shorter)
		return (0);
	isakmp_attr_put(&w, IPSEC_ATTR_LIFE_TYPE, LIFE_TYPE_SECONDS);
	isakmp_attr_put(&w, IPSEC_ATTR_LIFE_DURATION, (uint32_t)q->choice.life.seconds);
	if (q->choice.life.kilobytes != 0) {
		isakmp_attr_put(&w, IPSEC_ATTR_LIFE_TYPE, LIFE_TYPE_KILOBYTES);
		isakmp_attr_put(&w, IPSEC_ATTR_LIFE_DURATION, (uint32_t)q->choice.life.kilobytes);
	}
	n.data = wr_span(&w);
	isakmp_payload_begin(b, PAYLOAD_N);
	isakmp_notify_put(&b->w, &n);
	isakmp_payload_end(b);
	return (0);
}

int
v1_quick_take_notify(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct isakmp_notify n;
	struct sa_life life;

	if (isakmp_notify_get(&n, pl->body, f) != 0)
		return (-1);
	if (n.type == NOTIFY_REPLAY_STATUS && n.data.len == sizeof(quick_of(x)->replay)) {
		memcpy(quick_of(x)->replay, n.data.p, n.data.len);
		quick_of(x)->has_replay = true;
	}
	if (n.type != NOTIFY_RESPONDER_LIFETIME || x->role != SA_INITIATOR)
		return (0);
	if (sa_life_get(&life, n.data, f) != 0)
		return (-1);
	quick_of(x)->responder_seconds = life.seconds;
	quick_of(x)->responder_kilobytes = life.kilobytes;
	return (0);
}

/* --- refusals --- */

void
v1_quick_refused(struct v1_exchange *x, const struct fault *why, struct ike_outbox *out)
{
	struct v1_quick *q = x->part;
	uint16_t type = why->code == FAULT_TS_MISMATCH ? NOTIFY_INVALID_ID_INFORMATION :
	    why->cause == CAUSE_BAD_OFFER ? NOTIFY_BAD_PROPOSAL_SYNTAX :	/* RFC 2408 section 5.5 */
	    why->code == FAULT_NO_PROPOSAL || why->code == FAULT_PFS_MISMATCH ?
	    NOTIFY_NO_PROPOSAL_CHOSEN : 0;
	uint16_t encap = encap_mode(x), group = 0;
	uint8_t spi[4], buf[4];
	struct wr data = wr_of(buf, sizeof(buf));
	bool named = p2_offered(bytes_span(&q->offer), spi, &group);
	char *text, peer[IKE_PEER_TEXT];

	if (type != 0 && !x->told && q->offer.len > 0 && type == NOTIFY_NO_PROPOSAL_CHOSEN &&
	    (text = malloc(SA_MISMATCH_TEXT)) != NULL) {
		outbox_note_peer(out, NOTE_WARN, ike_sa_peer_text(peer, &x->sa->ike), "%sthe proposals:\n%s", peer, p2_mismatch_text(text, SA_MISMATCH_TEXT,
		    bytes_span(&q->offer), q->policy, &encap, 1, q->gx_peer.len));
		free(text);
	}
	if (type == 0 || x->told)
		return;
	x->told = true;
	/* RFC 2407 section 4.5: an attribute value that is not supported. The data names it, as our initiator reads it. */
	if (why->code == FAULT_PFS_MISMATCH && named && group != 0) {
		type = NOTIFY_ATTRIBUTES_NOT_SUPPORTED;
		isakmp_attr_put(&data, IPSEC_ATTR_GROUP, group);
	}
	/* The initiator's SPI (RFC 2408 section 3.14): several quick modes may wait. */
	v1_info_notify(x->sa, v1_proto_number(q->policy->proto), type,
	    named ? SPAN_ARRAY(spi) : SPAN_NONE, wr_span(&data), out);
}
