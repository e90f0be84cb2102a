/*
 * The one type for key material. Its bytes lie in libcrypto's secure heap:
 * locked in memory, left out of core dumps, wiped when released. A plain
 * uint8_t[] is for public bytes, so a reader sees where keys are.
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
 * Returns 0, or -1 if the memory could not be locked: secrets then still
 * work and are wiped, but may reach swap. Calling it again is harmless.
 */
int secret_init(void);
/* Bytes of the heap that are free, if not in one piece. */
size_t secret_room(void);

/*
 * Releases what ${s} holds and gives it ${len} fresh bytes (zeroed) to be
 * filled through ${s}->p. Returns ${s}->p, or NULL if memory is short or
 * ${len} exceeds SECRET_MAX (${s} is then empty). ${len} 0 leaves it empty and
 * returns a non-NULL pointer that must not be written to.
 */
uint8_t *secret_make(struct secret *s, size_t len);

/* Replaces ${s} by a copy of ${v}, which may lie inside ${s}. 0, or -1 as above. */
int secret_set(struct secret *s, struct span v);

/* Cuts ${s} to its first ${len} bytes (at most its length); the rest is wiped. */
void secret_cut(struct secret *s, size_t len);

/* Moves ${from} to ${to}, which is released first; ${from} becomes empty. */
void secret_move(struct secret *to, struct secret *from);

/* Wipes and releases; harmless on an empty secret. */
void secret_free(struct secret *s);

static inline struct span
secret_span(const struct secret *s)
{
	return (span_of(s->p, s->len));
}

/* Wipes bytes in a way that the compiler keeps. */
void wipe(void *p, size_t len);

/* Equality in time that depends on the lengths alone. */
bool ct_eq(struct span a, struct span b);

#endif
