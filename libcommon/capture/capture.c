/* Captures: frames in turn, link layers, and what a datagram contains. */
#include "capture/capture_priv.h"

#include <netinet/in.h>
#include <pcap/dlt.h>
#include <stdlib.h>

#include "wire/ctcp.h"

#define SPI_LEAST	256			/* below are reserved (RFC 4303, 2.1) */
#define TAGS_MAX	4			/* VLAN tags */
#define TCP_TRAILER	CTCP_TRAILER

#define ETHER_IP4	0x0800
#define ETHER_IP6	0x86dd
#define ETHER_PPPOE	0x8864
#define ETHER_MPLS	0x8847
#define ETHER_MPLS_MULTICAST 0x8848
#define LABELS_MAX	16
#define PROTO_NHRP	54
#define TUNNELS_MAX	4			/* of GRE in GRE */
#define NFLOG_PACKET	9
#define PPP_IP4		0x0021
#define PPP_IP6		0x0057

/* --- from the frame to the IP packet --- */

bool
capture_link_known(int link)
{
	switch (link) {
	case DLT_EN10MB: case DLT_LINUX_SLL: case DLT_LINUX_SLL2: case DLT_RAW:
	case DLT_NULL: case DLT_LOOP: case DLT_IPV4: case DLT_IPV6:
	case DLT_NFLOG: case DLT_PFLOG: case DLT_ENC: case DLT_C_HDLC:
	case DLT_PPP: case DLT_PPP_SERIAL: case DLT_PPP_ETHER: case DLT_PPP_PPPD:
		return (true);
	}
	return (false);
}

/* Behind MPLS labels at ${at}, up to the one with the bottom bit (RFC 3032). What follows has no type. */
static bool
behind_labels(struct span s, size_t at, size_t *off)
{
	unsigned n;

	for (n = 0; n < LABELS_MAX && at + 4 < s.len; n++, at += 4)
		if ((s.p[at + 2] & 1) != 0) {
			*off = at + 4;
			return (s.p[at + 4] >> 4 == 4 || s.p[at + 4] >> 4 == 6);
		}
	return (false);
}

/* Behind PPP's protocol number at ${at}: one byte if it is odd (RFC 1661, 2), behind address and control or not. */
static bool
behind_ppp(struct span s, size_t at, size_t *off)
{
	uint16_t proto;

	if (at + 4 <= s.len && s.p[at] == 0xff && s.p[at + 1] == 3)
		at += 2;
	if (at + 2 > s.len)
		return (false);
	proto = (s.p[at] & 1) != 0 ? s.p[at] : get_be16(s.p + at);
	*off = at + ((s.p[at] & 1) != 0 ? 1 : 2);
	return (proto == PPP_IP4 || proto == PPP_IP6);
}

/* NFLOG: 4 bytes, then values with length and type in the order of the host that captured; one is the packet. */
static bool
behind_nflog(struct span s, bool little, size_t *off)
{
	size_t at = 4, len, type;

	while (at + 4 <= s.len) {
		len = little ? s.p[at] | (size_t)s.p[at + 1] << 8 : get_be16(s.p + at);
		type = little ? s.p[at + 2] | (size_t)s.p[at + 3] << 8 : get_be16(s.p + at + 2);
		if (len < 4)
			return (false);
		if (type == NFLOG_PACKET) {
			*off = at + 4;
			return (*off < s.len && (s.p[*off] >> 4 == 4 || s.p[*off] >> 4 == 6));
		}
		at += (len + 3) & ~(size_t)3;
	}
	return (false);
}

/* Behind an Ethernet type at ${at}: tags, PPPoE. False if there is no IP. */
static bool
behind_type(struct span s, size_t at, size_t payload, size_t *off)
{
	uint16_t type, ppp;
	unsigned n;

	for (n = 0; n <= TAGS_MAX && at + 2 <= s.len; n++) {
		type = get_be16(s.p + at);
		switch (type) {
		case ETHER_IP4: case ETHER_IP6:
			*off = payload;
			return (payload <= s.len);
		case 0x8100: case 0x88a8: case 0x9100:	/* a tag: 2 bytes, then the next type */
			at = payload + 2;
			payload += 4;
			break;
		case ETHER_PPPOE:		/* 6 bytes, then PPP's protocol number (RFC 2516) */
			if (payload + 8 > s.len)
				return (false);
			ppp = get_be16(s.p + payload + 6);
			*off = payload + 8;
			return (ppp == PPP_IP4 || ppp == PPP_IP6);
		case ETHER_MPLS: case ETHER_MPLS_MULTICAST:
			return (behind_labels(s, payload, off));
		default:
			return (false);
		}
	}
	return (false);
}

static bool
find_ip(int link, struct span s, size_t *off)
{
	*off = 0;
	switch (link) {
	case DLT_EN10MB:
		return (behind_type(s, 12, 14, off));
	case DLT_LINUX_SLL:
		return (behind_type(s, 14, 16, off));
	case DLT_LINUX_SLL2:
		return (behind_type(s, 0, 20, off));
	case DLT_NFLOG:
		return (behind_nflog(s, true, off) || behind_nflog(s, false, off));
	case DLT_C_HDLC:
		return (behind_type(s, 2, 4, off));
	case DLT_PPP: case DLT_PPP_SERIAL:
		/* A serial line may have Cisco's HDLC in place of PPP. */
		return (s.len > 0 && (s.p[0] == 0x0f || s.p[0] == 0x8f) ? behind_type(s, 2, 4, off) :
		    behind_ppp(s, 0, off));
	case DLT_PPP_PPPD:		/* the direction first */
		return (behind_ppp(s, 1, off));
	case DLT_PPP_ETHER:
		return (behind_ppp(s, 6, off));
	case DLT_PFLOG:			/* its length first */
		*off = s.len > 0 ? (s.p[0] + 3U) & ~3U : 0;
		break;
	case DLT_ENC:
		*off = 12;
		break;
	case DLT_NULL: case DLT_LOOP:
		/* Family numbers and byte order differ by system; the packet says what it is. */
		*off = 4;
		break;
	}
	return (*off < s.len && (s.p[*off] >> 4 == 4 || s.p[*off] >> 4 == 6));
}

/* Where the frame was captured: interface and direction. 0: neither is recorded. */
static uint64_t
place(const struct capture *c, struct span s)
{
	uint64_t where = c->iface << 48;

	if (c->link == DLT_LINUX_SLL && s.len >= 2)
		where |= 1U + get_be16(s.p);
	else if (c->link == DLT_LINUX_SLL2 && s.len >= 11)
		where |= (uint64_t)get_be32(s.p + 4) << 8 | (1U + s.p[10]);
	return (where);
}

/* --- from the IP packet to what is of interest --- */

/* Whether this may be an ISAKMP message and is unlikely to be anything else. */
static bool
looks_ike(struct span s, size_t lost)
{
	return (s.len >= 28 && (s.p[17] == 0x10 || s.p[17] == 0x20) &&
	    get_be64(s.p) != 0 && get_be32(s.p + 24) >= 28 &&
	    get_be32(s.p + 24) <= s.len + lost);
}

static void
set(struct capture_packet *p, enum capture_what what, enum capture_by by, struct span data)
{
	p->what = what;
	p->by = by;
	p->data = data;
}

static struct span
cut(struct span s, size_t n)
{
	return (span_of(s.p + n, s.len - n));
}

static void
esp_get(struct capture_packet *p, enum capture_by by, struct span s)
{
	if (s.len >= 8 && get_be32(s.p) == 0) {
		p->what = CAPTURE_BAD;
		p->note = "SPI 0, which no ESP packet has";
		return;
	}
	if (s.len >= 8) {
		set(p, CAPTURE_ESP, by, s);
		memcpy(p->spi, s.p, 4);
		p->seq = get_be32(s.p + 4);
		return;
	}
	p->what = CAPTURE_BAD;
	p->note = "ESP of less than 8 bytes";
}

/* Payload of a UDP port of ours: ${natt} where 4500 is one of them, ${any} where neither is 500 or 4500. */
static void
udp_payload(struct capture_packet *p, struct span s, bool natt, bool any)
{
	static const uint8_t zero[8];

	if (s.len == 0) {
		p->what = CAPTURE_BAD;
		p->note = "an empty datagram";
	} else if (s.len == 1 && s.p[0] == 0xff)
		set(p, CAPTURE_KEEPALIVE, CAPTURE_BY_UDP, s);
	else if (s.len >= 8 && memcmp(s.p, zero, 8) == 0 && !natt && (s.len < 12 || get_be32(s.p + 8) >= SPI_LEAST) &&
	    !(s.len >= 28 && get_be32(s.p + 24) == s.len))
		/* No initiator's cookie is zero: the non-IKE marker, unless this is the header of a message. */
		esp_get(p, CAPTURE_BY_UDP_MARKER, cut(s, 8));
	else if (natt || any) {
		if (s.len > 4 && memcmp(s.p, zero, 4) == 0)
			set(p, CAPTURE_IKE, CAPTURE_BY_UDP_MARKER, cut(s, 4));
		else if (any && looks_ike(s, p->lost))
			set(p, CAPTURE_IKE, CAPTURE_BY_UDP, s);
		else
			esp_get(p, CAPTURE_BY_UDP, s);
	} else
		set(p, CAPTURE_IKE, CAPTURE_BY_UDP, s);
}

static void
udp_get(struct capture *c, struct capture_packet *p, struct span s)
{
	bool natt, any = false;
	size_t i, len;

	if (s.len < 8)
		goto bad;
	p->src.port = get_be16(s.p);
	p->dst.port = get_be16(s.p + 2);
	natt = p->src.port == 4500 || p->dst.port == 4500;
	for (i = 0; i < c->n_ports; i++)
		any = any || p->src.port == c->ports[i] || p->dst.port == c->ports[i];
	if (!natt && !any && p->src.port != 500 && p->dst.port != 500)
		return;
	len = get_be16(s.p + 4);
	if (len < 8 || len > s.len + p->lost)
		goto bad;
	if (len < s.len)
		s.len = len;
	udp_payload(p, cut(s, 8), natt && !any, any);
	return;
bad:
	p->what = CAPTURE_BAD;
	p->note = "a UDP header that does not fit its packet";
}

/*
 * Cisco's IPsec over TCP: each segment is a packet with 16 bytes behind it that hold a magic
 * number; IKE has a UDP header before it, or, as some send it, four zero bytes.
 */
static void
tcp_get(struct capture_packet *p, struct span s)
{
	static const uint8_t zero[4], magic[4] = { 0x21, 0x45, 0x6c, 0x69 };
	struct span ike;
	size_t head;

	if (s.len < 20 || (head = (size_t)(s.p[12] >> 4) * 4) < 20 || head > s.len) {
		p->what = CAPTURE_BAD;
		p->note = "a TCP header that does not fit its packet";
		return;
	}
	p->src.port = get_be16(s.p);
	p->dst.port = get_be16(s.p + 2);
	if (p->src.port != CAPTURE_TCP_PORT && p->dst.port != CAPTURE_TCP_PORT)
		return;
	s = cut(s, head);
	set(p, CAPTURE_TCP, CAPTURE_BY_TCP, s);
	if (s.len <= TCP_TRAILER || memmem(s.p + s.len - TCP_TRAILER, TCP_TRAILER, magic, 4) == NULL) {
		if (looks_ike(s, p->lost))
			p->what = CAPTURE_IKE;
		return;
	}
	if (ctcp_packet_get(&ike, s) == CTCP_PROTO_UDP) {
		set(p, CAPTURE_IKE, CAPTURE_BY_TCP, ike);
		return;
	}
	s.len -= TCP_TRAILER;
	if (s.len > 4 && memcmp(s.p, zero, 4) == 0)
		set(p, CAPTURE_IKE, CAPTURE_BY_TCP, cut(s, 4));
	else
		esp_get(p, CAPTURE_BY_TCP, s);
}

static void
ah_get(struct capture_packet *p, struct span s)
{
	if (s.len >= 12) {
		set(p, CAPTURE_AH, CAPTURE_BY_IP, s);
		memcpy(p->spi, s.p + 4, 4);
		p->seq = get_be32(s.p + 8);
		return;
	}
	p->what = CAPTURE_BAD;
	p->note = "AH of less than 12 bytes";
}

static void ip_payload(struct capture *c, const struct capture_ip *ip, struct capture_packet *p, unsigned level);

/* What GRE carries, if that is of interest (RFC 2784, RFC 2890); else the packet remains GRE. */
static void
gre_get(struct capture *c, struct capture_packet *p, struct span s, unsigned level)
{
	struct capture_packet inner = *p;
	struct capture_ip ip;
	size_t head = 4, off;
	unsigned flags;

	set(p, CAPTURE_GRE, CAPTURE_BY_IP, s);
	if (s.len < 4 || level == TUNNELS_MAX)
		return;
	flags = get_be16(s.p);
	head += ((flags & 0x8000) != 0 ? 4U : 0) + ((flags & 0x2000) != 0 ? 4U : 0) + ((flags & 0x1000) != 0 ? 4U : 0);
	if ((flags & 7) != 0 || head > s.len || !behind_type(s, 2, head, &off) ||
	    capture_ip_get(&ip, cut(s, off), s.len - off + p->lost, &inner.note) != 0 || ip.fragment)
		return;
	inner.src = (struct endpoint){ .addr = ip.src };
	inner.dst = (struct endpoint){ .addr = ip.dst };
	inner.ip = ip.all;
	inner.tos = ip.tos;
	inner.lost = (uint32_t)ip.lost;
	ip_payload(c, &ip, &inner, level + 1);
	if (inner.what != CAPTURE_OTHER && inner.what != CAPTURE_BAD)
		*p = inner;
}

static void
ip_payload(struct capture *c, const struct capture_ip *ip, struct capture_packet *p, unsigned level)
{
	switch (ip->proto) {
	case IPPROTO_UDP:
		udp_get(c, p, ip->payload);
		break;
	case IPPROTO_TCP:
		tcp_get(p, ip->payload);
		break;
	case IPPROTO_ESP:
		esp_get(p, CAPTURE_BY_IP, ip->payload);
		break;
	case IPPROTO_AH:
		ah_get(p, ip->payload);
		break;
	case PROTO_NHRP:
		set(p, CAPTURE_NHRP, CAPTURE_BY_IP, ip->payload);
		break;
	case IPPROTO_GRE:
		gre_get(c, p, ip->payload, level);
		break;
	}
	if (p->what == CAPTURE_BAD && level == 0)
		c->stats.bad++;
}

void
capture_frame(struct capture *c, struct span frame, size_t len, uint64_t time_us,
    struct capture_packet *p)
{
	struct capture_ip ip;
	uint64_t where;
	size_t off;
	int rc;

	*p = (struct capture_packet){
		.number = ++c->stats.frames, .time_us = time_us, .fragments = 1,
	};
	c->stats.bytes += frame.len;
	if (len < frame.len)
		len = frame.len;
	if (frame.len > CAPTURE_FRAME_MAX)
		frame.len = CAPTURE_FRAME_MAX;
	if (!capture_link_known(c->link)) {
		c->unknown++;
		c->unknown_link = c->link;
		c->stats.not_ip++;
		return;
	}
	if (!find_ip(c->link, frame, &off)) {
		c->stats.not_ip++;
		return;
	}
	if (capture_ip_get(&ip, cut(frame, off), len - off, &p->note) != 0) {
		p->what = CAPTURE_BAD;
		c->stats.bad++;
		return;
	}
	if (ip.fragment) {
		c->stats.fragments++;
		rc = capture_frags_take(c->frags, &ip, time_us, &p->fragments, &p->note);
		if (rc <= 0) {
			p->what = rc == 0 ? CAPTURE_FRAGMENT : CAPTURE_BAD;
			c->stats.bad += rc < 0;
			p->src.addr = ip.src;
			p->dst.addr = ip.dst;
			p->ip = ip.all;
			return;
		}
	}
	p->src.addr = ip.src;
	p->dst.addr = ip.dst;
	p->tos = ip.tos;
	p->ip = ip.all;
	p->lost = (uint32_t)ip.lost;
	c->stats.cut += ip.lost > 0;
	if ((where = place(c, frame)) != 0 && (p->copy_of = capture_copy_of(c->copies, p, where)) != 0) {
		p->what = CAPTURE_COPY;
		c->stats.copies++;
		return;
	}
	ip_payload(c, &ip, p, 0);
}

/* --- of captures --- */

struct capture *
capture_new(struct fault *f)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (c != NULL && (c->frags = capture_frags_new()) != NULL && (c->copies = capture_copies_new()) != NULL)
		return (c);
	if (c != NULL)
		ip_frags_free(c->frags);
	free(c);
	(void)fault(f, FAULT_MEMORY, "no memory for a capture");
	return (NULL);
}

struct capture *
capture_of_frames(int link, struct fault *f)
{
	struct capture *c;

	if (!capture_link_known(link)) {
		(void)fault(f, FAULT_MALFORMED, "frames of link type %d", link);
		return (NULL);
	}
	if ((c = capture_new(f)) != NULL)
		c->link = link;
	return (c);
}

void
capture_close(struct capture *c)
{
	if (c == NULL)
		return;
	if (c->source != NULL)
		c->close(c->source);
	capture_ng_free(c->ng);
	capture_copies_free(c->copies);
	free(c->buffer);
	ip_frags_free(c->frags);
	free(c);
}

int
capture_add_port(struct capture *c, uint16_t port, struct fault *f)
{
	size_t i;

	for (i = 0; i < c->n_ports; i++)
		if (c->ports[i] == port)
			return (0);
	if (port == 500 || port == 4500)
		return (0);
	if (c->n_ports == CAPTURE_PORTS_MAX)
		return (fault(f, FAULT_USAGE, "more than %d ports", CAPTURE_PORTS_MAX));
	c->ports[c->n_ports++] = port;
	return (0);
}

const struct capture_stats *
capture_stats(struct capture *c)
{
	c->stats.incomplete = ip_frags_incomplete(c->frags);
	return (&c->stats);
}
