/*
 * The routes over one device, of all tables except "local", as the kernel has them now, by netlink (libmnl). The owner
 * waits for reports of changes on one descriptor; each is applied alone. Where a report does not say what the kernel has
 * now, or reports were lost, the owner asks for all routes; the answer comes in parts on another descriptor, so that many
 * routes do not stop its packets. Neither needs a privilege. Until an answer is complete, the routes of the one before are
 * found.
 */
#ifndef SAPIPE_NET_ROUTEWATCH_H
#define SAPIPE_NET_ROUTEWATCH_H

#include "net/netlink.h"
#include "net/route_table.h"

struct route_report;

struct routewatch {		/* all zero: not open */
	struct netlink	 events, answers, query;
	unsigned	 ifindex;
	uint8_t		 family;	/* AF_ of the dump that is being read; 0: none */
	bool		 stale;		/* see routewatch_stale() */
	struct route_table now, next;	/* found by routewatch_find(); being read */
	struct route_report *log;	/* reports since the request for ${next} */
	size_t		 n_log;
};

/* ${salt}: not known to those who announce routes. 0, or -1 with FAULT_SYSTEM. */
int routewatch_open(struct routewatch *w, unsigned ifindex, uint64_t salt, struct fault *f);
void routewatch_close(struct routewatch *w);	/* does nothing if it is not open */

/* The descriptors: readable when something may have changed, and when there is a part of an answer. */
int routewatch_events_fd(const struct routewatch *w);
int routewatch_answers_fd(const struct routewatch *w);

/* Reads and applies the reports of changes that are there. Whether routes over the device may have changed. */
bool routewatch_changed(struct routewatch *w);
/* Whether changes could not be applied: call routewatch_ask(). True until the first request. */
bool routewatch_stale(const struct routewatch *w);
/* Asks for all routes; no answer may be outstanding. 0, or -1: ask again later. */
int routewatch_ask(struct routewatch *w);
/* Whether an answer is outstanding. */
bool routewatch_asked(const struct routewatch *w);
/*
 * Reads one part of the answer. 1: that was the last one, and its routes are found from now on; 0: more will come; -1: the
 * answer is of no use, since the routes changed meanwhile or the kernel refused: they are stale.
 */
int routewatch_read(struct routewatch *w);

/* The route to ${a} over the device: of the longest network; NULL: none. */
const struct routewatch_route *routewatch_find(struct routewatch *w, const struct addr *a);

/*
 * Whether the kernel, asked now, would forward a packet from ${src} to ${dst} that comes in over the device out of the
 * device again. It waits for the answer, some microseconds.
 */
bool routewatch_returns(struct routewatch *w, const struct addr *src, const struct addr *dst);

#endif
