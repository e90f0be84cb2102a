/*
 * Recognizes packets that were captured twice: on "any" a router's packet comes in on one device and goes out on
 * another, and a capture of several interfaces has it on each. A replay comes the same way as the packet itself.
 */
#include <stdlib.h>

#include "capture/capture_priv.h"

#define KEPT		64		/* packets */
#define BYTES_KEPT	2048		/* of each */
#define MOMENT_US	1000000		/* between the two */

struct packet {
	uint64_t	number, where, time_us;
	size_t		len, lost;
	uint8_t		b[BYTES_KEPT];
};

struct capture_copies {
	unsigned	 n;		/* packets so far */
	struct packet	 v[KEPT];
};

/* What a router changes: TTL and checksum, or the hop limit. */
static void
mask(uint8_t *b, size_t len)
{
	if (len >= 20 && b[0] >> 4 == 4) {
		b[8] = 0;
		put_be16(b + 10, 0);
	} else if (len >= 8)
		b[7] = 0;
}

struct capture_copies *
capture_copies_new(void)
{
	return (calloc(1, sizeof(struct capture_copies)));
}

void
capture_copies_free(struct capture_copies *t)
{
	free(t);
}

uint64_t
capture_copy_of(struct capture_copies *t, const struct capture_packet *p, uint64_t where)
{
	struct packet *k = &t->v[t->n % KEPT], *old;
	size_t n = p->ip.len < BYTES_KEPT ? p->ip.len : BYTES_KEPT;
	unsigned i;

	*k = (struct packet){ .number = p->number, .where = where, .time_us = p->time_us, .len = p->ip.len,
	    .lost = p->lost };
	if (n > 0)
		memcpy(k->b, p->ip.p, n);
	mask(k->b, n);
	for (i = 0; i < KEPT; i++) {
		old = &t->v[i];
		if (old != k && old->number != 0 && old->where != where && old->len == k->len && old->lost == k->lost &&
		    (k->time_us > old->time_us ? k->time_us - old->time_us : old->time_us - k->time_us) < MOMENT_US &&
		    memcmp(old->b, k->b, n) == 0)
			return (old->number);
	}
	t->n++;
	return (0);
}
