/* The device of a router: its state, MTU and addresses. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "net/route_priv.h"

/* Packets, as of Ethernet. TUN's own 500 are 2.5 ms of 200,000 a second: another process has the processor for longer. */
#define QUEUE		1000

uint8_t
route_family(const struct addr *a)
{
	return (a->family == 4 ? AF_INET : AF_INET6);
}

void
route_put_addr(struct nlmsghdr *h, uint16_t type, const struct addr *a)
{
	mnl_attr_put(h, type, addr_len(a), a->b);
}

static int
link_set(struct router *r, size_t mtu, bool quiet, struct fault *f)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	struct nlattr *spec, *af;

	i->ifi_family = AF_UNSPEC;
	i->ifi_index = (int)r->ifindex;
	i->ifi_change = IFF_MULTICAST;	/* no group reports into the tunnel */
	mnl_attr_put_u32(h, IFLA_MTU, (uint32_t)mtu);
	if (quiet) {
		/* A link-local address would send router solicitations into the tunnel. */
		spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
		af = mnl_attr_nest_start(h, AF_INET6);
		mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
		mnl_attr_nest_end(h, af);
		mnl_attr_nest_end(h, spec);
	}
	if (netlink_talk(&r->nl, h, NULL, NULL) == 0)
		return (0);
	return (fault_because(f, CAUSE_TUN,
	    fault_sys(f, netlink_code(errno), "cannot set MTU %zu on the tunnel device", mtu)));
}

static int
link_each(const struct nlmsghdr *h, void *ctx)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	struct router *r = ctx;
	const struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(h) < sizeof(*i))
		return (MNL_CB_OK);
	r->was_up = (i->ifi_flags & IFF_UP) != 0;
	for (a = mnl_nlmsg_get_payload_offset(h, sizeof(*i)); mnl_attr_ok(a,
	    (int)((const char *)mnl_nlmsg_get_payload_tail(h) - (const char *)a)); a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == IFLA_MTU && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
			r->mtu_was = mnl_attr_get_u32(a);
		else if (mnl_attr_get_type(a) == IFLA_GSO_MAX_SIZE && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
			r->gso_was = mnl_attr_get_u32(a);
		else if (mnl_attr_get_type(a) == IFLA_TXQLEN && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
			r->queue_was = mnl_attr_get_u32(a);
	return (MNL_CB_OK);
}

/* Saves the state of the device. */
static void
link_look(struct router *r)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, RTM_GETLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_index = (int)r->ifindex;
	(void)netlink_talk(&r->nl, h, link_each, r);
}

static void	address_drop(struct router *r, const struct route *a);

/* Sets a number of the device if the kernel supports it: the tunnel works without. */
static void
link_number(struct router *r, uint16_t attr, uint32_t value)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_family = AF_UNSPEC;
	i->ifi_index = (int)r->ifindex;
	mnl_attr_put_u32(h, attr, value);
	(void)netlink_talk(&r->nl, h, NULL, NULL);
}

void
router_gso(struct router *r, size_t size)
{
	link_number(r, IFLA_GSO_MAX_SIZE, (uint32_t)size);
}

void
router_no_qdisc(struct router *r)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(h, sizeof(*tc));

	tc->tcm_ifindex = (int)r->ifindex;
	tc->tcm_parent = TC_H_ROOT;
	mnl_attr_put_strz(h, TCA_KIND, "noqueue");
	(void)netlink_talk(&r->nl, h, NULL, NULL);
}

void
route_device_restore(struct router *r)
{
	struct netlink_msg m;
	struct nlmsghdr *h;
	struct ifinfomsg *i;
	size_t n;

	for (n = 0; n < r->n_added; n++)
		address_drop(r, &r->added[n]);
	if (r->mtu_was == 0 || r->foreign)
		return;
	(void)link_set(r, r->mtu_was, false, NULL);
	if (r->gso_was != 0)
		router_gso(r, r->gso_was);
	if (r->queue_was > 0 && r->queue_was < QUEUE)
		link_number(r, IFLA_TXQLEN, r->queue_was);
	if (r->was_up)
		return;
	h = netlink_begin(&r->nl, &m, RTM_NEWLINK, 0);
	i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	i->ifi_index = (int)r->ifindex;
	i->ifi_change = IFF_UP;
	(void)netlink_talk(&r->nl, h, NULL, NULL);
}

int
router_link_up(struct router *r, size_t mtu, struct fault *f)
{
	struct netlink_msg m;
	struct nlmsghdr *h;
	struct ifinfomsg *i;

	link_look(r);
	/* Before the device is up, since the kernel then makes addresses. Without IPv6 there is no such mode. */
	if (link_set(r, mtu, true, NULL) != 0 && link_set(r, mtu, false, f) != 0) {
		/* Root made the device for this user, who may not change it: it must be set up already. */
		r->foreign = r->mtu_was != 0 && (errno == EPERM || errno == EACCES);
		return (r->foreign && r->was_up && r->mtu_was == mtu ? 0 : -1);
	}
	if (r->queue_was > 0 && r->queue_was < QUEUE)
		link_number(r, IFLA_TXQLEN, QUEUE);
	h = netlink_begin(&r->nl, &m, RTM_NEWLINK, 0);
	i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	i->ifi_index = (int)r->ifindex;
	i->ifi_flags = i->ifi_change = IFF_UP;
	if (netlink_talk(&r->nl, h, NULL, NULL) != 0)
		return (fault_because(f, CAUSE_TUN,
		    fault_sys(f, netlink_code(errno), "cannot bring the tunnel device up")));
	return (0);
}

int
router_multicast(struct router *r, struct fault *f)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_index = (int)r->ifindex;
	i->ifi_flags = i->ifi_change = IFF_MULTICAST;
	if (netlink_talk(&r->nl, h, NULL, NULL) == 0)
		return (0);
	return (fault_because(f, CAUSE_TUN, fault_sys(f, netlink_code(errno), "cannot turn multicast on")));
}

int
router_mtu(struct router *r, size_t mtu, struct fault *f)
{
	return (link_set(r, mtu, false, f));
}

/* ${on}: adds, else deletes. 0 or -1 with errno. */
static int
address_change(struct router *r, const struct addr *a, uint8_t prefix, bool on)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, on ? RTM_NEWADDR : RTM_DELADDR, on ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifa_family = route_family(a);
	i->ifa_prefixlen = prefix;
	i->ifa_flags = a->family == 6 ? IFA_F_NODAD : 0;
	i->ifa_index = r->ifindex;
	route_put_addr(h, IFA_LOCAL, a);
	route_put_addr(h, IFA_ADDRESS, a);
	return (netlink_talk(&r->nl, h, NULL, NULL));
}

static void
address_drop(struct router *r, const struct route *a)
{
	(void)address_change(r, &a->net, a->prefix, false);
}

int
router_address(struct router *r, const struct addr *a, uint8_t prefix, struct fault *f)
{
	char text[ADDR_TEXT];

	if (address_change(r, a, prefix, true) == 0) {
		if (r->n_added < ROUTER_ADDRESSES)
			r->added[r->n_added++] = (struct route){ .net = *a, .prefix = prefix };
		return (0);
	}
	if (errno == EEXIST)
		return (0);
	return (fault_because(f, CAUSE_TUN,
	    fault_sys(f, netlink_code(errno), "cannot give the tunnel device address %s/%u",
	    addr_text(text, a), prefix)));
}

bool
router_find_address(struct router *r, const struct selector *s, struct addr *out)
{
	return (addresses_find(&r->addresses, s, r->ifindex, out));
}
