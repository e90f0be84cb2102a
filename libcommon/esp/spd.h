/*
 * The policy of outbound packets: selectors of outbound SAs (RFC 4301, 4.4.1), most specific first, found by
 * hashing, so that a look-up among thousands costs as much as among a few.
 */
#ifndef SAPIPE_ESP_SPD_H
#define SAPIPE_ESP_SPD_H

#include "esp/inner.h"

struct esp_pair;
struct esp_sa;

/* One entry: a pair of selectors of one SA. */
struct spd_way {
	struct selector	local, remote;
	struct esp_sa	*sa;		/* the outbound one */
	unsigned	 narrow;	/* how specific, for the order */
	uint32_t	 group;
	uint32_t	 next;		/* of the same hash: index + 1; 0: none */
};

/* Entries with the same prefix lengths in their selectors. */
struct spd_group { unsigned remote_bits, local_bits; };

struct spd {			/* all zero is empty */
	struct spd_way	*ways;		/* sorted */
	size_t		 n_ways, cap_ways;
	struct spd_group *groups;	/* sorted; room for as many as ways */
	size_t		 n_groups;
	uint32_t	*heads;		/* by hash: index + 1 */
	size_t		 n_heads;	/* a power of two */
};

void spd_free(struct spd *d);

/* Makes it again from ${n} pairs, which outlive it or its next making. 0, or -1: no memory, and it is empty. */
int spd_make(struct spd *d, struct esp_pair *const *pairs, size_t n);

/*
 * Returns one by one the entries that may match ${in}, narrowest and then newest first; no other entry matches.
 * ${at} is all zero at the start. NULL after the last.
 */
struct spd_walk { size_t group; uint32_t next; bool begun; };
struct spd_way *spd_next(const struct spd *d, const struct inner *in, struct spd_walk *at);

#endif
