/* Informational messages (RFC 2409, 5.7), sent and opened. */
#include "ike/v1run/info_send.h"

#include "ike/v1run/exchange.h"

#define INFO_MAX	1024	/* bytes of an informational message that we build */

static const struct v1_hash_n hash_1 = { .n = 1 };

/* --- sending --- */

/* Sends one payload under the SA's keys: HDR*, HASH(1), N or D. Its message ID; 0: it could not be sent. */
static uint32_t
send_secret(struct v1_sa *sa, uint8_t type, struct span body, struct ike_outbox *out)
{
	const struct v1_message_keys k = v1_sa_message_keys(sa);
	struct rand *r = &sa->ike.engine->conf.rand;
	uint8_t buf[INFO_MAX], mid[4], iv[BLOCK_MAX];
	struct span message;
	struct isakmp_builder b;
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_INFO };
	struct fault f;

	do {
		if (r->fill(r->state, mid, sizeof(mid)) != 0)
			return (0);
	} while (get_be32(mid) == 0);
	h.mid = get_be32(mid);
	memcpy(h.cky_i, sa->ike.spi_i, COOKIE_LEN);
	memcpy(h.cky_r, sa->ike.spi_r, COOKIE_LEN);
	isakmp_begin(&b, buf, sizeof(buf), &h);
	v1_message_hash_put(&k, &b);
	isakmp_payload_put(&b, type, body);
	if (v1_message_hash_fill(&k, &hash_1, &b, &f) != 0 ||
	    v1_sa_message_iv(sa, h.mid, iv, &f) != 0 ||
	    v1_message_seal(&k, iv, &b, &message, &f) != 0)
		return (0);
	v1_sa_send(sa, message, out);
	return (h.mid);
}

static struct span
notify_body(uint8_t *buf, size_t cap, uint8_t proto, uint16_t type, struct span spi,
    struct span data)
{
	struct wr w = wr_of(buf, cap);
	struct isakmp_notify n = {
		.doi = DOI_IPSEC, .proto = proto, .type = type, .spi = spi, .data = data,
	};

	isakmp_notify_put(&w, &n);
	return (wr_span(&w));
}

void
v1_info_notify(struct v1_sa *sa, uint8_t proto, uint16_t type, struct span spi,
    struct span data, struct ike_outbox *out)
{
	uint8_t buf[INFO_MAX / 2];
	uint32_t mid = send_secret(sa, PAYLOAD_N, notify_body(buf, sizeof(buf), proto, type, spi, data), out);

	/*
	 * HASH(1) is the same in both directions. Our message ID is remembered, so that a reflected message is
	 * not accepted as the peer's. A hello names its sender.
	 */
	if (type != NOTIFY_HEARTBEAT)
		v1_sa_saw(sa, mid);
}

bool
v1_info_notify_stranger(struct rand *r, const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN],
    uint16_t type, const struct endpoint *local, const struct endpoint *remote, struct ike_outbox *out)
{
	uint8_t buf[INFO_MAX], body[INFO_MAX / 2], mid[4];
	struct isakmp_builder b;
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_INFO };

	if (r->fill(r->state, mid, sizeof(mid)) != 0)
		return (false);
	h.mid = get_be32(mid);
	memcpy(h.cky_i, cky_i, COOKIE_LEN);
	memcpy(h.cky_r, cky_r, COOKIE_LEN);
	isakmp_begin(&b, buf, sizeof(buf), &h);
	isakmp_payload_put(&b, PAYLOAD_N,
	    notify_body(body, sizeof(body), PROTO_ISAKMP, type, SPAN_NONE, SPAN_NONE));
	outbox_datagram(out, local, remote, isakmp_end(&b));
	return (true);
}

void
v1_info_notify_clear(struct v1_sa *sa, uint16_t type, struct ike_outbox *out)
{
	const struct ike_sa *ike = &sa->ike;

	(void)v1_info_notify_stranger(&sa->ike.engine->conf.rand, ike->spi_i, ike->spi_r, type,
	    &ike->local.at, &ike->remote.at, out);
}

void
v1_info_delete(struct v1_sa *sa, uint8_t proto, struct span spi, struct ike_outbox *out)
{
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	struct isakmp_delete d = {
		.doi = DOI_IPSEC, .proto = proto, .spi_len = (uint8_t)spi.len, .n = 1, .spis = spi,
	};

	isakmp_delete_put(&w, &d);
	v1_sa_saw(sa, send_secret(sa, PAYLOAD_D, wr_span(&w), out));
}

int
v1_info_open(struct v1_sa *sa, const struct isakmp_hdr *h, struct span dgram, uint8_t *buf,
    struct isakmp_msg *m)
{
	const struct v1_message_keys k = v1_sa_message_keys(sa);
	uint8_t iv[BLOCK_MAX];
	struct fault f;

	*m = (struct isakmp_msg){ .hdr = *h, .raw = span_of(dgram.p, h->length) };
	if (k.cipher.len == 0 || v1_sa_message_iv(sa, h->mid, iv, &f) != 0 ||
	    v1_message_open(&k, iv, m, buf, &f) != V1_OPENED || m->n < 2)
		return (-1);
	return (v1_message_hash_verify(&k, &hash_1, m, &f));
}
