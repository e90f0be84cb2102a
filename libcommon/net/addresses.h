/*
 * The addresses of this machine's devices, as the kernel has them now, by netlink (libmnl). The kernel reports each change, so
 * a look-up asks for all of them only if something has changed since the last one.
 */
#ifndef SAPIPE_NET_ADDRESSES_H
#define SAPIPE_NET_ADDRESSES_H

#include "base/addr.h"
#include "net/netlink.h"

#define ADDRESSES_MAX	65536	/* more are ignored */

struct addresses {		/* all zero: not open */
	struct netlink	 events, query;
	bool		 known;		/* ${list} has what the kernel had at the last look */
	struct addresses_one { struct addr a; unsigned ifindex; } *list;	/* in the kernel's order */
	size_t		 n, cap;
	uint64_t	 asked;		/* how often the kernel was asked for all: for tests */
};

/* 0, or -1 with FAULT_SYSTEM. The sockets may stay open when privileges are dropped. */
int addresses_open(struct addresses *t, struct fault *f);
void addresses_close(struct addresses *t);	/* does nothing if it is not open */

/*
 * An address of this machine within ${s}, of more than host or link scope: the first one of a device that is not ${own},
 * else the last one of ${own}. False: there is none, or the kernel did not answer.
 */
bool addresses_find(struct addresses *t, const struct selector *s, unsigned own, struct addr *out);

#endif
