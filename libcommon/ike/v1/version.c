/*
 * IKEv1 as a row of struct ike_version: routes messages to exchanges, restores SAs from
 * records, and runs timers.
 */
#include "ike/conn.h"
#include "ike/policy_match.h"
#include "ike/v1/auth.h"
#include "ike/v1/dpd.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/heartbeat.h"
#include "ike/v1/ike_sa.h"
#include "ike/v1/info_receive.h"
#include "ike/v1/info_send.h"
#include "ike/v1/mode_config.h"
#include "ike/v1/phase1.h"
#include "ike/v1/quick.h"
#include "ike/v1/runner.h"
#include "ike/v1/sa_events.h"
#include "ike/v1/xauth.h"
#include "ike/version.h"

/* Releases ${sa} and its exchanges; NULL is fine. */
static void
release(struct v1_sa *sa)
{
	struct v1_exchange *x;

	if (sa == NULL)
		return;
	while ((x = sa->exchanges) != NULL) {
		sa->exchanges = x->next;
		v1_exchange_free(x);
	}
	v1_sa_free(sa);
}

/* --- fragments --- */

/*
 * A fragment. True: its message is whole, and in ${whole}, with the header ${own}; the caller frees it. ${sa} is NULL where
 * a stranger begins one.
 */
static bool
put_together(struct ike_engine *e, struct now now, const struct ike_sa *sa, const struct endpoint *remote,
    const struct isakmp_hdr *h, struct span data, struct bytes *whole, struct isakmp_hdr *own, struct ike_outbox *out)
{
	enum frag_trust trust = FRAG_STRANGER;
	struct fault f;
	char from[ENDPOINT_TEXT];

	if (sa != NULL && addr_cmp(&sa->remote.at.addr, &remote->addr) == 0)
		trust = sa->state == IKE_SA_ESTABLISHED ? FRAG_PROVEN :
		    sa->role == SA_INITIATOR || sa->returned ? FRAG_RETURNED : FRAG_HALF_OPEN;
	if (!frag_pool_add(&e->frags, now, &remote->addr, trust, h, data, whole, &f) ||
	    isakmp_hdr_get(own, bytes_span(whole), &f) != 0) {
		if (f.code != FAULT_NONE)
			outbox_note(out, NOTE_DEBUG, "%s: a fragment is dropped: %s", endpoint_text(from, remote), f.what);
		bytes_free(whole);
		return (false);
	}
	outbox_note(out, NOTE_DEBUG, "%s: a message of %zu bytes came in fragments", endpoint_text(from, remote), whole->len);
	return (true);
}

/* --- SAs that peers begin --- */

static bool
begins(const struct isakmp_hdr *h)
{
	return (h->mid == MID_PHASE1 && (h->flags & ISAKMP_FLAG_ENCRYPTED) == 0 &&
	    (h->exchange == EXCHANGE_MAIN || h->exchange == EXCHANGE_AGGRESSIVE));
}

/* No policy allows what the peer begins; why differs in what to do about it. Reported once for each address. */
static void
turn_away(struct ike_engine *e, struct now now, const struct endpoint *remote, enum sa_exchange exchange,
    struct ike_outbox *out)
{
	static const char *const modes[] = { [SA_MAIN] = "main", [SA_AGGRESSIVE] = "aggressive" };
	enum sa_exchange other = exchange == SA_MAIN ? SA_AGGRESSIVE : SA_MAIN;
	bool known = ike_policy_for_stranger(&e->conf, &remote->addr, other) != NULL;
	uint8_t id[16] = {0}, which[8] = { (uint8_t)exchange };
	struct fault f = {0};
	char from[ENDPOINT_TEXT];

	if (!strangers_first(&e->strangers, now, STRANGER_TURNED_AWAY, &remote->addr, which))
		return;
	if (known)
		(void)fault_because(&f, CAUSE_STRANGE_EXCHANGE, fault(&f, FAULT_UNKNOWN_PEER,
		    "the peer begins %s mode, and only %s mode is configured for its address",
		    modes[exchange], modes[other]));
	else
		(void)fault_because(&f, CAUSE_STRANGE_ADDRESS, fault(&f, FAULT_UNKNOWN_PEER,
		    "no peer is configured for this address; it begins %s mode", modes[exchange]));
	f.evidence = EVIDENCE_CLEAR;
	fault_where(&f, "%s", endpoint_text(from, remote));
	outbox_verdict(out, IKE_TURNED_AWAY, id, 0, &f);
}

/* Whether message 1 of ${x} was refused for the same reason a moment ago, or is sent again. */
static bool
refused_before(struct ike_engine *e, struct now now, const struct v1_exchange *x)
{
	const struct v1_phase1 *p = v1_phase1_of(x);
	uint8_t which[8];

	put_be64(which, hash_bytes(p->sai_b.p, p->sai_b.len, 0) ^ hash_bytes(x->why.what, strlen(x->why.what), 1));
	return (!strangers_first(&e->strangers, now, STRANGER_REFUSED, &x->sa->ike.from_remote.addr, which));
}

static void
accept_stranger(struct ike_engine *e, struct now now, const struct endpoint *local,
    const struct endpoint *remote, const struct isakmp_hdr *h, struct span data,
    struct ike_outbox *out)
{
	enum sa_exchange exchange = h->exchange == EXCHANGE_MAIN ? SA_MAIN : SA_AGGRESSIVE;
	struct ike_policy *policy;
	struct v1_exchange *x;
	struct v1_sa *sa;
	struct ike_outbox mine = {0};
	struct bytes whole = {0};
	struct isakmp_hdr own;

	if ((policy = ike_policy_for_stranger(&e->conf, &remote->addr, exchange)) == NULL) {
		turn_away(e, now, remote, exchange, out);
		return;
	}
	/* Aggressive mode is costly before the peer has proven that its address is real, and fragments take memory. */
	if (h->next == PAYLOAD_FRAG) {
		if (policy->fragmentation != FRAGMENTATION_OFF && ike_engine_may_work(e, now, remote, out) &&
		    put_together(e, now, NULL, remote, h, data, &whole, &own, out) && begins(&own))
			accept_stranger(e, now, local, remote, &own, bytes_span(&whole), out);
		bytes_free(&whole);
		return;
	}
	if (exchange == SA_AGGRESSIVE && !ike_engine_may_work(e, now, remote, out))
		return;
	if ((sa = v1_sa_new(&ike_version_1, e, policy, SA_RESPONDER, local, remote)) == NULL)
		return;
	memcpy(sa->ike.spi_i, h->cky_i, COOKIE_LEN);
	sa->ike.from_local = *local;
	sa->ike.from_remote = *remote;
	sa->ike.bytes_in = data.len;
	if (ike_engine_spi(e, sa->ike.spi_r, NULL) != 0 ||
	    (x = v1_phase1_new(sa, SA_RESPONDER, now)) == NULL) {
		release(sa);
		return;
	}
	if (!v1_exchange_datagram(x, now, h, data, &mine)) {
		v1_exchange_fail(x, now, &x->why);
		v1_sa_report(sa, now, &mine);
		outbox_move(out, &mine, refused_before(e, now, x));
		release(sa);
		return;
	}
	outbox_move(out, &mine, false);
	if (ike_engine_link(e, &sa->ike) != 0) {
		release(sa);
		return;
	}
	v1_sa_report(sa, now, out);
}

/*
 * Only encrypted messages are answered, with INVALID-COOKIE (RFC 2408 section 5.2): the answer is in clear, so
 * that two ends never answer each other's, and has at most twice the bytes.
 */
static bool
unknown(struct ike_engine *e, const struct endpoint *local, const struct endpoint *remote,
    const struct isakmp_hdr *h, struct ike_outbox *out)
{
	if ((h->flags & ISAKMP_FLAG_ENCRYPTED) == 0 || h->length <= ISAKMP_HDR_LEN)
		return (false);
	return (out == NULL || v1_info_notify_stranger(&e->conf.rand, h->cky_i, h->cky_r,
	    NOTIFY_INVALID_COOKIE, local, remote, out));
}

/* --- messages of an SA --- */

/*
 * The initiator continues while this end still waits: the last message of aggressive mode was lost, which it
 * cannot notice. Resending our answer makes it resend its message.
 */
static void
ask_again(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(sa, MID_PHASE1);

	if (x != NULL && x->kind->number == EXCHANGE_AGGRESSIVE && x->role == SA_RESPONDER && !x->over &&
	    x->answered && !v1_exchange_waits(x)) {
		v1_exchange_again(x, now, out);
		if (x->resend_ms == UINT64_MAX)		/* the initiator has sent our cookie back */
			v1_exchange_resend_later(x, now);
	}
}

/* Removes the finished exchange at ${at} from the list and frees it. */
static void
forget(struct v1_sa *sa, struct v1_exchange **at)
{
	struct v1_exchange *x = *at;

	/* Its first message, sent back to us, must not pass for the peer's. */
	if (v1_quick_of(x) != NULL && x->role == SA_INITIATOR)
		v1_sa_saw(sa, x->mid);
	*at = x->next;
	v1_exchange_free(x);
}

/* Finished quick modes are kept only for retransmissions: the oldest are forgotten for new ones. */
static void
forget_finished(struct v1_sa *sa)
{
	struct v1_exchange **at = &sa->exchanges;
	size_t n = 0;

	while (*at != NULL)
		if (v1_quick_of(*at) != NULL && (*at)->reported && ++n > V1_QUICK_KEPT_MAX)
			forget(sa, at);
		else
			at = &(*at)->next;
}

/* The peer begins one quick mode after another and finishes none: its oldest fails, aloud. */
static void
limit_unfinished(struct v1_sa *sa, struct now now)
{
	struct v1_exchange *x, *oldest = NULL;
	struct fault f = {0};
	size_t n = 0;

	for (x = sa->exchanges; x != NULL; x = x->next)
		if (!x->over && x->role == SA_RESPONDER && v1_quick_of(x) != NULL) {
			n++;
			oldest = x;
		}
	if (n <= V1_QUICK_RUNNING_MAX)
		return;
	(void)fault(&f, FAULT_PROTOCOL, "the peer left %d quick modes unfinished, the most that are kept: "
	    "this one, the oldest, ends", V1_QUICK_RUNNING_MAX);
	f.evidence = EVIDENCE_PROVEN;
	v1_exchange_where(oldest, oldest->at, &f);
	v1_exchange_fail(oldest, now, &f);
}

/* The peer begins an exchange of phase 2. */
static void
quick_begun(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h, struct span data,
    struct ike_outbox *out)
{
	const struct ike_conf *conf = &sa->ike.engine->conf;
	struct v1_exchange *x;

	if (h->mid == MID_PHASE1 || v1_sa_seen(sa, h->mid) || !(conf->respond || conf->keep) ||
	    (x = v1_quick_new(sa, SA_RESPONDER, h->mid, now)) == NULL)
		return;
	if (!v1_exchange_datagram(x, now, h, data, out)) {
		/* Only authenticated messages may occupy memory. */
		if (x->why.code != FAULT_MALFORMED && x->why.code != FAULT_NONE)
			v1_exchange_refuse(x, now, out);
		v1_exchange_free(x);
		return;
	}
	x->next = sa->exchanges;
	sa->exchanges = x;
	v1_sa_saw(sa, h->mid);
	ike_sa_heard(&sa->ike, now);
	forget_finished(sa);
	limit_unfinished(sa, now);
}

static void
quick_datagram(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h,
    struct span data, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(sa, h->mid);

	if (sa->ike.state == IKE_SA_HALF_OPEN)
		ask_again(sa, now, out);
	else if (sa->ike.state == IKE_SA_AUTHENTICATING)
		outbox_note(out, NOTE_DEBUG, "quick mode before the end of XAuth");
	else if (x == NULL)
		quick_begun(sa, now, h, data, out);
	/* Message ID 0 is phase 1's. */
	else if (v1_quick_of(x) != NULL && v1_exchange_datagram(x, now, h, data, out))
		ike_sa_heard(&sa->ike, now);
}

static const struct v1_transactor *
pick_transactor(const struct v1_sa *sa, const struct config *in, struct fault *f)
{
	(void)sa;
	(void)f;
	return (config_is_xauth(in) ? &v1_xauth : &v1_mode_config);
}

static void
transaction_datagram(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h, struct span data,
    struct ike_outbox *out)
{
	if (sa->ike.state == IKE_SA_HALF_OPEN)
		ask_again(sa, now, out);
	else if (v1_transaction_datagram(sa, now, h, data, pick_transactor, out))
		ike_sa_heard(&sa->ike, now);
}

static void
whole_datagram(struct ike_sa *ike, struct now now, const struct isakmp_hdr *h, struct span data,
    struct ike_outbox *out)
{
	struct v1_sa *sa = v1_sa_of(ike);
	struct v1_exchange *x;
	char from[ENDPOINT_TEXT];

	switch (h->exchange) {
	case EXCHANGE_MAIN:
	case EXCHANGE_AGGRESSIVE:
		x = v1_sa_exchange(sa, MID_PHASE1);
		if (x != NULL && h->mid == MID_PHASE1 && h->exchange == x->kind->number)
			(void)v1_exchange_datagram(x, now, h, data, out);
		break;
	case EXCHANGE_QUICK:
		quick_datagram(sa, now, h, data, out);
		break;
	case EXCHANGE_TRANSACTION:
		transaction_datagram(sa, now, h, data, out);
		break;
	case EXCHANGE_INFO:
		if (ike->state == IKE_SA_HALF_OPEN && (h->flags & ISAKMP_FLAG_ENCRYPTED) != 0)
			ask_again(sa, now, out);
		v1_inform(sa, now, h, data, out);
		break;
	case EXCHANGE_NEW_GROUP:
		v1_refuse_new_group(sa, now, h, data, out);
		break;
	default:
		outbox_note(out, NOTE_DEBUG, "%s: exchange %u is not ours",
		    endpoint_text(from, &ike->from_remote), h->exchange);
	}
	v1_sa_report(sa, now, out);
}

static void
datagram(struct ike_sa *ike, struct now now, const struct isakmp_hdr *h, struct span data,
    struct ike_outbox *out)
{
	struct bytes whole = {0};
	struct isakmp_hdr own;
	char from[ENDPOINT_TEXT];

	if (h->next != PAYLOAD_FRAG)
		whole_datagram(ike, now, h, data, out);
	else if (ike->policy->fragmentation == FRAGMENTATION_OFF)
		outbox_note(out, NOTE_DEBUG, "%s: a fragment is dropped: fragmentation is off",
		    endpoint_text(from, &ike->from_remote));
	else if (put_together(ike->engine, now, ike, &ike->from_remote, h, data, &whole, &own, out))
		whole_datagram(ike, now, &own, bytes_span(&whole), out);
	bytes_free(&whole);
}

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
unreachable(struct ike_sa *ike, struct now now, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(v1_sa_of(ike), MID_PHASE1);
	struct fault f = {0};
	char to[ENDPOINT_TEXT];

	if (x == NULL || x->over)
		return;
	(void)fault(&f, FAULT_UNREACHABLE, "%s is unreachable: nothing listens there",
	    endpoint_text(to, &ike->remote.at));
	v1_sa_blame_float(v1_sa_of(ike), &f);
	v1_exchange_where(x, x->at > 0 ? x->at - 1 : 0, &f);
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
		release(sa);
		return (NULL);
	}
	if (sa == NULL || copy_record(sa, s) != 0 || ike_engine_link(e, &sa->ike) != 0) {
		release(sa);
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
	release(sa);
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
send_delete(struct ike_sa *sa, const struct ike_child *c, struct ike_outbox *out)
{
	uint8_t id[2 * COOKIE_LEN];

	ike_sa_id(sa, id);
	if (c == NULL)
		v1_info_delete(v1_sa_of(sa), PROTO_ISAKMP, SPAN_ARRAY(id), out);
	else
		v1_info_delete(v1_sa_of(sa), v1_proto_number(c->protocol), SPAN_ARRAY(c->spi_in), out);
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
			forget(sa, at);
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
free_sa(struct ike_sa *sa)
{
	release(v1_sa_of(sa));
}

const struct ike_version ike_version_1 = {
	.major = ISAKMP_VERSION_1 >> 4,
	.begins = begins, .accept = accept_stranger, .unknown = unknown, .datagram = datagram, .answer = answer, .question = question,
	.can_begin = v1_auth_ready, .begin = begin, .adopt = adopt,
	.child_begin = child_begin, .child_under_way = child_under_way,
	.send_delete = send_delete, .record = record,
	.watch = watch, .unwatch = unwatch,
	.timeout = timeout, .dead = dead, .deadline_ms = deadline_ms,
	.abandon = abandon, .unreachable = unreachable, .running = running, .free = free_sa,
};
