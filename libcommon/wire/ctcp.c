/* Cisco's TCP encapsulation: headers, trailer, checksum. */
#include "wire/ctcp.h"

#include "wire/rd.h"

#define IKE_PORT	500	/* in the UDP header, whatever the ports outside are */
#define LEAST		(CTCP_TRAILER + 1)

static const uint8_t cookie[] = { 0x21, 0x45, 0x6c, 0x69, 0x10 };
static const uint8_t end[] = { 0x01, 0x00 };

int
ctcp_segment_get(struct ctcp_segment *s, struct span tcp)
{
	struct rd r = rd_of(tcp);
	uint8_t words;

	*s = (struct ctcp_segment){0};
	s->sport = rd_u16(&r);
	s->dport = rd_u16(&r);
	s->seq = rd_u32(&r);
	s->ack = rd_u32(&r);
	words = rd_u8(&r) >> 4;
	s->flags = rd_u8(&r);
	(void)rd_bytes(&r, 6);		/* window, checksum, urgent pointer */
	if (words < CTCP_TCP / 4)
		return (-1);
	(void)rd_bytes(&r, (size_t)words * 4 - CTCP_TCP);
	s->payload = rd_rest(&r);
	return (r.bad ? -1 : 0);
}

static uint64_t
sum_bytes(uint64_t sum, struct span s)
{
	size_t i;

	for (i = 0; i + 4 <= s.len; i += 4)
		sum += get_be32(s.p + i);
	if (i + 2 <= s.len) {
		sum += get_be16(s.p + i);
		i += 2;
	}
	return (i < s.len ? sum + ((uint64_t)s.p[i] << 8) : sum);
}

static uint16_t
fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)sum);
}

uint16_t
ctcp_checksum(const struct addr *src, const struct addr *dst, const struct span *parts, size_t n)
{
	uint64_t sum = sum_bytes(sum_bytes(6, addr_span(src)), addr_span(dst));	/* 6: the protocol */
	size_t i;

	for (i = 0; i < n; i++)
		sum = sum_bytes(sum + parts[i].len, parts[i]);
	return ((uint16_t)~fold(sum));
}

bool
ctcp_checksum_good(const struct addr *src, const struct addr *dst, struct span tcp)
{
	return (ctcp_checksum(src, dst, &tcp, 1) == 0 || (tcp.len >= CTCP_TCP && get_be16(tcp.p + 16) ==
	    fold(sum_bytes(sum_bytes(6 + tcp.len, addr_span(src)), addr_span(dst)))));
}

void
ctcp_header_put(uint8_t out[CTCP_TCP], const struct ctcp_segment *s)
{
	memset(out, 0, CTCP_TCP);
	put_be16(out, s->sport);
	put_be16(out + 2, s->dport);
	put_be32(out + 4, s->seq);
	put_be32(out + 8, s->ack);
	out[12] = CTCP_TCP / 4 << 4;
	out[13] = s->flags;
	put_be16(out + 14, CTCP_WINDOW);
}

void
ctcp_udp_put(uint8_t out[CTCP_UDP], size_t len)
{
	put_be16(out, IKE_PORT);
	put_be16(out + 2, IKE_PORT);
	put_be16(out + 4, (uint16_t)(CTCP_UDP + len));
	/* 0: not computed. A NAT changes the addresses of the outer header only. */
	put_be16(out + 6, 0);
}

void
ctcp_trailer_put(uint8_t out[CTCP_TRAILER], uint8_t proto, struct ctcp_mark mark)
{
	memset(out, 0, CTCP_TRAILER);
	put_be16(out + 4, mark.number);
	out[6] = mark.client ? 0x40 : 0;
	memcpy(out + 8, cookie, sizeof(cookie));
	out[13] = proto;
	memcpy(out + 14, end, sizeof(end));
}

/* Whether a trailer ends at byte ${at}, which is at least CTCP_TRAILER. */
static bool
trailer_ends(struct span s, size_t at)
{
	static const uint8_t zero[4];
	const uint8_t *t = s.p + at - CTCP_TRAILER;

	return (memcmp(t, zero, sizeof(zero)) == 0 && memcmp(t + 8, cookie, sizeof(cookie)) == 0 &&
	    memcmp(t + 14, end, sizeof(end)) == 0);
}

/* Whether ${payload} is packets of ${len} bytes, and a last one that may be shorter; its end has been checked. */
static bool
cuts_well(struct span payload, size_t len)
{
	size_t at;

	for (at = len; at < payload.len; at += len)
		if (!trailer_ends(payload, at))
			return (false);
	return (at - payload.len + LEAST <= len);
}

size_t
ctcp_packet_len(struct span payload)
{
	const uint8_t *p = payload.p, *hit;
	size_t at;

	if (payload.len < LEAST || !trailer_ends(payload, payload.len))
		return (0);
	/* Up to the last trailer's own cookie, which is always there. */
	while ((hit = memmem(p, (size_t)(payload.p + payload.len - 8 - p), cookie, sizeof(cookie))) != NULL) {
		at = (size_t)(hit - payload.p) + CTCP_TRAILER - 8;
		if (at >= LEAST && at + LEAST <= payload.len && cuts_well(payload, at))
			return (at);
		p = hit + 1;
	}
	return (payload.len);
}

uint8_t
ctcp_packet_get(struct span *data, struct span packet)
{
	uint8_t proto;
	size_t len;

	*data = SPAN_NONE;
	if (packet.len < LEAST || !trailer_ends(packet, packet.len))
		return (0);
	proto = packet.p[packet.len - 3];
	*data = span_of(packet.p, packet.len - CTCP_TRAILER);
	if (proto == CTCP_PROTO_ESP || proto == CTCP_PROTO_AH)
		return (proto);
	if (proto != CTCP_PROTO_UDP || data->len < CTCP_UDP || (len = get_be16(data->p + 4)) < CTCP_UDP || len > data->len)
		return (0);
	*data = span_of(data->p + CTCP_UDP, len - CTCP_UDP);
	return (proto);
}
