/*
 * Phase 2: quick mode, RFC 2409 section 5.5.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ike/v1/quick.h"

#include "ike/child.h"
#include "ike/v1/dpd.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/quick_child.h"
#include "ike/v1/quick_natoa.h"
#include "ike/v1/quick_offer.h"
#include "ike/v1/quick_ts.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"
#include "ike/v1run/payload.h"
#include "ike/v1run/runner.h"

static int	prepare_answer(struct v1_exchange *, struct ike_outbox *, struct fault *);
static int	make_child_both(struct v1_exchange *, struct ike_outbox *, struct fault *);
static int	use_child_both(struct v1_exchange *, struct ike_outbox *, struct fault *);
static int	heed_commit(struct v1_exchange *, struct ike_outbox *, struct fault *);
static int	hear_connected(struct v1_exchange *, struct ike_outbox *, struct fault *);

enum { I = SA_INITIATOR, R = SA_RESPONDER };
enum { QUICK_PLAIN, QUICK_COMMIT, QUICK_KINDS };	/* without message 4, and with it */
static const struct v1_kind quick_kinds[QUICK_KINDS];
enum {
	HASH = PAYLOAD_HASH, SA = PAYLOAD_SA, NONCE = PAYLOAD_NONCE, KE = PAYLOAD_KE,
	ID = PAYLOAD_ID, N = PAYLOAD_N, NAT_OA = PAYLOAD_NAT_OA, VID = PAYLOAD_VID,
};

/*
 *	HDR*, HASH(1), SA, Ni, [KE,] [IDci, IDcr]   -->
 *	                                            <--   HDR*, HASH(2), SA, Nr, [KE,] [IDci, IDcr]
 *	HDR*, HASH(3)                               -->
 *	                                           (<--   HDR*, HASH(4), N (CONNECTED))
 *
 * Message 4 is only there with the commit bit: see quick_kinds. HASH(4) is made as HASH(1).
 *
 * The responder can receive on the SA once it has sent message 2, and may send after message 3. The
 * record is written before the message that lets the peer use the SA.
 */
static const struct v1_message quick_mode[] = {
	{ I, V1_SECRET, { HASH, SA, NONCE }, { KE, ID, N, NAT_OA, VID },
	    NULL, heed_commit, "offers proposals for a child SA" },
	{ R, V1_SECRET, { HASH, SA, NONCE }, { KE, ID, N, NAT_OA, VID },
	    prepare_answer, heed_commit, "chooses one" },
	{ I, V1_SECRET, { HASH }, { N, VID },
	    make_child_both, use_child_both, "confirms" },
	{ R, V1_SECRET, { HASH }, { N, VID },
	    NULL, hear_connected, "is connected" },
};

/* --- HASH(1), HASH(2), HASH(3) --- */

/* The hash of the message in hand: message n of quick mode has HASH(n), and the fourth is like the first. */
static struct v1_hash_n
hash_n(const struct v1_exchange *x)
{
	return ((struct v1_hash_n){
		.n = x->at < 3 ? (unsigned)x->at + 1 : 1, .ni_b = bytes_span(&quick_of(x)->ni_b),
		.nr_b = bytes_span(&quick_of(x)->nr_b),
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
	if (x->kind == &quick_kinds[QUICK_COMMIT]) {
		x->give_up_ms = x->now.ms + V1_CONNECTED_MS;
		return (v1_quick_make_child(x, SA_USE_IN, out, f));
	}
	return (v1_quick_make_child(x, SA_USE_BOTH, out, f));
}

static int
use_child_both(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	(void)f;
	ike_child_record(quick_of(x)->child, SA_USE_BOTH, out);
	return (0);
}

/* --- the commit bit --- */

/*
 * RFC 2408 section 3.1: the end that did not set the bit waits for CONNECTED before it uses the SA. Here the responder
 * decides, as in the draft that followed RFC 2409 (draft-ietf-ipsec-ike-01): it sets the bit if the initiator did, or if
 * the policy says so, and sends CONNECTED as message 4.
 */
static int
heed_commit(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	(void)out, (void)f;
	if ((x->flags_in & ISAKMP_FLAG_COMMIT) == 0 && !(x->role == SA_RESPONDER && quick_of(x)->policy->commit_bit))
		return (0);
	x->kind = &quick_kinds[QUICK_COMMIT];
	if (x->role == SA_RESPONDER)
		x->flags |= ISAKMP_FLAG_COMMIT;
	return (0);
}

static int
hear_connected(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	return (use_child_both(x, out, f));
}

/* Anybody may have set the bit, which nothing authenticates, and not every peer that sets it keeps to it. */
static bool
late(struct v1_exchange *x, struct ike_outbox *out)
{
	if (x->role != SA_INITIATOR || x->at != 3)
		return (false);
	ike_sa_note(&x->sa->ike, out, NOTE_WARN, "the peer set the commit bit, and sent no CONNECTED in %d s: "
	    "the child SA is used all the same", V1_CONNECTED_MS / 1000);
	ike_child_record(quick_of(x)->child, SA_USE_BOTH, out);
	v1_exchange_finish(x, x->now);
	return (true);
}

static const struct v1_payload payloads[] = {
	{ PAYLOAD_HASH,		1,	v1_put_hash,		v1_take_nothing },
	{ PAYLOAD_NONCE,	1,	v1_quick_put_nonce,	v1_quick_take_nonce },
	{ PAYLOAD_KE,		1,	v1_quick_put_ke,	v1_quick_take_ke },
	{ PAYLOAD_ID,		2,	v1_quick_put_id,	v1_quick_take_id },
	{ PAYLOAD_N,		8,	v1_quick_put_notify,	v1_quick_take_notify },
	{ PAYLOAD_NAT_OA,	2,	v1_quick_put_natoa,	v1_quick_take_natoa },
	{ PAYLOAD_VID,		32,	v1_put_nothing,		v1_take_nothing },
	{ PAYLOAD_SA,		1,	v1_quick_put_sa,	v1_quick_take_sa },
	{ V1_NOTHING,		0,	NULL,		NULL },
};

static void
forget(struct v1_exchange *x)
{
	quick_of(x)->n_ids = quick_of(x)->n_oas = 0;
	quick_of(x)->oa_local = quick_of(x)->oa_remote = (struct addr){0};
	bytes_free(&quick_of(x)->gx_peer);
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

#define KIND(n_rows)	{							\
	"phase 2 (quick mode)", PHASE_QUICK, EXCHANGE_QUICK, quick_mode, n_rows, payloads, true,	\
	verify, seal, NULL, v1_exchange_iv, NULL, forget, v1_quick_refused, silent, late, unanswered, quick_free }

static const struct v1_kind quick_kinds[QUICK_KINDS] = {
	[QUICK_PLAIN] = KIND(3), [QUICK_COMMIT] = KIND(4),
};

struct v1_quick *
v1_quick_of(const struct v1_exchange *x)
{
	return (x->kind == &quick_kinds[QUICK_PLAIN] || x->kind == &quick_kinds[QUICK_COMMIT] ? x->part : NULL);
}

struct v1_exchange *
v1_quick_new(struct v1_sa *sa, enum sa_role role, uint32_t mid, struct now now)
{
	struct v1_exchange *x = v1_exchange_new(sa, &quick_kinds[QUICK_PLAIN], role, mid, now);

	if (x == NULL || (x->part = calloc(1, sizeof(struct v1_quick))) == NULL) {
		v1_exchange_free(x);
		return (NULL);
	}
	quick_of(x)->policy = sa->ike.policy;
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
	quick_of(x)->policy = policy;
	if (policy->commit_bit)
		x->flags = ISAKMP_FLAG_COMMIT;
	quick_of(x)->local_ts = *local_ts;
	quick_of(x)->remote_ts = *remote_ts;
	if (replaces != NULL)
		memcpy(quick_of(x)->replaces, replaces, sizeof(quick_of(x)->replaces));
	quick_of(x)->pfs = sa->pfs_chosen ? sa->pfs : p2_group(policy);
	if (v1_quick_check_ah(x, f) != 0) {
		v1_exchange_where(x, 0, f);
		v1_exchange_free(x);
		return (-1);
	}
	if (v1_quick_set_ids(x, local_ts, remote_ts, f) != 0 || v1_quick_make_spi(x, f) != 0 || v1_quick_make_own(x, f) != 0 ||
	    v1_exchange_run(x, now, out, f) != 0) {
		v1_exchange_free(x);
		return (-1);
	}
	x->next = sa->exchanges;
	sa->exchanges = x;
	return (0);
}

/* The next PFS group to offer, into ${sa}. False: none is left, and the next quick mode begins with the first. */
static bool
next_pfs(struct v1_sa *sa, const struct v1_quick *q, uint16_t type, struct ike_outbox *out)
{
	const struct alg_group *next;

	if (!sa->no_pfs && p2_next_group(q->policy, q->pfs, &next)) {
		ike_sa_note(&sa->ike, out, NOTE_WARN, "the peer refuses the proposals %s%s: offering those %s%s",
		    q->pfs != NULL ? "with PFS group " : "without PFS", q->pfs != NULL ? q->pfs->word : "",
		    next != NULL ? "with " : "without PFS", next != NULL ? next->word : "");
		sa->pfs = next;
	} else if (type == NOTIFY_ATTRIBUTES_NOT_SUPPORTED && q->pfs != NULL && q->policy->pfs_fallback) {
		ike_sa_note(&sa->ike, out, NOTE_WARN, "the peer does not support PFS (ATTRIBUTES-NOT-SUPPORTED): "
		    "going on without it, as --pfs-fallback allows");
		sa->pfs = NULL;
		sa->no_pfs = true;
	} else {
		sa->pfs_chosen = sa->no_pfs;
		return (false);
	}
	sa->pfs_chosen = true;
	return (true);
}

bool
v1_quick_again(struct v1_exchange *x, struct now now, uint16_t type, struct ike_outbox *out)
{
	static const uint8_t none[sizeof(quick_of(x)->replaces)];
	struct v1_quick *q = v1_quick_of(x);
	struct v1_sa *sa = x->sa;
	struct fault f;

	if (q == NULL || x->over || (type != NOTIFY_ATTRIBUTES_NOT_SUPPORTED && type != NOTIFY_NO_PROPOSAL_CHOSEN) ||
	    !next_pfs(sa, q, type, out))
		return (false);
	if (v1_quick_begin(sa, now, q->policy, &q->local_ts, &q->remote_ts,
	    memcmp(q->replaces, none, sizeof(none)) != 0 ? q->replaces : NULL, out, &f) != 0)
		return (false);
	v1_exchange_forsake(x, now);
	return (true);
}

bool
v1_quick_connected(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	if (v1_quick_of(x) == NULL || x->over || x->role != SA_INITIATOR || x->at != 3)
		return (false);
	ike_child_record(quick_of(x)->child, SA_USE_BOTH, out);
	v1_exchange_finish(x, now);
	return (true);
}
