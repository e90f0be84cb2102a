/*
 * A heap of deadlines: the earliest one first, of equal ones the youngest. Timers lie in the
 * caller's structs.
 */
#ifndef SAPIPE_BASE_HEAP_H
#define SAPIPE_BASE_HEAP_H

#include "base/span.h"

struct timer {			/* all zero is not set */
	uint64_t	at_ms;
	uint64_t	serial;		/* of its owner: a later one has a higher number */
	size_t		slot;		/* in the heap, from 1; 0: not set */
};

struct heap {			/* all zero is empty */
	struct timer **timer;
	size_t		 n, cap;
	uint64_t	 moved;		/* timers that were moved: for tests */
};

/*
 * Room for ${n} timers, so that heap_set() cannot fail for as many. 0, or -1: no memory.
 */
int heap_reserve(struct heap *h, size_t n);
/* Sets or moves ${t}; UINT64_MAX: removes it. Room must have been reserved. */
void heap_set(struct heap *h, struct timer *t, uint64_t at_ms);
/* Removes and returns the earliest timer if it is due at ${now_ms}; NULL: none is. */
struct timer *heap_due(struct heap *h, uint64_t now_ms);
/* When the earliest is due; UINT64_MAX: there is none. */
uint64_t heap_deadline_ms(const struct heap *h);
void heap_free(struct heap *h);

#endif
