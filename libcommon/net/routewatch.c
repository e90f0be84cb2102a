/* The routes over one device. */
#include "net/routewatch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/route_msg.h"

#define PART_BUF	32768	/* the kernel's parts of a dump are at most that long */
#define EVENTS_TURN	64	/* datagrams of reports read at once */
#define EVENTS_BYTES	(1 << 20)
#define LOG_MAX		4096	/* reports remembered while an answer is read */

const struct routewatch_route *
routewatch_find(struct routewatch *w, const struct addr *a)
{
	return (route_table_find(&w->now, a));
}

/* ---- life */

static void
log_free(struct routewatch *w)
{
	free(w->log);
	w->log = NULL;
	w->n_log = 0;
}

int
routewatch_open(struct routewatch *w, unsigned ifindex, uint64_t salt, struct fault *f)
{
	static const int groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
	    RTNLGRP_LINK };
	int nexthops = RTNLGRP_NEXTHOP, on = 1, bytes = EVENTS_BYTES;

	*w = (struct routewatch){ .ifindex = ifindex, .stale = true };
	w->now.nets.salt = w->next.nets.salt = salt;
	if (netlink_open(&w->events, f) != 0 || netlink_open(&w->answers, f) != 0 || netlink_open(&w->query, f) != 0) {
		routewatch_close(w);
		return (-1);
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(w->events.nl, NETLINK_ADD_MEMBERSHIP, (void *)(uintptr_t)&groups[i],
		    sizeof(groups[i])) != 0) {
			(void)fault_sys(f, FAULT_SYSTEM, "cannot watch the routes");
			routewatch_close(w);
			return (-1);
		}
	/* Linux 5.3 */
	(void)mnl_socket_setsockopt(w->events.nl, NETLINK_ADD_MEMBERSHIP, &nexthops, sizeof(nexthops));
	/* A routing daemon may change thousands of routes at once. If the buffer overflows, the read fails with ENOBUFS. */
	(void)setsockopt(routewatch_events_fd(w), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	/* Linux 4.20: the answer has the routes of one device only. Without it each is looked at. */
	(void)mnl_socket_setsockopt(w->answers.nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return (0);
}

void
routewatch_close(struct routewatch *w)
{
	netlink_close(&w->events);
	netlink_close(&w->answers);
	netlink_close(&w->query);
	route_table_free(&w->now);
	route_table_free(&w->next);
	log_free(w);
}

int
routewatch_events_fd(const struct routewatch *w)
{
	return (w->events.nl != NULL ? mnl_socket_get_fd(w->events.nl) : -1);
}

int
routewatch_answers_fd(const struct routewatch *w)
{
	return (w->answers.nl != NULL ? mnl_socket_get_fd(w->answers.nl) : -1);
}

/* ---- reports */

/* A report about a route, without the hops that it does not have. */
struct route_report { bool added, sure; struct routewatch_route r; };

/* False: the table may differ from the kernel's. */
static bool
apply(struct route_table *t, const struct route_report *x)
{
	/* Over another device, or no unicast route: perhaps it was one of ours. */
	if (x->r.n_hops == 0)
		return (!route_table_has(t, &x->r));
	if (!x->sure)
		return (false);
	return (x->added ? route_table_add(t, &x->r) : route_table_remove(t, &x->r));
}

/* Remembers ${x} for the answer that is being read: whether that is older is not known. */
static void
remember(struct routewatch *w, const struct route_report *x)
{
	if (w->log == NULL && (w->log = malloc(LOG_MAX * sizeof(*w->log))) == NULL)
		w->stale = true;
	else if (w->n_log == LOG_MAX)
		w->stale = true;
	else
		w->log[w->n_log++] = *x;
}

/* Applies what was remembered to the answer that is complete now. */
static void
apply_log(struct routewatch *w)
{
	for (size_t i = 0; i < w->n_log; i++)
		if (!apply(&w->now, &w->log[i]))
			w->stale = true;
	log_free(w);
}

/* A route was added or removed: whether it is, or was, one of the device. */
static bool
on_report(struct routewatch *w, const struct nlmsghdr *h)
{
	const uint16_t how = h->nlmsg_flags & (NLM_F_REPLACE | NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND);
	struct route_report x = { .added = h->nlmsg_type == RTM_NEWROUTE };

	if (!route_msg_of_table(h) || !route_msg_read(&x.r, h, w->ifindex))
		return (false);
	/* Added as the only one of its network, table and metric. */
	x.sure = route_msg_for_all(h) && (!x.added || how == (NLM_F_CREATE | NLM_F_EXCL));
	if (w->family != 0)
		remember(w, &x);
	if (!apply(&w->now, &x))
		w->stale = true;
	else if (x.r.n_hops == 0)
		return (false);
	return (true);
}

struct events { struct routewatch *w; bool changed; };

static int
on_event(const struct nlmsghdr *h, void *ctx)
{
	struct events *x = ctx;
	const struct ifaddrmsg *a = mnl_nlmsg_get_payload(h);
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	bool lost = false;

	switch (h->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		x->changed = on_report(x->w, h) || x->changed;
		return (MNL_CB_OK);
	/* The kernel removes routes together with these, and does not report each. */
	case RTM_NEWADDR:
		lost = mnl_nlmsg_get_payload_len(h) >= sizeof(*a) && a->ifa_index == x->w->ifindex;
		break;
	case RTM_DELADDR:	/* of any device: it may be the source of a route */
	case RTM_DELNEXTHOP:
		lost = true;
		break;
	case RTM_NEWNEXTHOP:
		lost = (h->nlmsg_flags & NLM_F_REPLACE) != 0;
		break;
	case RTM_NEWLINK:
		lost = mnl_nlmsg_get_payload_len(h) >= sizeof(*i) && (unsigned)i->ifi_index == x->w->ifindex;
		break;
	default:
		break;
	}
	x->w->stale = x->w->stale || lost;
	x->changed = x->changed || lost;
	return (MNL_CB_OK);
}

bool
routewatch_changed(struct routewatch *w)
{
	_Alignas(8) uint8_t buf[PART_BUF];
	struct events x = { w, false };
	ssize_t len;

	for (int i = 0; i < EVENTS_TURN; i++) {
		len = recv(routewatch_events_fd(w), buf, sizeof(buf), MSG_DONTWAIT);
		if (len == -1 && errno == ENOBUFS)
			x.changed = w->stale = true;
		else if (len <= 0)
			break;
		else
			(void)mnl_cb_run(buf, (size_t)len, 0, 0, on_event, &x);
	}
	return (x.changed);
}

bool
routewatch_stale(const struct routewatch *w)
{
	return (w->stale);
}

/* ---- all routes */

static int
ask(struct routewatch *w, uint8_t family)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&w->answers, &m, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(h, sizeof(*rt));

	/* A dump that is acknowledged is not filtered. */
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	rt->rtm_family = family;
	mnl_attr_put_u32(h, RTA_OIF, w->ifindex);
	w->family = family;
	if (mnl_socket_sendto(w->answers.nl, h, h->nlmsg_len) >= 0)
		return (0);
	w->family = 0;
	w->stale = true;
	return (-1);
}

int
routewatch_ask(struct routewatch *w)
{
	route_table_free(&w->next);
	log_free(w);
	w->stale = false;
	return (ask(w, AF_INET));
}

bool
routewatch_asked(const struct routewatch *w)
{
	return (w->family != 0);
}

static int
on_route(const struct nlmsghdr *h, void *ctx)
{
	struct routewatch *w = ctx;
	struct routewatch_route r;

	if (h->nlmsg_type == RTM_NEWROUTE && route_msg_of_table(h) && route_msg_read(&r, h, w->ifindex) && r.n_hops > 0)
		route_table_put(&w->next, &r);
	return (MNL_CB_OK);
}

/* The answer ends, with ${rc} of libmnl. */
static int
end(struct routewatch *w, int rc, void *buf, size_t cap)
{
	struct route_table was = w->now;

	w->family = 0;
	if (rc == MNL_CB_STOP) {
		w->now = w->next;
		w->next = was;
	}
	route_table_free(&w->next);
	if (rc == MNL_CB_STOP) {
		apply_log(w);
		return (1);
	}
	log_free(w);
	w->stale = true;
	/* The rest of it is not the answer to the next request. */
	while (recv(routewatch_answers_fd(w), buf, cap, MSG_DONTWAIT) > 0)
		;
	return (-1);
}

int
routewatch_read(struct routewatch *w)
{
	_Alignas(8) uint8_t buf[PART_BUF];
	ssize_t len = recv(routewatch_answers_fd(w), buf, sizeof(buf), MSG_DONTWAIT);
	int rc;

	if (w->family == 0 || (len == -1 && (errno == EAGAIN || errno == EINTR)))
		return (0);
	rc = len <= 0 ? MNL_CB_ERROR :
	    mnl_cb_run(buf, (size_t)len, w->answers.seq, mnl_socket_get_portid(w->answers.nl), on_route, w);
	if (rc > MNL_CB_STOP)
		return (0);
	/* A kernel without IPv6 refuses the second dump. */
	if (rc == MNL_CB_ERROR && w->family == AF_INET6 && errno != EINTR && len > 0)
		rc = MNL_CB_STOP;
	if (rc == MNL_CB_STOP && w->family == AF_INET)
		return (ask(w, AF_INET6));
	return (end(w, rc, buf, sizeof(buf)));
}

/* ---- one route */

struct about { unsigned ifindex; bool it; };

static int
on_one(const struct nlmsghdr *h, void *ctx)
{
	struct about *x = ctx;
	struct routewatch_route r;

	x->it = x->it || (h->nlmsg_type == RTM_NEWROUTE && route_msg_read(&r, h, x->ifindex) && r.n_hops > 0);
	return (MNL_CB_OK);
}

/* The attribute NETCONFA_FORWARDING of the answer. */
static int
on_conf(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *a;
	bool *on = ctx;

	if (h->nlmsg_type == RTM_NEWNETCONF)
		NETLINK_EACH(a, h, sizeof(struct netconfmsg))
			if (mnl_attr_get_type(a) == NETCONFA_FORWARDING && mnl_attr_validate(a, MNL_TYPE_U32) == 0)
				*on = mnl_attr_get_u32(a) != 0;
	return (MNL_CB_OK);
}

/* Whether net.ipv6.conf.all.forwarding is set. A look-up of a route does not depend on it, as it does in IPv4. */
static bool
forwards_v6(struct routewatch *w)
{
	struct netlink_msg m;
	struct netconfmsg *c;
	struct nlmsghdr *h;
	bool on = false;

	h = netlink_begin(&w->query, &m, RTM_GETNETCONF, 0);
	c = mnl_nlmsg_put_extra_header(h, sizeof(*c));
	c->ncm_family = AF_INET6;
	mnl_attr_put_u32(h, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
	return (netlink_talk(&w->query, h, on_conf, &on) == 0 && on);
}

bool
routewatch_returns(struct routewatch *w, const struct addr *src, const struct addr *dst)
{
	struct about x = { w->ifindex, false };
	struct netlink_msg m;
	struct nlmsghdr *h;
	struct rtmsg *rt;

	if (w->query.nl == NULL)
		return (false);
	h = netlink_begin(&w->query, &m, RTM_GETROUTE, 0);
	rt = mnl_nlmsg_put_extra_header(h, sizeof(*rt));
	rt->rtm_family = src->family == 4 ? AF_INET : AF_INET6;
	rt->rtm_src_len = rt->rtm_dst_len = (uint8_t)(8 * addr_len(src));
	mnl_attr_put(h, RTA_SRC, addr_len(src), src->b);
	mnl_attr_put(h, RTA_DST, addr_len(dst), dst->b);
	mnl_attr_put_u32(h, RTA_IIF, w->ifindex);
	return (netlink_talk(&w->query, h, on_one, &x) == 0 && x.it && (src->family == 4 || forwards_v6(w)));
}
