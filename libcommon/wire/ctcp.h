/*
 * Cisco's TCP encapsulation of IPsec ("cTCP", port 10000): segments that look like TCP, each with one packet of IKE or
 * ESP and 16 bytes behind it. There is no specification; the layout is the one of Wireshark's dissector tcpencap:
 *
 *   TCP header | UDP header 500 > 500, checksum 0, and IKE; or ESP | trailer
 *
 *   trailer:  0  zero (4)   4  number (2)   6  40 00 in IKE of the end that connected, else zero (2)
 *             8  21 45 6c 69 10   13  IP protocol   14  01 00
 *
 * No field has the length of the packet: the end of the segment is its end. A receiver's card or kernel may merge
 * segments of equal length (GRO), so ctcp_packet_len() finds the packets of a merged one by their trailers.
 */
#ifndef SAPIPE_WIRE_CTCP_H
#define SAPIPE_WIRE_CTCP_H

#include "base/addr.h"

#define CTCP_PORT	10000
#define CTCP_TCP	20	/* bytes of a TCP header without options, as it is sent */
#define CTCP_UDP	8	/* ... of the UDP header before IKE */
#define CTCP_TRAILER	16
#define CTCP_EXTRA	(CTCP_TCP + CTCP_TRAILER)	/* bytes that ESP grows by */
#define CTCP_WINDOW	65535

enum { CTCP_FIN = 0x01, CTCP_SYN = 0x02, CTCP_RST = 0x04, CTCP_PSH = 0x08, CTCP_ACK = 0x10 };
enum { CTCP_PROTO_UDP = 17, CTCP_PROTO_ESP = 50, CTCP_PROTO_AH = 51 };

struct ctcp_segment {
	uint16_t	sport, dport;
	uint32_t	seq, ack;
	uint8_t		flags;
	struct span	payload;	/* borrows */
};

/* Parses a TCP segment without its IP header. 0, or -1: the header does not fit. The checksum is not looked at. */
int ctcp_segment_get(struct ctcp_segment *s, struct span tcp);

/* The Internet checksum of a TCP segment that consists of ${n} ${parts}, of which only the last may have an odd length. */
uint16_t ctcp_checksum(const struct addr *src, const struct addr *dst, const struct span *parts, size_t n);
/*
 * Whether the checksum of a received ${tcp} is right, or is only that of the addresses and the length: a kernel on the same machine
 * leaves the rest to hardware, which a packet to a container or a virtual machine never meets.
 */
bool ctcp_checksum_good(const struct addr *src, const struct addr *dst, struct span tcp);

/* Writes the header of a segment; its checksum is 0. The payload of ${s} is not looked at. */
void ctcp_header_put(uint8_t out[CTCP_TCP], const struct ctcp_segment *s);
/* The UDP header before an IKE message of ${len} bytes. */
void ctcp_udp_put(uint8_t out[CTCP_UDP], size_t len);
/* What the trailer says beside the protocol; all zero with ESP. */
struct ctcp_mark {
	uint16_t	number;		/* counts the IKE messages of a sender */
	bool		client;		/* the sender has begun the connection */
};

/* ${proto}: a CTCP_PROTO_. */
void ctcp_trailer_put(uint8_t out[CTCP_TRAILER], uint8_t proto, struct ctcp_mark mark);

/*
 * The length of the first packet of ${payload}, trailer included: its whole length, except where a merged segment has
 * several of that length, the last of which may be shorter. 0: it does not end in a trailer.
 */
size_t ctcp_packet_len(struct span payload);

/*
 * Parses one packet with its trailer. Returns the protocol, and in ${data} the IKE message without the UDP header
 * (checked to fit), ESP or AH; 0 if it is none of them.
 */
uint8_t ctcp_packet_get(struct span *data, struct span packet);

#endif
