/* Messages under the keys of phase 1: IVs, encryption, HASH(1) to HASH(3). */
#include "ike/v1base/message.h"

#include "base/secret.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Offsets in a message: the HASH payload's body, and fields of the header. */
#define HASH_AT		(ISAKMP_HDR_LEN + ISAKMP_PAYLOAD_HDR_LEN)
#define FLAGS_AT	19
#define MID_AT		20

/* --- IVs --- */

static int
hash_iv(const struct alg_hash *h, const struct alg_enc *enc, const struct span parts[2],
    uint8_t iv[BLOCK_MAX], struct fault *f)
{
	uint8_t digest[HASH_MAX];

	if (hash_parts(h, digest, parts, 2, f) == -1)
		return (-1);
	memcpy(iv, digest, enc->block);
	return (0);
}

int
v1_phase1_iv(const struct alg_hash *h, const struct alg_enc *enc, struct span gxi, struct span gxr,
    uint8_t iv[BLOCK_MAX], struct fault *f)
{
	const struct span parts[] = { gxi, gxr };

	return (hash_iv(h, enc, parts, iv, f));
}

int
v1_message_iv(const struct alg_hash *h, const struct alg_enc *enc, const uint8_t last[BLOCK_MAX],
    uint32_t mid, uint8_t iv[BLOCK_MAX], struct fault *f)
{
	uint8_t m_id[4];
	const struct span parts[] = { span_of(last, enc->block), SPAN_ARRAY(m_id) };

	put_be32(m_id, mid);
	return (hash_iv(h, enc, parts, iv, f));
}

int
v1_next_iv(const struct alg_enc *enc, struct span ciphertext, uint8_t iv[BLOCK_MAX],
    struct fault *f)
{
	if (ciphertext.len < enc->block)
		return (fault(f, FAULT_MALFORMED, "%zu encrypted bytes are less than a block",
		    ciphertext.len));
	memcpy(iv, ciphertext.p + ciphertext.len - enc->block, enc->block);
	return (0);
}

/* --- encryption --- */

int
v1_message_decrypt(const struct v1_message_keys *k, uint8_t iv[BLOCK_MAX], struct span body,
    uint8_t *plain, struct fault *f)
{
	if (body.len == 0 || body.len % k->enc->block != 0)
		return (fault(f, FAULT_MALFORMED, "%zu encrypted bytes are no whole blocks", body.len));
	memcpy(plain, body.p, body.len);
	return (cbc_decrypt(k->enc, k->cipher, iv, plain, body.len, f));
}

enum v1_opened
v1_message_open(const struct v1_message_keys *k, uint8_t iv[BLOCK_MAX], struct isakmp_msg *m,
    uint8_t *plain, struct fault *f)
{
	struct span body = span_of(m->raw.p + ISAKMP_HDR_LEN, m->raw.len - ISAKMP_HDR_LEN);

	m->n = 0;
	if (v1_message_decrypt(k, iv, body, plain, f) == -1)
		return (V1_UNDECRYPTED);
	if (isakmp_chain_get(m, span_of(plain, body.len), true, f) == -1)
		return (V1_NONSENSE);
	return (V1_OPENED);
}

int
v1_message_seal(const struct v1_message_keys *k, uint8_t iv[BLOCK_MAX], struct isakmp_builder *b,
    struct span *message, struct fault *f)
{
	size_t block = k->enc->block;

	wr_zeros(&b->w, (block - (b->w.len - ISAKMP_HDR_LEN) % block) % block);
	*message = isakmp_end(b);
	if (message->len == 0)
		return (fault(f, FAULT_TOO_LARGE, "the message exceeds %zu bytes", b->w.cap));
	b->w.p[FLAGS_AT] |= ISAKMP_FLAG_ENCRYPTED;
	return (cbc_encrypt(k->enc, k->cipher, iv, b->w.p + ISAKMP_HDR_LEN,
	    b->w.len - ISAKMP_HDR_LEN, f));
}

/* --- HASH(1) to HASH(3) --- */

int
v1_message_hash(const struct v1_message_keys *k, const struct v1_hash_n *of, uint32_t mid,
    struct span rest, uint8_t out[HASH_MAX], struct fault *f)
{
	uint8_t zero_m_id[5] = {0};
	const struct span m_id = span_of(zero_m_id + 1, 4);
	const struct span parts[][3] = {
		{ m_id, rest }, { m_id, of->ni_b, rest }, { SPAN_ARRAY(zero_m_id), of->ni_b, of->nr_b },
	};
	struct secret mac = {0};

	put_be32(zero_m_id + 1, mid);
	if (prf_parts(k->hash, k->skeyid_a, &mac, parts[of->n - 1], COUNT(parts[0]), f) == -1)
		return (-1);
	memcpy(out, mac.p, mac.len);
	secret_free(&mac);
	return (0);
}

void
v1_message_hash_put(const struct v1_message_keys *k, struct isakmp_builder *b)
{
	static const uint8_t later[HASH_MAX];

	isakmp_payload_put(b, PAYLOAD_HASH, span_of(later, k->hash->len));
}

int
v1_message_hash_fill(const struct v1_message_keys *k, const struct v1_hash_n *of,
    struct isakmp_builder *b, struct fault *f)
{
	size_t rest_at = HASH_AT + k->hash->len;
	uint8_t digest[HASH_MAX];

	if (b->w.bad)
		return (fault(f, FAULT_TOO_LARGE, "the message exceeds %zu bytes", b->w.cap));
	if (v1_message_hash(k, of, get_be32(b->w.p + MID_AT),
	    span_of(b->w.p + rest_at, b->w.len - rest_at), digest, f) == -1)
		return (-1);
	memcpy(b->w.p + HASH_AT, digest, k->hash->len);
	return (0);
}

struct span
v1_message_rest(const struct isakmp_msg *m)
{
	const struct isakmp_payload *last = &m->pl[m->n - 1];
	const uint8_t *from = m->pl[0].raw.p + m->pl[0].raw.len;

	return (span_of(from, (size_t)(last->raw.p + last->raw.len - from)));
}

int
v1_message_hash_verify(const struct v1_message_keys *k, const struct v1_hash_n *of,
    const struct isakmp_msg *m, struct fault *f)
{
	uint8_t expected[HASH_MAX];

	if (m->n == 0 || m->pl[0].type != PAYLOAD_HASH)
		return (fault(f, FAULT_MALFORMED, "it does not begin with a HASH payload"));
	if (v1_message_hash(k, of, m->hdr.mid, v1_message_rest(m), expected, f) == -1)
		return (-1);
	if (!ct_eq(span_of(expected, k->hash->len), m->pl[0].body))
		return (fault(f, FAULT_MALFORMED, "HASH(%u) is wrong", of->n));
	return (0);
}
