/* Statistics of ESP and AH by SPI, without keys. */
#include "esp/watch.h"

#include <stdlib.h>

#define BUCKETS		4096	/* a power of two */
#define WRAP		0x80000000U	/* a number so far below the highest starts again */

struct watch {
	size_t			 n;
	uint64_t		 others;
	struct watch_flow	*flows[WATCH_FLOWS];
	struct watch_flow	*bucket[BUCKETS];
	struct watch_flow	*latest;	/* most packets belong to the flow before */
};

struct watch *
watch_new(void)
{
	return (calloc(1, sizeof(struct watch)));
}

void
watch_free(struct watch *w)
{
	size_t i;

	for (i = 0; w != NULL && i < w->n; i++)
		free(w->flows[i]);
	free(w);
}

static bool
is(const struct watch_flow *f, uint8_t proto, uint32_t spi, const struct endpoint *dst)
{
	return (f->proto == proto && get_be32(f->spi) == spi &&
	    addr_cmp(&f->dst.addr, &dst->addr) == 0);
}

static struct watch_flow *
find(struct watch *w, uint8_t proto, const uint8_t spi[4], const struct endpoint *dst)
{
	uint32_t num = get_be32(spi), h = num * 2654435761U >> 20;
	struct watch_flow *f = w->latest;

	if (f != NULL && is(f, proto, num, dst))
		return (f);
	for (f = w->bucket[h % BUCKETS]; f != NULL; f = f->chain)
		if (is(f, proto, num, dst))
			return (f);
	if (w->n == WATCH_FLOWS || (f = calloc(1, sizeof(*f))) == NULL)
		return (NULL);
	f->proto = proto;
	memcpy(f->spi, spi, 4);
	f->dst = *dst;
	replay_init(&f->window, REPLAY_MAX, false);
	f->chain = w->bucket[h % BUCKETS];
	w->bucket[h % BUCKETS] = f;
	w->flows[w->n++] = f;
	return (f);
}

static void
add_gap(struct watch_flow *f, uint32_t from, uint32_t to)
{
	if (f->n_gaps == WATCH_GAPS) {
		f->gaps_cut = true;
		return;
	}
	f->gap[f->n_gaps].from = from;
	f->gap[f->n_gaps++].to = to;
}

/* ${seq} has come after all. */
static void
fill_gap(struct watch_flow *f, uint32_t seq)
{
	unsigned i;
	uint32_t to;

	for (i = 0; i < f->n_gaps; i++) {
		if (seq < f->gap[i].from || seq > f->gap[i].to)
			continue;
		to = f->gap[i].to;
		if (seq == f->gap[i].from)
			f->gap[i].from++;
		else if (seq == to)
			f->gap[i].to--;
		else {
			f->gap[i].to = seq - 1;
			add_gap(f, seq + 1, to);
		}
		if (f->gap[i].from > f->gap[i].to)
			f->gap[i] = f->gap[--f->n_gaps];
		return;
	}
}

static void
count(struct watch_flow *f, uint32_t seq)
{
	uint64_t full;

	if (f->distinct > 0 && seq != 0 && seq < f->high && f->high - seq > WRAP) {
		f->wraps++;
		f->n_gaps = 0;
		f->distinct = 0;
		f->low = f->high = seq;
		replay_init(&f->window, REPLAY_MAX, false);
	}
	if (seq == 0) {
		f->zeros++;
		return;
	}
	if (!replay_see(&f->window, seq, &full)) {
		if (f->high - seq >= REPLAY_MAX)
			f->late++;
		else
			f->replays++;
		return;
	}
	if (f->distinct++ == 0) {
		f->low = f->high = seq;
		return;
	}
	if (seq > f->high) {
		if (seq > f->high + 1)
			add_gap(f, f->high + 1, seq - 1);
		f->high = seq;
		return;
	}
	f->reordered++;
	if (seq < f->low) {
		if (seq + 1 < f->low)
			add_gap(f, seq + 1, f->low - 1);
		f->low = seq;
	} else
		fill_gap(f, seq);
}

struct watch_flow *
watch_take(struct watch *w, uint8_t proto, const uint8_t spi[4], uint32_t seq,
    const struct endpoint *src, const struct endpoint *dst, size_t len, uint64_t time_us)
{
	struct watch_flow *f = find(w, proto, spi, dst);

	if (f == NULL) {
		w->others++;
		return (NULL);
	}
	w->latest = f;
	f->src = *src;
	f->dst = *dst;
	f->bytes += len;
	f->last_us = time_us;
	if (f->packets++ == 0) {
		f->first_us = time_us;
		f->first = seq;
	}
	count(f, seq);
	return (f);
}

uint64_t
watch_missing(const struct watch_flow *f)
{
	uint64_t span = (uint64_t)f->high - f->low + 1;

	/* Late packets may or may not be among the missing ones. */
	return (f->distinct == 0 || span <= f->distinct ? 0 : span - f->distinct);
}

const struct watch_flow *
watch_flow(const struct watch *w, size_t i)
{
	return (i < w->n ? w->flows[i] : NULL);
}

uint64_t
watch_others(const struct watch *w)
{
	return (w->others);
}
