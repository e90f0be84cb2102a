/* Raw sockets for GRE. */
#include "gre/raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <linux/errqueue.h>
#include <unistd.h>

#include "gre/gre.h"
#include "os/sockaddr.h"

#define ERRORS_MAX	64	/* read at a time */
#define RCVBUF		(4 * 1024 * 1024)
#define CONTROL		(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))

union control { struct cmsghdr align; uint8_t b[CONTROL]; };

static int
open_one(int family, const struct addr *local, int ttl)
{
	struct sockaddr_storage sa;
	int on = 1, size = RCVBUF, fd, keep;
	struct endpoint at = { .addr = *local };

	if ((fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, GRE_IP_PROTO)) == -1)
		return (-1);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	/* The kernel notes what ICMP says about the path of an IPv6 packet only where errors are wanted. */
	if ((family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)) != 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) :
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof(ttl)) != 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on))) == 0 &&
	    (local->family == 0 || bind(fd, (struct sockaddr *)&sa, sockaddr_put(&sa, &at)) == 0))
		return (fd);
	keep = errno;
	(void)close(fd);
	errno = keep;
	return (-1);
}

int
raw_open(struct raw *r, const struct addr *local, const struct addr *remote, uint8_t ttl, struct fault *f)
{
	static const int family[2] = { AF_INET, AF_INET6 };
	uint8_t only = local->family != 0 ? local->family : remote->family;
	char text[ADDR_TEXT];
	int why = 0;

	for (size_t i = 0; i < 2; i++) {
		r->fd[i] = -1;
		if (only != 0 && only != (i == RAW_V6 ? 6 : 4))
			continue;
		/* A machine may lack a family. */
		if ((r->fd[i] = open_one(family[i], local, ttl)) == -1 && (why == 0 || why == EAFNOSUPPORT))
			why = errno;
	}
	if (r->fd[0] != -1 || r->fd[RAW_V6] != -1)
		return (0);
	errno = why;
	if (why == EADDRNOTAVAIL)
		return (fault_sys(f, FAULT_BAD_ADDRESS, "--local %s is no address of this machine", addr_text(text, local)));
	return (fault_because(f, CAUSE_RAW_SOCKET, fault_sys(f, errno == EPERM || errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM,
	    "cannot open a raw socket for GRE (protocol 47)")));
}

void
raw_close(struct raw *r)
{
	for (size_t i = 0; i < 2; i++) {
		if (r->fd[i] != -1)
			(void)close(r->fd[i]);
		r->fd[i] = -1;
	}
}

static void
read_control(struct msghdr *m, struct raw_pkt *k)
{
	struct in6_pktinfo p6;
	struct cmsghdr *c;
	int tc;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&p6, CMSG_DATA(c), sizeof(p6));
			k->to = addr_make(6, (const uint8_t *)&p6.ipi6_addr);
		} else if (c->cmsg_type == IPV6_TCLASS) {
			memcpy(&tc, CMSG_DATA(c), sizeof(tc));
			k->tos = (uint8_t)tc;
		}
	}
}

/* A raw IPv4 socket returns the IP header, too; its lengths are checked against the received bytes. */
static bool
strip_v4(struct raw_pkt *k)
{
	size_t hdr;

	if (k->len < 20 || (hdr = (size_t)(k->p[0] & 15) * 4) < 20 || hdr > k->len)
		return (false);
	k->tos = k->p[1];
	k->peer = addr_make(4, k->p + 12);
	k->to = addr_make(4, k->p + 16);
	k->p += hdr;
	k->len -= hdr;
	return (true);
}

size_t
raw_receive(const struct raw *r, unsigned which, struct raw_pkt *pkts, size_t n, size_t cap)
{
	struct mmsghdr m[RAW_BATCH];
	struct iovec iov[RAW_BATCH];
	struct sockaddr_in6 from[RAW_BATCH];
	union control control[RAW_BATCH];
	struct raw_pkt k;
	size_t i, kept = 0;
	int got;

	n = n < RAW_BATCH ? n : RAW_BATCH;
	memset(m, 0, n * sizeof(m[0]));
	for (i = 0; i < n; i++) {
		iov[i] = (struct iovec){ pkts[i].p, cap };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof(from[i]), .msg_iov = &iov[i], .msg_iovlen = 1,
		    .msg_control = &control[i], .msg_controllen = sizeof(control[i]) };
	}
	got = recvmmsg(r->fd[which], m, (unsigned)n, MSG_DONTWAIT, NULL);
	for (i = 0; got > 0 && i < (size_t)got; i++) {
		k = (struct raw_pkt){ .p = pkts[i].p, .len = m[i].msg_len };
		if ((m[i].msg_hdr.msg_flags & MSG_TRUNC) != 0)
			continue;
		if (which == RAW_V6) {
			k.peer = addr_make(6, (const uint8_t *)&from[i].sin6_addr);
			k.peer.scope = from[i].sin6_scope_id;
			read_control(&m[i].msg_hdr, &k);
		} else if (!strip_v4(&k))
			continue;
		pkts[kept++] = k;
	}
	return (kept);
}

bool
raw_toobig(const struct raw *r, unsigned which, struct addr *peer)
{
	_Alignas(struct cmsghdr) uint8_t control[512];
	struct sock_extended_err err;
	struct sockaddr_in6 from;
	struct sockaddr_in in;
	struct cmsghdr *c;
	uint8_t quote[64] = {0};

	for (int i = 0; i < ERRORS_MAX; i++) {
		struct iovec iov = { quote, sizeof(quote) };
		struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
		    .msg_control = control, .msg_controllen = sizeof(control) };

		memset(&from, 0, sizeof(from));
		if (recvmsg(r->fd[which], &m, MSG_ERRQUEUE | MSG_DONTWAIT) == -1)
			return (false);
		for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
			if (c->cmsg_type != (which == RAW_V6 ? IPV6_RECVERR : IP_RECVERR) ||
			    c->cmsg_level != (which == RAW_V6 ? IPPROTO_IPV6 : IPPROTO_IP))
				continue;
			memcpy(&err, CMSG_DATA(c), sizeof(err));
			if (err.ee_errno != EMSGSIZE)
				continue;
			memcpy(&in, &from, sizeof(in));
			*peer = which == RAW_V6 ? addr_make(6, from.sin6_addr.s6_addr) : addr_make(4, (const uint8_t *)&in.sin_addr);
			return (true);
		}
	}
	return (false);
}

size_t
raw_send(const struct raw *r, const struct raw_pkt *pkts, size_t n)
{
	struct mmsghdr m[RAW_BATCH];
	struct iovec iov[RAW_BATCH];
	struct sockaddr_storage to[RAW_BATCH];
	union control control[RAW_BATCH];
	struct cmsghdr *c;
	size_t i;
	int sent;
	bool v6 = n > 0 && pkts[0].peer.family == 6;

	n = n < RAW_BATCH ? n : RAW_BATCH;
	if (n == 0)
		return (0);
	memset(m, 0, n * sizeof(m[0]));
	memset(control, 0, n * sizeof(control[0]));
	for (i = 0; i < n; i++) {
		const struct endpoint at = { .addr = pkts[i].peer };
		int tos = pkts[i].tos;

		iov[i] = (struct iovec){ pkts[i].p, pkts[i].len };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &to[i], .msg_namelen = sockaddr_put(&to[i], &at), .msg_iov = &iov[i],
		    .msg_iovlen = 1, .msg_control = &control[i], .msg_controllen = CMSG_SPACE(sizeof(int)) };
		c = CMSG_FIRSTHDR(&m[i].msg_hdr);
		c->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
		c->cmsg_type = v6 ? IPV6_TCLASS : IP_TOS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &tos, sizeof(tos));
	}
	errno = EAFNOSUPPORT;
	sent = r->fd[v6] == -1 ? -1 : socket_send(r->fd[v6], m, (unsigned)n);
	return (sent < 0 ? 0 : (size_t)sent);
}
