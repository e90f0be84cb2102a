/* Rates: counters now and in the report before. */
#include <stdlib.h>

#include "stat.h"

static uint64_t
key_of(const struct sa_stat *s)
{
	return ((uint64_t)s->protocol << 32 | get_be32(s->spi_in));
}

static int
by_key(const void *a, const void *b)
{
	const struct stat_key *x = a, *y = b;

	return (x->key < y->key ? -1 : x->key > y->key);
}

static struct stat_rate
rate(uint64_t in, uint64_t out, uint64_t in_was, uint64_t out_was, uint64_t ms)
{
	if (ms == 0 || in < in_was || out < out_was)
		return ((struct stat_rate){0});
	return ((struct stat_rate){ true, (double)(in - in_was) * 1000 / (double)ms, (double)(out - out_was) * 1000 / (double)ms });
}

struct stat_rate
stat_rate_tun(const struct stat_before *b, const struct sa_tun_stat *now, uint64_t now_ms)
{
	if (b->at_ms == 0)
		return ((struct stat_rate){0});
	return (rate(now->in.bytes, now->out.bytes, b->tun.in.bytes, b->tun.out.bytes, now_ms - b->at_ms));
}

struct stat_rate
stat_rate_sa(const struct stat_before *b, const struct sa_stat *now, uint64_t now_ms)
{
	struct stat_key key = { .key = key_of(now) };
	const struct stat_key *was = b->n == 0 ? NULL : bsearch(&key, b->sas, b->n, sizeof(*b->sas), by_key);

	if (was == NULL)
		return ((struct stat_rate){0});
	return (rate(now->in.bytes, now->out.bytes, was->in, was->out, now_ms - b->at_ms));
}

int
stat_remember(struct stat_before *b, const struct stat_report *r, uint64_t now_ms)
{
	struct stat_key *sas = calloc(r->n + 1, sizeof(*sas));
	struct sa_stat s;

	stat_forget(b);
	if (sas == NULL)
		return (-1);
	for (size_t i = 0; i < r->n; i++) {
		stat_sa(r, i, &s);
		sas[i] = (struct stat_key){ key_of(&s), s.in.bytes, s.out.bytes };
	}
	qsort(sas, r->n, sizeof(*sas), by_key);
	*b = (struct stat_before){ .at_ms = now_ms, .tun = r->tun, .n = r->n, .sas = sas };
	return (0);
}

void
stat_forget(struct stat_before *b)
{
	free(b->sas);
	*b = (struct stat_before){0};
}
