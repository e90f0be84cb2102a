/*
 * The packets inside the tunnel: their headers as the policy check needs them, and
 * the changes of the tunnel (DSCP and ECN, TCP's MSS, checksums behind NAT, the ICMP error for too large ones).
 * Time to live is not changed here: the kernel that forwards into or out of the device
 * decrements it (RFC 4301, 5.1.2.1 note 3).
 */
#ifndef SAPIPE_ESP_INNER_H
#define SAPIPE_ESP_INNER_H

#include "base/addr.h"

#define INNER_MIN_V4	576	/* minimum path MTU that is assumed */
#define INNER_MIN_V6	1280	/* RFC 8200 section 5 */
#define TOOBIG_MAX	1280	/* bytes of an ICMP error at most */

struct inner {
	struct addr	src, dst;
	size_t		len;		/* by its own header; the rest is traffic flow padding */
	size_t		l4;		/* offset of the upper layer */
	uint8_t		proto;		/* upper layer */
	uint8_t		tos;		/* DSCP and ECN */
	bool		df;		/* IPv4: don't fragment; IPv6: always */
	bool		frag;		/* a fragment, of which */
	bool		frag_rest;	/* not the first: it has no ports */
	bool		has_ports;
	uint16_t	sport, dport;	/* of ICMP: type and code in both (RFC 4301, 4.4.1.1) */
	uint32_t	id;		/* of fragments */
};

/*
 * Reads the headers of ${p} (${len} bytes). -1 if they do not make sense or claim
 * more than there is. Extension headers are followed up to a bound.
 */
int inner_parse(struct inner *in, const uint8_t *p, size_t len);

/* Whether ${in} goes from ${src} to ${dst}; without ports it fits only selectors without. */
bool inner_matches(const struct inner *in, const struct selector *src, const struct selector *dst);

/*
 * At the tunnel's exit: ECN of the inner header by that of the outer header
 * (RFC 6040 section 4.2, which updates RFC 4301). -1: to be dropped, the outer header has a
 * congestion mark and the inner packet is not ECN-capable.
 */
int inner_ecn_exit(uint8_t *p, const struct inner *in, uint8_t outer_tos);

/*
 * Lowers the MSS option of a TCP SYN to ${mss}, adjusting the checksum. Never
 * raises one, adds none (RFC 6691). True if changed.
 */
bool inner_mss_clamp(uint8_t *p, const struct inner *in, uint16_t mss);
/* The MSS that fits packets of ${mtu} bytes: without IP and TCP headers. */
uint16_t inner_mss_of(uint8_t family, size_t mtu);

/*
 * The checksum of TCP or UDP in a packet of transport mode whose addresses a NAT has changed (RFC 3948, 3.1.2). ${src}
 * and ${dst} are the original addresses; family 0: unknown. A wrong checksum is then set to zero
 * in UDP over IPv4, and recomputed in all other cases. Other protocols and fragments are not changed.
 */
void inner_csum_renew(uint8_t *p, const struct inner *in, const struct addr *src, const struct addr *dst);

/* Whether ${in} is TCP or UDP with its ports at hand: not a later fragment. */
bool inner_has_l4_ports(const struct inner *in);
/* Sets the source (${src}) or destination port of TCP or UDP, which inner_has_l4_ports(), and adjusts the checksum. */
void inner_port_set(uint8_t *p, struct inner *in, bool src, uint16_t port);

/*
 * Builds the answer to ${p} when the path MTU is ${mtu} bytes: ICMP "fragmentation
 * needed" (RFC 1191) or ICMPv6 "packet too big" (RFC 4443, 3.2), from the packet's
 * destination to its source. 0 if there must be no answer: to an ICMP error, a later fragment, a
 * broadcast or multicast. Returns its length.
 */
size_t inner_toobig(uint8_t out[TOOBIG_MAX], const uint8_t *p, const struct inner *in, size_t mtu);

#endif
