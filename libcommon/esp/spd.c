/*
 * The policy of outbound packets, hashed. An address in a range has the prefix bits that all addresses of the range
 * share. Entries are hashed by these bits of both ends, and for each existing pair of prefix lengths (usually two or
 * three) one chain is searched. A chain is in the order of the look-up.
 */
#include "esp/spd.h"

#include <stdlib.h>

#include "esp/pair.h"

/* Pages of zeros until they are used; a table that grows later stops the packets for as long as all entries take. */
#define HEADS_FIRST	16384
#define GROUPS_MORE	16

void
spd_free(struct spd *d)
{
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

static unsigned
narrow_of(const struct selector *local, const struct selector *remote)
{
	return (shared_bits(remote) * 1024 + shared_bits(local) * 4 + (remote->proto != 0) +
	    (remote->port_end != 0 || local->port_end != 0));
}

/* Whether ${x} comes first: the narrower one, then the newer. */
static bool
before(const struct spd_way *x, const struct spd_way *y)
{
	const struct esp_pair *s = x->sa->pair, *t = y->sa->pair;

	if (x->narrow != y->narrow)
		return (x->narrow > y->narrow);
	if (s->established_ms != t->established_ms)
		return (s->established_ms > t->established_ms);
	return (esp_pair_serial(s) > esp_pair_serial(t));
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

/* The chain of entries whose ${narrow} / 4 is ${group}, and others. */
static struct spd_way **
chain(const struct spd *d, uint32_t group, const struct addr *remote, const struct addr *local)
{
	unsigned remote_bits = group / 256, local_bits = group % 256;
	unsigned most = (unsigned)(8 * addr_len(remote));
	uint32_t h = group * 131 + remote->family;

	/* A group may be of longer addresses: this packet is none of its. */
	h = hash_bits(h, remote, remote_bits < most ? remote_bits : most);
	h = hash_bits(h, local, local_bits < most ? local_bits : most);
	return (&d->heads[h & (d->n_heads - 1)]);
}

static void
link_in(struct spd *d, struct spd_way *w)
{
	struct spd_way **at = chain(d, w->narrow / 4, &spd_remote(w)->first, &spd_local(w)->first);

	while (*at != NULL && !before(w, *at))
		at = &(*at)->next;
	w->next = *at;
	if (w->next != NULL)
		w->next->at = &w->next;
	w->at = at;
	*at = w;
}

/* Room for ${more} entries. 0, or -1: no memory. */
static int
grow(struct spd *d, size_t more)
{
	size_t n = d->n_heads > 0 ? d->n_heads : HEADS_FIRST, old = d->n_heads;
	struct spd_way **heads = d->heads, *w, *next;

	while (n < (d->n_ways + more) / 2)
		n *= 4;
	if (n == old)
		return (0);
	if ((d->heads = calloc(n, sizeof(struct spd_way *))) == NULL) {
		d->heads = heads;
		return (-1);
	}
	d->n_heads = n;
	for (size_t i = 0; i < old; i++)
		for (w = heads[i]; w != NULL; w = next) {
			next = w->next;
			link_in(d, w);
		}
	free(heads);
	return (0);
}

/* ---- groups: few, so they are moved */

static size_t
group_at(const struct spd *d, uint32_t bits)
{
	size_t i = 0;

	while (i < d->n_groups && d->groups[i].bits > bits)
		i++;
	return (i);
}

static int
group_enter(struct spd *d, uint32_t bits)
{
	size_t i = group_at(d, bits);
	void *p;

	if (i == d->n_groups || d->groups[i].bits != bits) {
		if (d->n_groups == d->cap_groups) {
			if ((p = realloc(d->groups, (d->cap_groups + GROUPS_MORE) * sizeof(d->groups[0]))) == NULL)
				return (-1);
			d->groups = p;
			d->cap_groups += GROUPS_MORE;
		}
		memmove(&d->groups[i + 1], &d->groups[i], (d->n_groups - i) * sizeof(d->groups[0]));
		d->groups[i] = (struct spd_group){ bits, 0 };
		d->n_groups++;
	}
	d->groups[i].n++;
	return (0);
}

static void
group_leave(struct spd *d, uint32_t bits)
{
	size_t i = group_at(d, bits);

	if (--d->groups[i].n > 0)
		return;
	d->n_groups--;
	memmove(&d->groups[i], &d->groups[i + 1], (d->n_groups - i) * sizeof(d->groups[0]));
}

/* ---- SAs */

static int
enter(struct spd *d, struct spd_way *w)
{
	if (group_enter(d, w->narrow / 4) != 0)
		return (-1);
	link_in(d, w);
	d->n_ways++;
	return (0);
}

int
spd_add(struct spd *d, struct esp_sa *sa)
{
	size_t n = (size_t)sa->n_src_ts * sa->n_dst_ts;
	struct spd_way *w = esp_sa_ways(sa);

	if (grow(d, n) != 0)
		return (-1);
	if (n > 0)
		memset(w, 0, n * sizeof(*w));
	sa->listed = true;
	for (size_t r = 0; r < sa->n_dst_ts; r++)
		for (size_t l = 0; l < sa->n_src_ts; l++, w++) {
			*w = (struct spd_way){ .sa = sa, .narrow = narrow_of(&sa->src_ts[l], &sa->dst_ts[r]),
			    .local = (uint32_t)((uint8_t *)&sa->src_ts[l] - (uint8_t *)w),
			    .remote = (uint32_t)((uint8_t *)&sa->dst_ts[r] - (uint8_t *)w) };
			if (enter(d, w) != 0) {
				spd_remove(d, sa);
				return (-1);
			}
		}
	return (0);
}

void
spd_remove(struct spd *d, struct esp_sa *sa)
{
	struct spd_way *w = esp_sa_ways(sa);

	for (size_t n = esp_sa_ways_in(sa); n > 0 && w->at != NULL; n--, w++) {
		*w->at = w->next;
		if (w->next != NULL)
			w->next->at = w->at;
		d->n_ways--;
		group_leave(d, w->narrow / 4);
	}
	sa->listed = false;
}

/* ---- look-ups */

struct spd_way *
spd_next(const struct spd *d, const struct inner *in, struct spd_walk *at)
{
	struct spd_way *w;

	for (;;) {
		while ((w = at->next) != NULL) {
			at->next = w->next;
			if (w->narrow / 4 == d->groups[at->group].bits)
				return (w);
		}
		if (at->begun)
			at->group++;
		at->begun = true;
		if (at->group >= d->n_groups)
			return (NULL);
		at->next = *chain(d, d->groups[at->group].bits, &in->dst, &in->src);
	}
}
