/* The owner of a port: accepts holders, chooses the reader, routes messages of holders. */
#include "port/port_owner.h"

#include <errno.h>
#include <unistd.h>

#include "base/secret.h"
#include "port/port_conn.h"
#include "port/port_deliver.h"
#include "port/port_keys.h"
#include "port/port_name.h"
#include "port/port_route.h"
#include "port/port_udp.h"

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
			port_note(p, "process %ld reads", (long)best->pid);
	}
	if (p->reader == NULL)
		port_udp_read(p);
	else
		port_udp_stop(p);
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
		port_note(p, "process %ld left", (long)c->pid);
	port_conn_close(c);
	port_elect(p);
}

/* A HELLO. False: not from one of ours. */
static bool
welcome(struct port_conn *c, const struct port_msg *m)
{
	static const uint8_t zero[PORT_TOKEN];
	struct port *p = c->port;
	uint8_t body[PORT_TOKEN + PORT_LOCK];
	struct port_msg answer = { .type = PM_WELCOME, .body = SPAN_ARRAY(body) };
	bool fresh = memcmp(m->body.p, zero, PORT_TOKEN) == 0;
	int fds[2] = { p->udp, p->listener };

	/* A holder that comes back may have dropped its privileges since, but knows the token. */
	if (fresh ? !c->kin : !ct_eq(m->body, SPAN_ARRAY(p->token))) {
		port_note(p, "refused process %ld of user %ld", (long)c->pid, (long)c->uid);
		return (false);
	}
	memcpy(body, p->token, PORT_TOKEN);
	memcpy(body + PORT_TOKEN, p->lock_id, PORT_LOCK);
	if (!port_conn_send_fds(c->fd, &answer, fds, fresh ? 2 : 0))
		return (false);
	c->welcomed = true;
	c->data_path = (m->flags & PM_F_DATA_PATH) != 0;
	port_note(p, "process %ld %s", (long)c->pid, fresh ? "joined" : "came back");
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

static void
accept_holder(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port *p = w->data;
	struct port_conn *c, *stranger = NULL;
	struct ucred cred = { .uid = (uid_t)-1 };
	size_t n = 0, strangers = 0;
	int fd;

	(void)loop;
	(void)revents;
	if ((fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) == -1)
		return;
	for (c = p->conns; c != NULL; c = c->next, n++)
		if (!c->welcomed && !c->kin && ++strangers > 0)
			stranger = c;	/* the last in the list joined first */
	if (strangers >= PORT_STRANGERS) {
		owner_lost(stranger);
		n--;
	}
	if (n >= PORT_HOLDERS) {
		(void)close(fd);
		return;
	}
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &(socklen_t){ sizeof(cred) });
	if ((c = port_conn_make(p, fd, &calls)) == NULL)
		return;
	c->uid = cred.uid;
	c->pid = cred.pid;
	c->kin = port_trusts(p->set, cred.uid);
	c->next = p->conns;
	p->conns = c;
}

void
port_own(struct port *p)
{
	ev_io_init(&p->accepting, accept_holder, p->listener, EV_READ);
	p->accepting.data = p;
	ev_io_start(p->set->loop, &p->accepting);
	p->reader = NULL;
	port_elect(p);
}
