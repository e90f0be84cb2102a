/*
 * Addresses, routes and rules of a tunnel device, by netlink (libmnl). What is wanted is
 * given as a whole; the difference to what is there is made.
 */
#ifndef SAPIPE_OS_ROUTE_H
#define SAPIPE_OS_ROUTE_H

#include "base/addr.h"
#include "base/fault.h"
#include "os/netlink.h"

/*
 * The mark of sockets whose packets must not enter a tunnel ("sapipe" by telephone keys is
 * 727473). Rules of the tunnel's own tables pass over packets that carry it.
 */
#define ROUTE_MARK	0x727473u
#define ROUTE_PRIO	5200	/* of the rules: before main (32766), behind local (0) */

struct route {
	struct addr	net;
	uint8_t		prefix;
	bool		covers;		/* holds a peer's own address: goes behind the rules */
	struct addr	src;		/* preferred source; family 0: none */
};

struct router {
	struct netlink	 nl;
	unsigned	 ifindex;
	uint32_t	 metric;	/* of all routes, set by the caller; 0: the kernel's own */
	struct route	*have;		/* sorted */
	size_t		 n_have, cap_have;
	bool		 rules[2][2];	/* [IPv6][whole internet]: made by us */
};

/* For device ${ifindex}. -1 with FAULT_SYSTEM. Keep it open while privileges are dropped to CAP_NET_ADMIN. */
int router_open(struct router *r, unsigned ifindex, struct fault *f);
/* Takes routes and rules away again. */
void router_close(struct router *r);

/* Brings the device up with ${mtu}, without addresses of the kernel's making. */
int router_link_up(struct router *r, size_t mtu, struct fault *f);
int router_mtu(struct router *r, size_t mtu, struct fault *f);
/* Adds an address to the device; one that it has already is fine. */
int router_address(struct router *r, const struct addr *a, uint8_t prefix, struct fault *f);

/* An address of this machine within ${s}, in ${out}: one of another device rather than of ours. */
bool router_find_address(struct router *r, const struct selector *s, struct addr *out);

/*
 * Makes routes be exactly ${want} (sorted and without doubles on return). A route that something else has made
 * already is left alone, with a fault the first time; the others are made all the same. Returns 0, or -1
 * with the first fault.
 */
int router_sync(struct router *r, struct route *want, size_t n, struct fault *f);

/* The CIDR blocks of ${s}, at most ${cap}; returns how many. */
size_t route_blocks(const struct selector *s, struct route *out, size_t cap);

#endif
