/*
 * Connections that this end was told to make: the list, and when to look at one.
 */
#include <stdlib.h>

#include "ike/v1/conn.h"

#include "ike/v1/engine_priv.h"
#include "ike/v1/ike_sa.h"

struct v1_conn *
v1_conn_new(struct ike_engine *e, struct ike_policy *policy, const struct endpoint *local,
    const struct endpoint *remote, bool children)
{
	struct v1_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return (NULL);
	conn->policy = policy;
	conn->local = *local;
	conn->remote = *remote;
	conn->children = children;
	conn->at_ms = UINT64_MAX;
	conn->next = e->conns;
	e->conns = conn;
	return (conn);
}

void
v1_conn_wake(struct ike_engine *e, struct now now, const struct ike_policy *policy,
    uint64_t wait_ms)
{
	struct v1_conn *conn;
	uint64_t wait;

	for (conn = e->conns; conn != NULL; conn = conn->next) {
		if (conn->policy != policy || !conn->was_up || !e->conf.keep ||
		    conn->at_ms != UINT64_MAX)
			continue;
		/* What a peer keeps refusing is asked for less and less often. */
		wait = wait_ms << (conn->tries < 6 ? conn->tries : 6);
		if (wait > V1_CONN_WAIT_MAX_MS)
			wait = wait_ms > V1_CONN_WAIT_MAX_MS ? wait_ms : V1_CONN_WAIT_MAX_MS;
		conn->at_ms = now.ms + wait;
	}
}

void
v1_conn_settled(struct ike_engine *e, const struct ike_policy *policy)
{
	struct v1_conn *conn;

	for (conn = e->conns; conn != NULL; conn = conn->next)
		if (conn->policy == policy) {
			conn->was_up = true;
			conn->tries = 0;
		}
}
