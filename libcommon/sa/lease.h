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
 * the one whose lease is oldest. ${used} says whether an address is in use. 0, or -1 with FAULT_PROTOCOL: all are in
 * use; or FAULT_MEMORY.
 */
int pool_lease(struct pool *p, const char *owner, const struct addr *wanted, bool (*used)(void *ctx, const struct addr *a),
    void *ctx, struct addr *out, struct fault *f);

#endif
