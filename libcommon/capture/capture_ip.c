/* IP headers of captured packets (RFC 791, RFC 8200 section 4). */
#include "capture/capture_priv.h"

#include <netinet/in.h>

#define EXTENSIONS_MAX	16	/* IPv6 extension headers */
#define IP6_HDR		40

/* What was captured of a packet whose header says that it has ${len} bytes. */
static int
measure(struct capture_ip *ip, struct span s, size_t wire_len, size_t len, const char **note)
{
	if (len > wire_len) {
		*note = "the IP header's length exceeds the frame";
		return (-1);
	}
	/* Bytes behind it are padding of a short frame. */
	if (len < s.len)
		s.len = len;
	ip->all = s;
	ip->lost = len - s.len;
	return (0);
}

static int
ip4_get(struct capture_ip *ip, struct span s, size_t wire_len, const char **note)
{
	size_t head, len;
	uint16_t frag;

	if (s.len < 20 || (head = (s.p[0] & 15U) * 4) < 20 || head > s.len) {
		*note = "an IPv4 header is cut off";
		return (-1);
	}
	/* With segmentation offload a sender's capture may say 0: it is as long as the frame. */
	if ((len = get_be16(s.p + 2)) == 0)
		len = wire_len;
	if (len < head) {
		*note = "the IPv4 length is below the header's";
		return (-1);
	}
	if (measure(ip, s, wire_len, len, note) != 0)
		return (-1);
	frag = get_be16(s.p + 6);
	ip->src = addr_make(4, s.p + 12);
	ip->dst = addr_make(4, s.p + 16);
	ip->tos = s.p[1];
	ip->proto = s.p[9];
	ip->id = get_be16(s.p + 4);
	ip->off = (frag & 0x1fffU) * 8;
	ip->more = (frag & 0x2000) != 0;
	ip->fragment = ip->more || ip->off > 0;
	ip->head = head;
	ip->payload = span_of(ip->all.p + head, ip->all.len - head);
	return (0);
}

/* The extension headers before what is of interest. */
static int
ip6_extensions(struct capture_ip *ip, const char **note)
{
	struct span s = ip->all;
	size_t at = IP6_HDR, len, next_at = 6;
	unsigned n;

	for (n = 0; n < EXTENSIONS_MAX; n++) {
		ip->proto = s.p[next_at];
		ip->payload = span_of(s.p + at, s.len - at);
		if (ip->proto != IPPROTO_HOPOPTS && ip->proto != IPPROTO_ROUTING &&
		    ip->proto != IPPROTO_DSTOPTS && ip->proto != IPPROTO_FRAGMENT)
			return (0);
		if (ip->payload.len < 8) {
			*note = "an IPv6 extension header is cut off";
			return (-1);
		}
		len = 8;
		if (ip->proto != IPPROTO_FRAGMENT)
			len += ip->payload.p[1] * 8U;
		else if ((get_be16(ip->payload.p + 2) & 0xfff9) != 0) {
			ip->off = get_be16(ip->payload.p + 2) & 0xfff8U;
			ip->more = (ip->payload.p[3] & 1) != 0;
			ip->id = get_be32(ip->payload.p + 4);
			ip->fragment = true;
			ip->proto = ip->payload.p[0];
			ip->head = at;
			ip->next_at = next_at;
			ip->payload = span_of(s.p + at + 8, s.len - at - 8);
			return (0);
		}
		if (len > ip->payload.len) {
			*note = "an IPv6 extension header is cut off";
			return (-1);
		}
		next_at = at;
		at += len;
	}
	*note = "too many IPv6 extension headers";
	return (-1);
}

static int
ip6_get(struct capture_ip *ip, struct span s, size_t wire_len, const char **note)
{
	size_t len;

	if (s.len < IP6_HDR) {
		*note = "an IPv6 header is cut off";
		return (-1);
	}
	len = get_be16(s.p + 4);
	/* 0: a jumbogram (RFC 2675), or segmentation offload. */
	if (measure(ip, s, wire_len, len == 0 ? wire_len : IP6_HDR + len, note) != 0)
		return (-1);
	ip->src = addr_make(6, s.p + 8);
	ip->dst = addr_make(6, s.p + 24);
	ip->tos = (uint8_t)(get_be16(s.p) >> 4);
	return (ip6_extensions(ip, note));
}

int
capture_ip_get(struct capture_ip *ip, struct span s, size_t wire_len, const char **note)
{
	*ip = (struct capture_ip){0};
	if (s.len > 0 && s.p[0] >> 4 == 4)
		return (ip4_get(ip, s, wire_len, note));
	if (s.len > 0 && s.p[0] >> 4 == 6)
		return (ip6_get(ip, s, wire_len, note));
	*note = s.len == 0 ? "an empty IP packet" : "an IP packet of neither version 4 nor 6";
	return (-1);
}
