/* Bindings: which address in the tunnel is at which NBMA address. */
#include "gre/bindings.h"

#include <stdlib.h>

/* ${a} without the bits behind ${prefix}. */
static struct addr
network(struct addr a, unsigned prefix)
{
	for (unsigned bit = prefix; bit < 8 * addr_len(&a); bit++)
		a.b[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
	return (a);
}

static int
cmp(const struct sa_nhrp_binding *x, const struct sa_nhrp_binding *y)
{
	int c = addr_cmp(&x->proto, &y->proto);

	return (c != 0 ? c : (int)x->prefix - (int)y->prefix);
}

/* Where ${rec} is, or belongs. */
static size_t
place(const struct bindings *b, const struct sa_nhrp_binding *rec)
{
	size_t low = 0, high = b->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (cmp(&b->list[mid].rec, rec) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return (low);
}

static int
insert(struct bindings *b, size_t at, struct fault *f)
{
	size_t cap = b->cap < 64 ? 64 : 2 * b->cap;
	struct binding *list;

	if (b->n == BINDINGS_MAX)
		return (fault(f, FAULT_TOO_LARGE, "there are %d bindings already", BINDINGS_MAX));
	if (b->n == b->cap) {
		if ((list = realloc(b->list, cap * sizeof(*list))) == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for bindings"));
		b->list = list;
		b->cap = cap;
	}
	memmove(&b->list[at + 1], &b->list[at], (b->n - at) * sizeof(*b->list));
	b->n++;
	return (0);
}

static void
take_out(struct bindings *b, size_t at)
{
	b->n--;
	memmove(&b->list[at], &b->list[at + 1], (b->n - at) * sizeof(*b->list));
}

const struct sa_nhrp_binding *
bindings_find(const struct bindings *b, const struct sa_nhrp_binding *rec)
{
	size_t at = place(b, rec);

	return (at < b->n && cmp(&b->list[at].rec, rec) == 0 ? &b->list[at].rec : NULL);
}

int
bindings_apply(struct bindings *b, const struct sa_nhrp_binding *rec, uint64_t now, struct fault *f)
{
	bool over = rec->holding == 0 || rec->expires <= now, is;
	struct sa_nhrp_binding *have;
	enum bindings_change what;
	size_t at;

	if (!sa_binding_valid(rec))
		return (fault(f, FAULT_BAD_RECORD, "nhrp-binding: its addresses do not fit each other"));
	at = place(b, rec);
	is = at < b->n && cmp(&b->list[at].rec, rec) == 0;
	if (over) {
		if (is)
			take_out(b, at);
		return (is ? BINDINGS_GONE : BINDINGS_SAME);
	}
	if (!is && insert(b, at, f) != 0)
		return (-1);
	have = &b->list[at].rec;
	what = !is ? BINDINGS_NEW : addr_cmp(sa_binding_nbma(have), sa_binding_nbma(rec)) != 0 || addr_cmp(&have->via, &rec->via) != 0 ||
	    have->kind != rec->kind ? BINDINGS_CHANGED : BINDINGS_SAME;
	b->list[at] = (struct binding){ .rec = *rec, .serial = ++b->serial };
	return ((int)what);
}

size_t
bindings_expire(struct bindings *b, uint64_t now, void (*gone)(void *ctx, const struct sa_nhrp_binding *rec), void *ctx)
{
	size_t i, kept = 0, n;

	for (i = 0; i < b->n; i++) {
		if (b->list[i].rec.expires > now)
			b->list[kept++] = b->list[i];
		else if (gone != NULL)
			gone(ctx, &b->list[i].rec);
	}
	n = b->n - kept;
	b->n = kept;
	return (n);
}

uint64_t
bindings_next(const struct bindings *b)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < b->n; i++)
		if (b->list[i].rec.expires < next)
			next = b->list[i].rec.expires;
	return (next);
}

void
bindings_want(const struct bindings *b, const struct addr *own, struct route *routes, size_t *n_routes, struct neigh *neighs,
    size_t *n_neighs)
{
	*n_routes = *n_neighs = 0;
	for (size_t i = 0; i < b->n; i++) {
		const struct sa_nhrp_binding *rec = &b->list[i].rec;
		const struct addr *nbma = sa_binding_nbma(rec), *hop = rec->via.family != 0 ? &rec->via : &rec->proto;
		bool host = rec->prefix == 8 * addr_len(&rec->proto);

		if (rec->kind == NHRP_KIND_LOCAL || rec->kind == NHRP_KIND_NEGATIVE || nbma->family == 0 ||
		    (own->family != 0 && addr_cmp(own, nbma) == 0))
			continue;
		neighs[(*n_neighs)++] = (struct neigh){ .hop = *hop, .nbma = *nbma, .serial = b->list[i].serial };
		routes[*n_routes] = (struct route){ .net = network(rec->proto, rec->prefix), .prefix = rec->prefix };
		if (!host || addr_cmp(hop, &rec->proto) != 0)
			routes[*n_routes].via = *hop;
		++*n_routes;
	}
}

void
bindings_free(struct bindings *b)
{
	free(b->list);
	*b = (struct bindings){0};
}
