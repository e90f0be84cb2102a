/* Slots of workers for what is made of keys. */
#include "esp/backends/key_slots.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/scratch.h"

#define BUSY	UINT64_MAX	/* instead of a serial: a thread writes to the slot */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct key_slots *all;		/* under ${lock} */

int
key_slots_open(struct key_slots *s, size_t n, size_t size, void (*clear)(void *slot))
{
	*s = (struct key_slots){ .n = n, .size = size, .clear = clear };
	s->tag = calloc(n, sizeof(*s->tag));
	s->room = scratch_new(n * size);
	if (s->tag == NULL || s->room == NULL) {
		free(s->tag);
		scratch_free(s->room, n * size);
		*s = (struct key_slots){0};
		return (-1);
	}
	(void)pthread_mutex_lock(&lock);
	s->next = all;
	all = s;
	(void)pthread_mutex_unlock(&lock);
	return (0);
}

void
key_slots_close(struct key_slots *s)
{
	struct key_slots **at;

	if (s->room == NULL)
		return;
	(void)pthread_mutex_lock(&lock);
	for (at = &all; *at != s; )
		at = &(*at)->next;
	*at = s->next;
	(void)pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < s->n; i++)
		if (s->tag[i] != 0)
			s->clear(key_slots_at(s, i));
	scratch_free(s->room, s->n * s->size);
	free(s->tag);
	*s = (struct key_slots){0};
}

/* Another thread may be clearing it for a key that was here. */
void *
key_slots_take(struct key_slots *s, size_t i)
{
	uint64_t tag;

	do
		tag = atomic_load_explicit(&s->tag[i], memory_order_relaxed);
	while (tag == BUSY || !atomic_compare_exchange_weak_explicit(&s->tag[i], &tag, BUSY, memory_order_acquire,
	    memory_order_relaxed));
	return (key_slots_at(s, i));
}

void
key_slots_done(struct key_slots *s, size_t i, uint64_t serial)
{
	if (serial == 0)
		s->clear(key_slots_at(s, i));
	atomic_store_explicit(&s->tag[i], serial, memory_order_release);
}

void
key_slots_forget(uint64_t serial)
{
	(void)pthread_mutex_lock(&lock);
	for (struct key_slots *s = all; s != NULL; s = s->next) {
		size_t i = key_slots_index(s, serial);
		uint64_t tag = serial;

		if (!atomic_compare_exchange_strong_explicit(&s->tag[i], &tag, BUSY, memory_order_acquire, memory_order_relaxed))
			continue;
		s->clear(key_slots_at(s, i));
		atomic_store_explicit(&s->tag[i], 0, memory_order_release);
	}
	(void)pthread_mutex_unlock(&lock);
}
