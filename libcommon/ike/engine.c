/*
 * The engine: assigns datagrams to SAs, limits half-open exchanges, runs timers, and
 * handles calls of the tool and the data path. It uses a version of IKE only through its row.
 */
#include <stdlib.h>

#include "ike/child.h"
#include "ike/child_life.h"
#include "ike/conn_life.h"
#include "ike/engine_priv.h"
#include "ike/follow.h"
#include "ike/sa_life.h"
#include "ike/version.h"

#define REKEY_CHILDREN	32	/* quick modes begun at once; as many more each REKEY_STEP_MS */
#define REKEY_STEP_MS	10
#define REKEY_IKE_MS	250	/* IKE SAs: when the child SAs are through, */
#define REKEY_IKE_STEP_MS 50	/* one after another: phase 1 costs more */

static const uint8_t no_spi[8];

struct ike_engine *
ike_engine_new(const struct ike_conf *conf, struct fault *f)
{
	struct ike_engine *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the IKE engine");
		return (NULL);
	}
	e->conf = *conf;
	e->forgeable.has_all = true;
	if (e->conf.half_open_max == 0)
		e->conf.half_open_max = HALF_OPEN_MAX_DEFAULT;
	if (e->conf.half_open_per_addr == 0)
		e->conf.half_open_per_addr = HALF_OPEN_PER_ADDR_DEFAULT;
	return (e);
}

void
ike_engine_free(struct ike_engine *e)
{
	struct ike_sa *sa;
	struct ike_conn *conn;

	if (e == NULL)
		return;
	for (sa = e->sas; sa != NULL; sa = sa->next)
		ike_sa_set_state(sa, IKE_SA_DEAD);
	ike_engine_settle(e);
	while (e->children != NULL)
		ike_child_remove(e, e->children);
	while ((conn = e->conns) != NULL) {
		e->conns = conn->next;
		free(conn);
	}
	table_free(&e->by_spi);
	table_free(&e->by_peer_spi);
	table_free(&e->by_child_spi);
	table_free(&e->children_by_peer);
	table_free(&e->sas_by_peer);
	table_free(&e->half_open_by_addr);
	heap_free(&e->sa_timers);
	heap_free(&e->child_timers);
	heap_free(&e->conn_timers);
	frag_pool_free(&e->frags);
	free(e);
}

/* --- datagrams --- */

/* An SA that the peer at ${remote} began under its SPI ${spi_i}: its first message comes again. */
static struct ike_sa *
begun_by(struct ike_engine *e, const uint8_t spi_i[8], const struct endpoint *remote)
{
	struct table_node *n = table_first(&e->by_peer_spi,
	    hash_bytes(spi_i, sizeof(no_spi), ike_engine_salt(e)));
	struct ike_sa *sa;

	for (; n != NULL; n = table_next(&e->by_peer_spi, n)) {
		sa = ENTRY_OF(n, struct ike_sa, by_peer_spi);
		if (sa->state != IKE_SA_DEAD && endpoint_eq(&sa->remote.at, remote) &&
		    memcmp(sa->spi_i, spi_i, sizeof(sa->spi_i)) == 0)
			return (sa);
	}
	return (NULL);
}

/*
 * A message under SPIs of no SA, which no other process on this port has either: the peer goes on with an SA that
 * ended here, mostly since this end was restarted.
 */
static void
unknown_sa(struct ike_engine *e, struct now now, const struct ike_version *version,
    const struct endpoint *local, const struct endpoint *remote, const struct isakmp_hdr *h,
    struct ike_outbox *out)
{
	char from[ENDPOINT_TEXT];

	if (!e->conf.respond || strangers_has_ended(&e->strangers, h->cky_i, h->cky_r) ||
	    !version->unknown(e, local, remote, h, NULL))
		return;
	if (strangers_first(&e->strangers, now, STRANGER_SA, &remote->addr, NULL))
		outbox_note_peer(out, NOTE_WARN, endpoint_text(from, remote), "%s uses an IKE SA that is unknown here (%016llx:%016llx): "
		    "this end was restarted, or the SA has ended", from,
		    (unsigned long long)get_be64(h->cky_i), (unsigned long long)get_be64(h->cky_r));
	if (strangers_may_answer(&e->strangers, now, &remote->addr))
		(void)version->unknown(e, local, remote, h, out);
}

void
ike_engine_datagram(struct ike_engine *e, struct now now, const struct endpoint *local,
    const struct endpoint *remote, struct span data, struct ike_outbox *out)
{
	const struct ike_version *version;
	struct isakmp_hdr h;
	struct ike_sa *sa;
	struct fault f;
	char from[ENDPOINT_TEXT];

	e->epoch = now.epoch;
	if (isakmp_hdr_get(&h, data, &f) != 0) {
		outbox_note_peer(out, NOTE_DEBUG, endpoint_text(from, remote), "%s sends no ISAKMP: %s", from, f.what);
		return;
	}
	if ((version = ike_version_find(h.version >> 4)) == NULL) {
		sa = ike_sa_find(e, h.cky_i, no_spi);
		if (sa != NULL && sa->state == IKE_SA_HALF_OPEN && endpoint_eq(&sa->remote.at, remote)) {
			ike_sa_touch(sa);
			sa->version->other_version(sa, now, h.version, out);
			ike_engine_settle(e);
		} else if (strangers_first(&e->strangers, now, STRANGER_VERSION, &remote->addr, NULL))
			outbox_note_peer(out, NOTE_WARN, endpoint_text(from, remote),
			    "%s speaks IKE version %u.%u, this end only IKEv1", from, h.version >> 4, h.version & 15);
		return;
	}
	sa = ike_sa_find(e, h.cky_i, h.cky_r);
	if (sa == NULL)		/* the answer to our first message brings the second SPI */
		sa = ike_sa_find(e, h.cky_i, no_spi);
	if (sa == NULL && memcmp(h.cky_r, no_spi, sizeof(no_spi)) == 0 && e->conf.respond &&
	    version->begins(&h) && (sa = begun_by(e, h.cky_i, remote)) == NULL)
		version->accept(e, now, local, remote, &h, data, out);
	else if (sa == NULL && memcmp(h.cky_r, no_spi, sizeof(no_spi)) != 0)
		unknown_sa(e, now, version, local, remote, &h, out);
	if (sa != NULL && sa->version == version && ike_sa_hears(sa, remote,
	    memcmp(h.cky_r, sa->spi_r, sizeof(no_spi)) == 0, data.len, out)) {
		if (sa->returned)
			ike_half_open_returned(sa, out);
		sa->from_local = *local;
		sa->from_remote = *remote;
		ike_sa_touch(sa);
		version->datagram(sa, now, &h, data, out);
	}
	ike_engine_settle(e);
}

void
ike_engine_unreachable(struct ike_engine *e, struct now now,
    const struct endpoint *remote, int sys, struct ike_outbox *out)
{
	struct ike_sa *sa, *next;

	for (sa = ike_peer_half_open(e, &remote->addr); sa != NULL; sa = next) {
		next = ike_peer_half_open_next(sa);
		if (sa->state == IKE_SA_HALF_OPEN && endpoint_eq(&sa->remote.at, remote)) {
			ike_sa_touch(sa);
			sa->version->unreachable(sa, now, sys, out);
		}
	}
	ike_engine_settle(e);
}

/* --- exchanges that this end initiates --- */

int
ike_engine_connect(struct ike_engine *e, struct now now, struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, bool children,
    uint8_t id[8], struct ike_outbox *out, struct fault *f)
{
	struct ike_sa *sa = ike_version_for(policy)->begin(e, now, policy, local, remote,
	    IKE_BEGIN_FIRST, out, f);

	ike_engine_settle(e);
	if (sa == NULL)
		return (-1);
	if (ike_conn_add(e, policy, local, remote, children) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for a connection"));
	sa->want_children = children;
	if (id != NULL)
		memcpy(id, sa->spi_i, sizeof(sa->spi_i));
	return (0);
}

int
ike_engine_redirect(struct ike_engine *e, struct now now, const struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, bool begin, struct ike_outbox *out,
    struct fault *f)
{
	struct ike_conn *conn = ike_conn_find(e, policy);
	struct ike_sa *sa;

	if (conn == NULL)
		return (fault(f, FAULT_NO_IKE_SA, "there is no such connection"));
	conn->local = *local;
	conn->remote = *remote;
	if (!begin)
		return (0);
	sa = ike_version_for(policy)->begin(e, now, conn->policy, local, remote, IKE_BEGIN_FIRST, out, f);
	if (sa != NULL)
		sa->want_children = conn->children;
	ike_engine_settle(e);
	return (sa != NULL ? 0 : -1);
}

static int
adopt_ike(struct ike_engine *e, struct now now, const struct sa_ike *s,
    struct ike_policy *policy, struct fault *f)
{
	struct ike_sa *sa;

	if (s->lifetime.expires <= now.epoch)
		return (fault(f, FAULT_NO_IKE_SA, "the IKE SA of the record has expired"));
	if ((sa = ike_version_for(policy)->adopt(e, now, s, policy, f)) == NULL)
		return (-1);
	sa->adopted = true;
	ike_sa_set_state(sa, IKE_SA_ESTABLISHED);
	ike_sa_heard(sa, now);
	ike_sa_start_timers(sa, now, s->lifetime.expires - now.epoch);
	ike_engine_settle(e);
	return (0);
}

int
ike_engine_adopt(struct ike_engine *e, struct now now, const struct sa_rec *rec,
    struct ike_policy *policy, struct fault *f)
{
	if (rec->type == SA_IKE)
		return (adopt_ike(e, now, &rec->ike, policy, f));
	if (rec->type == SA_CHILD && rec->child.n_local_ts > 0 && rec->child.n_remote_ts > 0)
		return (ike_child_adopt(e, policy, now, &rec->child) ? 0 :
		    fault(f, FAULT_MEMORY, "no memory for a child SA"));
	return (fault(f, FAULT_BAD_RECORD, "the record is of no SA"));
}

int
ike_engine_children(struct ike_engine *e, struct now now, const uint8_t id[16],
    struct ike_outbox *out, struct fault *f)
{
	struct ike_sa *sa = ike_sa_find(e, id, id + sizeof(no_spi));

	if (sa == NULL || sa->state != IKE_SA_ESTABLISHED)
		return (fault(f, FAULT_NO_IKE_SA, "there is no such IKE SA"));
	ike_sa_want_children(sa, now, out);
	ike_engine_settle(e);
	return (0);
}

bool
ike_engine_answer(struct ike_engine *e, struct now now, const uint8_t id[16], uint32_t mid,
    const struct ike_answer *answer, struct ike_outbox *out)
{
	struct ike_sa *sa = ike_sa_find(e, id, id + sizeof(no_spi));
	bool waited = sa != NULL && sa->version->answer(sa, now, mid, answer, out);

	if (sa != NULL)
		ike_sa_touch(sa);
	ike_engine_settle(e);
	return (waited);
}

bool
ike_engine_question(struct ike_engine *e, const uint8_t id[16], uint32_t mid, struct ike_question *q)
{
	struct ike_sa *sa = ike_sa_find(e, id, id + sizeof(no_spi));

	return (sa != NULL && sa->version->question(sa, mid, q));
}

bool
ike_engine_has_peer(const struct ike_engine *e, const struct addr *remote)
{
	const struct ike_child *c;
	const struct ike_sa *sa;

	for (sa = e->sas; sa != NULL; sa = sa->next)
		if (sa->state != IKE_SA_DEAD && addr_cmp(&sa->remote.at.addr, remote) == 0)
			return (true);
	for (c = e->children; c != NULL; c = c->next)
		if (addr_cmp(&c->remote.at.addr, remote) == 0)
			return (true);
	return (false);
}

void
ike_engine_set_others(struct ike_engine *e, bool others)
{
	e->conf.others = others;
}

void
ike_engine_retract(struct ike_engine *e, struct ike_outbox *out)
{
	const struct ike_child *c;
	struct ike_sa *sa;

	for (c = e->children; c != NULL; c = c->next)
		if ((sa = ike_child_own_sa(e, c)) != NULL)
			sa->version->send_delete(sa, c, out);
	ike_engine_settle(e);
}

void
ike_engine_shutdown(struct ike_engine *e, struct now now, struct ike_outbox *out)
{
	struct ike_sa *sa;

	e->conf.keep = e->conf.respond = false;		/* nothing is started over */
	while (e->children != NULL)
		ike_child_end(e, e->children, SA_REASON_SHUT_DOWN, true, out);
	for (sa = e->sas; sa != NULL; sa = sa->next) {
		if (!sa->adopted || !e->conf.borrowed)
			ike_sa_end(sa, now, SA_REASON_SHUT_DOWN, true, out);
		ike_sa_set_state(sa, IKE_SA_DEAD);
	}
	ike_engine_settle(e);
}

/* --- the takeover: SAs that another gateway of the same address negotiated are this one's from now on --- */

void
ike_engine_standby(struct ike_engine *e)
{
	e->conf.respond = false;
}

void
ike_engine_take_over(struct ike_engine *e, struct now now)
{
	struct ike_child *c;
	struct ike_sa *sa;
	uint64_t n = 0, ike_ms;

	e->conf.respond = true;
	/* The newest come first. */
	for (c = e->children; c != NULL; c = c->next) {
		if (c->replaced)
			continue;
		c->inherited = true;
		ike_child_outdate(e, c, now);
		ike_child_rekey_at(e, c, now.ms + n++ / REKEY_CHILDREN * REKEY_STEP_MS);
	}
	ike_ms = now.ms + REKEY_IKE_MS + n / REKEY_CHILDREN * REKEY_STEP_MS;
	n = 0;
	for (sa = e->sas; sa != NULL; sa = sa->next) {
		if (!sa->adopted || sa->replaced || sa->state != IKE_SA_ESTABLISHED)
			continue;
		sa->inherited = true;
		ike_sa_outdate(sa, now);
		sa->version->taken_over(sa, now);
		ike_sa_rekey_at(sa, ike_ms + n++ * REKEY_IKE_STEP_MS);
	}
	ike_engine_settle(e);
}

/* --- reports of the data path --- */

/* ${c} carried traffic: the peer is alive. */
static void
traffic(struct ike_engine *e, const struct ike_child *c, struct now now)
{
	struct ike_sa *sa;

	for (sa = ike_peer_sas(e, c->policy, c->remote.id); sa != NULL; sa = ike_peer_sas_next(sa))
		if (sa->state == IKE_SA_ESTABLISHED)
			ike_sa_heard(sa, now);
}

/* The data path reports a bundle by the SPI of its ESP or of its AH. */
static struct ike_child *
child_of_event(struct ike_engine *e, const struct sa_event *ev)
{
	struct ike_child *c = ev->has_spi_in ? ike_child_by_spi(e, ev->spi_in) : NULL;

	if (c != NULL || !ev->has_spi_in)
		return (c);
	for (c = e->children; c != NULL; c = c->next)
		if (c->ah.on && memcmp(c->ah.spi_in, ev->spi_in, sizeof(c->ah.spi_in)) == 0)
			return (c);
	return (NULL);
}

void
ike_engine_event(struct ike_engine *e, struct now now, const struct sa_event *ev,
    struct ike_outbox *out)
{
	struct ike_child *c = child_of_event(e, ev);
	struct ike_policy *policy;
	char peer[IKE_PEER_TEXT];

	if (c == NULL)
		return;
	policy = c->policy;
	if (ev->what == SA_EVENT_SOFT)
		ike_child_rekey(e, c, now, out);
	else if (ev->what == SA_EVENT_HARD)
		ike_child_spent(e, c, now, out);
	else if (ev->what == SA_EVENT_REFUSED) {
		/* Nobody carries it, and the peer would send into a hole. */
		outbox_note_peer(out, NOTE_WARN, ike_peer_text(peer, e, policy->name, &c->remote.at),
		    "%schild SA %02x%02x%02x%02x is deleted, because %s refused it: %s", peer, c->spi_in[0], c->spi_in[1], c->spi_in[2], c->spi_in[3], ev->source, ev->text);
		ike_child_end(e, c, SA_REASON_REFUSED, true, out);
		ike_conn_wake(e, now, policy, IKE_CONN_WAIT_MS);
	} else if (ev->what == SA_EVENT_TRAFFIC)
		traffic(e, c, now);
	else if (ev->what == SA_EVENT_REMAP) {
		traffic(e, c, now);
		if (ev->has_remote)
			ike_child_follow(e, c, now, &ev->remote, out);
	}
	ike_engine_settle(e);
}

/* --- time --- */

void
ike_engine_timeout(struct ike_engine *e, struct now now, struct ike_outbox *out)
{
	struct timer *t;

	e->epoch = now.epoch;
	/* Each SA is out of the heap while it is handled; settling puts it back if it still exists. */
	while ((t = heap_due(&e->sa_timers, now.ms)) != NULL)
		ike_sa_timeout(ENTRY_OF(t, struct ike_sa, timer), now, out);
	ike_engine_settle(e);
	while ((t = heap_due(&e->child_timers, now.ms)) != NULL)
		ike_child_timeout(e, ENTRY_OF(t, struct ike_child, timer), now, out);
	while ((t = heap_due(&e->conn_timers, now.ms)) != NULL)
		ike_conn_timeout(e, ENTRY_OF(t, struct ike_conn, timer), now, out);
	ike_engine_settle(e);
}

uint64_t
ike_engine_deadline(const struct ike_engine *e)
{
	uint64_t a = heap_deadline_ms(&e->sa_timers), b = heap_deadline_ms(&e->child_timers);
	uint64_t c = heap_deadline_ms(&e->conn_timers);

	b = b < a ? b : a;
	return (c < b ? c : b);
}
