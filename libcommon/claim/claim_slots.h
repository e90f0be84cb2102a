/*
 * The numbers of all claims of a directory, in slots of one file. Only the room claim/ uses this file. The caller holds the lock of
 * a claim while it finds, writes or releases the slot of the claim, so no other process does that. Processes that take or release
 * slots exclude each other by slots_lock(). A number in the header tells them that another process has changed the file.
 */
#ifndef SAPIPE_CLAIM_CLAIM_SLOTS_H
#define SAPIPE_CLAIM_CLAIM_SLOTS_H

#include "base/table.h"
#include "claim/claim_file.h"

#define SLOTS_FILE	"claim.slots"
#define SLOT_LEN	64
#define SLOTS_MAX	(1u << 20)
#define SLOT_NONE	UINT32_MAX

struct slot_entry {
	struct table_node node;		/* of the index, by its key */
	bool		 damaged;
};

struct slots {
	int		 fd;		/* -1: not open */
	uint64_t	 generation;	/* of the file when this process read it */
	uint64_t	 doubt;		/* see slots_doubt() */
	uint64_t	 n_damaged;	/* that ${doubt} is about */
	uint32_t	 n, next_free;	/* slots; no free one is below ${next_free} */
	uint8_t		*raw;		/* SLOT_LEN bytes of each, as read or written last */
	struct slot_entry *entries;
	struct table	 index;
};

void slots_init(struct slots *s);
void slots_close(struct slots *s);

/*
 * Opens the file in ${dir}, makes it if there is none, and locks it for this process. Waits at most 5 s for another process to
 * unlock it. 0, or -1 with FAULT_SYSTEM or FAULT_PERMISSION.
 */
int slots_lock(struct slots *s, int dir, struct fault *f);
void slots_unlock(struct slots *s);
/*
 * Reads what other processes have changed; under the lock of slots, at ${now} (epoch seconds). 0, or -1 with FAULT_SYSTEM,
 * FAULT_PERMISSION or FAULT_MEMORY.
 */
int slots_refresh(struct slots *s, uint64_t now, struct fault *f);
/* Whether the file is unchanged since it was read: then no slot needs a refresh. */
bool slots_fresh(const struct slots *s);

/*
 * Finds the slot of claim ${name}: its index in ${*slot}, its numbers in ${*n}. 1; 0: there is none; -1 with FAULT_MALFORMED or
 * FAULT_SYSTEM.
 */
int slots_find(struct slots *s, const char *name, uint32_t *slot, struct claim_numbers *n, struct fault *f);
/*
 * The time (epoch seconds) at which damaged slots were last found: an SA without a slot that was established before it may have had
 * one of them. 0: no slot was damaged.
 */
uint64_t slots_doubt(const struct slots *s);

/* Writes ${n} to the slot of claim ${name}. 0, or -1 with FAULT_SYSTEM. The disk has it after slots_sync(). */
int slots_put(struct slots *s, uint32_t slot, const char *name, const struct claim_numbers *n, struct fault *f);
/* The same in a new slot. Call it under the lock of slots, after a refresh. Waits for the disk if the file must grow. */
int slots_new(struct slots *s, uint32_t *slot, const char *name, const struct claim_numbers *n, struct fault *f);
int slots_sync(struct slots *s, struct fault *f);

/*
 * Releases the slots whose SA expired a day before ${now} and that ${take} can lock; ${give} unlocks them. Both get ${ctx}. Call it
 * under the lock of slots, after a refresh.
 */
void slots_prune(struct slots *s, uint64_t now, bool (*take)(void *ctx, const char *name),
    void (*give)(void *ctx, const char *name), void *ctx);
/* Whether slots in ${dir} may still be needed at ${now}: some are damaged, or their SA has not expired a day before. */
bool slots_are_live(int dir, uint64_t now);

#endif
