/* Addresses and control messages of what a port's sockets receive and send. */
#include "port/port_dgram.h"

#include <netinet/udp.h>

#include "base/biglock.h"
#include "os/sockaddr.h"
#include "port/port_deliver.h"

#ifndef UDP_GRO
#define UDP_GRO	104
#endif
#define TURNS	4	/* batches read before the loop gets its turn */
#define FEW	4	/* datagrams of the first batch: merged ones fill the cache */
#define MERGED	16384	/* bytes of a batch, from which on its datagrams are merged ones */

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

void
port_add_cmsg(struct msghdr *mh, int level, int type, const void *value, size_t len)
{
	char *at = (char *)mh->msg_control + mh->msg_controllen;
	struct cmsghdr c = { .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type };

	memset(at, 0, CMSG_SPACE(len));
	memcpy(at, &c, sizeof(c));
	memcpy(at + CMSG_LEN(0), value, len);
	mh->msg_controllen += CMSG_SPACE(len);
}

void
port_add_cmsgs(struct msghdr *mh, const struct pkt *d)
{
	struct in_pktinfo v4 = {0};
	struct in6_pktinfo v6 = {0};
	int tos = d->tos != PKT_TOS_NONE ? d->tos : 0;

	if (d->local.addr.family == 4) {
		memcpy(&v4.ipi_spec_dst, d->local.addr.b, 4);
		v4.ipi_ifindex = (int)d->ifindex;
		port_add_cmsg(mh, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	} else if (d->local.addr.family == 6) {
		memcpy(&v6.ipi6_addr, d->local.addr.b, 16);
		v6.ipi6_ifindex = d->ifindex != 0 ? d->ifindex : d->local.addr.scope;
		port_add_cmsg(mh, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	}
	if (tos != 0 && d->remote.addr.family == 4)
		port_add_cmsg(mh, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else if (tos != 0)
		port_add_cmsg(mh, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

/* An overload may begin or end: see port_shed.h. */
static void
turn_over(struct port *p, bool drained)
{
	if (port_shed_turn(&p->set->shed, drained))
		port_note(p, false, "too many first messages of IKE: those of peers that do not repeat them are dropped");
}

bool
port_read_batches(struct port *p, int fd, port_take_fn *take)
{
	struct mmsghdr mm[PORT_BATCH] = {{{0}, 0}};
	struct iovec iov[PORT_BATCH];
	struct sockaddr_storage from[PORT_BATCH];
	_Alignas(struct cmsghdr) char ctl[PORT_BATCH][128];
	struct port_msg m;
	size_t seg, bytes;
	int i, n, turn, want = FEW;

	for (turn = 0; turn < TURNS && p->reading; turn++) {
		for (i = 0; i < want; i++) {
			iov[i] = (struct iovec){ p->set->bufs + (size_t)i * PORT_BUF, PORT_BUF };
			mm[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
			    .msg_namelen = sizeof(from[i]), .msg_iov = &iov[i], .msg_iovlen = 1,
			    .msg_control = ctl[i], .msg_controllen = sizeof(ctl[i]) };
		}
		biglock_leave();
		n = recvmmsg(fd, mm, (unsigned)want, MSG_DONTWAIT, NULL);
		biglock_take();
		for (i = 0, bytes = 0; i < n; i++) {
			bytes += mm[i].msg_len;
			m = (struct port_msg){ .remote = sockaddr_get(&from[i]) };
			seg = mm[i].msg_len;
			read_cmsgs(&mm[i].msg_hdr, &m, &seg);
			if ((mm[i].msg_hdr.msg_flags & MSG_TRUNC) != 0 || seg == 0 ||
			    m.local.addr.family != p->bound.addr.family ||
			    m.remote.addr.family != p->bound.addr.family)
				p->set->stats.dropped_short++;
			else
				take(p, &m, p->set->bufs + (size_t)i * PORT_BUF, mm[i].msg_len, seg);
		}
		if (n > 0)
			port_flush_esp(p->set);
		if (n < want) {
			turn_over(p, true);
			return (n > 0 || turn > 0);
		}
		want = bytes < MERGED ? PORT_BATCH : FEW;
	}
	turn_over(p, false);
	return (true);
}
