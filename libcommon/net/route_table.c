/* Routes by longest match. */
#include "net/route_table.h"

#include <stdlib.h>

#define CHUNK		65536	/* bytes of routes that are allocated together */

/* Routes one behind another, each with its own hops: thousands have one hop, and few as many as there may be. */
struct route_chunk {
	struct route_chunk *next;
	size_t		 used;
	_Alignas(8) uint8_t bytes[CHUNK];
};

struct route_known {
	struct route_known *worse;	/* the next one of its network; of a spare one: the next spare one */
	struct routewatch_route r;	/* as many hops as its ${room}; in the table if it is the best of its network */
};

void
route_table_free(struct route_table *t)
{
	struct route_chunk *c;
	uint64_t salt = t->nets.salt;

	prefixes_free(&t->nets);
	while ((c = t->chunks) != NULL) {
		t->chunks = c->next;
		free(c);
	}
	*t = (struct route_table){ .nets.salt = salt };
}

/* Room for a route with ${n} hops. NULL: no memory. */
static struct route_known *
room(struct route_table *t, size_t n)
{
	size_t size = offsetof(struct route_known, r.hops) + n * sizeof(struct routewatch_hop);
	struct route_chunk *c = t->chunks;
	struct route_known *k = t->spare[n];

	if (k != NULL) {
		t->spare[n] = k->worse;
		return (k);
	}
	size = (size + 7) / 8 * 8;
	if (c == NULL || CHUNK - c->used < size) {
		if ((c = malloc(sizeof(*c))) == NULL)
			return (NULL);
		c->used = 0;
		c->next = t->chunks;
		t->chunks = c;
	}
	k = (void *)(c->bytes + c->used);
	c->used += size;
	return (k);
}

static void
release(struct route_table *t, struct route_known *k)
{
	k->worse = t->spare[k->r.room];
	t->spare[k->r.room] = k;
}

/* A copy of ${r} with room for ${n} hops. NULL: no memory. */
static struct route_known *
copy(struct route_table *t, const struct routewatch_route *r, size_t n)
{
	struct route_known *k = room(t, n);

	if (k == NULL)
		return (NULL);
	k->worse = NULL;
	memcpy(&k->r, r, offsetof(struct routewatch_route, hops) + r->n_hops * sizeof(r->hops[0]));
	k->r.several = false;
	k->r.room = (uint8_t)n;
	k->r.at = (struct prefix){ .net = prefix_net(&r->at.net, r->at.bits), .bits = r->at.bits };
	return (k);
}

/* Below 0: ${a} is better than ${b}, of the same network. */
static int
order(const struct routewatch_route *a, const struct routewatch_route *b)
{
	if (a->main != b->main)
		return (a->main ? -1 : 1);
	if (a->metric != b->metric)
		return (a->metric < b->metric ? -1 : 1);
	return (a->table != b->table ? (a->table < b->table ? -1 : 1) : 0);
}

/* Of one network, table and metric: whether they are one route. */
static bool
same(const struct routewatch_route *a, const struct routewatch_route *b)
{
	if (a->rest != b->rest || a->n_hops != b->n_hops)
		return (false);
	for (size_t i = 0; i < a->n_hops; i++)
		if (a->hops[i].weight != b->hops[i].weight || addr_cmp(&a->hops[i].at, &b->hops[i].at) != 0)
			return (false);
	return (true);
}

static struct route_known *
best_of(struct route_table *t, const struct routewatch_route *r)
{
	struct addr net = prefix_net(&r->at.net, r->at.bits);
	struct prefix *p = prefixes_same(&t->nets, &net, r->at.bits);

	return (p != NULL ? ENTRY_OF(p, struct route_known, r.at) : NULL);
}

/* That of the network, table and metric of ${r}; ${best}: of the network. NULL: none. */
static struct route_known *
same_of(struct route_known *best, const struct routewatch_route *r)
{
	while (best != NULL && order(&best->r, r) < 0)
		best = best->worse;
	return (best != NULL && order(&best->r, r) == 0 ? best : NULL);
}

/* Enters ${k}, whose network has ${best}. 0, or -1: no memory. */
static int
enter(struct route_table *t, struct route_known *best, struct route_known *k)
{
	if (best == NULL || order(&k->r, &best->r) < 0) {
		k->worse = best;
		if (best != NULL)
			prefixes_remove(&t->nets, &best->r.at);
		if (prefixes_put(&t->nets, &k->r.at) != 0)
			return (-1);	/* only if it was empty */
	} else {
		while (best->worse != NULL && order(&best->worse->r, &k->r) < 0)
			best = best->worse;
		k->worse = best->worse;
		best->worse = k;
	}
	return (0);
}

/* Takes out ${k}, whose network has ${best}. */
static void
leave(struct route_table *t, struct route_known *best, struct route_known *k)
{
	if (k != best) {
		while (best->worse != k)
			best = best->worse;
		best->worse = k->worse;
		return;
	}
	prefixes_remove(&t->nets, &k->r.at);
	/* Cannot fail: the table has a bucket. */
	if (k->worse != NULL)
		(void)prefixes_put(&t->nets, &k->worse->r.at);
}

static void
insert(struct route_table *t, struct route_known *best, const struct routewatch_route *r)
{
	struct route_known *k = t->all < ROUTEWATCH_MAX ? copy(t, r, r->n_hops) : NULL;

	if (k == NULL || enter(t, best, k) != 0) {
		if (k != NULL)
			release(t, k);
		t->ignored++;
		return;
	}
	t->all++;
	t->n += best == NULL;
}

/* Adds the hops of ${r} to ${k}, of the same network, table and metric: IPv6 has a message for each of them. */
static void
join(struct route_table *t, struct route_known *best, struct route_known *k, const struct routewatch_route *r)
{
	size_t left = ROUTEWATCH_HOPS - k->r.n_hops, n = r->n_hops < left ? r->n_hops : left;
	struct route_known *new;

	k->r.several = true;
	if (r->at.net.family != 6 || n == 0)
		return;
	if ((new = copy(t, &k->r, k->r.n_hops + n)) == NULL) {
		t->ignored++;
		return;
	}
	memcpy(new->r.hops + new->r.n_hops, r->hops, n * sizeof(r->hops[0]));
	new->r.n_hops = (uint8_t)(new->r.n_hops + n);
	new->r.several = true;
	leave(t, best, k);
	/* Cannot fail: the table has a bucket. */
	(void)enter(t, k != best ? best : k->worse, new);
	release(t, k);
}

void
route_table_put(struct route_table *t, const struct routewatch_route *r)
{
	struct route_known *best = best_of(t, r), *k = same_of(best, r);

	if (k != NULL)
		join(t, best, k, r);
	else
		insert(t, best, r);
}

bool
route_table_add(struct route_table *t, const struct routewatch_route *r)
{
	struct route_known *best = best_of(t, r), *k = same_of(best, r);

	if (k == NULL)
		insert(t, best, r);
	return (k == NULL || (!k->r.several && same(&k->r, r)));
}

bool
route_table_remove(struct route_table *t, const struct routewatch_route *r)
{
	struct route_known *best = best_of(t, r), *k = same_of(best, r);

	if (k != NULL && (k->r.several || !same(&k->r, r)))
		return (false);
	if (k != NULL) {
		leave(t, best, k);
		t->all--;
		t->n -= k == best && k->worse == NULL;
		release(t, k);
	}
	return (t->ignored == 0);	/* there is room for another one now */
}

bool
route_table_has(struct route_table *t, const struct routewatch_route *r)
{
	return (same_of(best_of(t, r), r) != NULL);
}

const struct routewatch_route *
route_table_find(struct route_table *t, const struct addr *a)
{
	struct prefix *p = prefixes_find(&t->nets, a);

	return (p != NULL ? &ENTRY_OF(p, struct route_known, r.at)->r : NULL);
}
