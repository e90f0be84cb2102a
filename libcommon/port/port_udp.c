/* The UDP socket of a port: bind it, read datagrams and ICMP errors. */
#include "port/port_udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <linux/errqueue.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/sockaddr.h"
#include "port/port_deliver.h"
#include "port/port_dgram.h"
#include "port/port_given.h"
#include "port/port_route.h"

#define QUOTE_MAX	64	/* bytes of a datagram that an error quotes: marker and ESP header are at its beginning */
#define FRAG_AGAIN	0.5	/* s: after that, another holder's choice is replaced */

#ifndef UDP_GRO
#define UDP_GRO	104
#endif

int
port_setopt(int fd, int level, int name, int value)
{
	return (setsockopt(fd, level, name, &value, sizeof(value)));
}

void
port_grow(int fd)
{
	if (port_setopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, PORT_SOCKBUF) != 0)
		(void)port_setopt(fd, SOL_SOCKET, SO_RCVBUF, PORT_SOCKBUF);
	if (port_setopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, PORT_SOCKBUF) != 0)
		(void)port_setopt(fd, SOL_SOCKET, SO_SNDBUF, PORT_SOCKBUF);
}

int
port_bind_fault(struct fault *f, const char *proto, const struct endpoint *local)
{
	char text[ENDPOINT_TEXT];
	int keep = errno;

	(void)fault_because(f, CAUSE_UDP_PORT,
	    fault_sys(f, keep == EADDRINUSE ? FAULT_PORT_TAKEN :
	    keep == EACCES || keep == EPERM ? FAULT_PERMISSION :
	    keep == EADDRNOTAVAIL ? FAULT_BAD_ADDRESS : FAULT_SYSTEM,
	    "cannot bind %s %s", proto, endpoint_text(text, local)));
	errno = keep;
	return (-1);
}

int
port_udp_adopt(const struct ports *set, int fd, struct fault *f)
{
	if (set->opt.mark != 0 && port_setopt(fd, SOL_SOCKET, SO_MARK, (int)set->opt.mark) != 0)
		return (fault_because(f, CAUSE_MARK,
		    fault_sys(f, FAULT_PERMISSION, "cannot mark the packets of a UDP port")));
	return (0);
}

/* The options of a port's socket, bound or not. 0, or -1 with a fault. */
static int
set_up(const struct ports *set, int fd, uint8_t family, struct fault *f)
{
	int bad;

	if (family == 4)
		bad = port_setopt(fd, IPPROTO_IP, IP_PKTINFO, 1) | port_setopt(fd, IPPROTO_IP, IP_RECVERR, 1) |
		    port_setopt(fd, IPPROTO_IP, IP_RECVTOS, 1) |
		    /* A large IKE message or outer packet may be fragmented. */
		    port_setopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	else
		bad = port_setopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) |
		    port_setopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) | port_setopt(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	if (bad != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot set up a UDP socket"));
	(void)port_setopt(fd, IPPROTO_UDP, UDP_GRO, 1);	/* a kernel without it sends them one by one */
	port_grow(fd);
	return (port_udp_adopt(set, fd, f));
}

static int
bind_new(int fd, struct endpoint *local, struct fault *f)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_put(&ss, local);

	if (bind(fd, (struct sockaddr *)&ss, len) != 0 || getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return (port_bind_fault(f, "UDP", local));
	local->port = sockaddr_get(&ss).port;
	return (0);
}

int
port_udp_bind(const struct ports *set, struct endpoint *local, struct fault *f)
{
	int fd = port_given_take(set, local), keep;
	bool given = fd != -1;

	/* Never O_NONBLOCK: other processes share the socket, so each call sets MSG_DONTWAIT. */
	if (!given && (fd = socket(local->addr.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a UDP socket"));
	if (!given && local->addr.family != 4 && port_setopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0)
		(void)fault_sys(f, FAULT_SYSTEM, "cannot set up a UDP socket");
	else if (set_up(set, fd, local->addr.family, f) == 0 && (given || bind_new(fd, local, f) == 0))
		return (fd);
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
	e = sockaddr_get(&ss);
	return (addr_cmp(&e.addr, &bound->addr) == 0 && e.port == bound->port);
}

void
port_udp_fragments(struct port *p, enum port_frag frag, bool again)
{
	static const int four[] = { [PORT_FRAG_KERNEL] = IP_PMTUDISC_DONT, [PORT_FRAG_ANY] = IP_PMTUDISC_OMIT,
	    [PORT_FRAG_NONE] = IP_PMTUDISC_PROBE };
	double now = ev_now(p->set->loop);

	if (p->whole || (!again && p->frag == frag && now - p->frag_at < FRAG_AGAIN && now >= p->frag_at))
		return;
	p->frag = frag;
	p->frag_at = now;
	if (p->bound.addr.family == 4)
		(void)port_setopt(p->udp, IPPROTO_IP, IP_MTU_DISCOVER, four[frag]);
	else
		(void)port_setopt(p->udp, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
		    frag == PORT_FRAG_NONE ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_WANT);
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
	port_take(p, m);
}

/* "Fragmentation needed" for ESP that this socket sent. False: it is something else, or nobody here wants to know. */
static bool
take_toobig(struct port *p, const struct sock_extended_err *e, const struct endpoint *remote, struct span quote)
{
	static const uint8_t zero[8];
	struct ports *set = p->set;
	size_t marker = p->role == PORT_NATT ? 4 : 8;

	if (e->ee_errno != EMSGSIZE || set->calls.toobig == NULL || remote->addr.family == 0 ||
	    (e->ee_origin != SO_EE_ORIGIN_ICMP && e->ee_origin != SO_EE_ORIGIN_ICMP6) ||
	    (quote.len >= marker && (memcmp(quote.p, zero, marker) == 0) == (p->role == PORT_NATT)))
		return (false);
	if (p->role != PORT_NATT)
		quote = quote.len < marker ? SPAN_NONE : span_of(quote.p + marker, quote.len - marker);
	set->calls.toobig(set->ctx, remote, e->ee_info, quote);
	return (true);
}

static void
take_errors(struct port *p)
{
	struct sockaddr_storage to;
	struct sock_extended_err e;
	_Alignas(struct cmsghdr) char ctl[512];
	uint8_t quote[QUOTE_MAX];
	struct iovec iov = { quote, sizeof(quote) };
	struct msghdr mh;
	struct cmsghdr *c;
	struct port_msg m;
	ssize_t len;
	int i;

	for (i = 0; i < 64; i++) {
		mh = (struct msghdr){ .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov,
		    .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl) };
		memset(&to, 0, sizeof(to));
		if ((len = recvmsg(p->udp, &mh, MSG_ERRQUEUE | MSG_DONTWAIT)) == -1)
			return;
		for (c = CMSG_FIRSTHDR(&mh); c != NULL; c = CMSG_NXTHDR(&mh, c)) {
			if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
			    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
				continue;
			memcpy(&e, CMSG_DATA(c), sizeof(e));
			p->set->stats.errors++;
			/* The kernel says EACCES to these of ICMPv6, and "no route" to these of ICMP. */
			if (e.ee_origin == SO_EE_ORIGIN_ICMP && e.ee_type == ICMP_DEST_UNREACH &&
			    (e.ee_code == ICMP_NET_ANO || e.ee_code == ICMP_HOST_ANO || e.ee_code == ICMP_PKT_FILTERED))
				e.ee_errno = EACCES;
			m = (struct port_msg){ .type = PM_UNREACH, .remote = sockaddr_get(&to),
			    .local = p->bound, .number = (uint64_t)e.ee_errno << 32 |
			    (e.ee_errno == EMSGSIZE ? e.ee_info : 0) };
			if (m.remote.addr.family != 0 && !take_toobig(p, &e, &m.remote, span_of(quote, (size_t)len)))
				port_route(p, NULL, &m);
		}
	}
}

/* One datagram, or several that UDP_GRO merged. */
static void
take_merged(struct port *p, struct port_msg *m, const uint8_t *b, size_t len, size_t seg)
{
	size_t off;

	m->local.port = p->bound.port;
	for (off = 0; off < len; off += seg)
		take_datagram(p, m, b + off, len - off < seg ? len - off : seg);
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port *p = w->data;

	(void)loop;
	(void)revents;
	/* Nothing to read: the socket may report an ICMP error; level-triggered. */
	if (!port_read_batches(p, p->udp, take_merged))
		take_errors(p);
}

void
port_udp_read(struct port *p)
{
	ev_io_init(&p->in, on_readable, p->udp, EV_READ);
}
