/*
 * Leases that outlive the process: a text file in the state directory, in which each lease has a line of fixed length that
 * is written in place. The file stays open, so that a process without privileges, in its sandbox, can write it.
 */
#ifndef SAPIPE_TOOL_LEASE_STORE_H
#define SAPIPE_TOOL_LEASE_STORE_H

#include "ike/ike.h"

#define LEASE_LINE	512	/* bytes, with the newline */
#define LEASE_HEAD	"sapipe leases 1"

struct lease_store;

/*
 * Opens the file of leases in the directory ${dir} (NULL: the default one, see os/state_dir.h), which is made if it is not
 * there, and gives the pools of
 * ${conf} the leases that have not expired at ${epoch}. Lines that are damaged or cut short, as after a crash, are
 * forgotten: ${*damaged} is their number. NULL with FAULT_PERMISSION, FAULT_SYSTEM, FAULT_CONFIG (others may write to the
 * directory), FAULT_CLAIMED (another process has the file), or FAULT_MALFORMED (it is no file of leases).
 */
struct lease_store *lease_store_open(const char *dir, const struct ike_conf *conf, uint64_t epoch, size_t *damaged,
    struct fault *f);
/* Stores the leases of the pools that ${conf} has now, too. 0, or -1 with FAULT_MEMORY. */
int lease_store_add(struct lease_store *s, const struct ike_conf *conf, struct fault *f);
/* Writes what has changed. 0, or -1: not all could be written; the leases themselves go on. */
int lease_store_sync(struct lease_store *s, struct fault *f);
void lease_store_close(struct lease_store *s);	/* syncs; NULL is fine */

#endif
