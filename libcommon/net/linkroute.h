/*
 * Withdraws and restores the routes over one device, whoever added them. Withdrawn routes are moved to
 * a separate table, which one rule selects for ICMP to the monitored destination. So probes still use the
 * tunnel, and a monitor that was killed finds the routes when it is restarted. By netlink (libmnl). Each
 * device has its own struct.
 */
#ifndef SAPIPE_NET_LINKROUTE_H
#define SAPIPE_NET_LINKROUTE_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/fault.h"
#include "net/netlink.h"

#define LINKROUTE_TABLE	UINT32_C(0x5b000000)	/* + the device's index: withdrawn routes */
#define LINKROUTE_PRIO	5190			/* of the rule: before those of esp-tun (route.h) */
#define LINKROUTE_MAX	4096			/* routes over one device */

struct linkroute_saved;

struct linkroute {
	struct netlink	 nl;
	unsigned	 ifindex;		/* ${ifindex}: the device of the routes in ${saved} */
	struct addr	 dest;
	bool		 shared, rule;		/* ${rule}: made by us */
	size_t		 n, cap;
	struct linkroute_saved *saved;
};

/*
 * For a monitor of ${dest}; ${shared}: others probe ${dest} over other devices, so the rule applies only to
 * packets of sockets that are bound to the device. 0, or -1 with FAULT_SYSTEM.
 */
int linkroute_open(struct linkroute *r, const struct addr *dest, bool shared, struct fault *f);
/* Restores the withdrawn routes. */
void linkroute_close(struct linkroute *r);

/*
 * Restores the routes that an earlier monitor of ${ifindex} left withdrawn, to the main table (routes of
 * other tables are lost). Also checks that we may change routes: 0, or -1 with
 * FAULT_PERMISSION or FAULT_SYSTEM. ${*n}: number of routes.
 */
int linkroute_recover(struct linkroute *r, unsigned ifindex, size_t *n, struct fault *f);

/*
 * Withdraws the unicast routes over ${ifindex}, except those to link-local addresses and with several
 * next hops. A repeated call withdraws routes that were added since. If the device was replaced, the routes of
 * the old one are gone. ${*n}: number of withdrawn routes. 0, or -1 with the first fault, after it has handled the others.
 */
int linkroute_take(struct linkroute *r, unsigned ifindex, size_t *n, struct fault *f);

/* Restores them, after routes to the same networks that were added meanwhile. Returns as linkroute_take(). */
int linkroute_put(struct linkroute *r, unsigned ifindex, size_t *n, struct fault *f);

/* Whether the kernel delivers packets to ${a} to this machine itself. */
bool linkroute_is_local(struct linkroute *r, const struct addr *a);
/* The number of packets that the device has received. 0, or -1: no such device. */
int linkroute_received(struct linkroute *r, unsigned ifindex, uint64_t *packets);

#endif
