/* The NBMA addresses that a GRE device may send to: those that an SA protects. No I/O, no clock. */
#ifndef SAPIPE_GRE_GATE_H
#define SAPIPE_GRE_GATE_H

#include "base/addr.h"
#include "base/fault.h"

#define GATE_MAX	65536

struct gate {			/* all zero: empty */
	struct gate_entry { struct addr addr; unsigned source; } *list;	/* sorted by address and source */
	size_t		 n, cap;
	size_t		 last;		/* where the last look-up ended: packets come in runs */
};

/* ${source} says that an SA with ${addr} is in use. 1: no source had said so; 0: known; -1 with FAULT_MEMORY or FAULT_TOO_LARGE. */
int gate_add(struct gate *g, const struct addr *addr, unsigned source, struct fault *f);
/* ${source} says that no SA with ${addr} is in use now. True if that was the last source to name one. */
bool gate_remove(struct gate *g, const struct addr *addr, unsigned source);
/* ${source} has ended: what it has said is no longer true. */
void gate_source_over(struct gate *g, unsigned source);
/* Whether an SA with ${addr} is in use. */
bool gate_has(struct gate *g, const struct addr *addr);
void gate_free(struct gate *g);

#endif
