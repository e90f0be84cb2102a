/* A heap of deadlines, as a binary tree in an array. */
#include "base/heap.h"

#include <stdlib.h>

int
heap_reserve(struct heap *h, size_t n)
{
	struct timer **more;
	size_t cap = h->cap > 0 ? h->cap : 16;

	while (cap < n)
		cap += cap / 4;		/* thousands of timers: little that none uses */
	if (cap == h->cap)
		return (0);
	if ((more = realloc(h->timer, cap * sizeof(struct timer *))) == NULL)
		return (-1);
	h->timer = more;
	h->cap = cap;
	return (0);
}

static bool
before(const struct timer *a, const struct timer *b)
{
	return (a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->serial > b->serial));
}

static void
place(struct heap *h, size_t slot, struct timer *t)
{
	h->timer[slot - 1] = t;
	t->slot = slot;
	h->moved++;
}

/* Puts ${t}, for which ${slot} is free, where it belongs. */
static void
settle(struct heap *h, size_t slot, struct timer *t)
{
	size_t child;

	while (slot > 1 && before(t, h->timer[slot / 2 - 1])) {
		place(h, slot, h->timer[slot / 2 - 1]);
		slot /= 2;
	}
	while ((child = 2 * slot) <= h->n) {
		if (child < h->n && before(h->timer[child], h->timer[child - 1]))
			child++;
		if (!before(h->timer[child - 1], t))
			break;
		place(h, slot, h->timer[child - 1]);
		slot = child;
	}
	place(h, slot, t);
}

static void
take_out(struct heap *h, struct timer *t)
{
	struct timer *last = h->timer[h->n - 1];
	size_t slot = t->slot;

	t->slot = 0;
	h->n--;
	if (last != t)
		settle(h, slot, last);
}

void
heap_set(struct heap *h, struct timer *t, uint64_t at_ms)
{
	if (t->slot != 0 && t->at_ms == at_ms)
		return;
	if (t->slot != 0)
		take_out(h, t);
	t->at_ms = at_ms;
	if (at_ms != UINT64_MAX) {
		h->n++;
		settle(h, h->n, t);
	}
}

struct timer *
heap_due(struct heap *h, uint64_t now_ms)
{
	struct timer *t = h->n > 0 ? h->timer[0] : NULL;

	if (t == NULL || t->at_ms > now_ms)
		return (NULL);
	take_out(h, t);
	return (t);
}

uint64_t
heap_deadline_ms(const struct heap *h)
{
	return (h->n > 0 ? h->timer[0]->at_ms : UINT64_MAX);
}

void
heap_free(struct heap *h)
{
	free(h->timer);
	*h = (struct heap){0};
}
