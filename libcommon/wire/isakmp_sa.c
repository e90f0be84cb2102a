/* SA, proposal and transform payloads, and the attributes in them. */
#include "wire/isakmp.h"
#include "wire/rd.h"

#define AF		0x8000	/* attribute format bit: basic attribute */
#define SPI_MAX		16	/* bytes: two cookies */
#define T_HDR_LEN	8	/* bytes of a transform payload before its attributes */

int
isakmp_attrs_get(struct isakmp_attrs *out, struct span s, struct fault *f)
{
	struct rd r = rd_of(s);
	struct isakmp_attr *a;
	size_t at, i, n = 0;
	uint16_t type, v;

	out->n = 0;
	while (r.left > 0) {
		at = r.pos;
		if (n == ISAKMP_ATTRS_MAX)
			return (fault_at(f, FAULT_TOO_LARGE, at, "more than %d attributes",
			    ISAKMP_ATTRS_MAX));
		a = &out->a[n++];
		type = rd_u16(&r);
		v = rd_u16(&r);
		*a = (struct isakmp_attr){ .type = type & (AF - 1), .basic = (type & AF) != 0 };
		if (r.bad)
			return (fault_at(f, FAULT_MALFORMED, at, "attribute cut short"));
		if (a->basic) {
			a->value = v;
			a->bytes = span_of(r.p - 2, 2);
			continue;
		}
		a->bytes = rd_bytes(&r, v);
		if (r.bad)
			return (fault_at(f, FAULT_MALFORMED, at,
			    "attribute %u: length %u where %zu bytes are left", a->type, v,
			    r.left));
		for (i = 0; i < a->bytes.len; i++)
			if (a->value > UINT64_MAX >> 8)
				a->value = UINT64_MAX;
			else
				a->value = a->value << 8 | a->bytes.p[i];
	}
	out->n = n;
	return (0);
}

void
isakmp_attr_put(struct wr *w, uint16_t type, uint32_t value)
{
	if (value <= UINT16_MAX) {
		wr_u16(w, type | AF);
		wr_u16(w, (uint16_t)value);
	} else {
		wr_u16(w, type);
		wr_u16(w, 4);
		wr_u32(w, value);
	}
}

void
isakmp_attr_put_bytes(struct wr *w, uint16_t type, struct span value)
{
	if (value.len > UINT16_MAX)
		w->bad = true;
	wr_u16(w, type);
	wr_u16(w, (uint16_t)value.len);
	wr_bytes(w, value);
}

/*
 * One link of a chain of proposals or transforms: the bytes after the generic header, whose
 * next byte is ${self} or, in the last link, 0. ${more} is false in the last link.
 */
static int
link_get(struct rd *r, struct rd *body, uint8_t self, bool *more, struct fault *f)
{
	size_t at = r->pos, left = r->left;
	uint8_t next = rd_u8(r);
	uint16_t len;
	char name[NUM_TEXT];

	(void)rd_u8(r);
	len = rd_u16(r);
	if (r->bad || len < ISAKMP_PAYLOAD_HDR_LEN || len > left)
		return (fault_at(f, FAULT_MALFORMED, at,
		    "%s payload: length %u where %zu bytes are left",
		    isakmp_payload_name(self, name), len, left));
	if (next != self && next != PAYLOAD_NONE)
		return (fault_at(f, FAULT_MALFORMED, at, "%s payload: next payload is %u",
		    isakmp_payload_name(self, name), next));
	*more = next == self;
	*body = rd_sub(r, len - (size_t)ISAKMP_PAYLOAD_HDR_LEN);
	return (0);
}

static int
transforms_get(struct isakmp_sa *sa, struct isakmp_proposal *p, struct rd *r, unsigned count,
    struct fault *f)
{
	struct isakmp_transform *t;
	struct rd body;
	size_t at;
	bool more = count > 0;

	p->first = sa->nt;
	while (more) {
		at = r->pos;
		if (sa->nt == ISAKMP_TRANSFORMS_MAX)
			return (fault_at(f, FAULT_TOO_LARGE, at, "more than %d transforms",
			    ISAKMP_TRANSFORMS_MAX));
		if (link_get(r, &body, PAYLOAD_T, &more, f) != 0)
			return (-1);
		t = &sa->t[sa->nt];
		t->num = rd_u8(&body);
		t->id = rd_u8(&body);
		(void)rd_u16(&body);
		t->attrs = rd_rest(&body);
		if (body.bad)
			return (fault_at(f, FAULT_MALFORMED, at, "T payload: too short"));
		sa->nt++;
	}
	p->n = sa->nt - p->first;
	if (p->n != count || r->left > 0)
		return (fault_at(f, FAULT_MALFORMED, r->pos,
		    "P payload: %u transforms announced, %zu found, %zu bytes left", count, p->n,
		    r->left));
	return (0);
}

static int
proposals_get(struct isakmp_sa *sa, struct rd *r, struct fault *f)
{
	struct isakmp_proposal *p;
	struct rd body;
	size_t at, spi_len;
	unsigned count;
	bool more = true;

	while (more) {
		at = r->pos;
		if (sa->np == ISAKMP_PROPOSALS_MAX)
			return (fault_at(f, FAULT_TOO_LARGE, at, "more than %d proposals",
			    ISAKMP_PROPOSALS_MAX));
		if (link_get(r, &body, PAYLOAD_P, &more, f) != 0)
			return (-1);
		p = &sa->p[sa->np];
		p->num = rd_u8(&body);
		p->proto = rd_u8(&body);
		spi_len = rd_u8(&body);
		count = rd_u8(&body);
		p->spi = rd_bytes(&body, spi_len);
		if (body.bad || spi_len > SPI_MAX)
			return (fault_at(f, FAULT_MALFORMED, at,
			    "P payload: an SPI of %zu bytes", spi_len));
		if (transforms_get(sa, p, &body, count, f) != 0)
			return (-1);
		sa->np++;
	}
	if (r->left > 0)
		return (fault_at(f, FAULT_MALFORMED, r->pos,
		    "SA payload: %zu bytes behind the last proposal", r->left));
	return (0);
}

int
isakmp_sa_get(struct isakmp_sa *sa, struct span body, struct fault *f)
{
	struct rd r = rd_of(body);

	sa->np = sa->nt = 0;
	sa->doi = rd_u32(&r);
	sa->situation = rd_u32(&r);
	if (r.bad)
		return (fault_at(f, FAULT_MALFORMED, 0, "SA payload: too short"));
	if (sa->doi != DOI_IPSEC || sa->situation != SIT_IDENTITY_ONLY)
		return (fault_at(f, FAULT_MALFORMED, 0, "SA payload: DOI %u, situation %u; "
		    "only the IPsec DOI with identity is supported", sa->doi, sa->situation));
	if (proposals_get(sa, &r, f) != 0) {
		sa->np = sa->nt = 0;
		return (-1);
	}
	return (0);
}

static void
transform_put(struct wr *w, const struct isakmp_transform *t, bool more)
{
	if (t->attrs.len > UINT16_MAX - T_HDR_LEN)
		w->bad = true;
	wr_u8(w, more ? PAYLOAD_T : PAYLOAD_NONE);
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)(T_HDR_LEN + t->attrs.len));
	wr_u8(w, t->num);
	wr_u8(w, t->id);
	wr_u16(w, 0);
	wr_bytes(w, t->attrs);
}

void
isakmp_sa_put(struct wr *w, const struct isakmp_sa *sa)
{
	const struct isakmp_proposal *p;
	size_t at, i, j;

	wr_u32(w, sa->doi);
	wr_u32(w, sa->situation);
	for (i = 0; i < sa->np; i++) {
		p = &sa->p[i];
		if (p->spi.len > SPI_MAX || p->n > UINT8_MAX || p->first > sa->nt ||
		    p->n > sa->nt - p->first) {
			w->bad = true;
			return;
		}
		at = w->len;
		wr_u8(w, i + 1 < sa->np ? PAYLOAD_P : PAYLOAD_NONE);
		wr_u8(w, 0);
		wr_u16(w, 0);
		wr_u8(w, p->num);
		wr_u8(w, p->proto);
		wr_u8(w, (uint8_t)p->spi.len);
		wr_u8(w, (uint8_t)p->n);
		wr_bytes(w, p->spi);
		for (j = 0; j < p->n; j++)
			transform_put(w, &sa->t[p->first + j], j + 1 < p->n);
		wr_len16(w, at + 2, at);
	}
}
