/*
 * What a killed process leaves: its device takes the routes along, but not the rules, nor the holes (throw routes). A later
 * device may get the same number.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "net/route_priv.h"

#define LEFT_MAX	64	/* removed in one start; the next one removes more */
#define SWEEP_TRIES	5

struct left {
	bool		 rule, v6;
	uint32_t	 table, prio, mark;	/* ${mark}: of a rule of the main table, a device's number */
	uint8_t		 prefix;
	struct addr	 net;
};

struct sweep {
	const struct router *r;
	size_t		 n;
	struct left	 left[LEFT_MAX];
};

/* Whether device ${index} is gone, or is ours, which has nothing yet. */
static bool
is_stale(const struct router *r, unsigned index)
{
	char name[IF_NAMESIZE];

	return (index == r->ifindex || if_indextoname(index, name) == NULL);
}

/* Whether ${table} is one of a tunnel whose device is gone, or is ours. */
static bool
stale_table(const struct router *r, uint32_t table)
{
	if ((table & TABLE_KIND) == TABLE_NETS && (table | 1) != TABLE_BLOCK(1))
		return (is_stale(r, table >> 1 & 0x7fffffu));
	return ((table & TABLE_KIND) == TABLE_PORTS && is_stale(r, table >> 3 & 0x1fffffu));
}

static void
put(struct sweep *s, const struct left *l)
{
	if (s->n < LEFT_MAX)
		s->left[s->n++] = *l;
}

struct attrs { const struct nlattr *at[FRA_MAX + 1]; };

/* Both kinds of messages have few attributes, of numbers below FRA_MAX. */
static int
keep_attr(const struct nlattr *a, void *ctx)
{
	struct attrs *t = ctx;

	if (mnl_attr_get_type(a) <= FRA_MAX)
		t->at[mnl_attr_get_type(a)] = a;
	return (MNL_CB_OK);
}

static uint32_t
number(const struct attrs *t, unsigned type)
{
	const struct nlattr *a = t->at[type];

	return (a != NULL && mnl_attr_get_payload_len(a) == sizeof(uint32_t) ? mnl_attr_get_u32(a) : 0);
}

static int
rule_each(const struct nlmsghdr *h, void *ctx)
{
	const struct fib_rule_hdr *i = mnl_nlmsg_get_payload(h);
	struct attrs t = {0};
	struct sweep *s = ctx;
	struct left l = { .rule = true };

	if (h->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(h) < sizeof(*i))
		return (MNL_CB_OK);
	(void)mnl_attr_parse(h, sizeof(*i), keep_attr, &t);
	l.v6 = i->family == AF_INET6;
	l.table = number(&t, FRA_TABLE);
	l.prio = number(&t, FRA_PRIORITY);
	if (l.prio == PRIO_MAIN && l.table == RT_TABLE_MAIN && (l.mark = number(&t, FRA_FWMARK)) != 0 &&
	    number(&t, FRA_FWMASK) == 0 ? is_stale(s->r, l.mark) :
	    (l.prio == PRIO_COVERS || l.prio == PRIO_WHOLE) && stale_table(s->r, l.table))
		put(s, &l);
	return (MNL_CB_OK);
}

static int
route_each(const struct nlmsghdr *h, void *ctx)
{
	const struct rtmsg *i = mnl_nlmsg_get_payload(h);
	const struct nlattr *dst;
	struct attrs t = {0};
	struct sweep *s = ctx;
	struct left l = {0};

	if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof(*i) || i->rtm_type != RTN_THROW)
		return (MNL_CB_OK);
	(void)mnl_attr_parse(h, sizeof(*i), keep_attr, &t);
	l.v6 = i->rtm_family == AF_INET6;
	l.table = number(&t, RTA_TABLE);
	l.prio = number(&t, RTA_PRIORITY);
	l.prefix = i->rtm_dst_len;
	dst = t.at[RTA_DST];
	if (!stale_table(s->r, l.table) || dst == NULL || mnl_attr_get_payload_len(dst) != (l.v6 ? 16 : 4))
		return (MNL_CB_OK);
	l.net = addr_make(l.v6 ? 6 : 4, mnl_attr_get_payload(dst));
	put(s, &l);
	return (MNL_CB_OK);
}

/* ${kind}: of the routes that are wanted; the kernel filters by it since Linux 4.20. */
static void
look(struct router *r, struct sweep *s, uint16_t type, uint8_t family, uint8_t kind,
    int (*each)(const struct nlmsghdr *, void *))
{
	const size_t had = s->n;
	struct netlink_msg m;
	struct nlmsghdr *h;
	struct rtmsg *i;
	int rc, tries = 0;

	/* The kernel interrupts the dump if something changes meanwhile: start over. */
	do {
		s->n = had;
		h = netlink_begin(&r->nl, &m, type, NLM_F_DUMP);
		i = mnl_nlmsg_put_extra_header(h, sizeof(*i));	/* as long as that of rules */
		i->rtm_family = family;
		i->rtm_type = kind;
		rc = netlink_talk(&r->nl, h, each, s);
	} while (rc != 0 && errno == EINTR && ++tries < SWEEP_TRIES);
}

static void
drop(struct router *r, const struct left *l)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(&r->nl, &m, l->rule ? RTM_DELRULE : RTM_DELROUTE, 0);
	struct fib_rule_hdr *rule;
	struct rtmsg *route;

	if (l->rule) {
		rule = mnl_nlmsg_put_extra_header(h, sizeof(*rule));
		rule->family = l->v6 ? AF_INET6 : AF_INET;
		rule->action = FR_ACT_TO_TBL;
		mnl_attr_put_u32(h, FRA_TABLE, l->table);
		mnl_attr_put_u32(h, FRA_PRIORITY, l->prio);
		if (l->mark != 0) {
			mnl_attr_put_u32(h, FRA_FWMARK, l->mark);
			mnl_attr_put_u32(h, FRA_FWMASK, 0);
		}
	} else {
		route = mnl_nlmsg_put_extra_header(h, sizeof(*route));
		route->rtm_family = l->v6 ? AF_INET6 : AF_INET;
		route->rtm_dst_len = l->prefix;
		route->rtm_scope = RT_SCOPE_UNIVERSE;
		route->rtm_type = RTN_THROW;
		mnl_attr_put_u32(h, RTA_TABLE, l->table);
		mnl_attr_put(h, RTA_DST, addr_len(&l->net), l->net.b);
		if (l->prio != 0)
			mnl_attr_put_u32(h, RTA_PRIORITY, l->prio);
	}
	(void)netlink_talk(&r->nl, h, NULL, NULL);
}

void
route_sweep(struct router *r)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct sweep s = { .r = r };
	int on = 1, off = 0;
	size_t i;

	(void)mnl_socket_setsockopt(r->nl.nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	for (i = 0; i < 2; i++) {
		look(r, &s, RTM_GETRULE, families[i], 0, rule_each);
		look(r, &s, RTM_GETROUTE, families[i], RTN_THROW, route_each);
	}
	(void)mnl_socket_setsockopt(r->nl.nl, NETLINK_GET_STRICT_CHK, &off, sizeof(off));
	for (i = 0; i < s.n; i++)
		drop(r, &s.left[i]);
}
