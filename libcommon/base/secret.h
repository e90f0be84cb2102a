/*
 * The type for key material. Its bytes are in libcrypto's secure heap, which is
 * locked in memory, excluded from core dumps, and wiped on release. A plain
 * uint8_t[] is for public bytes, so a reader of the code sees where keys are.
 */
#ifndef SAPIPE_BASE_SECRET_H
#define SAPIPE_BASE_SECRET_H

#include "base/span.h"

#define SECRET_MAX	(64 * 1024)	/* bytes in one secret */

struct secret {			/* all zero is an empty secret */
	uint8_t	*p;
	size_t	 len;
};

/*
 * Sets up the locked heap; once per process, before the first secret.
 * Returns 0, or -1 if the memory could not be locked. Secrets then still
 * work and are wiped, but may be swapped out. May be called again.
 */
int secret_init(void);
/* Free bytes of the heap, possibly fragmented. */
size_t secret_room(void);

/*
 * Releases the bytes of ${s} and allocates ${len} zeroed bytes, which the caller
 * fills through ${s}->p. Returns ${s}->p, or NULL if there is no memory or
 * ${len} exceeds SECRET_MAX (${s} is then empty). ${len} 0 leaves it empty and
 * returns a non-NULL pointer that must not be written to.
 */
uint8_t *secret_make(struct secret *s, size_t len);

/* Replaces ${s} by a copy of ${v}, which may be inside ${s}. 0, or -1 as above. */
int secret_set(struct secret *s, struct span v);

/* Truncates ${s} to its first ${len} bytes (at most its length) and wipes the rest. */
void secret_cut(struct secret *s, size_t len);

/* Moves ${from} to ${to}, which is released first; ${from} becomes empty. */
void secret_move(struct secret *to, struct secret *from);

/* Wipes and releases; does nothing for an empty secret. */
void secret_free(struct secret *s);

static inline struct span
secret_span(const struct secret *s)
{
	return (span_of(s->p, s->len));
}

/* Wipes bytes; the compiler cannot remove this. */
void wipe(void *p, size_t len);

/* Equality in constant time: it depends only on the lengths. */
bool ct_eq(struct span a, struct span b);

#endif
