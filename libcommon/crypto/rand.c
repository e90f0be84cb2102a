/* Random bytes from libcrypto, or derived from a seed. */
#include "crypto/crypto.h"

#include <limits.h>

#include <openssl/rand.h>

static int
fill_system(void *state, uint8_t *p, size_t n)
{
	(void)state;
	if (n > INT_MAX)
		return (-1);
	/* The private generator: the bytes become keys as well as nonces. */
	return (RAND_priv_bytes(p, (int)n) == 1 ? 0 : -1);
}

const struct rand rand_system = { fill_system, NULL };

/* Blocks of SHA-256(seed | counter); each call starts with a new block. */
static int
fill_seeded(void *state, uint8_t *p, size_t n)
{
	struct rand_seed *s = state;
	uint8_t count[8], block[HASH_MAX];
	struct span parts[] = { SPAN_ARRAY(s->seed), SPAN_ARRAY(count) };
	size_t take;
	int rc = 0;

	for (; n > 0 && rc == 0; p += take, n -= take) {
		put_be64(count, s->counter++);
		take = n < 32 ? n : 32;
		if ((rc = hash_parts(alg_hash_word("sha256"), block, parts, 2, NULL)) == 0)
			memcpy(p, block, take);
	}
	wipe(block, sizeof(block));
	return (rc);
}

static int
fill_broken(void *state, uint8_t *p, size_t n)
{
	(void)state, (void)p, (void)n;
	return (-1);
}

struct rand
rand_seeded(struct rand_seed *state, struct span seed)
{
	uint8_t digest[HASH_MAX];

	*state = (struct rand_seed){0};
	if (hash_parts(alg_hash_word("sha256"), digest, &seed, 1, NULL) == -1)
		return ((struct rand){ fill_broken, NULL });
	memcpy(state->seed, digest, sizeof(state->seed));
	wipe(digest, sizeof(digest));
	return ((struct rand){ fill_seeded, state });
}
