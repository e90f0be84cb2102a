/* IP packets inside the tunnel: parsed, matched, and changed where the tunnel has to. */
#include "esp/inner.h"

#include "wire/rd.h"

#define V4_HDR		20
#define V6_HDR		40
#define EXT_MAX		16	/* extension headers followed */
#define P_HOPOPTS	0
#define P_ICMP		1
#define P_TCP		6
#define P_UDP		17
#define P_ROUTING	43
#define P_FRAGMENT	44
#define P_AH		51
#define P_ICMP6		58
#define P_DSTOPTS	60
#define P_DCCP		33
#define P_SCTP		132
#define P_MOBILITY	135
#define P_UDPLITE	136
#define P_HIP		139
#define P_SHIM6		140
#define TCP_SYN		0x02
#define ECN		0x03
#define ECN_CE		0x03
#define ECN_ECT1	0x01

/* Ports of the first fragment; ${r} is at the upper layer. */
static void
ports(struct inner *in, struct rd *r)
{
	switch (in->proto) {
	case P_TCP: case P_UDP: case P_DCCP: case P_SCTP: case P_UDPLITE:
		in->sport = rd_u16(r);
		in->dport = rd_u16(r);
		break;
	case P_ICMP: case P_ICMP6:
		in->sport = in->dport = rd_u16(r);
		break;
	default:
		return;
	}
	in->has_ports = !r->bad;
}

static int
parse_v4(struct inner *in, struct rd *r)
{
	uint8_t vihl = rd_u8(r);
	size_t ihl = (size_t)(vihl & 15) * 4;
	uint16_t frag;

	in->tos = rd_u8(r);
	in->len = rd_u16(r);
	in->id = rd_u16(r);
	frag = rd_u16(r);
	(void)rd_u8(r);
	in->proto = rd_u8(r);
	(void)rd_u16(r);
	struct span a = rd_bytes(r, 4), b = rd_bytes(r, 4);
	if (r->bad || ihl < V4_HDR || in->len < ihl || in->len > r->pos + r->left)
		return (-1);
	/* In place, for each packet: a struct that is made and copied waits for its own bytes. */
	in->src.family = in->dst.family = 4;
	memcpy(in->src.b, a.p, 4);
	memcpy(in->dst.b, b.p, 4);
	in->df = (frag & 0x4000) != 0;
	in->frag = (frag & 0x3fff) != 0;
	in->frag_rest = (frag & 0x1fff) != 0;
	in->l4 = ihl;
	(void)rd_bytes(r, ihl - V4_HDR);
	r->left = in->len - ihl;
	return (0);
}

static int
parse_v6(struct inner *in, struct rd *r)
{
	uint32_t word = rd_u32(r);
	uint16_t frag;
	size_t turns;

	in->tos = (uint8_t)(word >> 20);
	in->len = (size_t)rd_u16(r) + V6_HDR;
	in->proto = rd_u8(r);
	(void)rd_u8(r);
	struct span a = rd_bytes(r, 16), b = rd_bytes(r, 16);
	if (r->bad || in->len > r->pos + r->left)
		return (-1);
	in->src.family = in->dst.family = 6;
	memcpy(in->src.b, a.p, 16);
	memcpy(in->dst.b, b.p, 16);
	in->df = true;
	r->left = in->len - V6_HDR;
	for (turns = 0; turns < EXT_MAX && !in->frag_rest; turns++) {
		uint8_t type = in->proto, len;

		if (type != P_HOPOPTS && type != P_ROUTING && type != P_DSTOPTS && type != P_FRAGMENT &&
		    type != P_AH && type != P_MOBILITY && type != P_HIP && type != P_SHIM6)
			break;
		in->proto = rd_u8(r);
		len = rd_u8(r);
		if (type == P_FRAGMENT) {
			frag = rd_u16(r);
			in->id = rd_u32(r);
			in->frag = true;
			in->frag_rest = (frag & 0xfff8) != 0;
		} else
			(void)rd_bytes(r, type == P_AH ? ((size_t)len + 2) * 4 - 2 :
			    ((size_t)len + 1) * 8 - 2);
		if (r->bad)
			return (-1);
	}
	in->l4 = r->pos;
	return (turns < EXT_MAX ? 0 : -1);
}

int
inner_parse(struct inner *in, const uint8_t *p, size_t len)
{
	struct rd r = rd_of(span_of(p, len));
	int rc = -1;

	*in = (struct inner){0};
	if (len == 0)
		return (-1);
	if (p[0] >> 4 == 4)
		rc = parse_v4(in, &r);
	else if (p[0] >> 4 == 6)
		rc = parse_v6(in, &r);
	if (rc == 0 && !in->frag_rest)
		ports(in, &r);
	return (rc);
}

static bool
port_fits(const struct inner *in, uint16_t port, const struct selector *s)
{
	if (s->port == 0 && s->port_end == 0)
		return (true);
	return (in->has_ports && port >= s->port && port <= s->port_end);
}

bool
inner_matches(const struct inner *in, const struct selector *src, const struct selector *dst)
{
	return (selector_has_addr(src, &in->src) && selector_has_addr(dst, &in->dst) &&
	    (src->proto == 0 || src->proto == in->proto) &&
	    (dst->proto == 0 || dst->proto == in->proto) &&
	    port_fits(in, in->sport, src) && port_fits(in, in->dport, dst));
}

/* The checksum ${sum} of a text in which ${from} became ${to} (RFC 1624, equation 3). */
static uint16_t
sum_adjust(uint16_t sum, uint16_t from, uint16_t to)
{
	uint32_t s = (uint32_t)(uint16_t)~sum + (uint16_t)~from + to;

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return ((uint16_t)~s);
}

static void
ecn_set(uint8_t *p, const struct inner *in, uint8_t ecn)
{
	uint16_t from = get_be16(p), to;

	if (in->src.family == 4) {
		to = (uint16_t)((from & ~ECN) | ecn);
		put_be16(p + 10, sum_adjust(get_be16(p + 10), from, to));
	} else
		to = (uint16_t)((from & ~(ECN << 4)) | ecn << 4);
	put_be16(p, to);
}

int
inner_ecn_exit(uint8_t *p, const struct inner *in, uint8_t outer_tos)
{
	uint8_t outer = outer_tos & ECN, own = in->tos & ECN;

	if (own == 0)
		return (outer == ECN_CE ? -1 : 0);
	if (outer == ECN_CE || (outer == ECN_ECT1 && own != ECN_CE)) {
		if (outer != own)
			ecn_set(p, in, outer);
	}
	return (0);
}

uint16_t
inner_mss_of(uint8_t family, size_t mtu)
{
	size_t hdr = (family == 4 ? V4_HDR : V6_HDR) + 20;

	return ((uint16_t)(mtu <= hdr ? 1 : mtu - hdr > UINT16_MAX ? UINT16_MAX : mtu - hdr));
}

bool
inner_mss_clamp(uint8_t *p, const struct inner *in, uint16_t mss)
{
	size_t off, end, len;
	uint8_t *tcp = p + in->l4, *opt;
	uint16_t sum, old;

	if (in->proto != P_TCP || in->frag_rest || in->len < in->l4 + 20 ||
	    (tcp[13] & TCP_SYN) == 0)
		return (false);
	end = (size_t)(tcp[12] >> 4) * 4;
	if (end > in->len - in->l4)
		return (false);
	for (off = 20; off < end && tcp[off] != 0; off += len) {
		len = tcp[off] == 1 ? 1 : off + 1 < end ? tcp[off + 1] : 0;
		if (len == 0 || len > end - off || (tcp[off] != 1 && len < 2))
			return (false);
		if (tcp[off] != 2 || len != 4)
			continue;
		opt = tcp + off + 2;
		if ((old = get_be16(opt)) <= mss)
			return (false);
		sum = get_be16(tcp + 16);
		put_be16(opt, mss);
		/* Options may start on an odd byte: the sum then sees the bytes swapped. */
		if (off % 2 != 0) {
			old = (uint16_t)(old >> 8 | old << 8);
			mss = (uint16_t)(mss >> 8 | mss << 8);
		}
		put_be16(tcp + 16, sum_adjust(sum, old, mss));
		return (true);
	}
	return (false);
}

/* Internet checksum of ${n} bytes on top of ${sum} (RFC 1071). */
static uint32_t
sum_add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (; n > 1; p += 2, n -= 2)
		sum += get_be16(p);
	return (n != 0 ? sum + ((uint32_t)p[0] << 8) : sum);
}

static uint16_t
sum_end(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)~sum);
}

/* Updates checksum ${sum} for bytes that changed from ${from} to ${to}. */
static uint16_t
sum_replace(uint16_t sum, const struct addr *from, const struct addr *to)
{
	for (size_t i = 0; i < addr_len(from); i += 2)
		sum = sum_adjust(sum, get_be16(from->b + i), get_be16(to->b + i));
	return (sum);
}

/* The checksum of the upper layer over pseudo header and ${len} bytes, its own field counted as it is. */
static uint16_t
l4_sum(const uint8_t *p, const struct inner *in, size_t len)
{
	uint32_t sum = (uint32_t)len + in->proto;

	sum = sum_add(sum, in->src.b, addr_len(&in->src));
	sum = sum_add(sum, in->dst.b, addr_len(&in->dst));
	return (sum_end(sum_add(sum, p + in->l4, len)));
}

void
inner_csum_renew(uint8_t *p, const struct inner *in, const struct addr *src, const struct addr *dst)
{
	size_t at = in->proto == P_TCP ? 16 : 6, len = in->len - in->l4;
	uint8_t *field = p + in->l4 + at;
	uint16_t sum;

	if ((in->proto != P_TCP && in->proto != P_UDP) || in->frag || len < (in->proto == P_TCP ? 20 : 8))
		return;
	sum = get_be16(field);
	if (in->proto == P_UDP && sum == 0)
		return;			/* it has none */
	if (src->family == in->src.family && dst->family == in->dst.family)
		sum = sum_replace(sum_replace(sum, src, &in->src), dst, &in->dst);
	else if (l4_sum(p, in, len) == 0)
		return;			/* it is right: the NAT was before the end that made it */
	else if (in->proto == P_UDP && in->src.family == 4) {
		put_be16(field, 0);
		return;
	} else {
		put_be16(field, 0);
		sum = l4_sum(p, in, len);
	}
	put_be16(field, in->proto == P_UDP && sum == 0 ? 0xffff : sum);
}

bool
inner_has_l4_ports(const struct inner *in)
{
	return (in->has_ports && (in->proto == P_TCP || in->proto == P_UDP) &&
	    in->len - in->l4 >= (in->proto == P_TCP ? 20U : 8U));
}

void
inner_port_set(uint8_t *p, struct inner *in, bool src, uint16_t port)
{
	uint16_t *own = src ? &in->sport : &in->dport, sum;
	uint8_t *l4 = p + in->l4, *field = l4 + (in->proto == P_TCP ? 16 : 6);

	if (*own == port)
		return;
	sum = get_be16(field);
	if (in->proto == P_TCP || sum != 0) {
		sum = sum_adjust(sum, *own, port);
		put_be16(field, in->proto == P_UDP && sum == 0 ? 0xffff : sum);
	}
	put_be16(l4 + (src ? 0 : 2), port);
	*own = port;
}

/* RFC 1122 3.2.2, RFC 4443 2.4 (e): packets that no ICMP error may answer. */
static bool
answerable(const uint8_t *p, const struct inner *in)
{
	static const uint8_t none[16];
	uint8_t type;

	if (in->frag_rest)
		return (false);
	if (in->src.family == 4) {
		if (in->src.b[0] == 0 || in->src.b[0] >= 224 || in->dst.b[0] >= 224)
			return (false);
	} else if (in->src.b[0] == 0xff || in->dst.b[0] == 0xff ||
	    span_eq(addr_span(&in->src), SPAN_ARRAY(none)))
		return (false);
	if (in->l4 >= in->len)
		return (true);
	type = p[in->l4];
	if (in->proto == P_ICMP)
		return (type == 0 || type == 8 || type >= 13);
	return (in->proto != P_ICMP6 || type >= 128);
}

size_t
inner_toobig(uint8_t out[TOOBIG_MAX], const uint8_t *p, const struct inner *in, size_t mtu)
{
	bool v4 = in->src.family == 4;
	size_t hdr = v4 ? V4_HDR : V6_HDR, quote, len, max = v4 ? INNER_MIN_V4 : TOOBIG_MAX;
	uint8_t *icmp = out + hdr;
	uint32_t sum = 0;

	if (!answerable(p, in))
		return (0);
	quote = in->len < max - hdr - 8 ? in->len : max - hdr - 8;
	len = hdr + 8 + quote;
	memset(out, 0, hdr + 8);
	memcpy(icmp + 8, p, quote);
	if (v4) {
		out[0] = 0x45;
		put_be16(out + 2, (uint16_t)len);
		out[8] = 64;
		out[9] = P_ICMP;
		memcpy(out + 12, in->dst.b, 4);
		memcpy(out + 16, in->src.b, 4);
		put_be16(out + 10, sum_end(sum_add(0, out, V4_HDR)));
		icmp[0] = 3;
		icmp[1] = 4;
		put_be16(icmp + 6, (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu));
	} else {
		out[0] = 0x60;
		put_be16(out + 4, (uint16_t)(8 + quote));
		out[6] = P_ICMP6;
		out[7] = 64;
		memcpy(out + 8, in->dst.b, 16);
		memcpy(out + 24, in->src.b, 16);
		icmp[0] = 2;
		put_be32(icmp + 4, (uint32_t)mtu);
		sum = sum_add((uint32_t)(8 + quote) + P_ICMP6, out + 8, 32);
	}
	put_be16(icmp + 2, sum_end(sum_add(sum, icmp, 8 + quote)));
	return (len);
}
