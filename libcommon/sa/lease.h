/*
 * Leases of inner addresses: a pool of IPv4 addresses, and who had which. An owner gets the same address again as long
 * as there are others that nobody ever had.
 */
#ifndef SAPIPE_SA_LEASE_H
#define SAPIPE_SA_LEASE_H

#include "base/addr.h"
#include "base/fault.h"
#include "sa/record.h"

#define POOL_MAX	65536	/* addresses */

struct pool;

/*
 * The addresses of ${range}; network and broadcast address of a range that is a prefix shorter than /31 are left out.
 * NULL with FAULT_CONFIG (no IPv4, more than POOL_MAX) or FAULT_MEMORY.
 */
struct pool *pool_new(const struct selector *range, struct fault *f);
void pool_free(struct pool *p);		/* NULL is fine */

/*
 * An address for ${owner}, in ${out}: the one it had, else ${wanted} (family 0: none), else one that nobody had, else
 * the one that is free and was leased the longest time ago. An address in use is shared only by the same ${owner} at the
 * same ${peer}, whose SA before is being replaced. 0, or -1 with FAULT_PROTOCOL: all are in use; or FAULT_MEMORY.
 */
int pool_lease(struct pool *p, const char *owner, const char *peer, const struct addr *wanted, struct addr *out,
    struct fault *f);
/* One use of ${a} has ended; the lease stays. Does nothing for an address that is not in use. */
void pool_release(struct pool *p, const struct addr *a);

#endif
