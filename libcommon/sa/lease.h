/*
 * Leases of inner addresses: a pool of addresses of one family, and who had which. An owner gets the same address again
 * as long as there are others that nobody ever had.
 */
#ifndef SAPIPE_SA_LEASE_H
#define SAPIPE_SA_LEASE_H

#include "base/addr.h"
#include "base/fault.h"
#include "sa/record.h"

#define POOL_MAX	65536	/* addresses */
#define POOL_LEASE_S	604800	/* of a lease that is not in use, by default: a week */

struct pool;

/*
 * The addresses of ${range}, and a lease time of POOL_LEASE_S. Network and broadcast address of an IPv4 range that is a
 * prefix shorter than /31 are left out, and the first address of an IPv6 prefix shorter than /127 (the routers'). Of more
 * than POOL_MAX IPv6 addresses the first ones are used. The pool has one reference. NULL with FAULT_CONFIG (more than
 * POOL_MAX IPv4 addresses) or FAULT_MEMORY.
 */
struct pool *pool_new(const struct selector *range, struct fault *f);
struct pool *pool_ref(struct pool *p);	/* one more reference to ${p}; returns it */
void pool_free(struct pool *p);		/* gives a reference back; NULL is fine */
const struct selector *pool_range(const struct pool *p);
/* Seconds after which a lease that is not in use expires. */
void pool_set_lease_time(struct pool *p, uint64_t seconds);
uint64_t pool_lease_time(const struct pool *p);

/*
 * An address for ${owner}, in ${out}; ${epoch} is the time in seconds. Its lease of ${wanted} (family 0: none), else
 * ${wanted} if nobody has a lease of it that has not expired, else the address it had last, else one that nobody had, else
 * the one that is free for the longest time. An address in use is shared only by the same ${owner} at the same ${peer}, whose
 * SA before is being replaced. 0, or -1 with FAULT_PROTOCOL: all are in use, and ${f} names the pool; or FAULT_MEMORY.
 */
int pool_lease(struct pool *p, uint64_t epoch, const char *owner, const char *peer, const struct addr *wanted,
    struct addr *out, struct fault *f);
/* One use more of ${a}, which is in use, such as a child SA. False: it is not in use, or none of the pool. */
bool pool_keep(struct pool *p, const struct addr *a);
/* One use of ${a} has ended; the lease stays until it expires. Does nothing for an address that is not in use. */
void pool_release(struct pool *p, uint64_t epoch, const struct addr *a);
/* Leases in use, and addresses of the pool. */
void pool_count(const struct pool *p, uint32_t *in_use, uint32_t *all);

/* --- leases that outlive the process; the caller stores them --- */

struct pool_entry {
	struct addr	 addr;
	const char	*owner;		/* of the pool */
	uint64_t	 used;		/* epoch seconds of its last use */
	uint32_t	*slot;		/* the caller's own, 0 at first; valid until the pool changes */
};
/* The next lease that has changed since it was returned last. False: none. */
bool pool_changed(struct pool *p, struct pool_entry *e);
/*
 * A lease from a store; its ${used} and ${slot} are as they were in its entry. 0; 1: its address is none of the pool, or has
 * a lease already; -1: no memory.
 */
int pool_restore(struct pool *p, const struct addr *a, const char *owner, uint64_t used, uint32_t slot);

#endif
