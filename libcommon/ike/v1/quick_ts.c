/*
 * Quick mode's traffic selectors: the IDci and IDcr payloads, and the check of the peer's selectors
 * against the configuration.
 */
#include <stdio.h>

#include "ike/v1/quick_ts.h"

#include "ike/sa_life.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/quick_natoa.h"
#include "ike/v1run/ike_sa.h"

static struct v1_quick *
part(const struct v1_exchange *x)
{
	return (x->part);
}

int
v1_quick_put_id(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	struct v1_quick *q = x->part;

	(void)f;
	if (!q->has_ids)
		return (0);
	isakmp_payload_put(b, PAYLOAD_ID, bytes_span(&q->idci));
	isakmp_payload_put(b, PAYLOAD_ID, bytes_span(&q->idcr));
	return (0);
}

int
v1_quick_set_ids(struct v1_exchange *x, const struct selector *ci, const struct selector *cr,
    struct fault *f)
{
	struct id id;
	uint8_t buf[ID_MAX + 4];
	struct wr w = wr_of(buf, sizeof(buf));

	id = id_from_selector(ci);
	id_put(&w, &id);
	if (bytes_set(&part(x)->idci, wr_span(&w)) != 0)
		return (v1_quick_no_memory(f));
	w = wr_of(buf, sizeof(buf));
	id = id_from_selector(cr);
	id_put(&w, &id);
	if (bytes_set(&part(x)->idcr, wr_span(&w)) != 0)
		return (v1_quick_no_memory(f));
	part(x)->has_ids = true;
	return (0);
}

int
v1_quick_take_id(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_quick *q = x->part;
	bool first = q->n_ids++ == 0;
	struct bytes *to = first ? &q->idci : &q->idcr;
	struct selector ours, theirs;
	struct id id, own;
	char a[SELECTOR_TEXT], b[SELECTOR_TEXT];

	if (id_get(&id, pl->body, f) != 0)
		return (-1);
	if (id_to_selector(&theirs, &id) != 0)
		return (fault(f, FAULT_TS_MISMATCH, "ID%s is no address, subnet or range",
		    first ? "ci" : "cr"));
	if (x->role == SA_INITIATOR) {
		/* The answer has to repeat the proposed selectors; their encoding may differ. */
		if (id_get(&own, bytes_span(to), f) != 0 || id_to_selector(&ours, &own) != 0 ||
		    (!selector_eq(&ours, &theirs) && !v1_quick_same_host(x, &ours, &theirs, first))) {
			(void)fault(f, FAULT_TS_MISMATCH, "the peer answers with %s where %s was asked",
			    selector_text(a, &theirs), selector_text(b, &ours));
			return (v1_quick_route_based(x, f));
		}
		return (0);
	}
	q->has_ids = true;
	*(first ? &q->remote_ts : &q->local_ts) = theirs;
	return (bytes_set(to, pl->body) != 0 ? v1_quick_no_memory(f) : 0);
}

/* All selectors of a policy in one line, for the error that compares them. */
static void
selectors_text(char *out, size_t cap, const struct selector *s, size_t n)
{
	char one[SELECTOR_TEXT];
	size_t i, len = 0;

	out[0] = '\0';
	for (i = 0; i < n && len < cap; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s", i > 0 ? ", " : "",
		    selector_text(one, &s[i]));
}

static bool
covered(const struct selector *list, size_t n, const struct selector *s)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (selector_covers(&list[i], s))
			return (true);
	return (false);
}

/* Whether ${list} has ${s}, the peer's ID, or what becomes of it behind a NAT. */
static bool
allowed(const struct v1_exchange *x, const struct selector *list, size_t n, const struct selector *s, bool local)
{
	const struct selector seen = v1_quick_seen(x, s, local);

	return (covered(list, n, s) || covered(list, n, &seen));
}

static struct selector
host(const struct addr *a)
{
	return ((struct selector){ .first = *a, .last = *a });
}

int
v1_quick_route_based(const struct v1_exchange *x, struct fault *f)
{
	const struct v1_quick *q = x->part;

	return (selector_prefix(&q->local_ts) == 0 || selector_prefix(&q->remote_ts) == 0 ?
	    fault_because(f, CAUSE_ROUTE_BASED, -1) : -1);
}

int
v1_quick_check_ts(struct v1_exchange *x, struct fault *f)
{
	struct v1_quick *q = x->part;
	const struct ike_sa *s = &x->sa->ike;
	struct ike_ts ts;
	char a[SELECTOR_TEXT], b[SELECTOR_TEXT], want_l[150], want_r[150];

	if (q->n_ids == 1)
		return (fault(f, FAULT_PROTOCOL, "IDci without IDcr"));
	if (!q->has_ids) {	/* then the two ends themselves are meant */
		q->local_ts = host(&s->own_addr);
		q->remote_ts = host(&s->peer_addr);
	}
	if (ike_sa_ts_of_others(s, &q->remote_ts))
		return (fault(f, FAULT_TS_MISMATCH, "the client asks for %s there, which is of the pool and not leased to it",
		    selector_text(b, &q->remote_ts)));
	ike_sa_ts(s, &ts);
	if (allowed(x, ts.local, ts.n_local, &q->local_ts, true) &&
	    allowed(x, ts.remote, ts.n_remote, &q->remote_ts, false))
		return (0);
	selectors_text(want_l, sizeof(want_l), ts.local, ts.n_local);
	selectors_text(want_r, sizeof(want_r), ts.remote, ts.n_remote);
	(void)fault(f, FAULT_TS_MISMATCH,
	    "the peer asks for %s here and %s there, configured are %s and %s",
	    selector_text(a, &q->local_ts), selector_text(b, &q->remote_ts), want_l, want_r);
	return (v1_quick_route_based(x, f));
}
