/* A copy of the kernel's addresses. */
#include "net/addresses.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#define DUMP_TRIES	5
#define EVENTS_BUF	8192
#define EVENTS_TURN	64	/* datagrams of reports read at once */

int
addresses_open(struct addresses *t, struct fault *f)
{
	static const int groups[] = { RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR };

	*t = (struct addresses){0};
	if (netlink_open(&t->events, f) != 0 || netlink_open(&t->query, f) != 0) {
		addresses_close(t);
		return (-1);
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(t->events.nl, NETLINK_ADD_MEMBERSHIP, (void *)(uintptr_t)&groups[i],
		    sizeof(groups[i])) != 0) {
			(void)fault_sys(f, FAULT_SYSTEM, "cannot watch the addresses");
			addresses_close(t);
			return (-1);
		}
	return (0);
}

void
addresses_close(struct addresses *t)
{
	netlink_close(&t->events);
	netlink_close(&t->query);
	free(t->list);
	*t = (struct addresses){0};
}

static int
on_attr(const struct nlattr *a, void *ctx)
{
	const struct nlattr **found = ctx;
	uint16_t type = mnl_attr_get_type(a);

	/* On a point-to-point device IFA_ADDRESS is the other end. */
	if (type == IFA_LOCAL || (type == IFA_ADDRESS && *found == NULL))
		*found = a;
	return (MNL_CB_OK);
}

static void
put(struct addresses *t, const struct addr *a, unsigned ifindex)
{
	size_t cap = t->cap > 0 ? 2 * t->cap : 16;
	void *more;

	if (t->n == t->cap) {
		if (t->n >= ADDRESSES_MAX || (more = realloc(t->list, cap * sizeof(*t->list))) == NULL)
			return;
		t->list = more;
		t->cap = cap;
	}
	t->list[t->n++] = (struct addresses_one){ *a, ifindex };
}

static int
on_address(const struct nlmsghdr *h, void *ctx)
{
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(h);
	const struct nlattr *at = NULL;
	uint8_t family;
	struct addr a;

	if (h->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(h) < sizeof(*i))
		return (MNL_CB_OK);
	(void)mnl_attr_parse(h, sizeof(*i), on_attr, &at);
	/* 127.0.0.1 and link-local addresses reach no other network. */
	if (at == NULL || i->ifa_scope >= RT_SCOPE_LINK || (i->ifa_family != AF_INET && i->ifa_family != AF_INET6))
		return (MNL_CB_OK);
	family = i->ifa_family == AF_INET ? 4 : 6;
	a = (struct addr){ .family = family };
	if (mnl_attr_get_payload_len(at) != addr_len(&a))
		return (MNL_CB_OK);
	a = addr_make(family, mnl_attr_get_payload(at));
	put(ctx, &a, i->ifa_index);
	return (MNL_CB_OK);
}

/* Reads the reports that are there. Whether there was one, or some were lost. */
static bool
changed(struct addresses *t)
{
	uint8_t buf[EVENTS_BUF];
	bool any = false;

	for (int i = 0; i < EVENTS_TURN; i++) {
		if (recv(mnl_socket_get_fd(t->events.nl), buf, sizeof(buf), MSG_DONTWAIT) <= 0 && errno != ENOBUFS)
			break;
		any = true;
	}
	return (any);
}

static bool
ask(struct addresses *t)
{
	struct netlink_msg m;
	struct nlmsghdr *h;
	int rc, tries = 0;

	/* The kernel interrupts the dump if an address changes meanwhile: start over. */
	do {
		t->n = 0;
		t->asked++;
		h = netlink_begin(&t->query, &m, RTM_GETADDR, NLM_F_DUMP);
		(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifaddrmsg));
		rc = netlink_talk(&t->query, h, on_address, t);
	} while (rc != 0 && errno == EINTR && ++tries < DUMP_TRIES);
	return (rc == 0);
}

bool
addresses_find(struct addresses *t, const struct selector *s, unsigned own, struct addr *out)
{
	const struct addresses_one *best = NULL;

	if (t->query.nl == NULL)
		return (false);
	if (changed(t) || !t->known)
		t->known = ask(t);
	for (size_t i = 0; i < t->n && t->known && (best == NULL || best->ifindex == own); i++)
		if (selector_has_addr(s, &t->list[i].a))
			best = &t->list[i];
	if (best != NULL)
		*out = best->a;
	return (best != NULL);
}
