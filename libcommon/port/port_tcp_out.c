/* Cisco's TCP encapsulation, out: makes segments, sends them by the raw socket, keeps messages until a connection is open. */
#include "port/port_tcp_out.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

#include "os/clock.h"
#include "os/sockaddr.h"
#include "port/port_deliver.h"
#include "port/port_dgram.h"
#include "port/port_route.h"
#include "port/port_udp.h"

#define LOCK_TRIES	200	/* of LOCK_NAP_NS each */
#define LOCK_NAP_NS	100000
#define POLL_S		0.02	/* while a message waits and another process reads the port */
#define WAIT_MS		(TCP_SYN_MS * TCP_SYNS + 500)
#define SEND_BATCH	64

/* --- the lock --- */

static bool
set_lock(const struct port *p, short type)
{
	/* Of the process, as that of the owner: all holders have the same descriptor. */
	struct flock whole = { .l_type = type, .l_whence = SEEK_SET };

	return (fcntl(p->tcp_mem, F_SETLK, &whole) == 0);
}

bool
port_tcp_lock(struct port *p)
{
	struct timespec nap = { 0, LOCK_NAP_NS };
	int i;

	for (i = 0; i < LOCK_TRIES; i++) {
		if (set_lock(p, F_WRLCK))
			return (true);
		(void)nanosleep(&nap, NULL);
	}
	p->set->stats.dropped_full++;
	return (false);
}

void
port_tcp_unlock(struct port *p)
{
	(void)set_lock(p, F_UNLCK);
}

/* --- one segment --- */

/*
 * Sends ${d}, whose first ${head} bytes are before its own: a UDP header, or none. ${proto} 0: no payload. Returns 0 or
 * errno.
 */
static int
send_segment(struct port *p, const struct pkt *d, const struct ctcp_segment *s, uint8_t proto, struct ctcp_mark mark)
{
	_Alignas(struct cmsghdr) char ctl[PORT_CTL];
	/* Filters that track connections drop what exceeds the window that they have seen: with this scale it is 1 GB. */
	static const uint8_t scale[] = { 3, 3, 14, 1 };
	uint8_t tcp[CTCP_TCP + sizeof(scale)], udp[CTCP_UDP], trailer[CTCP_TRAILER];
	struct span part[4] = { span_of(tcp, CTCP_TCP) };
	struct endpoint to_host = { .addr = d->remote.addr };	/* a raw socket has no ports */
	struct sockaddr_storage to;
	struct iovec iov[4];
	struct msghdr mh = { .msg_name = &to, .msg_namelen = sockaddr_put(&to, &to_host), .msg_iov = iov, .msg_control = ctl };
	union { const uint8_t *c; void *v; } bytes;
	size_t i, n = 1;

	ctcp_header_put(tcp, s);
	if ((s->flags & CTCP_SYN) != 0) {
		memcpy(tcp + CTCP_TCP, scale, sizeof(scale));
		part[0].len = sizeof(tcp);
		tcp[12] = sizeof(tcp) / 4 << 4;
	}
	if (proto == CTCP_PROTO_UDP) {
		ctcp_udp_put(udp, d->len);
		part[n++] = span_of(udp, sizeof(udp));
	}
	if (proto != 0) {
		part[n++] = span_of(d->p, d->len);
		ctcp_trailer_put(trailer, proto, mark);
		part[n++] = span_of(trailer, sizeof(trailer));
	}
	put_be16(tcp + 16, ctcp_checksum(&d->local.addr, &d->remote.addr, part, n));
	for (i = 0; i < n; i++) {
		bytes.c = part[i].p;
		iov[i] = (struct iovec){ bytes.v, part[i].len };
	}
	mh.msg_iovlen = n;
	port_add_cmsgs(&mh, d);
	for (i = 0; i < 4; i++)
		if (sendmsg(p->raw, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) != -1)
			return (0);
		else if (errno != EINTR)
			break;
	return (errno);
}

void
port_tcp_control(struct port *p, const struct endpoint *local, const struct endpoint *remote,
    const struct ctcp_segment *s)
{
	struct pkt d = { .local = *local, .remote = *remote };

	(void)send_segment(p, &d, s, 0, (struct ctcp_mark){0});
}

/* --- IKE --- */

static void
drop_wait(struct port *p, size_t i)
{
	free(p->waits[i].b);
	p->waits[i] = p->waits[--p->n_waits];
}

/* Sends the message of ${w} if its connection is open. */
static void	try_wait(struct port *p, size_t i);

static void
on_poll(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct port *p = w->data;
	uint64_t now = clock_mono_ms();
	size_t i;

	(void)revents;
	for (i = p->n_waits; i-- > 0; ) {
		if (now >= p->waits[i].until_ms)
			drop_wait(p, i);
		else
			try_wait(p, i);
	}
	if (p->n_waits == 0)
		ev_timer_stop(loop, w);
}

/* Keeps a copy of ${d} until its connection is open, for a moment. */
static void
wait_for(struct port *p, const struct pkt *d)
{
	struct port_wait *w;

	if (p->n_waits == PORT_TCP_HELD)
		drop_wait(p, 0);
	w = &p->waits[p->n_waits];
	*w = (struct port_wait){ .local = d->local, .remote = d->remote, .until_ms = clock_mono_ms() + WAIT_MS, .len = d->len };
	if ((w->b = malloc(d->len)) == NULL)
		return;
	memcpy(w->b, d->p, d->len);
	p->n_waits++;
	if (ev_is_active(&p->tcp_poll))
		return;
	ev_timer_init(&p->tcp_poll, on_poll, POLL_S, POLL_S);
	p->tcp_poll.data = p;
	port_watch_timer(p->set, &p->tcp_poll);
}

/* Whether the segment is made; if not, the message waits or is lost. */
static enum tcp_verdict
claim_ike(struct port *p, const struct pkt *d, bool open, struct ctcp_segment *s,
    struct ctcp_mark *mark)
{
	enum tcp_verdict v;
	struct tcp_step step;

	if (!port_tcp_lock(p))
		return (TCP_NO);
	v = tcp_send(p->tcp, clock_mono_ms(), &d->local, &d->remote, CTCP_UDP + d->len + CTCP_TRAILER, open, mark, s, &step);
	port_tcp_unlock(p);
	if (step.send)
		port_tcp_control(p, &d->local, &d->remote, &step.out);
	return (v);
}

static void
try_wait(struct port *p, size_t i)
{
	struct port_wait *w = &p->waits[i];
	struct pkt d = { .local = w->local, .remote = w->remote, .p = w->b, .len = w->len };
	struct ctcp_segment s;
	struct ctcp_mark mark;

	if (claim_ike(p, &d, false, &s, &mark) != TCP_SEND)
		return;
	(void)send_segment(p, &d, &s, CTCP_PROTO_UDP, mark);
	drop_wait(p, i);
}

void
port_tcp_flush(struct port *p, const struct endpoint *local, const struct endpoint *remote)
{
	size_t i;

	for (i = p->n_waits; i-- > 0; )
		if (endpoint_eq(&p->waits[i].remote, remote) && endpoint_eq(&p->waits[i].local, local))
			try_wait(p, i);
}

void
port_tcp_out_stop(struct port *p)
{
	ev_timer_stop(p->set->loop, &p->tcp_poll);
	while (p->n_waits > 0)
		drop_wait(p, 0);
}

int
port_tcp_send_ike(struct port *p, const struct pkt *d)
{
	struct ctcp_segment s;
	struct ctcp_mark mark;

	if (d->len > PKT_MAX - CTCP_UDP - CTCP_EXTRA - 40)
		return (EMSGSIZE);
	switch (claim_ike(p, d, p->connects, &s, &mark)) {
	case TCP_SEND:
		return (send_segment(p, d, &s, CTCP_PROTO_UDP, mark));
	case TCP_WAIT:
		wait_for(p, d);
		break;
	case TCP_NO:
		p->set->stats.dropped_full++;
		break;
	}
	return (0);
}

/* --- ESP --- */

/* One of ${d}->seg bytes after another, or all of it. 0 or errno. */
static int
send_pieces(struct port *p, const struct pkt *d, struct ctcp_segment *s)
{
	size_t off, step = d->seg != 0 ? d->seg : d->len;
	struct pkt one = *d;
	int err, first = 0;

	for (off = 0; off < d->len; off += step) {
		one.p = d->p + off;
		one.len = d->len - off < step ? d->len - off : step;
		if ((err = send_segment(p, &one, s, CTCP_PROTO_ESP, (struct ctcp_mark){0})) != 0 && off == 0)
			first = err;
		s->seq += (uint32_t)(one.len + CTCP_TRAILER);
	}
	return (first);
}

size_t
port_tcp_send_esp(struct port *p, const struct pkt *d, size_t n, int *err)
{
	struct ctcp_segment s[SEND_BATCH];
	enum tcp_verdict v[SEND_BATCH];
	struct tcp_step step[SEND_BATCH];
	size_t i, pieces, m = n < SEND_BATCH ? n : SEND_BATCH;
	uint64_t now = clock_mono_ms();

	*err = 0;
	if (!port_tcp_lock(p))
		return (m);
	for (i = 0; i < m; i++) {
		pieces = d[i].seg != 0 ? (d[i].len + d[i].seg - 1) / d[i].seg : 1;
		v[i] = tcp_send(p->tcp, now, &d[i].local, &d[i].remote, d[i].len + pieces * CTCP_TRAILER, p->connects, NULL,
		    &s[i], &step[i]);
	}
	port_tcp_unlock(p);
	for (i = 0; i < m; i++) {
		if (step[i].send)
			port_tcp_control(p, &d[i].local, &d[i].remote, &step[i].out);
		if (v[i] != TCP_SEND)
			p->set->stats.dropped_full++;
		else if ((*err = send_pieces(p, &d[i], &s[i])) != 0)
			return (i);
	}
	return (m);
}

void
port_tcp_tell(struct port *p, const struct endpoint *remote, enum tcp_event what)
{
	struct port_msg m = { .type = PM_UNREACH, .local = p->bound, .remote = *remote };
	char text[ENDPOINT_TEXT];

	if (what == TCP_REFUSED || what == TCP_UNANSWERED) {
		m.number = (uint64_t)(what == TCP_REFUSED ? ECONNREFUSED : ETIMEDOUT) << 32;
		port_route(p, NULL, &m);
	}
	port_note(p, false, "%s %s", endpoint_text(text, remote), what == TCP_OPENED ? "has accepted the connection" :
	    what == TCP_REFUSED ? "refused the connection (RST)" : what == TCP_UNANSWERED ? "does not answer SYN" :
	    "is no longer connected");
}
