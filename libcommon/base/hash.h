/*
 * A hash for tables in memory: FNV-1a over bytes, salted, with a final mix. Not for secrets: who knows the salt can
 * make collisions, so a table of keys from the wire takes one that peers do not know.
 */
#ifndef SAPIPE_BASE_HASH_H
#define SAPIPE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of ${len} bytes at ${key}. All bits of the result are usable. The hash of a first part may salt a second. */
static inline uint64_t
hash_bytes(const void *key, size_t len, uint64_t salt)
{
	const uint8_t *p = key;
	uint64_t h = salt ^ 0x9e3779b97f4a7c15ULL;

	for (; len > 0; len--, p++)
		h = (h ^ *p) * 0x100000001b3ULL;
	/* The low bits of a product depend only on the low bits of its factors: mix in the high ones. */
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return (h ^ h >> 32);
}

#endif
