/* A connection between two holders of a port: messages out and in. */
#include "port/port_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_TURNS	64	/* messages of one connection before others get their turn */

bool
port_conn_send_fds(int fd, const struct port_msg *m, const int *fds, size_t nfds)
{
	union { const uint8_t *c; void *v; } body = { m->body.p };
	_Alignas(struct cmsghdr) char ctl[CMSG_SPACE(PORT_FDS * sizeof(int))];
	uint8_t hdr[PORT_MSG_HDR];
	struct iovec iov[2] = { { hdr, sizeof(hdr) }, { body.v, m->body.len } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = m->body.len > 0 ? 2 : 1 };
	struct cmsghdr c = { .cmsg_len = CMSG_LEN(nfds * sizeof(int)), .cmsg_level = SOL_SOCKET,
	    .cmsg_type = SCM_RIGHTS };

	port_msg_put(hdr, m);
	if (nfds > 0) {
		memset(ctl, 0, sizeof(ctl));
		memcpy(ctl, &c, sizeof(c));
		memcpy(ctl + CMSG_LEN(0), fds, nfds * sizeof(int));
		mh.msg_control = ctl;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	}
	return (sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) != -1);
}

bool
port_conn_send(struct port_conn *c, const struct port_msg *m)
{
	return (port_conn_send_fds(c->fd, m, NULL, 0));
}

bool
port_conn_fits(const struct port *p, const struct port_msg *m)
{
	return (m->type == PM_RECORD || (m->local.port == p->bound.port &&
	    m->remote.addr.family == p->bound.addr.family));
}

/* Reads up to ${turns} messages. False: the other end disconnected, or sent a malformed message. */
static bool
conn_read(struct port_conn *c, int turns)
{
	struct ports *set = c->port->set;
	uint8_t *buf = set->msgs[set->draining ? 1 : 0];
	struct iovec iov = { buf, PORT_MSG_MAX };
	struct msghdr mh;
	struct port_msg m;
	ssize_t n;

	while (turns-- > 0) {
		/* Without room for control data the kernel drops descriptors that the other end sends. */
		mh = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
		if ((n = recvmsg(c->fd, &mh, MSG_DONTWAIT)) <= 0)
			return (n == -1 && (errno == EAGAIN || errno == EINTR));
		if ((mh.msg_flags & MSG_TRUNC) != 0 ||
		    port_msg_get(&m, span_of(buf, (size_t)n)) != 0) {
			set->stats.bad_peer++;
			if (c->welcomed)
				continue;
			return (false);
		}
		if (!c->calls->take(c, &m))
			return (false);
	}
	return (true);
}

static void
on_message(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port_conn *c = w->data;

	(void)loop;
	(void)revents;
	if (c->gone || !conn_read(c, READ_TURNS))
		c->calls->lost(c);
}

static void
on_room(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port_conn *c = w->data;

	(void)loop;
	(void)revents;
	c->calls->room(c);
}

void
port_conns_drain(struct port *p, const struct port_conn *but)
{
	struct port_conn *c;

	p->set->draining = true;
	for (c = p->conns; c != NULL; c = c->next)
		if (c != but && !c->gone && c->welcomed && !conn_read(c, READ_TURNS))
			c->gone = true;		/* closed in its own callback */
	p->set->draining = false;
}

struct port_conn *
port_conn_make(struct port *p, int fd, const struct port_conn_calls *calls)
{
	struct port_conn *c = calloc(1, sizeof(*c));
	int size = PORT_SOCKBUF;

	if (c == NULL) {
		(void)close(fd);
		return (NULL);
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->port = p;
	c->calls = calls;
	c->fd = fd;
	ev_io_init(&c->in, on_message, fd, EV_READ);
	ev_io_init(&c->out, on_room, fd, EV_WRITE);
	c->in.data = c->out.data = c;
	/* Before the UDP socket, so that keys are known before a datagram is routed. */
	ev_set_priority(&c->in, 1);
	port_watch_io(p->set, &c->in);
	return (c);
}

void
port_conn_close(struct port_conn *c)
{
	ev_io_stop(c->port->set->loop, &c->in);
	ev_io_stop(c->port->set->loop, &c->out);
	(void)close(c->fd);
	serve_clear(&c->serves);
	free(c);
}
