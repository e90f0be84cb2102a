/* ICMP and ICMPv6 echo on a socket bound to one device. */
#include "os/echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/span.h"

#define HEADER		8	/* type, code, checksum, identifier, number: RFC 792, RFC 4443 4.1 */
#define QUESTION	64	/* as ping's */
#define ANSWER_MAX	2048	/* a longer message is no answer to us */
#define IP4_HEADER	20

union sockaddr_any { struct sockaddr sa; struct sockaddr_in in; struct sockaddr_in6 in6; };

static socklen_t
put_sockaddr(union sockaddr_any *s, const struct addr *a, unsigned scope)
{
	memset(s, 0, sizeof(*s));
	if (a->family == 4) {
		s->in.sin_family = AF_INET;
		memcpy(&s->in.sin_addr, a->b, 4);
		return (sizeof(s->in));
	}
	s->in6.sin6_family = AF_INET6;
	memcpy(&s->in6.sin6_addr, a->b, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&s->in6.sin6_addr))
		s->in6.sin6_scope_id = scope;
	return (sizeof(s->in6));
}

/* Only echo replies: the kernel drops all other messages before they reach us. */
static void
set_filter(const struct echo *e)
{
	struct icmp_filter four = { .data = ~(1u << ICMP_ECHOREPLY) };
	struct icmp6_filter six;

	if (!e->raw)
		return;
	if (e->dest.family == 4) {
		(void)setsockopt(e->fd, SOL_RAW, ICMP_FILTER, &four, sizeof(four));
		return;
	}
	ICMP6_FILTER_SETBLOCKALL(&six);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &six);
	(void)setsockopt(e->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &six, sizeof(six));
}

int
echo_open(struct echo *e, const char *dev, const struct addr *dest, const struct addr *source,
    struct fault *f)
{
	int domain = dest->family == 4 ? AF_INET : AF_INET6;
	int proto = dest->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	union sockaddr_any at;
	char text[ADDR_TEXT];
	socklen_t len;

	*e = (struct echo){ .fd = -1, .raw = true, .dest = *dest };
	if (dev[0] == '\0' || strlen(dev) >= sizeof(e->dev) || strchr(dev, '/') != NULL)
		return (fault(f, FAULT_USAGE, "\"%s\" cannot be the name of a device", dev));
	(void)strcpy(e->dev, dev);
	if (getrandom(e->cookie, sizeof(e->cookie), 0) != sizeof(e->cookie) ||
	    getrandom(&e->id, sizeof(e->id), 0) != sizeof(e->id))
		return (fault_sys(f, FAULT_SYSTEM, "no random numbers"));
	e->fd = socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
	if (e->fd == -1 && (errno == EPERM || errno == EACCES)) {
		e->raw = false;
		e->fd = socket(domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
	}
	if (e->fd == -1)
		return (fault_because(f, CAUSE_ICMP_SOCKET,
		    fault_sys(f, errno == EPERM || errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM,
		    "cannot open a socket for ICMP echo")));
	set_filter(e);
	if (source == NULL)
		return (0);
	len = put_sockaddr(&at, source, if_nametoindex(dev));
	if (bind(e->fd, &at.sa, len) == 0)
		return (0);
	(void)fault_sys(f, errno == EADDRNOTAVAIL ? FAULT_BAD_ADDRESS : FAULT_UNREACHABLE, "cannot send from %s", addr_text(text, source));
	echo_close(e);
	return (-1);
}

int
echo_source(const struct echo *e, struct addr *source)
{
	union sockaddr_any at;
	socklen_t len = put_sockaddr(&at, &e->dest, if_nametoindex(e->dev));
	/* Connecting a UDP socket sends nothing. */
	int fd = socket(at.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = -1;

	*source = (struct addr){0};
	if (at.sa.sa_family == AF_INET)
		at.in.sin_port = htons(7);
	else
		at.in6.sin6_port = htons(7);
	if (fd != -1 && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, e->dev, (socklen_t)strlen(e->dev) + 1) == 0 &&
	    connect(fd, &at.sa, len) == 0 && getsockname(fd, &at.sa, &len) == 0) {
		source->family = e->dest.family;
		if (e->dest.family == 4)
			memcpy(source->b, &at.in.sin_addr, 4);
		else
			memcpy(source->b, &at.in6.sin6_addr, 16);
		rc = 0;
	}
	if (fd != -1)
		(void)close(fd);
	return (rc);
}

void
echo_close(struct echo *e)
{
	if (e->fd != -1)
		(void)close(e->fd);
	e->fd = -1;
}

/* RFC 1071 over ${n} bytes, an even number. */
static uint16_t
checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += get_be16(p + i);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)~sum);
}

int
echo_send(struct echo *e, uint16_t seq)
{
	uint8_t b[QUESTION] = { e->dest.family == 4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST };
	unsigned now = if_nametoindex(e->dev);
	union sockaddr_any at;
	socklen_t len;

	if (now == 0)
		return (ENODEV);
	if (now != e->ifindex) {
		/* An unprivileged socket may be bound once: with a new device it cannot follow. */
		if (setsockopt(e->fd, SOL_SOCKET, SO_BINDTODEVICE, e->dev,
		    (socklen_t)strlen(e->dev) + 1) != 0)
			return (errno);
		e->ifindex = now;
	}
	put_be16(b + 4, e->id);
	put_be16(b + 6, seq);
	memcpy(b + HEADER, e->cookie, sizeof(e->cookie));
	if (e->dest.family == 4)
		put_be16(b + 2, checksum(b, sizeof(b)));	/* of ICMPv6 the kernel makes it */
	len = put_sockaddr(&at, &e->dest, e->ifindex);
	return (sendto(e->fd, b, sizeof(b), MSG_DONTWAIT | MSG_NOSIGNAL, &at.sa, len) == -1 ? errno : 0);
}

bool
echo_is_answer(const struct echo *e, const struct addr *from, struct span icmp)
{
	return (icmp.len >= HEADER + sizeof(e->cookie) && addr_cmp(from, &e->dest) == 0 &&
	    icmp.p[0] == (e->dest.family == 4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) && icmp.p[1] == 0 &&
	    (!e->raw || get_be16(icmp.p + 4) == e->id) &&
	    memcmp(icmp.p + HEADER, e->cookie, sizeof(e->cookie)) == 0);
}

static struct addr
addr_of(const union sockaddr_any *s)
{
	struct addr none = {0};

	return (s->sa.sa_family == AF_INET ? addr_make(4, (const uint8_t *)&s->in.sin_addr) :
	    s->sa.sa_family == AF_INET6 ? addr_make(6, s->in6.sin6_addr.s6_addr) : none);
}

int
echo_receive(struct echo *e, uint16_t *seq)
{
	uint8_t b[ANSWER_MAX], *p;
	union sockaddr_any from = {0};
	struct addr src;
	socklen_t len;
	size_t left, ihl;
	ssize_t n;

	for (;;) {
		len = sizeof(from);
		n = recvfrom(e->fd, b, sizeof(b), MSG_DONTWAIT, &from.sa, &len);
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return (0);
		if (n == -1) {
			/* An ICMP error is reported once; a lasting error is reported again. */
			if (errno == EBADF || errno == ENOTSOCK || errno == EINVAL || errno == EFAULT ||
			    errno == ENOMEM || errno == EPERM)
				return (0);
			continue;
		}
		p = b;
		left = (size_t)n;
		if (e->raw && e->dest.family == 4) {
			ihl = left > 0 ? 4 * (size_t)(b[0] & 15) : 0;
			if (ihl < IP4_HEADER || ihl > left)
				continue;
			p += ihl;
			left -= ihl;
		}
		src = addr_of(&from);
		if (left < QUESTION || !echo_is_answer(e, &src, span_of(p, left)))
			continue;
		*seq = get_be16(p + 6);
		return (1);
	}
}
