/* What route.c, route_device.c, route_rule.c and route_sweep.c share. */
#ifndef SAPIPE_NET_ROUTE_PRIV_H
#define SAPIPE_NET_ROUTE_PRIV_H

#include "net/route.h"

#define TABLE_KIND	UINT32_C(0xff000000)
#define TABLE_NETS	UINT32_C(0x5a000000)
#define TABLE_PORTS	UINT32_C(0x5b000000)

/* Tables of our own, by device, so that two tunnels do not meet; above the numbers of people. */
#define TABLE(r, whole)	(TABLE_NETS | ((r)->ifindex & 0x7fffffu) << 1 | (whole))
/* Those for one protocol and port. */
#define TABLE_PORT(r, i)	(TABLE_PORTS | ((r)->ifindex & 0x1fffffu) << 3 | (uint32_t)(i))
/* Those that block, for all tunnels. */
#define TABLE_BLOCK(whole)	(UINT32_C(0x5afffffe) | (whole))

/*
 * The order of the rules, of all tunnels, also of those that were killed: nets that cover a peer, of the tunnel and
 * those that block; then the nets that main has; then the whole internet, of the tunnel and blocked.
 */
enum prio { PRIO_COVERS = ROUTE_PRIO, PRIO_BLOCK_COVERS, PRIO_MAIN, PRIO_WHOLE, PRIO_BLOCK_MAIN, PRIO_BLOCK_WHOLE };

struct nlmsghdr;

/* AF_INET or AF_INET6. */
uint8_t route_family(const struct addr *a);
/* Appends ${a} to the request ${h} as an attribute of ${type}. */
void route_put_addr(struct nlmsghdr *h, uint16_t type, const struct addr *a);
/* Removes the addresses that the router added, and makes the device as it was before router_link_up(). */
void route_device_restore(struct router *r);

/* The index of ${t}'s protocol and port in ${r}->ports; ROUTER_PORTS: it has none. */
size_t route_port_index(const struct router *r, const struct route *t);
/*
 * Makes a rule for the protocol and port of ${t}, if it has one. Where that is not possible (too many, an old kernel), ${t}
 * becomes a route for all packets.
 */
void route_port_need(struct router *r, struct route *t);
/* Adds (${on}) or removes one rule: of table ${table} for packets without the mark, or with ${main} of the main table. 0, or -1 with errno. */
int route_rule_change(struct router *r, bool v6, bool main, uint32_t table, uint32_t prio, bool on);
/* Makes the rules that the route ${t} to a peer's own network needs. 0 or -1. */
int route_rules_need(struct router *r, const struct route *t, struct fault *f);
/* Removes all of them. */
void route_rules_drop(struct router *r);
/* Removes the rules and routes that a killed process has left, see router_open(). Faults are ignored: nothing depends on it. */
void route_sweep(struct router *r);

#endif
