/*
 * The policy of outbound packets, hashed. An address in a range has the prefix bits that all addresses of the range
 * share. Entries are hashed by these bits of both ends, and for each existing pair of prefix lengths (usually two or
 * three) one chain is searched.
 */
#include "esp/spd.h"

#include <stdlib.h>

#include "esp/pair.h"

void
spd_free(struct spd *d)
{
	free(d->ways);
	free(d->groups);
	free(d->heads);
	*d = (struct spd){0};
}

/* Bits that all addresses of ${s} share: the longer, the narrower. */
static unsigned
shared_bits(const struct selector *s)
{
	unsigned n = 0, bits = (unsigned)(8 * addr_len(&s->first));

	while (n < bits && ((s->first.b[n / 8] ^ s->last.b[n / 8]) & (0x80 >> n % 8)) == 0)
		n++;
	return (n);
}

/* Narrowest first, then newest. */
static int
way_cmp(const void *a, const void *b)
{
	const struct spd_way *x = a, *y = b;
	const struct esp_pair *s = x->sa->pair, *t = y->sa->pair;

	if (x->narrow != y->narrow)
		return (x->narrow > y->narrow ? -1 : 1);
	if (s->established_ms != t->established_ms)
		return (s->established_ms > t->established_ms ? -1 : 1);
	return (s->serial > t->serial ? -1 : s->serial < t->serial);
}

static uint32_t
hash_bits(uint32_t h, const struct addr *a, unsigned bits)
{
	size_t i;

	for (i = 0; bits >= 32; i += 4, bits -= 32)
		h = (h ^ get_be32(a->b + i)) * UINT32_C(2654435761);
	if (bits > 0)
		h = (h ^ (get_be32(a->b + i) >> (32 - bits))) * UINT32_C(2654435761);
	return (h ^ h >> 15);
}

static size_t
hash(const struct spd *d, size_t group, const struct addr *remote, const struct addr *local)
{
	const struct spd_group *g = &d->groups[group];
	uint32_t h = (uint32_t)group * 131 + remote->family;
	unsigned most = (unsigned)(8 * addr_len(remote));

	/* A group may be of longer addresses: this packet is none of its. */
	h = hash_bits(h, remote, g->remote_bits < most ? g->remote_bits : most);
	h = hash_bits(h, local, g->local_bits < most ? g->local_bits : most);
	return (h & (d->n_heads - 1));
}

/* Reserves room for ${want} pairs of prefix lengths. */
static int
make_room(struct spd *d, size_t want)
{
	size_t heads = 64;
	void *p;

	while (heads < 2 * want)
		heads *= 2;
	if (want > d->cap_ways) {
		if ((p = realloc(d->ways, want * sizeof(*d->ways))) == NULL)
			return (-1);
		d->ways = p;
		if ((p = realloc(d->groups, want * sizeof(*d->groups))) == NULL)
			return (-1);
		d->groups = p;
		d->cap_ways = want;
	}
	if (heads != d->n_heads) {
		if ((p = realloc(d->heads, heads * sizeof(*d->heads))) == NULL)
			return (-1);
		d->heads = p;
		d->n_heads = heads;
	}
	memset(d->heads, 0, d->n_heads * sizeof(*d->heads));
	return (0);
}

static void
list(struct spd *d, struct esp_pair *const *pairs, size_t n)
{
	struct spd_way *w;
	struct esp_sa *sa;

	for (size_t i = 0; i < n; i++) {
		sa = &pairs[i]->out;
		for (size_t r = 0; r < sa->n_dst_ts; r++)
			for (size_t l = 0; l < sa->n_src_ts; l++) {
				w = &d->ways[d->n_ways++];
				*w = (struct spd_way){ .local = sa->src_ts[l], .remote = sa->dst_ts[r], .sa = sa };
				w->narrow = shared_bits(&w->remote) * 1024 +
				    shared_bits(&w->local) * 4 + (w->remote.proto != 0) +
				    (w->remote.port_end != 0 || w->local.port_end != 0);
			}
	}
}

int
spd_make(struct spd *d, struct esp_pair *const *pairs, size_t n)
{
	size_t i, h, want = 0;
	struct spd_way *w;

	for (i = 0; i < n; i++)
		want += pairs[i]->out.n_src_ts * pairs[i]->out.n_dst_ts;
	d->n_ways = d->n_groups = 0;
	if (make_room(d, want) != 0)
		return (-1);
	list(d, pairs, n);
	if (d->n_ways > 1)
		qsort(d->ways, d->n_ways, sizeof(*d->ways), way_cmp);
	for (i = 0; i < d->n_ways; i++) {
		w = &d->ways[i];
		if (i == 0 || w->narrow / 4 != w[-1].narrow / 4)
			d->groups[d->n_groups++] = (struct spd_group){ w->narrow / 1024,
			    w->narrow % 1024 / 4 };
		w->group = (uint32_t)d->n_groups - 1;
	}
	/* From the end, so that each chain is in order. */
	for (i = d->n_ways; i-- > 0; ) {
		w = &d->ways[i];
		h = hash(d, w->group, &w->remote.first, &w->local.first);
		w->next = d->heads[h];
		d->heads[h] = (uint32_t)i + 1;
	}
	return (0);
}

struct spd_way *
spd_next(const struct spd *d, const struct inner *in, struct spd_walk *at)
{
	struct spd_way *w;

	for (;;) {
		while (at->next != 0) {
			w = &d->ways[at->next - 1];
			at->next = w->next;
			if (w->group == at->group)
				return (w);
		}
		if (at->begun)
			at->group++;
		at->begun = true;
		if (at->group >= d->n_groups)
			return (NULL);
		at->next = d->heads[hash(d, at->group, &in->dst, &in->src)];
	}
}
