/* Parses captured messages: decrypts them with the keys of SA state and verifies their hashes. */
#include "trace/dissect_priv.h"

#include "ike/v1base/keys.h"
#include "ike/v1base/message.h"
#include "ike/v1base/sa_payload.h"

/* --- decryption --- */

/* The keys of a record; unknown ones are NULL or empty. */
static struct v1_message_keys
message_keys(const struct sa_ike *s)
{
	return ((struct v1_message_keys){
		.hash = alg_hash_word(s->hash), .enc = alg_enc_name(s->encryption, s->key_bits),
		.cipher = secret_span(&s->cipher), .skeyid_a = secret_span(&s->skeyid_a),
	});
}

/* The IV of the current message. False if a message that it follows from was not seen. */
static bool
find_iv(const struct trace_sa *sa, const struct exchange *x, const struct sa_ike *keys,
    const struct v1_message_keys *k, uint8_t iv[BLOCK_MAX])
{
	if (x->has_tail)
		return (v1_next_iv(k->enc, SPAN_ARRAY(x->tail), iv, NULL) == 0);
	if (dissect_phase1(x->number))
		return (sa->gxi.len > 0 && sa->gxr.len > 0 && v1_phase1_iv(k->hash, k->enc,
		    bytes_span(&sa->gxi), bytes_span(&sa->gxr), iv, NULL) == 0);
	return (keys->iv_len == k->enc->block &&
	    v1_message_iv(k->hash, k->enc, keys->iv, x->mid, iv, NULL) == 0);
}

/* Decrypts into t->plain and parses the payloads there. */
static enum v1_open
open_message(struct v1_trace *t, const struct trace_sa *sa, const struct exchange *x,
    struct v1_told *out)
{
	struct v1_message_keys k;
	uint8_t iv[BLOCK_MAX];

	if (out->keys == NULL)
		return (V1_OPEN_NO_KEYS);
	k = message_keys(out->keys);
	if (k.hash == NULL || k.enc == NULL || k.enc->ike == 0 || k.cipher.len != k.enc->key_len)
		return (V1_OPEN_NO_KEYS);
	if (!find_iv(sa, x, out->keys, &k, iv))
		return (V1_OPEN_NO_IV);
	if (v1_message_open(&k, iv, &out->msg, t->plain.p, &out->why) != V1_OPENED)
		return (V1_OPEN_BAD);
	out->readable = true;
	return (V1_OPEN_DONE);
}

/* Keeps the IV of the next message: the end of this one, whether or not it can be decrypted. */
static void
keep_tail(struct exchange *x, const struct isakmp_msg *m)
{
	struct span body = span_of(m->raw.p + ISAKMP_HDR_LEN, m->raw.len - ISAKMP_HDR_LEN);
	size_t n = body.len < BLOCK_MAX ? body.len : BLOCK_MAX;

	if (n == 0)
		return;
	memset(x->tail, 0, BLOCK_MAX);
	memcpy(x->tail + BLOCK_MAX - n, body.p + body.len - n, n);
	x->has_tail = true;
}

/* --- proofs --- */

/* HASH(1) to HASH(3), by the place of the message in its exchange. HASH(4), with the commit bit, is made as HASH(1). */
static enum v1_proof
prove_late(const struct exchange *x, const struct v1_message_keys *k, const struct v1_told *m)
{
	struct v1_hash_n of = {
		.n = x->number == EXCHANGE_QUICK && m->message != 4 ? m->message : 1,
		.ni_b = span_of(x->ni, x->ni_len), .nr_b = span_of(x->nr, x->nr_len),
	};
	struct fault f;

	if (of.n > 3 || (of.n > 1 && of.ni_b.len == 0) || (of.n > 2 && of.nr_b.len == 0))
		return (V1_PROOF_UNKNOWN);
	if (v1_message_hash_verify(k, &of, &m->msg, &f) == 0)
		return (V1_PROOF_GOOD);
	return (f.code == FAULT_MALFORMED ? V1_PROOF_BAD : V1_PROOF_UNKNOWN);
}

/* The body of the ID payload of the end that sent the message; empty: not captured. */
static struct span
id_of(const struct trace_sa *sa, const struct v1_told *m)
{
	const struct isakmp_payload *p = isakmp_find(&m->msg, PAYLOAD_ID, NULL);

	if (p != NULL)
		return (p->body);
	/* Message 3 of aggressive mode proves the identity of message 1. */
	return (m->by_initiator ? bytes_span(&sa->idii_b) : SPAN_NONE);
}

/* HASH_I or HASH_R, by the sender: its length, or 0 where an input is missing. */
static size_t
hash_ir(const struct trace_sa *sa, const struct v1_told *m, const struct alg_hash *h, uint8_t out[HASH_MAX])
{
	struct span id = id_of(sa, m);

	if (h == NULL || id.len == 0 || m->keys->skeyid.len == 0 || sa->sai_b.len == 0 || sa->gxi.len == 0 ||
	    sa->gxr.len == 0)
		return (0);
	if ((m->by_initiator ? v1_hash_i : v1_hash_r)(h, secret_span(&m->keys->skeyid),
	    bytes_span(&sa->gxi), bytes_span(&sa->gxr), sa->cky_i, sa->cky_r,
	    bytes_span(&sa->sai_b), id, out, NULL) != 0)
		return (0);
	return (h->len);
}

static enum v1_proof
prove_phase1(const struct trace_sa *sa, const struct v1_told *m, const struct alg_hash *h, struct span hash)
{
	uint8_t expected[HASH_MAX];
	size_t n = hash_ir(sa, m, h, expected);

	if (n == 0)
		return (V1_PROOF_UNKNOWN);
	return (ct_eq(hash, span_of(expected, n)) ? V1_PROOF_GOOD : V1_PROOF_BAD);
}

/* The signature of phase 1, if the message has one. */
static void
verify(const struct v1_trace *t, const struct trace_sa *sa, const struct exchange *x, const struct v1_seen *in,
    struct v1_told *m)
{
	const struct isakmp_payload *sig = isakmp_find(&m->msg, PAYLOAD_SIG, NULL);
	const struct alg_hash *h = sa->hash;
	uint8_t hash[HASH_MAX];

	if (sig == NULL || !dissect_phase1(x->number))
		return;
	if (h == NULL && m->keys != NULL)
		h = alg_hash_word(m->keys->hash);
	v1_signature_check(&m->signature, &(struct v1_signature_in){
		.msg = &m->msg, .message = m->message, .auth = sa->auth, .id = id_of(sa, m), .sig = sig->body,
		.hash = span_of(hash, m->keys == NULL || m->begun_before ? 0 :
		    hash_ir(sa, m, v1_signature_hash(sa->auth, h), hash)),
		.trust = t->trust, .epoch = in->epoch,
	});
}

static enum v1_proof
prove(const struct trace_sa *sa, const struct exchange *x, const struct v1_told *m)
{
	const struct isakmp_payload *hash = isakmp_find(&m->msg, PAYLOAD_HASH, NULL);
	struct v1_message_keys k;

	if (hash == NULL)
		return (V1_PROOF_NONE);
	if (m->keys == NULL || (k = message_keys(m->keys)).hash == NULL)
		return (V1_PROOF_UNKNOWN);
	if (m->begun_before)
		return (V1_PROOF_UNKNOWN);
	if (dissect_phase1(x->number))
		return (prove_phase1(sa, m, k.hash, hash->body));
	return (hash == m->msg.pl ? prove_late(x, &k, m) : V1_PROOF_UNKNOWN);
}

/* --- values that later messages need --- */

static void
keep(struct bytes *b, struct span v, size_t max)
{
	if (v.len <= max)
		(void)bytes_set(b, v);	/* without memory, fewer messages can be decrypted */
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
			sa->hash = v1_sa_chosen(p->body, &chosen, &sa->auth) ? chosen.hash : NULL;
	}
}

/* --- a message --- */

/* A whole message: out->msg has its header and, unless it is encrypted, its payloads. */
static void
message(struct v1_trace *t, struct trace_sa *sa, struct exchange *x, const struct v1_seen *in, struct v1_told *out)
{
	if ((out->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0) {
		out->open = open_message(t, sa, x, out);
		keep_tail(x, &out->msg);
	}
	dissect_place(sa, x, in, out);
	if (out->readable) {
		/* The same message may choose the hash of its NAT-D payloads. */
		remember(sa, x, out);
		out->proof = prove(sa, x, out);
		verify(t, sa, x, in, out);
	}
	/* Without message 2 the state knows the hash that was chosen. */
	out->words.hash = sa->hash != NULL || out->keys == NULL ? sa->hash : alg_hash_word(out->keys->hash);
}

/* One fragment; if it completes a message, ${out} becomes that message. */
static void
fragment(struct v1_trace *t, struct trace_sa *sa, const struct v1_seen *in, struct v1_told *out)
{
	struct frag_set **g = &sa->frags[out->by_initiator];
	struct isakmp_hdr h;
	struct exchange *x;
	struct frag part;
	unsigned n;

	if (frag_get(&part, out->msg.pl[0].body, NULL) != 0 ||
	    (*g == NULL && (*g = frag_set_new(ISAKMP_MSG_MAX)) == NULL) ||
	    frag_set_add(*g, &out->msg.hdr, &part, NULL) != FRAG_DONE || frag_set_join(*g, &t->whole) != 0)
		return;
	n = frag_set_count(*g);
	frag_set_free(*g);
	*g = NULL;
	/* Fragments of another IKE SA's message stay fragments. */
	if (isakmp_hdr_get(&h, bytes_span(&t->whole), NULL) != 0 ||
	    memcmp(h.cky_i, sa->cky_i, COOKIE_LEN) != 0 ||
	    (sa->has_cky_r && memcmp(h.cky_r, sa->cky_r, COOKIE_LEN) != 0) ||
	    (x = dissect_find_exchange(t, sa, &h)) == NULL)
		return;
	out->fragments = n;
	out->msg = (struct isakmp_msg){ .hdr = h, .raw = span_of(t->whole.p, h.length) };
	out->words.phase1 = dissect_phase1(h.exchange);
	out->readable = (h.flags & ISAKMP_FLAG_ENCRYPTED) == 0 &&
	    isakmp_msg_get(&out->msg, out->msg.raw, &out->why) == 0;
	message(t, sa, x, in, out);
}

static int
take(struct v1_trace *t, struct trace_sa *sa, struct exchange *x, const struct v1_seen *in,
    struct v1_told *out)
{
	out->by_initiator = dissect_from_left(sa, x, in);
	out->sure = sa->sure;
	/* Both ports changed. A NAT may change only one, which is no event of the protocol. */
	out->moved_from = out->by_initiator ? sa->left : sa->right;
	out->moved = !out->new_sa && !sa->one_way && in->src.port != out->moved_from.port &&
	    in->dst.port != (out->by_initiator ? sa->right : sa->left).port;
	sa->left = out->by_initiator ? in->src : in->dst;
	sa->right = out->by_initiator ? in->dst : in->src;
	if (in->lost == 0 && dissect_seen_again(x, in, out))
		return (0);
	out->beside_sa = &sa->beside;
	out->beside_exchange = &x->beside;
	if ((out->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) == 0)
		out->readable = isakmp_msg_get(&out->msg, in->data, &out->why) == 0;
	if (out->readable && out->msg.n == 1 && out->msg.pl[0].type == PAYLOAD_FRAG)
		fragment(t, sa, in, out);
	else
		message(t, sa, x, in, out);
	if (in->lost == 0)
		dissect_seen_from(x, out->by_initiator);
	return (0);
}

int
v1_trace_take(struct v1_trace *t, const struct v1_seen *in, struct v1_told *out, struct fault *f)
{
	struct trace_sa *sa;
	struct exchange *x;

	*out = (struct v1_told){0};
	if (isakmp_hdr_get(&out->msg.hdr, in->data, f) != 0) {
		/* Cut by the capture: only the header is there. */
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
	if (sa == NULL || (x = dissect_find_exchange(t, sa, &out->msg.hdr)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an exchange"));
	out->sa = sa->number;
	out->keys = dissect_keys(t, sa);
	out->words = (struct v1_words_of){
		.hdr = &out->msg.hdr, .phase1 = dissect_phase1(out->msg.hdr.exchange),
		.src = &in->src, .dst = &in->dst,
	};
	if (out->msg.hdr.length > in->data.len) {
		out->by_initiator = dissect_from_left(sa, x, in);
		dissect_place(sa, x, in, out);
		out->beside_sa = &sa->beside;
		(void)fault(&out->why, FAULT_TRUNCATED, "%zu bytes were not captured", in->lost);
		return (0);
	}
	out->msg.raw = span_of(in->data.p, out->msg.hdr.length);
	return (take(t, sa, x, in, out));
}
