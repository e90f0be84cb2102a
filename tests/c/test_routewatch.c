/* The routes over a device, kept by reports, against the same routes read all at once: random changes in a network namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/netlink.h"
#include "net/routewatch.h"

#define ROUNDS	600

static const struct { uint8_t family, prefix, net[16]; } nets[] = {
	{ 4, 0, { 0 } }, { 4, 8, { 10 } }, { 4, 16, { 10, 1 } }, { 4, 24, { 10, 1, 2 } }, { 4, 32, { 10, 1, 2, 3 } },
	{ 4, 32, { 10, 1, 2, 4 } }, { 4, 16, { 192, 168 } },
	{ 6, 0, { 0 } }, { 6, 32, { 0x20, 1, 0x0d, 0xb8 } }, { 6, 48, { 0x20, 1, 0x0d, 0xb8, 0, 1 } },
	{ 6, 64, { 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2 } }, { 6, 128, { 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, [15] = 5 } },
};
static const uint8_t gateways[] = { 1, 2, 3 };
static const uint8_t own[4] = { 192, 0, 2, 77 };	/* an address of the other device, the source of some routes */

struct world {
	struct netlink	 nl;
	unsigned	 dev, other, seed;
	struct routewatch kept, read;
	size_t		 reads, reports;	/* of all routes; rounds in which reports were enough */
};

static unsigned
pick(struct world *w, unsigned n)
{
	return ((unsigned)rand_r(&w->seed) % n);
}

/* ---- changes */

static int
link_change(struct world *w, unsigned ifindex, bool up)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&w->nl, &m, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_index = (int)ifindex;
	i->ifi_change = IFF_UP;
	i->ifi_flags = up ? IFF_UP : 0;
	return (netlink_talk(&w->nl, h, NULL, NULL));
}

static int
link_make(struct world *w, const char *name, const char *peer)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&w->nl, &m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *end;

	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	end = mnl_attr_nest_start(h, 1);	/* VETH_INFO_PEER */
	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, peer);
	mnl_attr_nest_end(h, end);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return (netlink_talk(&w->nl, h, NULL, NULL));
}

static int
address_change(struct world *w, unsigned ifindex, bool on)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&w->nl, &m, on ? RTM_NEWADDR : RTM_DELADDR, on ? NLM_F_CREATE : 0);
	struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifa_family = AF_INET;
	i->ifa_prefixlen = ifindex == w->dev ? 28 : 32;
	i->ifa_index = ifindex;
	mnl_attr_put(h, IFA_LOCAL, 4, own);
	return (netlink_talk(&w->nl, h, NULL, NULL));
}

static void
hop_put(struct world *w, struct nlmsghdr *h, unsigned ifindex, uint8_t family)
{
	uint8_t at[16] = { 0x20, 1, 0x0d, 0xb8, 0xff }, g = gateways[pick(w, sizeof(gateways))];
	struct rtnexthop *nh = mnl_nlmsg_get_payload_tail(h);

	h->nlmsg_len += sizeof(*nh);
	*nh = (struct rtnexthop){ .rtnh_ifindex = (int)ifindex, .rtnh_flags = RTNH_F_ONLINK, .rtnh_hops = (uint8_t)pick(w, 3) };
	if (family == 4)
		at[0] = 172, at[1] = 16, at[2] = 0, at[3] = g;
	else
		at[15] = g;
	mnl_attr_put(h, RTA_GATEWAY, family == 4 ? 4 : 16, at);
	nh->rtnh_len = (uint16_t)((uint8_t *)mnl_nlmsg_get_payload_tail(h) - (uint8_t *)nh);
}

/* Adds, replaces, or removes a route; many fail, which is as good. */
static void
route_change(struct world *w)
{
	static const uint16_t flags[] = { NLM_F_CREATE | NLM_F_EXCL, NLM_F_CREATE | NLM_F_EXCL, NLM_F_CREATE | NLM_F_EXCL,
	    NLM_F_CREATE | NLM_F_APPEND, NLM_F_CREATE, NLM_F_CREATE | NLM_F_REPLACE };
	const size_t n = pick(w, sizeof(nets) / sizeof(nets[0]));
	const bool add = pick(w, 5) < 3;
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&w->nl, &m, add ? RTM_NEWROUTE : RTM_DELROUTE,
	    add ? flags[pick(w, pick(w, 8) == 0 ? 6 : 3)] : 0);
	struct rtmsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	const uint8_t family = nets[n].family;
	unsigned how = pick(w, 16);
	struct nlattr *hops;

	i->rtm_family = family == 4 ? AF_INET : AF_INET6;
	i->rtm_dst_len = nets[n].prefix;
	i->rtm_protocol = RTPROT_STATIC;
	i->rtm_scope = add && (how == 0 || family == 6) ? RT_SCOPE_UNIVERSE : add ? RT_SCOPE_LINK : RT_SCOPE_NOWHERE;
	i->rtm_type = how == 0 ? RTN_UNREACHABLE : RTN_UNICAST;
	i->rtm_tos = family == 4 && pick(w, 20) == 0 ? 0x10 : 0;
	i->rtm_table = pick(w, 2) == 0 ? RT_TABLE_MAIN : (uint8_t)(100 + pick(w, 2));
	if (nets[n].prefix > 0)
		mnl_attr_put(h, RTA_DST, family == 4 ? 4 : 16, nets[n].net);
	mnl_attr_put_u32(h, RTA_PRIORITY, 10 + pick(w, 2));
	if (how == 1 && add) {
		i->rtm_scope = RT_SCOPE_UNIVERSE;
		hops = mnl_attr_nest_start(h, RTA_MULTIPATH);
		for (unsigned k = 0; k < 2; k++)
			hop_put(w, h, pick(w, 3) == 0 ? w->other : w->dev, family);
		mnl_attr_nest_end(h, hops);
	} else if (how > 1 && (add || pick(w, 2) == 0))
		mnl_attr_put_u32(h, RTA_OIF, pick(w, 4) == 0 ? w->other : w->dev);
	if (how == 2 && family == 4 && add)
		mnl_attr_put(h, RTA_PREFSRC, 4, own);
	(void)netlink_talk(&w->nl, h, NULL, NULL);
}

/* ... or, at times, of what routes depend on. */
static void
change(struct world *w)
{
	unsigned dev;

	switch (pick(w, 250)) {
	case 0:
		dev = pick(w, 2) == 0 ? w->dev : w->other;
		(void)link_change(w, dev, false);
		(void)link_change(w, dev, true);
		break;
	case 1:
		(void)address_change(w, w->dev, pick(w, 2) == 0);
		break;
	case 2:
	case 3:
		(void)address_change(w, w->other, pick(w, 2) == 0);
		break;
	default:
		route_change(w);
	}
}

/* ---- the two */

/* Reads all routes; ${w}: changes them meanwhile. */
static void
read_all(struct routewatch *r, struct world *w)
{
	int rc = -1;

	for (unsigned i = 0; rc != 1; i++) {
		assert_true(i < 100000);
		if (!routewatch_asked(r))
			assert_int_equal(routewatch_ask(r), 0);
		if (w != NULL && i < 3)
			change(w);
		if (w != NULL && pick(w, 2) == 0)
			(void)routewatch_changed(r);
		rc = routewatch_read(r);
	}
}

static void
reports_read(struct routewatch *r)
{
	for (int i = 0; i < 100; i++)
		(void)routewatch_changed(r);
}

/* Applies reports, and reads all routes as long as they are not enough; whether they were not. */
static bool
settle(struct world *w)
{
	bool read = false;

	for (reports_read(&w->kept); routewatch_stale(&w->kept); reports_read(&w->kept)) {
		read_all(&w->kept, pick(w, 3) == 0 ? w : NULL);
		read = true;
	}
	return (read);
}

static void
check_same(struct world *w)
{
	const struct routewatch_route *a, *b;
	struct addr at;

	assert_int_equal(w->kept.now.n, w->read.now.n);
	assert_int_equal(w->kept.now.all, w->read.now.all);
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		at = addr_make(nets[i].family, nets[i].net);
		a = routewatch_find(&w->kept, &at);
		b = routewatch_find(&w->read, &at);
		assert_int_equal(a == NULL, b == NULL);
		if (a == NULL || b == NULL)
			continue;
		assert_int_equal(a->at.bits, b->at.bits);
		assert_int_equal(a->table, b->table);
		assert_int_equal(a->metric, b->metric);
		assert_int_equal(a->n_hops, b->n_hops);
		for (size_t k = 0; k < a->n_hops; k++) {
			assert_int_equal(addr_cmp(&a->hops[k].at, &b->hops[k].at), 0);
			assert_int_equal(a->hops[k].weight, b->hops[k].weight);
		}
	}
}

static void
reports_are_as_good_as_reading(void **state)
{
	struct world w = { .seed = 1 };

	(void)state;
	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		skip();
	assert_int_equal(netlink_open(&w.nl, NULL), 0);
	if (link_make(&w, "a", "a1") != 0 || link_make(&w, "b", "b1") != 0)
		skip();
	w.dev = if_nametoindex("a");
	w.other = if_nametoindex("b");
	assert_int_equal(link_change(&w, if_nametoindex("a1"), true), 0);
	assert_int_equal(link_change(&w, if_nametoindex("b1"), true), 0);
	assert_int_equal(link_change(&w, w.dev, true), 0);
	assert_int_equal(link_change(&w, w.other, true), 0);
	assert_int_equal(routewatch_open(&w.kept, w.dev, 1, NULL), 0);
	assert_int_equal(routewatch_open(&w.read, w.dev, 2, NULL), 0);
	assert_true(routewatch_stale(&w.kept));
	for (size_t i = 0; i < ROUNDS; i++) {
		bool read = false;

		for (unsigned n = pick(&w, 6); n > 0; n--)
			change(&w);
		/* The kernel adds routes of its own some time after a link comes up: both must be of the same moment. */
		do {
			read = settle(&w) || read;
			reports_read(&w.read);
			read_all(&w.read, NULL);
		} while (routewatch_changed(&w.kept));
		w.reads += read;
		w.reports += !read;
		check_same(&w);
	}
	print_message("%zu of %d rounds needed no reading of all routes, %zu networks at last\n", w.reports, ROUNDS, w.kept.now.n);
	assert_true(w.reports > ROUNDS / 4);
	assert_true(w.reads > 10);
	routewatch_close(&w.kept);
	routewatch_close(&w.read);
	netlink_close(&w.nl);
}

/* More reports than the socket holds: all routes are read. */
static void
reports_that_are_lost(void **state)
{
	struct world w = { .seed = 2 };
	int bytes = 1;

	(void)state;
	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		skip();
	assert_int_equal(netlink_open(&w.nl, NULL), 0);
	if (link_make(&w, "a", "a1") != 0)
		skip();
	w.dev = w.other = if_nametoindex("a");
	assert_int_equal(link_change(&w, if_nametoindex("a1"), true), 0);
	assert_int_equal(link_change(&w, w.dev, true), 0);
	assert_int_equal(routewatch_open(&w.kept, w.dev, 1, NULL), 0);
	assert_int_equal(routewatch_open(&w.read, w.dev, 2, NULL), 0);
	read_all(&w.kept, NULL);
	assert_int_equal(setsockopt(routewatch_events_fd(&w.kept), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	for (int i = 0; i < 200; i++)
		route_change(&w);
	reports_read(&w.kept);
	assert_true(routewatch_stale(&w.kept));
	read_all(&w.kept, NULL);
	assert_false(routewatch_stale(&w.kept));
	reports_read(&w.read);
	read_all(&w.read, NULL);
	check_same(&w);
	routewatch_close(&w.kept);
	routewatch_close(&w.read);
	netlink_close(&w.nl);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_are_as_good_as_reading),
		cmocka_unit_test(reports_that_are_lost),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
