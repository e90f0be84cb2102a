/* Requests to the kernel's routing netlink and their answers (libmnl), one at a time. */
#ifndef SAPIPE_NET_NETLINK_H
#define SAPIPE_NET_NETLINK_H

#include <stdint.h>

#include "base/fault.h"

#define NETLINK_BUF	8192	/* of one request */

struct mnl_socket;
struct nlmsghdr;

struct netlink {		/* all zero: not open */
	struct mnl_socket *nl;
	unsigned	 seq;
};

/* Room for a request, aligned for its header. */
struct netlink_msg { _Alignas(8) uint8_t b[NETLINK_BUF]; };

/* 0, or -1 with FAULT_SYSTEM. The socket may stay open when privileges are dropped to CAP_NET_ADMIN. */
int netlink_open(struct netlink *n, struct fault *f);
/* Does nothing if it is not open. */
void netlink_close(struct netlink *n);

/* mnl_attr_for_each() in types that suit -Wconversion: attributes ${a} of ${h}, behind ${skip} bytes. */
#define NETLINK_EACH(a, h, skip)					\
	for ((a) = mnl_nlmsg_get_payload_offset(h, skip); mnl_attr_ok(a,	\
	    (int)((const char *)mnl_nlmsg_get_payload_tail(h) - (const char *)(a))); \
	    (a) = mnl_attr_next(a))

/* Begins a request in ${m}, to be acknowledged; ${type} and ${flags} are RTM_ and NLM_F_ constants. */
struct nlmsghdr *netlink_begin(struct netlink *n, struct netlink_msg *m, uint16_t type, uint16_t flags);

/*
 * Sends ${h}, waits for the answer, and passes each message of it to ${each} (NULL: ignores them), which
 * returns as callbacks of libmnl do. 0, or -1 with errno from the kernel.
 */
int netlink_talk(struct netlink *n, const struct nlmsghdr *h,
    int (*each)(const struct nlmsghdr *h, void *ctx), void *ctx);

/* FAULT_PERMISSION if errno ${e} means a missing permission, else FAULT_SYSTEM. */
enum fault_code netlink_code(int e);

#endif
