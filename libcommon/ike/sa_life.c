/* The life of an IKE SA: established, kept alive, probed, replaced, expired or deleted. */

#include "ike/sa_life.h"

#include "ike/child_life.h"
#include "ike/conn.h"
#include "ike/engine_priv.h"
#include "ike/version.h"

#define LIFE_LEFT_MIN	5	/* seconds for a successor, where a peer shortens a life to less */

/* The peer knows of no SA but this one: the others are of a life before. */
static void
forget_others(struct ike_sa *sa, struct now now, struct ike_outbox *out)
{
	struct ike_engine *e = sa->engine;
	struct ike_child *c, *next;
	struct ike_sa *o;

	for (o = ike_peer_sas(e, sa->policy, sa->remote.id); o != NULL; o = ike_peer_sas_next(o))
		if (o != sa && o->state == IKE_SA_ESTABLISHED)
			ike_sa_end(o, now, SA_REASON_INITIAL_CONTACT, false, out);
	for (c = ike_children_of(e, sa->policy, sa->remote.id); c != NULL; c = next) {
		next = ike_children_next(e, c);
		ike_child_end(e, c, SA_REASON_INITIAL_CONTACT, false, out);
	}
}

bool
ike_sa_has_others(const struct ike_sa *sa)
{
	const struct addr *peer = &sa->remote.at.addr;
	const struct ike_child *c;
	const struct ike_sa *o;

	for (o = sa->engine->sas; o != NULL; o = o->next)
		if (o != sa && o->state == IKE_SA_ESTABLISHED &&
		    (o->policy == sa->policy || addr_cmp(&o->remote.at.addr, peer) == 0))
			return (true);
	for (c = sa->engine->children; c != NULL; c = c->next)
		if (c->policy == sa->policy || addr_cmp(&c->remote.at.addr, peer) == 0)
			return (true);
	return (false);
}

/*
 * How long the initiator of ${sa} waits until it deletes ${o}, which ${sa} replaces. If both ends have begun an SA at the same
 * time, each may see its own come last, and replace the other's. They must not delete both: one of them waits longer, and
 * goes on with what the other one has left (resume()).
 */
static uint64_t
delete_after(const struct ike_sa *sa, const struct ike_sa *o, struct now now)
{
	const bool may_cross = o->role == SA_RESPONDER && now.epoch <= o->established + IKE_DELETE_AFTER_MS / 1000 + 1;

	return (may_cross && memcmp(sa->spi_i, o->spi_i, sizeof(sa->spi_i)) < 0 ? 2 * IKE_DELETE_AFTER_MS : IKE_DELETE_AFTER_MS);
}

/* This SA replaces an older one: its initiator deletes the old one. */
static void
replace_others(struct ike_sa *sa, struct now now)
{
	struct ike_sa *o;

	for (o = ike_peer_sas(sa->engine, sa->policy, sa->remote.id); o != NULL; o = ike_peer_sas_next(o)) {
		if (o == sa || o->state != IKE_SA_ESTABLISHED || o->replaced)
			continue;
		o->replaced = true;
		o->soft_ms = UINT64_MAX;
		o->keepalive_ms = UINT64_MAX;
		o->version->unwatch(o);
		if (sa->role == SA_INITIATOR)
			o->delete_ms = now.ms + delete_after(sa, o, now);
		ike_sa_touch(o);
	}
}

/* The times of an SA with ${seconds} of life left. */
static void
set_life(struct ike_sa *sa, struct now now, uint64_t seconds)
{
	uint64_t soft;

	sa->hard_ms = now.ms + seconds * 1000;
	if (!sa->engine->conf.keep || !sa->version->can_begin(sa->policy))
		return;
	soft = ike_soft_ms(sa->engine, now, seconds);
	/* The initiator rekeys it. The responder steps in if the initiator believes in a longer life. */
	sa->soft_ms = sa->role == SA_INITIATOR ? soft : soft + (sa->hard_ms - soft) / 2;
}

void
ike_sa_outdate(struct ike_sa *sa, struct now now)
{
	struct ike_sa *o;

	replace_others(sa, now);
	for (o = ike_peer_sas(sa->engine, sa->policy, sa->remote.id); o != NULL; o = ike_peer_sas_next(o))
		if (o->replaced && o->delete_ms == UINT64_MAX)
			o->delete_ms = now.ms + IKE_DELETE_AFTER_MS;
}

void
ike_sa_rekey_at(struct ike_sa *sa, uint64_t at_ms)
{
	if (sa->replaced || sa->soft_ms <= at_ms || !sa->version->can_begin(sa->policy))
		return;
	sa->soft_ms = at_ms;
	ike_sa_touch(sa);
}

void
ike_sa_keep_mapping(struct ike_sa *sa, struct now now)
{
	/* RFC 3947 section 4: only from behind the NAT. */
	if (sa->natt.local_nat && sa->natt.marker != SA_MARKER_NONE)
		sa->keepalive_ms = now.ms + sa->policy->keepalive_ms;
}

void
ike_sa_start_timers(struct ike_sa *sa, struct now now, uint64_t seconds)
{
	ike_sa_touch(sa);
	set_life(sa, now, seconds);
	if (!sa->engine->conf.keep)
		return;
	sa->version->watch(sa, now);
	ike_sa_keep_mapping(sa, now);
}

void
ike_sa_shorten(struct ike_sa *sa, struct now now, uint64_t seconds, struct ike_outbox *out)
{
	uint64_t age;

	ike_sa_note(sa, out, NOTE_INFO, "the peer ends the IKE SA after %llu s (RESPONDER-LIFETIME), %s",
	    (unsigned long long)seconds, seconds < sa->lifetime.seconds ? "so this end does" :
	    "not before this end");
	if (seconds >= sa->lifetime.seconds)
		return;
	sa->lifetime.seconds = seconds;
	if (sa->state != IKE_SA_ESTABLISHED)
		return;
	age = now.epoch > sa->established ? now.epoch - sa->established : 0;
	seconds = seconds > age + LIFE_LEFT_MIN ? seconds - age : LIFE_LEFT_MIN;
	sa->lifetime.expires = now.epoch + seconds + 1;
	sa->version->record(sa, out);
	ike_sa_touch(sa);
	if (!sa->replaced)
		set_life(sa, now, seconds);
	else if (sa->hard_ms > now.ms + seconds * 1000)
		sa->hard_ms = now.ms + seconds * 1000;
}

/* The peer of ${sa}, which is new, has too many: the oldest ends. */
static void
bound_sas(struct ike_sa *sa, struct now now, struct ike_outbox *out)
{
	struct ike_sa *o, *near = NULL, *any = NULL;
	size_t n_near = 0, n_any = 0;
	char peer[ENDPOINT_TEXT];

	for (o = ike_peer_sas(sa->engine, sa->policy, sa->remote.id); o != NULL; o = ike_peer_sas_next(o)) {
		if (o->state != IKE_SA_ESTABLISHED)
			continue;
		any = o;
		n_any++;
		if (addr_cmp(&o->remote.at.addr, &sa->remote.at.addr) == 0) {
			near = o;
			n_near++;
		}
	}
	if (n_near <= IKE_SAS_PER_ADDRESS && n_any <= IKE_SAS_PER_PEER)
		return;
	outbox_note_peer(out, NOTE_WARN, endpoint_text(peer, &sa->remote.at), "%s has too many IKE SAs; the oldest ends", peer);
	ike_sa_end(n_near > IKE_SAS_PER_ADDRESS ? near : any, now, SA_REASON_REPLACED, true, out);
}

/*
 * The quick modes that a takeover began under the IKE SA of the other gateway may have no answer: the peer has another IKE SA by
 * now, whose record that gateway did not live to write. They begin again under ${sa}, which is new.
 */
static void
rekey_inherited(struct ike_sa *sa, struct now now)
{
	struct ike_engine *e = sa->engine;
	struct ike_child *c;
	struct ike_sa *o;

	for (c = ike_children_of(e, sa->policy, sa->remote.id); c != NULL; c = ike_children_next(e, c)) {
		if (!c->inherited || c->replaced)
			continue;
		for (o = ike_peer_sas(e, sa->policy, sa->remote.id); o != NULL; o = ike_peer_sas_next(o))
			o->version->child_forsake(o, c->spi_in, now);
		ike_child_rekey_at(e, c, now.ms);
	}
}

void
ike_sa_up(struct ike_sa *sa, struct now now, bool initial_contact, struct ike_outbox *out)
{
	uint8_t id[16];

	ike_sa_set_state(sa, IKE_SA_ESTABLISHED);
	sa->established = now.epoch;
	/* This second has begun already: see child SAs. */
	sa->lifetime.expires = now.epoch + sa->lifetime.seconds + 1;
	ike_sa_heard(sa, now);
	ike_sa_id(sa, id);
	sa->version->record(sa, out);
	outbox_verdict(out, IKE_UP, id, 0, NULL);
	ike_sa_start_timers(sa, now, sa->lifetime.seconds);
	if (initial_contact)
		forget_others(sa, now, out);
	else {
		replace_others(sa, now);
		rekey_inherited(sa, now);
	}
	bound_sas(sa, now, out);
	if (sa->want_children)
		ike_sa_want_children(sa, now, out);
}

/* The addresses that mode config assigned as selectors; their number. */
static size_t
assigned(const struct ike_config *c, struct selector out[2])
{
	size_t n = 0;

	if (c->address.family != 0)
		out[n++] = (struct selector){ .first = c->address, .last = c->address };
	if (c->address6.family != 0)
		out[n++] = (struct selector){ .first = c->address6, .last = c->address6 };
	return (n);
}

/* The networks behind the gateway of a client: for each family of its addresses those that were named, or all. */
static size_t
behind_gateway(const struct ike_config *c, struct selector out[SA_NETS_MAX + 2])
{
	static const uint8_t zeros[16];
	const size_t n_split = c->settings != NULL ? c->settings->n_split : 0;
	bool named[7] = { false };
	size_t i, n = 0;
	uint8_t ones[16];

	memset(ones, 0xff, sizeof(ones));
	for (i = 0; i < n_split; i++) {
		out[n++] = c->settings->split[i];
		named[c->settings->split[i].first.family] = true;
	}
	if (c->address.family != 0 && !named[4])
		out[n++] = (struct selector){ .first = addr_make(4, zeros), .last = addr_make(4, ones) };
	if (c->address6.family != 0 && !named[6])
		out[n++] = (struct selector){ .first = addr_make(6, zeros), .last = addr_make(6, ones) };
	return (n);
}

static bool
overlap(const struct selector *a, const struct selector *b)
{
	return (selector_has_addr(a, &b->first) || selector_has_addr(b, &a->first));
}

static bool
in_pool(const struct ike_policy *p, const struct selector *s)
{
	return ((p->pool != NULL && overlap(pool_range(p->pool), s)) || (p->pool6 != NULL && overlap(pool_range(p->pool6), s)));
}

/*
 * The networks of a gateway's client that has a lease: its addresses, of which there are ${n} in ${out} already, and
 * configured networks apart from the pool. One that has addresses of the pool stands for all clients, not for this one.
 */
static size_t
behind_client(const struct ike_policy *p, struct selector out[SA_NETS_MAX + 2], size_t n)
{
	size_t i;

	for (i = 0; i < p->n_remote_ts; i++)
		if (!in_pool(p, &p->remote_ts[i]))
			out[n++] = p->remote_ts[i];
	return (n);
}

bool
ike_sa_ts_of_others(const struct ike_sa *sa, const struct selector *remote)
{
	const struct ike_config *c = sa->config;
	struct selector own[2];
	size_t i, n = c != NULL && !c->client ? assigned(c, own) : 0;

	if ((c != NULL && c->client) || !in_pool(ike_sa_scope(sa), remote))
		return (false);
	for (i = 0; i < n && !selector_covers(&own[i], remote); i++)
		;
	return (i == n);
}

void
ike_sa_ts(const struct ike_sa *sa, struct ike_ts *ts)
{
	const struct ike_policy *p = ike_sa_scope(sa);
	const struct ike_config *c = sa->config;
	const bool leased = c != NULL && (c->address.family != 0 || c->address6.family != 0);

	ts->host[0] = (struct selector){ .first = sa->own_addr, .last = sa->own_addr };
	ts->other[0] = (struct selector){ .first = sa->peer_addr, .last = sa->peer_addr };
	ts->n_local = ts->n_remote = 1;
	if (leased && c->client) {
		ts->n_local = assigned(c, ts->host);
		ts->n_remote = behind_gateway(c, ts->other);
	} else if (leased)
		ts->n_remote = assigned(c, ts->other);
	ts->local = ts->host;
	ts->remote = ts->other;
	if (p->n_local_ts > 0) {
		ts->n_local = p->n_local_ts;
		ts->local = p->local_ts;
	}
	if (leased && !c->client && p->n_remote_ts > 0)
		ts->n_remote = behind_client(p, ts->other, ts->n_remote);
	else if (p->n_remote_ts > 0) {
		ts->n_remote = p->n_remote_ts;
		ts->remote = p->remote_ts;
	}
}

size_t
ike_sa_pairs(const struct ike_sa *sa)
{
	struct ike_ts ts;
	size_t i, j, n = 0;

	ike_sa_ts(sa, &ts);
	for (i = 0; i < ts.n_local; i++)
		for (j = 0; j < ts.n_remote; j++)
			n += ts.local[i].first.family == ts.remote[j].first.family;
	return (n);
}

void
ike_sa_want_children(struct ike_sa *sa, struct now now, struct ike_outbox *out)
{
	struct ike_policy *p = sa->policy;
	struct fault f = {0};
	struct ike_ts ts;
	uint8_t id[16];
	size_t i, j;

	ike_sa_id(sa, id);
	ike_sa_ts(sa, &ts);
	for (i = 0; i < ts.n_local; i++)
		for (j = 0; j < ts.n_remote; j++) {
			const struct selector *l = &ts.local[i], *r = &ts.remote[j];

			if (l->first.family != r->first.family || ike_child_like(sa, l, r) != NULL)
				continue;
			if (ike_sa_child_begin(sa, now, p, l, r, NULL, out, &f) != 0)
				outbox_verdict(out, IKE_FAILED, id, 1, &f);
		}
}

/* Another SA with the peer of ${sa} that does not end soon; the newest. NULL: none. */
static struct ike_sa *
another(const struct ike_sa *sa, struct now now)
{
	struct ike_sa *o;

	for (o = ike_peer_sas(sa->engine, sa->policy, sa->remote.id); o != NULL; o = ike_peer_sas_next(o))
		if (o != sa && o->state == IKE_SA_ESTABLISHED && o->delete_ms == UINT64_MAX && o->hard_ms > now.ms)
			return (o);
	return (NULL);
}

/* The newest SA with the peer of ${sa} that this end is about to delete; NULL: none. */
static struct ike_sa *
leaving(const struct ike_sa *sa, struct now now)
{
	struct ike_sa *o;

	for (o = ike_peer_sas(sa->engine, sa->policy, sa->remote.id); o != NULL; o = ike_peer_sas_next(o))
		if (o != sa && o->state == IKE_SA_ESTABLISHED && o->replaced && o->hard_ms > now.ms)
			return (o);
	return (NULL);
}

/*
 * ${sa} ended. The SA that it replaced serves again, if the peer has not deleted that: it may be of another
 * process on the peer's host, or the one that the peer has kept of two which began at the same time.
 */
static void
resume(const struct ike_sa *sa, struct now now, struct ike_outbox *out)
{
	struct ike_sa *o = another(sa, now);

	if (o == NULL)
		o = leaving(sa, now);
	if (!sa->engine->conf.keep || o == NULL || !o->replaced)
		return;
	ike_sa_note(sa, out, NOTE_DEBUG, "the IKE SA before it serves again");
	o->replaced = false;
	o->delete_ms = UINT64_MAX;
	ike_sa_heard(o, now);
	ike_sa_start_timers(o, now, (o->hard_ms - now.ms) / 1000);
}

void
ike_sa_end(struct ike_sa *sa, struct now now, enum sa_reason reason, bool tell,
    struct ike_outbox *out)
{
	struct sa_rec *gone;
	struct fault why = {0};
	uint8_t id[16];

	if (sa->state != IKE_SA_ESTABLISHED)
		return;
	ike_sa_id(sa, id);
	if (tell)
		sa->version->send_delete(sa, NULL, out);
	ike_sa_set_state(sa, IKE_SA_DEAD);
	ike_sa_note(sa, out, NOTE_INFO, "an IKE SA ends: %s", sa_reason_text(reason));
	if ((gone = outbox_record(out, SA_DELETE)) != NULL) {
		gone->del.has_ike = true;
		memcpy(gone->del.ike, id, sizeof(id));
		gone->del.reason = reason;
	}
	(void)fault(&why, FAULT_PEER_NOTIFY, "%s", sa_reason_text(reason));
	sa->version->abandon(sa, now, &why, out);
	outbox_verdict(out, IKE_GONE, id, 0, &why);
	if (sa->replaced)
		return;
	resume(sa, now, out);
	ike_conn_wake(sa->engine, now, sa->policy, IKE_CONN_WAIT_MS);
}

/*
 * The peer does not answer: its SA and its children end, and it is called again after ${call_ms}. If there is
 * another SA with the peer, only a process of the peer's may have gone: its children end, and the other SA shows
 * whether the peer lives.
 */
static void
dead(struct ike_sa *sa, struct now now, enum sa_reason reason, uint64_t call_ms,
    struct ike_outbox *out)
{
	struct ike_engine *e = sa->engine;
	struct ike_child *c, *next;
	bool alone = another(sa, now) == NULL;
	uint8_t id[16];

	ike_sa_id(sa, id);
	ike_conn_wake(sa->engine, now, sa->policy, call_ms);
	for (c = ike_children_of(e, sa->policy, sa->remote.id); c != NULL; c = next) {
		next = ike_children_next(e, c);
		if (alone || memcmp(c->ike, id, sizeof(id)) == 0)
			ike_child_end(e, c, reason, false, out);
	}
	ike_sa_end(sa, now, reason, false, out);
}

/* Negotiates a successor, where one is not being negotiated already. */
static void
rekey(struct ike_sa *sa, struct now now, struct ike_outbox *out)
{
	struct ike_sa *o;
	struct fault f;

	sa->soft_ms = now.ms + sa->policy->timeout_ms;	/* again, should this come to nothing */
	/* Without a child SA the responder has nothing to keep up. */
	if (sa->role == SA_RESPONDER && ike_children_of(sa->engine, sa->policy, sa->remote.id) == NULL)
		return;
	for (o = ike_peer_half_open(sa->engine, &sa->remote.at.addr); o != NULL; o = ike_peer_half_open_next(o))
		if (o->state == IKE_SA_HALF_OPEN && o->policy == sa->policy)
			return;
	/* Between the ports in use: there the NAT's mapping is alive. */
	(void)sa->version->begin(sa->engine, now, sa->policy, &sa->local.at, &sa->remote.at,
	    IKE_BEGIN_REKEY, out, &f);
}

void
ike_sa_timeout(struct ike_sa *sa, struct now now, struct ike_outbox *out)
{
	enum sa_reason reason;
	uint64_t call_ms;

	ike_sa_touch(sa);
	sa->version->timeout(sa, now, out);
	if (now.ms >= sa->keepalive_ms && (sa->state == IKE_SA_AUTHENTICATING || sa->state == IKE_SA_ESTABLISHED)) {
		outbox_keepalive(out, &sa->local.at, &sa->remote.at);
		sa->keepalive_ms = now.ms + sa->policy->keepalive_ms;
	}
	if (sa->state != IKE_SA_ESTABLISHED)
		return;
	if (now.ms >= sa->hard_ms)
		ike_sa_end(sa, now, SA_REASON_EXPIRED, true, out);
	else if (now.ms >= sa->delete_ms)
		ike_sa_end(sa, now, SA_REASON_REPLACED, true, out);
	else if (now.ms >= sa->soft_ms)
		rekey(sa, now, out);
	if (sa->state == IKE_SA_ESTABLISHED &&
	    sa->version->dead(sa, now, &reason, &call_ms, out))
		dead(sa, now, reason, call_ms, out);
}
