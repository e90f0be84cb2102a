/* Samples of what comes in by a tunnel and leaves by it. */
#include "gre/sampler.h"

#include <stdlib.h>

#include "base/siphash.h"

struct pair {
	uint64_t	hash;		/* of both addresses; 0: free */
	struct addr	nbma;
	uint64_t	in_ms, sampled_ms;	/* sampled_ms 0: never */
};

struct sampler {
	uint8_t		key[16];
	uint64_t	second;		/* of the samples counted in ${n} */
	unsigned	n;
	struct pair	pairs[SAMPLER_PAIRS];
};

struct sampler *
sampler_new(const uint8_t key[16])
{
	struct sampler *s = calloc(1, sizeof(*s));

	if (s != NULL)
		memcpy(s->key, key, sizeof(s->key));
	return (s);
}

void
sampler_free(struct sampler *s)
{
	free(s);
}

static uint64_t
hash_of(const struct sampler *s, const struct addr *src, const struct addr *dst)
{
	uint8_t both[33];

	memset(both, 0, sizeof(both));
	both[0] = src->family;
	memcpy(both + 1, src->b, addr_len(src));
	memcpy(both + 17, dst->b, addr_len(dst));
	return (siphash(both, sizeof(both), s->key) | 1);
}

void
sampler_in(struct sampler *s, const struct addr *src, const struct addr *dst, const struct addr *nbma, uint64_t now_ms)
{
	uint64_t hash = hash_of(s, src, dst);
	struct pair *p = &s->pairs[hash >> 32 & (SAMPLER_PAIRS - 1)];

	if (p->hash != hash)
		*p = (struct pair){ .hash = hash };
	p->nbma = *nbma;
	p->in_ms = now_ms;
}

bool
sampler_out(struct sampler *s, const struct addr *src, const struct addr *dst, uint64_t now_ms, struct addr *nbma)
{
	uint64_t hash = hash_of(s, src, dst);
	struct pair *p = &s->pairs[hash >> 32 & (SAMPLER_PAIRS - 1)];

	if (p->hash != hash || now_ms - p->in_ms > SAMPLER_FRESH_MS ||
	    (p->sampled_ms != 0 && now_ms - p->sampled_ms < SAMPLER_PAUSE_MS))
		return (false);
	if (s->second != now_ms / 1000) {
		s->second = now_ms / 1000;
		s->n = 0;
	}
	if (s->n >= SAMPLER_RATE)
		return (false);
	s->n++;
	p->sampled_ms = now_ms;
	*nbma = p->nbma;
	return (true);
}
