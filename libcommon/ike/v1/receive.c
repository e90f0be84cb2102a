/* Routes IKEv1 messages: fragments to their message, messages to their exchange, first messages to a new SA. */
#include "ike/v1/receive.h"

#include "ike/policy_match.h"
#include "ike/v1/info_receive.h"
#include "ike/v1/mode_config.h"
#include "ike/v1/phase1.h"
#include "ike/v1/quick.h"
#include "ike/v1/sa_events.h"
#include "ike/v1/xauth.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"
#include "ike/v1run/runner.h"
#include "ike/version.h"

void
v1_sa_release(struct v1_sa *sa)
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

void
v1_sa_forget(struct v1_sa *sa, struct v1_exchange **at)
{
	struct v1_exchange *x = *at;

	/* Its first message, sent back to us, must not pass for the peer's. */
	if (v1_quick_of(x) != NULL && x->role == SA_INITIATOR)
		v1_sa_saw(sa, x->mid);
	*at = x->next;
	v1_exchange_free(x);
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
			outbox_note_peer(out, NOTE_DEBUG, endpoint_text(from, remote), "%s: a fragment is dropped: %s", from, f.what);
		bytes_free(whole);
		return (false);
	}
	outbox_note_peer(out, NOTE_DEBUG, endpoint_text(from, remote), "%s: a message of %zu bytes came in fragments", from, whole->len);
	return (true);
}

/* --- SAs that peers begin --- */

bool
v1_begins(const struct isakmp_hdr *h)
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

void
v1_accept_stranger(struct ike_engine *e, struct now now, const struct endpoint *local,
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
		    put_together(e, now, NULL, remote, h, data, &whole, &own, out) && v1_begins(&own))
			v1_accept_stranger(e, now, local, remote, &own, bytes_span(&whole), out);
		bytes_free(&whole);
		return;
	}
	if (exchange == SA_AGGRESSIVE && !ike_engine_may_work(e, now, remote, out))
		return;
	if ((sa = v1_sa_new(ike_version_find(h->version >> 4), e, policy, SA_RESPONDER, local, remote)) == NULL)
		return;
	memcpy(sa->ike.spi_i, h->cky_i, COOKIE_LEN);
	sa->ike.from_local = *local;
	sa->ike.from_remote = *remote;
	sa->ike.bytes_in = data.len;
	if (ike_engine_spi(e, sa->ike.spi_r, NULL) != 0 ||
	    (x = v1_phase1_new(sa, SA_RESPONDER, now)) == NULL) {
		v1_sa_release(sa);
		return;
	}
	if (!v1_exchange_datagram(x, now, h, data, &mine)) {
		v1_exchange_fail(x, now, &x->why);
		v1_sa_report(sa, now, &mine);
		outbox_move(out, &mine, refused_before(e, now, x));
		v1_sa_release(sa);
		return;
	}
	outbox_move(out, &mine, false);
	if (ike_engine_link(e, &sa->ike) != 0) {
		v1_sa_release(sa);
		return;
	}
	v1_sa_report(sa, now, out);
}

/*
 * Only encrypted messages are answered, with INVALID-COOKIE (RFC 2408 section 5.2): the answer is in clear, so
 * that two ends never answer each other's, and has at most twice the bytes.
 */
bool
v1_unknown(struct ike_engine *e, const struct endpoint *local, const struct endpoint *remote,
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

/* Finished quick modes are kept only for retransmissions: the oldest are forgotten for new ones. */
static void
forget_finished(struct v1_sa *sa)
{
	struct v1_exchange **at = &sa->exchanges;
	size_t n = 0;

	while (*at != NULL)
		if (v1_quick_of(*at) != NULL && (*at)->reported && ++n > V1_QUICK_KEPT_MAX)
			v1_sa_forget(sa, at);
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
		ike_sa_note(&sa->ike, out, NOTE_DEBUG, "quick mode before the end of XAuth");
	else if (x == NULL)
		quick_begun(sa, now, h, data, out);
	/* Message ID 0 is phase 1's. */
	else if (v1_quick_of(x) != NULL && v1_exchange_datagram(x, now, h, data, out))
		ike_sa_heard(&sa->ike, now);
}

static const struct v1_transactor *
pick_transactor(const struct v1_sa *sa, const struct config *in, struct fault *f)
{
	(void)f;
	return (v1_xauth_is_meant(sa, in) ? &v1_xauth : &v1_mode_config);
}

static void
transaction_datagram(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h, struct span data,
    struct ike_outbox *out)
{
	if (sa->ike.state == IKE_SA_HALF_OPEN)
		ask_again(sa, now, out);
	else if (v1_transaction_datagram(sa, now, h, data, pick_transactor, out)) {
		ike_sa_heard(&sa->ike, now);
		v1_sa_hold(sa, now, out);
	}
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
	case EXCHANGE_ACK_INFO:
		v1_inform(sa, now, h, data, out);
		break;
	case EXCHANGE_NEW_GROUP:
		v1_refuse_new_group(sa, now, h, data, out);
		break;
	default:
		outbox_note_peer(out, NOTE_DEBUG, endpoint_text(from, &ike->from_remote), "%s: exchange %u is not ours", from,
		    h->exchange);
	}
	v1_sa_report(sa, now, out);
}

void
v1_datagram(struct ike_sa *ike, struct now now, const struct isakmp_hdr *h, struct span data,
    struct ike_outbox *out)
{
	struct bytes whole = {0};
	struct isakmp_hdr own;
	char from[ENDPOINT_TEXT];

	if (h->next != PAYLOAD_FRAG)
		whole_datagram(ike, now, h, data, out);
	else if (ike->policy->fragmentation == FRAGMENTATION_OFF)
		outbox_note_peer(out, NOTE_DEBUG, endpoint_text(from, &ike->from_remote),
		    "%s: a fragment is dropped: fragmentation is off", from);
	else if (put_together(ike->engine, now, ike, &ike->from_remote, h, data, &whole, &own, out))
		whole_datagram(ike, now, &own, bytes_span(&whole), out);
	bytes_free(&whole);
}
