/*
 * Inside backends/: what a worker has made of the keys that it used lately, a slot each. A slot belongs to keys by their
 * serial, so as many keys of consecutive serials as there are slots do not disturb one another. A key that is released takes
 * along what was made of it, in whatever worker that is.
 */
#ifndef SAPIPE_ESP_BACKENDS_KEY_SLOTS_H
#define SAPIPE_ESP_BACKENDS_KEY_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_slots {			/* all zero: not open */
	uint8_t		*room;		/* ${n} slots */
	_Atomic uint64_t *tag;		/* the serial of the key in each; 0: none; see key_slots.c */
	size_t		 n, size;	/* a power of two; of a slot, a multiple of 64 */
	void		(*clear)(void *slot);
	struct key_slots	*next;		/* of all workers */
};

/*
 * ${n} slots of ${size} bytes, aligned to 64 and zero. Pages exist for those that were ever used. ${clear} wipes one to zeros.
 * ${s} must stay where it is. 0, or -1: no memory.
 */
int key_slots_open(struct key_slots *s, size_t n, size_t size, void (*clear)(void *slot));
void key_slots_close(struct key_slots *s);

static inline size_t
key_slots_index(const struct key_slots *s, uint64_t serial)
{
	return (serial & (s->n - 1));
}

static inline void *
key_slots_at(const struct key_slots *s, size_t i)
{
	return (s->room + i * s->size);
}

/* Whether slot ${i} has what was made of the key ${serial}. */
static inline bool
key_slots_has(const struct key_slots *s, size_t i, uint64_t serial)
{
	return (atomic_load_explicit(&s->tag[i], memory_order_acquire) == serial);
}

/* Takes slot ${i} for the worker, which then writes to it: it has what the key before left. Ends with key_slots_done(). */
void *key_slots_take(struct key_slots *s, size_t i);
/* It belongs to the key ${serial} now; 0: it could not be made, and is cleared. */
void key_slots_done(struct key_slots *s, size_t i, uint64_t serial);

/* Clears what was made of the key ${serial}, which nobody uses any more, in all workers. */
void key_slots_forget(uint64_t serial);

#endif
