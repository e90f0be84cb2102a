/*
 * Handles the peer's informational messages. Authenticated ones are obeyed; others are only a
 * hint for a later error message.
 */
#include <stdio.h>
#include <string.h>

#include "ike/v1/info_receive.h"

#include "ike/child_life.h"
#include "ike/follow.h"
#include "ike/sa_life.h"
#include "ike/v1/dpd.h"
#include "ike/v1/heartbeat.h"
#include "ike/v1/phase1.h"
#include "ike/v1/quick.h"
#include "ike/v1/quick_child.h"
#include "ike/v1/quick_ts.h"
#include "ike/v1/sa_events.h"
#include "ike/v1base/quirks.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_ack.h"
#include "ike/v1run/info_send.h"

/* How long the responder of aggressive mode waits for message 3 after what seems to be a refusal. */
#define V1_REFUSED_MS	10000

void
v1_notify_fault(struct fault *f, uint16_t type, const struct v1_exchange *x, bool authentic)
{
	char name[NUM_TEXT];
	const char *said = isakmp_notify_name(type, name);
	char l[SELECTOR_TEXT], r[SELECTOR_TEXT];
	const struct v1_quick *q = v1_quick_of(x);
	const struct v1_auth *auth = v1_phase1_auth(x);

	switch (type) {
	case NOTIFY_NO_PROPOSAL_CHOSEN:
	case NOTIFY_ATTRIBUTES_NOT_SUPPORTED:
	case NOTIFY_BAD_PROPOSAL_SYNTAX:
		/* With PFS it may be the group or anything else. */
		(void)fault(f, FAULT_NO_PROPOSAL, "the peer accepts none of our proposals (%s)", said);
		break;
	case NOTIFY_INVALID_ID_INFORMATION:
		if (q == NULL)
			(void)fault_because(f, CAUSE_OUR_ID, fault(f, FAULT_ID_MISMATCH,
			    "the peer does not accept our identity (%s)", said));
		else {
			(void)fault(f, FAULT_TS_MISMATCH, "the peer does not accept %s here and "
			    "%s there (%s)", selector_text(l, &q->local_ts),
			    selector_text(r, &q->remote_ts), said);
			(void)v1_quick_route_based(x, f);
		}
		break;
	case NOTIFY_PAYLOAD_MALFORMED:
	case NOTIFY_INVALID_PAYLOAD_TYPE:
	case NOTIFY_UNEQUAL_PAYLOAD_LENGTHS:
		if (v1_phase1_proof_sent(x) && auth != NULL && auth->nonsense != FAULT_NONE)
			(void)fault(f, auth->nonsense, "the peer could not read our proof (%s): %s",
			    said, auth->nonsense_text);
		else
			(void)fault_because(f, CAUSE_NOTIFY_PAYLOAD,
			    fault(f, FAULT_PEER_NOTIFY, "the peer sent %s", said));
		break;
	case NOTIFY_INVALID_COOKIE:
		(void)fault_because(f, CAUSE_NOTIFY_COOKIE, fault(f, FAULT_PEER_NOTIFY, q == NULL ?
		    "the peer sent %s" : "the peer has forgotten this IKE SA (%s)", said));
		break;
	case NOTIFY_INVALID_CERT_ENCODING:
	case NOTIFY_INVALID_CERTIFICATE:
	case NOTIFY_CERT_TYPE_UNSUPPORTED:
	case NOTIFY_INVALID_CERT_AUTHORITY:
	case NOTIFY_INVALID_SIGNATURE:
	case NOTIFY_CERTIFICATE_UNAVAILABLE:
		(void)fault_because(f, CAUSE_OUR_CERT, fault(f, FAULT_AUTH_FAILED, "the peer rejects our %s (%s)",
		    type == NOTIFY_INVALID_SIGNATURE ? "signature" : type == NOTIFY_INVALID_CERT_AUTHORITY ? "certificate's CA" :
		    "certificate", said));
		break;
	case NOTIFY_AUTHENTICATION_FAILED:
	case NOTIFY_INVALID_HASH_INFORMATION:
		if (q == NULL && auth != NULL && v1_auth_proof(auth, x->role) == PAYLOAD_SIG &&
		    (authentic || v1_phase1_proof_sent(x)))
			(void)fault_because(f, CAUSE_OUR_CERT, fault(f, FAULT_AUTH_FAILED,
			    "the peer rejects our certificate or signature (%s)", said));
		else if (authentic && q == NULL)
			(void)fault_because(f, CAUSE_SECRET_RIGHT, fault(f, FAULT_AUTH_FAILED,
			    "the peer has our secret and rejects us (%s)", said));
		else if (!authentic && q == NULL && !v1_phase1_proof_sent(x))
			(void)fault_because(f, CAUSE_NOTHING_PROVEN, fault(f, FAULT_AUTH_FAILED,
			    "the peer rejects us (%s)", said));
		else if (q != NULL)	/* which has no proof of an identity */
			(void)fault(f, FAULT_AUTH_FAILED, "the peer rejects phase 2 (%s)", said);
		else
			(void)fault(f, auth != NULL ? auth->rejected : FAULT_AUTH_FAILED,
			    "the peer rejects our proof (%s)", said);
		break;
	case NOTIFY_INVALID_MAJOR_VERSION:
		(void)fault_because(f, CAUSE_NO_IKEV1, fault(f, FAULT_PEER_NOTIFY, "the peer does no IKEv1 with us (%s)", said));
		break;
	case NOTIFY_INVALID_EXCHANGE_TYPE:
	case NOTIFY_UNSUPPORTED_EXCHANGE_TYPE:
		if (q == NULL)
			(void)fault_because(f, CAUSE_NOTIFY_EXCHANGE, fault(f, FAULT_PEER_NOTIFY,
			    "the peer does not do %s (%s)", x->kind->name, said));
		else
			(void)fault(f, FAULT_PEER_NOTIFY, "the peer says %s", said);
		break;
	default:
		(void)fault(f, FAULT_PEER_NOTIFY, "the peer sent %s", said);
	}
}

/*
 * Adds the attributes that the notification data of ATTRIBUTES-NOT-SUPPORTED holds. No RFC says what it
 * holds: it is printed if it is nothing but attributes. The group that ${x} offers is the cause.
 */
static void
name_attributes(struct fault *f, struct span data, const struct v1_exchange *x)
{
	char buf[NUM_TEXT];
	struct isakmp_attrs attrs;
	const struct isakmp_attr *a;
	const struct v1_quick *q = v1_quick_of(x);
	size_t len = strlen(f->what);

	if (data.len == 0 || isakmp_attrs_get(&attrs, data, NULL) != 0)
		return;
	if (q != NULL && q->pfs != NULL && attrs.n == 1 && attrs.a[0].type == IPSEC_ATTR_GROUP &&
	    attrs.a[0].value == q->pfs->num) {
		(void)fault(f, FAULT_PFS_MISMATCH, "the peer does not accept PFS with group %s (ATTRIBUTES-NOT-SUPPORTED)",
		    q->pfs->word);
		return;
	}
	for (a = attrs.a; a < attrs.a + attrs.n && a->value != UINT64_MAX && len < sizeof(f->what); a++)
		len += (size_t)snprintf(f->what + len, sizeof(f->what) - len, "%s%s = %llu",
		    a == attrs.a ? "; its data has " : ", ",
		    q != NULL ? ipsec_attr_name(a->type, buf) : ike_attr_name(a->type, buf), (unsigned long long)a->value);
}

/*
 * Whether an error notify may be about ${x}: it waits, and the notify names its SPI or
 * none.
 */
static bool
concerned(const struct v1_exchange *x, struct span spi)
{
	const struct v1_quick *q = v1_quick_of(x);

	if (x->over || x->role != SA_INITIATOR)
		return (false);
	if (q == NULL)
		return (true);
	return (spi.len != 4 || span_eq(spi, span_of(q->spi_in, 4)) ||
	    (q->policy->ah.n > 0 && span_eq(spi, span_of(q->spi_in + 4, 4))));
}

/* The peer rejected all our proposals without details: list ours. */
static void
list_offers(const struct v1_exchange *x, struct ike_outbox *out)
{
	const struct v1_quick *q = v1_quick_of(x);
	const struct ike_policy *p = q == NULL ? x->sa->ike.policy : q->policy;
	const char *option = q == NULL ? "--ike" : p->proto == SA_AH ? "--ah" : "--esp";
	char all[PROPOSALS_MAX * (PROPOSAL_TEXT + 1)], one[PROPOSAL_TEXT];
	size_t i, n = q == NULL ? p->ike.n : p->esp.n, len = 0;

	for (i = 0; i < n && len < sizeof(all); i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? "," : "",
		    q == NULL ? ike_proposal_text(one, &p->ike.p[i]) :
		    esp_proposal_text(one, &p->esp.p[i]));
	ike_sa_note(&x->sa->ike, out, NOTE_WARN, "the peer accepts none of these: %s %s", option, all);
}

/* RESPONDER-LIFETIME of an SA that is established: of the IKE SA, or of one of the peer's child SAs. */
static void
take_lifetime(struct v1_sa *sa, struct now now, const struct isakmp_notify *n, struct ike_outbox *out)
{
	uint8_t id[2 * COOKIE_LEN];
	struct ike_child *c = NULL;
	struct sa_life life;

	v1_sa_id(sa, id);
	if (sa_life_get(&life, n->data, NULL) != 0)
		return;
	if (life.seconds != 0 && n->proto == PROTO_ISAKMP && (n->spi.len == 0 || span_eq(n->spi, SPAN_ARRAY(id))))
		ike_sa_shorten(&sa->ike, now, life.seconds, out);
	if (n->proto == PROTO_ISAKMP || n->spi.len != sizeof(c->spi_out))
		return;
	/* The responder's SPI is the one that it receives with; some send the initiator's. */
	if ((c = ike_child_by_peer_spi(&sa->ike, n->proto == PROTO_AH ? SA_AH : SA_ESP, n->spi.p)) == NULL)
		c = ike_child_by_spi(sa->ike.engine, n->spi.p);
	if (c == NULL || !ike_child_of(c, &sa->ike))
		return;
	if (life.seconds != 0)
		ike_child_shorten(sa->ike.engine, c, now, life.seconds, out);
	if (life.kilobytes != 0)
		ike_child_limit(c, now, life.kilobytes, out);
}

/* The peer has the SA after all: what was said in clear is not so, and its exchanges go on. */
static void
still_known(struct v1_sa *sa, struct now now)
{
	struct v1_exchange *x;

	for (x = sa->exchanges; x != NULL; x = x->next)
		if (!x->over && x->why.cause == CAUSE_NOTIFY_COOKIE && x->why.evidence == EVIDENCE_CLEAR) {
			x->why = (struct fault){0};
			x->give_up_ms = now.ms + sa->ike.policy->timeout_ms;
		}
}

/*
 * The peer refuses the proposals of a quick mode: those with another PFS group may be accepted. Peers that have no PFS send
 * ATTRIBUTES-NOT-SUPPORTED without saying for which quick mode; NO-PROPOSAL-CHOSEN has to be about one. False: nothing
 * begins again.
 */
static bool
begin_again(struct v1_sa *sa, struct now now, const struct isakmp_notify *n, unsigned several, struct ike_outbox *out)
{
	struct v1_exchange *x;
	unsigned count = 0;

	if (n->type != NOTIFY_ATTRIBUTES_NOT_SUPPORTED && several != 1)
		return (false);
	for (x = sa->exchanges; x != NULL; x = x->next)
		if (concerned(x, n->spi))
			count += v1_quick_again(x, now, n->type, out);
	return (count > 0);
}

static void
take_notify(struct v1_sa *sa, struct now now, struct span body, bool authentic,
    struct ike_outbox *out)
{
	struct isakmp_notify n;
	struct v1_exchange *x;
	struct fault f = {0};
	char name[NUM_TEXT];
	unsigned several = 0;

	if (isakmp_notify_get(&n, body, &f) != 0)
		return;
	if (authentic && (n.type == NOTIFY_R_U_THERE || n.type == NOTIFY_R_U_THERE_ACK)) {
		v1_dpd_take(sa, &n, out);
		if (sa->dpd.alive)
			still_known(sa, now);
		return;
	}
	if (authentic && n.type == NOTIFY_RESPONDER_LIFETIME) {
		take_lifetime(sa, now, &n, out);
		return;
	}
	if (authentic && n.type == NOTIFY_UNITY_LOAD_BALANCE) {
		v1_sa_redirected(sa, now, &n, out);
		return;
	}
	ike_sa_note(&sa->ike, out, authentic ? NOTE_INFO : NOTE_DEBUG, "the peer sent %s%s%s",
	    isakmp_notify_name(n.type, name), n.type == NOTIFY_REPLAY_STATUS ? v1_replay_text(n.data) : "",
	    authentic ? "" : " (in clear: only a hint)");
	if (n.type >= NOTIFY_CONNECTED)		/* status notifies fail nothing */
		return;
	for (x = sa->exchanges; x != NULL; x = x->next)
		several += concerned(x, n.spi);
	if (several == 0 && v1_quirk(&sa->vids, V1_QUIRK_ZERO_SPI)) {	/* as if it named none */
		n.spi = SPAN_NONE;
		for (x = sa->exchanges; x != NULL; x = x->next)
			several += concerned(x, n.spi);
	}
	if (authentic && begin_again(sa, now, &n, several, out))
		return;
	for (x = sa->exchanges; x != NULL; x = x->next) {
		if (!concerned(x, n.spi))
			continue;
		v1_notify_fault(&f, n.type, x, authentic);
		if (n.type == NOTIFY_ATTRIBUTES_NOT_SUPPORTED)
			name_attributes(&f, n.data, x);
		f.evidence = authentic ? EVIDENCE_AUTHENTIC : EVIDENCE_CLEAR;
		v1_exchange_where_before(x, &f);
		if ((n.type == NOTIFY_NO_PROPOSAL_CHOSEN || n.type == NOTIFY_ATTRIBUTES_NOT_SUPPORTED) && !x->told) {
			x->told = true;
			list_offers(x, out);
		}
		/* Only in quick mode is the peer authenticated. If several exchanges
		 * wait, the ones that it is not about will be answered in time. */
		if (authentic && v1_quick_of(x) != NULL && several == 1)
			v1_exchange_fail(x, now, &f);
		else
			v1_exchange_hint(x, now, &f, out);
	}
	if (n.type == NOTIFY_INVALID_COOKIE && !authentic)
		v1_dpd_check(sa, now, out);
	v1_sa_report(sa, now, out);
}

static void
take_delete(struct v1_sa *sa, struct now now, struct span body, struct ike_outbox *out)
{
	struct isakmp_delete d;
	struct ike_child *c;
	struct fault f;
	uint8_t id[16];
	size_t i;

	if (isakmp_delete_get(&d, body, &f) != 0)
		return;
	v1_sa_id(sa, id);
	for (i = 0; i < d.n; i++) {
		const uint8_t *spi = d.spis.p + i * d.spi_len;
		struct ike_sa *of;

		if (d.proto == PROTO_ISAKMP && d.spi_len == 16) {
			/* Of this SA, or of another with the same, proven, peer. */
			of = ike_sa_find(sa->ike.engine, spi, spi + COOKIE_LEN);
			if (of == &sa->ike && of->state == IKE_SA_AUTHENTICATING)
				v1_sa_deleted(sa, now, out);
			else if (of != NULL && of->state == IKE_SA_ESTABLISHED && ike_sa_same_peer(of, &sa->ike))
				ike_sa_end(of, now, SA_REASON_DELETED, false, out);
		} else if ((d.proto == PROTO_ESP || d.proto == PROTO_AH) && d.spi_len == 4) {
			/* The SPI is the one that the peer receives with. */
			c = ike_child_by_peer_spi(&sa->ike, d.proto == PROTO_AH ? SA_AH : SA_ESP,
			    spi);
			if (c != NULL)
				ike_child_lost(&sa->ike, c, now, out);
		}
	}
}

static void
take_clear(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h,
    struct span dgram, struct ike_outbox *out)
{
	struct isakmp_msg m = { .hdr = *h };
	struct fault f;
	size_t i;

	if (isakmp_chain_get(&m, span_of(dgram.p + ISAKMP_HDR_LEN, h->length - ISAKMP_HDR_LEN),
	    false, &f) != 0)
		return;
	for (i = 0; i < m.n; i++)
		if (m.pl[i].type == PAYLOAD_N)
			take_notify(sa, now, m.pl[i].body, false, out);
		else if (m.pl[i].type == PAYLOAD_D)
			ike_sa_note(&sa->ike, out, NOTE_INFO, "a delete in clear is not obeyed");
}

/*
 * An answer to our proof that makes no sense under our keys: to that of the initiator, or of the responder in aggressive
 * mode, which proves itself first.
 */
static void
take_nonsense(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(sa, MID_PHASE1);
	const struct v1_auth *auth;
	struct fault f = {0};
	uint64_t until_ms;

	ike_sa_note(&sa->ike, out, NOTE_DEBUG, "an informational message that does not prove to be the peer's");
	if (sa->ike.state != IKE_SA_HALF_OPEN || x == NULL || x->over || !v1_phase1_proof_sent(x))
		return;
	auth = v1_phase1_auth(x);
	if (auth == NULL || auth->nonsense == FAULT_NONE)
		return;
	(void)fault(&f, auth->nonsense, "the peer's answer to our proof decrypts to nonsense: %s",
	    auth->nonsense_text);
	f.evidence = EVIDENCE_CLEAR;
	v1_exchange_where(x, x->at - 1, &f);
	until_ms = x->give_up_ms;
	v1_exchange_hint(x, now, &f, out);
	/* It may be of an initiator whose message 3 was lost, which gives the first IV of what follows. */
	if (x->role == SA_RESPONDER)
		x->give_up_ms = until_ms < now.ms + V1_REFUSED_MS ? until_ms : now.ms + V1_REFUSED_MS;
}

/* Whether ${m} is no older than other messages of the peer: only such a one shows where it is. */
static bool
is_newest(const struct v1_sa *sa, const struct isakmp_msg *m)
{
	struct isakmp_notify n;
	size_t i;

	for (i = 1; i < m->n; i++)
		if (m->pl[i].type == PAYLOAD_N && isakmp_notify_get(&n, m->pl[i].body, NULL) == 0 &&
		    !v1_dpd_newest(sa, &n))
			return (false);
	return (true);
}

/* Under a message ID that was used before: nothing of it counts. */
static void
take_again(struct v1_sa *sa, const struct isakmp_msg *m, struct ike_outbox *out)
{
	struct isakmp_notify n;
	size_t i;

	for (i = 1; i < m->n; i++)
		if (m->pl[i].type == PAYLOAD_N && isakmp_notify_get(&n, m->pl[i].body, NULL) == 0)
			v1_dpd_take_again(sa, &n, out);
}

/* CONNECTED under the message ID of a quick mode that waits for it. */
static bool
take_connected(struct v1_sa *sa, struct now now, const struct isakmp_msg *m, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(sa, m->hdr.mid);
	struct isakmp_notify n;
	size_t i;

	for (i = 1; x != NULL && i < m->n; i++)
		if (m->pl[i].type == PAYLOAD_N && isakmp_notify_get(&n, m->pl[i].body, NULL) == 0 &&
		    n.type == NOTIFY_CONNECTED && v1_quick_connected(x, now, out)) {
			v1_sa_report(sa, now, out);
			return (true);
		}
	return (false);
}

/* Whether a message with the right hash is the peer's: phase 1 has proven its identity. */
static bool
is_authentic(const struct v1_sa *sa)
{
	return (sa->ike.state == IKE_SA_AUTHENTICATING || sa->ike.state == IKE_SA_ESTABLISHED);
}

void
v1_inform(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h,
    struct span dgram, struct ike_outbox *out)
{
	uint8_t buf[ISAKMP_MSG_MAX];
	struct ike_hello hello;
	struct isakmp_msg m;
	size_t i;

	/* In clear it is a hint; the acknowledged one has to be proven. */
	if (h->exchange == EXCHANGE_ACK_INFO && ((h->flags & ISAKMP_FLAG_ENCRYPTED) == 0 || !is_authentic(sa))) {
		ike_sa_note(&sa->ike, out, NOTE_DEBUG, "an acknowledged informational exchange that nothing proves: ignored");
		return;
	}
	if ((h->flags & ISAKMP_FLAG_ENCRYPTED) == 0) {
		take_clear(sa, now, h, dgram, out);
		return;
	}
	if (v1_info_open(sa, h, dgram, buf, &m) != 0) {
		take_nonsense(sa, now, out);
		return;
	}
	if (sa->ike.state == IKE_SA_ESTABLISHED && v1_heartbeat_get(sa, &m, &hello)) {
		/* Its sequence number detects replays; hellos are too many for the list of message IDs. */
		if (hello.seq != 0 && v1_heartbeat_take(sa, now, &hello, out)) {
			ike_sa_follow(&sa->ike, now, out);
			ike_sa_heard(&sa->ike, now);
		}
		return;
	}
	if (is_authentic(sa)) {
		/* An old message from elsewhere must not make us move there. */
		if (v1_sa_seen(sa, h->mid)) {
			ike_sa_note(&sa->ike, out, NOTE_DEBUG, "an informational message came again");
			take_again(sa, &m, out);
			if (h->exchange == EXCHANGE_ACK_INFO && endpoint_eq(&sa->ike.from_remote, &sa->ike.remote.at))
				v1_info_acknowledge(sa, now, &m, out);
			return;
		}
		v1_sa_saw(sa, h->mid);
		if (is_newest(sa, &m))
			ike_sa_follow(&sa->ike, now, out);
		ike_sa_heard(&sa->ike, now);
	}
	/* Before it is obeyed, which may end this SA. */
	if (h->exchange == EXCHANGE_ACK_INFO && is_authentic(sa))
		v1_info_acknowledge(sa, now, &m, out);
	if (sa->ike.state == IKE_SA_ESTABLISHED && take_connected(sa, now, &m, out))
		return;
	for (i = 1; i < m.n; i++)
		if (m.pl[i].type == PAYLOAD_N)
			take_notify(sa, now, m.pl[i].body, is_authentic(sa), out);
		else if (m.pl[i].type == PAYLOAD_D && is_authentic(sa))
			take_delete(sa, now, m.pl[i].body, out);
}

void
v1_refuse_new_group(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h, struct span dgram,
    struct ike_outbox *out)
{
	uint8_t buf[ISAKMP_MSG_MAX];
	struct isakmp_msg m;

	if (sa->ike.state != IKE_SA_ESTABLISHED || (h->flags & ISAKMP_FLAG_ENCRYPTED) == 0 ||
	    v1_sa_seen(sa, h->mid) || v1_info_open(sa, h, dgram, buf, &m) != 0) {
		ike_sa_note(&sa->ike, out, NOTE_DEBUG, "new group mode: not proven or not new, ignored");
		return;
	}
	v1_sa_saw(sa, h->mid);
	ike_sa_heard(&sa->ike, now);
	ike_sa_note(&sa->ike, out, NOTE_INFO, "the peer proposes a group of its own (new group mode): refused");
	v1_info_notify(sa, PROTO_ISAKMP, NOTIFY_ATTRIBUTES_NOT_SUPPORTED, SPAN_NONE, SPAN_NONE, out);
}
