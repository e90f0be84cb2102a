/* Addresses and ports as a sockaddr, and back. */
#include "os/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/biglock.h"

socklen_t
sockaddr_put(struct sockaddr_storage *ss, const struct endpoint *e)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	memset(ss, 0, sizeof(*ss));
	if (e->addr.family == 4) {
		sin.sin_port = htons(e->port);
		memcpy(&sin.sin_addr, e->addr.b, 4);
		memcpy(ss, &sin, sizeof(sin));
		return (sizeof(sin));
	}
	sin6.sin6_port = htons(e->port);
	sin6.sin6_scope_id = e->addr.scope;
	memcpy(&sin6.sin6_addr, e->addr.b, 16);
	memcpy(ss, &sin6, sizeof(sin6));
	return (sizeof(sin6));
}

struct endpoint
sockaddr_get(const struct sockaddr_storage *ss)
{
	struct endpoint e = {0};
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	if (ss->ss_family == AF_INET) {
		memcpy(&sin, ss, sizeof(sin));
		e.addr.family = 4;
		memcpy(e.addr.b, &sin.sin_addr, 4);
		e.port = ntohs(sin.sin_port);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(&sin6, ss, sizeof(sin6));
		e.addr.family = 6;
		memcpy(e.addr.b, &sin6.sin6_addr, 16);
		e.addr.scope = sin6.sin6_scope_id;
		e.port = ntohs(sin6.sin6_port);
	}
	return (e);
}

bool
socket_reports_earlier(int err)
{
	return (err == ECONNREFUSED || err == EHOSTUNREACH || err == ENETUNREACH || err == EPROTO || err == EHOSTDOWN ||
	    err == ENONET || err == EOPNOTSUPP || err == EMSGSIZE || err == EACCES || err == ENOPROTOOPT);
}

int
socket_send(int fd, struct mmsghdr *m, unsigned n)
{
	int sent = -1;

	for (int i = 0; i < 4 && sent == -1; i++) {
		biglock_leave();
		sent = sendmmsg(fd, m, n, MSG_DONTWAIT);
		biglock_take();
		if (sent == -1 && !socket_reports_earlier(errno))
			break;
	}
	return (sent);
}
