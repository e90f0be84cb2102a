/* The life of a connection: what is missing of it is established, again and again. */
#include "ike/conn_life.h"

#include "ike/child.h"
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

void
ike_conn_timeout(struct ike_engine *e, struct ike_conn *conn, struct now now,
    struct ike_outbox *out)
{
	struct ike_sa *sa, *up = NULL;
	struct fault f = {0};
	char to[ENDPOINT_TEXT];
	uint64_t wait = (uint64_t)IKE_CONN_WAIT_MS << (conn->tries < 6 ? conn->tries : 6);

	for (sa = e->sas; sa != NULL; sa = sa->next) {
		if (sa->policy != conn->policy)
			continue;
		if (sa->version->running(sa) > 0) {	/* wait for its outcome */
			ike_heap_set(&e->conn_timers, &conn->timer, now.ms + IKE_CONN_WAIT_MS);
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
	outbox_note(out, NOTE_INFO, has_children(e, conn) ?
	    "the IKE SA has ended, its child SAs go on: negotiating phase 1 again with %s" :
	    "the connection is lost: reconnecting with %s", endpoint_text(to, &conn->remote));
	sa = ike_version_for(conn->policy)->begin(e, now, conn->policy, &conn->local, &conn->remote,
	    IKE_BEGIN_AGAIN, out, &f);
	if (sa != NULL)
		sa->want_children = conn->children;
	/* Should that fail, it wakes us; the next try then comes later. */
	ike_heap_set(&e->conn_timers, &conn->timer, now.ms + conn->policy->timeout_ms +
	    (wait < IKE_CONN_WAIT_MAX_MS ? wait : IKE_CONN_WAIT_MAX_MS));
}
