/* A holder of a port that another process owns, and the succession when the owner dies. */
#include "port/port_holder.h"

#include <sys/socket.h>
#include <unistd.h>

#include "port/port_conn.h"
#include "port/port_deliver.h"
#include "port/port_keys.h"
#include "port/port_name.h"
#include "port/port_owner.h"
#include "port/port_route.h"
#include "port/port_shared.h"
#include "port/port_socket.h"

#define WAIT_FIRST	0.002	/* s */
#define WAIT_LONGEST	0.1

static void race(struct ev_loop *, ev_timer *, int);

void
port_want(struct port *p)
{
	struct port_msg m = { .type = PM_HELLO, .flags = PM_F_DATA_PATH };

	p->data_path = true;
	if (p->owner)
		port_elect(p);
	else if (p->up != NULL && p->up->welcomed)
		(void)port_conn_send(p->up, &m);
}

/* A message from the owner. False: hang up. */
static bool
holder_takes(struct port_conn *c, const struct port_msg *m)
{
	struct port *p = c->port;

	if (!c->welcomed) {
		if (m->type != PM_WELCOME)
			return (false);
		c->welcomed = true;
		ev_timer_stop(p->set->loop, &p->retry);
		if (p->data_path)
			port_want(p);
		c->sync = true;
		port_keys_sync(c);
		port_release(p);
		return (true);
	}
	switch (m->type) {
	case PM_READ:
		port_socket_read(p);
		return (true);
	case PM_STOP:
		port_socket_stop(p);
		return (true);
	case PM_IKE:
	case PM_ESP:
	case PM_UNREACH:
	case PM_RECORD:
		if (!port_conn_fits(p, m))
			break;
		p->set->stats.relayed_in++;
		port_deliver(p, m);
		return (true);
	}
	p->set->stats.bad_peer++;
	return (true);
}

/* The owner disconnected: another holder has to become owner. */
static void
holder_lost(struct port_conn *c)
{
	struct port *p = c->port;

	p->up = NULL;
	port_conn_close(c);
	p->wait = WAIT_FIRST;
	race(p->set->loop, &p->retry, 0);
}

static const struct port_conn_calls calls = {
	.take = holder_takes, .lost = holder_lost, .room = port_keys_sync,
};

bool
port_follow(struct port *p, int fd, bool welcomed)
{
	if ((p->up = port_conn_make(p, fd, &calls)) == NULL)
		return (false);
	if (welcomed) {
		p->up->welcomed = true;
		p->up->sync = true;
		port_keys_sync(p->up);
	}
	return (true);
}

static void
end_grace(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	port_release(w->data);
}

/*
 * Makes a connection, introduces us on it, and puts its other end where the new owner finds it. Whoever
 * can do that is a holder: no uid has to prove it, and ours may be another one by now.
 */
static void
rejoin(struct port *p)
{
	struct port_msg m = { .type = PM_HELLO };
	int fd[2];
	bool sent;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) != 0)
		return;
	m.flags = (uint8_t)((p->data_path ? PM_F_DATA_PATH : 0) |
	    (p->reading ? PM_F_READING : 0));
	sent = port_conn_send_fds(fd[0], &m, NULL, 0) && port_conn_send_fds(p->meet[0], &m, &fd[1], 1);
	(void)close(fd[1]);
	if (sent)
		(void)port_follow(p, fd[0], false);
	else
		(void)close(fd[0]);
}

/*
 * There is no owner. All holders get here at once. The one that gets the lock accepts connections, and
 * those of the others wait in the pair of sockets that they all hold. Until a holder is welcomed it keeps
 * trying for the lock: the winner may have died too.
 */
static void
race(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct port *p = w->data;

	(void)revents;
	if (p->up != NULL && p->up->welcomed)
		return;
	if (port_take_lock(p)) {
		if (p->up != NULL)
			port_conn_close(p->up);
		p->up = NULL;
		port_note(p, false, "the owner has ended, this process is now the owner");
		ev_timer_stop(loop, w);
		ev_timer_init(&p->grace, end_grace, PORT_GRACE, 0);
		p->grace.data = p;
		port_watch_timer(p->set, &p->grace);
		port_own(p);
		port_release(p);
		return;
	}
	if (p->up == NULL)
		rejoin(p);
	ev_timer_stop(loop, w);
	ev_timer_init(w, race, p->wait, 0);
	port_watch_timer(p->set, w);
	p->wait = 2 * p->wait < WAIT_LONGEST ? 2 * p->wait : WAIT_LONGEST;
}

void
port_holder_init(struct port *p)
{
	p->held_end = &p->held;
	ev_timer_init(&p->retry, race, 0, 0);
	ev_timer_init(&p->grace, end_grace, 0, 0);
	p->retry.data = p->grace.data = p;
}

void
port_leave(struct port *p)
{
	struct port_conn *c, *next;

	ev_timer_stop(p->set->loop, &p->retry);
	ev_timer_stop(p->set->loop, &p->grace);
	if (p->owner)
		port_disown(p);
	port_shared_close(p);
	for (c = p->conns; c != NULL; c = next) {
		next = c->next;
		port_conn_close(c);
	}
	if (p->up != NULL)
		port_conn_close(p->up);
	port_held_free(p);
}
