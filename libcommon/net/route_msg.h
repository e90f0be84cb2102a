/* A route in a message of the kernel (libmnl): RTM_NEWROUTE and RTM_DELROUTE. */
#ifndef SAPIPE_NET_ROUTE_MSG_H
#define SAPIPE_NET_ROUTE_MSG_H

#include "net/route_table.h"

struct nlmsghdr;

/*
 * Reads ${h} into ${r}, with its next hops over device ${ifindex}: none if it leads elsewhere, or is no unicast route. False:
 * it is no route, or one of table "local".
 */
bool route_msg_read(struct routewatch_route *r, const struct nlmsghdr *h, unsigned ifindex);
/* Whether ${h} has a route of a table, and no answer that the kernel has cached. */
bool route_msg_of_table(const struct nlmsghdr *h);
/* Whether it is for all sources and types of service: else several routes may have one network, table and metric. */
bool route_msg_for_all(const struct nlmsghdr *h);

#endif
