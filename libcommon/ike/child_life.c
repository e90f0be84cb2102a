/* The life of a child SA: established, rekeyed, expired or deleted. */

#include "ike/child_life.h"

#include <stdio.h>

#include "ike/conn.h"
#include "ike/engine_priv.h"
#include "ike/version.h"

#define LIFE_LEFT_MIN	5	/* seconds for a successor, where a peer shortens a life to less */
#define REKEY_AGAIN_MS	5000	/* after a try that came to nothing */
#define SPENT_MS	5000	/* that a child SA without volume waits for the new one, as esp-tun does (SADB_SPENT_MS) */

uint64_t
ike_soft_ms(struct ike_engine *e, struct now now, uint64_t seconds)
{
	struct rand *r = &e->conf.rand;
	uint8_t spread = 0;

	/* At 80 to 90 %, so that two ends, or many tunnels, do not rekey at one moment. */
	(void)r->fill(r->state, &spread, 1);
	return (now.ms + seconds * (800 + spread * 100U / 255));
}

int
ike_sa_child_begin(struct ike_sa *sa, struct now now, struct ike_policy *policy,
    const struct selector *local_ts, const struct selector *remote_ts,
    const uint8_t *replaces, struct ike_outbox *out, struct fault *f)
{
	ike_sa_touch(sa);
	return (sa->version->child_begin(sa, now, policy, local_ts, remote_ts, replaces, out, f));
}

static void
start_timers(struct ike_engine *e, struct ike_child *c, struct now now, uint64_t seconds)
{
	uint64_t soft = ike_soft_ms(e, now, seconds);

	c->hard_ms = now.ms + seconds * 1000;
	/* The end that made it rekeys it; the other steps in if it does not. */
	if (e->conf.keep)
		c->soft_ms = c->initiator ? soft : soft + (c->hard_ms - soft) / 2;
}

/* The heap follows the child's times. */
static void
set_timer(struct ike_engine *e, struct ike_child *c)
{
	uint64_t at = c->soft_ms < c->hard_ms ? c->soft_ms : c->hard_ms;

	heap_set(&e->child_timers, &c->timer, c->delete_ms < at ? c->delete_ms : at);
}

/* The peer of ${c}, which is new, has too many child SAs: the oldest ends. */
static void
bound_children(struct ike_sa *sa, const struct ike_child *c, struct ike_outbox *out)
{
	struct ike_engine *e = sa->engine;
	struct ike_child *o, *like = NULL, *any = NULL;
	size_t n_like = 0, n_any = 0;
	char peer[ENDPOINT_TEXT];

	for (o = ike_children_of(e, sa->policy, sa->remote.id); o != NULL; o = ike_children_next(e, o)) {
		any = o;
		n_any++;
		if (ike_child_carries(o, &c->local_ts, &c->remote_ts)) {
			like = o;
			n_like++;
		}
	}
	if (n_like <= IKE_CHILDREN_PER_PAIR && n_any <= IKE_CHILDREN_PER_PEER)
		return;
	outbox_note_peer(out, NOTE_WARN, endpoint_text(peer, &sa->remote.at), "%s has too many child SAs%s; the oldest ends", peer,
	    n_like > IKE_CHILDREN_PER_PAIR ? " for the same networks" : "");
	ike_child_end(e, n_like > IKE_CHILDREN_PER_PAIR ? like : any, SA_REASON_REPLACED, true, out);
}

void
ike_child_up(struct ike_sa *sa, uint32_t mid, struct ike_child *c, struct now now,
    struct ike_outbox *out)
{
	struct ike_child *o;
	struct ike_engine *e = sa->engine;
	char l[SELECTOR_TEXT], r[SELECTOR_TEXT];
	uint8_t id[16];

	/*
	 * The new child SA replaces the older ones for this traffic. If both ends rekey at once, two
	 * child SAs are established, and each end may consider the other's the later one. RFC 2409 has
	 * no rule for that. A rule like that of IKEv2 (RFC 7296, 2.8.1) requires that both ends notice
	 * it, which a lost message prevents. So both stay until the next child SA, which both ends
	 * know to be the latest; its initiator deletes all earlier ones, and the other end those that were
	 * replaced before, should the initiator not do it.
	 */
	c->since = now.epoch;
	for (o = ike_children_of(e, sa->policy, sa->remote.id); o != NULL; o = ike_children_next(e, o)) {
		if (!ike_child_carries(o, &c->local_ts, &c->remote_ts))
			continue;
		if ((c->initiator || o->replaced) && o->delete_ms == UINT64_MAX)
			o->delete_ms = now.ms + IKE_DELETE_AFTER_MS;
		o->replaced = true;
		c->since = o->since < c->since ? o->since : c->since;
		o->soft_ms = UINT64_MAX;
		set_timer(e, o);
	}
	ike_child_forget_keys(c);
	start_timers(e, c, now, c->lifetime.seconds);
	if (ike_child_link(e, c) != 0) {
		outbox_note(out, NOTE_WARN, "no memory for a child SA");
		ike_child_end(e, c, SA_REASON_UNFINISHED, false, out);
		return;
	}
	set_timer(e, c);
	ike_sa_note(sa, out, NOTE_INFO, "child SA %02x%02x%02x%02x established: %s === %s",
	    c->spi_in[0], c->spi_in[1], c->spi_in[2], c->spi_in[3],
	    selector_text(l, &c->local_ts), selector_text(r, &c->remote_ts));
	ike_sa_id(sa, id);
	outbox_verdict(out, IKE_CHILD_UP, id, mid, NULL);
	ike_conn_settled(e, now, c->policy);
	bound_children(sa, c, out);
}

bool
ike_child_adopt(struct ike_engine *e, struct ike_policy *policy, struct now now,
    const struct sa_child *rec)
{
	struct ike_child *c = ike_child_new(policy);
	uint64_t expires = rec->lifetime.expires;

	if (c == NULL)
		return (false);
	if (ike_id_set(&c->remote.id, &rec->remote.id) != 0) {
		ike_child_free(c);
		return (false);
	}
	memcpy(c->ike, rec->ike, sizeof(c->ike));
	memcpy(c->spi_in, rec->spi_in, sizeof(c->spi_in));
	memcpy(c->spi_out, rec->spi_out, sizeof(c->spi_out));
	c->initiator = rec->initiator;
	c->established = c->since = rec->established;
	c->protocol = rec->protocol;
	c->encap = rec->encap;
	c->local.at = rec->local.at;
	c->remote.at = rec->remote.at;
	c->local_ts = c->local_seen = rec->local_ts[0];
	c->remote_ts = c->remote_seen = rec->remote_ts[0];
	if (rec->has_nat_oa) {
		c->oa_local = rec->nat_oa_local;
		c->oa_remote = rec->nat_oa_remote;
	}
	start_timers(e, c, now, expires > now.epoch ? expires - now.epoch : 0);
	if (ike_child_link(e, c) != 0) {
		ike_child_free(c);
		return (false);
	}
	set_timer(e, c);
	return (true);
}

/* Puts the record of a delete into ${out}: of ${c}, or of the AH of its bundle. */
static void
record_delete(const struct ike_child *c, enum sa_proto proto, const uint8_t spi_in[4], const uint8_t spi_out[4],
    enum sa_reason reason, struct ike_outbox *out)
{
	struct sa_rec *gone = outbox_record(out, SA_DELETE);

	if (gone == NULL)
		return;
	gone->del.has_ike = gone->del.has_protocol = true;
	gone->del.has_spi_in = gone->del.has_spi_out = true;
	memcpy(gone->del.ike, c->ike, sizeof(gone->del.ike));
	gone->del.protocol = proto;
	memcpy(gone->del.spi_in, spi_in, 4);
	memcpy(gone->del.spi_out, spi_out, 4);
	gone->del.reason = reason;
}

void
ike_child_end(struct ike_engine *e, struct ike_child *c, enum sa_reason reason, bool tell,
    struct ike_outbox *out)
{
	struct ike_sa *sa = tell ? ike_child_own_sa(e, c) : NULL;
	char peer[IKE_PEER_TEXT];

	if (sa != NULL)
		sa->version->send_delete(sa, c, out);
	record_delete(c, c->protocol, c->spi_in, c->spi_out, reason, out);
	if (c->ah.on)
		record_delete(c, SA_AH, c->ah.spi_in, c->ah.spi_out, reason, out);
	outbox_note_peer(out, NOTE_INFO, ike_peer_text(peer, e, c->policy->name, &c->remote.at),
	    "%schild SA %02x%02x%02x%02x ends: %s", peer, c->spi_in[0],
	    c->spi_in[1], c->spi_in[2], c->spi_in[3], sa_reason_text(reason));
	ike_child_remove(e, c);
}

/* The newest of the child SAs that ${c} replaced and that do not end soon; NULL: none. */
static struct ike_child *
before(struct ike_engine *e, const struct ike_child *c, struct now now)
{
	struct ike_child *o;

	for (o = ike_children_of(e, c->policy, c->remote.id); o != NULL; o = ike_children_next(e, o))
		if (o != c && o->delete_ms == UINT64_MAX && o->hard_ms > now.ms &&
		    ike_child_carries(o, &c->local_ts, &c->remote_ts))
			return (o);
	return (NULL);
}

void
ike_child_lost(struct ike_sa *sa, struct ike_child *c, struct now now,
    struct ike_outbox *out)
{
	struct ike_engine *e = sa->engine;
	struct ike_policy *policy = c->policy;
	struct ike_child *older = c->replaced ? NULL : before(e, c, now);
	bool replaced = c->replaced;

	if (!ike_child_of(c, sa))	/* another peer's */
		return;
	ike_child_end(e, c, SA_REASON_DELETED, false, out);
	if (older != NULL) {	/* both ends still have it, and it carries the traffic again */
		older->replaced = false;
		start_timers(e, older, now, (older->hard_ms - now.ms) / 1000);
		set_timer(e, older);
	} else if (!replaced)
		ike_conn_wake(e, now, policy, IKE_CONN_WAIT_MS);
}

/*
 * The other gateway had no IKE SA with the peer of ${c}, which outlives it in IKEv1, or the record of it did not arrive. This end
 * begins one: until ${c} is rekeyed, it receives nothing through it, and the peer has no reason to begin. Where only the peer can
 * begin (a client with a login, or in TCP), ${c} ends: the peer hears nothing then, by which its dead peer detection finds out.
 */
static void
begin_inherited(struct ike_engine *e, struct ike_child *c, struct now now, struct ike_outbox *out)
{
	const struct ike_version *v = ike_version_for(c->policy);
	struct endpoint local = c->local.at, remote = c->remote.at;
	struct ike_sa *o;
	struct fault f = {0};

	/* The connection of TCP encapsulation is the client's to make. */
	if (c->encap == SA_ENCAP_TCP || !v->can_begin(c->policy)) {
		ike_child_end(e, c, SA_REASON_NOT_REKEYED, false, out);
		return;
	}
	for (o = ike_peer_half_open(e, &remote.addr); o != NULL; o = ike_peer_half_open_next(o))
		if (o->state == IKE_SA_HALF_OPEN && o->policy == c->policy)
			return;
	if (c->encap == SA_ENCAP_NONE)
		local.port = remote.port = IKE_PORT;
	(void)v->begin(e, now, c->policy, &local, &remote, IKE_BEGIN_REKEY, out, &f);
}

void
ike_child_rekey(struct ike_engine *e, struct ike_child *c, struct now now,
    struct ike_outbox *out)
{
	struct ike_sa *sa = ike_child_sa(e, c);
	struct fault f = {0};
	uint64_t wait_ms;

	/* Again, should this come to nothing: more often in a short life. */
	wait_ms = c->hard_ms > now.ms ? (c->hard_ms - now.ms) / 3 : 0;
	c->soft_ms = now.ms + (wait_ms < REKEY_AGAIN_MS ? wait_ms + 1 : REKEY_AGAIN_MS);
	set_timer(e, c);
	if (c->replaced)
		return;
	if (sa == NULL) {
		ike_conn_wake(e, now, c->policy, 0);
		if (c->inherited)
			begin_inherited(e, c, now, out);
		return;
	}
	if (sa->version->child_under_way(sa, c->spi_in))
		return;
	if (ike_sa_child_begin(sa, now, c->policy, &c->local_ts, &c->remote_ts, c->spi_in,
	    out, &f) != 0)
		ike_sa_note(sa, out, NOTE_WARN, "cannot rekey: %s", f.what);
}

void
ike_child_spent(struct ike_engine *e, struct ike_child *c, struct now now, struct ike_outbox *out)
{
	struct ike_policy *policy = c->policy;
	struct ike_sa *sa = ike_child_sa(e, c);
	bool replaced = c->replaced;

	/* The peer sends with it until it has the new one. */
	if (replaced || (sa != NULL && sa->version->child_under_way(sa, c->spi_in))) {
		c->spent = true;
		if (now.ms + SPENT_MS < c->hard_ms)
			c->hard_ms = now.ms + SPENT_MS;
		set_timer(e, c);
		return;
	}
	ike_child_end(e, c, SA_REASON_VOLUME, true, out);
	ike_conn_wake(e, now, policy, 0);
}

void
ike_child_outdate(struct ike_engine *e, const struct ike_child *c, struct now now)
{
	struct ike_child *o;

	for (o = ike_children_of(e, c->policy, c->remote.id); o != NULL; o = ike_children_next(e, o)) {
		if (o->timer.serial >= c->timer.serial || o->replaced || !ike_child_carries(o, &c->local_ts, &c->remote_ts))
			continue;
		o->replaced = true;
		o->soft_ms = UINT64_MAX;
		o->delete_ms = now.ms + IKE_DELETE_AFTER_MS;
		set_timer(e, o);
	}
}

void
ike_child_rekey_at(struct ike_engine *e, struct ike_child *c, uint64_t at_ms)
{
	if (c->replaced || c->soft_ms <= at_ms)
		return;
	c->soft_ms = at_ms;
	set_timer(e, c);
}

void
ike_child_shorten(struct ike_engine *e, struct ike_child *c, struct now now, uint64_t seconds,
    struct ike_outbox *out)
{
	uint64_t age = now.epoch > c->established ? now.epoch - c->established : 0;
	bool less = c->lifetime.seconds == 0 || seconds < c->lifetime.seconds;
	char peer[IKE_PEER_TEXT];

	outbox_note_peer(out, NOTE_INFO, ike_peer_text(peer, e, c->policy->name, &c->remote.at),
	    "%sthe peer ends child SA %02x%02x%02x%02x after %llu s (RESPONDER-LIFETIME), %s", peer, c->spi_in[0], c->spi_in[1], c->spi_in[2], c->spi_in[3], (unsigned long long)seconds,
	    less ? "so this end does" : "not before this end");
	if (!less)
		return;
	c->lifetime.seconds = seconds;
	seconds = seconds > age + LIFE_LEFT_MIN ? seconds - age : LIFE_LEFT_MIN;
	if (now.ms + seconds * 1000 >= c->hard_ms)
		return;
	if (c->replaced)
		c->hard_ms = now.ms + seconds * 1000;
	else
		start_timers(e, c, now, seconds);
	set_timer(e, c);
}

void
ike_child_limit(struct ike_child *c, struct now now, uint64_t kilobytes, struct ike_outbox *out)
{
	bool less = c->lifetime.kilobytes == 0 || kilobytes < c->lifetime.kilobytes;
	struct sa_rec *rec;

	outbox_note(out, NOTE_INFO, "the peer ends child SA %02x%02x%02x%02x after %llu KB (RESPONDER-LIFETIME), %s",
	    c->spi_in[0], c->spi_in[1], c->spi_in[2], c->spi_in[3], (unsigned long long)kilobytes,
	    less ? "so this end does" : "not before this end");
	if (!less || (rec = outbox_record(out, SA_EVENT)) == NULL)
		return;
	c->lifetime.kilobytes = kilobytes;
	rec->event.time = now.epoch;
	rec->event.what = SA_EVENT_LIMIT;
	(void)snprintf(rec->event.source, sizeof(rec->event.source), "ike");
	rec->event.has_spi_in = true;
	memcpy(rec->event.spi_in, c->spi_in, sizeof(rec->event.spi_in));
	rec->event.kilobytes = kilobytes;
}

void
ike_child_timeout(struct ike_engine *e, struct ike_child *c, struct now now,
    struct ike_outbox *out)
{
	struct ike_policy *policy = c->policy;
	bool replaced = c->replaced;

	if (now.ms >= c->hard_ms) {
		ike_child_end(e, c, c->spent ? SA_REASON_VOLUME : SA_REASON_EXPIRED, true, out);
		if (!replaced)
			ike_conn_wake(e, now, policy, 0);
	} else if (now.ms >= c->delete_ms)
		ike_child_end(e, c, SA_REASON_REPLACED, true, out);
	else if (now.ms >= c->soft_ms)
		ike_child_rekey(e, c, now, out);
	else
		set_timer(e, c);
}
