/* The transaction exchange: questions and answers under the keys of phase 1. */
#include "ike/v1/transaction.h"

#include <stdlib.h>

#include "ike/v1base/quirks.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/payload.h"
#include "ike/v1run/runner.h"

enum { I = SA_INITIATOR, R = SA_RESPONDER };
enum { HASH = PAYLOAD_HASH, ATTR = PAYLOAD_ATTR, N = PAYLOAD_N, VID = PAYLOAD_VID };

static int	answer(struct v1_exchange *, struct ike_outbox *, struct fault *);
static int	judge(struct v1_exchange *, struct ike_outbox *, struct fault *);
static const struct v1_kind	*kind_of(const struct v1_transactor *how);

/*
 *	HDR*, HASH, ATTR (REQUEST or SET)   -->
 *	                                    <--   HDR*, HASH, ATTR (REPLY or ACK)
 */
static const struct v1_message rows[] = {
	{ I, V1_SECRET, { HASH, ATTR }, { N, VID }, NULL, NULL, "asks" },
	{ R, V1_SECRET, { HASH, ATTR }, { N, VID }, answer, judge, "answers" },
};

struct v1_transaction {
	const struct v1_transactor	*how;
	v1_transactor_pick		*pick;	/* of a question of the peer */
	struct secret			 in;	/* body of the peer's payload; it may have a password */
	struct secret			 out;	/* of this end's */
	uint8_t				 type;	/* of this end's question */
};

static int
no_memory(struct fault *f)
{
	return (fault(f, FAULT_MEMORY, "no memory for a transaction exchange"));
}

static struct v1_transaction *
part(const struct v1_exchange *x)
{
	return (x->part);
}

static int
seal(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct v1_message_keys k = v1_sa_message_keys(x->sa);
	const struct v1_hash_n of = { .n = 1 };

	return (v1_message_hash_fill(&k, &of, b, f));
}

static int
verify(struct v1_exchange *x, const struct isakmp_msg *m, struct fault *f)
{
	const struct v1_message_keys k = v1_sa_message_keys(x->sa);
	const struct v1_hash_n of = { .n = 1 };

	return (v1_message_hash_verify(&k, &of, m, f));
}

/* Retransmissions come from the encrypted message: the clear one is not kept. */
static int
put_attr(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	(void)f;
	isakmp_payload_put(b, PAYLOAD_ATTR, secret_span(&part(x)->out));
	secret_free(&part(x)->out);
	return (0);
}

/*
 * Whether ${c} can be the message that ${x} waits for. The message ID and the hash bind an answer to its question. Its
 * identifier is not compared: the user of strongSwan 5.9 answers XAuth with 0.
 */
static bool
fits(const struct v1_exchange *x, const struct config *c)
{
	const struct v1_transaction *t = x->part;

	if (x->role == SA_RESPONDER)
		return (c->type == CONFIG_REQUEST || c->type == CONFIG_SET);
	return (c->type == (t->type == CONFIG_REQUEST ? CONFIG_REPLY : CONFIG_ACK));
}

/*
 * A question of the peer waits for an answer from outside. Until it is answered no other one is taken: nobody can answer two
 * at the same time, and a peer must not open as many as it likes. A SET is no question, and may end the wait.
 */
static bool
question_is_open(const struct v1_sa *sa)
{
	const struct v1_exchange *x;

	for (x = sa->exchanges; x != NULL; x = x->next)
		if (v1_is_transaction(x) && x->role == SA_RESPONDER && v1_exchange_waits(x))
			return (true);
	return (false);
}

static int
take_attr(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_transaction *t = x->part;
	struct config c;

	if (config_get(&c, pl->body, f) != 0)
		return (-1);
	if (!fits(x, &c))
		return (fault(f, FAULT_PROTOCOL, "configuration message type %u is not the one expected", c.type));
	if (x->role == SA_RESPONDER) {
		if (c.type == CONFIG_REQUEST && x->answer == NULL && question_is_open(x->sa))
			return (fault(f, FAULT_PROTOCOL, "the peer asks again before its last question is answered: ignored"));
		if ((t->how = t->pick(x->sa, &c, f)) == NULL)
			return (-1);
		x->kind = kind_of(t->how);
	}
	return (secret_set(&t->in, pl->body) != 0 ? no_memory(f) : 0);
}

/* Before the answer of this end is sent. */
static int
answer(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	struct v1_transaction *t = x->part;
	uint8_t buf[CONFIG_BODY_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct config in;
	int r;

	if (config_get(&in, secret_span(&t->in), f) != 0)
		return (-1);
	config_begin(&w, in.type == CONFIG_REQUEST ? CONFIG_REPLY : CONFIG_ACK, in.id);
	if ((r = t->how->answer(x, &in, &w, out, f)) == 0 && w.bad)
		r = fault(f, FAULT_TOO_LARGE, "the answer exceeds %d bytes", CONFIG_BODY_MAX);
	if (r == 0 && secret_set(&t->out, wr_span(&w)) != 0)
		r = no_memory(f);
	wipe(buf, w.len);
	if (r != IKE_LATER)
		secret_free(&t->in);
	return (r);
}

/* After the peer's answer was parsed. */
static int
judge(struct v1_exchange *x, struct ike_outbox *out, struct fault *f)
{
	struct config in;
	int r;

	if (config_get(&in, secret_span(&part(x)->in), f) != 0)
		return (-1);
	r = part(x)->how->judge(x, &in, out, f);
	secret_free(&part(x)->in);
	return (r);
}

static const struct v1_payload payloads[] = {
	{ PAYLOAD_HASH,	1,	v1_put_hash,	v1_take_nothing },
	{ PAYLOAD_ATTR,	1,	put_attr,	take_attr },
	{ PAYLOAD_N,	8,	v1_put_nothing,	v1_take_nothing },
	{ PAYLOAD_VID,	32,	v1_put_nothing,	v1_take_nothing },
	{ V1_NOTHING,	0,	NULL,		NULL },
};

static void
forget(struct v1_exchange *x)
{
	secret_free(&part(x)->in);
}

static void
transaction_free(struct v1_exchange *x)
{
	if (x->part == NULL)
		return;
	secret_free(&part(x)->in);
	secret_free(&part(x)->out);
	free(x->part);
}

#define KIND(name, phase)	{						\
	name, phase, EXCHANGE_TRANSACTION, rows, sizeof(rows) / sizeof(rows[0]),	\
	payloads, true, verify, seal, NULL, v1_exchange_iv, NULL, forget, NULL, NULL, NULL, NULL,	\
	transaction_free }
static const struct v1_kind kinds[] = {
	KIND("the transaction exchange", PHASE_XAUTH), KIND("XAuth", PHASE_XAUTH), KIND("mode config", PHASE_CONFIG),
};

static const struct v1_kind *
kind_of(const struct v1_transactor *how)
{
	return (how == NULL ? &kinds[0] : how->phase == PHASE_XAUTH ? &kinds[1] : &kinds[2]);
}

bool
v1_is_transaction(const struct v1_exchange *x)
{
	return (x->kind->number == EXCHANGE_TRANSACTION);
}

const struct v1_transactor *
v1_transaction_of(const struct v1_exchange *x)
{
	return (v1_is_transaction(x) ? part(x)->how : NULL);
}

static struct v1_exchange *
transaction_new(struct v1_sa *sa, const struct v1_transactor *how, enum sa_role role, uint32_t mid, struct now now)
{
	struct v1_exchange *x = v1_exchange_new(sa, kind_of(how), role, mid, now);

	if (x == NULL || (x->part = calloc(1, sizeof(struct v1_transaction))) == NULL) {
		v1_exchange_free(x);
		return (NULL);
	}
	part(x)->how = how;
	return (x);
}

int
v1_transaction_begin(struct v1_sa *sa, const struct v1_transactor *how, uint8_t type, struct span attrs,
    struct now now, struct ike_outbox *out, struct fault *f)
{
	struct rand *r = &sa->ike.engine->conf.rand;
	struct v1_exchange *x;
	uint8_t mid[4], *body;

	do {
		if (r->fill(r->state, mid, sizeof(mid)) != 0)
			return (fault(f, FAULT_CRYPTO, "no random bytes"));
	} while (get_be32(mid) == 0 || v1_sa_exchange(sa, get_be32(mid)) != NULL || v1_sa_seen(sa, get_be32(mid)));
	if ((x = transaction_new(sa, how, SA_INITIATOR, get_be32(mid), now)) == NULL)
		return (no_memory(f));
	part(x)->type = type;
	if ((body = secret_make(&part(x)->out, 4 + attrs.len)) == NULL) {
		v1_exchange_free(x);
		return (no_memory(f));
	}
	body[0] = type;
	body[1] = 0;
	memcpy(body + 2, mid + 2, 2);
	if (attrs.len > 0)
		memcpy(body + 4, attrs.p, attrs.len);
	if (v1_exchange_run(x, now, out, f) != 0) {
		v1_exchange_free(x);
		return (-1);
	}
	x->next = sa->exchanges;
	sa->exchanges = x;
	/* Its first message, sent back to us, must not pass for the peer's. */
	v1_sa_saw(sa, x->mid);
	return (0);
}

/* Takes ${x} from the list of its SA and frees it. */
static void
unlink_exchange(struct v1_exchange *x)
{
	struct v1_exchange **at = &x->sa->exchanges;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	v1_exchange_free(x);
}

static void
forget_finished(struct v1_sa *sa)
{
	struct v1_exchange *x, *next;
	size_t n = 0;

	for (x = sa->exchanges; x != NULL; x = next) {
		next = x->next;
		if (v1_is_transaction(x) && x->reported && ++n > V1_TRANSACTIONS_MAX)
			unlink_exchange(x);
	}
}

/*
 * The peer asks: under a new message ID, or under that of ${before}, which is over: then the message continues the chain
 * of its IVs.
 */
static bool
asked(struct v1_sa *sa, struct v1_exchange *before, struct now now, const struct isakmp_hdr *h, struct span data,
    v1_transactor_pick *pick, struct ike_outbox *out)
{
	struct v1_exchange *x;

	if (before == NULL && v1_sa_seen(sa, h->mid))
		return (false);
	if ((x = transaction_new(sa, NULL, SA_RESPONDER, h->mid, now)) == NULL)
		return (false);
	part(x)->pick = pick;
	if (before != NULL) {
		memcpy(x->iv, before->iv, sizeof(x->iv));
		x->has_iv = true;
	}
	if (!v1_exchange_datagram(x, now, h, data, out)) {
		v1_exchange_free(x);
		return (false);
	}
	if (before != NULL)
		unlink_exchange(before);
	x->next = sa->exchanges;
	sa->exchanges = x;
	v1_sa_saw(sa, h->mid);
	forget_finished(sa);
	return (true);
}

bool
v1_transaction_datagram(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h, struct span data,
    v1_transactor_pick *pick, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(sa, h->mid);

	if (h->mid == MID_PHASE1 || (x != NULL && !v1_is_transaction(x)))
		return (false);
	/* A duplicate is answered as before; what is new belongs to the next question. */
	if (x != NULL && (!x->over || v1_exchange_came_again(x, h, data) || !v1_quirk(&sa->vids, V1_QUIRK_ONE_MESSAGE_ID)))
		return (v1_exchange_datagram(x, now, h, data, out));
	return (asked(sa, x, now, h, data, pick, out));
}
