/* Inside capture/: what the files of capture.h share. */
#ifndef SAPIPE_CAPTURE_CAPTURE_PRIV_H
#define SAPIPE_CAPTURE_CAPTURE_PRIV_H

#include <stdio.h>

#include "capture/capture.h"
#include "wire/ip_frag.h"

struct pcap;				/* libpcap's */
struct capture_ng;
struct capture_copies;

struct capture {
	struct pcap		*source;	/* NULL: frames are handed in */
	void			(*close)(struct pcap *source);
	struct capture_ng	*ng;		/* in place of it: a pcapng file */
	char			*buffer;	/* of its file */
	uint64_t		 unknown;	/* frames of a link type that is not known */
	int			 unknown_link;	/* of the latest of them */
	bool			 live;
	int			 link;		/* a DLT_ number */
	uint16_t		 ports[CAPTURE_PORTS_MAX];
	size_t			 n_ports;
	uint64_t		 iface;		/* of a pcapng file with several, from 1; else 0 */
	struct capture_copies	*copies;
	struct ip_frags		*frags;
	struct capture_stats	 stats;
};

struct capture *capture_new(struct fault *f);	/* NULL with FAULT_MEMORY */
bool capture_link_known(int link);

/* --- capture_ng.c --- */

struct capture_ng_packet {
	struct span	frame;		/* valid until the next call */
	uint32_t	len;		/* on the wire */
	uint64_t	time_us;
	int		link;		/* a DLT_ number */
	unsigned	iface;		/* from 1, in its section; 0: it describes a single one so far */
};

/* Reads the start of ${in}, which it then owns. NULL with a fault, also for a file that is no pcapng; ${in} stays open. */
struct capture_ng *capture_ng_new(FILE *in, struct fault *f);
void capture_ng_free(struct capture_ng *g);	/* closes the file; NULL is fine */
/* The next packet: 1, 0 at the end, or -1 with FAULT_TRUNCATED, FAULT_MALFORMED, FAULT_SYSTEM or FAULT_MEMORY. */
int capture_ng_next(struct capture_ng *g, struct capture_ng_packet *p, struct fault *f);

/* --- capture_copy.c --- */

struct capture_copies *capture_copies_new(void);	/* NULL: no memory */
void capture_copies_free(struct capture_copies *t);
/* The frame that has the packet of ${p} too, captured a moment before at another ${where}; 0: there is none. */
uint64_t capture_copy_of(struct capture_copies *t, const struct capture_packet *p, uint64_t where);

/* --- capture_ip.c, capture_frag.c --- */

/* One IP packet, headers read. */
struct capture_ip {
	struct addr	src, dst;
	uint8_t		proto;		/* of the payload after the last header */
	uint8_t		tos;
	struct span	all;		/* header and payload, the captured bytes */
	struct span	payload;
	size_t		lost;		/* bytes of it that were not captured */
	bool		fragment, more;	/* a part; there is one behind it */
	uint32_t	id;
	size_t		off;		/* of the part, bytes */
	size_t		head;		/* IPv6: bytes of ${all} before the fragment header; IPv4: header */
	size_t		next_at;	/* IPv6: offset in ${all} of the next header that leads to it */
};

/* 0, or -1 with ${*note} set to the reason. */
int capture_ip_get(struct capture_ip *ip, struct span s, size_t wire_len, const char **note);

struct ip_frags *capture_frags_new(void);	/* NULL: no memory */
/*
 * Adds a fragment. 1: the datagram is complete, in ${ip} (valid until the next call), from ${*n}
 * fragments; 0: more are needed; -1: it conflicts with earlier fragments, or exceeds 64 KiB.
 */
int capture_frags_take(struct ip_frags *t, struct capture_ip *ip, uint64_t time_us,
    unsigned *n, const char **note);

#endif
