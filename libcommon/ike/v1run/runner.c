/* The runner: sends and receives the messages of an exchange by the rows of its table. */
#include "ike/v1run/runner.h"

#include "ike/follow.h"

#include "ike/v1run/ike_sa.h"

static const struct v1_payload *
payload_of(const struct v1_kind *kind, uint8_t type)
{
	const struct v1_payload *p;

	for (p = kind->payloads; p->type != V1_NOTHING; p++)
		if (p->type == type)
			return (p);
	return (NULL);
}

/* NAT-D and NAT-OA had private numbers before RFC 3947; to the tables they are the same. */
static uint8_t
plain_type(uint8_t type)
{
	return (type == PAYLOAD_NAT_D_DRAFT ? PAYLOAD_NAT_D :
	    type == PAYLOAD_NAT_OA_DRAFT ? PAYLOAD_NAT_OA : type);
}

static bool
row_is_secret(const struct v1_exchange *x, const struct v1_message *row)
{
	return (row->cover == V1_SECRET ||
	    (row->cover == V1_EITHER && !x->sa->ike.policy->aggressive_clear));
}

static int
put_payloads(struct v1_exchange *x, const uint8_t list[V1_CARRIES_MAX],
    struct isakmp_builder *b, struct fault *f)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < V1_CARRIES_MAX && list[i] != V1_NOTHING; i++)
		r = payload_of(x->kind, list[i])->put(x, b, f);
	return (r);
}

static int
send_row(struct v1_exchange *x, const struct v1_message *row, struct now now,
    struct ike_outbox *out, struct fault *f)
{
	uint8_t buf[V1_SEND_MAX];
	struct isakmp_builder b;
	struct isakmp_hdr h = {
		.version = ISAKMP_VERSION_1,
		.exchange = x->kind->number,
		.flags = x->flags,
		.mid = x->mid,
	};
	struct v1_message_keys k;
	struct span message;
	int r;

	if (row->before != NULL && (r = row->before(x, out, f)) != 0)
		return (r);
	memcpy(h.cky_i, x->sa->ike.spi_i, COOKIE_LEN);
	memcpy(h.cky_r, x->sa->ike.spi_r, COOKIE_LEN);
	isakmp_begin(&b, buf, sizeof(buf), &h);
	if ((r = put_payloads(x, row->must, &b, f)) != 0 ||
	    (r = put_payloads(x, row->may, &b, f)) != 0)
		return (r);
	if (x->kind->seal != NULL && x->kind->seal(x, &b, f) != 0)
		return (-1);
	if (row_is_secret(x, row)) {
		if ((r = x->kind->keys(x, f)) != 0)
			return (r);
		k = v1_sa_message_keys(x->sa);
		if (v1_message_seal(&k, x->iv, &b, &message, f) != 0)
			return (-1);
	} else if ((message = isakmp_end(&b)).len == 0)
		return (fault(f, FAULT_TOO_LARGE, "the message exceeds %d bytes", V1_SEND_MAX));
	if (bytes_set(&x->sent, message) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for a message"));
	v1_sa_send(x->sa, message, out);
	x->sent_ms = now.ms;
	x->at++;
	x->answered = true;
	x->resends = 0;
	x->resend_ms = UINT64_MAX;
	if (x->at < x->kind->n_rows)
		v1_exchange_resend_later(x, now);
	return (0);
}

int
v1_exchange_run(struct v1_exchange *x, struct now now, struct ike_outbox *out,
    struct fault *f)
{
	int r;

	x->now = now;
	while (!x->over && x->at < x->kind->n_rows &&
	    x->kind->rows[x->at].from == x->role) {
		r = send_row(x, &x->kind->rows[x->at], now, out, f);
		x->answer = NULL;
		if (r == IKE_LATER && (r = v1_exchange_wait(x, now, SPAN_NONE, NULL, out, f)) == 0)
			return (0);
		if (r != 0) {
			v1_exchange_where(x, x->at, f);
			return (-1);
		}
	}
	if (!x->over && x->at == x->kind->n_rows)
		v1_exchange_finish(x, now);
	return (0);
}

/* Whether ${m} has as many payloads of ${type} as ${row} allows of ${p}. */
static int
check_number(const struct v1_message *row, const struct v1_payload *p, uint8_t type,
    const struct isakmp_msg *m, struct fault *f)
{
	char name[NUM_TEXT];
	size_t i, n = 0;

	for (i = 0; i < m->n; i++)
		n += plain_type(m->pl[i].type) == type;
	if (n == 0 && v1_listed(row->must, p->type))
		return (fault(f, FAULT_MALFORMED, "no %s payload", isakmp_payload_name(type, name)));
	if (n > p->max && (v1_listed(row->must, p->type) || v1_listed(row->may, p->type)))
		return (fault(f, FAULT_MALFORMED, "%zu %s payloads", n,
		    isakmp_payload_name(type, name)));
	return (0);
}

/* Which payloads are there, and how many: nothing of their meaning. */
static int
check_payloads(const struct v1_exchange *x, const struct v1_message *row,
    const struct isakmp_msg *m, struct fault *f)
{
	const struct v1_payload *p;
	uint8_t type;

	for (p = x->kind->payloads; p->type != V1_NOTHING; p++) {
		type = p->type == V1_AUTH ? x->kind->proof(x, m) : p->type;
		if (type != V1_NOTHING && check_number(row, p, type, m, f) != 0)
			return (-1);
	}
	return (0);
}

static int
take_payloads(struct v1_exchange *x, const struct v1_message *row,
    const struct isakmp_msg *m, struct fault *f)
{
	const struct v1_payload *p;
	uint8_t type;
	size_t i;
	int r;

	for (p = x->kind->payloads; p->type != V1_NOTHING; p++) {
		if (!v1_listed(row->must, p->type) && !v1_listed(row->may, p->type))
			continue;
		type = p->type;
		if (type == V1_AUTH) {
			type = x->kind->proof(x, NULL);
			if (check_number(row, p, type, m, f) != 0)
				return (-1);
		}
		for (i = 0; i < m->n; i++)
			if (plain_type(m->pl[i].type) == type &&
			    (r = p->take(x, &m->pl[i], f)) != 0)
				return (r);
	}
	return (0);
}

/* The likely cause if a message does not decrypt properly: the kind of exchange may know it. */
static int
nonsense(const struct v1_exchange *x, struct fault *f)
{
	if (x->kind->nonsense != NULL)
		x->kind->nonsense(x, f);
	return (-1);
}

/*
 * Decrypts ${m} into ${plain} and parses its payloads; ${iv}, that of the exchange at first, becomes that of the
 * next message.
 */
static int
open_secret(struct v1_exchange *x, struct isakmp_msg *m, uint8_t iv[BLOCK_MAX], uint8_t *plain,
    struct fault *f)
{
	struct v1_message_keys k;
	enum v1_opened opened;
	int r;

	if ((r = x->kind->keys(x, f)) != 0)
		return (r);
	k = v1_sa_message_keys(x->sa);
	memcpy(iv, x->iv, BLOCK_MAX);
	opened = v1_message_open(&k, iv, m, plain, f);
	if (opened == V1_UNDECRYPTED)
		return (-1);
	memcpy(x->iv_refused, iv, BLOCK_MAX);
	x->has_iv_refused = true;
	return (opened == V1_OPENED ? 0 : nonsense(x, f));
}

/*
 * Decrypts and parses the message of ${row}. On success x->iv has advanced. On failure, or IKE_LATER,
 * only values have changed that a later valid message overwrites, and ${*proven} is true if the message
 * was authenticated.
 */
static int
take_row(struct v1_exchange *x, const struct v1_message *row, const struct isakmp_hdr *h,
    struct span dgram, struct ike_outbox *out, bool *proven, struct fault *f)
{
	uint8_t buf[ISAKMP_MSG_MAX], iv[BLOCK_MAX];
	struct isakmp_msg m = { .hdr = *h, .raw = span_of(dgram.p, h->length) };
	bool secret = (h->flags & ISAKMP_FLAG_ENCRYPTED) != 0;
	int r;

	if (secret != (row->cover == V1_SECRET) && row->cover != V1_EITHER)
		return (fault(f, FAULT_PROTOCOL, "it is %s", secret ?
		    "encrypted before there are keys" : "not encrypted"));
	r = secret ? open_secret(x, &m, iv, buf, f) : isakmp_chain_get(&m,
	    span_of(m.raw.p + ISAKMP_HDR_LEN, m.raw.len - ISAKMP_HDR_LEN), false, f);
	if (r != 0)
		return (r);
	if (check_payloads(x, row, &m, f) != 0)
		return (secret ? nonsense(x, f) : -1);
	if (x->kind->verify != NULL) {
		if (x->kind->verify(x, &m, f) != 0)
			return (-1);
		*proven = true;
	}
	if ((r = take_payloads(x, row, &m, f)) != 0 ||
	    (row->after != NULL && (r = row->after(x, out, f)) != 0))
		return (r);
	if (secret)
		memcpy(x->iv, iv, sizeof(iv));
	return (0);
}

/* Drops the message that ${f} is about. */
static void
drop(struct v1_exchange *x, struct now now, bool proven, struct ike_outbox *out, struct fault *f)
{
	x->dropped++;
	proven = proven || x->proven;
	f->evidence = proven ? EVIDENCE_PROVEN : EVIDENCE_CLEAR;
	v1_exchange_where(x, x->at, f);
	if (!proven && x->sa->ike.state == IKE_SA_HALF_OPEN)
		ike_sa_try_failed(&x->sa->ike, now);
	/*
	 * It does not begin an exchange of the peer's. It may answer another tool that uses the same SA, whose
	 * message ID this process does not know.
	 */
	if (x->kind->verify != NULL && x->role == SA_RESPONDER && x->at == 0 && !proven) {
		ike_sa_note(&x->sa->ike, out, NOTE_DEBUG, "a message of %s under an unknown message ID begins no exchange: ignored",
		    x->kind->name);
		return;
	}
	if (x->kind->refused != NULL)
		x->kind->refused(x, f, out);
	x->kind->forget(x);
	/* HASH(2) covers our nonce: no other answer will come. HASH(1) may be an old one's. */
	if (proven && x->role == SA_INITIATOR)
		v1_exchange_fail(x, now, f);
	else
		v1_exchange_hint(x, now, f, out);
}

/* Handles the message that is the peer's turn to send. */
static bool
receive(struct v1_exchange *x, struct now now, const struct isakmp_hdr *h, struct span dgram,
    const uint8_t digest[HASH_MAX], struct ike_outbox *out)
{
	static const uint8_t none[COOKIE_LEN];
	struct fault f = {0};
	uint8_t *cky_r = x->sa->ike.spi_r;
	bool first_answer, proven = false;
	int r;

	x->proven = false;
	x->flags_in = h->flags;
	/* The responder's cookie counts from the first message that proves good. */
	first_answer = memcmp(cky_r, none, COOKIE_LEN) == 0;
	if (first_answer)
		memcpy(cky_r, h->cky_r, COOKIE_LEN);
	r = take_row(x, &x->kind->rows[x->at], h, dgram, out, &proven, &f);
	x->answer = NULL;
	if (r == IKE_LATER && first_answer)
		memset(cky_r, 0, COOKIE_LEN);
	if (r == IKE_LATER && v1_exchange_wait(x, now, dgram, digest, out, &f) == 0) {
		x->kind->forget(x);
		return (true);
	}
	if (r != 0) {
		/* Its refusal has the cookie that it came with: by it the peer knows which of its SAs is meant. */
		drop(x, now, proven, out, &f);
		if (first_answer)
			memset(cky_r, 0, COOKIE_LEN);
		return (false);
	}
	memcpy(x->got, digest, sizeof(x->got));
	v1_exchange_wait_end(x);
	x->has_got = true;
	x->answered = false;
	x->has_iv_refused = false;
	x->why = (struct fault){0};
	x->invalid = 0;
	x->resend_ms = UINT64_MAX;
	x->give_up_ms = now.ms + x->sa->ike.policy->timeout_ms;
	x->at++;
	ike_sa_note(&x->sa->ike, out, NOTE_DEBUG, "%s, message %zu: the %s %s", x->kind->name, x->at,
	    x->role == SA_INITIATOR ? "responder" : "initiator",
	    x->kind->rows[x->at - 1].story);
	ike_sa_follow(&x->sa->ike, now, out);
	if (v1_exchange_run(x, now, out, &f) != 0)
		v1_exchange_fail(x, now, &f);
	return (true);
}

/*
 * A message that came again is answered where the answer went before. An initiator that has moved to port 4500 may hear
 * from port 500 of the same address.
 */
static bool
may_answer_again(const struct ike_sa *sa)
{
	if (sa->role == SA_INITIATOR)
		return (addr_cmp(&sa->from_remote.addr, &sa->remote.at.addr) == 0);
	return (endpoint_eq(&sa->from_remote, &sa->remote.at));
}

/*
 * It came from another port of the address where the answer went: the NAT in front of the peer has a new mapping, and the
 * answer is lost. It goes to that port too; only a message that is new shows where the peer is.
 */
static void
answer_there(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	struct ike_sa *sa = &x->sa->ike;
	const struct ike_end local = sa->local, remote = sa->remote;

	if (sa->role != SA_RESPONDER || (sa->state != IKE_SA_HALF_OPEN && !sa->natt.remote_nat) || sa->natt.tcp ||
	    addr_cmp(&sa->from_remote.addr, &sa->remote.at.addr) != 0 || addr_cmp(&sa->from_local.addr, &sa->local.at.addr) != 0)
		return;
	sa->local.at = sa->from_local;
	sa->remote.at = sa->from_remote;
	v1_exchange_again(x, now, out);
	sa->local = local;
	sa->remote = remote;
}

bool
v1_exchange_came_again(const struct v1_exchange *x, const struct isakmp_hdr *h, struct span dgram)
{
	uint8_t digest[HASH_MAX] = {0};
	struct span raw = span_of(dgram.p, h->length);

	return (x->has_got && hash_parts(alg_hash_word("sha256"), digest, &raw, 1, NULL) == 0 &&
	    memcmp(digest, x->got, sizeof(x->got)) == 0);
}

bool
v1_exchange_datagram(struct v1_exchange *x, struct now now, const struct isakmp_hdr *h,
    struct span dgram, struct ike_outbox *out)
{
	uint8_t digest[HASH_MAX] = {0};
	struct span raw = span_of(dgram.p, h->length);

	x->now = now;
	if (hash_parts(alg_hash_word("sha256"), digest, &raw, 1, NULL) != 0)
		return (false);
	if (x->has_got && memcmp(digest, x->got, sizeof(x->got)) == 0) {
		if (x->answered && !x->failed && may_answer_again(&x->sa->ike)) {
			ike_sa_note(&x->sa->ike, out, NOTE_DEBUG, "%s: message %zu came again, answered as before",
			    x->kind->name, x->at);
			v1_exchange_again(x, now, out);
		} else if (x->answered && !x->failed)
			answer_there(x, now, out);
		return (false);
	}
	if (x->over || v1_exchange_waits(x) || x->kind->rows[x->at].from == x->role)
		return (false);
	/* The answer was negative: a retransmission does not ask again. */
	if (x->wait != NULL && memcmp(digest, x->wait->digest, sizeof(digest)) == 0)
		return (false);
	return (receive(x, now, h, dgram, digest, out));
}

bool
v1_exchange_answer(struct v1_exchange *x, struct now now, const struct ike_answer *answer,
    struct ike_outbox *out)
{
	struct bytes dgram = {0};
	struct isakmp_hdr h;
	struct fault f = {0};

	if (!v1_exchange_waits(x))
		return (false);
	x->wait->answered = true;
	x->now = now;
	x->answer = answer;
	x->give_up_ms = now.ms + x->sa->ike.policy->timeout_ms;
	if (x->wait->dgram.len == 0) {
		v1_exchange_wait_end(x);
		if (v1_exchange_run(x, now, out, &f) != 0)
			v1_exchange_fail(x, now, &f);
	} else {
		dgram = x->wait->dgram;
		x->wait->dgram = (struct bytes){0};
		x->sa->ike.from_local = x->wait->local;
		x->sa->ike.from_remote = x->wait->remote;
		/* Should the message be dropped now, the exchange goes on as it was. */
		if (v1_exchange_has_sent(x))
			v1_exchange_resend_later(x, now);
		if (isakmp_hdr_get(&h, bytes_span(&dgram), &f) == 0)
			(void)receive(x, now, &h, bytes_span(&dgram), x->wait->digest, out);
		bytes_free(&dgram);
	}
	x->answer = NULL;
	return (true);
}
