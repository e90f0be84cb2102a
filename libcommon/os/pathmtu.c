/* The path MTU of a connected UDP socket. */
#include "os/pathmtu.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/biglock.h"
#include "os/sockaddr.h"

#define PORT	4500	/* of the routing rules of some: any other than 0 */

struct path_asker
path_asker_of(uint32_t mark)
{
	return ((struct path_asker){ { -1, -1 }, mark });
}

static void
close_one(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

void
path_asker_close(struct path_asker *a)
{
	close_one(&a->fd[0]);
	close_one(&a->fd[1]);
}

static int
open_one(struct path_asker *a, int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd != -1 && a->mark != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &a->mark, sizeof(a->mark));
	return (fd);
}

size_t
path_mtu(struct path_asker *a, const struct addr *remote)
{
	const struct endpoint to = { *remote, PORT };
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	bool v4 = remote->family == 4;
	int *fd = &a->fd[!v4], mtu = 0;
	struct sockaddr_storage at;
	socklen_t len = sockaddr_put(&at, &to), n = sizeof(mtu);

	if (*fd == -1 && (*fd = open_one(a, v4 ? AF_INET : AF_INET6)) == -1)
		return (0);
	biglock_leave();
	/* Connecting a UDP socket sends nothing; it asks for the route. */
	if (connect(*fd, (const struct sockaddr *)&at, len) != 0 ||
	    getsockopt(*fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &n) != 0)
		mtu = 0;
	/* So that the next route does not depend on the source address of this one. */
	if (connect(*fd, &none, sizeof(none)) != 0)
		close_one(fd);
	biglock_take();
	return (mtu > 0 ? (size_t)mtu : 0);
}

size_t
path_mtu_once(const struct addr *remote, uint32_t mark)
{
	struct path_asker a = path_asker_of(mark);
	size_t mtu = path_mtu(&a, remote);

	path_asker_close(&a);
	return (mtu);
}
