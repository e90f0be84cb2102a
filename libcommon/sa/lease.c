/* Leases of inner addresses. */
#include "sa/lease.h"

#include <stdlib.h>

struct lease {
	char		*owner;
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
		free(p->leases[i].owner);
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

/* Whether ${at} is an address that nobody ever had and nobody uses. */
static bool
is_fresh(const struct pool *p, uint32_t at, bool (*used)(void *ctx, const struct addr *a), void *ctx)
{
	const struct addr a = addr_at(p, at);

	return (!had(p, at) && !used(ctx, &a));
}

/* A new lease of the address ${at}. 0, or -1: no memory. */
static int
add(struct pool *p, const char *owner, uint32_t at)
{
	size_t cap = p->cap > 0 ? 2 * p->cap : 16;
	struct lease *more;
	char *name = strdup(owner);

	if (name != NULL && p->n_leases == p->cap) {
		if ((more = realloc(p->leases, cap * sizeof(*more))) != NULL) {
			p->leases = more;
			p->cap = cap;
		}
	}
	if (name == NULL || p->n_leases == p->cap) {
		free(name);
		return (-1);
	}
	p->had[at / 8] |= (uint8_t)(1U << at % 8);
	p->leases[p->n_leases++] = (struct lease){ name, at, ++p->serial };
	return (0);
}

int
pool_lease(struct pool *p, const char *owner, const struct addr *wanted, bool (*used)(void *ctx, const struct addr *a),
    void *ctx, struct addr *out, struct fault *f)
{
	struct lease *l, *own = NULL, *oldest = NULL;
	uint32_t at = p->n, i;
	char *name;
	size_t k;

	for (k = 0; k < p->n_leases; k++) {
		l = &p->leases[k];
		*out = addr_at(p, l->at);
		if (used(ctx, out))
			continue;
		if (strcmp(l->owner, owner) == 0 && (own == NULL || l->when > own->when))
			own = l;
		if (oldest == NULL || l->when < oldest->when)
			oldest = l;
	}
	if (own == NULL && wanted->family == 4 && get_be32(wanted->b) - p->first < p->n &&
	    is_fresh(p, get_be32(wanted->b) - p->first, used, ctx))
		at = get_be32(wanted->b) - p->first;
	for (i = 0; own == NULL && at == p->n && i < p->n; i++)
		if (is_fresh(p, i, used, ctx))
			at = i;
	if (at < p->n) {
		*out = addr_at(p, at);
		return (add(p, owner, at) == 0 ? 0 : fault(f, FAULT_MEMORY, "no memory for a lease"));
	}
	if (own == NULL && (own = oldest) == NULL)
		return (fault(f, FAULT_PROTOCOL, "all %u addresses of the pool are in use", p->n));
	if (strcmp(own->owner, owner) != 0) {
		if ((name = strdup(owner)) == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for a lease"));
		free(own->owner);
		own->owner = name;
	}
	own->when = ++p->serial;
	*out = addr_at(p, own->at);
	return (0);
}
