/* Decoding and encoding of NHRP packets. */
#include "nhrp/packet.h"

#include "base/csum.h"
#include "wire/rd.h"
#include "wire/wr.h"

#define AT_SIZE		10
#define AT_CSUM		12
#define AT_EXT		14
#define LEN_BITS	0x3f	/* of a type and length */
#define TYPE_BIT	0x40

/* --- addresses --- */

static uint8_t
family_of_afn(uint16_t afn)
{
	return (afn == NHRP_AFN_IPV4 ? 4 : afn == NHRP_AFN_IPV6 ? 6 : 0);
}

static uint8_t
family_of_proto(uint16_t proto)
{
	return (proto == NHRP_PROTO_IPV4 ? 4 : proto == NHRP_PROTO_IPV6 ? 6 : 0);
}

/* An address of ${len} bytes: none, or as long as its family says. */
static int
addr_read(struct addr *a, struct rd *r, size_t len, uint8_t family, const char *what, struct fault *f)
{
	size_t at = r->pos;
	struct span s = rd_bytes(r, len);

	*a = (struct addr){0};
	if (r->bad)
		return (fault_at(f, FAULT_TRUNCATED, at, "%s ends behind the packet", what));
	if (len == 0)
		return (0);
	if (len != (family == 4 ? 4U : 16U))
		return (fault_at(f, FAULT_MALFORMED, at, "%s has %zu bytes", what, len));
	*a = addr_make(family, s.p);
	return (0);
}

/* --- CIEs --- */

static int
cie_read(struct nhrp_cie *c, struct rd *r, uint8_t nbma_family, uint8_t proto_family, struct fault *f)
{
	size_t at = r->pos;
	uint8_t nbma, sub, proto;

	*c = (struct nhrp_cie){ .code = rd_u8(r) };
	c->prefix = rd_u8(r);
	c->unused = rd_u16(r);
	c->mtu = rd_u16(r);
	c->holding = rd_u16(r);
	nbma = rd_u8(r);
	sub = rd_u8(r);
	proto = rd_u8(r);
	c->preference = rd_u8(r);
	if (r->bad)
		return (fault_at(f, FAULT_TRUNCATED, at, "a client information entry is truncated"));
	c->e164 = (nbma & TYPE_BIT) != 0;
	if (addr_read(&c->nbma, r, nbma & LEN_BITS, nbma_family, "the NBMA address of an entry", f) != 0)
		return (-1);
	c->sub = rd_bytes(r, sub & LEN_BITS);
	if (r->bad)
		return (fault_at(f, FAULT_TRUNCATED, at, "the NBMA subaddress of an entry ends behind the packet"));
	return (addr_read(&c->proto, r, proto, proto_family, "the protocol address of an entry", f));
}

static int
cies_read(struct nhrp_cie *cie, size_t max, size_t *n, struct rd *r, uint8_t nbma_family, uint8_t proto_family,
    struct fault *f)
{
	for (*n = 0; r->left > 0; (*n)++) {
		if (*n == max)
			return (fault_at(f, FAULT_TOO_LARGE, r->pos, "more than %zu client information entries", max));
		if (cie_read(&cie[*n], r, nbma_family, proto_family, f) != 0)
			return (-1);
	}
	return (0);
}

int
nhrp_cies_get(struct nhrp_cie *cie, size_t max, size_t *n, struct span s, const struct nhrp_packet *of, size_t at,
    struct fault *f)
{
	struct rd r = rd_of(s);

	r.pos = at;
	return (cies_read(cie, max, n, &r, family_of_afn(of->afn), family_of_proto(of->proto), f));
}

static void
cie_write(struct wr *w, const struct nhrp_cie *c)
{
	wr_u8(w, c->code);
	wr_u8(w, c->prefix);
	wr_u16(w, c->unused);
	wr_u16(w, c->mtu);
	wr_u16(w, c->holding);
	wr_u8(w, (uint8_t)(addr_len(&c->nbma) | (c->e164 ? TYPE_BIT : 0)));
	wr_u8(w, (uint8_t)(c->sub.len & LEN_BITS));
	wr_u8(w, (uint8_t)addr_len(&c->proto));
	wr_u8(w, c->preference);
	wr_bytes(w, addr_span(&c->nbma));
	wr_bytes(w, span_of(c->sub.p, c->sub.len & LEN_BITS));
	wr_bytes(w, addr_span(&c->proto));
}

size_t
nhrp_cies_put(uint8_t *out, size_t cap, const struct nhrp_cie *cie, size_t n)
{
	struct wr w = wr_of(out, cap);
	size_t i;

	for (i = 0; i < n; i++)
		cie_write(&w, &cie[i]);
	return (wr_span(&w).len);
}

/* --- decoding --- */

struct fixed {
	uint16_t	size, csum, ext;
	uint8_t		nbma_len, sub_len;
};

static int
fixed_read(struct nhrp_packet *p, struct fixed *x, struct span s, struct fault *f)
{
	struct rd r = rd_of(s);
	struct span snap;
	uint8_t version;

	p->afn = rd_u16(&r);
	p->proto = rd_u16(&r);
	snap = rd_bytes(&r, sizeof(p->snap));
	p->hops = rd_u8(&r);
	x->size = rd_u16(&r);
	x->csum = rd_u16(&r);
	x->ext = rd_u16(&r);
	version = rd_u8(&r);
	p->type = rd_u8(&r);
	x->nbma_len = rd_u8(&r);
	x->sub_len = rd_u8(&r);
	if (r.bad)
		return (fault_at(f, FAULT_TRUNCATED, s.len, "an NHRP packet of %zu bytes", s.len));
	memcpy(p->snap, snap.p, sizeof(p->snap));
	p->e164 = (x->nbma_len & TYPE_BIT) != 0;
	if (version != NHRP_VERSION)
		return (fault_at(f, FAULT_WRONG_VERSION, 16, "NHRP version %u", version));
	if (family_of_afn(p->afn) == 0)
		return (fault_at(f, FAULT_MALFORMED, 0, "unknown address family %u", p->afn));
	if (family_of_proto(p->proto) == 0)
		return (fault_at(f, FAULT_MALFORMED, 2, "unknown protocol type 0x%04x", p->proto));
	if (p->type < NHRP_RESOLUTION_REQUEST || p->type > NHRP_TRAFFIC_INDICATION)
		return (fault_at(f, FAULT_MALFORMED, 17, "unknown packet type %u", p->type));
	if (x->size > NHRP_PACKET_MAX)
		return (fault_at(f, FAULT_TOO_LARGE, AT_SIZE, "an NHRP packet of %u bytes", x->size));
	if (x->size > s.len || x->size < NHRP_FIXED)
		return (fault_at(f, FAULT_TRUNCATED, AT_SIZE, "the packet's size is %u, of which there are %zu bytes", x->size,
		    s.len));
	if (x->ext != 0 && (x->ext < NHRP_FIXED || x->ext > x->size))
		return (fault_at(f, FAULT_MALFORMED, AT_EXT, "the extension offset %u is outside of the packet", x->ext));
	return (0);
}

/* The sum with the odd last byte as the low byte of its word. */
static uint64_t
odd_sum(struct span s)
{
	return (s.len % 2 == 0 ? csum_bytes(s.p, s.len) : csum_bytes(s.p, s.len - 1) + csum_number(s.p[s.len - 1]));
}

static int
sum_check(struct nhrp_packet *p, struct span s, struct fault *f)
{
	if (csum_right(csum_bytes(s.p, s.len)))
		return (0);
	p->odd_sum = csum_right(odd_sum(s));
	if (!p->odd_sum)
		return (fault_at(f, FAULT_MALFORMED, AT_CSUM, "the checksum is wrong"));
	return (0);
}

static int
mandatory_read(struct nhrp_packet *p, const struct fixed *x, struct rd *r, struct fault *f)
{
	uint8_t nbma = family_of_afn(p->afn), proto = family_of_proto(p->proto);
	uint8_t src_len = rd_u8(r), dst_len = rd_u8(r);

	p->flags = rd_u16(r);
	if (nhrp_is_indication(p->type)) {
		p->error = rd_u16(r);
		p->error_at = rd_u16(r);
	} else
		p->id = rd_u32(r);
	if (r->bad)
		return (fault_at(f, FAULT_TRUNCATED, NHRP_FIXED, "the mandatory part is truncated"));
	if (addr_read(&p->src_nbma, r, x->nbma_len & LEN_BITS, nbma, "the source NBMA address", f) != 0)
		return (-1);
	p->src_sub = rd_bytes(r, x->sub_len & LEN_BITS);
	if (addr_read(&p->src, r, src_len, proto, "the source protocol address", f) != 0 ||
	    addr_read(&p->dst, r, dst_len, proto, "the destination protocol address", f) != 0)
		return (-1);
	if (!nhrp_is_indication(p->type))
		return (cies_read(p->cie, NHRP_CIES_MAX, &p->n_cies, r, nbma, proto, f));
	p->inner = rd_rest(r);
	return (0);
}

static int
exts_read(struct nhrp_packet *p, struct rd *r, struct fault *f)
{
	while (r->left > 0) {
		struct nhrp_ext e;
		size_t at = r->pos;
		uint16_t type = rd_u16(r), len = rd_u16(r);

		e.compulsory = (type & 0x8000) != 0;
		e.unused = (type & 0x4000) != 0;
		e.type = type & 0x3fff;
		e.data = rd_bytes(r, len);
		if (r->bad)
			return (fault_at(f, FAULT_TRUNCATED, at, "an extension ends behind the packet"));
		if (e.type == NHRP_EXT_END)
			return (0);
		if (p->n_exts == NHRP_EXTS_MAX)
			return (fault_at(f, FAULT_TOO_LARGE, at, "more than %d extensions", NHRP_EXTS_MAX));
		p->ext[p->n_exts++] = e;
	}
	return (0);
}

int
nhrp_decode(struct nhrp_packet *p, struct span s, struct fault *f)
{
	struct fixed x;
	struct rd r, part;

	*p = (struct nhrp_packet){0};
	if (fixed_read(p, &x, s, f) != 0)
		return (-1);
	s.len = x.size;
	if (sum_check(p, s, f) != 0)
		return (-1);
	p->has_exts = x.ext != 0;
	r = rd_of(s);
	(void)rd_bytes(&r, NHRP_FIXED);
	part = rd_sub(&r, (p->has_exts ? x.ext : x.size) - (size_t)NHRP_FIXED);
	if (mandatory_read(p, &x, &part, f) != 0)
		return (-1);
	return (exts_read(p, &r, f));
}

/* --- encoding --- */

void
nhrp_checksum_put(uint8_t *packet, size_t len)
{
	put_be16(packet + AT_CSUM, 0);
	csum_put(packet + AT_CSUM, csum_bytes(packet, len), false);
}

static void
exts_write(struct wr *w, const struct nhrp_packet *p)
{
	size_t i;

	for (i = 0; i < p->n_exts; i++) {
		const struct nhrp_ext *e = &p->ext[i];

		if (e->data.len > UINT16_MAX)
			w->bad = true;
		wr_u16(w, (uint16_t)((e->compulsory ? 0x8000 : 0) | (e->unused ? 0x4000 : 0) | (e->type & 0x3fff)));
		wr_u16(w, (uint16_t)e->data.len);
		wr_bytes(w, e->data);
	}
	wr_u16(w, 0x8000 | NHRP_EXT_END);
	wr_u16(w, 0);
}

size_t
nhrp_encode(uint8_t *out, size_t cap, const struct nhrp_packet *p)
{
	struct wr w = wr_of(out, cap < NHRP_PACKET_MAX ? cap : NHRP_PACKET_MAX);
	size_t i;

	wr_u16(&w, p->afn);
	wr_u16(&w, p->proto);
	wr_bytes(&w, SPAN_ARRAY(p->snap));
	wr_u8(&w, p->hops);
	wr_zeros(&w, 6);	/* size, checksum, extension offset: below */
	wr_u8(&w, NHRP_VERSION);
	wr_u8(&w, p->type);
	wr_u8(&w, (uint8_t)(addr_len(&p->src_nbma) | (p->e164 ? TYPE_BIT : 0)));
	wr_u8(&w, (uint8_t)(p->src_sub.len & LEN_BITS));
	wr_u8(&w, (uint8_t)addr_len(&p->src));
	wr_u8(&w, (uint8_t)addr_len(&p->dst));
	wr_u16(&w, p->flags);
	wr_u32(&w, nhrp_is_indication(p->type) ? (uint32_t)p->error << 16 | p->error_at : p->id);
	wr_bytes(&w, addr_span(&p->src_nbma));
	wr_bytes(&w, span_of(p->src_sub.p, p->src_sub.len & LEN_BITS));
	wr_bytes(&w, addr_span(&p->src));
	wr_bytes(&w, addr_span(&p->dst));
	if (nhrp_is_indication(p->type))
		wr_bytes(&w, p->inner);
	for (i = 0; i < p->n_cies && !nhrp_is_indication(p->type); i++)
		cie_write(&w, &p->cie[i]);
	if (p->has_exts || p->n_exts > 0) {
		if (!w.bad)
			put_be16(w.p + AT_EXT, (uint16_t)w.len);
		exts_write(&w, p);
	}
	if (w.bad)
		return (0);
	put_be16(w.p + AT_SIZE, (uint16_t)w.len);
	nhrp_checksum_put(w.p, w.len);
	return (w.len);
}
