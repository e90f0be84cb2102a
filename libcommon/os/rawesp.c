#include "os/rawesp.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define RCVBUF		(4 * 1024 * 1024)
#define CONTROL		(CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int)))

union control { struct cmsghdr align; uint8_t b[CONTROL]; };
union sockaddr_any { struct sockaddr sa; struct sockaddr_in in; struct sockaddr_in6 in6; };

static socklen_t
to_sockaddr(union sockaddr_any *s, const struct addr *a)
{
	memset(s, 0, sizeof(*s));
	if (a->family == 4) {
		s->in.sin_family = AF_INET;
		memcpy(&s->in.sin_addr, a->b, 4);
		return (sizeof(s->in));
	}
	s->in6.sin6_family = AF_INET6;
	memcpy(&s->in6.sin6_addr, a->b, 16);
	s->in6.sin6_scope_id = a->scope;
	return (sizeof(s->in6));
}

static int
open_family(int family, uint32_t mark)
{
	int on = 1, size = RCVBUF, fd;

	fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ESP);
	if (fd == -1)
		return (-1);
	if (family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0 :
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on)) != 0) {
		(void)close(fd);
		return (-1);
	}
	/* Welcome, not needed. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mark != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	return (fd);
}

int
rawesp_open(struct rawesp *r, uint32_t mark, struct fault *f)
{
	int why4, why6;

	errno = 0;
	r->fd4 = open_family(AF_INET, mark);
	why4 = errno;
	r->fd6 = open_family(AF_INET6, mark);
	why6 = errno;
	if (r->fd4 != -1 || r->fd6 != -1)
		return (0);
	errno = why4 != 0 && why4 != EAFNOSUPPORT ? why4 : why6;
	return (fault_because(f, CAUSE_RAW_SOCKET,
	    fault_sys(f, errno == EPERM || errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM,
	    "cannot open a raw socket for ESP (protocol 50)")));
}

void
rawesp_close(struct rawesp *r)
{
	if (r->fd4 != -1)
		(void)close(r->fd4);
	if (r->fd6 != -1)
		(void)close(r->fd6);
	r->fd4 = r->fd6 = -1;
}

/* Where it came to, and its TOS, from the control messages. */
static void
read_control(struct msghdr *m, struct rawesp_pkt *k)
{
	struct in_pktinfo p4;
	struct in6_pktinfo p6;
	struct cmsghdr *c;
	int tc;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&p4, CMSG_DATA(c), sizeof(p4));
			k->local = addr_make(4, (const uint8_t *)&p4.ipi_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&p6, CMSG_DATA(c), sizeof(p6));
			k->local = addr_make(6, (const uint8_t *)&p6.ipi6_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&tc, CMSG_DATA(c), sizeof(tc));
			k->tos = (uint16_t)(tc & 0xff);
		}
	}
}

/* IPv4 comes with its header, which is trusted no more than its bytes go. */
static bool
strip_v4(struct rawesp_pkt *k)
{
	size_t hdr;

	if (k->len < 20 || (hdr = (size_t)(k->p[0] & 15) * 4) < 20 || hdr > k->len)
		return (false);
	k->tos = k->p[1];
	k->p += hdr;
	k->len -= hdr;
	return (true);
}

size_t
rawesp_receive(const struct rawesp *r, uint8_t family, struct rawesp_pkt *pkts, size_t n)
{
	struct mmsghdr m[RAWESP_BATCH];
	struct iovec iov[RAWESP_BATCH];
	union sockaddr_any from[RAWESP_BATCH];
	union control control[RAWESP_BATCH];
	size_t i, kept = 0;
	int got;

	if (n > RAWESP_BATCH)
		n = RAWESP_BATCH;
	memset(m, 0, n * sizeof(m[0]));
	for (i = 0; i < n; i++) {
		iov[i] = (struct iovec){ pkts[i].p, pkts[i].cap };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof(from[i]),
		    .msg_iov = &iov[i], .msg_iovlen = 1, .msg_control = &control[i],
		    .msg_controllen = sizeof(control[i]) };
	}
	got = recvmmsg(family == 4 ? r->fd4 : r->fd6, m, (unsigned)n, MSG_DONTWAIT, NULL);
	for (i = 0; got > 0 && i < (size_t)got; i++) {
		struct rawesp_pkt k = { .p = pkts[i].p, .len = m[i].msg_len, .cap = pkts[i].cap };

		if ((m[i].msg_hdr.msg_flags & MSG_TRUNC) != 0)
			continue;
		if (family == 4)
			k.remote = addr_make(4, (const uint8_t *)&from[i].in.sin_addr);
		else {
			k.remote = addr_make(6, (const uint8_t *)&from[i].in6.sin6_addr);
			k.remote.scope = from[i].in6.sin6_scope_id;
		}
		read_control(&m[i].msg_hdr, &k);
		if (family == 6 || strip_v4(&k))
			pkts[kept++] = k;
	}
	return (kept);
}

/* Adds a control message; ${m} has room for it. */
static void
put_control(struct msghdr *m, int level, int type, const void *v, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)((uint8_t *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), v, len);
	m->msg_controllen += CMSG_SPACE(len);
}

size_t
rawesp_send(const struct rawesp *r, const struct rawesp_pkt *pkts, size_t n)
{
	struct mmsghdr m[RAWESP_BATCH];
	struct iovec iov[RAWESP_BATCH];
	union sockaddr_any to[RAWESP_BATCH];
	union control control[RAWESP_BATCH];
	struct in_pktinfo p4;
	struct in6_pktinfo p6;
	size_t i;
	int tos, sent;

	if (n > RAWESP_BATCH)
		n = RAWESP_BATCH;
	if (n == 0)
		return (0);
	memset(m, 0, n * sizeof(m[0]));
	memset(control, 0, n * sizeof(control[0]));
	for (i = 0; i < n; i++) {
		const struct rawesp_pkt *k = &pkts[i];
		struct msghdr *h = &m[i].msg_hdr;

		iov[i] = (struct iovec){ k->p, k->len };
		h->msg_name = &to[i];
		h->msg_namelen = to_sockaddr(&to[i], &k->remote);
		h->msg_iov = &iov[i];
		h->msg_iovlen = 1;
		h->msg_control = &control[i];
		tos = k->tos & 0xff;
		if (k->remote.family == 4) {
			memset(&p4, 0, sizeof(p4));
			memcpy(&p4.ipi_spec_dst, k->local.b, 4);
			if (k->local.family == 4)
				put_control(h, IPPROTO_IP, IP_PKTINFO, &p4, sizeof(p4));
			put_control(h, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
		} else {
			memset(&p6, 0, sizeof(p6));
			memcpy(&p6.ipi6_addr, k->local.b, 16);
			p6.ipi6_ifindex = k->local.scope;
			if (k->local.family == 6)
				put_control(h, IPPROTO_IPV6, IPV6_PKTINFO, &p6, sizeof(p6));
			put_control(h, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
		}
	}
	sent = sendmmsg(pkts[0].remote.family == 4 ? r->fd4 : r->fd6, m, (unsigned)n, MSG_DONTWAIT);
	return (sent > 0 ? (size_t)sent : 0);
}

size_t
path_mtu(const struct addr *remote, uint32_t mark, struct addr *local)
{
	union sockaddr_any to, own;
	socklen_t len = to_sockaddr(&to, remote), own_len = sizeof(own), n = sizeof(int);
	bool v4 = remote->family == 4;
	int fd, mtu = 0;

	/* Connecting a UDP socket sends nothing; it asks for the route. */
	if (v4)
		to.in.sin_port = htons(4500);
	else
		to.in6.sin6_port = htons(4500);
	fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (0);
	if (mark != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	if (connect(fd, &to.sa, len) != 0 ||
	    getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &n) != 0)
		mtu = 0;
	if (local != NULL && mtu > 0 && getsockname(fd, &own.sa, &own_len) == 0)
		*local = v4 ? addr_make(4, (const uint8_t *)&own.in.sin_addr) :
		    addr_make(6, (const uint8_t *)&own.in6.sin6_addr);
	(void)close(fd);
	return (mtu > 0 ? (size_t)mtu : 0);
}
