/* Where the peer is: which messages change its endpoint. */
#include "ike/follow.h"

#define NATT_PORT	4500

/* Whether the peer of an established SA may be where the message in hand came from. */
static bool
may_follow(const struct ike_sa *sa)
{
	if (sa->natt.marker == SA_MARKER_NONE)
		return (false);
	if (sa->natt.remote_nat)
		return (true);
	/* A peer that moves to port 4500 only after phase 1. */
	return (!sa->floated && sa->from_local.port == NATT_PORT &&
	    sa->from_remote.port == NATT_PORT &&
	    addr_cmp(&sa->from_remote.addr, &sa->remote.at.addr) == 0);
}

void
ike_sa_follow(struct ike_sa *sa, struct ike_outbox *out)
{
	bool half_open = sa->state == IKE_SA_HALF_OPEN;
	bool same = endpoint_eq(&sa->remote.at, &sa->from_remote);
	char was[ENDPOINT_TEXT], is[ENDPOINT_TEXT];

	/* A message to the port that this end has left proves no address. */
	if (sa->floated && sa->from_local.port != NATT_PORT)
		return;
	if (!half_open && !may_follow(sa)) {
		if (!same)
			outbox_note(out, NOTE_DEBUG, "a message of the peer at %s came from %s; no NAT is known "
			    "there, so its address stays", endpoint_text(was, &sa->remote.at),
			    endpoint_text(is, &sa->from_remote));
		return;
	}
	sa->floated = sa->floated || sa->from_local.port == NATT_PORT;
	if (!same) {
		outbox_note(out, NOTE_DEBUG, "the peer moved from %s to %s",
		    endpoint_text(was, &sa->remote.at), endpoint_text(is, &sa->from_remote));
		sa->remote.at = sa->from_remote;
	}
	if (half_open)
		sa->local.at = sa->from_local;
	else
		sa->local.at.port = sa->from_local.port;
}
