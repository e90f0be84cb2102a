/* Leases of inner addresses. */
#include "sa/lease.h"

#include <stdlib.h>

struct lease {
	char		*owner;
	char		*peer;	/* where the owner is */
	uint32_t	 uses;	/* SAs that have it; 0: it is free */
	uint32_t	 at;	/* offset in the pool */
	uint64_t	 when;	/* serial number of its last use */
};

struct pool {
	uint32_t	 first, n;
	uint64_t	 serial;
	struct lease	*leases;	/* one for each address that somebody had */
	size_t		 n_leases, cap;
	uint8_t		*had;		/* a bit for each address */
};

static void
lease_free(struct lease *l)
{
	free(l->owner);
	free(l->peer);
}

struct pool *
pool_new(const struct selector *range, struct fault *f)
{
	int prefix = selector_prefix(range);
	uint32_t first, last;
	struct pool *p;

	if (range->first.family != 4) {
		(void)fault(f, FAULT_CONFIG, "a pool has IPv4 addresses");
		return (NULL);
	}
	first = get_be32(range->first.b);
	last = get_be32(range->last.b);
	if (prefix >= 0 && prefix < 31) {
		first++;
		last--;
	}
	if (last - first >= POOL_MAX) {
		(void)fault(f, FAULT_CONFIG, "a pool has at most %d addresses", POOL_MAX);
		return (NULL);
	}
	if ((p = calloc(1, sizeof(*p))) == NULL || (p->had = calloc(((size_t)last - first) / 8 + 1, 1)) == NULL) {
		free(p);
		(void)fault(f, FAULT_MEMORY, "no memory for a pool");
		return (NULL);
	}
	p->first = first;
	p->n = last - first + 1;
	return (p);
}

void
pool_free(struct pool *p)
{
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < p->n_leases; i++)
		lease_free(&p->leases[i]);
	free(p->leases);
	free(p->had);
	free(p);
}

static struct addr
addr_at(const struct pool *p, uint32_t at)
{
	uint8_t b[4];

	put_be32(b, p->first + at);
	return (addr_make(4, b));
}

static bool
had(const struct pool *p, uint32_t at)
{
	return ((p->had[at / 8] & 1U << at % 8) != 0);
}

/* A lease of nobody yet, for the address ${at}. NULL: no memory. */
static struct lease *
add(struct pool *p, uint32_t at)
{
	size_t cap = p->cap > 0 ? 2 * p->cap : 16;
	struct lease *more;

	if (p->n_leases == p->cap) {
		if ((more = realloc(p->leases, cap * sizeof(*more))) == NULL)
			return (NULL);
		p->leases = more;
		p->cap = cap;
	}
	p->had[at / 8] |= (uint8_t)(1U << at % 8);
	p->leases[p->n_leases] = (struct lease){ .at = at };
	return (&p->leases[p->n_leases++]);
}

/* The lease that ${owner} gets if no new one is made; NULL: none is free. ${*own}: it had it before. */
static struct lease *
find(struct pool *p, const char *owner, const char *peer, bool *own)
{
	struct lease *l, *oldest = NULL, *mine = NULL;
	size_t i;

	for (i = 0; i < p->n_leases; i++) {
		l = &p->leases[i];
		if (l->owner != NULL && strcmp(l->owner, owner) == 0 && (l->uses == 0 || strcmp(l->peer, peer) == 0) &&
		    (mine == NULL || l->when > mine->when))
			mine = l;
		if (l->uses == 0 && (oldest == NULL || l->when < oldest->when))
			oldest = l;
	}
	*own = mine != NULL;
	return (mine != NULL ? mine : oldest);
}

/* An address that nobody ever had, if possible ${wanted}; p->n: there is none. */
static uint32_t
fresh(const struct pool *p, const struct addr *wanted)
{
	uint32_t i;

	if (wanted->family == 4 && get_be32(wanted->b) - p->first < p->n && !had(p, get_be32(wanted->b) - p->first))
		return (get_be32(wanted->b) - p->first);
	for (i = 0; i < p->n && had(p, i); i++)
		;
	return (i);
}

int
pool_lease(struct pool *p, const char *owner, const char *peer, const struct addr *wanted, struct addr *out,
    struct fault *f)
{
	char *o = strdup(owner), *at_peer = strdup(peer);
	struct lease *l;
	uint32_t at;
	bool own;

	l = find(p, owner, peer, &own);
	if (!own && (at = fresh(p, wanted)) < p->n)
		l = add(p, at);
	else if (l == NULL) {
		free(o);
		free(at_peer);
		return (fault(f, FAULT_PROTOCOL, "all %u addresses of the pool are in use", p->n));
	}
	if (o == NULL || at_peer == NULL || l == NULL) {
		free(o);
		free(at_peer);
		return (fault(f, FAULT_MEMORY, "no memory for a lease"));
	}
	lease_free(l);
	l->owner = o;
	l->peer = at_peer;
	l->when = ++p->serial;
	l->uses++;
	*out = addr_at(p, l->at);
	return (0);
}

void
pool_release(struct pool *p, const struct addr *a)
{
	size_t i;

	if (a->family != 4)
		return;
	for (i = 0; i < p->n_leases; i++)
		if (p->first + p->leases[i].at == get_be32(a->b) && p->leases[i].uses > 0)
			p->leases[i].uses--;
}
