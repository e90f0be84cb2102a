/*
 * Which datagrams a reader of a queue is in the middle of. Linux gives a datagram of IPv4 up when more than 64 fragments from the same host
 * come between two of its own (ipfrag_max_dist), so a reader of several queues leaves one where no datagram is open. That the last packet
 * was the last of its datagram is not enough: what two processors send at the same time is interleaved in a queue.
 */
#ifndef SAPIPE_NET_FRAGMENTS_H
#define SAPIPE_NET_FRAGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAGMENTS_OPEN	8	/* datagrams; of more the latest ones are known */
#define FRAGMENTS_FAR	64	/* so many packets after its last fragment a datagram is not waited for any more */

struct fragments {		/* all zero: of a queue from which nothing was read */
	uint32_t read;		/* packets so far */
	unsigned n;
	struct { uint64_t key; uint32_t at; } open[FRAGMENTS_OPEN];	/* ${at}: ${read} at its last fragment */
};

/* The IP packet ${p} was read, a fragment or not. */
void fragments_read(struct fragments *f, const uint8_t *p, size_t len);
/* Whether the rest of a datagram is to be expected in the next packets. */
bool fragments_follow(struct fragments *f);

#endif
