/* The registrations of a next hop server. */
#include "nhrp/cache.h"

#include <stdlib.h>

static uint64_t
hash_of(const struct nhrp_cache *c, const struct addr *proto)
{
	return (hash_bytes(proto->b, addr_len(proto), c->salt));
}

int
nhrp_cache_open(struct nhrp_cache *c, size_t limit, uint64_t salt)
{
	*c = (struct nhrp_cache){ .limit = limit, .salt = salt };
	return (table_ready(&c->table));
}

struct nhrp_client_entry *
nhrp_cache_find(const struct nhrp_cache *c, const struct addr *proto)
{
	struct table *t = (struct table *)&c->table;	/* it only counts what it compared */
	struct table_node *n;

	for (n = table_first(t, hash_of(c, proto)); n != NULL; n = table_next(t, n)) {
		struct nhrp_client_entry *e = ENTRY_OF(n, struct nhrp_client_entry, node);

		if (addr_cmp(&e->proto, proto) == 0)
			return (e);
	}
	return (NULL);
}

struct nhrp_client_entry *
nhrp_cache_add(struct nhrp_cache *c, const struct addr *proto)
{
	struct nhrp_client_entry *e;

	if (c->n == c->limit || heap_reserve(&c->heap, c->n + 1) != 0 || (e = calloc(1, sizeof(*e))) == NULL)
		return (NULL);
	e->proto = *proto;
	if (table_put(&c->table, &e->node, hash_of(c, proto)) != 0) {
		free(e);
		return (NULL);
	}
	c->n++;
	return (e);
}

void
nhrp_cache_end(struct nhrp_cache *c, struct nhrp_client_entry *e, uint64_t at_ms)
{
	heap_set(&c->heap, &e->timer, at_ms);
}

void
nhrp_cache_remove(struct nhrp_cache *c, struct nhrp_client_entry *e)
{
	heap_set(&c->heap, &e->timer, UINT64_MAX);
	table_remove(&c->table, &e->node);
	free(e->askers);
	free(e->offer);
	free(e);
	c->n--;
}

struct nhrp_client_entry *
nhrp_cache_due(struct nhrp_cache *c, uint64_t now_ms)
{
	struct timer *t = heap_due(&c->heap, now_ms);

	return (t == NULL ? NULL : ENTRY_OF(t, struct nhrp_client_entry, timer));
}

struct nhrp_client_entry *
nhrp_cache_any(const struct nhrp_cache *c)
{
	return (c->heap.n == 0 ? NULL : ENTRY_OF(c->heap.timer[0], struct nhrp_client_entry, timer));
}

void
nhrp_cache_close(struct nhrp_cache *c)
{
	struct nhrp_client_entry *e;

	while ((e = nhrp_cache_any(c)) != NULL)
		nhrp_cache_remove(c, e);
	table_free(&c->table);
	heap_free(&c->heap);
}

void
nhrp_cache_asked(struct nhrp_client_entry *e, const struct nhrp_asker *a)
{
	unsigned i;

	if (e->askers == NULL && (e->askers = calloc(NHRP_ASKERS, sizeof(*e->askers))) == NULL)
		return;
	for (i = 0; i < e->n_askers; i++)
		if (addr_cmp(&e->askers[i].proto, &a->proto) == 0 && addr_cmp(&e->askers[i].net, &a->net) == 0)
			break;
	if (i == NHRP_ASKERS)
		i = e->next_asker++ % NHRP_ASKERS;
	else if (i == e->n_askers)
		e->n_askers++;
	e->askers[i] = *a;
}
