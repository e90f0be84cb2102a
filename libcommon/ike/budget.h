/*
 * Work for peers that have proven little: a token bucket for each address, in a table of fixed size. An
 * address that is not in the table has a full bucket. IPv6 addresses count by their first 64 bits,
 * because one host has all addresses of such a network.
 *
 * A unit is the work of one cheap Diffie-Hellman exchange, some 2 ms. The engine has two budgets: one for addresses
 * that anybody may have forged, where a unit is also taken from one bucket for all of them, and one for those that
 * have sent a cookie of ours back.
 */
#ifndef SAPIPE_IKE_BUDGET_H
#define SAPIPE_IKE_BUDGET_H

#include "base/addr.h"
#include "base/now.h"

#define BUDGET_SLOTS	512
#define BUDGET_BURST	64	/* units of one address: four exchanges with modp8192 */
#define BUDGET_REFILL	16	/* units a second */
#define BUDGET_ALL	4	/* times as much for all forgeable addresses together */

struct ike_bucket {
	struct addr	addr;		/* family 0: unused */
	uint32_t	milli;		/* units * 1000 that are spent */
	uint64_t	at_ms;		/* when ${milli} was right */
};

struct ike_budget {			/* all zero is nothing spent */
	struct ike_bucket	slot[BUDGET_SLOTS];
	struct ike_bucket	all;
	bool			has_all;	/* ${all} counts too */
};

/* Takes ${units} of work for ${addr}. False: they are not within the budget, and nothing is taken. */
bool ike_budget_take(struct ike_budget *b, uint64_t salt, const struct addr *addr, struct now now,
    unsigned units);
/* A try of ${addr} that failed costs it a unit, which is not taken from the bucket for all. */
void ike_budget_charge(struct ike_budget *b, uint64_t salt, const struct addr *addr, struct now now);
/* Whether ${addr} has a unit left. */
bool ike_budget_left(struct ike_budget *b, uint64_t salt, const struct addr *addr, struct now now);
/* The peer at ${addr} turned out to be a good one: its bucket is full again. */
void ike_budget_forgive(struct ike_budget *b, uint64_t salt, const struct addr *addr);

#endif
