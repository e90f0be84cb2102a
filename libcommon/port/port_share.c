/* The owner's and the holders' side of a shared port: connections, who reads, who inherits. */
#include "port/port_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/secret.h"

#define READ_TURNS	64	/* messages of one connection before others get their turn */
#define WAIT_FIRST	0.002	/* s */
#define WAIT_LONGEST	0.1

static void elect(struct port *);
static void race(struct ev_loop *, ev_timer *, int);

static bool
send_with_fds(int fd, const struct port_msg *m, const int *fds, size_t nfds)
{
	union { const uint8_t *c; void *v; } body = { m->body.p };
	_Alignas(struct cmsghdr) char ctl[CMSG_SPACE(2 * sizeof(int))];
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
		mh.msg_controllen = sizeof(ctl);
	}
	return (sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) != -1);
}

bool
port_conn_send(struct port_conn *c, const struct port_msg *m)
{
	return (send_with_fds(c->fd, m, NULL, 0));
}

bool
port_hold(struct port *p, const struct port_msg *m)
{
	struct port_held *h;
	size_t len = PORT_MSG_HDR + m->body.len;

	if (p->nheld >= PORT_QUEUE || p->held_bytes + len > PORT_QUEUE_BYTES ||
	    (h = malloc(sizeof(*h) + len)) == NULL) {
		p->set->stats.dropped_full++;
		return (false);
	}
	h->next = NULL;
	h->len = len;
	port_msg_put(h->b, m);
	memcpy(h->b + PORT_MSG_HDR, m->body.p, m->body.len);
	*p->held_end = h;
	p->held_end = &h->next;
	p->nheld++;
	p->held_bytes += len;
	return (true);
}

/* Routes again what waited; it may come to wait again. */
static void
release_held(struct port *p)
{
	struct port_held *h = p->held, *next;
	struct port_msg m;

	p->held = NULL;
	p->held_end = &p->held;
	p->nheld = p->held_bytes = 0;
	for (; h != NULL; h = next) {
		next = h->next;
		if (port_msg_get(&m, span_of(h->b, h->len)) == 0)
			port_route(p, NULL, &m);
		free(h);
	}
}

static void
conn_close(struct port_conn *c)
{
	ev_io_stop(c->port->set->loop, &c->in);
	ev_io_stop(c->port->set->loop, &c->out);
	(void)close(c->fd);
	serve_clear(&c->serves);
	free(c);
}

/* The other end went away: another reader, or another owner, is needed. */
static void
conn_lost(struct port_conn *c)
{
	struct port *p = c->port;
	struct port_conn **at;

	if (c == p->up) {
		p->up = NULL;
		conn_close(c);
		p->wait = WAIT_FIRST;
		race(p->set->loop, &p->retry, 0);
		return;
	}
	for (at = &p->conns; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	if (p->reader == c)
		p->reader = NULL;
	if (c->welcomed)
		port_note(p, "process %ld left", (long)c->pid);
	conn_close(c);
	elect(p);
}

static bool
tell(struct port_conn *c, uint8_t type)
{
	struct port_msg m = { .type = type };

	return (port_conn_send(c, &m));
}

/*
 * Chooses the reader: a tool with a data path, and rather the one that reads already:
 * another would gain what this one loses. Else the owner. Two readers for a moment
 * do no harm: each datagram reaches one of them, and is routed alike.
 */
static void
elect(struct port *p)
{
	struct port_conn *c, *best = p->reader;

	if (best != NULL && (best->gone || !best->data_path))
		best = NULL;
	if (best == NULL && !p->data_path)
		for (c = p->conns; c != NULL; c = c->next)
			if (c->welcomed && !c->gone && c->data_path)
				best = c;	/* the last is the first that came */
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

/* Owner: a HELLO. False: not one of ours. */
static bool
welcome(struct port_conn *c, const struct port_msg *m)
{
	static const uint8_t zero[PORT_TOKEN];
	struct port *p = c->port;
	uint8_t body[PORT_TOKEN + PORT_LOCK];
	struct port_msg answer = { .type = PM_WELCOME, .body = SPAN_ARRAY(body) };
	bool fresh = memcmp(m->body.p, zero, PORT_TOKEN) == 0;
	int fds[2] = { p->udp, p->listener };

	/* Who comes back has dropped its privileges since, but knows the token. */
	if (fresh ? !c->kin : !ct_eq(m->body, SPAN_ARRAY(p->token))) {
		port_note(p, "refused process %ld of user %ld", (long)c->pid, (long)c->uid);
		return (false);
	}
	memcpy(body, p->token, PORT_TOKEN);
	memcpy(body + PORT_TOKEN, p->lock_id, PORT_LOCK);
	if (!send_with_fds(c->fd, &answer, fds, fresh ? 2 : 0))
		return (false);
	c->welcomed = true;
	c->data_path = (m->flags & PM_F_DATA_PATH) != 0;
	port_note(p, "process %ld %s", (long)c->pid, fresh ? "joined" : "came back");
	/* It goes on if nobody better reads. */
	if ((m->flags & PM_F_READING) != 0 && c->data_path && p->reader == NULL &&
	    !p->data_path)
		p->reader = c;
	elect(p);
	if ((m->flags & PM_F_READING) != 0 && p->reader != c)
		(void)tell(c, PM_STOP);
	return (true);
}

static void
take_keys(struct port_conn *c, const struct port_msg *m)
{
	struct serve_key k;
	size_t i;

	if ((m->flags & PM_F_RESET) != 0)
		serve_clear(&c->serves);
	for (i = 0; i < m->body.len; i += SERVE_KEY) {
		memcpy(k.b, m->body.p + i, SERVE_KEY);
		if (!serve_key_valid(&k))
			c->port->set->stats.bad_peer++;
		else if ((m->flags & PM_F_DROP) != 0)
			(void)serve_drop(&c->serves, &k);
		else if (serve_put(&c->serves, &k) == -1)
			c->port->set->stats.dropped_full++;
	}
	if (c->port->nheld > 0 && !c->port->set->draining)
		release_held(c->port);
}

/* Sends our keys to the owner as far as there is room, the rest when there is more. */
static void
sync_keys(struct port_conn *c)
{
	struct serve_key keys[512];
	struct port_msg m = { .type = PM_SERVE, .flags = PM_F_RESET };
	size_t at, n;

	while (c->sync) {
		m.flags = c->sync_at == 0 ? PM_F_RESET : 0;
		at = c->sync_at;
		n = serve_list(&c->port->set->own, &at, keys, 512);
		m.body = span_of(keys, n * SERVE_KEY);
		if ((n > 0 || c->sync_at == 0) && !port_conn_send(c, &m)) {
			ev_io_start(c->port->set->loop, &c->out);
			return;
		}
		c->sync_at = at;
		c->sync = n > 0;
	}
	ev_io_stop(c->port->set->loop, &c->out);
}

static void
on_room(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	sync_keys(w->data);
}

void
port_share_key(struct ports *set, const struct serve_key *k, bool drop)
{
	struct port_msg m = { .type = PM_SERVE, .flags = drop ? PM_F_DROP : 0,
	    .body = SPAN_ARRAY(k->b) };
	struct port_conn *c;
	size_t i;

	for (i = 0; i < set->n; i++) {
		if ((c = set->port[i]->up) == NULL || !c->welcomed)
			continue;
		if (!c->sync && port_conn_send(c, &m))
			continue;
		c->sync = true;
		c->sync_at = 0;
		sync_keys(c);
	}
}

/* Whether a relayed message fits this port. */
static bool
is_ours(const struct port *p, const struct port_msg *m)
{
	return (m->type == PM_RECORD || (m->local.port == p->bound.port &&
	    m->remote.addr.family == p->bound.addr.family));
}

/* A message from a holder. False: hang up. */
static bool
owner_takes(struct port_conn *c, const struct port_msg *m)
{
	struct port *p = c->port;

	if (!c->welcomed)
		return (m->type == PM_HELLO && welcome(c, m));
	switch (m->type) {
	case PM_HELLO:		/* it has changed its mind about reading */
		c->data_path = (m->flags & PM_F_DATA_PATH) != 0;
		elect(p);
		return (true);
	case PM_SERVE:
		take_keys(c, m);
		return (true);
	case PM_IKE:
	case PM_ESP:
	case PM_UNREACH:
	case PM_RECORD:
		if (!is_ours(p, m))
			break;
		p->set->stats.relayed_in++;
		port_route(p, c, m);
		return (true);
	}
	p->set->stats.bad_peer++;
	return (true);
}

/* A message from the owner. False: hang up. */
static bool
holder_takes(struct port_conn *c, const struct port_msg *m)
{
	struct port *p = c->port;

	if (!c->welcomed) {
		if (m->type != PM_WELCOME || !ct_eq(span_of(m->body.p, PORT_TOKEN),
		    SPAN_ARRAY(p->token)))
			return (false);
		c->welcomed = true;
		ev_timer_stop(p->set->loop, &p->retry);
		if (p->data_path)
			port_want(p);
		c->sync = true;
		sync_keys(c);
		release_held(p);
		return (true);
	}
	switch (m->type) {
	case PM_READ:
		port_udp_read(p);
		return (true);
	case PM_STOP:
		port_udp_stop(p);
		return (true);
	case PM_IKE:
	case PM_ESP:
	case PM_UNREACH:
	case PM_RECORD:
		if (!is_ours(p, m))
			break;
		p->set->stats.relayed_in++;
		port_deliver(p, m);
		return (true);
	}
	p->set->stats.bad_peer++;
	return (true);
}

/* Reads up to ${turns} messages. False: the other end is disconnected or its message malformed. */
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
		/* No room for control data: the kernel drops descriptors sent to us. */
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
		if (!(c == c->port->up ? holder_takes(c, &m) : owner_takes(c, &m)))
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
		conn_lost(c);
}

void
port_conns_drain(struct port *p, const struct port_conn *but)
{
	struct port_conn *c;

	p->set->draining = true;
	for (c = p->conns; c != NULL; c = c->next)
		if (c != but && !c->gone && c->welcomed && !conn_read(c, READ_TURNS))
			c->gone = true;		/* the socket is closed in its own callback */
	p->set->draining = false;
}

static struct port_conn *
conn_make(struct port *p, int fd)
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
	c->fd = fd;
	ev_io_init(&c->in, on_message, fd, EV_READ);
	ev_io_init(&c->out, on_room, fd, EV_WRITE);
	c->in.data = c->out.data = c;
	/* Before the UDP socket: keys told in time are known in time. */
	ev_set_priority(&c->in, 1);
	ev_io_start(p->set->loop, &c->in);
	return (c);
}

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
			stranger = c;	/* the last in the list came first */
	if (strangers >= PORT_STRANGERS) {
		conn_lost(stranger);
		n--;
	}
	if (n >= PORT_HOLDERS) {
		(void)close(fd);
		return;
	}
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &(socklen_t){ sizeof(cred) });
	if ((c = conn_make(p, fd)) == NULL)
		return;
	c->uid = cred.uid;
	c->pid = cred.pid;
	c->kin = port_trusts(p->set, cred.uid);
	c->next = p->conns;
	p->conns = c;
}

void
port_want(struct port *p)
{
	struct port_msg m = { .type = PM_HELLO, .flags = PM_F_DATA_PATH,
	    .body = SPAN_ARRAY(p->token) };

	p->data_path = true;
	if (p->lock != -1)
		elect(p);
	else if (p->up != NULL && p->up->welcomed)
		(void)port_conn_send(p->up, &m);
}

bool
port_take_lock(struct port *p)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char hex[2 * PORT_LOCK + 1];
	int fd, n;

	n = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "sapipe/1/owner/%s",
	    hex_put(hex, sizeof(hex), SPAN_ARRAY(p->lock_id)));
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) == -1)
		return (false);
	if (bind(fd, (struct sockaddr *)&un,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) != 0) {
		(void)close(fd);
		return (false);
	}
	p->lock = fd;
	return (true);
}

void
port_own(struct port *p)
{
	ev_io_init(&p->accepting, accept_holder, p->listener, EV_READ);
	p->accepting.data = p;
	ev_io_start(p->set->loop, &p->accepting);
	p->reader = NULL;
	elect(p);
}

bool
port_follow(struct port *p, int fd, bool welcomed)
{
	if ((p->up = conn_make(p, fd)) == NULL)
		return (false);
	if (welcomed) {
		p->up->welcomed = true;
		p->up->sync = true;
		sync_keys(p->up);
	}
	return (true);
}

static void
end_grace(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	release_held(w->data);
}

/* Connects to whoever won and says who we are. */
static void
rejoin(struct port *p)
{
	struct port_msg m = { .type = PM_HELLO, .body = SPAN_ARRAY(p->token) };
	struct sockaddr_un un;
	socklen_t len = port_name(&un, p, &p->bound);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return;
	m.flags = (uint8_t)((p->data_path ? PM_F_DATA_PATH : 0) |
	    (p->reading ? PM_F_READING : 0));
	if (connect(fd, (struct sockaddr *)&un, len) != 0 || !send_with_fds(fd, &m, NULL, 0)) {
		(void)close(fd);
		return;
	}
	(void)port_follow(p, fd, false);
}

/*
 * There is no owner. All holders come here at once; the one that gets the lock listens on, and
 * the others wait in the queue of the listening socket, which they all hold. Until
 * one is welcomed it keeps trying for the lock: the winner may have died too.
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
			conn_close(p->up);
		p->up = NULL;
		port_note(p, "the owner is gone, this process is it now");
		ev_timer_stop(loop, w);
		ev_timer_init(&p->grace, end_grace, PORT_GRACE, 0);
		p->grace.data = p;
		ev_timer_start(loop, &p->grace);
		port_own(p);
		release_held(p);
		return;
	}
	if (p->up == NULL)
		rejoin(p);
	ev_timer_stop(loop, w);
	ev_timer_init(w, race, p->wait, 0);
	ev_timer_start(loop, w);
	p->wait = 2 * p->wait < WAIT_LONGEST ? 2 * p->wait : WAIT_LONGEST;
}

void
port_share_init(struct port *p)
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
	struct port_held *h;

	ev_timer_stop(p->set->loop, &p->retry);
	ev_timer_stop(p->set->loop, &p->grace);
	if (p->lock != -1) {
		ev_io_stop(p->set->loop, &p->accepting);
		/* The lock first: the others race as soon as they see us hang up. */
		(void)close(p->lock);
	}
	if (p->listener != -1)
		(void)close(p->listener);
	for (c = p->conns; c != NULL; c = next) {
		next = c->next;
		conn_close(c);
	}
	if (p->up != NULL)
		conn_close(p->up);
	while ((h = p->held) != NULL) {
		p->held = h->next;
		free(h);
	}
}
