/*
 * Hostile datagrams before the IKE engine, in both roles and every state of a negotiation.
 *
 * A handshake from seeds is recorded once. An input chooses how far a fresh engine is led along
 * it, and what comes then: datagrams as they are, edits of the message that was due, or payloads
 * that are hashed and encrypted under the right keys, so that what lies behind the cipher is
 * reached. What the engine then writes must be records that encode, and what does not prove to be
 * the peer's must leave an SA alone.
 */

#include "ike/ike.h"
#include "ike/v1base/message.h"
#include "sa/codec.h"
#include "wire/isakmp.h"
#include "must.h"

#define SAID_MAX	16
#define EDITS_MAX	16

static const struct endpoint ends[2] = {
	{ { 4, { 192, 0, 2, 1 }, 0 }, 500 }, { { 4, { 192, 0, 2, 2 }, 0 }, 500 },
};
static const struct endpoint stranger = { { 4, { 203, 0, 113, 9 }, 0 }, 4500 };

/* A recorded handshake: what each end said, and what it wrote of the IKE SA. */
struct tape {
	struct ike_policy policy[2];
	size_t		n[2];
	struct { uint8_t b[2048]; size_t len; } said[2][SAID_MAX];
	struct sa_rec	ike[2], child[2];
	bool		has_child[2];
};
static struct tape tapes[3];	/* main mode, aggressive mode, main mode with PFS */
static const struct now begin = { .ms = 1000, .epoch = 1700000000 };

static struct ike_engine *
engine_new(struct tape *t, int side, struct rand_seed *seed)
{
	struct ike_conf conf = {
		.policies = &t->policy[side], .n_policies = 1, .respond = true, .keep = true,
	};
	struct ike_engine *e;

	conf.rand = rand_seeded(seed, span_str(side == 0 ? "left" : "right"));
	must((e = ike_engine_new(&conf, NULL)) != NULL);
	return (e);
}

static void
say_hello(struct tape *t, struct ike_engine *e, struct ike_outbox *out)
{
	struct fault f;

	must(ike_engine_connect(e, begin, &t->policy[0], &ends[0], &ends[1], true, NULL, out,
	    &f) == 0);
}

/* --- the recording --- */

static void
take_record(struct tape *t, int side, const struct sa_rec *r)
{
	if (r->type == SA_IKE)
		must(sa_rec_copy(&t->ike[side], r) == 0);
	else if (r->type == SA_CHILD) {
		if (t->has_child[side])
			sa_rec_wipe(&t->child[side]);
		must(sa_rec_copy(&t->child[side], r) == 0);
		t->has_child[side] = true;
	}
}

static void
play(struct tape *t, struct ike_engine *e[2], struct ike_outbox *out)
{
	struct ike_outbox next = {0};
	struct ike_out *item;
	int side = 0;

	while (out->first != NULL) {
		while ((item = outbox_take(out)) != NULL) {
			if (item->kind == IKE_OUT_RECORD)
				take_record(t, side, item->rec);
			else if (item->kind == IKE_OUT_DATAGRAM) {
				must(t->n[side] < SAID_MAX && item->dgram.len <= 2048);
				memcpy(t->said[side][t->n[side]].b, item->dgram.data,
				    item->dgram.len);
				t->said[side][t->n[side]++].len = item->dgram.len;
				ike_engine_datagram(e[!side], begin, &ends[!side], &ends[side],
				    span_of(item->dgram.data, item->dgram.len), &next);
			}
			ike_out_free(item);
		}
		*out = next;
		next = (struct ike_outbox){0};
		side = !side;
	}
}

static void
make_policy(struct ike_policy *p, enum sa_exchange exchange, bool pfs, int side)
{
	static const char *const nets[2] = { "10.1.0.0/24", "10.2.0.0/24" };
	struct fault f;

	ike_policy_default(p);
	must(secret_set(&p->psk, span_str("a shared secret")) == 0 &&
	    id_parse(&p->local_id, side == 0 ? "left.example" : "right.example", &f) == 0 &&
	    id_parse(&p->remote_id, side == 0 ? "right.example" : "left.example", &f) == 0 &&
	    ike_proposals_parse(&p->ike, "aes128-sha1-curve25519", &f) == 0 &&
	    esp_proposals_parse(&p->esp, pfs ? "aes128-sha1-curve25519" : "aes128-sha1,aes128gcm16",
	    &f) == 0 && selector_parse(&p->local_ts[0], nets[side]) == 0 &&
	    selector_parse(&p->remote_ts[0], nets[!side]) == 0);
	p->n_local_ts = p->n_remote_ts = 1;
	p->exchange = exchange;
	p->heartbeat_ms = 3000;
}

static void
record(void)
{
	struct rand_seed seed[2];
	size_t i;
	int side;

	for (i = 0; i < sizeof(tapes) / sizeof(tapes[0]); i++) {
		struct tape *t = &tapes[i];
		struct ike_engine *e[2];
		struct ike_outbox out = {0};

		for (side = 0; side < 2; side++) {
			make_policy(&t->policy[side], i == 1 ? SA_AGGRESSIVE : SA_MAIN, i == 2, side);
			e[side] = engine_new(t, side, &seed[side]);
		}
		say_hello(t, e[0], &out);
		play(t, e, &out);
		must(t->ike[0].type == SA_IKE && t->has_child[0] && t->has_child[1]);
		ike_engine_free(e[0]);
		ike_engine_free(e[1]);
	}
}

/* --- what a driven engine wants done --- */

/* Empties ${out}; how many records were in it. */
static size_t
look(struct ike_outbox *out)
{
	struct ike_out *item;
	struct fault f;
	size_t n = 0;

	while ((item = outbox_take(out)) != NULL) {
		if (item->kind == IKE_OUT_RECORD) {
			struct secret cbor = {0};

			must(sa_encode(&cbor, item->rec, &f) == 0);
			secret_free(&cbor);
			n++;
		} else if (item->kind == IKE_OUT_DATAGRAM)
			must(item->dgram.len >= ISAKMP_HDR_LEN);
		ike_out_free(item);
	}
	must(!out->short_of_memory);
	return (n);
}

static void
let_time_pass(struct ike_engine *e)
{
	struct now now = begin;
	struct ike_outbox out = {0};
	uint64_t due;
	int i;

	/* Retransmissions and the first heartbeats: those that follow are the same. */
	for (i = 0; i < 8 && (due = ike_engine_deadline(e)) != UINT64_MAX; i++) {
		if (due > now.ms) {
			now.epoch += (due - now.ms) / 1000;
			now.ms = due;
		}
		ike_engine_timeout(e, now, &out);
		(void)look(&out);
	}
	ike_engine_shutdown(e, now, &out);
	(void)look(&out);
	must(ike_engine_count_ike(e) == 0 && ike_engine_count_children(e) == 0);
}

struct input { const uint8_t *p; size_t left; };

static uint8_t
byte(struct input *in)
{
	if (in->left == 0)
		return (0);
	in->left--;
	return (*in->p++);
}

static struct span
chunk(struct input *in)
{
	size_t n = (size_t)byte(in) << 3;
	struct span s;

	if (n > in->left || n == 0)
		n = in->left;
	s = span_of(in->p, n);
	in->p += n;
	in->left -= n;
	return (s);
}

/* --- three ways to be hostile --- */

/* As it comes, but for the cookies that it would have. */
static void
raw(struct ike_engine *e, int side, const uint8_t *cookies, struct input *in,
    struct ike_outbox *out)
{
	uint8_t buf[4096];
	struct span s;
	bool fill;

	while (in->left > 0) {
		fill = (byte(in) & 1) != 0;
		s = chunk(in);
		if (s.len > sizeof(buf))
			s.len = sizeof(buf);
		if (s.len > 0)
			memcpy(buf, s.p, s.len);
		if (fill && s.len >= ISAKMP_HDR_LEN) {
			memcpy(buf, cookies, 16);
			put_be32(buf + 24, (uint32_t)s.len);
			buf[17] = ISAKMP_VERSION_1;
		}
		ike_engine_datagram(e, begin, &ends[side], &stranger, span_of(buf, s.len), out);
	}
}

/* The message that is due, with some bytes changed, cut or grown. */
static void
edited(struct tape *t, struct ike_engine *e, int side, size_t k, struct input *in,
    struct ike_outbox *out)
{
	uint8_t buf[2048 + 64];
	size_t len, i, at;

	if (k >= t->n[!side])
		return;
	len = t->said[!side][k].len;
	memset(buf, 0, sizeof(buf));
	memcpy(buf, t->said[!side][k].b, len);
	switch (byte(in) & 3) {
	case 1:
		len = byte(in) * len / 256;
		break;
	case 2:
		len += byte(in) % 64;
		put_be32(buf + 24, (uint32_t)len);
		break;
	}
	for (i = 0; i < EDITS_MAX && in->left >= 3; i++) {
		at = (size_t)byte(in) << 8;
		at |= byte(in);
		buf[at % sizeof(buf)] = byte(in);
	}
	ike_engine_datagram(e, begin, &ends[side], &ends[!side], span_of(buf, len), out);
}

/* The nonce of a quick mode message that we hold the keys of. */
static struct span
nonce_of(const struct sa_ike *s, struct span dgram, uint32_t mid, uint8_t *buf, size_t cap)
{
	const struct alg_enc *enc = alg_enc_name(s->encryption, s->key_bits);
	const struct alg_hash *hash = alg_hash_word(s->hash);
	const struct isakmp_payload *pl;
	struct isakmp_msg m = {0};
	uint8_t iv[BLOCK_MAX];
	struct fault f;

	must(dgram.len <= cap && v1_message_iv(hash, enc, s->iv, mid, iv, &f) == 0);
	memcpy(buf, dgram.p, dgram.len);
	must(cbc_decrypt(enc, secret_span(&s->cipher), iv, buf + ISAKMP_HDR_LEN,
	    dgram.len - ISAKMP_HDR_LEN, &f) == 0 && isakmp_hdr_get(&m.hdr, span_of(buf, dgram.len),
	    &f) == 0 && isakmp_chain_get(&m, span_of(buf + ISAKMP_HDR_LEN,
	    dgram.len - ISAKMP_HDR_LEN), true, &f) == 0);
	must((pl = isakmp_find(&m, PAYLOAD_NONCE, NULL)) != NULL);
	return (pl->body);
}

/*
 * A message whose plaintext is the input's, proven with HASH(1) or, as an answer to the quick
 * mode message ${asked}, HASH(2), and encrypted.
 */
static void
keyed(const struct tape *t, struct ike_engine *e, int side, struct span asked,
    struct input *in, struct ike_outbox *out)
{
	const struct sa_ike *s = &t->ike[side].ike;
	const struct alg_enc *enc = alg_enc_name(s->encryption, s->key_bits);
	const struct alg_hash *hash = alg_hash_word(s->hash);
	const struct v1_message_keys k = { .hash = hash, .skeyid_a = secret_span(&s->skeyid_a) };
	struct v1_hash_n of = { .n = asked.len > 0 ? 2 : 1 };
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1 };
	uint8_t buf[8192], plain[2048], iv[BLOCK_MAX], digest[HASH_MAX] = {0}, next;
	uint8_t how = byte(in);
	size_t at = ISAKMP_HDR_LEN + ISAKMP_PAYLOAD_HDR_LEN, body;
	struct isakmp_builder b;
	struct span rest, dgram;
	struct fault f;

	h.exchange = asked.len > 0 || (how & 1) != 0 ? EXCHANGE_QUICK : EXCHANGE_INFO;
	h.mid = asked.len > 0 ? get_be32(asked.p + 20) : 1 + byte(in);
	memcpy(h.cky_i, s->spi_i, COOKIE_LEN);
	memcpy(h.cky_r, s->spi_r, COOKIE_LEN);
	next = byte(in);
	rest = asked.len > 0 ? span_of(in->p, in->left) : chunk(in);
	if (rest.len > 4000)
		rest.len = 4000;
	isakmp_begin(&b, buf, sizeof(buf), &h);
	isakmp_payload_put(&b, PAYLOAD_HASH, span_of(digest, hash->len));
	wr_bytes(&b.w, rest);
	must(!b.w.bad);
	/* What the receiver hashes ends with its last payload: only a chain that fills the
	 * message proves itself. Reshape it: one payload of the type said, or as it comes. */
	buf[ISAKMP_HDR_LEN] = next;
	if ((how & 2) != 0 && rest.len >= 4) {
		buf[at + hash->len] = 0;
		put_be16(buf + at + hash->len + 2, (uint16_t)rest.len);
	}
	/* What no input guesses: the cookies and SPIs that notifies and deletes are about. */
	if ((how & 4) != 0 && rest.len >= 28) {
		memcpy(buf + at + hash->len + 12, s->spi_i, COOKIE_LEN);
		memcpy(buf + at + hash->len + 12 + COOKIE_LEN, s->spi_r, COOKIE_LEN);
	} else if ((how & 8) != 0 && rest.len >= 16)
		memcpy(buf + at + hash->len + 12, (how & 16) != 0 ? t->child[side].child.spi_in :
		    t->child[side].child.spi_out, 4);
	rest = span_of(buf + at + hash->len, rest.len);
	if (asked.len > 0) {
		of.ni_b = nonce_of(s, asked, h.mid, plain, sizeof(plain));
		must(v1_next_iv(enc, asked, iv, &f) == 0);
	} else
		must(v1_message_iv(hash, enc, s->iv, h.mid, iv, &f) == 0);
	must(v1_message_hash(&k, &of, h.mid, rest, digest, &f) == 0);
	memcpy(buf + at, digest, hash->len);
	body = b.w.len - ISAKMP_HDR_LEN;
	wr_zeros(&b.w, (enc->block - body % enc->block) % enc->block);
	buf[19] |= ISAKMP_FLAG_ENCRYPTED;
	must(cbc_encrypt(enc, secret_span(&s->cipher), iv, buf + ISAKMP_HDR_LEN,
	    b.w.len - ISAKMP_HDR_LEN, &f) == 0);
	dgram = isakmp_end(&b);
	buf[16] = PAYLOAD_HASH;
	ike_engine_datagram(e, begin, &ends[side], &ends[!side], dgram, out);
}

/* --- states --- */

/* An engine that has taken the first ${k} messages of the recorded handshake. */
static struct ike_engine *
led_to(struct tape *t, int side, size_t k, struct rand_seed *seed)
{
	struct ike_engine *e = engine_new(t, side, seed);
	struct ike_outbox out = {0};
	size_t i;

	if (side == 0)
		say_hello(t, e, &out);
	for (i = 0; i < k && i < t->n[!side]; i++)
		ike_engine_datagram(e, begin, &ends[side], &ends[!side],
		    span_of(t->said[!side][i].b, t->said[!side][i].len), &out);
	(void)look(&out);
	return (e);
}

/* One with an IKE SA and a child that stand. */
static struct ike_engine *
standing(struct tape *t, int side, struct rand_seed *seed)
{
	struct ike_engine *e = engine_new(t, side, seed);
	struct fault f;

	must(ike_engine_adopt(e, begin, &t->ike[side], &t->policy[side], &f) == 0 &&
	    ike_engine_adopt(e, begin, &t->child[side], &t->policy[side], &f) == 0);
	return (e);
}

/* The first datagram in ${out}, copied. */
static struct span
first_of(struct ike_outbox *out, uint8_t *buf, size_t cap)
{
	struct ike_out *item;
	struct span s = SPAN_NONE;

	while ((item = outbox_take(out)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM && s.len == 0 && item->dgram.len <= cap) {
			memcpy(buf, item->dgram.data, item->dgram.len);
			s = span_of(buf, item->dgram.len);
		}
		ike_out_free(item);
	}
	return (s);
}

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };
	struct ike_outbox out = {0};
	struct rand_seed seed;
	struct ike_engine *e;
	struct span asked;
	struct tape *t;
	uint8_t buf[2048], id[16], how;
	struct sa_event ev = { .what = SA_EVENT_SOFT, .has_spi_in = true };
	size_t k, ike;
	int side;

	if (tapes[0].n[0] == 0) {
		(void)secret_init();
		record();
	}
	how = byte(&in);
	side = how & 1;
	t = &tapes[(how >> 1) % 3];
	k = byte(&in) % 6;
	switch ((how >> 3) % 5) {
	case 0:		/* anything, to an engine in any state */
		e = led_to(t, side, k, &seed);
		memcpy(id, t->ike[side].ike.spi_i, 8);
		memcpy(id + 8, t->ike[side].ike.spi_r, 8);
		raw(e, side, id, &in, &out);
		break;
	case 1:		/* the next message, changed; then the rest as it was */
		e = led_to(t, side, k, &seed);
		edited(t, e, side, k, &in, &out);
		(void)look(&out);
		for (; k < t->n[!side]; k++)
			ike_engine_datagram(e, begin, &ends[side], &ends[!side],
			    span_of(t->said[!side][k].b, t->said[!side][k].len), &out);
		break;
	case 2:		/* no keys, an SA that stands: it goes on standing, nothing is written */
		e = standing(t, side, &seed);
		memcpy(id, t->ike[side].ike.spi_i, 8);
		memcpy(id + 8, t->ike[side].ike.spi_r, 8);
		ike = ike_engine_count_ike(e);
		raw(e, side, id, &in, &out);
		must(look(&out) == 0 && ike_engine_count_ike(e) == ike &&
		    ike_engine_count_children(e) == 1);
		break;
	case 3:		/* the right keys */
		e = standing(t, side, &seed);
		while (in.left > 0)
			keyed(t, e, side, SPAN_NONE, &in, &out);
		break;
	default:	/* the right keys, in answer to a rekey of ours */
		e = standing(t, side, &seed);
		memcpy(ev.spi_in, t->child[side].child.spi_in, 4);
		ike_engine_event(e, begin, &ev, &out);
		asked = first_of(&out, buf, sizeof(buf));
		if ((k & 1) != 0)	/* a refusal of it, for one */
			asked = SPAN_NONE;
		keyed(t, e, side, asked, &in, &out);
		break;
	}
	(void)look(&out);
	let_time_pass(e);
	ike_engine_free(e);
	return (0);
}
