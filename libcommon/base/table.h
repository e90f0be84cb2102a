/*
 * A hash table of nodes that lie in the caller's structs. It grows with its entries and allocates
 * nothing per entry. Keys are the caller's business: it mixes them into 64 bits with
 * hash_bytes() and compares the entries of a chain itself.
 */
#ifndef SAPIPE_BASE_TABLE_H
#define SAPIPE_BASE_TABLE_H

#include "base/hash.h"
#include "base/span.h"

struct table_node {
	struct table_node	*next;
	uint64_t	 hash;		/* 0: it is in no table */
};

struct table {			/* all zero is empty */
	struct table_node	**bucket;
	size_t		 n_buckets, n;
	uint64_t	 looked_at;	/* entries that look-ups have compared: for tests */
};

/* Makes room for a first entry; table_put() cannot fail then. 0, or -1: no memory. */
int table_ready(struct table *t);
/* Adds ${n}, which is in no table. Of equal keys the last one added is found first. 0, or -1: no memory. */
int table_put(struct table *t, struct table_node *n, uint64_t hash);
void table_remove(struct table *t, struct table_node *n);	/* one that is in none is fine */
/* Whether ${n} is in a table. */
static inline bool
table_in(const struct table_node *n)
{
	return (n->hash != 0);
}
/* The first entry with ${hash}, the next one after ${n}; NULL at the end. */
struct table_node *table_first(struct table *t, uint64_t hash);
struct table_node *table_next(struct table *t, const struct table_node *n);
void table_free(struct table *t);	/* the buckets; entries are the caller's */

/* The struct of ${type} whose member ${member} is the node ${n}. */
#define ENTRY_OF(n, type, member)	((type *)(void *)((char *)(n) - offsetof(type, member)))

#endif
