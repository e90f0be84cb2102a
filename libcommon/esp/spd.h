/*
 * The policy of outbound packets: selectors of outbound SAs (RFC 4301, 4.4.1), most specific first, found by
 * hashing, so that a look-up among thousands costs as much as among a few. SAs enter and leave one by one, and that
 * costs as much with thousands, too.
 */
#ifndef SAPIPE_ESP_SPD_H
#define SAPIPE_ESP_SPD_H

#include "esp/inner.h"
#include "esp/sa.h"

/* Entries with the same prefix lengths in their selectors. */
struct spd_group {
	uint32_t	 bits;		/* ${narrow} / 4 of its entries */
	uint32_t	 n;
};

struct spd {			/* all zero is empty */
	struct spd_way	**heads;	/* by hash */
	size_t		 n_heads;	/* a power of two */
	size_t		 n_ways;
	struct spd_group *groups;	/* narrowest first */
	size_t		 n_groups, cap_groups;
};

void spd_free(struct spd *d);	/* the SAs must have left it */

/* Enters the selectors of ${sa}, of esp_sa_selectors(), which must stay where they are until spd_remove(). 0, or -1: no memory, nothing is entered. */
int spd_add(struct spd *d, struct esp_sa *sa);
/* Takes them out; harmless if they are not there. */
void spd_remove(struct spd *d, struct esp_sa *sa);

/*
 * Returns one by one the entries that may match ${in}, narrowest and then newest first; no other entry matches.
 * ${at} is all zero at the start. NULL after the last.
 */
struct spd_walk { size_t group; struct spd_way *next; bool begun; };
struct spd_way *spd_next(const struct spd *d, const struct inner *in, struct spd_walk *at);

#endif
