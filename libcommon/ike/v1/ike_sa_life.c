/*
 * What becomes of an IKE SA with time: it stands, is kept alive, probed,
 * replaced, and ends.
 */
#include <stdio.h>

#include "ike/v1/ike_sa_life.h"

#include "ike/v1/child.h"
#include "ike/v1/child_life.h"
#include "ike/v1/conn.h"
#include "ike/v1/dpd.h"
#include "ike/v1/heartbeat.h"
#include "ike/v1/ike_sa.h"
#include "ike/v1/info_send.h"
#include "ike/v1/phase1.h"
#include "ike/v1/quick.h"

/* The peer knows of no SA but this one: the others are of a life before. */
static void
forget_others(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct ike_child *c, *next;
	struct v1_sa *o;

	for (o = sa->ike.engine->sas; o != NULL; o = o->next)
		if (o != sa && o->ike.state == IKE_SA_ESTABLISHED && v1_same_peer(o, sa))
			v1_sa_end(o, now, SA_REASON_INITIAL_CONTACT, false, out);
	for (c = sa->ike.engine->children; c != NULL; c = next) {
		next = c->next;
		if (v1_child_of(c, sa))
			v1_child_end(sa->ike.engine, c, SA_REASON_INITIAL_CONTACT, false, out);
	}
}

/* What this one succeeds to: the end that began it clears away the old one. */
static void
replace_others(struct v1_sa *sa, struct now now)
{
	struct v1_sa *o;

	for (o = sa->ike.engine->sas; o != NULL; o = o->next) {
		if (o == sa || o->ike.state != IKE_SA_ESTABLISHED || o->ike.replaced || !v1_same_peer(o, sa))
			continue;
		o->ike.replaced = true;
		o->ike.soft_ms = UINT64_MAX;
		o->dpd.at_ms = o->ike.keepalive_ms = UINT64_MAX;
		v1_heartbeat_stop(o);
		if (sa->ike.role == SA_INITIATOR)
			o->ike.delete_ms = now.ms + V1_DELETE_AFTER_MS;
	}
}

void
v1_sa_timers(struct v1_sa *sa, struct now now, uint64_t seconds)
{
	const struct ike_policy *p = sa->ike.policy;
	struct ike_sa *s = &sa->ike;

	sa->ike.hard_ms = now.ms + seconds * 1000;
	if (!sa->ike.engine->conf.keep)
		return;
	if (s->role == SA_INITIATOR)
		sa->ike.soft_ms = v1_soft_ms(sa->ike.engine, now, seconds);
	if (sa->dpd.peer_can && p->dpd_seconds > 0)
		sa->dpd.at_ms = now.ms + (uint64_t)p->dpd_seconds * 1000;
	v1_heartbeat_start(sa, now);
	/* RFC 3947 section 4: from behind the NAT, and from nowhere else. */
	if (s->natt.local_nat && s->natt.marker != SA_MARKER_NONE)
		sa->ike.keepalive_ms = now.ms + p->keepalive_ms;
}

void
v1_sa_up(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	const struct v1_exchange *x = v1_sa_exchange(sa, 0);
	const struct v1_phase1 *p1 = x != NULL ? v1_phase1_of(x) : NULL;
	struct ike_sa *s = &sa->ike;
	char peer[ENDPOINT_TEXT];
	uint8_t id[16];

	sa->ike.state = IKE_SA_ESTABLISHED;
	s->established = now.epoch;
	s->lifetime.expires = now.epoch + s->lifetime.seconds + 1;	/* as in quick_child.c */
	v1_sa_heard(sa, now);
	v1_sa_id(sa, id);
	outbox_note(out, NOTE_INFO, "phase 1 with %s stands (%s)",
	    endpoint_text(peer, &s->remote.at), sa->exchange == SA_MAIN ? "main mode" :
	    "aggressive mode");
	v1_sa_record(sa, out);
	outbox_verdict(out, IKE_UP, id, 0, NULL);
	v1_sa_timers(sa, now, s->lifetime.seconds);
	if (p1 != NULL && p1->initial_contact)
		forget_others(sa, now, out);
	else
		replace_others(sa, now);
	if (sa->ike.want_children)
		v1_sa_want_children(sa, now, out);
}

void
v1_sa_want_children(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct ike_policy *p = sa->ike.policy;
	struct addr *own = &sa->ike.local.at.addr, *peer = &sa->ike.remote.at.addr;
	struct selector host = { .first = *own, .last = *own };
	struct selector other = { .first = *peer, .last = *peer };
	size_t n_local = p->n_local_ts > 0 ? p->n_local_ts : 1;
	size_t n_remote = p->n_remote_ts > 0 ? p->n_remote_ts : 1;
	struct fault f = {0};
	uint8_t id[16];
	size_t i, j;

	v1_sa_id(sa, id);
	for (i = 0; i < n_local; i++)
		for (j = 0; j < n_remote; j++) {
			struct selector *l = p->n_local_ts > 0 ? &p->local_ts[i] : &host;
			struct selector *r = p->n_remote_ts > 0 ? &p->remote_ts[j] : &other;

			if (l->first.family != r->first.family || v1_child_like(sa, l, r) != NULL)
				continue;
			if (v1_quick_begin(sa, now, p, l, r, NULL, out, &f) != 0)
				outbox_verdict(out, IKE_FAILED, id, 1, &f);
		}
}

void
v1_sa_end(struct v1_sa *sa, struct now now, enum sa_reason reason, bool tell,
    struct ike_outbox *out)
{
	struct sa_rec *gone;
	struct fault why = {0};
	struct v1_exchange *x;
	uint8_t id[16];

	if (sa->ike.state != IKE_SA_ESTABLISHED)
		return;
	v1_sa_id(sa, id);
	if (tell)
		v1_info_delete(sa, PROTO_ISAKMP, SPAN_ARRAY(id), out);
	sa->ike.state = IKE_SA_DEAD;
	outbox_note(out, NOTE_INFO, "an IKE SA ends: %s", sa_reason_text(reason));
	if ((gone = outbox_record(out, SA_DELETE)) != NULL) {
		gone->del.has_ike = true;
		memcpy(gone->del.ike, id, sizeof(id));
		gone->del.reason = reason;
	}
	(void)fault(&why, FAULT_PEER_NOTIFY, "%s", sa_reason_text(reason));
	/* What was being negotiated under it comes to nothing. */
	for (x = sa->exchanges; x != NULL; x = x->next)
		v1_exchange_fail(x, now, &why);
	v1_sa_report(sa, now, out);
	outbox_verdict(out, IKE_GONE, id, 0, &why);
	if (!sa->ike.replaced)
		v1_conn_wake(sa->ike.engine, now, sa->ike.policy, V1_CONN_WAIT_MS);
}

/* The peer does not answer, or not say hello: it and its children go, and it is called again. */
static void
dead(struct v1_sa *sa, struct now now, enum sa_reason reason, uint64_t call_ms,
    struct ike_outbox *out)
{
	struct ike_child *c, *next;

	v1_conn_wake(sa->ike.engine, now, sa->ike.policy, call_ms);
	for (c = sa->ike.engine->children; c != NULL; c = next) {
		next = c->next;
		if (v1_child_of(c, sa))
			v1_child_end(sa->ike.engine, c, reason, false, out);
	}
	v1_sa_end(sa, now, reason, false, out);
}

/* Negotiates a successor, where one is not being negotiated already. */
static void
rekey(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct v1_sa *o;
	struct fault f;

	sa->ike.soft_ms = now.ms + sa->ike.policy->timeout_ms;	/* again, should this come to nothing */
	for (o = sa->ike.engine->sas; o != NULL; o = o->next)
		if (o->ike.state == IKE_SA_HALF_OPEN && o->ike.policy == sa->ike.policy &&
		    addr_cmp(&o->ike.remote.at.addr, &sa->ike.remote.at.addr) == 0)
			return;
	/* From port to port as things stand: there the NAT's mapping is alive. */
	(void)v1_phase1_begin(sa->ike.engine, now, sa->ike.policy, &sa->ike.local.at,
	    &sa->ike.remote.at, true, out, &f);
}

/* Phase 1 has ended, and no child SA is negotiated before XAuth has: v1_sa_up() then. */
static void
await_xauth(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	sa->ike.state = IKE_SA_AUTHENTICATING;
	sa->ike.hard_ms = now.ms + sa->ike.policy->answer_ms;
	v1_sa_heard(sa, now);
	outbox_note(out, NOTE_DEBUG, "phase 1 has ended, XAuth follows");
}

static void
xauth_timed_out(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct fault why = {0};
	uint8_t id[16];

	(void)fault(&why, FAULT_NO_REPLY, "XAuth did not end within %u s",
	    sa->ike.policy->answer_ms / 1000);
	v1_sa_id(sa, id);
	v1_info_delete(sa, PROTO_ISAKMP, SPAN_ARRAY(id), out);
	v1_conn_wake(sa->ike.engine, now, sa->ike.policy, V1_CONN_WAIT_MS);
	outbox_verdict(out, sa->ike.role == SA_INITIATOR ? IKE_FAILED : IKE_REFUSED, id, 0, &why);
	sa->ike.state = IKE_SA_DEAD;
}

void
v1_sa_timeout(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct v1_exchange *x, **at;

	for (x = sa->exchanges; x != NULL; x = x->next) {
		v1_exchange_timeout(x, now, out);
		v1_sa_report(sa, now, out);
	}
	for (at = &sa->exchanges; (x = *at) != NULL;) {
		if (x->over && now.ms >= x->forget_ms) {
			/* Should its first message be sent back to us, it is nothing new of the peer's. */
			if (v1_quick_of(x) != NULL && x->role == SA_INITIATOR)
				v1_sa_saw(sa, x->mid);
			*at = x->next;
			v1_exchange_free(x);
		} else
			at = &x->next;
	}
	if (sa->ike.state == IKE_SA_AUTHENTICATING && now.ms >= sa->ike.hard_ms)
		xauth_timed_out(sa, now, out);
	if (sa->ike.state != IKE_SA_ESTABLISHED)
		return;
	if (now.ms >= sa->ike.hard_ms)
		v1_sa_end(sa, now, SA_REASON_EXPIRED, true, out);
	else if (now.ms >= sa->ike.delete_ms)
		v1_sa_end(sa, now, SA_REASON_REPLACED, true, out);
	else if (now.ms >= sa->ike.soft_ms)
		rekey(sa, now, out);
	if (sa->ike.state == IKE_SA_ESTABLISHED && now.ms >= sa->ike.keepalive_ms) {
		outbox_keepalive(out, &sa->ike.local.at, &sa->ike.remote.at);
		sa->ike.keepalive_ms = now.ms + sa->ike.policy->keepalive_ms;
	}
	if (sa->ike.state == IKE_SA_ESTABLISHED && !v1_dpd_timeout(sa, now, out))
		dead(sa, now, SA_REASON_DEAD, V1_CONN_WAIT_MS, out);
	if (sa->ike.state == IKE_SA_ESTABLISHED && !v1_heartbeat_timeout(sa, now, out))
		dead(sa, now, SA_REASON_NO_HEARTBEATS,
		    sa->ike.policy->heartbeat_reconnect_ms, out);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return (a < b ? a : b);
}

uint64_t
v1_sa_deadline(const struct v1_sa *sa)
{
	const struct v1_exchange *x;
	uint64_t d = UINT64_MAX;

	for (x = sa->exchanges; x != NULL; x = x->next)
		d = least(d, v1_exchange_deadline(x));
	if (sa->ike.state == IKE_SA_AUTHENTICATING)
		return (least(d, sa->ike.hard_ms));
	if (sa->ike.state != IKE_SA_ESTABLISHED)
		return (d);
	d = least(least(d, sa->ike.hard_ms), least(sa->ike.delete_ms, sa->ike.soft_ms));
	d = least(least(d, sa->ike.keepalive_ms), sa->dpd.at_ms);
	return (least(d, v1_heartbeat_deadline(sa)));
}

/* --- exchanges that are over --- */

static void
phase1_over(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	struct v1_sa *sa = x->sa;
	uint8_t id[16];

	if (!x->failed) {
		memcpy(sa->iv, x->iv, sizeof(sa->iv));
		if (sa->auth->next == V1_AUTH_THEN_XAUTH)
			await_xauth(sa, now, out);
		else
			v1_sa_up(sa, now, out);
		return;
	}
	v1_sa_id(sa, id);
	v1_conn_wake(sa->ike.engine, now, sa->ike.policy, V1_CONN_WAIT_MS);
	outbox_verdict(out, x->role == SA_INITIATOR ? IKE_FAILED : IKE_REFUSED, id, 0, &x->why);
	sa->ike.state = IKE_SA_DEAD;
}

static void
quick_over(struct v1_exchange *x, struct v1_quick *q, struct now now, struct ike_outbox *out)
{
	struct ike_child *child = q->child;
	uint8_t id[16];

	q->child = NULL;
	if (!x->failed) {
		v1_child_up(x, child, now, out);
		return;
	}
	v1_sa_id(x->sa, id);
	v1_conn_wake(x->sa->ike.engine, now, q->policy, V1_CONN_WAIT_MS);
	if (child != NULL)	/* its record was written: take it back */
		v1_child_end(x->sa->ike.engine, child, SA_REASON_UNFINISHED, true, out);
	outbox_verdict(out, x->role == SA_INITIATOR ? IKE_FAILED : IKE_REFUSED, id, x->mid,
	    &x->why);
}

static void
report(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	struct v1_quick *q = v1_quick_of(x);

	x->reported = true;
	if (q != NULL)
		quick_over(x, q, now, out);
	else
		phase1_over(x, now, out);
}

void
v1_sa_report(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct v1_exchange *x;

	/* What follows may begin exchanges, at the head of the list, but frees none. */
	for (x = sa->exchanges; x != NULL; x = x->next)
		if (x->over && !x->reported)
			report(x, now, out);
}

void
v1_exchange_refuse(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	v1_exchange_fail(x, now, &x->why);
	report(x, now, out);
}
