/*
 * NAT-OA, RFC 3947 section 5.2: in transport mode the checksums of TCP and UDP cover the addresses that the sender
 * knows. Each end sends both addresses as it knows them, so that the other can correct the checksums.
 */
#include "ike/v1/quick_natoa.h"

#include "ike/v1/exchange_part.h"
#include "ike/v1run/ike_sa.h"

#define OA_HDR	4	/* ID type and three reserved bytes */

/* Whether ${x} negotiates transport mode in UDP. */
static bool
concerned(const struct v1_exchange *x)
{
	return (quick_of(x)->policy->mode == SA_TRANSPORT && v1_sa_natt_in_use(x->sa));
}

static void
put_one(const struct v1_exchange *x, struct isakmp_builder *b, const struct addr *a)
{
	isakmp_payload_begin(b, x->sa->natt->natoa);
	wr_u8(&b->w, a->family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR);
	wr_u8(&b->w, 0);
	wr_u16(&b->w, 0);
	wr_bytes(&b->w, addr_span(a));
	isakmp_payload_end(b);
}

int
v1_quick_put_natoa(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct ike_sa *s = &x->sa->ike;
	bool initiator = x->role == SA_INITIATOR;

	(void)f;
	if (!concerned(x))
		return (0);
	put_one(x, b, initiator ? &s->own_addr : &s->peer_addr);
	put_one(x, b, initiator ? &s->peer_addr : &s->own_addr);
	return (0);
}

int
v1_quick_take_natoa(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_quick *q = quick_of(x);
	uint8_t family, type = pl->body.len > 0 ? pl->body.p[0] : 0;
	/* The initiator's comes first. The drafts have one alone: the sender's own. */
	bool own = q->n_oas++ == 1 ? x->role == SA_RESPONDER : x->role == SA_INITIATOR;

	if (!concerned(x))
		return (0);
	family = type == ID_IPV4_ADDR ? 4 : type == ID_IPV6_ADDR ? 6 : 0;
	if (family == 0 || pl->body.len != OA_HDR + (family == 4 ? 4U : 16U))
		return (fault(f, FAULT_MALFORMED, "NAT-OA payload: %zu bytes that are no address", pl->body.len));
	*(own ? &q->oa_local : &q->oa_remote) = addr_make(family, pl->body.p + OA_HDR);
	return (0);
}

static bool
is_host(const struct selector *s)
{
	return (addr_cmp(&s->first, &s->last) == 0);
}

struct selector
v1_quick_seen(const struct v1_exchange *x, const struct selector *s, bool local)
{
	const struct ike_sa *ike = &x->sa->ike;
	const struct addr *at = local ? &ike->own_addr : &ike->peer_addr;
	struct selector seen = *s;

	if (concerned(x) && is_host(s) && (local ? ike->natt.local_nat : ike->natt.remote_nat) &&
	    at->family == s->first.family)
		seen.first = seen.last = *at;
	return (seen);
}

bool
v1_quick_same_host(const struct v1_exchange *x, const struct selector *ours, const struct selector *theirs, bool local)
{
	const struct sa_natt *n = &x->sa->ike.natt;
	struct selector moved = *ours;

	if (!concerned(x) || !is_host(ours) || !is_host(theirs) || !(local ? n->local_nat : n->remote_nat) ||
	    ours->first.family != theirs->first.family)
		return (false);
	moved.first = theirs->first;
	moved.last = theirs->last;
	return (selector_eq(&moved, theirs));
}
