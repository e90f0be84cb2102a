/* The routes of a tunnel device. */
#include "net/route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/biglock.h"
#include "net/route_priv.h"

#define BLOCKS_MAX	254	/* of one range of IPv6 addresses */

int
router_open(struct router *r, unsigned ifindex, struct fault *f)
{
	*r = (struct router){ .ifindex = ifindex };
	if (netlink_open(&r->nl, f) != 0)
		return (-1);
	if (addresses_open(&r->addresses, f) != 0) {
		netlink_close(&r->nl);
		return (-1);
	}
	route_sweep(r);
	return (0);
}

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

	i->rtm_family = route_family(&t->net);
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
		route_put_addr(h, RTA_DST, &t->net);
	if (!t->hole)
		mnl_attr_put_u32(h, RTA_OIF, r->ifindex);
	if (t->via.family != 0)
		route_put_addr(h, RTA_GATEWAY, &t->via);
	if (r->metric != 0)
		mnl_attr_put_u32(h, RTA_PRIORITY, r->metric);
	if (t->src.family != 0 && on && !t->hole)
		route_put_addr(h, RTA_PREFSRC, &t->src);
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
	i->rtm_family = route_family(&t->net);
	i->rtm_dst_len = t->prefix;
	i->rtm_protocol = ROUTE_BLOCK_PROTO;
	i->rtm_scope = RT_SCOPE_UNIVERSE;
	i->rtm_type = t->hole ? RTN_THROW : RTN_UNREACHABLE;
	i->rtm_table = RT_TABLE_UNSPEC;
	mnl_attr_put_u32(h, RTA_TABLE, t->covers ? TABLE_BLOCK(whole) : RT_TABLE_MAIN);
	if (t->prefix > 0)
		route_put_addr(h, RTA_DST, &t->net);
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

/* ---- what is remembered */

/* Room for ${n} routes, and some more, in ${list} of ${*cap}; it may be NULL. NULL: no memory, ${list} stays. */
static struct route_kept *
room(struct route_kept *list, size_t n, size_t *cap)
{
	if (n <= *cap)
		return (list);
	n += n / 8 + 8;
	if ((list = realloc(list, n * sizeof(*list))) != NULL)
		*cap = n;
	return (list);
}

/* Remembers ${t}, of one SA, in ${k}. 0, or -1: no memory. */
static int
keep(struct route_kept *k, const struct route *t)
{
	*k = (struct route_kept){ .net = t->net, .refs = 1, .covers = t->covers, .hole = t->hole, .whole = t->whole, .port = t->port,
	    .proto = t->proto, .prefix = t->prefix };
	if (t->via.family == 0)
		return (0);
	if ((k->via = malloc(sizeof(*k->via))) == NULL)
		return (-1);
	*k->via = t->via;
	return (0);
}

/* The route of ${k} again, without its source address. */
static struct route
route_of(const struct route_kept *k)
{
	return ((struct route){ .net = k->net, .via = k->via != NULL ? *k->via : (struct addr){0}, .covers = k->covers, .hole = k->hole,
	    .whole = k->whole, .port = k->port, .proto = k->proto, .prefix = k->prefix });
}

static void
list_free(struct route_kept *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].via);
	free(list);
}

static void
count_prefix(struct router *r, const struct route_kept *k, int by)
{
	if (!k->covers)
		r->prefixes[k->net.family == 6][k->prefix] += (uint32_t)by;
}

static int
kept_cmp(const struct route_kept *k, const struct route *t)
{
	struct route have = route_of(k);

	return (route_cmp(&have, t));
}

/* The place of ${t}, or of the first one behind it. */
static size_t
place(const struct router *r, const struct route *t)
{
	size_t lo = 0, hi = r->n_have, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (kept_cmp(&r->have[mid], t) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

static bool
is_at(const struct router *r, size_t i, const struct route *t)
{
	return (i < r->n_have && kept_cmp(&r->have[i], t) == 0);
}

/* Removes from the kernel what is remembered as ${k}. */
static void
kept_drop(struct router *r, const struct route_kept *k)
{
	struct route t = route_of(k);

	(void)route_change(r, &t, false);
}

/* ---- one route, and all of them */

int
router_add(struct router *r, const struct route *t, struct fault *f)
{
	struct route_kept *list, k;
	struct route one = *t;
	size_t i;

	route_port_need(r, &one);
	if (is_at(r, i = place(r, &one), &one)) {
		r->have[i].refs++;
		return (0);
	}
	if ((list = room(r->have, r->n_have + 1, &r->cap_have)) != NULL)
		r->have = list;
	if (list == NULL || keep(&k, &one) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for routes"));
	/* As in router_sync(): one that another program has stays on the list. */
	memmove(&list[i + 1], &list[i], (r->n_have++ - i) * sizeof(k));
	list[i] = k;
	count_prefix(r, &k, 1);
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
	kept_drop(r, &r->have[i]);
	free(r->have[i].via);
	memmove(&r->have[i], &r->have[i + 1], (--r->n_have - i) * sizeof(r->have[0]));
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

/* Sorts ${want} and makes ${*list}, of ${*cap}, of it; returns the number of routes without duplicates. SIZE_MAX: no memory. */
static size_t
list_of(struct route_kept **list, size_t *cap, struct route *want, size_t n)
{
	struct route_kept *l = room(NULL, n + 1, cap);
	size_t kept = 0;

	if (l == NULL)
		return (SIZE_MAX);
	if (n > 1)
		qsort(want, n, sizeof(*want), route_cmp);
	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && route_cmp(&want[kept - 1], &want[i]) == 0) {
			l[kept - 1].refs++;
			continue;
		}
		want[kept] = want[i];
		if (keep(&l[kept], &want[kept]) != 0) {
			list_free(l, kept);
			return (SIZE_MAX);
		}
		kept++;
	}
	*list = l;
	return (kept);
}

int
router_sync(struct router *r, struct route *want, size_t n, struct fault *f)
{
	struct fault first = {0}, one;
	struct route_kept *list = NULL;
	struct route had;
	size_t i, j, cap = 0;
	int c;

	for (i = 0; i < n; i++)
		route_port_need(r, &want[i]);
	biglock_leave();	/* nobody else knows these lists */
	n = list_of(&list, &cap, want, n);
	biglock_take();
	if (n == SIZE_MAX)
		return (fault(f, FAULT_MEMORY, "no memory for routes"));
	for (i = j = 0; i < n || j < r->n_have; ) {
		biglock_yield();
		c = i == n ? 1 : j == r->n_have ? -1 : -kept_cmp(&r->have[j], &want[i]);
		if (c > 0)
			kept_drop(r, &r->have[j++]);
		else if (c < 0) {
			if (route_add(r, &want[i++], &one) != 0 && first.code == FAULT_NONE)
				first = one;
		} else {
			had = route_of(&r->have[j]);
			/* Another next hop: the kernel has one route of that metric to a network. */
			if (addr_cmp(&want[i].via, &had.via) != 0) {
				(void)route_change(r, &had, false);
				if (route_add(r, &want[i], &one) != 0 && first.code == FAULT_NONE)
					first = one;
			}
			i++;
			j++;
		}
	}
	list_free(r->have, r->n_have);
	r->have = list;
	r->n_have = n;
	r->cap_have = cap;
	memset(r->prefixes, 0, sizeof(r->prefixes));
	for (i = 0; i < n; i++)
		count_prefix(r, &list[i], 1);
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
			kept_drop(r, &r->have[i]);
		route_rules_drop(r);
		route_device_restore(r);
	}
	netlink_close(&r->nl);
	addresses_close(&r->addresses);
	list_free(r->have, r->n_have);
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
