/* SipHash with 2 rounds a word and 4 at the end. */
#include "base/siphash.h"

#include <string.h>

static uint64_t
left(uint64_t x, unsigned n)
{
	return (x << n | x >> (64 - n));
}

static uint64_t
get_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return (v);
}

static void
rounds(uint64_t v[4], unsigned n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = left(v[1], 13) ^ v[0];
		v[3] = left(v[3], 16) ^ v[2];
		v[0] = left(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = left(v[1], 17) ^ v[2];
		v[3] = left(v[3], 21) ^ v[0];
		v[2] = left(v[2], 32);
	}
}

uint64_t
siphash(const void *data, size_t len, const uint8_t key[16])
{
	uint64_t k0 = get_le64(key), k1 = get_le64(key + 8), word;
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
	    k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL };
	const uint8_t *p = data;
	uint8_t last[8] = {0};
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		word = get_le64(p + i);
		v[3] ^= word;
		rounds(v, 2);
		v[0] ^= word;
	}
	if (len > i)
		memcpy(last, p + i, len - i);
	last[7] = (uint8_t)len;
	word = get_le64(last);
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
	v[2] ^= 0xff;
	rounds(v, 4);
	return (v[0] ^ v[1] ^ v[2] ^ v[3]);
}
