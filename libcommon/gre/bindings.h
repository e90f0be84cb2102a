/* The bindings that a GRE device has been told of, and the neighbours and routes that come of them. No I/O, no clock. */
#ifndef SAPIPE_GRE_BINDINGS_H
#define SAPIPE_GRE_BINDINGS_H

#include "base/fault.h"
#include "gre/neigh.h"
#include "net/route.h"
#include "sa/record.h"

#define BINDINGS_MAX	16384

struct binding {
	struct sa_nhrp_binding rec;
	uint64_t	serial;		/* of its last record */
};

struct bindings {		/* all zero: empty */
	struct binding	*list;		/* sorted by network */
	size_t		 n, cap;
	uint64_t	 serial;
};

enum bindings_change { BINDINGS_SAME, BINDINGS_NEW, BINDINGS_CHANGED, BINDINGS_GONE };

/*
 * Applies ${rec} at ${now} (epoch seconds): adds, replaces, or removes (holding time 0, or expired). Returns an enum bindings_change, or
 * -1 with FAULT_BAD_RECORD (sa_binding_valid()), FAULT_TOO_LARGE (BINDINGS_MAX) or FAULT_MEMORY.
 */
int bindings_apply(struct bindings *b, const struct sa_nhrp_binding *rec, uint64_t now, struct fault *f);

/* The binding with the identity of ${rec}, until the next change; NULL: there is none. */
const struct sa_nhrp_binding *bindings_find(const struct bindings *b, const struct sa_nhrp_binding *rec);

/* Removes what has expired at ${now}; ${gone} (may be NULL) is called for each. Returns how many. */
size_t bindings_expire(struct bindings *b, uint64_t now, void (*gone)(void *ctx, const struct sa_nhrp_binding *rec), void *ctx);
/* When the next one expires: epoch seconds, UINT64_MAX: never. */
uint64_t bindings_next(const struct bindings *b);

/*
 * What they ask for: at most ${b}->n routes and neighbours. Those with the NBMA address ${own} (family 0: not known) are this end's own.
 * Bindings of the kinds local and negative ask for nothing.
 */
void bindings_want(const struct bindings *b, const struct addr *own, struct route *routes, size_t *n_routes, struct neigh *neighs,
    size_t *n_neighs);

void bindings_free(struct bindings *b);

#endif
