/*
 * Routes by longest match. The table has all routes of each network; a look-up finds the best of them. A report of the kernel
 * can add or remove one route, if it says clearly enough what the kernel has now.
 */
#ifndef SAPIPE_NET_ROUTE_TABLE_H
#define SAPIPE_NET_ROUTE_TABLE_H

#include "base/prefix.h"

#define ROUTEWATCH_MAX	262144	/* routes; more are ignored and counted */
#define ROUTEWATCH_HOPS	16	/* of one route over the device; more are ignored */

struct routewatch_hop { struct addr at; uint8_t weight; };	/* family 0: the network is on the link; weight: at least 1 */

struct routewatch_route {
	struct prefix	at;		/* its network; the node is that of the table */
	uint64_t	rest;		/* a hash of what else tells apart two of one network, table and metric */
	uint32_t	table, metric;
	bool		main;		/* of table main */
	uint8_t		n_hops;		/* at least 1 */
	uint8_t		room;		/* hops; of the table, like the next one */
	bool		several;	/* made of several of the kernel's */
	struct routewatch_hop hops[ROUTEWATCH_HOPS];
};

struct route_chunk;
struct route_known;

struct route_table {		/* all zero: empty, without a salt */
	struct prefixes	 nets;
	struct route_chunk *chunks;
	struct route_known *spare[ROUTEWATCH_HOPS + 1];	/* removed ones, by hops */
	size_t		 n, all;	/* networks, and their routes */
	size_t		 ignored;
};

/* One of a list of all routes. Those of one network, table and metric become one in IPv6; in IPv4 the first one counts. */
void route_table_put(struct route_table *t, const struct routewatch_route *r);
/*
 * A report that ${r}, the only one of its network, table and metric, was added, or that it was removed. A repeated report
 * changes nothing. False: the table may differ from the kernel's now, all routes must be read again.
 */
bool route_table_add(struct route_table *t, const struct routewatch_route *r);
bool route_table_remove(struct route_table *t, const struct routewatch_route *r);
/* Whether there is a route of the network, table and metric of ${r}. */
bool route_table_has(struct route_table *t, const struct routewatch_route *r);
/* The best route of the longest network with ${a}: of table main, then of the lowest metric, then of the lowest table. NULL: none. */
const struct routewatch_route *route_table_find(struct route_table *t, const struct addr *a);
void route_table_free(struct route_table *t);	/* keeps the salt */

#endif
