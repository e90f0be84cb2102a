/* A hash table whose chains lie in the caller's structs. */
#include "base/table.h"

#include <stdlib.h>

/* The hash 0 is for nodes that are in no table: thousands of nodes need no flag of their own. */
static uint64_t
not_zero(uint64_t hash)
{
	return (hash != 0 ? hash : 1);
}

static void
insert(struct table_node **bucket, size_t n_buckets, struct table_node *n)
{
	struct table_node **at = &bucket[n->hash & (n_buckets - 1)];

	n->next = *at;
	*at = n;
}

static int
grow(struct table *t)
{
	size_t n = t->n_buckets > 0 ? t->n_buckets * 2 : 16, i;
	struct table_node **bucket = calloc(n, sizeof(*bucket)), *node, *next, *back;

	if (bucket == NULL)
		return (-1);
	for (i = 0; i < t->n_buckets; i++) {
		/* Turned round, so that insert() leaves the order of a chain as it was. */
		for (back = NULL, node = t->bucket[i]; node != NULL; node = next) {
			next = node->next;
			node->next = back;
			back = node;
		}
		for (node = back; node != NULL; node = next) {
			next = node->next;
			insert(bucket, n, node);
		}
	}
	free(t->bucket);
	t->bucket = bucket;
	t->n_buckets = n;
	return (0);
}

int
table_ready(struct table *t)
{
	return (t->n_buckets > 0 ? 0 : grow(t));
}

int
table_put(struct table *t, struct table_node *n, uint64_t hash)
{
	/* Two in a bucket: half the memory of one. A table that cannot grow still works while it has a bucket. */
	if (t->n >= 2 * t->n_buckets && grow(t) != 0 && t->n_buckets == 0)
		return (-1);
	n->hash = not_zero(hash);
	insert(t->bucket, t->n_buckets, n);
	t->n++;
	return (0);
}

void
table_remove(struct table *t, struct table_node *n)
{
	struct table_node **at;

	if (!table_in(n))
		return;
	for (at = &t->bucket[n->hash & (t->n_buckets - 1)]; *at != n; at = &(*at)->next)
		;
	*at = n->next;
	n->hash = 0;
	t->n--;
}

static struct table_node *
seek(struct table *t, struct table_node *n, uint64_t hash)
{
	for (; n != NULL; n = n->next) {
		t->looked_at++;
		if (n->hash == hash)
			return (n);
	}
	return (NULL);
}

struct table_node *
table_first(struct table *t, uint64_t hash)
{
	hash = not_zero(hash);
	return (t->n == 0 ? NULL : seek(t, t->bucket[hash & (t->n_buckets - 1)], hash));
}

struct table_node *
table_next(struct table *t, const struct table_node *n)
{
	return (seek(t, n->next, n->hash));
}

void
table_free(struct table *t)
{
	free(t->bucket);
	*t = (struct table){0};
}
