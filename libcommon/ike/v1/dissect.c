#include "ike/v1/dissect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "ike/v1/keys.h"
#include "ike/v1/sa_attr.h"

/* Bounds on what is kept of messages. */
#define KE_KEPT		1024
#define NONCE_KEPT	256
#define BODY_KEPT	16384
#define DIGEST_KEPT	16

struct exchange {
	struct exchange	*next;
	uint8_t		 number;	/* enum isakmp_exchange */
	uint32_t	 mid;
	unsigned	 messages;
	bool		 by_initiator;	/* of the IKE SA: who sent its first message */
	uint8_t		 tail[BLOCK_MAX];	/* last bytes of the encrypted message before */
	bool		 has_tail;
	uint8_t		 ni_len, nr_len;	/* 0: not seen */
	uint8_t		 ni[NONCE_KEPT], nr[NONCE_KEPT];
	unsigned	 n_seen;
	struct { uint64_t number; unsigned times; uint8_t digest[DIGEST_KEPT]; } seen[V1_TRACE_AGAIN];
};

struct trace_sa {
	struct trace_sa	*next;
	unsigned	 number;
	uint8_t		 cky_i[COOKIE_LEN], cky_r[COOKIE_LEN];
	bool		 has_cky_r, sure;
	struct endpoint	 left, right;		/* the initiator and the responder */
	struct exchange	*exchanges;		/* latest first */
	size_t		 n_exchanges;
	const struct alg_hash *hash;		/* that the responder chose */
	struct bytes	 sai_b, gxi, gxr, idii_b;
};

struct v1_trace {
	const struct sa_set	*keys;
	struct trace_sa		*sas;		/* latest first */
	size_t			 n_sas;
	unsigned		 numbered;
	struct secret		 plain;		/* of the message in hand */
};

/* --- what is kept --- */

struct v1_trace *
v1_trace_new(const struct sa_set *keys)
{
	struct v1_trace *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return (NULL);
	t->keys = keys;
	if (secret_make(&t->plain, ISAKMP_MSG_MAX) == NULL) {
		free(t);
		return (NULL);
	}
	return (t);
}

static void
sa_free(struct trace_sa *sa)
{
	struct exchange *x;

	while ((x = sa->exchanges) != NULL) {
		sa->exchanges = x->next;
		free(x);
	}
	bytes_free(&sa->sai_b);
	bytes_free(&sa->gxi);
	bytes_free(&sa->gxr);
	bytes_free(&sa->idii_b);
	free(sa);
}

void
v1_trace_free(struct v1_trace *t)
{
	struct trace_sa *sa;

	if (t == NULL)
		return;
	while ((sa = t->sas) != NULL) {
		t->sas = sa->next;
		sa_free(sa);
	}
	secret_free(&t->plain);
	free(t);
}

static void
keep(struct bytes *b, struct span v, size_t max)
{
	if (v.len <= max)
		(void)bytes_set(b, v);	/* without memory for it, less can be opened */
}

/* --- which IKE SA, which exchange --- */

static bool
zero(const uint8_t *cookie)
{
	return (get_be64(cookie) == 0);
}

static bool
phase1(uint8_t exchange)
{
	return (exchange == EXCHANGE_MAIN || exchange == EXCHANGE_AGGRESSIVE ||
	    exchange == EXCHANGE_BASE || exchange == EXCHANGE_AUTH_ONLY);
}

/* The record of these cookies; of either end, as both hold the same keys. */
static const struct sa_ike *
find_keys(const struct v1_trace *t, const struct trace_sa *sa)
{
	uint8_t id[2 * COOKIE_LEN];

	if (t->keys == NULL || !sa->has_cky_r)
		return (NULL);
	memcpy(id, sa->cky_i, COOKIE_LEN);
	memcpy(id + COOKIE_LEN, sa->cky_r, COOKIE_LEN);
	return (sa_set_ike(t->keys, id));
}

static bool
is(const struct endpoint *a, const struct endpoint *b, bool ports)
{
	return (ports ? endpoint_eq(a, b) : addr_cmp(&a->addr, &b->addr) == 0);
}

/* Which of the two ends is the initiator, by the addresses of the record (which may be NULL). */
static void
ask_record(struct trace_sa *sa, const struct sa_ike *keys)
{
	const struct endpoint *i, *r;
	struct endpoint was = sa->left;
	bool ports;

	if (keys == NULL)
		return;
	i = keys->role == SA_INITIATOR ? &keys->local.at : &keys->remote.at;
	r = keys->role == SA_INITIATOR ? &keys->remote.at : &keys->local.at;
	ports = addr_cmp(&i->addr, &r->addr) == 0;
	if (is(&sa->left, i, ports) || is(&sa->right, r, ports))
		sa->sure = true;
	else if (is(&sa->right, i, ports) || is(&sa->left, r, ports)) {
		sa->left = sa->right;
		sa->right = was;
		sa->sure = true;
	}
}

static struct trace_sa *
new_sa(struct v1_trace *t, const struct isakmp_hdr *h, const struct v1_seen *in)
{
	struct trace_sa *sa, *old, **last;
	if (t->n_sas == V1_TRACE_SAS) {
		for (last = &t->sas; (old = *last) != NULL && old->next != NULL; last = &old->next)
			;
		*last = NULL;
		if (old != NULL)
			sa_free(old);
		t->n_sas--;
	}
	if ((sa = calloc(1, sizeof(*sa))) == NULL)
		return (NULL);
	sa->number = ++t->numbered;
	memcpy(sa->cky_i, h->cky_i, COOKIE_LEN);
	if (!zero(h->cky_r)) {
		memcpy(sa->cky_r, h->cky_r, COOKIE_LEN);
		sa->has_cky_r = true;
	}
	/* Message 1 shows who the initiator is; later on, a record may know. */
	sa->sure = !sa->has_cky_r && phase1(h->exchange);
	sa->left = in->src;
	sa->right = in->dst;
	if (!sa->sure)
		ask_record(sa, find_keys(t, sa));
	sa->next = t->sas;
	t->sas = sa;
	t->n_sas++;
	return (sa);
}

static struct trace_sa *
find_sa(struct v1_trace *t, const struct isakmp_hdr *h)
{
	struct trace_sa *sa, **p;

	for (p = &t->sas; (sa = *p) != NULL; p = &sa->next) {
		if (memcmp(sa->cky_i, h->cky_i, COOKIE_LEN) != 0)
			continue;
		if (sa->has_cky_r && !zero(h->cky_r) &&
		    memcmp(sa->cky_r, h->cky_r, COOKIE_LEN) != 0)
			continue;
		/* An answer to message 1 that is no message 2 may carry any cookie. */
		if (!sa->has_cky_r && !zero(h->cky_r) && phase1(h->exchange)) {
			memcpy(sa->cky_r, h->cky_r, COOKIE_LEN);
			sa->has_cky_r = true;
		}
		*p = sa->next;
		sa->next = t->sas;
		t->sas = sa;
		return (sa);
	}
	return (NULL);
}

static struct exchange *
find_exchange(struct trace_sa *sa, const struct isakmp_hdr *h)
{
	struct exchange *x, **p;

	for (p = &sa->exchanges; (x = *p) != NULL; p = &x->next) {
		if (x->number == h->exchange && x->mid == h->mid) {
			*p = x->next;
			sa->n_exchanges--;
			break;
		}
	}
	if (x == NULL) {
		if (sa->n_exchanges == V1_TRACE_EXCHANGES) {
			for (p = &sa->exchanges; (x = *p) != NULL && x->next != NULL; p = &x->next)
				;
			free(x);
			*p = NULL;
			sa->n_exchanges--;
		}
		if ((x = calloc(1, sizeof(*x))) == NULL)
			return (NULL);
		x->number = h->exchange;
		x->mid = h->mid;
	}
	x->next = sa->exchanges;
	sa->exchanges = x;
	sa->n_exchanges++;
	return (x);
}

/* Whether the initiator sent it. Ports decide where both ends are at one address. */
static bool
from_left(const struct trace_sa *sa, const struct exchange *x, const struct v1_seen *in)
{
	bool src_left = addr_cmp(&in->src.addr, &sa->left.addr) == 0;
	bool src_right = addr_cmp(&in->src.addr, &sa->right.addr) == 0;

	if (endpoint_eq(&in->src, &sa->left) || endpoint_eq(&in->dst, &sa->right))
		return (true);
	if (endpoint_eq(&in->src, &sa->right) || endpoint_eq(&in->dst, &sa->left))
		return (false);
	if (src_left != src_right)
		return (src_left);
	/* Both ends moved at once, and from one address: turn by turn, as phase 1 goes. */
	return (x->messages == 0 || (x->messages % 2 == 0) == x->by_initiator);
}

/* --- known again --- */

/* True if ${in} was seen before in ${x}; remembers it otherwise. */
static bool
seen_again(struct exchange *x, const struct v1_seen *in, struct v1_told *out)
{
	uint8_t digest[HASH_MAX];
	unsigned i;

	if (hash_parts(alg_hash_word("sha256"), digest, &in->data, 1, NULL) != 0)
		return (false);
	for (i = 0; i < x->n_seen && i < V1_TRACE_AGAIN; i++)
		if (memcmp(x->seen[i].digest, digest, DIGEST_KEPT) == 0) {
			out->again_of = x->seen[i].number;
			out->again = ++x->seen[i].times;
			out->message = 0;
			return (true);
		}
	i = x->n_seen++ % V1_TRACE_AGAIN;
	x->seen[i].number = in->number;
	x->seen[i].times = 0;
	memcpy(x->seen[i].digest, digest, DIGEST_KEPT);
	return (false);
}

/* --- opening --- */

/*
 * The IV of the message in hand: the last cipher block of the one before, whether or not that could be
 * opened; of the first, what RFC 2409 appendix B makes it of.
 */
static bool
find_iv(const struct trace_sa *sa, const struct exchange *x, const struct sa_ike *keys,
    const struct alg_hash *h, const struct alg_enc *e, uint8_t iv[BLOCK_MAX])
{
	if (x->has_tail) {
		memcpy(iv, x->tail + BLOCK_MAX - e->block, e->block);
		return (true);
	}
	if (phase1(x->number))
		return (sa->gxi.len > 0 && sa->gxr.len > 0 &&
		    v1_phase1_iv(h, e, bytes_span(&sa->gxi), bytes_span(&sa->gxr), iv, NULL) == 0);
	return (keys->iv_len == e->block && v1_message_iv(h, e, keys->iv, x->mid, iv, NULL) == 0);
}

/* Decrypts into t->plain and reads the payloads there. */
static enum v1_open
open_message(struct v1_trace *t, const struct trace_sa *sa, const struct exchange *x,
    struct span body, struct v1_told *out)
{
	const struct sa_ike *keys = out->keys;
	const struct alg_enc *e;
	const struct alg_hash *h;
	uint8_t iv[BLOCK_MAX];

	if (keys == NULL || (e = alg_enc_name(keys->encryption, keys->key_bits)) == NULL ||
	    (h = alg_hash_word(keys->hash)) == NULL || e->ike == 0 ||
	    keys->cipher.len != e->key_len)
		return (V1_OPEN_NO_KEYS);
	if (!find_iv(sa, x, keys, h, e, iv))
		return (V1_OPEN_NO_IV);
	if (body.len == 0 || body.len % e->block != 0) {
		(void)fault(&out->why, FAULT_MALFORMED, "%zu encrypted bytes are no whole blocks",
		    body.len);
		return (V1_OPEN_BAD);
	}
	memcpy(t->plain.p, body.p, body.len);
	if (cbc_decrypt(e, secret_span(&keys->cipher), iv, t->plain.p, body.len, &out->why) != 0)
		return (V1_OPEN_BAD);
	if (isakmp_chain_get(&out->msg, span_of(t->plain.p, body.len), true, &out->why) != 0)
		return (V1_OPEN_BAD);
	out->readable = true;
	return (V1_OPEN_DONE);
}

/* The next message's IV is at the end of this one. */
static void
keep_tail(struct exchange *x, struct span body)
{
	size_t n = body.len < BLOCK_MAX ? body.len : BLOCK_MAX;

	if (n == 0)
		return;
	memset(x->tail, 0, BLOCK_MAX);
	memcpy(x->tail + BLOCK_MAX - n, body.p + body.len - n, n);
	x->has_tail = true;
}

/* --- proofs --- */

static struct span
rest_of(const struct isakmp_msg *m)
{
	const uint8_t *from = m->pl[0].raw.p + m->pl[0].raw.len;
	const struct isakmp_payload *last = &m->pl[m->n - 1];

	return (span_of(from, (size_t)(last->raw.p + last->raw.len - from)));
}

/* HASH(1) to HASH(3), by the place of the message in its exchange. */
static int
late_hash(const struct exchange *x, const struct sa_ike *keys, const struct alg_hash *h,
    const struct v1_told *m, uint8_t out[HASH_MAX])
{
	struct span a = secret_span(&keys->skeyid_a), rest = rest_of(&m->msg);
	struct span ni = span_of(x->ni, x->ni_len), nr = span_of(x->nr, x->nr_len);

	if (x->number != EXCHANGE_QUICK || m->message == 1)
		return (v1_quick_hash1(h, a, x->mid, rest, out, NULL));
	if (m->message == 2 && ni.len > 0)
		return (v1_quick_hash2(h, a, x->mid, ni, rest, out, NULL));
	if (m->message == 3 && ni.len > 0 && nr.len > 0)
		return (v1_quick_hash3(h, a, x->mid, ni, nr, out, NULL));
	return (-1);
}

static int
phase1_hash(const struct trace_sa *sa, const struct sa_ike *keys, const struct alg_hash *h,
    const struct v1_told *m, uint8_t out[HASH_MAX])
{
	const struct isakmp_payload *p = isakmp_find(&m->msg, PAYLOAD_ID, NULL);
	struct span id = p != NULL ? p->body : SPAN_NONE;

	/* An aggressive mode's third message proves the identity that was in the first. */
	if (p == NULL && m->by_initiator)
		id = bytes_span(&sa->idii_b);
	if (id.len == 0 || keys->skeyid.len == 0 || sa->sai_b.len == 0 || sa->gxi.len == 0 ||
	    sa->gxr.len == 0)
		return (-1);
	return ((m->by_initiator ? v1_hash_i : v1_hash_r)(h, secret_span(&keys->skeyid),
	    bytes_span(&sa->gxi), bytes_span(&sa->gxr), sa->cky_i, sa->cky_r,
	    bytes_span(&sa->sai_b), id, out, NULL));
}

static enum v1_proof
prove(const struct trace_sa *sa, const struct exchange *x, const struct v1_told *m)
{
	const struct isakmp_payload *hash = isakmp_find(&m->msg, PAYLOAD_HASH, NULL);
	const struct alg_hash *h;
	uint8_t expected[HASH_MAX];
	int rc;

	if (hash == NULL)
		return (V1_PROOF_NONE);
	if (m->keys == NULL || (h = alg_hash_word(m->keys->hash)) == NULL)
		return (V1_PROOF_UNKNOWN);
	if (phase1(x->number))
		rc = phase1_hash(sa, m->keys, h, m, expected);
	else
		rc = hash == m->msg.pl ? late_hash(x, m->keys, h, m, expected) : -1;
	if (rc != 0)
		return (V1_PROOF_UNKNOWN);
	return (ct_eq(hash->body, span_of(expected, h->len)) ? V1_PROOF_GOOD : V1_PROOF_BAD);
}

/* --- what later messages need of this one --- */

static void
remember(struct trace_sa *sa, struct exchange *x, const struct v1_told *m)
{
	const struct isakmp_payload *p;
	struct ike_proposal chosen;

	if ((p = isakmp_find(&m->msg, PAYLOAD_NONCE, NULL)) != NULL && p->body.len < NONCE_KEPT) {
		bool first = m->by_initiator == x->by_initiator;

		memcpy(first ? x->ni : x->nr, p->body.p, p->body.len);
		*(first ? &x->ni_len : &x->nr_len) = (uint8_t)p->body.len;
	}
	if (!phase1(x->number))
		return;
	if ((p = isakmp_find(&m->msg, PAYLOAD_KE, NULL)) != NULL)
		keep(m->by_initiator ? &sa->gxi : &sa->gxr, p->body, KE_KEPT);
	if (m->by_initiator && (p = isakmp_find(&m->msg, PAYLOAD_ID, NULL)) != NULL)
		keep(&sa->idii_b, p->body, BODY_KEPT);
	if ((p = isakmp_find(&m->msg, PAYLOAD_SA, NULL)) != NULL) {
		if (m->by_initiator)
			keep(&sa->sai_b, p->body, BODY_KEPT);
		else
			sa->hash = v1_sa_chosen(p->body, &chosen, NULL) ? chosen.hash : NULL;
	}
}

/* --- all of it --- */

static int
take(struct v1_trace *t, struct trace_sa *sa, struct exchange *x, const struct v1_seen *in,
    struct v1_told *out)
{
	struct span body;

	out->by_initiator = from_left(sa, x, in);
	out->sure = sa->sure;
	if (x->messages == 0)
		x->by_initiator = out->by_initiator;
	/* Moved: both ports changed. A NAT may change one alone, which is no news of the protocol. */
	out->moved_from = out->by_initiator ? sa->left : sa->right;
	out->moved = !out->new_sa && in->src.port != out->moved_from.port &&
	    in->dst.port != (out->by_initiator ? sa->right : sa->left).port;
	sa->left = out->by_initiator ? in->src : in->dst;
	sa->right = out->by_initiator ? in->dst : in->src;
	if (in->lost == 0 && seen_again(x, in, out))
		return (0);
	out->message = ++x->messages;
	if ((out->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) == 0)
		out->readable = isakmp_msg_get(&out->msg, in->data, &out->why) == 0;
	else {
		body = span_of(out->msg.raw.p + ISAKMP_HDR_LEN, out->msg.raw.len - ISAKMP_HDR_LEN);
		out->open = open_message(t, sa, x, body, out);
		keep_tail(x, body);
	}
	if (out->readable) {
		/* The hash that NAT-D payloads of this very message go by may be in it. */
		remember(sa, x, out);
		out->proof = prove(sa, x, out);
	}
	out->words.hash = sa->hash;
	return (0);
}

int
v1_trace_take(struct v1_trace *t, const struct v1_seen *in, struct v1_told *out, struct fault *f)
{
	struct trace_sa *sa;
	struct exchange *x;

	*out = (struct v1_told){0};
	if (isakmp_hdr_get(&out->msg.hdr, in->data, f) != 0) {
		/* Cut by the capture: then the header is all there is. */
		if (in->data.len < ISAKMP_HDR_LEN || out->msg.hdr.length < ISAKMP_HDR_LEN ||
		    out->msg.hdr.length > in->data.len + in->lost)
			return (-1);
	}
	if (out->msg.hdr.version >> 4 != ISAKMP_VERSION_1 >> 4)
		return (fault(f, FAULT_WRONG_VERSION, "version %u.%u of IKE",
		    out->msg.hdr.version >> 4, out->msg.hdr.version & 15U));
	if (zero(out->msg.hdr.cky_i))
		return (fault(f, FAULT_MALFORMED, "an initiator cookie of zero"));
	if ((sa = find_sa(t, &out->msg.hdr)) == NULL) {
		sa = new_sa(t, &out->msg.hdr, in);
		out->new_sa = true;
	}
	if (sa == NULL || (x = find_exchange(sa, &out->msg.hdr)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an exchange"));
	out->sa = sa->number;
	out->keys = find_keys(t, sa);
	out->words = (struct v1_words_of){
		.hdr = &out->msg.hdr, .phase1 = phase1(out->msg.hdr.exchange),
		.src = &in->src, .dst = &in->dst,
	};
	if (out->msg.hdr.length > in->data.len) {
		out->message = ++x->messages;
		out->by_initiator = from_left(sa, x, in);
		(void)fault(&out->why, FAULT_TRUNCATED, "%zu bytes were not captured", in->lost);
		return (0);
	}
	out->msg.raw = span_of(in->data.p, out->msg.hdr.length);
	return (take(t, sa, x, in, out));
}

const char *
v1_mode_name(uint8_t exchange, char buf[NUM_TEXT])
{
	switch (exchange) {
	case EXCHANGE_MAIN:
		return ("main mode");
	case EXCHANGE_AGGRESSIVE:
		return ("aggressive mode");
	case EXCHANGE_QUICK:
		return ("quick mode");
	case EXCHANGE_INFO:
		return ("informational");
	case EXCHANGE_TRANSACTION:
		return ("transaction");
	case EXCHANGE_NEW_GROUP:
		return ("new group mode");
	default:
		return (isakmp_exchange_name(exchange, buf));
	}
}

char *
v1_told_words(char *out, size_t cap, const struct v1_told *m, size_t i, bool reveal)
{
	struct v1_words_of of = m->words;
	size_t j;

	of.reveal = reveal;
	of.nth = 0;
	for (j = 0; j < i; j++)
		of.nth += m->msg.pl[j].type == m->msg.pl[i].type;
	return (v1_payload_words(out, cap, &m->msg.pl[i], &of));
}

/* "SA, KE, NONCE, VID x5" */
static void
summary(struct sa_text *t, const struct isakmp_msg *m)
{
	char name[NUM_TEXT];
	size_t i, n;

	for (i = 0; i < m->n; i += n) {
		for (n = 1; i + n < m->n && m->pl[i + n].type == m->pl[i].type; n++)
			;
		sa_text_add(t, "%s%s", i > 0 ? ", " : "", isakmp_payload_name(m->pl[i].type, name));
		if (n > 1)
			sa_text_add(t, " x%zu", n);
	}
}

char *
v1_told_label(char *out, size_t cap, const struct v1_told *m)
{
	struct sa_text t = { out, cap, 0 };
	char name[NUM_TEXT];

	if (cap > 0)
		out[0] = '\0';
	sa_text_add(&t, "%s", v1_mode_name(m->msg.hdr.exchange, name));
	if (m->again_of == 0)
		sa_text_add(&t, " %u", m->message);
	if ((m->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0 && m->again_of == 0)
		sa_text_add(&t, "*");
	if (m->msg.hdr.mid != 0)
		sa_text_add(&t, " [%08x]", m->msg.hdr.mid);
	if (m->again_of != 0) {
		sa_text_add(&t, " again");
		return (out);
	}
	sa_text_add(&t, ": ");
	if (m->readable)
		summary(&t, &m->msg);
	else
		sa_text_add(&t, "%u bytes", m->msg.hdr.length);
	return (out);
}

/* Exchange and place, and what the message is for. */
static const struct { uint8_t exchange; unsigned message; const char *story; } stories[] = {
	{ EXCHANGE_MAIN, 1, "the initiator proposes: ciphers, hashes, groups, and what it can do besides" },
	{ EXCHANGE_MAIN, 2, "the responder chooses one proposal" },
	{ EXCHANGE_MAIN, 3, "the initiator's half of the key exchange" },
	{ EXCHANGE_MAIN, 4, "the responder's half: both now compute SKEYID, and encrypt from here on" },
	{ EXCHANGE_MAIN, 5, "the initiator names itself and proves that it has the key" },
	{ EXCHANGE_MAIN, 6, "the responder does the same: the IKE SA stands" },
	{ EXCHANGE_AGGRESSIVE, 1, "the initiator proposes, sends its half of the key exchange and its name, in clear" },
	{ EXCHANGE_AGGRESSIVE, 2, "the responder chooses, sends its half and its name, and proves itself" },
	{ EXCHANGE_AGGRESSIVE, 3, "the initiator proves itself: the IKE SA stands" },
	{ EXCHANGE_QUICK, 1, "a child SA is proposed, for the traffic of the two IDs" },
	{ EXCHANGE_QUICK, 2, "the other end chooses a proposal and names its SPI" },
	{ EXCHANGE_QUICK, 3, "the proof that message 2 was answered now: the child SA stands" },
	{ EXCHANGE_INFO, 1, "a word under way: a notify or a delete, which nobody answers by itself" },
	{ EXCHANGE_TRANSACTION, 1, "mode config or XAuth: a request, or values set" },
	{ EXCHANGE_TRANSACTION, 2, "the answer to it" },
};

const char *
v1_told_story(const struct v1_told *m)
{
	size_t i;

	for (i = 0; m->again_of == 0 && i < sizeof(stories) / sizeof(stories[0]); i++)
		if (stories[i].exchange == m->msg.hdr.exchange && stories[i].message == m->message)
			return (stories[i].story);
	return (NULL);
}
