/*
 * Networks by longest match: a hash table for each prefix length that is there. A look-up costs as many steps as there
 * are different lengths, whatever the number of networks.
 */
#ifndef SAPIPE_BASE_PREFIX_H
#define SAPIPE_BASE_PREFIX_H

#include "base/addr.h"
#include "base/table.h"

/* In the caller's struct. */
struct prefix {
	struct table_node node;
	struct addr	 net;		/* bits behind ${bits} are zero */
	uint8_t		 bits;
};

struct prefixes {			/* all zero is empty */
	struct table	 table;
	uint64_t	 salt;		/* unknown to those who choose the networks */
	size_t		 n_lens[2];	/* [IPv6] */
	uint32_t	 n_of[2][129];	/* networks of each length */
	uint8_t		 lens[2][129];	/* longest first */
};

void prefixes_free(struct prefixes *t);	/* the table; entries are the caller's */

/* ${a} without the bits behind ${bits}. */
struct addr prefix_net(const struct addr *a, unsigned bits);

/* Adds ${p}; its network must not be there yet. 0, or -1: no memory. */
int prefixes_put(struct prefixes *t, struct prefix *p);
/* Takes out ${p}, which must be there. */
void prefixes_remove(struct prefixes *t, struct prefix *p);
/* The entry of exactly this network; NULL: none. */
struct prefix *prefixes_same(struct prefixes *t, const struct addr *net, unsigned bits);
/* The longest network that contains ${a}; NULL: none. */
struct prefix *prefixes_find(struct prefixes *t, const struct addr *a);

#endif
