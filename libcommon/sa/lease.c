/* Leases of inner addresses. */
#include "sa/lease.h"

#include <stdlib.h>

#define NONE	UINT32_MAX

struct lease {
	char		*owner;
	char		*peer;		/* where the owner is; "": from a store */
	uint32_t	 uses;		/* SAs that have it; 0: it is free */
	uint32_t	 at;		/* offset in the pool */
	uint64_t	 serial;	/* of its last use: orders them, as seconds do not */
	uint64_t	 used;		/* epoch seconds of its last use */
	uint32_t	 slot;
	bool		 dirty;
	uint32_t	 next_dirty;
};

struct pool {
	unsigned	 refs;
	struct selector	 range;
	struct addr	 first;
	uint32_t	 n;
	uint64_t	 lease_seconds, serial;
	struct lease	*leases;	/* one for each address that somebody had */
	uint32_t	 n_leases, cap, in_use;
	uint32_t	*of;		/* index of each address's lease, + 1; 0: nobody had it */
	uint32_t	 fresh;		/* somebody had all before this offset */
	uint32_t	 dirty, last_dirty;	/* a list in order of change; NONE */
};

static void
lease_free(struct lease *l)
{
	free(l->owner);
	free(l->peer);
}

/* ${a} + ${n}, within its family. */
static struct addr
addr_after(const struct addr *a, uint32_t n)
{
	struct addr out = *a;
	size_t i;

	for (i = addr_len(a); i-- > 0 && n != 0; ) {
		n += out.b[i];
		out.b[i] = (uint8_t)n;
		n >>= 8;
	}
	return (out);
}

/* ${a} - ${b}, at most ${max}, of one family; ${a} is not below ${b}. */
static uint64_t
addr_minus(const struct addr *a, const struct addr *b, uint64_t max)
{
	uint64_t d = 0;
	size_t i;

	for (i = 0; i < addr_len(a); i++) {
		d = d * 256 + a->b[i] - b->b[i];
		/* Later bytes change it by less than 1 of this place. */
		if (d > max + 1)
			return (max);
	}
	return (d < max ? d : max);
}

struct pool *
pool_new(const struct selector *range, struct fault *f)
{
	const int prefix = selector_prefix(range);
	const bool v4 = range->first.family == 4;
	uint64_t n = addr_minus(&range->last, &range->first, POOL_MAX + 2) + 1;
	const bool skip_first = prefix >= 0 && prefix < (v4 ? 31 : 127);
	struct pool *p;

	if (skip_first)
		n -= v4 ? 2 : 1;
	if (v4 && n > POOL_MAX) {
		(void)fault(f, FAULT_CONFIG, "a pool has at most %d addresses", POOL_MAX);
		return (NULL);
	}
	if (n > POOL_MAX)
		n = POOL_MAX;
	if ((p = calloc(1, sizeof(*p))) == NULL || (p->of = calloc(n, sizeof(*p->of))) == NULL) {
		free(p);
		(void)fault(f, FAULT_MEMORY, "no memory for a pool");
		return (NULL);
	}
	p->refs = 1;
	p->range = *range;
	p->first = addr_after(&range->first, skip_first ? 1 : 0);
	p->n = (uint32_t)n;
	p->lease_seconds = POOL_LEASE_S;
	p->dirty = p->last_dirty = NONE;
	return (p);
}

struct pool *
pool_ref(struct pool *p)
{
	p->refs++;
	return (p);
}

void
pool_free(struct pool *p)
{
	size_t i;

	if (p == NULL || --p->refs > 0)
		return;
	for (i = 0; i < p->n_leases; i++)
		lease_free(&p->leases[i]);
	free(p->leases);
	free(p->of);
	free(p);
}

const struct selector *
pool_range(const struct pool *p)
{
	return (&p->range);
}

void
pool_set_lease_time(struct pool *p, uint64_t seconds)
{
	p->lease_seconds = seconds;
}

uint64_t
pool_lease_time(const struct pool *p)
{
	return (p->lease_seconds);
}

void
pool_count(const struct pool *p, uint32_t *in_use, uint32_t *all)
{
	*in_use = p->in_use;
	*all = p->n;
}

/* The offset of ${a}; NONE: it is none of the pool. */
static uint32_t
offset_of(const struct pool *p, const struct addr *a)
{
	uint64_t at;

	if (a->family != p->first.family || addr_cmp(a, &p->first) < 0)
		return (NONE);
	at = addr_minus(a, &p->first, POOL_MAX);
	return (at < p->n ? (uint32_t)at : NONE);
}

/* The lease of the address ${at}; NULL: nobody had it. */
static struct lease *
lease_at(const struct pool *p, uint32_t at)
{
	return (at == NONE || p->of[at] == 0 ? NULL : &p->leases[p->of[at] - 1]);
}

/* A lease of nobody yet, for the address ${at}. NULL: no memory. */
static struct lease *
add(struct pool *p, uint32_t at)
{
	uint32_t cap = p->cap > 0 ? 2 * p->cap : 16;
	struct lease *more;

	if (p->leases == NULL || p->n_leases == p->cap) {
		if ((more = realloc(p->leases, cap * sizeof(*more))) == NULL)
			return (NULL);
		p->leases = more;
		p->cap = cap;
	}
	p->leases[p->n_leases] = (struct lease){ .at = at, .next_dirty = NONE };
	p->of[at] = ++p->n_leases;
	return (&p->leases[p->n_leases - 1]);
}

static void
mark(struct pool *p, struct lease *l)
{
	const uint32_t i = (uint32_t)(l - p->leases);

	if (l->dirty)
		return;
	l->dirty = true;
	l->next_dirty = NONE;
	if (p->dirty == NONE)
		p->dirty = i;
	else
		p->leases[p->last_dirty].next_dirty = i;
	p->last_dirty = i;
}

static bool
is_of(const struct lease *l, const char *owner)
{
	return (l->owner != NULL && strcmp(l->owner, owner) == 0);
}

/* Whether ${owner} at ${peer} may have ${l}, which is its own. */
static bool
can_have_again(const struct lease *l, const char *peer)
{
	return (l->uses == 0 || strcmp(l->peer, peer) == 0);
}

/* The last lease of ${owner}, and the one that is free for the longest time; NULL each. */
static void
search(struct pool *p, const char *owner, const char *peer, struct lease **mine, struct lease **oldest)
{
	struct lease *l;
	uint32_t i;

	*mine = *oldest = NULL;
	for (i = 0; i < p->n_leases; i++) {
		l = &p->leases[i];
		if (is_of(l, owner) && can_have_again(l, peer) && (*mine == NULL || l->serial > (*mine)->serial))
			*mine = l;
		if (l->uses == 0 && (*oldest == NULL || l->serial < (*oldest)->serial))
			*oldest = l;
	}
}

/* The address ${at} for one that asks for it: its lease, or a new one. NULL: another has it. */
static struct lease *
at_wish(struct pool *p, uint64_t epoch, const char *owner, const char *peer, uint32_t at)
{
	struct lease *l = lease_at(p, at);

	if (at == NONE)
		return (NULL);
	if (l == NULL)
		return (add(p, at));
	if (is_of(l, owner) ? can_have_again(l, peer) : l->uses == 0 && l->used + p->lease_seconds < epoch)
		return (l);
	return (NULL);
}

static struct lease *
pick(struct pool *p, uint64_t epoch, const char *owner, const char *peer, const struct addr *wanted)
{
	struct lease *mine, *oldest, *l = at_wish(p, epoch, owner, peer, offset_of(p, wanted));

	if (l != NULL)
		return (l);
	search(p, owner, peer, &mine, &oldest);
	if (mine != NULL)
		return (mine);
	while (p->fresh < p->n && p->of[p->fresh] != 0)
		p->fresh++;
	return (p->fresh < p->n ? add(p, p->fresh) : oldest);
}

/* ${l} is ${owner}'s. -1: no memory. */
static int
give(struct lease *l, const char *owner, const char *peer)
{
	char *o = strdup(owner), *at_peer = strdup(peer);

	if (o == NULL || at_peer == NULL) {
		free(o);
		free(at_peer);
		return (-1);
	}
	lease_free(l);
	l->owner = o;
	l->peer = at_peer;
	return (0);
}

int
pool_lease(struct pool *p, uint64_t epoch, const char *owner, const char *peer, const struct addr *wanted,
    struct addr *out, struct fault *f)
{
	struct lease *l = pick(p, epoch, owner, peer, wanted);
	char range[SELECTOR_TEXT];

	if (l == NULL && p->in_use == p->n)
		return (fault_because(f, CAUSE_POOL, fault(f, FAULT_PROTOCOL, "all %u addresses of the pool %s are in use",
		    p->n, selector_net_text(range, &p->range))));
	if (l == NULL || give(l, owner, peer) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for a lease"));
	l->serial = ++p->serial;
	l->used = epoch;
	p->in_use += l->uses++ == 0;
	mark(p, l);
	*out = addr_after(&p->first, l->at);
	return (0);
}

bool
pool_keep(struct pool *p, const struct addr *a)
{
	struct lease *l = lease_at(p, offset_of(p, a));

	if (l == NULL || l->uses == 0)
		return (false);
	l->uses++;
	return (true);
}

void
pool_release(struct pool *p, uint64_t epoch, const struct addr *a)
{
	struct lease *l = lease_at(p, offset_of(p, a));

	if (l == NULL || l->uses == 0 || --l->uses > 0)
		return;
	p->in_use--;
	l->serial = ++p->serial;
	l->used = epoch > l->used ? epoch : l->used;
	mark(p, l);
}

bool
pool_changed(struct pool *p, struct pool_entry *e)
{
	struct lease *l;

	if (p->dirty == NONE)
		return (false);
	l = &p->leases[p->dirty];
	p->dirty = l->next_dirty;
	l->dirty = false;
	*e = (struct pool_entry){
		.addr = addr_after(&p->first, l->at), .owner = l->owner != NULL ? l->owner : "", .used = l->used,
		.slot = &l->slot,
	};
	return (true);
}

int
pool_restore(struct pool *p, const struct addr *a, const char *owner, uint64_t used, uint32_t slot)
{
	const uint32_t at = offset_of(p, a);
	struct lease *l;

	if (at == NONE || lease_at(p, at) != NULL)
		return (1);
	if ((l = add(p, at)) == NULL || give(l, owner, "") != 0)
		return (-1);
	l->used = used;
	l->serial = ++p->serial;
	l->slot = slot;
	return (0);
}
