/* Socket activation. The environment may be anybody's: what a descriptor is, the kernel says. */
#include "port/port_given.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/sockaddr.h"

#define FIRST	3	/* descriptor: SD_LISTEN_FDS_START */

/* The number in the variable ${name}; -1: it is none. */
static long
number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long n;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return (-1);
	errno = 0;
	n = strtol(text, &end, 10);
	return (errno == 0 && *end == '\0' ? n : -1);
}

static int
get(int fd, int level, int name)
{
	int value = -1;

	return (getsockopt(fd, level, name, &value, &(socklen_t){ sizeof(value) }) == 0 ? value : -1);
}

/* Why ${fd} cannot be a port of ours, or NULL with the address that it is bound to. */
static const char *
unfit(int fd, struct endpoint *bound)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	int family;

	if (get(fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM || get(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_UDP)
		return ("is no UDP socket");
	family = get(fd, SOL_SOCKET, SO_DOMAIN);
	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0 || (family != AF_INET && family != AF_INET6))
		return ("is no UDP socket of IPv4 or IPv6");
	*bound = sockaddr_get(&ss);
	if (bound->port == 0)
		return ("is not bound");
	len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0)
		return ("is connected");
	if (family == AF_INET6 && get(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1)
		return ("receives IPv4 too (BindIPv6Only=ipv6-only)");
	if (get(fd, SOL_SOCKET, SO_REUSEPORT) != 0)
		return ("shares its port by SO_REUSEPORT, which loses datagrams (ReusePort=no)");
	return (NULL);
}

static void
note(const struct ports *set, int fd, const char *why)
{
	char text[160];

	if (set->calls.note == NULL)
		return;
	(void)snprintf(text, sizeof(text), "descriptor %d of $LISTEN_FDS %s: not used", fd, why);
	set->calls.note(set->ctx, true, text);
}

void
port_given_open(struct ports *set)
{
	long n = number("LISTEN_FDS"), i;
	bool ours = number("LISTEN_PID") == (long)getpid();
	struct endpoint bound;
	const char *why;
	int fd;

	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDNAMES");
	if (!ours)
		return;
	for (i = 0; i < n && i < PORTS_MAX; i++) {
		fd = FIRST + (int)i;
		if (fcntl(fd, F_GETFD) == -1) {
			note(set, fd, "is not open");
			continue;
		}
		if ((why = unfit(fd, &bound)) != NULL) {
			note(set, fd, why);
			continue;
		}
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		set->given[set->n_given++] = (struct port_given){ .fd = fd, .bound = bound };
	}
}

int
port_given_take(const struct ports *set, const struct endpoint *local)
{
	size_t i;

	for (i = 0; i < set->n_given; i++)
		if (set->given[i].bound.port == local->port && addr_cmp(&set->given[i].bound.addr, &local->addr) == 0)
			return (fcntl(set->given[i].fd, F_DUPFD_CLOEXEC, FIRST));
	return (-1);
}

bool
port_given_number(const struct ports *set, uint16_t number)
{
	size_t i;

	for (i = 0; i < set->n_given && set->given[i].bound.port != number; i++)
		;
	return (i < set->n_given);
}

void
port_given_close(struct ports *set)
{
	while (set->n_given > 0)
		(void)close(set->given[--set->n_given].fd);
}
