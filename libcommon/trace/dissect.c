#include "trace/dissect_priv.h"

#include "ike/v1/keys.h"
#include "ike/v1/sa_payload_attr.h"

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
	if (dissect_phase1(x->number))
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
	if (dissect_phase1(x->number))
		rc = phase1_hash(sa, m->keys, h, m, expected);
	else
		rc = hash == m->msg.pl ? late_hash(x, m->keys, h, m, expected) : -1;
	if (rc != 0)
		return (V1_PROOF_UNKNOWN);
	return (ct_eq(hash->body, span_of(expected, h->len)) ? V1_PROOF_GOOD : V1_PROOF_BAD);
}

/* --- what later messages need of this one --- */

static void
keep(struct bytes *b, struct span v, size_t max)
{
	if (v.len <= max)
		(void)bytes_set(b, v);	/* without memory for it, less can be opened */
}

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
	if (!dissect_phase1(x->number))
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

/* A whole message, of which out->msg has the header and, unless it is encrypted, what is in it. */
static void
message(struct v1_trace *t, struct trace_sa *sa, struct exchange *x, struct v1_told *out)
{
	struct span body;

	out->message = ++x->messages;
	if ((out->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0) {
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
}

/* One fragment; with the last that lacked, ${out} becomes the message that they make. */
static void
fragment(struct v1_trace *t, struct trace_sa *sa, struct v1_told *out)
{
	struct isakmp_hdr h;
	struct exchange *x;
	unsigned n;

	if (!dissect_frag(&sa->frags[out->by_initiator], out->msg.pl[0].body, &t->whole, &n))
		return;
	/* What is no message of this IKE SA stays what it was: a fragment. */
	if (isakmp_hdr_get(&h, bytes_span(&t->whole), NULL) != 0 ||
	    memcmp(h.cky_i, sa->cky_i, COOKIE_LEN) != 0 ||
	    (sa->has_cky_r && memcmp(h.cky_r, sa->cky_r, COOKIE_LEN) != 0) ||
	    (x = dissect_find_exchange(sa, &h)) == NULL)
		return;
	out->fragments = n;
	out->msg = (struct isakmp_msg){ .hdr = h, .raw = span_of(t->whole.p, h.length) };
	out->words.phase1 = dissect_phase1(h.exchange);
	out->readable = (h.flags & ISAKMP_FLAG_ENCRYPTED) == 0 &&
	    isakmp_msg_get(&out->msg, out->msg.raw, &out->why) == 0;
	message(t, sa, x, out);
}

static int
take(struct v1_trace *t, struct trace_sa *sa, struct exchange *x, const struct v1_seen *in,
    struct v1_told *out)
{
	out->by_initiator = dissect_from_left(sa, x, in);
	out->sure = sa->sure;
	if (x->messages == 0)
		x->by_initiator = out->by_initiator;
	/* Moved: both ports changed. A NAT may change one alone, which is no news of the protocol. */
	out->moved_from = out->by_initiator ? sa->left : sa->right;
	out->moved = !out->new_sa && in->src.port != out->moved_from.port &&
	    in->dst.port != (out->by_initiator ? sa->right : sa->left).port;
	sa->left = out->by_initiator ? in->src : in->dst;
	sa->right = out->by_initiator ? in->dst : in->src;
	if (in->lost == 0 && dissect_seen_again(x, in, out))
		return (0);
	if ((out->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) == 0)
		out->readable = isakmp_msg_get(&out->msg, in->data, &out->why) == 0;
	if (out->readable && out->msg.n == 1 && out->msg.pl[0].type == PAYLOAD_FRAG)
		fragment(t, sa, out);
	else
		message(t, sa, x, out);
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
	if (dissect_zero(out->msg.hdr.cky_i))
		return (fault(f, FAULT_MALFORMED, "an initiator cookie of zero"));
	if ((sa = dissect_find_sa(t, &out->msg.hdr)) == NULL) {
		sa = dissect_new_sa(t, &out->msg.hdr, in);
		out->new_sa = true;
	}
	if (sa == NULL || (x = dissect_find_exchange(sa, &out->msg.hdr)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an exchange"));
	out->sa = sa->number;
	out->keys = dissect_keys(t, sa);
	out->words = (struct v1_words_of){
		.hdr = &out->msg.hdr, .phase1 = dissect_phase1(out->msg.hdr.exchange),
		.src = &in->src, .dst = &in->dst,
	};
	if (out->msg.hdr.length > in->data.len) {
		out->message = ++x->messages;
		out->by_initiator = dissect_from_left(sa, x, in);
		(void)fault(&out->why, FAULT_TRUNCATED, "%zu bytes were not captured", in->lost);
		return (0);
	}
	out->msg.raw = span_of(in->data.p, out->msg.hdr.length);
	return (take(t, sa, x, in, out));
}
