/* Sends datagrams from the ports of a set. */
#include "port/port_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "base/biglock.h"
#include "os/sockaddr.h"
#include "port/port_dgram.h"
#include "port/port_tcp_out.h"
#include "port/port_udp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define SEND_BATCH	64
#define SEND_CTL	(PORT_CTL + CMSG_SPACE(sizeof(uint16_t)))
#define SMALL		500	/* bytes that any path carries in one piece */
#define GSO_MAX		64	/* UDP_MAX_SEGMENTS of older kernels */

static const uint8_t zero[8];

/* One datagram being made ready; it points into itself, so it stays where it is. */
struct out {
	struct sockaddr_storage to;
	struct iovec iov[2];
	_Alignas(struct cmsghdr) char ctl[SEND_CTL];
};

static struct port *
port_of(const struct ports *set, const struct endpoint *local, uint8_t family)
{
	struct port *any = NULL;
	size_t i;

	for (i = 0; i < set->n; i++) {
		if (set->port[i]->bound.port != local->port ||
		    set->port[i]->bound.addr.family != family)
			continue;
		if (local->addr.family != 0 &&
		    addr_cmp(&set->port[i]->bound.addr, &local->addr) == 0)
			return (set->port[i]);
		any = set->port[i];
	}
	return (any);
}

static void
make_ready(struct msghdr *mh, struct out *o, const struct pkt *d, size_t marker)
{
	union { const uint8_t *c; void *v; } bytes;	/* iovec knows no const */

	*mh = (struct msghdr){ .msg_name = &o->to, .msg_namelen = sockaddr_put(&o->to, &d->remote),
	    .msg_iov = o->iov, .msg_control = o->ctl };
	if (marker > 0) {
		bytes.c = zero;
		o->iov[mh->msg_iovlen++] = (struct iovec){ bytes.v, marker };
	}
	o->iov[mh->msg_iovlen++] = (struct iovec){ d->p, d->len };
	port_add_cmsgs(mh, d);
	if (d->seg != 0 && d->len > d->seg)
		port_add_cmsg(mh, IPPROTO_UDP, UDP_SEGMENT, &d->seg, sizeof(d->seg));
	if (mh->msg_controllen == 0)
		mh->msg_control = NULL;
}

static int
send_fault(struct fault *f, int err, const struct pkt *d)
{
	char to[ENDPOINT_TEXT], from[ADDR_TEXT];

	endpoint_text(to, &d->remote);
	errno = err;
	switch (err) {
	case EACCES:
	case EPERM:
		/* No capability helps: FAULT_PERMISSION would hint at one. */
		return (fault_sys(f, FAULT_SYSTEM, "not allowed to send to %s by a packet filter or a route of this machine", to));
	case EMSGSIZE:
		return (fault_sys(f, FAULT_TOO_LARGE, "%zu bytes are too many to send to %s",
		    d->len, to));
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return (fault_sys(f, FAULT_UNREACHABLE, "cannot reach %s", to));
	case EINVAL:
	case EADDRNOTAVAIL:
		return (fault_sys(f, FAULT_UNREACHABLE, "cannot send to %s from %s", to,
		    addr_text(from, &d->local.addr)));
	}
	return (fault_sys(f, FAULT_SYSTEM, "cannot send to %s", to));
}

static bool
is_full(int err)
{
	return (err == EAGAIN || err == EWOULDBLOCK || err == ENOBUFS);
}

/* Sends one datagram. 0, or errno. */
static int
send_one(struct port *p, const struct pkt *d, size_t marker)
{
	struct msghdr mh;
	struct out o;
	int i, err = 0;

	make_ready(&mh, &o, d, marker);
	for (i = 0; i < 4; i++) {
		if (sendmsg(p->udp, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) != -1)
			return (0);
		err = errno;
		if (err != EINTR && !socket_reports_earlier(err))
			break;
	}
	return (err);
}

/* 0, or errno. A large message may be fragmented, whatever a data path has chosen for the socket that we share. */
static int
send_ike(struct port *p, const struct pkt *d)
{
	int err = EMSGSIZE, i;

	for (i = 0; i < 3 && err == EMSGSIZE; i++) {
		if (d->len > SMALL)
			port_udp_fragments(p, PORT_FRAG_KERNEL, true);
		err = send_one(p, d, p->role == PORT_NATT ? 4 : 0);
	}
	return (err);
}

int
ports_send_ike(struct ports *set, const struct endpoint *local, const struct endpoint *remote,
    struct span msg, struct fault *f)
{
	struct port *p = port_of(set, local, remote->addr.family);
	union { const uint8_t *c; uint8_t *v; } bytes = { msg.p };
	struct pkt d = { .local = *local, .remote = *remote, .p = bytes.v, .len = msg.len };
	char text[ENDPOINT_TEXT];
	int err;

	if (p == NULL)
		return (fault(f, FAULT_SYSTEM, "no open port to send from %s",
		    endpoint_text(text, local)));
	err = p->role == PORT_TCP ? port_tcp_send_ike(p, &d) : send_ike(p, &d);
	if (err != 0 && is_full(err))
		set->stats.dropped_full++;
	else if (err != 0)
		return (send_fault(f, err, &d));
	return (0);
}

void
ports_send_keepalive(struct ports *set, const struct endpoint *local,
    const struct endpoint *remote)
{
	struct port *p = port_of(set, local, remote->addr.family);
	uint8_t ff = 0xff;
	struct pkt d = { .local = *local, .remote = *remote, .p = &ff, .len = 1 };

	if (p != NULL && p->role != PORT_TCP)
		(void)send_one(p, &d, 0);
}

/* As sendmmsg(); -1 with ${err}. */
static int
send_many(const struct port *p, struct mmsghdr *mm, size_t n, int *err)
{
	int sent;

	biglock_leave();
	sent = sendmmsg(p->udp, mm, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	biglock_take();
	*err = sent == -1 ? errno : 0;
	return (sent);
}

/* Sends the segments one by one where the kernel cannot segment. 0, or errno. */
static int
send_split(struct port *p, const struct pkt *d, size_t marker)
{
	struct mmsghdr mm[SEND_BATCH];
	struct out out[SEND_BATCH];
	struct pkt one[SEND_BATCH];
	size_t off = 0, k;
	int i, sent, err;

	while (off < d->len) {
		for (k = 0; k < SEND_BATCH && off < d->len; k++, off += d->seg) {
			one[k] = *d;
			one[k].seg = 0;
			one[k].p = d->p + off;
			one[k].len = d->len - off < d->seg ? d->len - off : d->seg;
			make_ready(&mm[k].msg_hdr, &out[k], &one[k], marker);
		}
		sent = send_many(p, mm, k, &err);
		for (i = sent > 0 ? sent : 0; i < (int)k; i++) {
			/* Sent segments cannot be recalled: only if the first one fails has nothing been sent. */
			if ((err = send_one(p, &one[i], marker)) != 0 && i == 0 && one[i].p == d->p)
				return (err);
			if (err != 0)
				p->set->stats.dropped_full++;
		}
	}
	return (0);
}

/* Whether the kernel refused to segment what goes to ${a}: the device of that path may lack an offload. */
static bool
has_no_gso(const struct ports *set, const struct addr *a)
{
	size_t i;

	for (i = 0; i < PORT_NO_GSO; i++)
		if (set->no_gso[i].family != 0 && addr_cmp(&set->no_gso[i], a) == 0)
			return (true);
	return (false);
}

static bool
must_split(const struct ports *set, const struct pkt *d, size_t marker)
{
	return (d->seg != 0 && d->len > d->seg && (marker > 0 || (d->len + d->seg - 1) / d->seg > GSO_MAX ||
	    has_no_gso(set, &d->remote.addr)));
}

/*
 * The kernel refused, with ${err}, datagrams of which ${d} is the first. True: it is done, segment by segment, which the
 * path needs from now on (EIO, EINVAL), or this time (EMSGSIZE: a segment is longer than the path's MTU, and is
 * fragmented on its own).
 */
static bool
refused_segments(struct port *p, const struct pkt *d, size_t marker, int err)
{
	struct ports *set = p->set;

	if (d->seg == 0 || d->len <= d->seg || (err != EIO && err != EINVAL && err != EMSGSIZE) ||
	    send_split(p, d, marker) != 0)
		return (false);
	if (err != EMSGSIZE)
		set->no_gso[set->n_no_gso++ % PORT_NO_GSO] = d->remote.addr;
	return (true);
}

size_t
ports_send_esp(struct ports *set, const struct pkt *d, size_t n, struct fault *f)
{
	struct mmsghdr mm[SEND_BATCH];
	struct out out[SEND_BATCH];
	struct port *p, *q;
	size_t done = 0, k, marker;
	char text[ENDPOINT_TEXT];
	int sent, err, echoes = 0;

	if (f != NULL)
		f->code = FAULT_NONE;
	while (done < n) {
		if ((p = port_of(set, &d[done].local, d[done].remote.addr.family)) == NULL) {
			(void)fault(f, FAULT_SYSTEM, "no open port to send from %s",
			    endpoint_text(text, &d[done].local));
			return (done);
		}
		marker = port_marker_esp(p);
		if (p->role != PORT_TCP)
			port_udp_fragments(p, d[done].df ? PORT_FRAG_NONE : PORT_FRAG_ANY, false);
		for (k = 0; k < SEND_BATCH && done + k < n; k++) {
			q = k == 0 ? p : port_of(set, &d[done + k].local,
			    d[done + k].remote.addr.family);
			if (q != p || d[done + k].df != d[done].df || (p->role != PORT_TCP && must_split(set, &d[done + k], marker)))
				break;
			make_ready(&mm[k].msg_hdr, &out[k], &d[done + k], marker);
		}
		if (p->role == PORT_TCP) {
			sent = (int)port_tcp_send_esp(p, d + done, k, &err);
			k = 0;
		} else if (k == 0) {
			err = send_split(p, &d[done], marker);
			sent = err == 0 ? 1 : -1;
		} else
			sent = send_many(p, mm, k, &err);
		if (sent > 0) {
			done += (size_t)sent;
			echoes = 0;
			continue;
		}
		if (k > 0 && refused_segments(p, &d[done], marker, err)) {
			done++;
			continue;
		}
		if ((err == EINTR || socket_reports_earlier(err)) && echoes++ < 4)
			continue;
		if (!is_full(err))
			(void)send_fault(f, err, &d[done]);
		return (done);
	}
	return (done);
}

int
ports_keep_whole(struct ports *set, const struct endpoint *local, struct fault *f)
{
	struct port *p = port_of(set, local, local->addr.family);
	/* DF is set, and what the kernel has learnt of the path does not count. */
	int four = IP_PMTUDISC_PROBE, six = IPV6_PMTUDISC_PROBE;

	if (p == NULL || (local->addr.family == 4 ?
	    setsockopt(p->udp, IPPROTO_IP, IP_MTU_DISCOVER, &four, sizeof(four)) :
	    setsockopt(p->udp, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &six, sizeof(six))) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot keep packets from being fragmented"));
	p->whole = true;
	return (0);
}

int
ports_can_reach(const struct addr *local, const struct endpoint *remote, uint32_t mark, struct fault *f)
{
	struct endpoint own = { .addr = *local };
	struct sockaddr_storage from, to;
	socklen_t from_len = sockaddr_put(&from, &own), to_len = sockaddr_put(&to, remote);
	char a[ADDR_TEXT], b[ENDPOINT_TEXT];
	int fd, rc = 0;

	/* Neither call sends anything. */
	if ((fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a UDP socket"));
	if (mark != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	if (bind(fd, (struct sockaddr *)&from, from_len) != 0)
		rc = fault_sys(f, FAULT_BAD_ADDRESS, "cannot use the local address %s", addr_text(a, local));
	else if (connect(fd, (struct sockaddr *)&to, to_len) != 0)
		rc = fault_sys(f, FAULT_UNREACHABLE, "cannot send to %s from %s", endpoint_text(b, remote), addr_text(a, local));
	(void)close(fd);
	return (rc);
}

int
ports_is_own(const struct addr *a)
{
	struct endpoint e = { .addr = *a };
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_put(&ss, &e);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), own = -1;

	if (fd == -1)
		return (-1);
	if (bind(fd, (struct sockaddr *)&ss, len) == 0)
		own = 1;
	else if (errno == EADDRNOTAVAIL)
		own = 0;
	(void)close(fd);
	return (own);
}

int
ports_source(struct addr *local, const struct endpoint *remote, uint32_t mark, struct fault *f)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_put(&ss, remote);
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	char text[ENDPOINT_TEXT];
	int fd;

	*local = (struct addr){0};
	/* Connecting a UDP socket sends nothing; this one is our own. */
	if ((fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a UDP socket"));
	if ((mark != 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0) ||
	    connect(fd, (struct sockaddr *)&ss, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) != 0) {
		if (errno == EACCES)	/* a broadcast address of a connected network */
			(void)fault_because(f, CAUSE_NO_PEER, fault(f, FAULT_BAD_ADDRESS,
			    "%s is a broadcast address, not a peer", addr_text(text, &remote->addr)));
		else
			(void)fault_sys(f, FAULT_UNREACHABLE, "cannot reach %s", endpoint_text(text, remote));
		(void)close(fd);
		return (-1);
	}
	(void)close(fd);
	if (ss.ss_family == AF_INET) {
		memcpy(&sin, &ss, sizeof(sin));
		local->family = 4;
		memcpy(local->b, &sin.sin_addr, 4);
	} else {
		memcpy(&sin6, &ss, sizeof(sin6));
		local->family = 6;
		memcpy(local->b, &sin6.sin6_addr, 16);
		local->scope = sin6.sin6_scope_id;
	}
	return (0);
}
