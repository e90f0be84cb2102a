/*
 * Claims on outbound SAs. Two senders on one record, or a restart, would repeat sequence numbers and nonces. A claim
 * is a slot of a file, see claim_slots.h; its name is a keyed fingerprint of the SA's sending keys. It records which numbers
 * have been assigned: blocks are reserved in it before their first number is used. The highest number that may have
 * been received is kept in the same way. Its holder has locked one byte of another file, at an offset that comes from the
 * fingerprint, before it looks for the slot: two processes never make two slots for one SA. So a claim costs no file and
 * no descriptor; the kernel releases the locks of a process that dies.
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

struct claims {			/* stays where it is while it has claims */
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
	bool		owed;		/* ... and until then the reserved numbers must not be used */
	struct claim	*next_held, *next_dirty;
	char		name[CLAIM_NAME];
	uint64_t	expires;
	uint64_t	out_next;	/* at the start: send with this and above */
	uint64_t	in_right;	/* at the start: all up to this counts as received */
	uint64_t	out_end, in_end;	/* numbers below these are reserved */
	uint64_t	out_block, in_block, out_ms, in_ms;	/* size and time of the last block */
	struct claim	*next;		/* the holder's */
};

/*
 * Opens the state directory ${path}, making it; NULL: the default one, see os/state_dir.h. -1 with
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
 * before this machine started: numbers may have been used), FAULT_SYSTEM, FAULT_MALFORMED (its slot is damaged, or may be one
 * of those that are: what was used is not known).
 */
struct claim *claim_take(struct claims *c, const uint8_t digest[CLAIM_DIGEST],
    uint64_t established, uint64_t expires, uint64_t now, struct fault *f);

/*
 * Makes ${seq} and a block above it usable: to send with, once the disk has it (${owed}); to
 * accept, for which nothing waits. 0, or -1 with FAULT_SYSTEM.
 */
int claim_reserve_out(struct claim *cl, uint64_t seq, struct fault *f);
int claim_reserve_in(struct claim *cl, uint64_t seq, struct fault *f);

/* Waits for the disk with all that was written, if there is something to wait for. 0, or -1 with FAULT_SYSTEM. */
int claims_sync(struct claims *c, struct fault *f);

/*
 * When nothing was received for a while: releases numbers reserved far above ${right}, so that a slow
 * peer loses few packets after a crash. 0, or -1 with FAULT_SYSTEM.
 */
int claim_settle_in(struct claim *cl, uint64_t right, struct fault *f);
/* Whether that would change anything where numbers below ${in_end} are reserved. */
bool claim_unsettled(uint64_t in_end, uint64_t right);

/*
 * Records the last numbers and unlocks: the next holder continues with ${out_next} and refuses
 * all up to ${in_right}. For a reboot call claims_sync() then, and claim_free().
 */
void claim_release(struct claim *cl, uint64_t out_next, uint64_t in_right);
/* Unlocks as a process does that dies: the reserved numbers count as used. */
void claim_unlock(struct claim *cl);
void claim_free(struct claim *cl);	/* NULL is fine */

/* Removes claims that expired a day before ${now} and that no process holds. */
void claims_prune(struct claims *c, uint64_t now);

#endif
