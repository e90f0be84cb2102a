/*
 * A heap of deadlines: the earliest one first, of equal ones the youngest. Timers lie in the
 * caller's structs.
 */
#ifndef SAPIPE_IKE_HEAP_H
#define SAPIPE_IKE_HEAP_H

#include "base/span.h"

struct ike_timer {			/* all zero is not set */
	uint64_t	at_ms;
	uint64_t	serial;		/* of its owner: a later one has a higher number */
	size_t		slot;		/* in the heap, from 1; 0: not set */
};

struct ike_heap {			/* all zero is empty */
	struct ike_timer **timer;
	size_t		 n, cap;
	uint64_t	 moved;		/* timers that were moved: for tests */
};

/*
 * Room for ${n} timers, so that ike_heap_set() cannot fail for as many. 0, or -1: no memory.
 */
int ike_heap_reserve(struct ike_heap *h, size_t n);
/* Sets or moves ${t}; UINT64_MAX: removes it. Room must have been reserved. */
void ike_heap_set(struct ike_heap *h, struct ike_timer *t, uint64_t at_ms);
/* Removes and returns the earliest timer if it is due at ${now_ms}; NULL: none is. */
struct ike_timer *ike_heap_due(struct ike_heap *h, uint64_t now_ms);
/* When the earliest is due; UINT64_MAX: there is none. */
uint64_t ike_heap_deadline_ms(const struct ike_heap *h);
void ike_heap_free(struct ike_heap *h);

#endif
