/* One netlink request at a time, and its answer. */
#include "net/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include "base/biglock.h"

#define ANSWER_BUF	32768	/* the kernel's parts of a dump are at most that long */

int
netlink_open(struct netlink *n, struct fault *f)
{
	*n = (struct netlink){0};
	n->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (n->nl == NULL || mnl_socket_bind(n->nl, 0, MNL_SOCKET_AUTOPID) != 0) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot open a netlink socket for routes");
		netlink_close(n);
		return (-1);
	}
	return (0);
}

void
netlink_close(struct netlink *n)
{
	if (n->nl != NULL)
		(void)mnl_socket_close(n->nl);
	n->nl = NULL;
}

struct nlmsghdr *
netlink_begin(struct netlink *n, struct netlink_msg *m, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(m->b);

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	h->nlmsg_seq = ++n->seq;
	return (h);
}

/*
 * Discards the rest of an answer that was not read to its end: the kernel may report in the middle of a dump
 * that the table has changed (EINTR). The next request would read the rest as its own answer.
 */
static void
drop_rest(const struct netlink *n, void *buf, size_t cap)
{
	int e = errno;

	while (recv(mnl_socket_get_fd(n->nl), buf, cap, MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
	errno = e;
}

int
netlink_talk(struct netlink *n, const struct nlmsghdr *h,
    int (*each)(const struct nlmsghdr *h, void *ctx), void *ctx)
{
	_Alignas(8) uint8_t buf[ANSWER_BUF];
	ssize_t len;
	int rc;

	biglock_leave();
	len = mnl_socket_sendto(n->nl, h, h->nlmsg_len);
	biglock_take();
	if (len < 0)
		return (-1);
	do {
		biglock_leave();
		len = mnl_socket_recvfrom(n->nl, buf, sizeof(buf));
		biglock_take();
		if (len < 0)
			rc = MNL_CB_ERROR;
		else
			rc = mnl_cb_run(buf, (size_t)len, h->nlmsg_seq, mnl_socket_get_portid(n->nl), each, ctx);
	} while (rc > MNL_CB_STOP);
	if (rc == MNL_CB_STOP)
		return (0);
	drop_rest(n, buf, sizeof(buf));
	return (-1);
}

enum fault_code
netlink_code(int e)
{
	return (e == EPERM || e == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM);
}
