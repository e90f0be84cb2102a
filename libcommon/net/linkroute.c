/* Withdraws and restores the routes over one device. */
#include "net/linkroute.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ATTR_MAX	30	/* size of our array: rtattr_type_t as of Linux 6.1 */
#define ATTRS_LEN	512	/* of a route's message; a longer one (tunnel encapsulation) is not changed */
/* Protocol of a copy that does not come from the main table: not to be recovered. */
#define PROTO_ELSEWHERE	0xb7

struct linkroute_saved {
	struct rtmsg	 rt;
	uint32_t	 table;
	uint16_t	 len;
	bool		 out;		/* in our table, not in its own */
	uint8_t		 attrs[ATTRS_LEN];	/* without RTA_TABLE */
};

int
linkroute_open(struct linkroute *r, const struct addr *dest, bool shared, struct fault *f)
{
	int on = 1;

	*r = (struct linkroute){ .dest = *dest, .shared = shared };
	if (netlink_open(&r->nl, f) != 0)
		return (-1);
	/* Linux 4.20: a dump is of one device's routes, not of all. Without it each is looked at. */
	(void)mnl_socket_setsockopt(r->nl.nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return (0);
}

/* ---- changes */

static uint32_t
our_table(const struct linkroute *r)
{
	return (LINKROUTE_TABLE | (r->ifindex & 0xffffff));
}

/* Adds the route to ${table}, or removes it. 0, or -1 with errno. */
static int
change(struct linkroute *r, const struct linkroute_saved *s, uint32_t table, uint8_t protocol, bool on)
{
	struct netlink_msg m;
	/* Behind a route of another device to the same net, of the same metric, if there is one. */
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, on ? RTM_NEWROUTE : RTM_DELROUTE,
	    on ? NLM_F_CREATE | NLM_F_APPEND : 0);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(h, sizeof(*rt));
	int rc;

	*rt = s->rt;
	rt->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC;
	rt->rtm_protocol = protocol;
	memcpy(mnl_nlmsg_get_payload_tail(h), s->attrs, s->len);
	h->nlmsg_len += s->len;
	mnl_attr_put_u32(h, RTA_TABLE, table);
	rc = netlink_talk(&r->nl, h, NULL, NULL);
	/* The route is already as we want it. */
	return (rc != 0 && (on ? errno == EEXIST : errno == ESRCH) ? 0 : rc);
}

/*
 * "to DEST ipproto icmp lookup T": for our echo requests, and for the kernel's reverse path check of the
 * replies. ${shared}: also "oif DEVICE", which limits the rule to our requests.
 */
static int
rule_change(struct linkroute *r, bool shared, bool on)
{
	char name[IF_NAMESIZE];
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, on ? RTM_NEWRULE : RTM_DELRULE,
	    on ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct fib_rule_hdr *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	bool v4 = r->dest.family == 4;

	i->family = v4 ? AF_INET : AF_INET6;
	i->action = FR_ACT_TO_TBL;
	i->dst_len = (uint8_t)(8 * addr_len(&r->dest));
	mnl_attr_put(h, FRA_DST, addr_len(&r->dest), r->dest.b);
	mnl_attr_put_u8(h, FRA_IP_PROTO, v4 ? 1 : 58);
	mnl_attr_put_u32(h, FRA_TABLE, our_table(r));
	mnl_attr_put_u32(h, FRA_PRIORITY, LINKROUTE_PRIO);
	if (shared && if_indextoname(r->ifindex, name) != NULL)
		mnl_attr_put_strz(h, FRA_OIFNAME, name);
	return (netlink_talk(&r->nl, h, NULL, NULL));
}

static void
rule_drop(struct linkroute *r)
{
	if (r->rule)
		(void)rule_change(r, r->shared, false);
	r->rule = false;
}

/* ---- existing routes */

struct walk {
	struct linkroute *r;
	unsigned	 ifindex;
	bool		 ours;		/* wanted: the routes in our table, else the routes in other tables */
	struct fault	 fault;
};

static bool
is_wanted(const struct walk *w, const struct rtmsg *rt, uint32_t table, const struct nlattr *dst)
{
	const uint8_t *p = dst != NULL ? mnl_attr_get_payload(dst) : NULL;

	if (rt->rtm_type != RTN_UNICAST || table == RT_TABLE_LOCAL || (rt->rtm_flags & RTM_F_CLONED) != 0)
		return (false);
	if ((table == our_table(w->r)) != w->ours)
		return (false);
	/* Neighbours of the device itself are no business of a tunnel. */
	return (rt->rtm_family != AF_INET6 || p == NULL || mnl_attr_get_payload_len(dst) != 16 ||
	    rt->rtm_dst_len < 10 || p[0] != 0xfe || (p[1] & 0xc0) != 0x80);
}

/* Whether the kernel reports an attribute that it would not accept, or that repeats others. */
static bool
is_kept(uint16_t type, bool by_number)
{
	switch (type) {
	case RTA_TABLE:
	case RTA_CACHEINFO:
	case RTA_EXPIRES:
		return (false);
	case RTA_OIF:
	case RTA_GATEWAY:
	case RTA_VIA:
	case RTA_ENCAP:
	case RTA_ENCAP_TYPE:
		return (!by_number);	/* a next hop object replaces them */
	default:
		return (true);
	}
}

static int
save(struct walk *w, const struct linkroute_saved *s)
{
	struct linkroute *r = w->r;
	struct linkroute_saved *list;
	size_t cap = r->cap > 0 ? 2 * r->cap : 8;

	if (r->n == r->cap) {
		if (r->n >= LINKROUTE_MAX)
			return (fault(&w->fault, FAULT_SYSTEM,
			    "more than %d routes over one device, the others are left", LINKROUTE_MAX));
		if ((list = realloc(r->saved, cap * sizeof(*list))) == NULL)
			return (fault(&w->fault, FAULT_MEMORY, "no memory for routes"));
		r->saved = list;
		r->cap = cap;
	}
	r->saved[r->n++] = *s;
	return (0);
}

static int
walk_each(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *at[ATTR_MAX + 1] = {0}, *a;
	const struct rtmsg *rt = mnl_nlmsg_get_payload(h);
	struct linkroute_saved s = {0};
	struct walk *w = ctx;

	if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof(*rt))
		return (MNL_CB_OK);
	NETLINK_EACH(a, h, sizeof(*rt))
		if (mnl_attr_get_type(a) <= ATTR_MAX)
			at[mnl_attr_get_type(a)] = a;
	s.table = at[RTA_TABLE] != NULL && mnl_attr_get_payload_len(at[RTA_TABLE]) == 4 ?
	    mnl_attr_get_u32(at[RTA_TABLE]) : rt->rtm_table;
	if (at[RTA_MULTIPATH] != NULL || at[RTA_OIF] == NULL ||
	    mnl_attr_get_payload_len(at[RTA_OIF]) != 4 || mnl_attr_get_u32(at[RTA_OIF]) != w->ifindex ||
	    !is_wanted(w, rt, s.table, at[RTA_DST]))
		return (MNL_CB_OK);
	s.rt = *rt;
	s.rt.rtm_flags &= RTNH_F_ONLINK;
	NETLINK_EACH(a, h, sizeof(*rt)) {
		if (!is_kept(mnl_attr_get_type(a), at[RTA_NH_ID] != NULL))
			continue;
		if (s.len + (size_t)MNL_ALIGN(a->nla_len) > sizeof(s.attrs))
			return (MNL_CB_OK);
		memcpy(s.attrs + s.len, a, a->nla_len);
		s.len = (uint16_t)(s.len + MNL_ALIGN(a->nla_len));
	}
	(void)save(w, &s);
	return (MNL_CB_OK);
}

/* Adds the routes over the device to those saved. -1 with errno. */
static int
walk_family(struct walk *w, uint8_t family)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&w->r->nl, &m, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(h, sizeof(*rt));

	rt->rtm_family = family;
	mnl_attr_put_u32(h, RTA_OIF, w->ifindex);
	return (netlink_talk(&w->r->nl, h, walk_each, w));
}

static int
walk(struct walk *w)
{
	if (walk_family(w, AF_INET) == 0 && (walk_family(w, AF_INET6) == 0 || errno == EAFNOSUPPORT ||
	    errno == EOPNOTSUPP))
		return (w->fault.code == FAULT_NONE ? 0 : -1);
	if (errno == ENODEV)
		return (0);	/* the device was removed, and its routes with it */
	return (fault_sys(&w->fault, FAULT_SYSTEM, "cannot read the routing table"));
}

/* ---- in and out of use */

static uint8_t
copy_protocol(const struct linkroute_saved *s)
{
	return (s->table == RT_TABLE_MAIN ? s->rt.rtm_protocol : PROTO_ELSEWHERE);
}

static void
first_fault(struct fault *f, const char *what, unsigned ifindex)
{
	if (f->code == FAULT_NONE)
		(void)fault_because(f, CAUSE_ROUTES,
		    fault_sys(f, netlink_code(errno), "cannot %s a route over device %u", what, ifindex));
}

static int
outcome(const struct fault *first, struct fault *f)
{
	if (first->code == FAULT_NONE)
		return (0);
	if (f != NULL)
		*f = *first;
	return (-1);
}

/* If the device was replaced, the kernel removed the routes of the old one. */
static void
follow(struct linkroute *r, unsigned ifindex)
{
	if (ifindex == r->ifindex)
		return;
	rule_drop(r);
	r->n = 0;
	r->ifindex = ifindex;
}

int
linkroute_take(struct linkroute *r, unsigned ifindex, size_t *n, struct fault *f)
{
	struct walk w = { .r = r, .ifindex = ifindex };
	size_t from, i;

	*n = 0;
	follow(r, ifindex);
	from = r->n;
	(void)walk(&w);
	if (r->n > from && !r->rule) {
		if (rule_change(r, r->shared, true) == 0 || errno == EEXIST)
			r->rule = true;
		else
			first_fault(&w.fault, "add a rule for", ifindex);
	}
	/* All copies first: a next hop must be reachable when it is named. */
	for (i = from; i < r->n; i++)
		if (change(r, &r->saved[i], our_table(r), copy_protocol(&r->saved[i]), true) != 0)
			first_fault(&w.fault, "keep", ifindex);
	for (i = from; i < r->n; ) {
		if (change(r, &r->saved[i], r->saved[i].table, r->saved[i].rt.rtm_protocol, false) == 0) {
			r->saved[i++].out = true;
			(*n)++;
			continue;
		}
		first_fault(&w.fault, "withdraw", ifindex);
		(void)change(r, &r->saved[i], our_table(r), copy_protocol(&r->saved[i]), false);
		r->saved[i] = r->saved[--r->n];
	}
	return (outcome(&w.fault, f));
}

static int
put(struct linkroute *r, size_t *n, struct fault *f)
{
	struct fault first = {0};
	struct linkroute_saved *s;
	int pass;

	*n = 0;
	/* Twice: a route with a gateway wants the route to the gateway to be there. */
	for (pass = 0; pass < 2; pass++)
		for (s = r->saved; s < r->saved + r->n; s++) {
			if (!s->out)
				continue;
			if (change(r, s, s->table, s->rt.rtm_protocol, true) != 0) {
				if (pass == 1)
					first_fault(&first, "put back", r->ifindex);
				continue;
			}
			s->out = false;
			(*n)++;
			(void)change(r, s, our_table(r), copy_protocol(s), false);
		}
	rule_drop(r);
	r->n = 0;
	return (outcome(&first, f));
}

int
linkroute_put(struct linkroute *r, unsigned ifindex, size_t *n, struct fault *f)
{
	*n = 0;
	follow(r, ifindex);
	return (put(r, n, f));
}

int
linkroute_recover(struct linkroute *r, unsigned ifindex, size_t *n, struct fault *f)
{
	struct walk w = { .r = r, .ifindex = ifindex, .ours = true };
	size_t i, kept = 0;

	*n = 0;
	r->ifindex = ifindex;
	/* The route hardly ever exists; we test whether we are allowed to change routes. */
	(void)rule_change(r, true, false);
	if (rule_change(r, false, false) != 0 && (errno == EPERM || errno == EACCES))
		return (fault_because(f, CAUSE_ROUTES,
		    fault_sys(f, FAULT_PERMISSION, "cannot change routes")));
	if (ifindex == 0)
		return (0);
	if (walk(&w) != 0)
		return (outcome(&w.fault, f));
	for (i = 0; i < r->n; i++) {
		if (r->saved[i].rt.rtm_protocol == PROTO_ELSEWHERE) {
			(void)change(r, &r->saved[i], our_table(r), PROTO_ELSEWHERE, false);
			continue;
		}
		r->saved[kept] = r->saved[i];
		r->saved[kept].table = RT_TABLE_MAIN;
		r->saved[kept++].out = true;
	}
	r->n = kept;
	return (put(r, n, f));
}

void
linkroute_close(struct linkroute *r)
{
	size_t n;

	if (r->nl.nl != NULL)
		(void)put(r, &n, NULL);
	netlink_close(&r->nl);
	free(r->saved);
	*r = (struct linkroute){0};
}

/* ---- addresses */

static int
type_each(const struct nlmsghdr *h, void *ctx)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type == RTM_NEWROUTE && mnl_nlmsg_get_payload_len(h) >= sizeof(*rt))
		*(uint8_t *)ctx = rt->rtm_type;
	return (MNL_CB_OK);
}

bool
linkroute_is_local(struct linkroute *r, const struct addr *a)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, RTM_GETROUTE, 0);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(h, sizeof(*rt));
	uint8_t type = RTN_UNSPEC;

	rt->rtm_family = a->family == 4 ? AF_INET : AF_INET6;
	rt->rtm_dst_len = (uint8_t)(8 * addr_len(a));
	mnl_attr_put(h, RTA_DST, addr_len(a), a->b);
	return (netlink_talk(&r->nl, h, type_each, &type) == 0 && type == RTN_LOCAL);
}

/* ---- counters */

static int
received_each(const struct nlmsghdr *h, void *ctx)
{
	uint64_t *packets = ctx;
	struct rtnl_link_stats64 st;
	const struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(h) < sizeof(struct ifinfomsg))
		return (MNL_CB_OK);
	NETLINK_EACH(a, h, sizeof(struct ifinfomsg))
		if (mnl_attr_get_type(a) == IFLA_STATS64 && mnl_attr_get_payload_len(a) >=
		    offsetof(struct rtnl_link_stats64, tx_packets)) {
			memcpy(&st, mnl_attr_get_payload(a), offsetof(struct rtnl_link_stats64, tx_packets));
			*packets = st.rx_packets;
		}
	return (MNL_CB_OK);
}

int
linkroute_received(struct linkroute *r, unsigned ifindex, uint64_t *packets)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, RTM_GETLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_index = (int)ifindex;
	*packets = UINT64_MAX;
	return (ifindex != 0 && netlink_talk(&r->nl, h, received_each, packets) == 0 &&
	    *packets != UINT64_MAX ? 0 : -1);
}
