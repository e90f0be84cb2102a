/*
 * Packets of the device that the kernel has left unfinished: checksums to be completed, and super-packets (TSO, USO)
 * to be cut into the segments that the network would have carried. Pure functions over bytes that are checked here,
 * whatever the device says about them.
 */
#ifndef SAPIPE_DATAPATH_SEGMENT_H
#define SAPIPE_DATAPATH_SEGMENT_H

#include "base/pkt.h"
#include "esp/inner.h"

/* Completes the checksum of ${k}, which is no super-packet. 0, or -1: the place of the checksum is outside of it. */
int segment_complete(struct pkt *k);

struct segmenter {
	const uint8_t	*p;		/* the super-packet */
	size_t		 l4, head;	/* where the upper layer begins, and its payload */
	size_t		 len, seg, off;	/* bytes of payload: in all, in a segment, done */
	uint64_t	 pseudo;	/* sum of the pseudo header, without the length */
	bool		 v4, tcp;
};

/*
 * Begins to cut ${k}, parsed into ${in}, both of which outlive ${s}. -1 if it is not what its ${gso} says: TCP or UDP
 * of that family, no fragment, with a whole header, payload, and a size of segments.
 */
int segment_begin(struct segmenter *s, const struct pkt *k, const struct inner *in);
/* Bytes of the next IP packet; 0 after the last. No other is longer than the first. */
size_t segment_len(const struct segmenter *s);
/*
 * Writes the next segment: its upper layer to ${to}, and with ${ip} the IP header to the l4 bytes before that.
 * Sequence and identification count up; FIN and PSH are on the last segment only, CWR on the first.
 */
void segment_put(struct segmenter *s, uint8_t *to, bool ip);

#endif
