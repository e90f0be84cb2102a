/* What a network device does for TCP and UDP, done before a packet is sealed. */
#include "datapath/segment.h"

#include "base/csum.h"

#define V6_HDR		40
#define P_TCP		6
#define P_UDP		17
#define TCP_HDR		20
#define UDP_HDR		8
#define TCP_FIN		0x01
#define TCP_PSH		0x08
#define TCP_CWR		0x80

int
segment_complete(struct pkt *k)
{
	size_t start = k->csum_start, field = start + k->csum_offset;
	uint64_t sum;

	if (k->csum != PKT_CSUM_PARTIAL)
		return (0);
	if (start >= k->len || field + 2 > k->len)
		return (-1);
	/* The field holds the sum of the pseudo header, and is part of what is summed. */
	sum = csum_bytes(k->p + start, k->len - start);
	csum_put(k->p + field, sum, k->csum_offset == 6);
	k->csum = PKT_CSUM_FULL;
	return (0);
}

int
segment_begin(struct segmenter *s, const struct pkt *k, const struct inner *in)
{
	bool tcp = k->gso != PKT_GSO_UDP, v4 = in->src.family == 4;
	size_t room = in->len - in->l4, head = UDP_HDR;

	if (in->frag || in->proto != (tcp ? P_TCP : P_UDP) || k->seg == 0 || in->len > k->len ||
	    (k->gso == PKT_GSO_TCP4 && !v4) || (k->gso == PKT_GSO_TCP6 && v4) || room < (tcp ? TCP_HDR : UDP_HDR))
		return (-1);
	if (tcp)
		head = (size_t)(k->p[in->l4 + 12] >> 4) * 4;
	if (head < (tcp ? TCP_HDR : UDP_HDR) || head >= room)
		return (-1);
	*s = (struct segmenter){ .p = k->p, .l4 = in->l4, .head = in->l4 + head, .len = room - head, .seg = k->seg,
	    .v4 = v4, .tcp = tcp };
	s->pseudo = csum_bytes(in->src.b, addr_len(&in->src)) + csum_bytes(in->dst.b, addr_len(&in->dst)) +
	    csum_number(in->proto);
	return (0);
}

static size_t
payload(const struct segmenter *s)
{
	return (s->len - s->off < s->seg ? s->len - s->off : s->seg);
}

size_t
segment_len(const struct segmenter *s)
{
	return (s->off < s->len ? s->head + payload(s) : 0);
}

static void
put_ip(const struct segmenter *s, uint8_t *ip, size_t len)
{
	memcpy(ip, s->p, s->l4);
	if (!s->v4) {
		put_be16(ip + 4, (uint16_t)(len - V6_HDR));
		return;
	}
	put_be16(ip + 2, (uint16_t)len);
	put_be16(ip + 4, (uint16_t)(get_be16(ip + 4) + s->off / s->seg));
	memset(ip + 10, 0, 2);
	csum_put(ip + 10, csum_bytes(ip, s->l4), false);
}

void
segment_put(struct segmenter *s, uint8_t *to, bool ip)
{
	size_t body = payload(s), head = s->head - s->l4, field = s->tcp ? 16 : 6;

	memcpy(to, s->p + s->l4, head);
	memcpy(to + head, s->p + s->head + s->off, body);
	if (ip)
		put_ip(s, to - s->l4, s->head + body);
	if (s->tcp) {
		put_be32(to + 4, get_be32(to + 4) + (uint32_t)s->off);
		if (s->off > 0)
			to[13] &= (uint8_t)~TCP_CWR;
		if (s->off + body < s->len)
			to[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
	} else
		put_be16(to + 4, (uint16_t)(UDP_HDR + body));
	memset(to + field, 0, 2);
	csum_put(to + field, s->pseudo + csum_number((uint16_t)(head + body)) + csum_bytes(to, head + body), !s->tcp);
	s->off += body;
}
