/*
 * The routes over one device, whoever made them: taken out of use while a tunnel is down, and put
 * back. They are not forgotten meanwhile but stand in a table of their own, which one rule leads to: ICMP to
 * the monitored destination still finds its way, and a monitor that was killed finds them when it is
 * started again. By netlink (libmnl). Of several devices each has its own struct.
 */
#ifndef SAPIPE_OS_LINKROUTE_H
#define SAPIPE_OS_LINKROUTE_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/fault.h"
#include "os/netlink.h"

#define LINKROUTE_TABLE	UINT32_C(0x5b000000)	/* + the device's number: routes taken out of use */
#define LINKROUTE_PRIO	5190			/* of the rule: before those of esp-tun (route.h) */
#define LINKROUTE_MAX	4096			/* routes over one device */

struct linkroute_saved;

struct linkroute {
	struct netlink	 nl;
	unsigned	 ifindex;		/* ${ifindex}: whose routes ${saved} are */
	struct addr	 dest;
	bool		 shared, rule;		/* ${rule}: made by us */
	size_t		 n, cap;
	struct linkroute_saved *saved;
};

/*
 * For a monitor of ${dest}; ${shared}: which others ask as well, over other devices, so that the rule is for
 * packets of sockets that are bound to the device alone. 0, or -1 with FAULT_SYSTEM.
 */
int linkroute_open(struct linkroute *r, const struct addr *dest, bool shared, struct fault *f);
/* Puts back what is out of use. */
void linkroute_close(struct linkroute *r);

/*
 * Puts back what a monitor of ${ifindex} before us has left out of use: routes of the main table
 * (those of others are lost). Finds out on the way whether we may change routes at all: 0, or -1 with
 * FAULT_PERMISSION or FAULT_SYSTEM. ${*n}: how many.
 */
int linkroute_recover(struct linkroute *r, unsigned ifindex, size_t *n, struct fault *f);

/*
 * Takes the unicast routes over ${ifindex} out of use, but those to link-local addresses and of several
 * next hops. May be repeated: then it takes what has been added since. If the device was replaced, the routes of
 * the old one have gone with it. ${*n}: how many now. 0, or -1 with the first fault; the others are taken all the same.
 */
int linkroute_take(struct linkroute *r, unsigned ifindex, size_t *n, struct fault *f);

/* Puts them back where they were; behind routes to the same nets that others made meanwhile. As linkroute_take(). */
int linkroute_put(struct linkroute *r, unsigned ifindex, size_t *n, struct fault *f);

/* How many packets the device has taken in. 0, or -1: there is none. */
int linkroute_received(struct linkroute *r, unsigned ifindex, uint64_t *packets);

#endif
