/* Routing rules of a tunnel: which packets use its tables; and the MTU of the route to a peer. */
#include "net/route_priv.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#ifndef RTM_F_FIB_MATCH
#define RTM_F_FIB_MATCH	0x2000
#endif

/* The index of ${t}'s protocol and port in ${r}->ports; ROUTER_PORTS: it has none. */
size_t
route_port_index(const struct router *r, const struct route *t)
{
	size_t i;

	for (i = 0; i < r->n_ports && t->proto != 0; i++)
		if (r->ports[i].family == t->net.family && r->ports[i].proto == t->proto && r->ports[i].port == t->port)
			return (i);
	return (ROUTER_PORTS);
}

/*
 * "not fwmark M lookup T". For a default route, the rule "lookup main suppress_prefixlength 0"
 * comes before it, so that locally attached nets remain reachable.
 */
int
route_rule_change(struct router *r, bool v6, bool main, uint32_t table, uint32_t prio, bool on)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, on ? RTM_NEWRULE : RTM_DELRULE,
	    on ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct fib_rule_hdr *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->family = v6 ? AF_INET6 : AF_INET;
	i->action = FR_ACT_TO_TBL;
	if (main) {
		i->table = RT_TABLE_MAIN;
		mnl_attr_put_u32(h, FRA_SUPPRESS_PREFIXLEN, 0);
		/* A mask of 0 matches each mark: the number only tells our rule from that of another tunnel. */
		if (prio == PRIO_MAIN) {
			mnl_attr_put_u32(h, FRA_FWMARK, r->ifindex);
			mnl_attr_put_u32(h, FRA_FWMASK, 0);
		}
	} else {
		i->flags = FIB_RULE_INVERT;
		mnl_attr_put_u32(h, FRA_TABLE, table);
		mnl_attr_put_u32(h, FRA_FWMARK, ROUTE_MARK);
		mnl_attr_put_u32(h, FRA_FWMASK, UINT32_MAX);
	}
	mnl_attr_put_u32(h, FRA_PRIORITY, prio);
	return (netlink_talk(&r->nl, h, NULL, NULL));
}

/* "ipproto P sport N lookup T", of the ${i}-th of ${r}->ports. */
static int
port_rule_change(struct router *r, size_t i, bool on)
{
	const struct route_port *p = &r->ports[i];
	const struct fib_rule_port_range range = { p->port, p->port };
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, on ? RTM_NEWRULE : RTM_DELRULE, on ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct fib_rule_hdr *hdr = mnl_nlmsg_put_extra_header(h, sizeof(*hdr));

	hdr->family = p->family == 6 ? AF_INET6 : AF_INET;
	hdr->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(h, FRA_TABLE, TABLE_PORT(r, i));
	mnl_attr_put_u8(h, FRA_IP_PROTO, p->proto);
	if (p->port != 0)
		mnl_attr_put(h, FRA_SPORT_RANGE, sizeof(range), &range);
	mnl_attr_put_u32(h, FRA_PRIORITY, PRIO_COVERS);
	return (netlink_talk(&r->nl, h, NULL, NULL));
}

/*
 * A rule for the protocol and port of ${t}, if it has one. Where that is not possible (too many, an old kernel), ${t}
 * becomes a route for all packets.
 */
void
route_port_need(struct router *r, struct route *t)
{
	if (t->proto == 0 || route_port_index(r, t) < ROUTER_PORTS)
		return;
	if (r->n_ports < ROUTER_PORTS && t->covers && !r->block) {
		r->ports[r->n_ports] = (struct route_port){ t->net.family, t->proto, t->port };
		if (port_rule_change(r, r->n_ports, true) == 0 || errno == EEXIST) {
			r->n_ports++;
			return;
		}
	}
	t->proto = 0;
	t->port = 0;
}

/* The rules of a table for the whole internet, or for less. */
static int
rules_change(struct router *r, bool v6, bool whole, bool on)
{
	int rc = 0;

	if (whole && route_rule_change(r, v6, true, 0, PRIO_MAIN, on) != 0 && errno != EEXIST)
		rc = -1;
	if (route_rule_change(r, v6, false, TABLE(r, whole), whole ? PRIO_WHOLE : PRIO_COVERS, on) != 0 && errno != EEXIST)
		rc = -1;
	return (rc);
}

int
route_rules_need(struct router *r, const struct route *t, struct fault *f)
{
	bool v6 = t->net.family == 6, whole = t->prefix == 0;

	if (r->rules[v6][whole] || t->proto != 0)
		return (0);
	/* EEXIST: a killed esp-tun whose device had this number left it behind. */
	if (rules_change(r, v6, whole, true) != 0)
		return (fault_because(f, CAUSE_TUN,
		    fault_sys(f, netlink_code(errno), "cannot add a routing rule for the tunnel")));
	r->rules[v6][whole] = true;
	return (0);
}

void
route_rules_drop(struct router *r)
{
	for (size_t i = 0; i < r->n_ports; i++)
		(void)port_rule_change(r, i, false);
	r->n_ports = 0;
	for (int v6 = 0; v6 < 2; v6++)
		for (int whole = 0; whole < 2; whole++) {
			if (!r->rules[v6][whole])
				continue;
			(void)rules_change(r, v6 != 0, whole != 0, false);
			r->rules[v6][whole] = false;
		}
}

/* ---- the MTU of a route, without what the kernel has learnt from ICMP errors */

struct found { unsigned oif; size_t mtu; };

static int
metric(const struct nlattr *a, void *ctx)
{
	struct found *w = ctx;

	if (mnl_attr_get_type(a) == RTAX_MTU && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
		w->mtu = mnl_attr_get_u32(a);
	return (MNL_CB_OK);
}

static int
route_attr(const struct nlattr *a, void *ctx)
{
	struct found *w = ctx;

	if (mnl_attr_get_type(a) == RTA_OIF && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
		w->oif = mnl_attr_get_u32(a);
	else if (mnl_attr_get_type(a) == RTA_METRICS)
		(void)mnl_attr_parse_nested(a, metric, w);
	return (MNL_CB_OK);
}

static int
on_route(const struct nlmsghdr *h, void *ctx)
{
	if (h->nlmsg_type == RTM_NEWROUTE && mnl_nlmsg_get_payload_len(h) >= sizeof(struct rtmsg))
		(void)mnl_attr_parse(h, sizeof(struct rtmsg), route_attr, ctx);
	return (MNL_CB_OK);
}

static int
link_attr(const struct nlattr *a, void *ctx)
{
	struct found *w = ctx;

	if (mnl_attr_get_type(a) == IFLA_MTU && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
		w->mtu = mnl_attr_get_u32(a);
	return (MNL_CB_OK);
}

static int
on_link(const struct nlmsghdr *h, void *ctx)
{
	if (h->nlmsg_type == RTM_NEWLINK && mnl_nlmsg_get_payload_len(h) >= sizeof(struct ifinfomsg))
		(void)mnl_attr_parse(h, sizeof(struct ifinfomsg), link_attr, ctx);
	return (MNL_CB_OK);
}

/* ${flags}: RTM_F_FIB_MATCH for the entry of the table rather than what the kernel makes of it. */
static int
ask_route(struct router *r, const struct addr *remote, uint32_t mark, uint32_t flags, struct found *w)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, RTM_GETROUTE, 0);
	struct rtmsg *t = mnl_nlmsg_put_extra_header(h, sizeof(*t));

	t->rtm_family = remote->family == 4 ? AF_INET : AF_INET6;
	t->rtm_dst_len = (uint8_t)(8 * addr_len(remote));
	t->rtm_flags = flags;
	mnl_attr_put(h, RTA_DST, addr_len(remote), remote->b);
	if (mark != 0)
		mnl_attr_put_u32(h, RTA_MARK, mark);
	if (remote->scope != 0)
		mnl_attr_put_u32(h, RTA_OIF, remote->scope);
	return (netlink_talk(&r->nl, h, on_route, w));
}

size_t
router_path_mtu(struct router *r, const struct addr *remote, uint32_t mark)
{
	struct found now = {0}, entry = {0}, dev = {0};
	struct netlink_msg m;
	struct ifinfomsg *i;
	struct nlmsghdr *h;

	if (ask_route(r, remote, mark, 0, &now) != 0 || now.oif == 0)
		return (0);
	(void)ask_route(r, remote, mark, RTM_F_FIB_MATCH, &entry);	/* an older kernel has no such question */
	h = netlink_begin(&r->nl, &m, RTM_GETLINK, 0);
	i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	i->ifi_index = (int)now.oif;
	if (netlink_talk(&r->nl, h, on_link, &dev) != 0)
		return (0);
	return (entry.mtu != 0 && entry.mtu < dev.mtu ? entry.mtu : dev.mtu);
}
