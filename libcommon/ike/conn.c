/* Connections that this end has to establish: the list, and when each is looked at. */
#include <stdlib.h>

#include "ike/conn.h"

#include "ike/engine_priv.h"

int
ike_conn_add(struct ike_engine *e, struct ike_policy *policy, const struct endpoint *local,
    const struct endpoint *remote, bool children)
{
	struct ike_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL || heap_reserve(&e->conn_timers, e->n_conns + 1) != 0) {
		free(conn);
		return (-1);
	}
	conn->policy = policy;
	conn->local = *local;
	conn->remote = *remote;
	conn->children = children;
	conn->timer.serial = ++e->serial;
	conn->next = e->conns;
	e->conns = conn;
	e->n_conns++;
	return (0);
}

struct ike_conn *
ike_conn_find(const struct ike_engine *e, const struct ike_policy *policy)
{
	struct ike_conn *conn = e->conns;

	while (conn != NULL && conn->policy != policy)
		conn = conn->next;
	return (conn);
}

void
ike_conn_remove(struct ike_engine *e, struct ike_conn *conn)
{
	struct ike_conn **at = &e->conns;

	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
	e->n_conns--;
	heap_set(&e->conn_timers, &conn->timer, UINT64_MAX);
	free(conn);
}

void
ike_conn_wake(struct ike_engine *e, struct now now, const struct ike_policy *policy,
    uint64_t wait_ms)
{
	struct ike_conn *conn;
	uint64_t wait;

	for (conn = e->conns; conn != NULL; conn = conn->next) {
		if (conn->policy != policy)
			continue;
		conn->missed = conn->missed || !conn->was_up;
		if (!conn->was_up || !e->conf.keep || conn->timer.slot != 0)
			continue;
		/* A peer that keeps refusing is asked less and less often. */
		wait = wait_ms << (conn->tries < 6 ? conn->tries : 6);
		if (wait > IKE_CONN_WAIT_MAX_MS)
			wait = wait_ms > IKE_CONN_WAIT_MAX_MS ? wait_ms : IKE_CONN_WAIT_MAX_MS;
		heap_set(&e->conn_timers, &conn->timer, now.ms + wait);
	}
}

void
ike_conn_settled(struct ike_engine *e, struct now now, const struct ike_policy *policy)
{
	struct ike_conn *conn;
	bool missed = false;

	for (conn = e->conns; conn != NULL; conn = conn->next)
		if (conn->policy == policy) {
			missed = missed || conn->missed;
			conn->was_up = true;
			conn->missed = false;
			conn->redirects = 0;
			conn->tries = 0;
			/* Its end, which may come soon, is what wakes it now. */
			if (conn->either || conn->begun)
				heap_set(&e->conn_timers, &conn->timer, UINT64_MAX);
			conn->begun = false;
			conn->waited = false;
		}
	if (missed)
		ike_conn_wake(e, now, policy, IKE_CONN_WAIT_MS);
}
