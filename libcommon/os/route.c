/* Addresses, routes and rules of a tunnel device. */
#include "os/route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>

#include "os/route_priv.h"

#define BLOCKS_MAX	254	/* of one range of IPv6 addresses */
#define DUMP_TRIES	5
/* Packets, as of Ethernet. TUN's own 500 are 2.5 ms of 200,000 a second: another process has the processor for longer. */
#define QUEUE		1000

static uint8_t
family_of(const struct addr *a)
{
	return (a->family == 4 ? AF_INET : AF_INET6);
}

static void
put_addr(struct nlmsghdr *h, uint16_t type, const struct addr *a)
{
	mnl_attr_put(h, type, addr_len(a), a->b);
}

int
router_open(struct router *r, unsigned ifindex, struct fault *f)
{
	*r = (struct router){ .ifindex = ifindex };
	if (netlink_open(&r->nl, f) != 0)
		return (-1);
	route_sweep(r);
	return (0);
}

/* ---- the device */

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

/* Remembers the state of the device as it is. */
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

/* Sets a number of the device where the kernel can: the tunnel works without. */
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

/* The device as it was before router_link_up(). */
static void
link_restore(struct router *r)
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
	/* Before it is up, or the kernel has made addresses already; without IPv6 it knows no such mode. */
	if (link_set(r, mtu, true, NULL) != 0 && link_set(r, mtu, false, f) != 0) {
		/* A device that was made for this user, who may not change it: it will do if it is so already. */
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

	i->ifa_family = family_of(a);
	i->ifa_prefixlen = prefix;
	i->ifa_flags = a->family == 6 ? IFA_F_NODAD : 0;
	i->ifa_index = r->ifindex;
	put_addr(h, IFA_LOCAL, a);
	put_addr(h, IFA_ADDRESS, a);
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

struct find { const struct selector *in; unsigned own; struct addr best; bool own_best; };

static int
find_attr(const struct nlattr *a, void *ctx)
{
	const struct nlattr **found = ctx;
	uint16_t type = mnl_attr_get_type(a);

	/* On a point-to-point device IFA_ADDRESS is the other end. */
	if (type == IFA_LOCAL || (type == IFA_ADDRESS && *found == NULL))
		*found = a;
	return (MNL_CB_OK);
}

static int
find_each(const struct nlmsghdr *h, void *ctx)
{
	struct find *w = ctx;
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(h);
	const struct nlattr *at = NULL;
	struct addr a;

	if (h->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(h) < sizeof(*i))
		return (MNL_CB_OK);
	(void)mnl_attr_parse(h, sizeof(*i), find_attr, &at);
	/* 127.0.0.1 and link-local addresses reach no other network. */
	if (at == NULL || i->ifa_scope >= RT_SCOPE_LINK || i->ifa_family != family_of(&w->in->first) ||
	    mnl_attr_get_payload_len(at) != addr_len(&w->in->first))
		return (MNL_CB_OK);
	a = addr_make(w->in->first.family, mnl_attr_get_payload(at));
	if (!selector_has_addr(w->in, &a) || (w->best.family != 0 && !w->own_best))
		return (MNL_CB_OK);
	w->best = a;
	w->own_best = i->ifa_index == w->own;
	return (MNL_CB_OK);
}

bool
router_find_address(struct router *r, const struct selector *s, struct addr *out)
{
	struct find w;
	struct netlink_msg m;
	struct nlmsghdr *h;
	struct ifaddrmsg *i;
	int rc, tries = 0;

	/* The kernel interrupts the dump if an address changes meanwhile: start over. */
	do {
		w = (struct find){ .in = s, .own = r->ifindex };
		h = netlink_begin(&r->nl, &m, RTM_GETADDR, NLM_F_DUMP);
		i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
		i->ifa_family = family_of(&s->first);
		rc = netlink_talk(&r->nl, h, find_each, &w);
	} while (rc != 0 && errno == EINTR && ++tries < DUMP_TRIES);
	if (rc != 0 || w.best.family == 0)
		return (false);
	*out = w.best;
	return (true);
}

/* ---- routes and rules */

/* Whether ${t} belongs to the table of the whole internet. */
static bool
is_whole(const struct route *t)
{
	return (t->hole ? t->whole : t->prefix == 0);
}

/* ${on}: adds, else deletes. 0 or -1 with errno. */
static int
route_change(struct router *r, const struct route *t, bool on)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, on ? RTM_NEWROUTE : RTM_DELROUTE,
	    on ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct rtmsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	size_t at = route_port_index(r, t);

	i->rtm_family = family_of(&t->net);
	i->rtm_dst_len = t->prefix;
	i->rtm_protocol = RTPROT_STATIC;
	i->rtm_scope = t->net.family == 4 && !t->hole && t->via.family == 0 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	i->rtm_flags = t->via.family != 0 ? RTNH_F_ONLINK : 0;
	i->rtm_type = t->hole ? RTN_THROW : RTN_UNICAST;
	i->rtm_table = RT_TABLE_MAIN;
	if (t->covers) {
		i->rtm_table = RT_TABLE_UNSPEC;
		mnl_attr_put_u32(h, RTA_TABLE, at < ROUTER_PORTS ? TABLE_PORT(r, at) : TABLE(r, is_whole(t)));
	}
	if (t->prefix > 0)
		put_addr(h, RTA_DST, &t->net);
	if (!t->hole)
		mnl_attr_put_u32(h, RTA_OIF, r->ifindex);
	if (t->via.family != 0)
		put_addr(h, RTA_GATEWAY, &t->via);
	if (r->metric != 0)
		mnl_attr_put_u32(h, RTA_PRIORITY, r->metric);
	if (t->src.family != 0 && on && !t->hole)
		put_addr(h, RTA_PREFSRC, &t->src);
	return (netlink_talk(&r->nl, h, NULL, NULL));
}

/* Puts an unreachable route behind ${t}, or its hole into that route; one that is there is as good. -1 with errno. */
static int
block(struct router *r, const struct route *t)
{
	struct netlink_msg m;
	struct nlmsghdr *h;
	struct rtmsg *i;
	bool v6 = t->net.family == 6, whole = is_whole(t);

	if (t->covers && ((whole && route_rule_change(r, v6, true, 0, PRIO_BLOCK_MAIN, true) != 0 && errno != EEXIST) ||
	    (route_rule_change(r, v6, false, TABLE_BLOCK(whole), whole ? PRIO_BLOCK_WHOLE : PRIO_BLOCK_COVERS, true) != 0 &&
	    errno != EEXIST)))
		return (-1);
	h = netlink_begin(&r->nl, &m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	i->rtm_family = family_of(&t->net);
	i->rtm_dst_len = t->prefix;
	i->rtm_protocol = ROUTE_BLOCK_PROTO;
	i->rtm_scope = RT_SCOPE_UNIVERSE;
	i->rtm_type = t->hole ? RTN_THROW : RTN_UNREACHABLE;
	i->rtm_table = RT_TABLE_UNSPEC;
	mnl_attr_put_u32(h, RTA_TABLE, t->covers ? TABLE_BLOCK(whole) : RT_TABLE_MAIN);
	if (t->prefix > 0)
		put_addr(h, RTA_DST, &t->net);
	mnl_attr_put_u32(h, RTA_PRIORITY, ROUTE_BLOCK_METRIC);
	return (netlink_talk(&r->nl, h, NULL, NULL) == 0 || errno == EEXIST ? 0 : -1);
}

static int
route_cmp(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int c = addr_cmp(&x->net, &y->net);

	if (c != 0)
		return (c);
	if (x->prefix != y->prefix)
		return (x->prefix < y->prefix ? -1 : 1);
	if (x->covers != y->covers)
		return ((int)x->covers - (int)y->covers);
	if (x->hole != y->hole || x->whole != y->whole)
		return ((x->hole * 2 + x->whole) - (y->hole * 2 + y->whole));
	return (x->proto != y->proto ? (int)x->proto - (int)y->proto : (int)x->port - (int)y->port);
}

static int
route_through(struct router *r, const struct route *t, struct fault *f)
{
	char text[ADDR_TEXT];
	struct route plain = *t;
	int rc;

	if (t->covers && !t->hole && route_rules_need(r, t, f) != 0)
		return (-1);
	rc = route_change(r, t, true);
	if (rc != 0 && errno == EINVAL && t->src.family != 0) {
		/* The source address was removed in the meantime. */
		plain.src.family = 0;
		rc = route_change(r, &plain, true);
	}
	if (rc == 0 || (t->hole && errno == EEXIST))
		return (0);
	if (errno == EEXIST)
		return (fault(f, FAULT_SYSTEM, "there is a route to %s/%u already, it is left as it is",
		    addr_text(text, &t->net), t->prefix));
	return (fault_sys(f, netlink_code(errno), "cannot add a route to %s/%u",
	    addr_text(text, &t->net), t->prefix));
}

static int
route_add(struct router *r, const struct route *t, struct fault *f)
{
	char text[ADDR_TEXT];
	/* First: no packet may find neither of the two. */
	int blocked = r->block ? block(r, t) : 0, why = errno;

	if (route_through(r, t, f) != 0)
		return (-1);
	errno = why;
	return (blocked == 0 ? 0 : fault_sys(f, netlink_code(why), "cannot put an unreachable route behind %s/%u",
	    addr_text(text, &t->net), t->prefix));
}

/* Room for ${n} routes, and some more. 0, or -1. */
static int
room(struct router *r, size_t n, struct fault *f)
{
	struct route *list;

	if (n <= r->cap_have)
		return (0);
	n += n / 8 + 8;
	if ((list = realloc(r->have, n * sizeof(*list))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for routes"));
	r->have = list;
	r->cap_have = n;
	return (0);
}

static void
count_prefix(struct router *r, const struct route *t, int by)
{
	if (!t->covers)
		r->prefixes[t->net.family == 6][t->prefix] += (uint32_t)by;
}

/* The place of ${t}, or of the first one behind it. */
static size_t
place(const struct router *r, const struct route *t)
{
	size_t lo = 0, hi = r->n_have, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (route_cmp(&r->have[mid], t) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

static bool
is_at(const struct router *r, size_t i, const struct route *t)
{
	return (i < r->n_have && route_cmp(&r->have[i], t) == 0);
}

int
router_add(struct router *r, const struct route *t, struct fault *f)
{
	struct route one = *t;
	size_t i;

	route_port_need(r, &one);
	one.refs = 1;
	if (is_at(r, i = place(r, &one), &one)) {
		r->have[i].refs++;
		return (0);
	}
	if (room(r, r->n_have + 1, f) != 0)
		return (-1);
	/* As in router_sync(): one that another program has stays on the list. */
	memmove(&r->have[i + 1], &r->have[i], (r->n_have++ - i) * sizeof(one));
	r->have[i] = one;
	count_prefix(r, &one, 1);
	return (route_add(r, &one, f));
}

void
router_remove(struct router *r, const struct route *t)
{
	struct route one = *t;
	size_t i = 0;

	/* As it was when it was added: before a peer came that it covers, or without the rule that there was no room for. */
	for (int k = 0; k < 4; k++) {
		one.covers = t->covers != ((k & 1) != 0);
		one.proto = k < 2 ? t->proto : 0;
		one.port = k < 2 ? t->port : 0;
		if (is_at(r, i = place(r, &one), &one))
			break;
	}
	if (!is_at(r, i, &one) || --r->have[i].refs > 0)
		return;
	count_prefix(r, &r->have[i], -1);
	(void)route_change(r, &r->have[i], false);
	memmove(&r->have[i], &r->have[i + 1], (--r->n_have - i) * sizeof(one));
}

bool
router_leads(const struct router *r, const struct addr *a)
{
	const uint32_t *count = r->prefixes[a->family == 6];
	unsigned bits = (unsigned)(8 * addr_len(a));
	struct route t = { .net = *a };

	t.net.scope = 0;
	for (unsigned p = bits + 1; p-- > 0; ) {
		if (p < bits)
			t.net.b[p / 8] &= (uint8_t)~(0x80 >> p % 8);
		t.prefix = (uint8_t)p;
		for (size_t i = count[p] > 0 ? place(r, &t) : r->n_have; i < r->n_have && addr_cmp(&r->have[i].net, &t.net) == 0 &&
		    r->have[i].prefix == p; i++)
			if (!r->have[i].covers)
				return (true);
	}
	return (false);
}

int
router_sync(struct router *r, struct route *want, size_t n, struct fault *f)
{
	struct fault first = {0}, one;
	size_t i, j, kept = 0;
	int c;

	for (i = 0; i < n; i++) {
		route_port_need(r, &want[i]);
		want[i].refs = 1;
	}
	if (n > 1)
		qsort(want, n, sizeof(*want), route_cmp);
	for (i = 0; i < n; i++)
		if (kept == 0 || route_cmp(&want[kept - 1], &want[i]) != 0)
			want[kept++] = want[i];
		else
			want[kept - 1].refs++;
	n = kept;
	if (room(r, n, f) != 0)
		return (-1);
	for (i = j = 0; i < n || j < r->n_have; ) {
		c = i == n ? 1 : j == r->n_have ? -1 : route_cmp(&want[i], &r->have[j]);
		if (c > 0)
			(void)route_change(r, &r->have[j++], false);
		else if (c < 0) {
			if (route_add(r, &want[i++], &one) != 0 && first.code == FAULT_NONE)
				first = one;
		} else {
			/* Another next hop: the kernel has one route of that metric to a network. */
			if (addr_cmp(&want[i].via, &r->have[j].via) != 0) {
				(void)route_change(r, &r->have[j], false);
				if (route_add(r, &want[i], &one) != 0 && first.code == FAULT_NONE)
					first = one;
			}
			i++;
			j++;
		}
	}
	if (n > 0)
		memcpy(r->have, want, n * sizeof(*want));
	r->n_have = n;
	memset(r->prefixes, 0, sizeof(r->prefixes));
	for (i = 0; i < n; i++)
		count_prefix(r, &r->have[i], 1);
	if (first.code == FAULT_NONE)
		return (0);
	if (f != NULL)
		*f = first;
	return (-1);
}

void
router_close(struct router *r)
{
	size_t i;

	if (r->nl.nl != NULL) {
		for (i = 0; i < r->n_have; i++)
			(void)route_change(r, &r->have[i], false);
		route_rules_drop(r);
		link_restore(r);
	}
	netlink_close(&r->nl);
	free(r->have);
	*r = (struct router){0};
}

/* ---- ranges */

/* The last address of the block of ${prefix} bits that begins at ${a}. */
static struct addr
block_end(struct addr a, unsigned prefix)
{
	for (unsigned b = prefix; b < 8 * addr_len(&a); b++)
		a.b[b / 8] |= (uint8_t)(0x80 >> b % 8);
	return (a);
}

size_t
route_blocks(const struct selector *s, struct route *out, size_t cap)
{
	struct addr at = s->first, end;
	unsigned bits = (unsigned)(8 * addr_len(&at)), prefix;
	size_t n = 0, i;

	while (n < cap && n < BLOCKS_MAX) {
		/* The widest block that begins here and does not go too far. */
		for (prefix = bits; prefix > 0; prefix--) {
			if ((at.b[(prefix - 1) / 8] & (0x80 >> (prefix - 1) % 8)) != 0)
				break;
			end = block_end(at, prefix - 1);
			if (addr_cmp(&end, &s->last) > 0)
				break;
		}
		out[n++] = (struct route){ .net = at, .prefix = (uint8_t)prefix };
		end = block_end(at, prefix);
		if (addr_cmp(&end, &s->last) >= 0)
			break;
		for (i = addr_len(&end); i-- > 0 && ++end.b[i] == 0; )
			;
		at = end;
	}
	return (n);
}
