/*
 * Phase 2: quick mode, RFC 2409 section 5.5.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ike/v1/quick.h"

#include "ike/child.h"
#include "ike/v1/dpd.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/ike_sa.h"
#include "ike/v1/info_send.h"
#include "ike/v1/payload.h"
#include "ike/v1/quick_child.h"
#include "ike/v1/quick_ts.h"
#include "ike/v1/runner.h"

static int	prepare_answer(struct v1_exchange *, struct ike_outbox *, struct fault *);
static int	make_child_both(struct v1_exchange *, struct ike_outbox *, struct fault *);
static int	use_child_both(struct v1_exchange *, struct ike_outbox *, struct fault *);

enum { I = SA_INITIATOR, R = SA_RESPONDER };
enum {
	HASH = PAYLOAD_HASH, SA = PAYLOAD_SA, NONCE = PAYLOAD_NONCE, KE = PAYLOAD_KE,
	ID = PAYLOAD_ID, N = PAYLOAD_N, NAT_OA = PAYLOAD_NAT_OA, VID = PAYLOAD_VID,
};

/*
 *	HDR*, HASH(1), SA, Ni, [KE,] [IDci, IDcr]   -->
 *	                                            <--   HDR*, HASH(2), SA, Nr, [KE,] [IDci, IDcr]
 *	HDR*, HASH(3)                               -->
 *
 * The responder can receive on the SA once it has sent message 2, and may send after message 3. The
 * record is written before the message that lets the peer use the SA.
 */
static const struct v1_message quick_mode[] = {
	{ I, V1_SECRET, { HASH, SA, NONCE }, { KE, ID, N, NAT_OA, VID },
	    NULL, NULL, "offers proposals for a child SA" },
	{ R, V1_SECRET, { HASH, SA, NONCE }, { KE, ID, N, NAT_OA, VID },
	    prepare_answer, NULL, "chooses one" },
	{ I, V1_SECRET, { HASH }, { N, VID },
	    make_child_both, use_child_both, "confirms" },
};

static struct v1_quick *
part(const struct v1_exchange *x)
{
	return (x->part);
}

static struct bytes *
nonce_of(const struct v1_exchange *x, enum sa_role sender)
{
	return (sender == SA_INITIATOR ? &part(x)->ni_b : &part(x)->nr_b);
}

/* The encapsulation mode attribute for the NAT traversal of this IKE SA. */
static uint16_t
encap_mode(const struct v1_exchange *x)
{
	bool tunnel = part(x)->policy->mode == SA_TUNNEL;

	if (v1_sa_natt_in_use(x->sa))
		return (tunnel ? x->sa->natt->encap_tunnel : x->sa->natt->encap_transport);
	return (tunnel ? ENCAP_TUNNEL : ENCAP_TRANSPORT);
}

/* --- HASH(1), HASH(2), HASH(3) --- */

/* The hash of the message in hand: message n of quick mode has HASH(n). */
static struct v1_hash_n
hash_n(const struct v1_exchange *x)
{
	return ((struct v1_hash_n){
		.n = (unsigned)x->at + 1, .ni_b = bytes_span(&part(x)->ni_b),
		.nr_b = bytes_span(&part(x)->nr_b),
	});
}

static int
seal(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct v1_message_keys k = v1_sa_message_keys(x->sa);
	const struct v1_hash_n of = hash_n(x);

	return (v1_message_hash_fill(&k, &of, b, f));
}

static int
verify(struct v1_exchange *x, const struct isakmp_msg *m, struct fault *f)
{
	const struct v1_message_keys k = v1_sa_message_keys(x->sa);
	const struct v1_hash_n of = hash_n(x);

	return (v1_message_hash_verify(&k, &of, m, f));
}

/* --- nonces and keys --- */

static int
put_nonce(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	(void)f;
	isakmp_payload_put(b, PAYLOAD_NONCE, bytes_span(nonce_of(x, x->role)));
	return (0);
}

static int
take_nonce(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	return (v1_nonce_take(nonce_of(x, x->role == SA_INITIATOR ? SA_RESPONDER :
	    SA_INITIATOR), pl, f));
}

static int
put_ke(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	(void)f;
	if (part(x)->dh != NULL)
		isakmp_payload_put(b, PAYLOAD_KE, dh_public(part(x)->dh));
	return (0);
}

static int
take_ke(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	if (x->role == SA_INITIATOR && part(x)->dh == NULL)
		return (fault(f, FAULT_PFS_MISMATCH,
		    "the peer sends a key for PFS, which is not configured here"));
	/* The responder knows the group when it has chosen a proposal: see take_sa_last(). */
	if (x->role == SA_INITIATOR && dh_check_public(part(x)->pfs, pl->body, f) != 0)
		return (-1);
	return (bytes_set(&part(x)->gx_peer, pl->body) != 0 ? v1_quick_no_memory(f) : 0);
}

/* SPIs up to 255 are reserved (RFC 4303 section 2.1). */
static int
make_spi(struct v1_exchange *x, struct fault *f)
{
	struct v1_quick *q = x->part;
	struct rand *r = &x->sa->ike.engine->conf.rand;

	do {
		if (r->fill(r->state, q->spi_in, sizeof(q->spi_in)) != 0)
			return (fault(f, FAULT_CRYPTO, "no random bytes"));
	} while (get_be32(q->spi_in) < 256 || ike_child_by_spi(x->sa->ike.engine,
	    q->spi_in) != NULL);
	return (0);
}

/* This end's nonce and, with PFS, its key. */
static int
make_own(struct v1_exchange *x, struct fault *f)
{
	struct v1_quick *q = x->part;

	if (v1_nonce_make(x, nonce_of(x, x->role), f) != 0)
		return (-1);
	dh_free(q->dh);
	q->dh = NULL;
	if (q->pfs != NULL &&
	    (q->dh = dh_new(q->pfs, &x->sa->ike.engine->conf.rand, f)) == NULL)
		return (-1);
	return (0);
}

/* --- SA --- */

/* The policy whose proposals an initiator offers: that of ${x}, or ${bare}, a copy of it without groups. */
static const struct ike_policy *
offered(const struct v1_exchange *x, struct ike_policy *bare)
{
	size_t i;

	if (!x->sa->no_pfs)
		return (part(x)->policy);
	*bare = *part(x)->policy;
	for (i = 0; i < bare->esp.n; i++)
		bare->esp.p[i].group = NULL;
	return (bare);
}

static int
put_sa(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	struct v1_quick *q = x->part;
	uint8_t buf[SA_BODY_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct ike_policy bare;

	if (x->role == SA_RESPONDER) {
		isakmp_payload_put(b, PAYLOAD_SA, bytes_span(&q->reply));
		return (0);
	}
	p2_offer(&w, offered(x, &bare), q->spi_in, encap_mode(x), q->pfs);
	if (w.bad)
		return (fault_because(f, CAUSE_ESP_PROPOSAL,
		    fault(f, FAULT_BAD_PROPOSAL, "there are no proposals to make")));
	isakmp_payload_put(b, PAYLOAD_SA, wr_span(&w));
	return (0);
}

static int
take_sa(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_quick *q = x->part;
	uint8_t buf[1024];
	struct wr reply = wr_of(buf, sizeof(buf));
	uint16_t encap = encap_mode(x);
	struct ike_policy bare;

	if (x->role == SA_INITIATOR) {
		if (p2_accept(&q->choice, pl->body, offered(x, &bare), encap, q->pfs, f) != 0)
			return (-1);
		if ((q->choice.proposal.group != NULL) != (q->gx_peer.len > 0))
			return (fault(f, FAULT_PFS_MISMATCH, "the peer's answer %s a key",
			    q->gx_peer.len > 0 ? "has no group, but" : "has a group, but not"));
		return (0);
	}
	/* Kept before it is judged: a refusal shows it. */
	if (bytes_set(&q->offer, pl->body) != 0)
		return (v1_quick_no_memory(f));
	if (p2_choose(&q->choice, pl->body, q->policy, &encap, 1, q->gx_peer.len, q->spi_in,
	    &reply, f) != 0)
		return (-1);
	q->pfs = q->choice.proposal.group;
	return (bytes_set(&q->reply, wr_span(&reply)) != 0 ? v1_quick_no_memory(f) : 0);
}

/* --- N: RESPONDER-LIFETIME --- */

static int
put_n(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	struct v1_quick *q = x->part;
	uint8_t buf[32];
	struct wr w = wr_of(buf, sizeof(buf));
	struct isakmp_notify n = {
		.doi = DOI_IPSEC, .type = NOTIFY_RESPONDER_LIFETIME,
		.proto = v1_proto_number(q->policy->proto),
		.spi = SPAN_ARRAY(q->spi_in),
	};

	(void)f;
	/* RFC 2407 section 4.6.3.1: the answer repeats the offer; a notify carries a shorter lifetime. */
	if (x->role != SA_RESPONDER || !q->choice.shorter)
		return (0);
	isakmp_attr_put(&w, IPSEC_ATTR_LIFE_TYPE, LIFE_TYPE_SECONDS);
	isakmp_attr_put(&w, IPSEC_ATTR_LIFE_DURATION, (uint32_t)q->choice.life.seconds);
	if (q->choice.life.kilobytes != 0) {
		isakmp_attr_put(&w, IPSEC_ATTR_LIFE_TYPE, LIFE_TYPE_KILOBYTES);
		isakmp_attr_put(&w, IPSEC_ATTR_LIFE_DURATION, (uint32_t)q->choice.life.kilobytes);
	}
	n.data = wr_span(&w);
	isakmp_payload_begin(b, PAYLOAD_N);
	isakmp_notify_put(&b->w, &n);
	isakmp_payload_end(b);
	return (0);
}

static int
take_n(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct isakmp_notify n;
	struct sa_life life;

	if (isakmp_notify_get(&n, pl->body, f) != 0)
		return (-1);
	if (n.type == NOTIFY_REPLAY_STATUS && n.data.len == sizeof(part(x)->replay)) {
		memcpy(part(x)->replay, n.data.p, n.data.len);
		part(x)->has_replay = true;
	}
	if (n.type != NOTIFY_RESPONDER_LIFETIME || x->role != SA_INITIATOR)
		return (0);
	if (sa_life_get(&life, n.data, f) != 0)
		return (-1);
	part(x)->responder_seconds = life.seconds;
	part(x)->responder_kilobytes = life.kilobytes;
	return (0);
}

/* --- the child SA --- */

/* The responder, before its answer: the peer may send after it. */
static int
prepare_answer(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	return (v1_quick_make_child(x, SA_USE_IN, out, f));
}

static int
make_child_both(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	return (v1_quick_make_child(x, SA_USE_BOTH, out, f));
}

static int
use_child_both(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	(void)f;
	ike_child_record(part(x)->child, SA_USE_BOTH, out);
	return (0);
}

/*
 * AH authenticates the addresses of the outer header, which a NAT changes (RFC 3715 section 2.1), and RFC 3948 puts only
 * ESP into UDP.
 */
static int
check_ah(const struct v1_exchange *x, struct fault *f)
{
	const struct sa_natt *n = &x->sa->ike.natt;

	if (part(x)->policy->proto != SA_AH || !v1_sa_natt_in_use(x->sa))
		return (0);
	return (fault_because(f, CAUSE_AH_NAT, n->local_nat || n->remote_nat ?
	    fault(f, FAULT_NO_PROPOSAL, "AH cannot pass the NAT in front of %s: it authenticates the addresses that a NAT changes",
	    n->local_nat && n->remote_nat ? "both ends" : n->local_nat ? "this end" : "the peer") :
	    fault(f, FAULT_NO_PROPOSAL, "NAT traversal is forced, and AH does not go into UDP")));
}

/*
 * The responder, after it has parsed message 1: makes all checks that can
 * reject the offer, before it answers.
 */
static int
take_sa_last(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct ike_child *old;

	if (x->role == SA_INITIATOR)
		return (take_sa(x, pl, f));
	if (check_ah(x, f) != 0 || v1_quick_check_ts(x, f) != 0 || make_spi(x, f) != 0 || take_sa(x, pl, f) != 0 ||
	    (part(x)->pfs != NULL && dh_check_public(part(x)->pfs, bytes_span(&part(x)->gx_peer), f) != 0) ||
	    make_own(x, f) != 0)
		return (-1);
	old = ike_child_like(&x->sa->ike, &part(x)->local_ts, &part(x)->remote_ts);
	if (old != NULL)
		memcpy(part(x)->replaces, old->spi_in, 4);
	return (0);
}

static const struct v1_payload payloads[] = {
	{ PAYLOAD_HASH,		1,	v1_put_hash,	v1_take_nothing },
	{ PAYLOAD_NONCE,	1,	put_nonce,	take_nonce },
	{ PAYLOAD_KE,		1,	put_ke,		take_ke },
	{ PAYLOAD_ID,		2,	v1_quick_put_id,		v1_quick_take_id },
	{ PAYLOAD_N,		8,	put_n,		take_n },
	{ PAYLOAD_NAT_OA,	2,	v1_put_nothing,	v1_take_nothing },
	{ PAYLOAD_VID,		32,	v1_put_nothing,	v1_take_nothing },
	{ PAYLOAD_SA,		1,	put_sa,		take_sa_last },
	{ V1_NOTHING,		0,	NULL,		NULL },
};

static void
forget(struct v1_exchange *x)
{
	part(x)->n_ids = 0;
	bytes_free(&part(x)->gx_peer);
}

static void
refused(struct v1_exchange *x, const struct fault *why, struct ike_outbox *out)
{
	struct v1_quick *q = x->part;
	uint16_t type = why->code == FAULT_TS_MISMATCH ? NOTIFY_INVALID_ID_INFORMATION :
	    why->code == FAULT_NO_PROPOSAL || why->code == FAULT_PFS_MISMATCH ?
	    NOTIFY_NO_PROPOSAL_CHOSEN : 0;
	uint16_t encap = encap_mode(x);
	char *text, peer[IKE_PEER_TEXT];

	if (type != 0 && !x->told && q->offer.len > 0 && type == NOTIFY_NO_PROPOSAL_CHOSEN &&
	    (text = malloc(SA_MISMATCH_TEXT)) != NULL) {
		outbox_note(out, NOTE_WARN, "%sthe proposals:\n%s", ike_sa_peer_text(peer, &x->sa->ike), p2_mismatch_text(text, SA_MISMATCH_TEXT,
		    bytes_span(&q->offer), q->policy, &encap, 1, q->gx_peer.len));
		free(text);
	}
	if (type == 0 || x->told)
		return;
	x->told = true;
	v1_info_notify(x->sa, v1_proto_number(q->policy->proto), type,
	    SPAN_NONE, SPAN_NONE, out);
}

/* The SA may be one that the peer no longer has. */
static void
silent(struct v1_exchange *x, struct ike_outbox *out)
{
	v1_dpd_check(x->sa, x->now, out);
}

static void
unanswered(const struct v1_exchange *x, struct fault *f)
{
	size_t len = strlen(f->what);

	if (!v1_dpd_checked(x->sa, x->begun_ms))
		return;
	(void)snprintf(f->what + len, sizeof(f->what) - len, x->sa->dpd.alive ?
	    "; the peer answers R-U-THERE" :
	    ", nor to R-U-THERE: the peer answers nothing under this IKE SA");
	(void)fault_because(f, x->sa->dpd.alive ? CAUSE_ALIVE : CAUSE_SA_SILENT, -1);
}

static void
quick_free(struct v1_exchange *x)
{
	struct v1_quick *q = x->part;

	if (q == NULL)
		return;
	dh_free(q->dh);
	bytes_free(&q->offer);
	bytes_free(&q->reply);
	bytes_free(&q->gx_peer);
	bytes_free(&q->ni_b);
	bytes_free(&q->nr_b);
	bytes_free(&q->idci);
	bytes_free(&q->idcr);
	ike_child_free(q->child);
	free(q);
}

static const struct v1_kind quick_kind = {
	"phase 2 (quick mode)", PHASE_QUICK, EXCHANGE_QUICK, quick_mode,
	sizeof(quick_mode) / sizeof(quick_mode[0]), payloads, true,
	verify, seal, NULL, v1_exchange_iv, NULL, forget, refused, silent, unanswered, quick_free,
};

struct v1_quick *
v1_quick_of(const struct v1_exchange *x)
{
	return (x->kind == &quick_kind ? x->part : NULL);
}

struct v1_exchange *
v1_quick_new(struct v1_sa *sa, enum sa_role role, uint32_t mid, struct now now)
{
	struct v1_exchange *x = v1_exchange_new(sa, &quick_kind, role, mid, now);

	if (x == NULL || (x->part = calloc(1, sizeof(struct v1_quick))) == NULL) {
		v1_exchange_free(x);
		return (NULL);
	}
	part(x)->policy = sa->ike.policy;
	return (x);
}

int
v1_quick_begin(struct v1_sa *sa, struct now now, struct ike_policy *policy,
    const struct selector *local_ts, const struct selector *remote_ts,
    const uint8_t *replaces, struct ike_outbox *out, struct fault *f)
{
	struct rand *r = &sa->ike.engine->conf.rand;
	struct v1_exchange *x;
	uint8_t mid[4];

	do {
		if (r->fill(r->state, mid, sizeof(mid)) != 0)
			return (fault(f, FAULT_CRYPTO, "no random bytes"));
	} while (get_be32(mid) == 0 || v1_sa_exchange(sa, get_be32(mid)) != NULL);
	if ((x = v1_quick_new(sa, SA_INITIATOR, get_be32(mid), now)) == NULL)
		return (v1_quick_no_memory(f));
	part(x)->policy = policy;
	part(x)->local_ts = *local_ts;
	part(x)->remote_ts = *remote_ts;
	if (replaces != NULL)
		memcpy(part(x)->replaces, replaces, sizeof(part(x)->replaces));
	part(x)->pfs = sa->no_pfs ? NULL : p2_group(policy);
	if (check_ah(x, f) != 0) {
		v1_exchange_where(x, 0, f);
		v1_exchange_free(x);
		return (-1);
	}
	if (v1_quick_set_ids(x, local_ts, remote_ts, f) != 0 || make_spi(x, f) != 0 || make_own(x, f) != 0 ||
	    v1_exchange_run(x, now, out, f) != 0) {
		v1_exchange_free(x);
		return (-1);
	}
	x->next = sa->exchanges;
	sa->exchanges = x;
	return (0);
}

bool
v1_quick_again_without_pfs(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	static const uint8_t none[sizeof(part(x)->replaces)];
	struct v1_quick *q = v1_quick_of(x);
	struct v1_sa *sa = x->sa;
	struct fault f;

	if (q == NULL || x->over || q->pfs == NULL || !q->policy->pfs_fallback)
		return (false);
	sa->no_pfs = true;
	if (v1_quick_begin(sa, now, q->policy, &q->local_ts, &q->remote_ts,
	    memcmp(q->replaces, none, sizeof(none)) != 0 ? q->replaces : NULL, out, &f) != 0)
		return (false);
	/* Its successor has the result to report. */
	x->over = x->failed = x->reported = true;
	x->resend_ms = x->give_up_ms = UINT64_MAX;
	x->forget_ms = now.ms;
	return (true);
}
