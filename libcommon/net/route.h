/*
 * Addresses, routes and rules of a tunnel device, by netlink (libmnl). The caller passes the
 * complete wanted set; only the differences are changed.
 */
#ifndef SAPIPE_NET_ROUTE_H
#define SAPIPE_NET_ROUTE_H

#include "base/addr.h"
#include "base/fault.h"
#include "net/addresses.h"

/*
 * The mark of sockets whose packets must not enter a tunnel ("sapipe" by telephone keys is
 * 727473). Rules of the tunnel's tables ignore packets with this mark.
 */
#define ROUTE_MARK	0x727473u
#define ROUTE_PRIO	5200	/* of the rules: before main (32766), after local (0) */

#define ROUTER_ADDRESSES 64	/* are removed at the end; more stay on a persistent device */

/*
 * With ${block} each route of the tunnel has an unreachable route with the same network, the highest metric and
 * this protocol number. It does not depend on the device, and a router never removes it.
 */
#define ROUTE_BLOCK_PROTO	172
#define ROUTE_BLOCK_METRIC	UINT32_MAX

struct route {
	struct addr	net;
	uint8_t		prefix;
	bool		covers;		/* contains a peer's own address: goes to the separate table */
	struct addr	src;		/* preferred source; family 0: none */
	struct addr	via;		/* the next hop on the device, whether or not a route leads to it; family 0: none */
	/*
	 * With ${covers}: only for packets of this IP protocol and local port (0: any); 0: for all packets. These rules have no
	 * mark, so the protocol must not be one that carries the tunnel.
	 */
	uint8_t		proto;
	uint16_t	port;
	/*
	 * A hole: packets to ${net} are routed as without the tunnel. ${net} is in a wider route with ${covers}; ${whole}: that
	 * route is for the whole internet. ${covers} is set, the fields below it are not used.
	 */
	bool		hole, whole;
};

/* What the router remembers of one: of thousands, so without the fields that removing it does not need. */
struct route_kept {
	struct addr	net;
	struct addr	*via;		/* NULL: none, as nearly always */
	uint32_t	refs : 29;	/* how many SAs need it */
	uint32_t	covers : 1, hole : 1, whole : 1;
	uint16_t	port;
	uint8_t		proto, prefix;
};

#define ROUTER_PORTS	8	/* protocols and ports with rules; routes of more are for all packets */

struct router {
	struct netlink	 nl;
	struct addresses addresses;
	unsigned	 ifindex;
	uint32_t	 metric;	/* of all routes, set by the caller; 0: the kernel's own */
	bool		 block;		/* set by the caller */
	struct route_kept *have;	/* sorted */
	size_t		 n_have, cap_have;
	uint32_t	 prefixes[2][129];	/* [IPv6][length]: the number of routes without ${covers} that have it */
	bool		 rules[2][2];	/* [IPv6][whole internet]: made by us */
	struct route_port { uint8_t family, proto; uint16_t port; } ports[ROUTER_PORTS];	/* each with a rule and a table */
	size_t		 n_ports;
	struct route	 added[ROUTER_ADDRESSES];	/* addresses that we gave to the device: net is the address */
	size_t		 n_added;
	uint32_t	 mtu_was;	/* of the device before router_link_up(); 0: not known */
	uint32_t	 gso_was;	/* ... its gso_max_size; 0: not known */
	uint32_t	 queue_was;	/* ... its txqueuelen */
	bool		 was_up;
	bool		 foreign;	/* we may use the device but not change it */
};

/*
 * For device ${ifindex}. Removes the rules and holes that a killed process has left for this device or for a device that does not
 * exist any more; those that block stay. -1 with FAULT_SYSTEM. Open it before privileges are dropped to CAP_NET_ADMIN.
 */
int router_open(struct router *r, unsigned ifindex, struct fault *f);
/* Removes routes, rules (except those that block) and addresses, and restores MTU and state: a persistent device is left as it was found. */
void router_close(struct router *r);

/*
 * Brings the device up with ${mtu} and a queue of at least 1000 packets, without automatic addresses of the kernel. If
 * this user may not change the device, which root then made for it: ${r}->foreign is set, and the result is 0 if it is up
 * and has that MTU already, else FAULT_PERMISSION.
 */
int router_link_up(struct router *r, size_t mtu, struct fault *f);
int router_mtu(struct router *r, size_t mtu, struct fault *f);
/* Lets the device carry multicast, which router_link_up() turns off. */
int router_multicast(struct router *r, struct fault *f);
/*
 * The MTU of the route to ${remote}, of packets with ${mark}: of the interface, or less where the route says so. ICMP
 * errors do not change it: anybody can forge those that the kernel accepts. 0: not known.
 */
size_t router_path_mtu(struct router *r, const struct addr *remote, uint32_t mark);
/* Limits the super-packets of the device to ${size} bytes, if the kernel supports it (4.16). */
void router_gso(struct router *r, size_t size);
/*
 * Before router_link_up(), for a device that accepts all packets at once: without a qdisc. A TUN device with several queues would have one
 * for each queue that there may be, which is 6 MB of the kernel's memory, and packets never wait in any of them.
 */
void router_no_qdisc(struct router *r);
/* Adds an address to the device; 0 also if the device has it already. */
int router_address(struct router *r, const struct addr *a, uint8_t prefix, struct fault *f);

/* An address of this machine within ${s}, in ${out}, of more than host or link scope, preferably one of another device. */
bool router_find_address(struct router *r, const struct selector *s, struct addr *out);

/*
 * Sets the routes to exactly ${want} (sorted and without duplicates on return). A route that another program
 * has added is not changed, with a fault the first time; the others are added. Returns 0, or -1
 * with the first fault.
 */
int router_sync(struct router *r, struct route *want, size_t n, struct fault *f);

/*
 * Between two calls of router_sync(): adds a reference to a route, or removes one. The cost does not grow with the number
 * of routes, except for a move in memory. 0, or -1 as router_sync().
 */
int router_add(struct router *r, const struct route *t, struct fault *f);
void router_remove(struct router *r, const struct route *t);
/* Whether a route without ${covers} leads to ${a}: if that is a peer's address, router_sync() must be called. */
bool router_leads(const struct router *r, const struct addr *a);

/* The CIDR blocks of ${s}, at most ${cap}; returns their number. */
size_t route_blocks(const struct selector *s, struct route *out, size_t cap);

#endif
