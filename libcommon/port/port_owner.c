/* The owner of a port: accepts holders, chooses the reader, routes messages of holders. */
#include "port/port_owner.h"

#include <errno.h>
#include <unistd.h>

#include "port/port_conn.h"
#include "port/port_deliver.h"
#include "port/port_keys.h"
#include "port/port_name.h"
#include "port/port_route.h"
#include "port/port_shared.h"
#include "port/port_socket.h"

static bool
tell(struct port_conn *c, uint8_t type)
{
	struct port_msg m = { .type = type };

	return (port_conn_send(c, &m));
}

void
port_elect(struct port *p)
{
	struct port_conn *c, *best = p->reader;

	if (best != NULL && (best->gone || !best->data_path))
		best = NULL;
	if (best == NULL && !p->data_path)
		for (c = p->conns; c != NULL; c = c->next)
			if (c->welcomed && !c->gone && c->data_path)
				best = c;	/* the last in the list joined first */
	if (best != p->reader) {
		if (best != NULL && !tell(best, PM_READ))
			best = NULL;
		if (p->reader != NULL && p->reader != best)
			(void)tell(p->reader, PM_STOP);
		p->reader = best;
		if (best != NULL)
			port_note(p, false, "process %ld reads", (long)best->pid);
	}
	if (p->reader == NULL)
		port_socket_read(p);
	else
		port_socket_stop(p);
}

/* A holder disconnected: another one may have to read. */
static void
owner_lost(struct port_conn *c)
{
	struct port *p = c->port;
	struct port_conn **at;

	for (at = &p->conns; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	if (p->reader == c)
		p->reader = NULL;
	if (c->welcomed)
		port_note(p, false, "process %ld left", (long)c->pid);
	port_conn_close(c);
	port_elect(p);
}

/* A HELLO. False: no room for the answer. */
static bool
welcome(struct port_conn *c, const struct port_msg *m)
{
	struct port *p = c->port;
	struct port_msg answer = { .type = PM_WELCOME };
	int fds[PORT_FDS];
	size_t n;

	n = port_shared_list(p, fds);
	if (!port_conn_send_fds(c->fd, &answer, fds, c->back ? 0 : n))
		return (false);
	c->welcomed = true;
	c->data_path = (m->flags & PM_F_DATA_PATH) != 0;
	port_note(p, false, "process %ld %s", (long)c->pid, c->back ? "came back" : "joined");
	/* It continues to read if no better reader does. */
	if ((m->flags & PM_F_READING) != 0 && c->data_path && p->reader == NULL &&
	    !p->data_path)
		p->reader = c;
	port_elect(p);
	if ((m->flags & PM_F_READING) != 0 && p->reader != c)
		(void)tell(c, PM_STOP);
	return (true);
}

/* A message from a holder. False: hang up. */
static bool
owner_takes(struct port_conn *c, const struct port_msg *m)
{
	struct port *p = c->port;

	if (!c->welcomed)
		return (m->type == PM_HELLO && welcome(c, m));
	switch (m->type) {
	case PM_HELLO:		/* it wants to read, or no longer does */
		c->data_path = (m->flags & PM_F_DATA_PATH) != 0;
		port_elect(p);
		return (true);
	case PM_SERVE:
		port_keys_take(c, m);
		if (p->nheld > 0 && !p->set->draining)
			port_release(p);
		return (true);
	case PM_IKE:
	case PM_ESP:
	case PM_UNREACH:
	case PM_RECORD:
		if (!port_conn_fits(p, m))
			break;
		p->set->stats.relayed_in++;
		port_route(p, c, m);
		return (true);
	}
	p->set->stats.bad_peer++;
	return (true);
}

/* Only a holder has keys to send. */
static void
owner_room(struct port_conn *c)
{
	ev_io_stop(c->port->set->loop, &c->out);
}

static const struct port_conn_calls calls = {
	.take = owner_takes, .lost = owner_lost, .room = owner_room,
};

/* Adds the connection ${fd}: of a new holder, which has to be of a user whom we trust, or of one that comes back. */
static void
add_holder(struct port *p, int fd, bool back)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	struct port_conn *c;
	size_t n = 0;

	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &(socklen_t){ sizeof(cred) });
	for (c = p->conns; c != NULL; c = c->next)
		n++;
	if (!back && !port_trusts(p->set, cred.uid)) {
		port_note(p, false, "refused process %ld of user %ld", (long)cred.pid, (long)cred.uid);
		(void)close(fd);
		return;
	}
	if (n >= PORT_HOLDERS) {
		(void)close(fd);
		return;
	}
	if ((c = port_conn_make(p, fd, &calls)) == NULL)
		return;
	c->pid = cred.pid;
	c->back = back;
	c->next = p->conns;
	p->conns = c;
}

static void
accept_holder(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port *p = w->data;
	int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)loop;
	(void)revents;
	if (fd != -1)
		add_holder(p, fd, false);
}

/* Connections of holders that another owner had. */
static void
meet_holder(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port *p = w->data;
	_Alignas(struct cmsghdr) char ctl[CMSG_SPACE(sizeof(int))];
	uint8_t hdr[PORT_MSG_HDR];
	struct iovec iov = { hdr, sizeof(hdr) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl,
	    .msg_controllen = sizeof(ctl) };
	struct cmsghdr *c;
	int fd;

	(void)loop;
	(void)revents;
	if (recvmsg(p->meet[1], &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0 ||
	    (c = CMSG_FIRSTHDR(&mh)) == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof(fd)))
		return;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	add_holder(p, fd, true);
}

void
port_own(struct port *p)
{
	p->owner = true;
	p->reader = NULL;
	if (p->listener != -1) {
		ev_io_init(&p->accepting, accept_holder, p->listener, EV_READ);
		ev_io_init(&p->meeting, meet_holder, p->meet[1], EV_READ);
		p->accepting.data = p->meeting.data = p;
		port_watch_io(p->set, &p->accepting);
		port_watch_io(p->set, &p->meeting);
	}
	port_elect(p);
}

void
port_disown(struct port *p)
{
	ev_io_stop(p->set->loop, &p->accepting);
	ev_io_stop(p->set->loop, &p->meeting);
}
