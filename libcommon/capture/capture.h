/*
 * Captures: reads frames from a file (pcap, pcapng) or an interface, by libpcap, and finds the
 * IPsec packets in them. Every byte of a frame is hostile: lengths are checked against the captured
 * bytes, headers are counted, and fragments are reassembled within limits.
 *
 *	while ((rc = capture_next(c, &p, &f)) > 0)
 *		...
 */
#ifndef SAPIPE_CAPTURE_CAPTURE_H
#define SAPIPE_CAPTURE_CAPTURE_H

#include "base/addr.h"
#include "base/fault.h"

#define CAPTURE_PORTS_MAX	16	/* UDP ports in addition to 500 and 4500 */
#define CAPTURE_FRAME_MAX	(256 * 1024)	/* bytes parsed of one frame */
#define CAPTURE_FRAGS_MAX	64	/* datagrams under reassembly at a time */
#define CAPTURE_FRAG_SECONDS	60	/* by the clock of the capture; RFC 8200 section 4.5 */
#define CAPTURE_LINK_RAW	12	/* DLT_RAW, as libpcap has it here: IP packets */
#define CAPTURE_TCP_PORT	10000	/* IPsec over TCP, as Cisco's clients do it */

enum capture_what {
	CAPTURE_OTHER,		/* not IPsec */
	CAPTURE_IKE,		/* ${data}: the message without a marker; at least a byte */
	CAPTURE_ESP,		/* ${data}: from the SPI; at least 8 bytes */
	CAPTURE_AH,		/* ${data}: from the next header; at least 12 bytes */
	CAPTURE_KEEPALIVE,	/* RFC 3948 section 2.3 */
	CAPTURE_TCP,		/* a TCP segment of port 10000 with unknown content */
	CAPTURE_GRE,		/* ${data}: from the GRE header */
	CAPTURE_NHRP,		/* in IP, protocol 54; ${data}: from its fixed part */
	CAPTURE_COPY,		/* of a packet that was captured a moment before: ${copy_of} */
	CAPTURE_FRAGMENT,	/* of a datagram whose other fragments are missing */
	CAPTURE_BAD,		/* malformed; ${note} is the reason */
};

enum capture_by {		/* what carries it */
	CAPTURE_BY_IP,
	CAPTURE_BY_UDP,
	CAPTURE_BY_UDP_MARKER,	/* IKE after the non-ESP marker (RFC 3948), ESP after the non-IKE
				   marker (drafts 00 and 01 of it) */
	CAPTURE_BY_TCP,
};

struct capture_packet {
	uint64_t	 number;	/* of the frame, from 1 */
	uint64_t	 time_us;	/* microseconds since 1970 */
	enum capture_what what;
	enum capture_by	 by;
	struct endpoint	 src, dst;	/* ports 0 where there are none; family 0: no IP */
	uint8_t		 tos;		/* DSCP and ECN of the IP header */
	struct span	 ip;		/* the reassembled IP packet; empty if there is none */
	struct span	 data;		/* see ${what}; else empty */
	uint32_t	 seq;		/* of ESP and AH, as is ${spi} */
	uint8_t		 spi[4];
	unsigned	 fragments;	/* that it was reassembled from; 1: not fragmented */
	uint32_t	 lost;		/* bytes that the capture truncated */
	uint64_t	 copy_of;	/* its frame; else 0 */
	const char	*note;		/* constant text, or NULL */
};	/* spans are valid until the next call */

struct capture_stats {
	uint64_t	frames, bytes, not_ip, bad, cut;
	uint64_t	copies;		/* packets captured twice: on several interfaces, or in and out */
	uint64_t	fragments;
	uint64_t	incomplete;	/* datagrams that lack fragments so far */
};

struct capture;

/*
 * Loads libpcap. capture_open() and capture_live() do that too, but not inside a sandbox that refuses
 * executable memory. 0, or -1 with FAULT_SYSTEM.
 */
int capture_ready(struct fault *f);

/*
 * ${path} ("-": standard input), pcap or pcapng. NULL with FAULT_SYSTEM or FAULT_PERMISSION (cannot be opened),
 * FAULT_MALFORMED (not a capture, or of a link type that capture_link_known() does not have).
 */
struct capture *capture_open(const char *path, struct fault *f);
/*
 * Frames of an interface ("any": all), only those that may be of IPsec: UDP 500, 4500 and ${ports}, TCP
 * 10000, ESP, AH, GRE, NHRP and all fragments. NULL with FAULT_PERMISSION, FAULT_DEVICE or FAULT_USAGE.
 */
struct capture *capture_live(const char *iface, const uint16_t *ports, size_t n,
    struct fault *f);
/* Frames come from capture_frame(), for tests: ${link} is a DLT_ number of libpcap. */
struct capture *capture_of_frames(int link, struct fault *f);
void capture_close(struct capture *c);		/* NULL is fine */

/* Also parses UDP on ${port}: IKE with or without marker, and ESP, by their content. */
int capture_add_port(struct capture *c, uint16_t port, struct fault *f);

/*
 * The next frame. 1; 0 at the end, or for an interface if no frame arrived for a moment or
 * capture_stop() was called; -1 with FAULT_TRUNCATED or FAULT_MALFORMED (the file is truncated: the frames
 * before count), FAULT_DEVICE.
 */
int capture_next(struct capture *c, struct capture_packet *p, struct fault *f);
/* Safe in a signal handler. */
void capture_stop(struct capture *c);

/* Parses one frame of which ${frame} was captured, ${len} bytes on the wire. */
void capture_frame(struct capture *c, struct span frame, size_t len, uint64_t time_us,
    struct capture_packet *p);

const struct capture_stats *capture_stats(struct capture *c);

#endif
