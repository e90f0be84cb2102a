/*
 * The GRE header (RFC 2784) with key and sequence number (RFC 2890), version 0:
 *
 *	|C|R|K|S|s|Recur|  Flags  | Ver |         Protocol Type         |
 *	|      Checksum (if C)          |       Reserved1 (if C)        |
 *	|                          Key (if K)                           |
 *	|                  Sequence Number (if S)                       |
 *
 * No I/O, no state.
 */
#ifndef SAPIPE_GRE_GRE_H
#define SAPIPE_GRE_GRE_H

#include "base/span.h"

#define GRE_IP_PROTO	47
#define GRE_HEAD_MIN	4
#define GRE_HEAD_MAX	16

/* Protocol types are ethertypes. */
#define GRE_IPV4	0x0800
#define GRE_IPV6	0x86dd
#define GRE_NHRP	0x2001
#define GRE_MPLS	0x8847
#define GRE_ARP		0x0806	/* of the device only */

struct gre_head {
	uint16_t	proto;
	bool		csum, has_key, has_seq;
	uint32_t	key, seq;
};

enum gre_verdict {
	GRE_OK,
	GRE_SHORT,		/* ends within its header */
	GRE_VERSION,		/* not version 0: PPTP has 1 */
	GRE_FLAGS,		/* source routes and the like (RFC 1701), to be dropped (RFC 2784, 2.3) */
	GRE_CSUM,		/* the checksum is wrong */
};

/* Reads the header of ${in}, and checks the checksum if there is one. With GRE_OK, ${*len} is the length of the header. */
enum gre_verdict gre_parse(struct gre_head *h, size_t *len, struct span in);

/* The length of the header that gre_put() writes. */
static inline size_t
gre_head_len(const struct gre_head *h)
{
	return (GRE_HEAD_MIN + (h->csum ? 4u : 0u) + (h->has_key ? 4u : 0u) + (h->has_seq ? 4u : 0u));
}

/* Writes the header before the ${len} bytes at ${payload}, and with ${h}->csum the checksum over both. Returns where it begins. */
uint8_t *gre_put(const struct gre_head *h, uint8_t *payload, size_t len);

#endif
