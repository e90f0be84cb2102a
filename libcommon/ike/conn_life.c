/* The life of a connection: what is missing of it is established, again and again. */
#include "ike/conn_life.h"

#include <stdlib.h>

#include "ike/child.h"
#include "ike/child_life.h"
#include "ike/engine_priv.h"
#include "ike/sa_life.h"
#include "ike/version.h"

static bool
has_children(const struct ike_engine *e, const struct ike_conn *conn)
{
	const struct ike_child *c;

	for (c = e->children; c != NULL; c = c->next)
		if (c->policy == conn->policy)
			return (true);
	return (false);
}

/* Anybody may have sent the message that began ${sa}. */
static bool
forgeable(const struct ike_sa *sa)
{
	return (sa->state != IKE_SA_ESTABLISHED && sa->role == SA_RESPONDER && !sa->returned);
}

/* The peer has, or negotiates, an SA that it began itself: for how long that is waited for. 0: it has none. */
static uint64_t
others_wait(const struct ike_engine *e, struct ike_conn *conn)
{
	const struct ike_sa *sa;
	bool half = false;

	for (sa = e->sas; sa != NULL; sa = sa->next) {
		if (sa->state == IKE_SA_DEAD || addr_cmp(&sa->remote.at.addr, &conn->remote.addr) != 0)
			continue;
		half = half || forgeable(sa);
		if (sa->policy != conn->policy && !forgeable(sa))
			return (IKE_CONN_WAIT_MS);
	}
	if (!half || conn->waited)
		return (0);
	conn->waited = true;
	return (IKE_CONN_FORGED_MS);
}

static const char *
why_begin(const struct ike_engine *e, const struct ike_conn *conn)
{
	if (has_children(e, conn))
		return ("the IKE SA has ended, its child SAs go on: negotiating phase 1 again with");
	return (conn->either && conn->tries == 1 ? "negotiating phase 1 with" : "the connection is lost: reconnecting with");
}

void
ike_conn_timeout(struct ike_engine *e, struct ike_conn *conn, struct now now,
    struct ike_outbox *out)
{
	struct ike_sa *sa, *up = NULL;
	struct fault f = {0};
	char to[ENDPOINT_TEXT];
	uint64_t wait = conn->either ? others_wait(e, conn) : 0;

	conn->begun = false;
	if (wait > 0) {
		heap_set(&e->conn_timers, &conn->timer, now.ms + wait);
		return;
	}
	wait = (uint64_t)IKE_CONN_WAIT_MS << (conn->tries < 6 ? conn->tries : 6);
	for (sa = e->sas; sa != NULL; sa = sa->next) {
		if (sa->policy != conn->policy)
			continue;
		if (conn->either && forgeable(sa))
			continue;
		if (sa->version->running(sa) > 0) {	/* wait for its outcome */
			heap_set(&e->conn_timers, &conn->timer, now.ms + IKE_CONN_WAIT_MS);
			return;
		}
		if (sa->state == IKE_SA_ESTABLISHED && !sa->replaced)
			up = sa;
	}
	conn->tries++;
	if (up != NULL) {
		if (conn->children)
			ike_sa_want_children(up, now, out);
		return;
	}
	outbox_note(out, NOTE_INFO, "%s %s", why_begin(e, conn), endpoint_text(to, &conn->remote));
	sa = ike_version_for(conn->policy)->begin(e, now, conn->policy, &conn->local, &conn->remote,
	    IKE_BEGIN_AGAIN, out, &f);
	if (sa != NULL)
		sa->want_children = conn->children;
	conn->begun = true;
	/* Should that fail, it wakes us; the next try then comes later. */
	heap_set(&e->conn_timers, &conn->timer, now.ms + conn->policy->timeout_ms +
	    (wait < IKE_CONN_WAIT_MAX_MS ? wait : IKE_CONN_WAIT_MAX_MS));
}

int
ike_engine_want(struct ike_engine *e, struct now now, struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, struct ike_outbox *out, struct fault *f)
{
	struct ike_conn *conn;

	if (ike_conn_add(e, policy, local, remote, true) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for a connection"));
	conn = e->conns;
	conn->was_up = conn->either = true;
	ike_conn_timeout(e, conn, now, out);
	ike_engine_settle(e);
	return (0);
}

void
ike_engine_unwant(struct ike_engine *e, struct now now, const struct ike_policy *policy, struct ike_outbox *out)
{
	struct ike_conn *conn = ike_conn_find(e, policy);
	struct ike_child *c, *next;
	struct ike_sa *sa;

	if (conn == NULL)
		return;
	for (c = e->children; c != NULL; c = next) {
		next = c->next;
		if (c->policy == policy || addr_cmp(&c->remote.at.addr, &conn->remote.addr) == 0)
			ike_child_end(e, c, SA_REASON_SHUT_DOWN, true, out);
	}
	for (sa = e->sas; sa != NULL; sa = sa->next) {
		if (sa->policy != policy && addr_cmp(&sa->remote.at.addr, &conn->remote.addr) != 0)
			continue;
		ike_sa_end(sa, now, SA_REASON_SHUT_DOWN, true, out);
		if (sa->policy == policy)
			ike_sa_set_state(sa, IKE_SA_DEAD);
	}
	ike_conn_remove(e, conn);
	ike_engine_settle(e);
}
