/*
 * Claims on outbound SAs. Two senders on one record, or a restart, would repeat sequence numbers and nonces. A claim
 * is a slot of a file, see claim_slots.h; its name is a keyed fingerprint of the SA's sending keys. It records which numbers
 * have been assigned: blocks are reserved in it before their first number is used. The highest number that may have
 * been received is kept in the same way. Its holder has locked one byte of another file, at an offset that comes from the
 * fingerprint, before it looks for the slot, so two processes never make two slots for one SA. A claim needs no file and
 * no descriptor of its own. The kernel releases the locks of a process that dies.
 */
#ifndef SAPIPE_CLAIM_CLAIM_H
#define SAPIPE_CLAIM_CLAIM_H

#include <sys/types.h>

#include "base/fault.h"
#include "base/secret.h"
#include "claim/claim_slots.h"
#include "sa/record.h"

#define CLAIM_DIGEST	32
#define CLAIM_NAME	40	/* 32 hex digits and ".claim" */

#define CLAIM_BUCKETS	4096

struct claims {			/* must not be moved while it has claims */
	int		dir;		/* -1: none */
	int		lock;		/* the file of the locks; -1: not open yet */
	struct secret	key;		/* of the fingerprints, kept in the directory */
	struct claim	*held[CLAIM_BUCKETS];	/* by this process */
	struct claim	*dirty;
	struct slots	slots;
};

struct claim {			/* of one SA */
	struct claims	*c;
	uint32_t	slot;
	bool		locked;
	bool		dirty;		/* written, but not yet synced to disk */
	bool		owed;		/* ... and the reserved numbers must not be used before that */
	struct claim	*next_held, *next_dirty;
	char		name[CLAIM_NAME];
	uint64_t	expires;
	uint64_t	out_next;	/* at the start: the first number to send with */
	uint64_t	in_right;	/* at the start: this number and all below count as received */
	uint64_t	out_end, in_end;	/* numbers below these are reserved */
	uint64_t	out_block, in_block, out_ms, in_ms;	/* size and time of the last block */
	struct claim	*next;		/* the holder's */
};

/*
 * Opens the state directory ${path}, and makes it if there is none; NULL: the default one, see os/state_dir.h. -1 with
 * FAULT_PERMISSION, FAULT_SYSTEM, FAULT_CONFIG if others may write there, or FAULT_MALFORMED if its key is damaged,
 * or missing beside claims that have not expired.
 */
int claims_open(struct claims *c, const char *path, struct fault *f);
void claims_close(struct claims *c);	/* free its claims first */

/* The identity of an SA in claims: a hash of its sending keys and algorithms. 0, or -1 with FAULT_CRYPTO. */
int claim_digest(const struct sa_child *rec, uint8_t digest[CLAIM_DIGEST], struct fault *f);

/*
 * Claims the SA of ${digest}, made at ${established} and good until ${expires}, at ${now} (epoch seconds), with first
 * blocks of numbers: to be used when ${owed} is false, see claim_sync(). Waits at most a second for another holder
 * that is just ending. NULL with FAULT_CLAIMED (another process has it), FAULT_STALE_SA (no claim yet, but made
 * before this machine started: numbers may have been used), FAULT_SYSTEM, FAULT_MALFORMED (the slot of the SA is damaged, or
 * a damaged slot may be that of the SA: the used numbers are not known).
 */
struct claim *claim_take(struct claims *c, const uint8_t digest[CLAIM_DIGEST],
    uint64_t established, uint64_t expires, uint64_t now, struct fault *f);

/*
 * claim_reserve_out() reserves ${seq} and a block above it to send with; the numbers must not be used before the disk has the block
 * (${owed}). claim_reserve_in() does the same for received numbers, which need not wait for the disk. 0, or -1 with FAULT_SYSTEM.
 */
int claim_reserve_out(struct claim *cl, uint64_t seq, struct fault *f);
int claim_reserve_in(struct claim *cl, uint64_t seq, struct fault *f);

/* Syncs to disk what was written, if anything was. 0, or -1 with FAULT_SYSTEM. */
int claims_sync(struct claims *c, struct fault *f);

/*
 * Releases reserved numbers far above ${right}, so that a slow peer loses few packets after a crash. Call it when nothing was
 * received for a while. 0, or -1 with FAULT_SYSTEM.
 */
int claim_settle_in(struct claim *cl, uint64_t right, struct fault *f);
/* Whether claim_settle_in() would change anything if the numbers below ${in_end} are reserved. */
bool claim_unsettled(uint64_t in_end, uint64_t right);

/*
 * Records the last numbers and unlocks: the next holder continues with ${out_next} and rejects ${in_right} and
 * all numbers below. Then call claims_sync(), which a reboot requires, and claim_free().
 */
void claim_release(struct claim *cl, uint64_t out_next, uint64_t in_right);
/* Unlocks like a process that dies: the reserved numbers count as used. */
void claim_unlock(struct claim *cl);
void claim_free(struct claim *cl);	/* NULL is fine */

/* Removes claims that expired a day before ${now} and that no process holds. */
void claims_prune(struct claims *c, uint64_t now);

#endif
