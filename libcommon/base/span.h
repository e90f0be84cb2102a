/*
 * A span points to bytes that another object owns: a received datagram, a
 * buffer, a secret. It is never freed, and is valid only as long as its owner.
 */
#ifndef SAPIPE_BASE_SPAN_H
#define SAPIPE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t	*p;
	size_t		 len;
};

static inline struct span
span_of(const void *p, size_t len)
{
	return ((struct span){ p, len });
}

/* The bytes of a C string without its terminating NUL. */
static inline struct span
span_str(const char *s)
{
	return (span_of(s, strlen(s)));
}

#define SPAN_NONE	((struct span){ NULL, 0 })
/* A whole array. */
#define SPAN_ARRAY(a)	span_of((a), sizeof(a))

/* Equality of public bytes; for anything derived from a key use ct_eq(). */
static inline bool
span_eq(struct span a, struct span b)
{
	return (a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0));
}

/* Host integers to and from network byte order; the caller provides the room. */
static inline uint16_t
get_be16(const uint8_t *p)
{
	return ((uint16_t)(p[0] << 8 | p[1]));
}

static inline uint32_t
get_be32(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]);
}

static inline uint64_t
get_be64(const uint8_t *p)
{
	return ((uint64_t)get_be32(p) << 32 | get_be32(p + 4));
}

static inline void
put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}

static inline void
put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}

#endif
