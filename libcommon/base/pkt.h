/*
 * One packet on its way through the data path: from the TUN device, a raw socket or a UDP port through ESP or AH to
 * the call that sends it. All rooms use this struct; each stage moves ${p} and ${len} and fills in what it found.
 *
 * The buffer belongs to the stage that received the packet (a worker's slots, the buffers of a port) and is valid
 * until that stage's call returns. No later stage frees or keeps it. The bytes from ${buf} to ${p} are headroom, the
 * bytes from the packet's end to ${buf} + ${cap} are tailroom; a stage may write to both. A packet whose ${buf} is
 * NULL has neither.
 */
#ifndef SAPIPE_BASE_PKT_H
#define SAPIPE_BASE_PKT_H

#include "base/addr.h"

#define PKT_MAX		65535		/* bytes of an IP packet */
#define PKT_TOS_NONE	0xffff

/* The state of a checksum of the upper layer. */
enum pkt_csum {
	PKT_CSUM_FULL,		/* in the packet; nobody has checked it */
	PKT_CSUM_PARTIAL,	/* to be completed: the sum from ${csum_start} on goes to ${csum_offset} from there */
	PKT_CSUM_GOOD,		/* checked: the device need not check it again */
};

/* Whether the packet stands for several, which have to be cut into segments of ${seg} bytes of payload. */
enum pkt_gso { PKT_GSO_NONE, PKT_GSO_TCP4, PKT_GSO_TCP6, PKT_GSO_UDP };

struct esp_sa;

struct pkt {
	uint8_t		*p;		/* the first byte of what the packet is at this stage */
	size_t		 len;
	uint8_t		*buf;
	size_t		 cap;		/* bytes of the buffer from ${buf} */
	size_t		 net;		/* bytes of its IP header that lie before ${p}; 0: not here */

	/* The packet outside of the tunnel. */
	struct endpoint	 local, remote;	/* received: the address it came to; port 0 where there is none */
	uint32_t	 ifindex;	/* received: the interface; sent: 0, or the one to leave by */
	uint16_t	 tos;		/* DSCP and ECN, or PKT_TOS_NONE: not known */
	uint8_t		 proto;		/* IP protocol that carries it: 6, 17, 50 or 51 */
	bool		 df;		/* sent: nobody may fragment it on its way */
	uint8_t		 marker;	/* zero bytes before it in its UDP datagram */
	uint64_t	 time_us;	/* since 1970, for captures; 0: not known */

	/* Offload, as virtio_net_hdr and UDP_SEGMENT know it; all zero: a whole packet. */
	enum pkt_gso	 gso;
	enum pkt_csum	 csum;
	uint16_t	 seg, csum_start, csum_offset;

	/* What esp/ needs and finds (esp/seal.h, esp/open.h, esp/flow.h). */
	struct esp_sa	*sa;		/* NULL: none is known */
	uint64_t	 seq;		/* the whole number */
	uint64_t	 seq_around;	/* ... in the AH around it, of a bundle */
	size_t		 inner_len;	/* of the packet in the tunnel, or in transport mode */
	size_t		 fit;		/* the longest packet like this that its SA takes whole; 0: not known */
	unsigned	 verdict;	/* enum esp_verdict */
	uint8_t		 next;		/* received: the next header */
	bool		 seen;		/* received: authentic and new, whatever the verdict is then */
	bool		 newest;	/* ... and the highest number so far */
};

static inline size_t
pkt_headroom(const struct pkt *k)
{
	return (k->buf != NULL ? (size_t)(k->p - k->buf) : 0);
}

static inline size_t
pkt_tailroom(const struct pkt *k)
{
	size_t used = pkt_headroom(k) + k->len;

	return (k->buf != NULL && used <= k->cap ? k->cap - used : 0);
}

#endif
