/* Raw sockets for ESP and AH. */
#include "os/rawesp.h"

#include <errno.h>
#include <time.h>
#include <linux/errqueue.h>	/* needs struct timespec */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/biglock.h"
#include "os/pathmtu.h"
#include "os/sockaddr.h"

#define V6_HDR		40
#define V6_HOPS		64
#define RCVBUF		(4 * 1024 * 1024)
#define ERRORS_MAX	64	/* read in one call */
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
open_one(int family, int protocol, uint32_t mark)
{
	int on = 1, size = RCVBUF, fd;

	fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd == -1)
		return (-1);
	if (family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) != 0 ||
	    (protocol == RAWESP_AH && setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on)) != 0) :
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)) != 0 ||
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
	static const int family[RAWESP_SOCKETS] = { AF_INET, AF_INET6, AF_INET, AF_INET6 };
	static const int protocol[RAWESP_SOCKETS] = { RAWESP_ESP, RAWESP_ESP, RAWESP_AH, RAWESP_AH };
	int why = 0;

	r->mark = mark;
	for (size_t i = 0; i < RAWESP_SOCKETS; i++) {
		errno = 0;
		r->fd[i] = open_one(family[i], protocol[i], mark);
		/* A machine may lack a family. */
		if (r->fd[i] == -1 && (why == 0 || why == EAFNOSUPPORT))
			why = errno;
	}
	if (r->fd[RAWESP_ESP4] != -1 || r->fd[RAWESP_ESP6] != -1)
		return (0);
	rawesp_close(r);
	errno = why;
	return (fault_because(f, CAUSE_RAW_ESP,
	    fault_sys(f, errno == EPERM || errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM,
	    "cannot open a raw socket for ESP (protocol 50)")));
}

void
rawesp_close(struct rawesp *r)
{
	for (size_t i = 0; i < RAWESP_SOCKETS; i++) {
		if (r->fd[i] != -1)
			(void)close(r->fd[i]);
		r->fd[i] = -1;
	}
}

/* Where it came to, and its TOS, from the control messages. */
static void
read_control(struct msghdr *m, struct pkt *k)
{
	struct in_pktinfo p4;
	struct in6_pktinfo p6;
	struct cmsghdr *c;
	int tc;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&p4, CMSG_DATA(c), sizeof(p4));
			k->local.addr = addr_make(4, (const uint8_t *)&p4.ipi_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&p6, CMSG_DATA(c), sizeof(p6));
			k->local.addr = addr_make(6, (const uint8_t *)&p6.ipi6_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&tc, CMSG_DATA(c), sizeof(tc));
			k->tos = (uint16_t)(tc & 0xff);
		}
	}
}

/* A raw IPv4 socket returns the IP header, too; its lengths are checked against the received bytes. */
static bool
strip_v4(struct pkt *k)
{
	size_t hdr;

	if (k->len < 20 || (hdr = (size_t)(k->p[0] & 15) * 4) < 20 || hdr > k->len)
		return (false);
	k->tos = k->p[1];
	k->p += hdr;
	k->len -= hdr;
	k->net = hdr;
	return (true);
}

/* IPv6 comes without its header: the fields that AH protects are known all the same. */
static bool
restore_v6(struct pkt *k)
{
	uint8_t *ip = k->p - V6_HDR;

	if (pkt_headroom(k) < V6_HDR || k->local.addr.family != 6)
		return (false);
	memset(ip, 0, V6_HDR);
	ip[0] = (uint8_t)(0x60 | k->tos >> 4);
	ip[1] = (uint8_t)(k->tos << 4);
	ip[4] = (uint8_t)(k->len >> 8);
	ip[5] = (uint8_t)k->len;
	ip[6] = RAWESP_AH;
	ip[7] = V6_HOPS;
	memcpy(ip + 8, k->remote.addr.b, 16);
	memcpy(ip + 24, k->local.addr.b, 16);
	k->net = V6_HDR;
	return (true);
}

/* Converts a received packet to the form that rawesp.h describes. False: the packet is malformed. */
static bool
settle(struct pkt *k, enum rawesp_which which, struct msghdr *h, const union sockaddr_any *from, size_t len)
{
	bool v4 = which == RAWESP_ESP4 || which == RAWESP_AH4;

	*k = (struct pkt){ .p = k->p, .len = len, .buf = k->buf, .cap = k->cap,
	    .proto = which == RAWESP_ESP4 || which == RAWESP_ESP6 ? RAWESP_ESP : RAWESP_AH };
	if (v4)
		k->remote.addr = addr_make(4, (const uint8_t *)&from->in.sin_addr);
	else {
		k->remote.addr = addr_make(6, (const uint8_t *)&from->in6.sin6_addr);
		k->remote.addr.scope = from->in6.sin6_scope_id;
	}
	read_control(h, k);
	return (v4 ? strip_v4(k) : which != RAWESP_AH6 || restore_v6(k));
}

size_t
rawesp_receive(const struct rawesp *r, enum rawesp_which which, struct pkt *pkts, size_t n)
{
	struct mmsghdr m[RAWESP_BATCH];
	struct iovec iov[RAWESP_BATCH];
	union sockaddr_any from[RAWESP_BATCH];
	union control control[RAWESP_BATCH];
	struct pkt k;
	size_t i, kept = 0;
	int got;

	if (n > RAWESP_BATCH)
		n = RAWESP_BATCH;
	memset(m, 0, n * sizeof(m[0]));
	for (i = 0; i < n; i++) {
		iov[i] = (struct iovec){ pkts[i].p, pkts[i].cap - pkt_headroom(&pkts[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof(from[i]),
		    .msg_iov = &iov[i], .msg_iovlen = 1, .msg_control = &control[i],
		    .msg_controllen = sizeof(control[i]) };
	}
	biglock_leave();
	got = recvmmsg(r->fd[which], m, (unsigned)n, MSG_DONTWAIT, NULL);
	biglock_take();
	for (i = 0; got > 0 && i < (size_t)got; i++) {
		if ((m[i].msg_hdr.msg_flags & MSG_TRUNC) != 0)
			continue;
		k = pkts[i];
		if (settle(&k, which, &m[i].msg_hdr, &from[i], m[i].msg_len))
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

/* Where from, and with which TOS. */
static void
put_controls(struct msghdr *h, const struct pkt *k)
{
	struct in_pktinfo p4 = {0};
	struct in6_pktinfo p6 = {0};
	int tos = k->tos & 0xff;

	if (k->remote.addr.family == 4) {
		memcpy(&p4.ipi_spec_dst, k->local.addr.b, 4);
		if (k->local.addr.family == 4)
			put_control(h, IPPROTO_IP, IP_PKTINFO, &p4, sizeof(p4));
		put_control(h, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	} else {
		memcpy(&p6.ipi6_addr, k->local.addr.b, 16);
		p6.ipi6_ifindex = k->local.addr.scope;
		if (k->local.addr.family == 6)
			put_control(h, IPPROTO_IPV6, IPV6_PKTINFO, &p6, sizeof(p6));
		put_control(h, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	}
}

/*
 * A packet that brings its own header is not fragmented by the kernel. Done here, where it may be, in pieces of ${mtu}
 * bytes; -1 with errno.
 */
static int
send_pieces(int fd, const struct pkt *k, size_t mtu)
{
	const uint8_t *ip = k->p - k->net;
	uint8_t piece[PKT_MAX];
	union sockaddr_any to;
	socklen_t to_len = to_sockaddr(&to, &k->remote.addr);
	size_t step = mtu > k->net + 8 ? (mtu - k->net) / 8 * 8 : 0, off, n;

	errno = EMSGSIZE;
	if (step == 0 || (ip[6] & 0x40) != 0)
		return (-1);
	memcpy(piece, ip, k->net);
	for (off = 0; off < k->len; off += n) {
		bool more = k->len - off > step;

		n = more ? step : k->len - off;
		memcpy(piece + k->net, k->p + off, n);
		piece[2] = (uint8_t)((k->net + n) >> 8);
		piece[3] = (uint8_t)(k->net + n);
		piece[6] = (uint8_t)((more ? 0x20 : 0) | off / 8 >> 8);
		piece[7] = (uint8_t)(off / 8);
		/* Length and checksum are the kernel's to fill in. */
		if (sendto(fd, piece, k->net + n, MSG_DONTWAIT, &to.sa, to_len) == -1)
			return (-1);
	}
	return (0);
}

/*
 * Whether packets that are sent from now on may be fragmented: by the kernel to the MTU of the interface, by routers as
 * they like. What the kernel has learnt from ICMP errors does not count, since anybody can forge these.
 */
static void
fragments(struct rawesp *r, enum rawesp_which which, bool may)
{
	int four = may ? IP_PMTUDISC_OMIT : IP_PMTUDISC_PROBE, six = may ? IPV6_PMTUDISC_WANT : IPV6_PMTUDISC_PROBE;
	uint8_t want = may ? 2 : 1;

	if (r->frag[which] == want)
		return;
	r->frag[which] = want;
	if (which == RAWESP_ESP4 || which == RAWESP_AH4)
		(void)setsockopt(r->fd[which], IPPROTO_IP, IP_MTU_DISCOVER, &four, sizeof(four));
	else
		(void)setsockopt(r->fd[which], IPPROTO_IPV6, IPV6_MTU_DISCOVER, &six, sizeof(six));
}

size_t
rawesp_send(struct rawesp *r, const struct pkt *pkts, size_t n)
{
	struct mmsghdr m[RAWESP_BATCH];
	struct iovec iov[RAWESP_BATCH];
	union sockaddr_any to[RAWESP_BATCH];
	union control control[RAWESP_BATCH];
	bool v4, whole;
	enum rawesp_which which;
	size_t i;
	int sent, fd;

	if (n > RAWESP_BATCH)
		n = RAWESP_BATCH;
	if (n == 0)
		return (0);
	v4 = pkts[0].remote.addr.family == 4;
	whole = v4 && pkts[0].proto == RAWESP_AH;	/* with its header */
	which = pkts[0].proto == RAWESP_AH ? (v4 ? RAWESP_AH4 : RAWESP_AH6) : v4 ? RAWESP_ESP4 : RAWESP_ESP6;
	fd = r->fd[which];
	fragments(r, which, !pkts[0].df);
	memset(m, 0, n * sizeof(m[0]));
	memset(control, 0, n * sizeof(control[0]));
	for (i = 0; i < n; i++) {
		const struct pkt *k = &pkts[i];
		struct msghdr *h = &m[i].msg_hdr;

		/* The kernel's header has no extensions, and the ICV covers them. */
		if ((!v4 && k->proto == RAWESP_AH && k->net != V6_HDR) || k->df != pkts[0].df)
			break;
		iov[i] = (struct iovec){ k->p - (whole ? k->net : 0), k->len + (whole ? k->net : 0) };
		h->msg_name = &to[i];
		h->msg_namelen = to_sockaddr(&to[i], &k->remote.addr);
		h->msg_iov = &iov[i];
		h->msg_iovlen = 1;
		h->msg_control = &control[i];
		put_controls(h, k);
	}
	errno = EOPNOTSUPP;
	sent = i > 0 ? socket_send(fd, m, (unsigned)i) : -1;
	if (sent <= 0 && errno == EMSGSIZE && whole)
		return (send_pieces(fd, &pkts[0], path_mtu_once(&pkts[0].remote.addr, r->mark)) == 0);
	return (sent > 0 ? (size_t)sent : 0);
}

/* AH over IPv4 is sent, and therefore quoted, with its IP header. */
static void
quote(struct rawesp_error *e, const uint8_t *p, size_t len, bool with_ip)
{
	size_t skip = with_ip && len >= 20 ? (size_t)(p[0] & 15) * 4 : 0;

	if (skip > len)
		return;
	e->len = len - skip < sizeof(e->quote) ? len - skip : sizeof(e->quote);
	memcpy(e->quote, p + skip, e->len);
}

bool
rawesp_toobig(const struct rawesp *r, enum rawesp_which which, struct rawesp_error *e)
{
	_Alignas(struct cmsghdr) uint8_t control[512];
	bool v4 = which == RAWESP_ESP4 || which == RAWESP_AH4;
	struct sock_extended_err err;
	union sockaddr_any from;
	uint8_t text[124];
	struct cmsghdr *c;
	ssize_t len;

	for (int i = 0; i < ERRORS_MAX; i++) {
		struct iovec iov = { text, sizeof(text) };
		struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
		    .msg_control = control, .msg_controllen = sizeof(control) };

		memset(&from, 0, sizeof(from));
		if ((len = recvmsg(r->fd[which], &m, MSG_ERRQUEUE | MSG_DONTWAIT)) == -1)
			return (false);
		for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
			if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
			    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
				continue;
			memcpy(&err, CMSG_DATA(c), sizeof(err));
			if (err.ee_errno != EMSGSIZE || from.sa.sa_family != (v4 ? AF_INET : AF_INET6) ||
			    (err.ee_origin != SO_EE_ORIGIN_ICMP && err.ee_origin != SO_EE_ORIGIN_ICMP6))
				continue;
			*e = (struct rawesp_error){ .mtu = err.ee_info };
			e->remote.addr = v4 ? addr_make(4, (const uint8_t *)&from.in.sin_addr) :
			    addr_make(6, (const uint8_t *)&from.in6.sin6_addr);
			quote(e, text, (size_t)len, which == RAWESP_AH4);
			return (true);
		}
	}
	return (false);
}
