/* The UDP socket of a port: bind it, read datagrams and ICMP errors. */
#include "port/port_udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <linux/errqueue.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/port_deliver.h"
#include "port/port_route.h"

#ifndef UDP_GRO
#define UDP_GRO	104
#endif
#define TURNS	4	/* batches read before the loop gets its turn */

socklen_t
port_sockaddr(struct sockaddr_storage *ss, const struct endpoint *e)
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

static struct endpoint
endpoint_of(const struct sockaddr_storage *ss)
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

static int
on(int fd, int level, int name, int value)
{
	return (setsockopt(fd, level, name, &value, sizeof(value)));
}

int
port_udp_adopt(const struct ports *set, int fd, struct fault *f)
{
	if (set->opt.mark != 0 && on(fd, SOL_SOCKET, SO_MARK, (int)set->opt.mark) != 0)
		return (fault_because(f, CAUSE_MARK,
		    fault_sys(f, FAULT_PERMISSION, "cannot mark the packets of a UDP port")));
	return (0);
}

int
port_udp_bind(const struct ports *set, struct endpoint *local, struct fault *f)
{
	struct sockaddr_storage ss;
	socklen_t len = port_sockaddr(&ss, local);
	char text[ENDPOINT_TEXT];
	int fd, bad, keep;

	/* Never O_NONBLOCK: other processes share the socket, so each call sets MSG_DONTWAIT. */
	if ((fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a UDP socket"));
	if (ss.ss_family == AF_INET) {
		bad = on(fd, IPPROTO_IP, IP_PKTINFO, 1) | on(fd, IPPROTO_IP, IP_RECVERR, 1) |
		    on(fd, IPPROTO_IP, IP_RECVTOS, 1) |
		    /* A large IKE message or outer packet may be fragmented. */
		    on(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	} else {
		bad = on(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) |
		    on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) |
		    on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) | on(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	}
	if (bad != 0) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot set up a UDP socket");
		goto err;
	}
	(void)on(fd, IPPROTO_UDP, UDP_GRO, 1);	/* a kernel without it sends them one by one */
	if (on(fd, SOL_SOCKET, SO_RCVBUFFORCE, PORT_SOCKBUF) != 0)
		(void)on(fd, SOL_SOCKET, SO_RCVBUF, PORT_SOCKBUF);
	if (on(fd, SOL_SOCKET, SO_SNDBUFFORCE, PORT_SOCKBUF) != 0)
		(void)on(fd, SOL_SOCKET, SO_SNDBUF, PORT_SOCKBUF);
	if (port_udp_adopt(set, fd, f) != 0)
		goto err;
	if (bind(fd, (struct sockaddr *)&ss, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) != 0) {
		keep = errno;
		(void)fault_because(f, CAUSE_UDP_PORT,
		    fault_sys(f, keep == EADDRINUSE ? FAULT_PORT_TAKEN :
		    keep == EACCES || keep == EPERM ? FAULT_PERMISSION :
		    keep == EADDRNOTAVAIL ? FAULT_BAD_ADDRESS : FAULT_SYSTEM,
		    "cannot bind UDP %s", endpoint_text(text, local)));
		(void)close(fd);
		errno = keep;
		return (-1);
	}
	local->port = endpoint_of(&ss).port;
	return (fd);
err:
	keep = errno;
	(void)close(fd);
	errno = keep;
	return (-1);
}

bool
port_udp_is(int fd, const struct endpoint *bound)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	struct endpoint e;
	int type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof(type) }) != 0 ||
	    type != SOCK_DGRAM || getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return (false);
	e = endpoint_of(&ss);
	return (addr_cmp(&e.addr, &bound->addr) == 0 && e.port == bound->port);
}

/* Where a datagram came to, its TOS and, for UDP_GRO, the size of the datagrams in it. */
static void
read_cmsgs(struct msghdr *mh, struct port_msg *m, size_t *seg)
{
	struct cmsghdr *c;
	struct in_pktinfo v4;
	struct in6_pktinfo v6;
	int n;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			m->local.addr.family = 4;
			memcpy(m->local.addr.b, &v4.ipi_addr, 4);
			m->ifindex = (uint32_t)v4.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			m->local.addr.family = 6;
			memcpy(m->local.addr.b, &v6.ipi6_addr, 16);
			m->ifindex = v6.ipi6_ifindex;
			if (IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr))
				m->local.addr.scope = v6.ipi6_ifindex;
		} else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&n, CMSG_DATA(c), sizeof(n));
			*seg = n > 0 ? (size_t)n : 0;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			m->tos = *CMSG_DATA(c);	/* one byte here, an int in IPv6 */
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&n, CMSG_DATA(c), sizeof(n));
			m->tos = (uint8_t)n;
		}
	}
}

/*
 * Classifies one datagram by its first bytes. PORT_NATT: RFC 3948, 2.2 and 2.3.
 * PORT_IKE: draft-ietf-ipsec-udp-encaps-01, 8 zero bytes where IKE has its cookie.
 */
static void
take_datagram(struct port *p, struct port_msg *m, const uint8_t *b, size_t len)
{
	static const uint8_t zero[8];
	struct ports *set = p->set;
	size_t marker = p->role == PORT_NATT ? 4 : 8;
	bool marked = len >= marker && memcmp(b, zero, marker) == 0;

	set->stats.received++;
	if (len == 1 && b[0] == 0xff) {
		set->stats.keepalives++;
		return;
	}
	m->type = marked == (p->role == PORT_NATT) ? PM_IKE : PM_ESP;
	m->body = marked ? span_of(b + marker, len - marker) : span_of(b, len);
	if (m->body.len < (m->type == PM_IKE ? 28 : 8)) {
		set->stats.dropped_short++;
		return;
	}
	if (m->type == PM_ESP &&
	    serve_wants_esp(&set->own, get_be32(m->body.p), &m->local.addr)) {
		if (set->nesp == PORT_SEGS)
			port_flush_esp(set);
		set->esp[set->nesp++] = (struct pkt){ .local = m->local,
		    .remote = m->remote, .ifindex = m->ifindex, .tos = m->tos,
		    .proto = IPPROTO_UDP, .marker = port_marker_esp(p),
		    .p = set->bufs + (m->body.p - set->bufs), .len = m->body.len };
		return;
	}
	if (m->type == PM_IKE && port_shed_drops(&set->shed, &m->remote, m->body.p)) {
		set->stats.shed++;
		return;
	}
	port_route(p, NULL, m);
}

static void
take_errors(struct port *p)
{
	struct sockaddr_storage to;
	struct sock_extended_err e;
	_Alignas(struct cmsghdr) char ctl[512];
	char byte[64];
	struct iovec iov = { byte, sizeof(byte) };
	struct msghdr mh;
	struct cmsghdr *c;
	struct port_msg m;
	int i;

	for (i = 0; i < 64; i++) {
		mh = (struct msghdr){ .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov,
		    .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl) };
		memset(&to, 0, sizeof(to));
		if (recvmsg(p->udp, &mh, MSG_ERRQUEUE | MSG_DONTWAIT) == -1)
			return;
		for (c = CMSG_FIRSTHDR(&mh); c != NULL; c = CMSG_NXTHDR(&mh, c)) {
			if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
			    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
				continue;
			memcpy(&e, CMSG_DATA(c), sizeof(e));
			p->set->stats.errors++;
			m = (struct port_msg){ .type = PM_UNREACH, .remote = endpoint_of(&to),
			    .local = p->bound, .number = (uint64_t)e.ee_errno << 32 |
			    (e.ee_errno == EMSGSIZE ? e.ee_info : 0) };
			if (m.remote.addr.family != 0)
				port_route(p, NULL, &m);
		}
	}
}

/* The end of a turn: whether first messages come faster than they are handled. */
static void
turn_over(struct port *p, bool drained)
{
	if (port_shed_turn(&p->set->shed, drained))
		port_note(p, false, "too many first messages of IKE: those of peers that do not repeat them are dropped");
}

static void
read_batches(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port *p = w->data;
	struct mmsghdr mm[PORT_BATCH] = {{{0}, 0}};
	struct iovec iov[PORT_BATCH];
	struct sockaddr_storage from[PORT_BATCH];
	_Alignas(struct cmsghdr) char ctl[PORT_BATCH][128];
	struct port_msg m;
	size_t off, seg, len;
	const uint8_t *b;
	int i, n, turn;

	(void)loop;
	(void)revents;
	for (turn = 0; turn < TURNS && p->reading; turn++) {
		for (i = 0; i < PORT_BATCH; i++) {
			iov[i] = (struct iovec){ p->set->bufs + (size_t)i * PORT_BUF, PORT_BUF };
			mm[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
			    .msg_namelen = sizeof(from[i]), .msg_iov = &iov[i], .msg_iovlen = 1,
			    .msg_control = ctl[i], .msg_controllen = sizeof(ctl[i]) };
		}
		n = recvmmsg(p->udp, mm, PORT_BATCH, MSG_DONTWAIT, NULL);
		if (n <= 0) {
			/* No datagram, or the socket reports an ICMP error; level-triggered. */
			take_errors(p);
			turn_over(p, true);
			return;
		}
		for (i = 0; i < n; i++) {
			m = (struct port_msg){ .remote = endpoint_of(&from[i]) };
			m.local.port = p->bound.port;
			len = mm[i].msg_len;
			seg = len;
			read_cmsgs(&mm[i].msg_hdr, &m, &seg);
			if ((mm[i].msg_hdr.msg_flags & MSG_TRUNC) != 0 || seg == 0 ||
			    m.local.addr.family != p->bound.addr.family ||
			    m.remote.addr.family != p->bound.addr.family) {
				p->set->stats.dropped_short++;
				continue;
			}
			b = p->set->bufs + (size_t)i * PORT_BUF;
			for (off = 0; off < len; off += seg)
				take_datagram(p, &m, b + off, len - off < seg ? len - off : seg);
		}
		port_flush_esp(p->set);
		if (n < PORT_BATCH) {
			turn_over(p, true);
			return;
		}
	}
	turn_over(p, false);
}

void
port_udp_read(struct port *p)
{
	if (p->reading)
		return;
	p->reading = true;
	ev_io_init(&p->udp_in, read_batches, p->udp, EV_READ);
	p->udp_in.data = p;
	ev_io_start(p->set->loop, &p->udp_in);
}

void
port_udp_stop(struct port *p)
{
	if (!p->reading)
		return;
	p->reading = false;
	ev_io_stop(p->set->loop, &p->udp_in);
}
