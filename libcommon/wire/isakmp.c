/* ISAKMP header, payload chain, builder, notify and delete. */
#include "wire/isakmp.h"

#include "wire/rd.h"

#define NEXT_AT		16	/* offset of the header's next payload */
#define LENGTH_AT	24	/* offset of the header's length */

int
isakmp_hdr_get(struct isakmp_hdr *h, struct span dgram, struct fault *f)
{
	struct rd r = rd_of(dgram);
	struct span i, cky_r;

	*h = (struct isakmp_hdr){0};
	if (dgram.len < ISAKMP_HDR_LEN)
		return (fault_at(f, FAULT_TRUNCATED, dgram.len,
		    "ISAKMP header: %zu bytes of 28", dgram.len));
	i = rd_bytes(&r, COOKIE_LEN);
	cky_r = rd_bytes(&r, COOKIE_LEN);
	memcpy(h->cky_i, i.p, COOKIE_LEN);
	memcpy(h->cky_r, cky_r.p, COOKIE_LEN);
	h->next = rd_u8(&r);
	h->version = rd_u8(&r);
	h->exchange = rd_u8(&r);
	h->flags = rd_u8(&r);
	h->mid = rd_u32(&r);
	h->length = rd_u32(&r);
	if (h->length < ISAKMP_HDR_LEN)
		return (fault_at(f, FAULT_MALFORMED, LENGTH_AT,
		    "ISAKMP header: length %u is below its own 28 bytes", h->length));
	if (h->length > dgram.len)
		return (fault_at(f, FAULT_TRUNCATED, LENGTH_AT,
		    "ISAKMP header: length %u of a datagram of %zu bytes", h->length, dgram.len));
	return (0);
}

void
isakmp_hdr_put(struct wr *w, const struct isakmp_hdr *h)
{
	wr_bytes(w, SPAN_ARRAY(h->cky_i));
	wr_bytes(w, SPAN_ARRAY(h->cky_r));
	wr_u8(w, h->next);
	wr_u8(w, h->version);
	wr_u8(w, h->exchange);
	wr_u8(w, h->flags);
	wr_u32(w, h->mid);
	wr_u32(w, h->length);
}

/*
 * libreswan pads each message to a multiple of 4 bytes, in clear too, and counts the padding in the header's length.
 * It is no payload and no hash covers it.
 */
static bool
is_padding(struct span rest)
{
	size_t i;

	for (i = 0; i < rest.len; i++)
		if (rest.p[i] != 0)
			return (false);
	return (rest.len < 4);
}

int
isakmp_chain_get(struct isakmp_msg *m, struct span body, bool padded, struct fault *f)
{
	struct rd r = rd_of(body);
	uint8_t next = m->hdr.next, type;
	size_t at, len, n = 0;
	char name[NUM_TEXT];

	m->n = 0;
	m->trailer = SPAN_NONE;
	while (next != PAYLOAD_NONE) {
		at = r.pos;
		if (n == ISAKMP_PAYLOADS_MAX)
			return (fault_at(f, FAULT_TOO_LARGE, at, "more than %d payloads",
			    ISAKMP_PAYLOADS_MAX));
		if (r.left < ISAKMP_PAYLOAD_HDR_LEN)
			return (fault_at(f, FAULT_MALFORMED, at,
			    "%s payload: %zu bytes left for its header",
			    isakmp_payload_name(next, name), r.left));
		len = get_be16(r.p + 2);
		if (len < ISAKMP_PAYLOAD_HDR_LEN || len > r.left)
			return (fault_at(f, FAULT_MALFORMED, at,
			    "%s payload: length %zu where %zu bytes are left",
			    isakmp_payload_name(next, name), len, r.left));
		type = next;
		next = r.p[0];
		m->pl[n].type = type;
		m->pl[n].raw = rd_bytes(&r, len);
		m->pl[n].body = span_of(m->pl[n].raw.p + ISAKMP_PAYLOAD_HDR_LEN,
		    len - ISAKMP_PAYLOAD_HDR_LEN);
		n++;
	}
	if (!padded && !is_padding(span_of(r.p, r.left)))
		return (fault_at(f, FAULT_MALFORMED, r.pos, "%zu bytes behind the last payload",
		    r.left));
	m->trailer = rd_rest(&r);
	m->n = n;
	return (0);
}

int
isakmp_msg_get(struct isakmp_msg *m, struct span dgram, struct fault *f)
{
	m->n = 0;
	m->raw = m->trailer = SPAN_NONE;
	if (isakmp_hdr_get(&m->hdr, dgram, f) != 0)
		return (-1);
	m->raw = span_of(dgram.p, m->hdr.length);
	if (m->hdr.flags & ISAKMP_FLAG_ENCRYPTED)
		return (0);
	if (isakmp_chain_get(m, span_of(m->raw.p + ISAKMP_HDR_LEN,
	    m->raw.len - ISAKMP_HDR_LEN), false, f) != 0) {
		if (f != NULL)
			f->at += ISAKMP_HDR_LEN;
		return (-1);
	}
	return (0);
}

const struct isakmp_payload *
isakmp_find(const struct isakmp_msg *m, uint8_t type, const struct isakmp_payload *after)
{
	size_t i;

	for (i = after == NULL ? 0 : (size_t)(after - m->pl) + 1; i < m->n; i++)
		if (m->pl[i].type == type)
			return (&m->pl[i]);
	return (NULL);
}

void
isakmp_begin(struct isakmp_builder *b, uint8_t *buf, size_t cap, const struct isakmp_hdr *h)
{
	struct isakmp_hdr copy = *h;

	*b = (struct isakmp_builder){ .w = wr_of(buf, cap), .next_at = NEXT_AT };
	copy.next = PAYLOAD_NONE;
	copy.length = 0;
	isakmp_hdr_put(&b->w, &copy);
}

void
isakmp_payload_begin(struct isakmp_builder *b, uint8_t type)
{
	if (b->payload_at != 0)		/* the one before is still open */
		b->w.bad = true;
	if (b->w.bad)
		return;
	b->w.p[b->next_at] = type;
	b->next_at = b->payload_at = b->w.len;
	wr_zeros(&b->w, ISAKMP_PAYLOAD_HDR_LEN);
}

void
isakmp_payload_end(struct isakmp_builder *b)
{
	if (b->payload_at == 0)
		b->w.bad = true;
	if (b->w.bad)
		return;
	wr_len16(&b->w, b->payload_at + 2, b->payload_at);
	b->payload_at = 0;
}

void
isakmp_payload_put(struct isakmp_builder *b, uint8_t type, struct span body)
{
	isakmp_payload_begin(b, type);
	wr_bytes(&b->w, body);
	isakmp_payload_end(b);
}

struct span
isakmp_end(struct isakmp_builder *b)
{
	if (b->payload_at != 0 || b->w.len > ISAKMP_MSG_MAX)
		b->w.bad = true;
	if (!b->w.bad)
		put_be32(b->w.p + LENGTH_AT, (uint32_t)b->w.len);
	return (wr_span(&b->w));
}

int
isakmp_notify_get(struct isakmp_notify *n, struct span body, struct fault *f)
{
	struct rd r = rd_of(body);
	size_t spi_len;

	n->doi = rd_u32(&r);
	n->proto = rd_u8(&r);
	spi_len = rd_u8(&r);
	n->type = rd_u16(&r);
	n->spi = rd_bytes(&r, spi_len);
	n->data = rd_rest(&r);
	if (r.bad) {
		*n = (struct isakmp_notify){0};
		return (fault_at(f, FAULT_MALFORMED, r.pos, "N payload: %zu bytes are too short",
		    body.len));
	}
	return (0);
}

void
isakmp_notify_put(struct wr *w, const struct isakmp_notify *n)
{
	if (n->spi.len > UINT8_MAX)
		w->bad = true;
	wr_u32(w, n->doi);
	wr_u8(w, n->proto);
	wr_u8(w, (uint8_t)n->spi.len);
	wr_u16(w, n->type);
	wr_bytes(w, n->spi);
	wr_bytes(w, n->data);
}

int
isakmp_delete_get(struct isakmp_delete *d, struct span body, struct fault *f)
{
	struct rd r = rd_of(body);

	d->doi = rd_u32(&r);
	d->proto = rd_u8(&r);
	d->spi_len = rd_u8(&r);
	d->n = rd_u16(&r);
	d->spis = rd_rest(&r);
	if (r.bad || d->spis.len != d->n * d->spi_len || (d->spi_len == 0 && d->n > 0)) {
		(void)fault_at(f, FAULT_MALFORMED, r.pos,
		    "D payload: %zu SPIs of %u bytes in a body of %zu", d->n, d->spi_len,
		    body.len);
		*d = (struct isakmp_delete){0};
		return (-1);
	}
	if (d->n > ISAKMP_SPIS_MAX) {
		(void)fault(f, FAULT_TOO_LARGE, "D payload: %zu SPIs, at most %d are taken", d->n,
		    ISAKMP_SPIS_MAX);
		*d = (struct isakmp_delete){0};
		return (-1);
	}
	return (0);
}

void
isakmp_delete_put(struct wr *w, const struct isakmp_delete *d)
{
	if (d->n > ISAKMP_SPIS_MAX || d->spis.len != d->n * d->spi_len)
		w->bad = true;
	wr_u32(w, d->doi);
	wr_u8(w, d->proto);
	wr_u8(w, d->spi_len);
	wr_u16(w, (uint16_t)d->n);
	wr_bytes(w, d->spis);
}
