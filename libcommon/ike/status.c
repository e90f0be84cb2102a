/* The state of an engine as lines of text: counts, IKE SAs, child SAs, connections. */
#include "ike/status.h"

#include <stdio.h>

#include "ike/child.h"
#include "ike/conn.h"
#include "ike/engine_priv.h"

#define DUE_TEXT	64
#define PEER_TEXT	(ENDPOINT_TEXT + 160)	/* a longer identity is cut */

static const char *const states[] = {
	[IKE_SA_HALF_OPEN] = "phase 1 in progress", [IKE_SA_AUTHENTICATING] = "authenticating",
	[IKE_SA_ESTABLISHED] = "established", [IKE_SA_DEAD] = "ended",
};

/* ", rekey in 12 s"; "" if that never happens. Rounded up, so that 0 means now. */
static const char *
due(char out[DUE_TEXT], const char *what, uint64_t at_ms, struct now now)
{
	out[0] = '\0';
	if (at_ms != UINT64_MAX)
		(void)snprintf(out, DUE_TEXT, ", %s in %llu s", what,
		    (unsigned long long)(at_ms > now.ms ? (at_ms - now.ms + 999) / 1000 : 0));
	return (out);
}

static const char *
peer_text(char out[PEER_TEXT], const struct ike_end *end)
{
	char at[ENDPOINT_TEXT], id[ID_TEXT];
	struct id own;

	endpoint_text(at, &end->at);
	if (end->id == NULL)
		(void)snprintf(out, PEER_TEXT, "%s", at);
	else {
		own = ike_id_get(end->id);
		(void)snprintf(out, PEER_TEXT, "%.140s at %s", id_text(id, &own), at);
	}
	return (out);
}

static void
status_ike(const struct ike_sa *sa, struct now now, void (*line)(void *, const char *), void *ctx)
{
	char text[IKE_STATUS_TEXT], peer[PEER_TEXT];
	char rekey[DUE_TEXT], end[DUE_TEXT], heard[DUE_TEXT] = "";
	bool up = sa->state == IKE_SA_ESTABLISHED;

	if (up)
		(void)snprintf(heard, sizeof(heard), ", last heard %llu s ago",
		    (unsigned long long)(now.ms > sa->heard_ms ? (now.ms - sa->heard_ms) / 1000 : 0));
	(void)snprintf(text, sizeof(text), "IKE SA %016llx:%016llx with %s: %s, %s%s%s%s%s",
	    (unsigned long long)get_be64(sa->spi_i), (unsigned long long)get_be64(sa->spi_r),
	    peer_text(peer, &sa->remote), states[sa->state],
	    sa->role == SA_INITIATOR ? "initiator" : "responder", sa->replaced ? ", replaced" : "",
	    up ? due(rekey, "rekey", sa->soft_ms, now) : "",
	    up ? due(end, "expires", sa->hard_ms, now) : "", heard);
	line(ctx, text);
}

static void
status_child(const struct ike_child *c, struct now now, void (*line)(void *, const char *), void *ctx)
{
	char text[IKE_STATUS_TEXT], l[SELECTOR_TEXT], r[SELECTOR_TEXT], at[ENDPOINT_TEXT];
	char rekey[DUE_TEXT], end[DUE_TEXT];

	(void)snprintf(text, sizeof(text), "child SA %08x with %s: %s === %s%s%s%s", get_be32(c->spi_in),
	    ike_at_text(at, &c->remote.at), selector_text(l, &c->local_ts),
	    selector_text(r, &c->remote_ts), c->replaced ? ", replaced" : "",
	    due(rekey, "rekey", c->soft_ms, now), due(end, "expires", c->hard_ms, now));
	line(ctx, text);
}

static void
status_conn(const struct ike_conn *conn, struct now now, void (*line)(void *, const char *), void *ctx)
{
	char text[IKE_STATUS_TEXT], at[ENDPOINT_TEXT], wait[DUE_TEXT];

	if (conn->timer.slot == 0)
		return;
	(void)snprintf(text, sizeof(text), "connection to %s: incomplete%s", endpoint_text(at, &conn->remote),
	    due(wait, "next check", conn->timer.at_ms, now));
	line(ctx, text);
}

void
ike_engine_status(const struct ike_engine *e, struct now now,
    void (*line)(void *ctx, const char *text), void *ctx)
{
	char text[IKE_STATUS_TEXT];
	const struct ike_sa *sa;
	const struct ike_child *c;
	const struct ike_conn *conn;

	(void)snprintf(text, sizeof(text), "%zu IKE SAs, %zu child SAs, %zu exchanges in progress",
	    ike_engine_count_ike(e), ike_engine_count_children(e), ike_engine_count_running(e));
	line(ctx, text);
	for (sa = e->sas; sa != NULL; sa = sa->next)
		status_ike(sa, now, line, ctx);
	for (c = e->children; c != NULL; c = c->next)
		status_child(c, now, line, ctx);
	for (conn = e->conns; conn != NULL; conn = conn->next)
		status_conn(conn, now, line, ctx);
}

/* Epoch seconds of a monotonic time, ahead or past; 0 of 0 and of never. */
static uint64_t
epoch_at(struct now now, uint64_t ms)
{
	if (ms == 0 || ms == UINT64_MAX)
		return (0);
	return (ms >= now.ms ? now.epoch + (ms - now.ms + 999) / 1000 : now.epoch - (now.ms - ms) / 1000);
}

void
ike_engine_each(struct ike_engine *e, struct now now, void (*put)(void *ctx, const struct ike_status *s), void *ctx)
{
	const struct ike_child *c;
	const struct ike_sa *sa;

	for (sa = e->sas; sa != NULL; sa = sa->next) {
		bool up = sa->state == IKE_SA_ESTABLISHED;
		struct ike_status s = { .name = sa->policy != NULL ? sa->policy->name : NULL, .remote = &sa->remote.at,
		    .state = sa->replaced ? "replaced" : states[sa->state], .established = up ? sa->established : 0,
		    .rekey = up ? epoch_at(now, sa->soft_ms) : 0, .expires = up ? epoch_at(now, sa->hard_ms) : 0,
		    .heard = up ? epoch_at(now, sa->heard_ms) : 0 };

		put(ctx, &s);
	}
	for (c = e->children; c != NULL; c = c->next) {
		struct ike_status s = { .child = true, .name = c->policy->name, .remote = &c->remote.at, .spi_in = c->spi_in,
		    .state = c->replaced ? "replaced" : "established", .since = c->since, .established = c->established,
		    .rekey = epoch_at(now, c->soft_ms), .expires = epoch_at(now, c->hard_ms) };

		sa = ike_child_own_sa(e, c);
		s.heard = sa != NULL ? epoch_at(now, sa->heard_ms) : 0;
		put(ctx, &s);
	}
}
