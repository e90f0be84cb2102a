/* Answers of the acknowledged informational exchange. */
#include "ike/v1run/info_ack.h"

#include "ike/v1run/exchange.h"
#include "ike/v1run/payload.h"

#define ACK_MAX		1024	/* bytes of an answer */

static struct span
nonce_of(const struct isakmp_msg *m)
{
	size_t i;

	for (i = 1; i < m->n; i++)
		if (m->pl[i].type == PAYLOAD_NONCE && m->pl[i].body.len >= NONCE_MIN && m->pl[i].body.len <= NONCE_MAX)
			return (m->pl[i].body);
	return (SPAN_NONE);
}

void
v1_info_acknowledge(struct v1_sa *sa, struct now now, const struct isakmp_msg *m, struct ike_outbox *out)
{
	const struct v1_message_keys k = v1_sa_message_keys(sa);
	const struct v1_hash_n of = { .n = 2, .ni_b = nonce_of(m) };
	const struct rand *r = &sa->ike.engine->conf.rand;
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_ACK_INFO, .mid = m->hdr.mid };
	uint8_t buf[ACK_MAX], nonce[NONCE_OWN], iv[BLOCK_MAX];
	struct isakmp_builder b;
	struct span message;
	struct fault f;
	size_t i;

	if (of.ni_b.len == 0 || now.ms < sa->acked_ms + V1_AGAIN_MS || r->fill(r->state, nonce, sizeof(nonce)) != 0) {
		ike_sa_note(&sa->ike, out, NOTE_DEBUG, "an acknowledged informational exchange is not answered");
		return;
	}
	memcpy(h.cky_i, sa->ike.spi_i, COOKIE_LEN);
	memcpy(h.cky_r, sa->ike.spi_r, COOKIE_LEN);
	isakmp_begin(&b, buf, sizeof(buf), &h);
	v1_message_hash_put(&k, &b);
	isakmp_payload_put(&b, PAYLOAD_NONCE, SPAN_ARRAY(nonce));
	for (i = 1; i < m->n; i++)
		if (m->pl[i].type == PAYLOAD_N || m->pl[i].type == PAYLOAD_D)
			isakmp_payload_put(&b, m->pl[i].type, m->pl[i].body);
	/* The chain of IVs goes on from the question. */
	memcpy(iv, m->raw.p + m->raw.len - k.enc->block, k.enc->block);
	if (v1_message_hash_fill(&k, &of, &b, &f) != 0 || v1_message_seal(&k, iv, &b, &message, &f) != 0) {
		ike_sa_note(&sa->ike, out, NOTE_DEBUG, "an acknowledged informational exchange is not answered: %s", f.what);
		return;
	}
	sa->acked_ms = now.ms;
	v1_sa_send(sa, message, out);
}
