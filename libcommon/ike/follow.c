/* Where the peer is: which messages change its endpoint. */
#include "ike/follow.h"

#include <stdio.h>

#include "ike/engine_priv.h"

/*
 * Whether the peer's mapping may change. In TCP there is no NAT-D to tell, but the handshake has proven that the peer
 * receives at an address before anything comes from there.
 */
static bool
behind_nat(const struct ike_sa *sa)
{
	return (sa->natt.tcp || (sa->natt.remote_nat && sa->natt.marker != SA_MARKER_NONE));
}

/* Whether the peer of an established SA may be where the message in hand came from. */
static bool
may_follow(const struct ike_sa *sa)
{
	if (behind_nat(sa))
		return (true);
	if (sa->natt.marker == SA_MARKER_NONE)
		return (false);
	/* A peer that moves to port 4500 only after phase 1. */
	return (!sa->floated && sa->from_local.port == NATT_PORT &&
	    sa->from_remote.port == NATT_PORT &&
	    addr_cmp(&sa->from_remote.addr, &sa->remote.at.addr) == 0);
}

/* A record that moves ${c} in the data path. */
static void
tell(const struct ike_child *c, struct now now, struct ike_outbox *out)
{
	struct sa_rec *rec = outbox_record(out, SA_EVENT);

	if (rec == NULL)
		return;
	rec->event.time = now.epoch;
	rec->event.what = SA_EVENT_REMAP;
	(void)snprintf(rec->event.source, sizeof(rec->event.source), "ike");
	rec->event.has_spi_in = rec->event.has_remote = true;
	memcpy(rec->event.spi_in, c->spi_in, sizeof(rec->event.spi_in));
	rec->event.remote = c->remote.at;
}

/*
 * The peer of ${sa} was at ${from} and is at ${to}: behind a NAT, IKE and ESP of all its SAs share one
 * mapping (RFC 3947 section 6).
 */
static void
move_all(const struct ike_sa *sa, struct now now, struct endpoint from, const struct endpoint *to,
    struct ike_outbox *out)
{
	struct ike_engine *e = sa->engine;
	struct ike_child *c;
	struct ike_sa *o;
	char was[ENDPOINT_TEXT], is[ENDPOINT_TEXT];

	ike_sa_note(sa, out, NOTE_INFO, "the peer moved from %s to %s", endpoint_text(was, &from),
	    endpoint_text(is, to));
	for (o = ike_peer_sas(e, sa->policy, sa->remote.id); o != NULL; o = ike_peer_sas_next(o))
		if (o->state != IKE_SA_HALF_OPEN && (o->natt.remote_nat || o->natt.tcp) &&
		    endpoint_eq(&o->remote.at, &from))
			o->remote.at = *to;
	for (c = ike_children_of(e, sa->policy, sa->remote.id); c != NULL; c = ike_children_next(e, c)) {
		if (c->encap == SA_ENCAP_NONE || !endpoint_eq(&c->remote.at, &from))
			continue;
		c->remote.at = *to;
		tell(c, now, out);
	}
}

void
ike_child_catch_up(struct ike_child *c, const struct ike_sa *sa, struct now now, struct ike_outbox *out)
{
	if (!behind_nat(sa) || c->encap == SA_ENCAP_NONE || endpoint_eq(&c->remote.at, &sa->remote.at))
		return;
	c->remote.at = sa->remote.at;
	tell(c, now, out);
}

void
ike_child_follow(struct ike_engine *e, const struct ike_child *c, struct now now,
    const struct endpoint *to, struct ike_outbox *out)
{
	const struct ike_sa *sa = ike_child_sa(e, c);

	if (sa != NULL && behind_nat(sa) && !endpoint_eq(&c->remote.at, to))
		move_all(sa, now, c->remote.at, to, out);
}

void
ike_sa_follow(struct ike_sa *sa, struct now now, struct ike_outbox *out)
{
	bool half_open = sa->state == IKE_SA_HALF_OPEN;
	bool same = endpoint_eq(&sa->remote.at, &sa->from_remote);
	char was[ENDPOINT_TEXT], is[ENDPOINT_TEXT];

	/* A message to the port that this end has left proves no address. */
	if ((sa->floated && sa->from_local.port != NATT_PORT) || sa->natt.tcp != ike_on_tcp(sa->engine, &sa->from_local))
		return;
	if (!half_open && !may_follow(sa)) {
		if (!same)
			ike_sa_note(sa, out, NOTE_DEBUG, "a message of the peer at %s came from %s; no NAT is known "
			    "there, so its address stays", endpoint_text(was, &sa->remote.at),
			    endpoint_text(is, &sa->from_remote));
		return;
	}
	sa->floated = sa->floated || sa->from_local.port == NATT_PORT;
	if (half_open) {
		if (!same)
			ike_sa_note(sa, out, NOTE_DEBUG, "the peer moved from %s to %s",
			    endpoint_text(was, &sa->remote.at), endpoint_text(is, &sa->from_remote));
		sa->local.at = sa->from_local;
	} else {
		if (!same)
			move_all(sa, now, sa->remote.at, &sa->from_remote, out);
		sa->local.at.port = sa->from_local.port;
	}
	sa->remote.at = sa->from_remote;
}
