/* A route in a message of the kernel. */
#include "net/route_msg.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "net/netlink.h"

#define ATTR_MAX	30	/* size of our array: rtattr_type_t as of Linux 6.1 */

static struct addr
addr_of(uint8_t family, const struct nlattr *a)
{
	size_t len = a != NULL ? mnl_attr_get_payload_len(a) : 0;

	if (family == AF_INET && len == 4)
		return (addr_make(4, mnl_attr_get_payload(a)));
	if (family == AF_INET6 && len == 16)
		return (addr_make(6, mnl_attr_get_payload(a)));
	return ((struct addr){0});
}

/* An RTA_VIA: a gateway of the other family. */
static struct addr
addr_of_via(const struct nlattr *a)
{
	const uint8_t *p = mnl_attr_get_payload(a);
	size_t len = mnl_attr_get_payload_len(a);
	uint16_t family;

	if (len < sizeof(family))
		return ((struct addr){0});
	memcpy(&family, p, sizeof(family));
	len -= sizeof(family);
	p += sizeof(family);
	if (family == AF_INET && len >= 4)
		return (addr_make(4, p));
	return (family == AF_INET6 && len >= 16 ? addr_make(6, p) : (struct addr){0});
}

static void
hop_add(struct routewatch_route *r, struct addr at, unsigned weight)
{
	if (r->n_hops < ROUTEWATCH_HOPS)
		r->hops[r->n_hops++] = (struct routewatch_hop){ at, (uint8_t)(weight < 1 ? 1 : weight > 255 ? 255 : weight) };
}

/* The hops over the device among those of RTA_MULTIPATH. */
static void
hops_of(struct routewatch_route *r, uint8_t family, unsigned ifindex, const struct nlattr *list)
{
	const uint8_t *p = mnl_attr_get_payload(list);
	size_t left = mnl_attr_get_payload_len(list), len;
	const struct nlattr *a;
	struct rtnexthop nh;
	struct addr at;

	for (; left >= sizeof(nh); left -= len, p += len) {
		memcpy(&nh, p, sizeof(nh));
		len = ((size_t)nh.rtnh_len + 3) / 4 * 4;	/* RTNH_ALIGN() is of signed numbers */
		if (nh.rtnh_len < sizeof(nh) || len > left)
			break;
		if ((unsigned)nh.rtnh_ifindex != ifindex || (nh.rtnh_flags & RTNH_F_DEAD) != 0)
			continue;
		at = (struct addr){0};
		for (a = (const void *)(p + sizeof(nh)); mnl_attr_ok(a, (int)((p + nh.rtnh_len) - (const uint8_t *)a));
		    a = mnl_attr_next(a))
			if (mnl_attr_get_type(a) == RTA_GATEWAY)
				at = addr_of(family, a);
			else if (mnl_attr_get_type(a) == RTA_VIA)
				at = addr_of_via(a);
		hop_add(r, at, nh.rtnh_hops + 1U);
	}
}

static void
attrs_of(const struct nlmsghdr *h, const struct nlattr *at[ATTR_MAX + 1])
{
	const struct nlattr *a;

	for (size_t i = 0; i <= ATTR_MAX; i++)
		at[i] = NULL;
	NETLINK_EACH(a, h, sizeof(struct rtmsg))
		if (mnl_attr_get_type(a) <= ATTR_MAX)
			at[mnl_attr_get_type(a)] = a;
}

static uint32_t
number(const struct nlattr *a, uint32_t otherwise)
{
	return (a != NULL && mnl_attr_get_payload_len(a) == sizeof(uint32_t) ? mnl_attr_get_u32(a) : otherwise);
}

/* Of what is not in struct routewatch_route, and does not change: an older report must not pass for one of another route. */
static uint64_t
rest_of(const struct nlmsghdr *h, const struct rtmsg *rt)
{
	uint64_t x = rt->rtm_tos | (uint64_t)rt->rtm_src_len << 8 | (uint64_t)rt->rtm_scope << 16 | (uint64_t)rt->rtm_protocol << 24;
	const struct nlattr *a;

	NETLINK_EACH(a, h, sizeof(*rt))
		if (mnl_attr_get_type(a) != RTA_CACHEINFO && mnl_attr_get_type(a) != RTA_EXPIRES && mnl_attr_get_type(a) != RTA_MULTIPATH)
			x = hash_bytes(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), x ^ (uint64_t)mnl_attr_get_type(a) << 32);
	return (x);
}

bool
route_msg_read(struct routewatch_route *r, const struct nlmsghdr *h, unsigned ifindex)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(h);
	const struct nlattr *at[ATTR_MAX + 1];
	uint32_t table;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*rt) || (rt->rtm_family != AF_INET && rt->rtm_family != AF_INET6))
		return (false);
	attrs_of(h, at);
	table = number(at[RTA_TABLE], rt->rtm_table);
	if (table == RT_TABLE_LOCAL)
		return (false);
	*r = (struct routewatch_route){ .at.bits = rt->rtm_dst_len, .main = table == RT_TABLE_MAIN, .table = table,
	    .metric = number(at[RTA_PRIORITY], 0), .rest = rest_of(h, rt), .at.net = addr_of(rt->rtm_family, at[RTA_DST]) };
	if (at[RTA_DST] == NULL)
		r->at.net.family = rt->rtm_family == AF_INET ? 4 : 6;
	if (r->at.net.family == 0 || r->at.bits > 8 * addr_len(&r->at.net))
		return (false);
	if (rt->rtm_type != RTN_UNICAST)
		return (true);
	if (at[RTA_MULTIPATH] != NULL)
		hops_of(r, rt->rtm_family, ifindex, at[RTA_MULTIPATH]);
	else if (number(at[RTA_OIF], 0) == ifindex)
		hop_add(r, at[RTA_VIA] != NULL ? addr_of_via(at[RTA_VIA]) : addr_of(rt->rtm_family, at[RTA_GATEWAY]), 1);
	return (true);
}

bool
route_msg_of_table(const struct nlmsghdr *h)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(h);

	return (mnl_nlmsg_get_payload_len(h) >= sizeof(*rt) && (rt->rtm_flags & RTM_F_CLONED) == 0);
}

bool
route_msg_for_all(const struct nlmsghdr *h)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(h);

	return (mnl_nlmsg_get_payload_len(h) >= sizeof(*rt) && rt->rtm_src_len == 0 && rt->rtm_tos == 0);
}
