/*
 * A hash table of nodes that lie in the caller's structs. It grows with its entries and allocates
 * nothing per entry. Keys are the caller's business: it mixes them into 64 bits with
 * hash_bytes() and compares the entries of a chain itself.
 */
#ifndef SAPIPE_IKE_TABLE_H
#define SAPIPE_IKE_TABLE_H

#include "base/hash.h"
#include "base/span.h"

struct ike_node {
	struct ike_node	*next;
	uint64_t	 hash;
	bool		 in;		/* it is in a table */
};

struct ike_table {			/* all zero is empty */
	struct ike_node	**bucket;
	size_t		 n_buckets, n;
	uint64_t	 looked_at;	/* entries that look-ups have compared: for tests */
};

/* Makes room for a first entry; ike_table_put() cannot fail then. 0, or -1: no memory. */
int ike_table_ready(struct ike_table *t);
/* Adds ${n}, which is in no table. Of equal keys the last one added is found first. 0, or -1: no memory. */
int ike_table_put(struct ike_table *t, struct ike_node *n, uint64_t hash);
void ike_table_remove(struct ike_table *t, struct ike_node *n);	/* one that is in none is fine */
/* The first entry with ${hash}, the next one after ${n}; NULL at the end. */
struct ike_node *ike_table_first(struct ike_table *t, uint64_t hash);
struct ike_node *ike_table_next(struct ike_table *t, const struct ike_node *n);
void ike_table_free(struct ike_table *t);	/* the buckets; entries are the caller's */

/* The struct of ${type} whose member ${member} is the node ${n}. */
#define IKE_ENTRY(n, type, member)	((type *)(void *)((char *)(n) - offsetof(type, member)))

#endif
