/* The descriptors that all holders of a port share: made, listed, taken over, closed. */
#include "port/port_shared.h"

#include <errno.h>
#include <sys/un.h>
#include <unistd.h>

#include "port/port_name.h"
#include "port/port_socket.h"

/*
 * Whether nobody listens under ${un}, which exists: the tool that made it has ended. No living tool of this
 * user can: it would have the port, which is ours.
 */
static bool
is_stale(const struct sockaddr_un *un, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool stale = fd != -1 && connect(fd, (const struct sockaddr *)un, len) != 0 &&
	    errno == ECONNREFUSED;

	if (fd != -1)
		(void)close(fd);
	return (stale);
}

static int
bind_name(const struct port *p)
{
	struct sockaddr_un un;
	socklen_t len = port_name(&un, p, &p->bound);

	if (bind(p->listener, (struct sockaddr *)&un, len) == 0)
		return (0);
	if (errno != EADDRINUSE || un.sun_path[0] == '\0')
		return (-1);
	if (!is_stale(&un, len)) {
		errno = EADDRINUSE;
		return (-1);
	}
	return (unlink(un.sun_path) != 0 ? -1 : bind(p->listener, (struct sockaddr *)&un, len));
}

int
port_shared_make(struct port *p)
{
	int keep;

	p->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->listener != -1 && bind_name(p) == 0 && listen(p->listener, PORT_HOLDERS) == 0 &&
	    (p->lock = port_lock_make()) != -1 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p->meet) == 0 &&
	    port_take_lock(p))
		return (0);
	keep = errno;
	port_shared_close(p);
	errno = keep;
	return (-1);
}

#define OWN_FDS	4	/* of which this file knows: the others are of port_socket.c */

size_t
port_shared_list(const struct port *p, int fds[PORT_FDS])
{
	fds[0] = p->listener;
	fds[1] = p->lock;
	fds[2] = p->meet[0];
	fds[3] = p->meet[1];
	return (OWN_FDS + port_socket_list(p, fds + OWN_FDS));
}

/* Whether ${fd} is a Unix SEQPACKET socket that listens, or does not. */
static bool
is_unix(int fd, bool listens)
{
	int domain = -1, type = -1, yes = -1;

	return (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){ sizeof(domain) }) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof(type) }) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &(socklen_t){ sizeof(yes) }) == 0 &&
	    domain == AF_UNIX && type == SOCK_SEQPACKET && yes == (int)listens);
}

bool
port_shared_take(struct port *p, const struct endpoint *bound, const int fds[PORT_FDS], size_t n)
{
	size_t i;

	if (n > OWN_FDS && is_unix(fds[0], true) && is_unix(fds[2], false) && is_unix(fds[3], false) &&
	    port_socket_take(p, bound, fds + OWN_FDS, n - OWN_FDS)) {
		p->bound = *bound;
		p->listener = fds[0];
		p->lock = fds[1];
		p->meet[0] = fds[2];
		p->meet[1] = fds[3];
		return (true);
	}
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
	return (false);
}

void
port_shared_close(struct port *p)
{
	int *const all[] = { &p->listener, &p->lock, &p->meet[0], &p->meet[1] };
	size_t i;

	/* The lock first: the others race for it as soon as a connection is closed. */
	port_drop_lock(p);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (*all[i] != -1)
			(void)close(*all[i]);
		*all[i] = -1;
	}
}
