/* The routes over one device. */
#include "net/routewatch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PART_BUF	32768	/* the kernel's parts of a dump are at most that long */
#define EVENTS_TURN	64	/* datagrams of reports read at once */
#define EVENTS_BYTES	(1 << 20)
#define CHUNK		65536	/* bytes of routes that are allocated together */
#define ATTR_MAX	30	/* size of our array: rtattr_type_t as of Linux 6.1 */

/* ---- the table */

/* Routes one behind another, each with its own hops: thousands have one hop, and few as many as there may be. */
struct route_chunk {
	struct route_chunk *next;
	size_t		 used;
	_Alignas(8) uint8_t bytes[CHUNK];
};

struct known { struct prefix at; struct routewatch_route *r; };

void
route_table_free(struct route_table *t)
{
	struct route_chunk *c;

	prefixes_free(&t->nets);
	while ((c = t->chunks) != NULL) {
		t->chunks = c->next;
		free(c);
	}
	t->n = t->ignored = 0;
}

/* ${size} bytes that live as long as the table. NULL: no memory. */
static void *
room(struct route_table *t, size_t size)
{
	struct route_chunk *c = t->chunks;
	uint8_t *p;

	size = (size + 7) / 8 * 8;
	if (c == NULL || CHUNK - c->used < size) {
		if ((c = malloc(sizeof(*c))) == NULL)
			return (NULL);
		c->used = 0;
		c->next = t->chunks;
		t->chunks = c;
	}
	p = c->bytes + c->used;
	c->used += size;
	return (p);
}

/* A copy of ${r} and, behind its hops, of ${n} hops ${more}. NULL: no memory. */
static struct routewatch_route *
copy(struct route_table *t, const struct routewatch_route *r, const struct routewatch_hop *more, size_t n)
{
	size_t size = offsetof(struct routewatch_route, hops) + r->n_hops * sizeof(r->hops[0]);
	struct routewatch_route *new = room(t, size + n * sizeof(r->hops[0]));

	if (new == NULL)
		return (NULL);
	memcpy(new, r, size);
	if (n > 0)
		memcpy((uint8_t *)new + size, more, n * sizeof(r->hops[0]));
	new->n_hops += n;
	return (new);
}

/* Two routes to one network: that of table main, then that of the lower metric. IPv6 may have several of one metric. */
static void
choose(struct route_table *t, struct known *k, const struct routewatch_route *r)
{
	const struct routewatch_route *have = k->r;
	struct routewatch_route *new = NULL;
	size_t n = ROUTEWATCH_HOPS - have->n_hops;

	if (have->main != r->main ? r->main : r->metric < have->metric)
		new = copy(t, r, NULL, 0);
	else if (have->main == r->main && r->metric == have->metric && r->net.family == 6 && n > 0)
		new = copy(t, have, r->hops, r->n_hops < n ? r->n_hops : n);
	else
		return;
	if (new != NULL)
		k->r = new;
	else
		t->ignored++;
}

void
route_table_put(struct route_table *t, const struct routewatch_route *r)
{
	struct addr net = prefix_net(&r->net, r->prefix);
	struct prefix *same = prefixes_same(&t->nets, &net, r->prefix);
	struct known *k = NULL;

	if (same != NULL) {
		choose(t, ENTRY_OF(same, struct known, at), r);
		return;
	}
	if (t->n < ROUTEWATCH_MAX && (k = room(t, sizeof(*k))) != NULL) {
		*k = (struct known){ .at = { .net = net, .bits = r->prefix }, .r = copy(t, r, NULL, 0) };
		if (k->r == NULL || prefixes_put(&t->nets, &k->at) != 0)
			k = NULL;
	}
	if (k == NULL)
		t->ignored++;
	else
		t->n++;
}

const struct routewatch_route *
route_table_find(struct route_table *t, const struct addr *a)
{
	struct prefix *p = prefixes_find(&t->nets, a);

	return (p != NULL ? ENTRY_OF(p, struct known, at)->r : NULL);
}

const struct routewatch_route *
routewatch_find(struct routewatch *w, const struct addr *a)
{
	return (route_table_find(&w->now, a));
}

/* ---- life */

int
routewatch_open(struct routewatch *w, unsigned ifindex, uint64_t salt, struct fault *f)
{
	static const int groups[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
	    RTNLGRP_LINK };
	int on = 1, bytes = EVENTS_BYTES;

	*w = (struct routewatch){ .ifindex = ifindex };
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

/* ---- a route's message */

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

/* Reads a unicast route over ${ifindex}, also one that answers a question. False: it is another one. */
static bool
out_of(struct routewatch_route *r, const struct nlmsghdr *h, unsigned ifindex)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(h);
	const struct nlattr *at[ATTR_MAX + 1];
	uint32_t table;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*rt) || (rt->rtm_family != AF_INET && rt->rtm_family != AF_INET6))
		return (false);
	attrs_of(h, at);
	table = number(at[RTA_TABLE], rt->rtm_table);
	if (rt->rtm_type != RTN_UNICAST || table == RT_TABLE_LOCAL)
		return (false);
	*r = (struct routewatch_route){ .prefix = rt->rtm_dst_len, .main = table == RT_TABLE_MAIN,
	    .metric = number(at[RTA_PRIORITY], 0), .net = addr_of(rt->rtm_family, at[RTA_DST]) };
	if (at[RTA_DST] == NULL)
		r->net.family = rt->rtm_family == AF_INET ? 4 : 6;
	if (r->net.family == 0 || r->prefix > 8 * addr_len(&r->net))
		return (false);
	if (at[RTA_MULTIPATH] != NULL)
		hops_of(r, rt->rtm_family, ifindex, at[RTA_MULTIPATH]);
	else if (number(at[RTA_OIF], 0) == ifindex)
		hop_add(r, at[RTA_VIA] != NULL ? addr_of_via(at[RTA_VIA]) : addr_of(rt->rtm_family, at[RTA_GATEWAY]), 1);
	return (r->n_hops > 0);
}

/* The same, of those in tables. */
static bool
route_of(struct routewatch_route *r, const struct nlmsghdr *h, unsigned ifindex)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(h);

	return (mnl_nlmsg_get_payload_len(h) >= sizeof(*rt) && (rt->rtm_flags & RTM_F_CLONED) == 0 && out_of(r, h, ifindex));
}

/* ---- reports */

struct about { unsigned ifindex; bool it; };

static int
on_event(const struct nlmsghdr *h, void *ctx)
{
	struct about *x = ctx;
	struct routewatch_route r;
	const struct ifaddrmsg *a = mnl_nlmsg_get_payload(h);
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);

	switch (h->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		x->it = x->it || route_of(&r, h, x->ifindex);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		x->it = x->it || (mnl_nlmsg_get_payload_len(h) >= sizeof(*a) && a->ifa_index == x->ifindex);
		break;
	case RTM_NEWLINK:
		x->it = x->it || (mnl_nlmsg_get_payload_len(h) >= sizeof(*i) && (unsigned)i->ifi_index == x->ifindex);
		break;
	default:
		break;
	}
	return (MNL_CB_OK);
}

bool
routewatch_changed(struct routewatch *w)
{
	_Alignas(8) uint8_t buf[PART_BUF];
	struct about x = { w->ifindex, false };
	ssize_t len;

	for (int i = 0; i < EVENTS_TURN; i++) {
		len = recv(routewatch_events_fd(w), buf, sizeof(buf), MSG_DONTWAIT);
		if (len == -1 && errno == ENOBUFS)
			x.it = true;
		else if (len <= 0)
			break;
		else
			(void)mnl_cb_run(buf, (size_t)len, 0, 0, on_event, &x);
	}
	return (x.it);
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
	return (-1);
}

int
routewatch_ask(struct routewatch *w)
{
	route_table_free(&w->next);
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

	if (h->nlmsg_type == RTM_NEWROUTE && route_of(&r, h, w->ifindex))
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
	if (rc == MNL_CB_STOP)
		return (1);
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

static int
on_one(const struct nlmsghdr *h, void *ctx)
{
	struct about *x = ctx;
	struct routewatch_route r;

	x->it = x->it || (h->nlmsg_type == RTM_NEWROUTE && out_of(&r, h, x->ifindex));
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
