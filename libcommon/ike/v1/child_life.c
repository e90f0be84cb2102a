/*
 * What becomes of a child SA with time: it stands, is rekeyed, and ends.
 */
#include <stdio.h>

#include "ike/v1/child_life.h"

#include "ike/v1/child.h"
#include "ike/v1/conn.h"
#include "ike/v1/engine_priv.h"
#include "ike/v1/ike_sa.h"
#include "ike/v1/ike_sa_life.h"
#include "ike/v1/info_send.h"
#include "ike/v1/quick.h"

#define REKEY_AGAIN_MS	5000	/* after a try that came to nothing */

static void
start_timers(struct ike_engine *e, struct ike_child *c, struct now now, uint64_t seconds)
{
	uint64_t soft = v1_soft_ms(e, now, seconds);

	c->hard_ms = now.ms + seconds * 1000;
	/* The end that made it rekeys it; the other steps in if it does not. */
	if (e->conf.keep)
		c->soft_ms = c->initiator ? soft : soft + (c->hard_ms - soft) / 2;
}

void
v1_child_up(struct v1_exchange *x, struct ike_child *c, struct now now,
    struct ike_outbox *out)
{
	struct ike_child *o;
	struct ike_engine *e = x->sa->ike.engine;
	char l[SELECTOR_TEXT], r[SELECTOR_TEXT];
	uint8_t id[16];

	/*
	 * Whatever carried this traffic so far has had its time. Where both ends rekey at once, two
	 * children come up, and each end may take the other's for the later one. RFC 2409 has no
	 * rule for that, and a rule like that of IKEv2 (RFC 7296, 2.8.1) would need both to see that it
	 * happened, which a lost message prevents: so both stay, until the next child, which
	 * both ends know to be the latest; who began that one deletes all before it.
	 */
	for (o = e->children; o != NULL; o = o->next) {
		if (!v1_child_of(o, x->sa) || !v1_child_carries(o, &c->local_ts, &c->remote_ts))
			continue;
		o->replaced = true;
		o->soft_ms = UINT64_MAX;
		if (c->initiator && o->delete_ms == UINT64_MAX)
			o->delete_ms = now.ms + V1_DELETE_AFTER_MS;
	}
	ike_child_forget_keys(c);
	v1_child_link(e, c);
	start_timers(e, c, now, c->lifetime.seconds);
	outbox_note(out, NOTE_INFO, "child SA %02x%02x%02x%02x stands: %s === %s",
	    c->spi_in[0], c->spi_in[1], c->spi_in[2], c->spi_in[3],
	    selector_text(l, &c->local_ts), selector_text(r, &c->remote_ts));
	v1_sa_id(x->sa, id);
	outbox_verdict(out, IKE_CHILD_UP, id, x->mid, NULL);
	v1_conn_settled(e, c->policy);
}

bool
v1_child_adopt(struct ike_engine *e, struct ike_policy *policy, struct now now,
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
	c->protocol = rec->protocol;
	c->local.at = rec->local.at;
	c->remote.at = rec->remote.at;
	c->local_ts = rec->local_ts[0];
	c->remote_ts = rec->remote_ts[0];
	start_timers(e, c, now, expires > now.epoch ? expires - now.epoch : 0);
	v1_child_link(e, c);
	return (true);
}

void
v1_child_end(struct ike_engine *e, struct ike_child *c, enum sa_reason reason, bool tell,
    struct ike_outbox *out)
{
	struct v1_sa *sa = tell ? v1_child_sa(e, c) : NULL;
	struct sa_rec *gone;

	if (sa != NULL)
		v1_info_delete(sa, c->protocol == SA_AH ? PROTO_AH : PROTO_ESP,
		    SPAN_ARRAY(c->spi_in), out);
	if ((gone = outbox_record(out, SA_DELETE)) != NULL) {
		gone->del.has_ike = gone->del.has_protocol = true;
		gone->del.has_spi_in = gone->del.has_spi_out = true;
		memcpy(gone->del.ike, c->ike, sizeof(gone->del.ike));
		gone->del.protocol = c->protocol;
		memcpy(gone->del.spi_in, c->spi_in, 4);
		memcpy(gone->del.spi_out, c->spi_out, 4);
		gone->del.reason = reason;
	}
	outbox_note(out, NOTE_INFO, "child SA %02x%02x%02x%02x ends: %s", c->spi_in[0],
	    c->spi_in[1], c->spi_in[2], c->spi_in[3], sa_reason_text(reason));
	v1_child_remove(e, c);
}

void
v1_child_lost(struct v1_sa *sa, struct ike_child *c, struct now now,
    struct ike_outbox *out)
{
	struct ike_policy *policy = c->policy;
	bool replaced = c->replaced;

	if (!v1_child_of(c, sa))	/* not its to delete */
		return;
	v1_child_end(sa->ike.engine, c, SA_REASON_DELETED, false, out);
	if (!replaced)
		v1_conn_wake(sa->ike.engine, now, policy, V1_CONN_WAIT_MS);
}

static bool
under_way(const struct v1_sa *sa, const struct ike_child *c)
{
	const struct v1_exchange *x;
	const struct v1_quick *q;

	for (x = sa->exchanges; x != NULL; x = x->next)
		if (!x->over && (q = v1_quick_of(x)) != NULL &&
		    memcmp(q->replaces, c->spi_in, 4) == 0)
			return (true);
	return (false);
}

void
v1_child_rekey(struct ike_engine *e, struct ike_child *c, struct now now,
    struct ike_outbox *out)
{
	struct v1_sa *sa = v1_child_sa(e, c);
	struct fault f = {0};

	c->soft_ms = now.ms + REKEY_AGAIN_MS;
	if (c->replaced)
		return;
	if (sa == NULL) {
		v1_conn_wake(e, now, c->policy, 0);
		return;
	}
	if (under_way(sa, c))
		return;
	if (v1_quick_begin(sa, now, c->policy, &c->local_ts, &c->remote_ts, c->spi_in,
	    out, &f) != 0)
		outbox_note(out, NOTE_WARN, "cannot rekey: %s", f.what);
}

void
v1_child_timeout(struct ike_engine *e, struct ike_child *c, struct now now,
    struct ike_outbox *out)
{
	struct ike_policy *policy = c->policy;
	bool replaced = c->replaced;

	if (now.ms >= c->hard_ms) {
		v1_child_end(e, c, SA_REASON_EXPIRED, true, out);
		if (!replaced)
			v1_conn_wake(e, now, policy, 0);
	} else if (now.ms >= c->delete_ms)
		v1_child_end(e, c, SA_REASON_REPLACED, true, out);
	else if (now.ms >= c->soft_ms)
		v1_child_rekey(e, c, now, out);
}

uint64_t
v1_child_deadline(const struct ike_child *c)
{
	uint64_t d = c->soft_ms < c->hard_ms ? c->soft_ms : c->hard_ms;

	return (c->delete_ms < d ? c->delete_ms : d);
}
