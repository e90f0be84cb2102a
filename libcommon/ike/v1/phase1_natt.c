/*
 * The peer's vendor IDs and the detection of NATs in phase 1 (RFC 3947
 * section 3).
 */
#include <stdio.h>

#include "ike/v1/phase1_natt.h"

#include "ike/v1/exchange_part.h"
#include "ike/v1/heartbeat.h"
#include "ike/v1run/ike_sa.h"
#include "wire/fragment.h"

/* --- VID --- */

/* The NAT-T versions that this end speaks: bits 1 << enum vid_kind. */
static uint32_t
natt_ours(const struct v1_exchange *x)
{
	const struct ike_policy *policy = x->sa->ike.policy;

	if (policy->natt == NATT_OFF || x->sa->ike.natt.tcp)
		return (0);
	return (policy->natt_versions != 0 ? policy->natt_versions : NATT_ALL);
}

/* An initiator announces fragments; a responder does to a peer that has, as one that never did may not know them. */
static bool
may_fragment(const struct v1_exchange *x)
{
	const struct ike_policy *policy = x->sa->ike.policy;

	if (policy->fragmentation == FRAGMENTATION_AUTO)
		return (x->role == SA_INITIATOR || v1_sa_peer_defragments(x->sa));
	return (policy->fragmentation == FRAGMENTATION_FORCE);
}

/*
 * XAuth's, if a method of it is configured, or a login for a gateway that asks after another; and Unity's, whose attributes
 * this end asks for or gives.
 */
static void
put_vid_login(const struct v1_exchange *x, struct isakmp_builder *b)
{
	static const uint8_t unity[] = { 1, 0 };	/* its version */
	const struct ike_policy *p = x->sa->ike.policy;
	const struct v1_auth *a;
	bool xauth = x->role == SA_INITIATOR && !p->xauth_check && (p->xauth_user[0] != '\0' || p->xauth_ask);
	size_t i;

	for (i = 0; i < p->n_auths; i++)
		xauth = xauth || ((a = v1_auth_find(p->auths[i])) != NULL && a->next == V1_AUTH_THEN_XAUTH);
	if (xauth)
		isakmp_payload_put(b, PAYLOAD_VID, vid_of(VID_XAUTH)->bytes);
	if (!xauth && !p->mode_config && p->pool == NULL && p->pool6 == NULL)
		return;
	isakmp_payload_begin(b, PAYLOAD_VID);
	wr_bytes(&b->w, vid_of(VID_UNITY)->bytes);
	wr_bytes(&b->w, SPAN_ARRAY(unity));
	isakmp_payload_end(b);
}

int
v1_put_vid(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct natt_version *v;
	uint32_t natt = natt_ours(x), hello_ms = x->sa->ike.policy->heartbeat_ms;
	uint8_t buf[HEARTBEAT_VID_LEN];
	size_t i;

	(void)f;
	/* The first message of each end is the place for all of them. */
	if (v1_exchange_has_sent(x))
		return (0);
	for (i = 0; (v = natt_version_row(i)) != NULL; i++) {
		if ((natt & 1U << v->kind) == 0)
			continue;
		/* The responder answers with the version agreed on, spelled as it came. */
		if (x->role == SA_RESPONDER && (x->sa->natt == NULL ||
		    strcmp(v->word, x->sa->natt->word) != 0 ||
		    (phase1_of(x)->natt_seen & 1U << v->kind) == 0))
			continue;
		isakmp_payload_put(b, PAYLOAD_VID, vid_of(v->kind)->bytes);
	}
	isakmp_payload_put(b, PAYLOAD_VID, vid_of(VID_DPD)->bytes);
	if (may_fragment(x))
		isakmp_payload_put(b, PAYLOAD_VID, frag_vid());
	put_vid_login(x, b);
	if (hello_ms != 0 && (x->role == SA_INITIATOR || v1_heartbeat_announced(x->sa) != 0)) {
		isakmp_payload_put(b, PAYLOAD_VID, v1_heartbeat_vid(buf, hello_ms));
		x->sa->hb.own_ms = hello_ms;
	}
	return (0);
}

int
v1_take_vid(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	const struct vid *v = vid_find(pl->body);

	(void)f;
	v1_vids_add(&x->sa->vids, pl->body);
	if (v == NULL)
		return (0);
	if (v->kind >= VID_NATT_RFC3947 && v->kind <= VID_NATT_DRAFT_00)
		phase1_of(x)->natt_seen |= 1U << v->kind;
	else if (v->kind == VID_DPD)
		x->sa->dpd.peer_can = true;
	return (0);
}

/* --- NAT-D --- */

static int
put_natd_of(struct v1_exchange *x, struct isakmp_builder *b, const struct endpoint *e,
    bool lie, struct fault *f)
{
	uint8_t digest[HASH_MAX];
	struct ike_sa *s = ike(x);

	if (natd_hash(x->sa->proposal.hash, s->spi_i, s->spi_r, e, digest, f) != 0)
		return (-1);
	if (lie)	/* no address gives this: the peer must see a NAT */
		digest[0] ^= 0xff;
	isakmp_payload_put(b, x->sa->natt->natd, span_of(digest, x->sa->proposal.hash->len));
	return (0);
}

/* First where the message goes, then where it comes from. */
int
v1_put_natd(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	struct ike_sa *s = ike(x);

	if (x->sa->natt == NULL)
		return (0);
	/* By now an initiator in aggressive mode has moved to port 4500; the hashes are
	 * of the ports that the message bears. */
	if (put_natd_of(x, b, &s->remote.at, false, f) != 0)
		return (-1);
	return (put_natd_of(x, b, &s->local.at, s->natt.forced, f));
}

int
v1_take_natd(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_phase1 *p = x->part;

	(void)f;
	/* More than a few are of a peer with many addresses: the rest changes nothing. */
	if (pl->body.len > HASH_MAX || p->n_natd == NATD_SEEN_MAX)
		return (0);
	p->natd[p->n_natd].len = (uint8_t)pl->body.len;
	memcpy(p->natd[p->n_natd++].b, pl->body.p, pl->body.len);
	return (0);
}

int
v1_agree_natt(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	(void)out;
	(void)f;
	x->sa->natt = natt_choose(natt_ours(x), phase1_of(x)->natt_seen);
	ike(x)->natt.forced = x->sa->natt != NULL && x->sa->ike.policy->natt == NATT_FORCE;
	return (0);
}

/* Moves this end's IKE to port 4500 (RFC 3947 section 4). The responder follows the
 * initiator when it hears from there. */
static void
float_ports(struct v1_exchange *x, struct ike_outbox *out)
{
	struct ike_sa *s = ike(x);

	if (!x->sa->natt->floats || x->role != SA_INITIATOR || s->floated)
		return;
	s->floated_from = s->remote.at.port;
	s->local.at.port = NATT_PORT;
	s->remote.at.port = s->policy->natt_port;
	s->floated = true;
	ike_sa_note(s, out, NOTE_DEBUG, "NAT-T: on to port %u", s->remote.at.port);
}

int
v1_detect_nat(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	struct v1_phase1 *p = x->part;
	struct ike_sa *s = ike(x);
	uint8_t to_us[HASH_MAX], from_peer[HASH_MAX];
	const struct alg_hash *h = x->sa->proposal.hash;
	size_t i;
	bool seen = false;

	if (x->sa->natt == NULL || p->n_natd < 2) {
		x->sa->natt = NULL;	/* announced but not used: treat it as not announced */
		s->natt.forced = false;
		goto forget;
	}
	if (natd_hash(h, s->spi_i, s->spi_r, &x->sa->ike.from_local, to_us, f) != 0 ||
	    natd_hash(h, s->spi_i, s->spi_r, &x->sa->ike.from_remote, from_peer, f) != 0)
		return (-1);
	for (i = 1; i < p->n_natd; i++)
		seen = seen || span_eq(span_of(p->natd[i].b, p->natd[i].len),
		    span_of(from_peer, h->len));
	s->natt.remote_nat = !seen;
	s->natt.local_nat = !span_eq(span_of(p->natd[0].b, p->natd[0].len),
	    span_of(to_us, h->len));
	ike_sa_note(&x->sa->ike, out, NOTE_INFO, "NAT-T %s: %s", x->sa->natt->word,
	    s->natt.local_nat && s->natt.remote_nat ? "NAT on both sides" :
	    s->natt.local_nat ? "a NAT in front of this end" :
	    s->natt.remote_nat ? "a NAT in front of the peer" :
	    s->natt.forced ? "no NAT, but NAT traversal is forced" : "no NAT");
	(void)snprintf(s->natt.version, sizeof(s->natt.version), "%s", x->sa->natt->word);
	if (s->natt.local_nat || s->natt.remote_nat || s->natt.forced) {
		s->natt.marker = x->sa->natt->floats || s->floated ? SA_MARKER_NON_ESP : SA_MARKER_NON_IKE;
		float_ports(x, out);
	}
forget:
	p->n_natd = 0;
	return (0);
}

int
v1_agree_and_detect_nat(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	return (v1_agree_natt(x, out, f) != 0 ? -1 : v1_detect_nat(x, out, f));
}
