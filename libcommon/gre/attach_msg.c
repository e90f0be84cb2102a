/* Messages between a GRE device's owner and its tools: one packet of a local socket each. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "gre/attach_priv.h"

int
attach_name(char out[ATTACH_NAME], const char *tun, struct fault *f)
{
	struct stat ns;

	if (tun[0] == '\0' || strlen(tun) >= GRE_TUN_NAME || strchr(tun, '/') != NULL || strcmp(tun, ".") == 0 ||
	    strcmp(tun, "..") == 0)
		return (fault(f, FAULT_CONFIG, "\"%s\" is no name for an interface", tun));
	if (stat("/proc/self/ns/net", &ns) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot look at this network namespace"));
	(void)snprintf(out, ATTACH_NAME, "%lu-%s.gre", (unsigned long)ns.st_ino, tun);
	return (0);
}

int
attach_put(int fd, const struct attach_head *head, struct span data)
{
	struct iovec iov[2] = { { (void *)(uintptr_t)head, sizeof(*head) }, { (void *)(uintptr_t)data.p, data.len } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = data.len > 0 ? 2 : 1 };
	ssize_t n;

	do
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return (n == -1 ? -1 : 0);
}

/* Whether ${a}, from another process, is an address or none. */
static bool
is_addr(const struct addr *a)
{
	return (a->family == 0 || a->family == 4 || a->family == 6);
}

int
attach_get(int fd, uint8_t *buf, struct attach_head *head, struct span *data)
{
	struct iovec iov = { buf, ATTACH_MSG };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(fd, &m, MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return (0);
	if (n < (ssize_t)sizeof(*head) || (m.msg_flags & MSG_TRUNC) != 0)
		return (-1);
	memcpy(head, buf, sizeof(*head));
	if (!is_addr(&head->nbma) || !is_addr(&head->to) || !is_addr(&head->info.local) || !is_addr(&head->info.remote) ||
	    head->info.tun[GRE_TUN_NAME - 1] != '\0')
		return (-1);
	*data = span_of(buf + sizeof(*head), (size_t)n - sizeof(*head));
	return (1);
}
