/*
 * IKEv1 as a row of struct ike_version: restores SAs from records, runs timers, and passes the
 * calls of the engine on.
 */
#include <errno.h>

#include "ike/conn.h"
#include "ike/v1/dpd.h"
#include "ike/v1/heartbeat.h"
#include "ike/v1/phase1.h"
#include "ike/v1/phase1_cert.h"
#include "ike/v1/quick.h"
#include "ike/v1/receive.h"
#include "ike/v1/sa_events.h"
#include "ike/v1/xauth.h"
#include "ike/v1base/auth.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"
#include "ike/v1run/runner.h"
#include "ike/version.h"

static bool
answer(struct ike_sa *ike, struct now now, uint32_t mid, const struct ike_answer *given,
    struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(v1_sa_of(ike), mid);

	if (x == NULL || !v1_exchange_answer(x, now, given, out))
		return (false);
	v1_sa_report(v1_sa_of(ike), now, out);
	return (true);
}

static bool
question(const struct ike_sa *ike, uint32_t mid, struct ike_question *q)
{
	const struct v1_sa *sa = (const struct v1_sa *)ike;
	const struct v1_exchange *x = sa->exchanges;

	while (x != NULL && x->mid != mid)
		x = x->next;
	return (x != NULL && v1_exchange_waits(x) && v1_is_transaction(x) && v1_xauth_question(sa, q));
}

static void
unreachable(struct ike_sa *ike, struct now now, int sys, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(v1_sa_of(ike), MID_PHASE1);
	struct fault f = {0};
	char to[ENDPOINT_TEXT];

	if (x == NULL || x->over)
		return;
	(void)endpoint_text(to, &ike->remote.at);
	if (sys == ECONNREFUSED)
		(void)fault_because(&f, ike->natt.tcp ? CAUSE_TCP_REFUSED : CAUSE_NONE,
		    fault(&f, FAULT_UNREACHABLE, "%s is unreachable: nothing listens there", to));
	else if (ike->natt.tcp && sys == ETIMEDOUT)
		(void)fault_because(&f, CAUSE_TCP_SILENT,
		    fault(&f, FAULT_UNREACHABLE, "%s is unreachable: the TCP connection is not answered", to));
	else if (sys == EACCES)
		(void)fault_because(&f, CAUSE_FILTERED,
		    fault(&f, FAULT_UNREACHABLE, "%s is unreachable: a firewall rejects it (ICMP)", to));
	else {
		errno = sys;
		(void)fault_sys(&f, FAULT_UNREACHABLE, "%s is unreachable", to);
	}
	v1_sa_blame_float(v1_sa_of(ike), &f);
	v1_exchange_where_before(x, &f);
	v1_exchange_hint(x, now, &f, out);
}

static void
other_version(struct ike_sa *ike, struct now now, uint8_t version, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(v1_sa_of(ike), MID_PHASE1);
	struct fault f = {0};
	char to[ENDPOINT_TEXT];

	if (x == NULL || x->over)
		return;
	(void)fault_because(&f, CAUSE_NO_IKEV1, fault(&f, FAULT_PEER_NOTIFY, "%s answers in IKE version %u.%u: it does no IKEv1 with us",
	    endpoint_text(to, &ike->remote.at), version >> 4, version & 15));
	f.evidence = EVIDENCE_CLEAR;
	v1_exchange_where_before(x, &f);
	v1_exchange_hint(x, now, &f, out);
}

/* --- SAs from their records --- */

/* Checks that a record has the fields that the engine needs. */
static int
copy_record(struct v1_sa *sa, const struct sa_ike *s)
{
	size_t i;

	if (ike_sa_set_name(&sa->ike, s->name) != 0 ||
	    ike_id_set(&sa->ike.local.id, &s->local.id) != 0 ||
	    ike_id_set(&sa->ike.remote.id, &s->remote.id) != 0 ||
	    secret_set(&sa->keys.skeyid, secret_span(&s->skeyid)) != 0 ||
	    secret_set(&sa->keys.skeyid_d, secret_span(&s->skeyid_d)) != 0 ||
	    secret_set(&sa->keys.skeyid_a, secret_span(&s->skeyid_a)) != 0 ||
	    secret_set(&sa->keys.skeyid_e, secret_span(&s->skeyid_e)) != 0 ||
	    secret_set(&sa->keys.cipher, secret_span(&s->cipher)) != 0)
		return (-1);
	memcpy(sa->ike.spi_i, s->spi_i, sizeof(sa->ike.spi_i));
	memcpy(sa->ike.spi_r, s->spi_r, sizeof(sa->ike.spi_r));
	sa->ike.natt = s->natt;
	sa->ike.established = s->established;
	sa->ike.lifetime = s->lifetime;
	sa->exchange = s->exchange;
	memcpy(sa->iv, s->iv, s->iv_len);
	sa->dpd.peer_can = s->dpd;
	sa->dpd.has_seq_out = s->has_dpd_seq;
	sa->dpd.seq_out = s->dpd_seq;
	for (i = 0; i < s->n_vids; i++)
		v1_vids_add(&sa->vids, span_of(s->vids[i].b, s->vids[i].len));
	return (0);
}

static struct ike_sa *
adopt(struct ike_engine *e, struct now now, const struct sa_ike *s, struct ike_policy *policy,
    struct fault *f)
{
	struct v1_sa *sa;
	const struct alg_enc *enc = alg_enc_name(s->encryption, s->key_bits);
	const struct alg_hash *hash = alg_hash_word(s->hash);
	const struct alg_group *group = alg_group_word(s->group);

	(void)now;
	if (enc == NULL || enc->ike == 0 || hash == NULL || group == NULL ||
	    s->cipher.len != enc->key_len || s->iv_len != enc->block ||
	    s->skeyid_a.len != hash->len || s->skeyid_d.len != hash->len) {
		(void)fault(f, FAULT_BAD_RECORD,
		    "the ike-sa record's algorithms and keys do not go together");
		return (NULL);
	}
	sa = v1_sa_new(&ike_version_1, e, policy, s->role, &s->local.at, &s->remote.at);
	if (sa != NULL && ike_sa_adopt_config(&sa->ike, s, f) != 0) {
		v1_sa_release(sa);
		return (NULL);
	}
	if (sa == NULL || copy_record(sa, s) != 0 || ike_engine_link(e, &sa->ike) != 0) {
		v1_sa_release(sa);
		(void)fault(f, FAULT_MEMORY, "no memory for an IKE SA");
		return (NULL);
	}
	sa->proposal = (struct ike_proposal){ enc, hash, group };
	sa->natt = natt_version_word(s->natt.version);
	return (&sa->ike);
}

/* --- calls of the engine --- */

static struct ike_sa *
begin(struct ike_engine *e, struct now now, struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, enum ike_begin why,
    struct ike_outbox *out, struct fault *f)
{
	struct v1_sa *sa = v1_sa_new(&ike_version_1, e, policy, SA_INITIATOR, local, remote);

	if (sa == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for phase 1");
	else if (v1_phase1_begin(sa, now, why, out, f) == 0)
		return (&sa->ike);
	v1_sa_release(sa);
	return (NULL);
}

static int
child_begin(struct ike_sa *sa, struct now now, struct ike_policy *policy,
    const struct selector *local_ts, const struct selector *remote_ts,
    const uint8_t *replaces, struct ike_outbox *out, struct fault *f)
{
	return (v1_quick_begin(v1_sa_of(sa), now, policy, local_ts, remote_ts, replaces, out, f));
}

static bool
child_under_way(const struct ike_sa *sa, const uint8_t spi_in[4])
{
	const struct v1_exchange *x = ((const struct v1_sa *)sa)->exchanges;
	const struct v1_quick *q;

	for (; x != NULL; x = x->next)
		if (!x->over && (q = v1_quick_of(x)) != NULL &&
		    memcmp(q->replaces, spi_in, sizeof(q->replaces)) == 0)
			return (true);
	return (false);
}

static void
child_forsake(struct ike_sa *sa, const uint8_t spi_in[4], struct now now)
{
	struct v1_exchange *x;

	for (x = v1_sa_of(sa)->exchanges; x != NULL; x = x->next) {
		const struct v1_quick *q = v1_quick_of(x);

		if (q != NULL && x->role == SA_INITIATOR && x->at == 1 && memcmp(q->replaces, spi_in, sizeof(q->replaces)) == 0)
			v1_exchange_forsake(x, now);
	}
}

static void
send_delete(struct ike_sa *sa, const struct ike_child *c, struct ike_outbox *out)
{
	uint8_t id[2 * COOKIE_LEN];

	ike_sa_id(sa, id);
	if (c == NULL)
		v1_info_delete(v1_sa_of(sa), PROTO_ISAKMP, SPAN_ARRAY(id), out);
	else
		v1_info_delete(v1_sa_of(sa), v1_proto_number(c->protocol), SPAN_ARRAY(c->spi_in), out);
	if (c != NULL && c->ah.on)
		v1_info_delete(v1_sa_of(sa), PROTO_AH, SPAN_ARRAY(c->ah.spi_in), out);
}

static void
record(const struct ike_sa *sa, struct ike_outbox *out)
{
	v1_sa_record((const struct v1_sa *)sa, out);
}

static void
watch(struct ike_sa *ike, struct now now)
{
	struct v1_sa *sa = v1_sa_of(ike);

	if (sa->dpd.peer_can && ike->policy->dpd_seconds > 0)
		sa->dpd.at_ms = now.ms + (uint64_t)ike->policy->dpd_seconds * 1000;
	v1_heartbeat_start(sa, now);
}

static void
unwatch(struct ike_sa *sa)
{
	v1_sa_of(sa)->dpd.at_ms = UINT64_MAX;
	v1_heartbeat_stop(v1_sa_of(sa));
}

static bool
dead(struct ike_sa *ike, struct now now, enum sa_reason *reason, uint64_t *call_ms,
    struct ike_outbox *out)
{
	struct v1_sa *sa = v1_sa_of(ike);

	*reason = SA_REASON_DEAD;
	*call_ms = IKE_CONN_WAIT_MS;
	if (!v1_dpd_timeout(sa, now, out))
		return (true);
	*reason = SA_REASON_NO_HEARTBEATS;
	*call_ms = ike->policy->heartbeat_reconnect_ms;
	return (!v1_heartbeat_timeout(sa, now, out));
}

static void
timeout(struct ike_sa *ike, struct now now, struct ike_outbox *out)
{
	struct v1_sa *sa = v1_sa_of(ike);
	struct v1_exchange *x, **at;

	for (x = sa->exchanges; x != NULL; x = x->next) {
		v1_exchange_timeout(x, now, out);
		v1_sa_report(sa, now, out);
	}
	for (at = &sa->exchanges; (x = *at) != NULL;) {
		if (x->over && now.ms >= x->forget_ms)
			v1_sa_forget(sa, at);
		else
			at = &x->next;
	}
	if (ike->state == IKE_SA_AUTHENTICATING && now.ms >= ike->hard_ms)
		v1_xauth_timed_out(sa, now, out);
}

static uint64_t
deadline_ms(const struct ike_sa *ike)
{
	const struct v1_sa *sa = (const struct v1_sa *)ike;
	const struct v1_exchange *x;
	uint64_t d = UINT64_MAX, one;

	for (x = sa->exchanges; x != NULL; x = x->next)
		if ((one = v1_exchange_deadline(x)) < d)
			d = one;
	if (ike->state == IKE_SA_AUTHENTICATING && ike->hard_ms < d)
		d = ike->hard_ms;
	if (ike->state != IKE_SA_ESTABLISHED)
		return (d);
	if (sa->dpd.at_ms < d)
		d = sa->dpd.at_ms;
	return ((one = v1_heartbeat_deadline(sa)) < d ? one : d);
}

static void
abandon(struct ike_sa *ike, struct now now, const struct fault *why, struct ike_outbox *out)
{
	struct v1_sa *sa = v1_sa_of(ike);
	struct v1_exchange *x;

	for (x = sa->exchanges; x != NULL; x = x->next)
		v1_exchange_fail(x, now, why);
	v1_sa_report(sa, now, out);
}

static bool
allowed(const struct ike_sa *ike, const struct ike_policy *p)
{
	const struct v1_sa *sa = (const struct v1_sa *)ike;
	const struct ike_proposal *have = &sa->proposal;
	bool proven = sa->auth == NULL, fits = p->accept_all;
	size_t i;

	for (i = 0; i < p->n_auths && !proven; i++)
		proven = p->auths[i] == sa->auth->number;
	for (i = 0; i < p->ike.n && !fits; i++)
		fits = p->ike.p[i].enc == have->enc && p->ike.p[i].hash == have->hash && p->ike.p[i].group == have->group;
	return (sa->exchange == p->exchange && proven && fits);
}

static void
rebind(struct ike_sa *ike, struct now now, struct ike_policy *(*after)(void *ctx, const struct ike_policy *p),
    bool (*stays)(void *ctx, const struct ike_sa *sa, const struct ike_child *c), void *ctx, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_of(ike)->exchanges;
	struct v1_quick *q;
	struct fault why;

	(void)fault(&why, FAULT_PEER_NOTIFY, "%s", sa_reason_text(SA_REASON_UNCONFIGURED));
	for (; x != NULL; x = x->next) {
		if ((q = v1_quick_of(x)) == NULL)
			continue;
		if (!x->over && !stays(ctx, ike, q->child))
			v1_exchange_fail(x, now, &why);
		q->policy = after(ctx, q->policy);
		if (q->child != NULL)
			q->child->policy = q->policy;
	}
	v1_sa_report(v1_sa_of(ike), now, out);
}

static size_t
running(const struct ike_sa *sa)
{
	const struct v1_exchange *x = ((const struct v1_sa *)sa)->exchanges;
	size_t n = 0;

	for (; x != NULL; x = x->next)
		n += !x->over;
	return (n);
}

static void
taken_over(struct ike_sa *sa, struct now now)
{
	v1_dpd_leap(v1_sa_of(sa), now);
}

static void
free_sa(struct ike_sa *sa)
{
	v1_sa_release(v1_sa_of(sa));
}

const struct ike_version ike_version_1 = {
	.major = ISAKMP_VERSION_1 >> 4,
	.begins = v1_begins, .accept = v1_accept_stranger, .unknown = v1_unknown, .datagram = v1_datagram,
	.answer = answer, .question = question,
	.can_begin = v1_auth_ready, .begin = begin, .adopt = adopt,
	.child_begin = child_begin, .child_under_way = child_under_way, .child_forsake = child_forsake,
	.send_delete = send_delete, .record = record,
	.watch = watch, .unwatch = unwatch, .taken_over = taken_over,
	.timeout = timeout, .dead = dead, .deadline_ms = deadline_ms,
	.abandon = abandon, .unreachable = unreachable, .other_version = other_version, .allowed = allowed,
	.unrevoked = v1_cert_still_valid, .rebind = rebind, .running = running, .free = free_sa,
};
