/* Requests to the kernel's routing netlink and their answers (libmnl), one after the other. */
#ifndef SAPIPE_OS_NETLINK_H
#define SAPIPE_OS_NETLINK_H

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

/* 0, or -1 with FAULT_SYSTEM. It may be kept open while privileges are dropped to CAP_NET_ADMIN. */
int netlink_open(struct netlink *n, struct fault *f);
/* Harmless where it is not open. */
void netlink_close(struct netlink *n);

/* Begins a request in ${m}, to be acknowledged; ${type} and ${flags} are RTM_ and NLM_F_ constants. */
struct nlmsghdr *netlink_begin(struct netlink *n, struct netlink_msg *m, uint16_t type, uint16_t flags);

/*
 * Sends ${h} and waits for the answer, each message of which is handed to ${each} (NULL: none is looked
 * at), which returns as callbacks of libmnl do. 0, or -1 with errno from the kernel.
 */
int netlink_talk(struct netlink *n, const struct nlmsghdr *h,
    int (*each)(const struct nlmsghdr *h, void *ctx), void *ctx);

/* FAULT_PERMISSION where errno ${e} says that we may not, else FAULT_SYSTEM. */
enum fault_code netlink_code(int e);

#endif
