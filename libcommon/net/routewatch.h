/*
 * The routes over one device, of all tables except "local", as the kernel has them now, by netlink (libmnl). The owner
 * waits for changes on one descriptor, and then asks for all routes; the answer comes in parts on another one, so that
 * many routes do not stop its packets. Neither needs a privilege. Until an answer is complete, the routes of the one before
 * are found.
 */
#ifndef SAPIPE_NET_ROUTEWATCH_H
#define SAPIPE_NET_ROUTEWATCH_H

#include "base/prefix.h"
#include "net/netlink.h"

#define ROUTEWATCH_MAX	262144	/* routes; more are ignored and counted */
#define ROUTEWATCH_HOPS	16	/* of one route over the device; more are ignored */

struct routewatch_hop { struct addr at; uint8_t weight; };	/* family 0: the network is on the link; weight: at least 1 */

struct routewatch_route {
	struct addr	net;
	uint8_t		prefix;
	bool		main;		/* of table main */
	uint32_t	metric;
	size_t		n_hops;		/* at least 1 */
	struct routewatch_hop hops[ROUTEWATCH_HOPS];
};

struct route_chunk;

struct route_table {		/* all zero: empty, without a salt */
	struct prefixes	 nets;
	struct route_chunk *chunks;
	size_t		 n, ignored;
};

struct routewatch {		/* all zero: not open */
	struct netlink	 events, answers, query;
	unsigned	 ifindex;
	uint8_t		 family;	/* AF_ of the dump that is being read; 0: none */
	struct route_table now, next;	/* found by routewatch_find(); being read */
};

/* ${salt}: not known to those who announce routes. 0, or -1 with FAULT_SYSTEM. */
int routewatch_open(struct routewatch *w, unsigned ifindex, uint64_t salt, struct fault *f);
void routewatch_close(struct routewatch *w);	/* does nothing if it is not open */

/* The descriptors: readable when something may have changed, and when there is a part of an answer. */
int routewatch_events_fd(const struct routewatch *w);
int routewatch_answers_fd(const struct routewatch *w);

/* Reads the reports of changes that are there. Whether one is about the device, or reports were lost. */
bool routewatch_changed(struct routewatch *w);
/* Asks for all routes; no answer may be outstanding. 0, or -1. */
int routewatch_ask(struct routewatch *w);
/* Whether an answer is outstanding. */
bool routewatch_asked(const struct routewatch *w);
/*
 * Reads one part of the answer. 1: that was the last one, and its routes are found from now on; 0: more will come; -1: the
 * answer is of no use, since the routes changed meanwhile or the kernel refused: ask again.
 */
int routewatch_read(struct routewatch *w);

/* The route to ${a} over the device: of the longest network; NULL: none. */
const struct routewatch_route *routewatch_find(struct routewatch *w, const struct addr *a);

/*
 * Whether the kernel, asked now, would forward a packet from ${src} to ${dst} that comes in over the device out of the
 * device again. It waits for the answer, some microseconds.
 */
bool routewatch_returns(struct routewatch *w, const struct addr *src, const struct addr *dst);

/* The parts of the above, for tests. */
void route_table_put(struct route_table *t, const struct routewatch_route *r);
const struct routewatch_route *route_table_find(struct route_table *t, const struct addr *a);
void route_table_free(struct route_table *t);	/* keeps the salt */

#endif
