/* Which holder serves which SPIs and cookies. */
#include "port/port_table.h"

#include <stdlib.h>
#include <sys/random.h>

struct serve_key
serve_key_new(const struct addr *remote)
{
	struct serve_key k = serve_key_spi(0, remote);

	k.b[0] = SERVE_NEW;
	return (k);
}

struct serve_key
serve_key_cookies(const uint8_t cky_i[8], const uint8_t cky_r[8])
{
	struct serve_key k = { .b = { SERVE_COOKIES } };

	memcpy(k.b + 8, cky_i, 8);
	memcpy(k.b + 16, cky_r, 8);
	return (k);
}

struct serve_key
serve_key_spi(uint32_t spi, const struct addr *local)
{
	struct serve_key k = { .b = { SERVE_SPI } };

	put_be32(k.b + 4, spi);
	if (local != NULL && addr_len(local) > 0) {
		k.b[1] = local->family;
		memcpy(k.b + 8, local->b, addr_len(local));
	}
	return (k);
}

bool
serve_key_valid(const struct serve_key *k)
{
	static const uint8_t zero[SERVE_KEY];
	size_t used;

	if (k->b[2] != 0 || k->b[3] != 0)
		return (false);
	switch (k->b[0]) {
	case SERVE_NEW:
		if (memcmp(k->b + 4, zero, 4) != 0)
			return (false);
		break;
	case SERVE_COOKIES:
		return (k->b[1] == 0 && memcmp(k->b + 4, zero, 4) == 0 &&
		    memcmp(k->b + 8, zero, 8) != 0);
	case SERVE_SPI:
		break;
	default:
		return (false);
	}
	used = k->b[1] == 0 ? 8 : k->b[1] == 4 ? 12 : SERVE_KEY;
	return ((k->b[1] == 0 || k->b[1] == 4 || k->b[1] == 6) &&
	    memcmp(k->b + used, zero, SERVE_KEY - used) == 0);
}

/* Where ${k} is, or the free slot where it would go. */
static size_t
slot_of(const struct serve_table *t, const struct serve_key *k)
{
	uint64_t h = t->seed;
	size_t i;

	for (i = 0; i < SERVE_KEY; i += 8) {
		h = (h ^ get_be64(k->b + i)) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	for (i = (size_t)h & (t->cap - 1); t->slot[i].b[0] != 0; i = (i + 1) & (t->cap - 1))
		if (memcmp(t->slot[i].b, k->b, SERVE_KEY) == 0)
			break;
	return (i);
}

static int
grow(struct serve_table *t)
{
	struct serve_table big = { .cap = t->cap == 0 ? 16 : 2 * t->cap, .n = t->n, .seed = t->seed };
	size_t i;

	if (big.seed == 0 && getrandom(&big.seed, sizeof(big.seed), 0) != sizeof(big.seed))
		big.seed = (uintptr_t)t;
	if ((big.slot = calloc(big.cap, sizeof(*big.slot))) == NULL)
		return (-1);
	for (i = 0; i < t->cap; i++)
		if (t->slot[i].b[0] != 0)
			big.slot[slot_of(&big, &t->slot[i])] = t->slot[i];
	free(t->slot);
	*t = big;
	return (0);
}

int
serve_put(struct serve_table *t, const struct serve_key *k)
{
	size_t i;

	if (serve_has(t, k))
		return (0);
	/* Three quarters full at most: two look-ups of a key that is not there then touch a line or two. */
	if (t->n >= SERVE_MAX || (4 * (t->n + 1) > 3 * t->cap && grow(t) != 0))
		return (-1);
	i = slot_of(t, k);
	t->slot[i] = *k;
	t->n++;
	return (1);
}

bool
serve_drop(struct serve_table *t, const struct serve_key *k)
{
	struct serve_key moved;
	size_t i;

	if (!serve_has(t, k))
		return (false);
	i = slot_of(t, k);
	t->slot[i] = (struct serve_key){0};
	t->n--;
	/* Keys behind the hole may have been displaced by it: insert them again. */
	for (i = (i + 1) & (t->cap - 1); t->slot[i].b[0] != 0; i = (i + 1) & (t->cap - 1)) {
		moved = t->slot[i];
		t->slot[i] = (struct serve_key){0};
		t->slot[slot_of(t, &moved)] = moved;
	}
	return (true);
}

bool
serve_has(const struct serve_table *t, const struct serve_key *k)
{
	return (t->n > 0 && t->slot[slot_of(t, k)].b[0] != 0);
}

void
serve_clear(struct serve_table *t)
{
	free(t->slot);
	*t = (struct serve_table){0};
}

size_t
serve_list(const struct serve_table *t, size_t *at, struct serve_key *out, size_t max)
{
	size_t n = 0;

	for (; *at < t->cap && n < max; (*at)++)
		if (t->slot[*at].b[0] != 0)
			out[n++] = t->slot[*at];
	return (n);
}

bool
serve_wants_ike(const struct serve_table *t, const uint8_t *cookies)
{
	static const uint8_t zero[8];
	struct serve_key k = serve_key_cookies(cookies, cookies + 8);

	if (t->n == 0)
		return (false);
	if (serve_has(t, &k))
		return (true);
	k = serve_key_cookies(cookies, zero);
	return (serve_has(t, &k));
}

unsigned
serve_rank_new(const struct serve_table *t, const struct addr *remote)
{
	struct serve_key k = serve_key_new(remote);

	if (serve_has(t, &k))
		return (2);
	k = serve_key_new(NULL);
	return (serve_has(t, &k) ? 1 : 0);
}

bool
serve_wants_esp(const struct serve_table *t, uint32_t spi, const struct addr *local)
{
	struct serve_key k = serve_key_spi(spi, local);

	if (t->n == 0)
		return (false);
	if (serve_has(t, &k))
		return (true);
	k = serve_key_spi(spi, NULL);
	return (serve_has(t, &k));
}
