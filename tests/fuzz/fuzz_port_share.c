/*
 * The processes that share a port, of which all but one are hostile: holders that connect, send what the input says
 * in any order and size, and hang up, against an owner; or an owner, against a holder that takes its place when it
 * hangs up. Datagrams come in between. What the others get are sound messages, the first a WELCOME; whoever reads is
 * among those that are there. Nothing is sent by UDP.
 */
#include <ev.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "port/port_conn.h"
#include "port/port_holder.h"
#include "port/port_name.h"
#include "port/port_owner.h"
#include "port/port_route.h"
#include "port/port_socket.h"
#include "must.h"

#define PEERS	4
#define STEPS	64
#define TURNS	3	/* of the loop after each step: accepted, read, answered */
#define PORT	4500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ev_loop *loop;
static struct ports *set;
static struct port *port;
static struct { int fd; bool welcomed, upward; } peer[PEERS];
static uint8_t packet[PORT_MSG_MAX + 1];

static void
had_ike(void *ctx, const struct pkt *d)
{
	(void)ctx;
	must(d->len >= 28 && d->local.port == PORT);
}

static void
had_esp(void *ctx, struct pkt *d, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++) {
		must(d[i].len >= 8);
		memset(d[i].p, 0, d[i].len);	/* opened in place */
	}
}

static void
had_unreachable(void *ctx, const struct endpoint *local, const struct endpoint *remote, int err, uint32_t mtu)
{
	(void)ctx, (void)err, (void)mtu;
	must(local->port == PORT && remote->addr.family == 4);
}

static void
had_record(void *ctx, struct span cbor)
{
	(void)ctx;
	must(cbor.len > 0 && cbor.len <= PORT_MSG_DATA);
}

static void
had_note(void *ctx, bool warning, const char *text)
{
	(void)ctx;
	must(!warning && text[0] != '\0');
}

static const struct ports_calls calls = {
	.ike = had_ike, .esp = had_esp, .unreachable = had_unreachable, .record = had_record, .note = had_note,
};

/* A port with all that holders share, except that its datagrams come from nowhere. */
static void
make_port(void)
{
	const struct sockaddr_un un = { .sun_family = AF_UNIX };

	must((port = calloc(1, sizeof(*port))) != NULL);
	*port = (struct port){ .set = set, .role = PORT_NATT, .bound = { .port = PORT } };
	port->bound.addr = addr_make(4, (const uint8_t[]){ 127, 0, 0, 1 });
	port_holder_init(port);
	must((port->udp = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) != -1);
	port->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Without a name in ${un} the kernel chooses an abstract one. */
	must(port->listener != -1 && bind(port->listener, (const struct sockaddr *)&un, sizeof(un.sun_family)) == 0 &&
	    listen(port->listener, PEERS) == 0);
	must((port->lock = port_lock_make()) != -1);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, port->meet) == 0);
	set->port[set->n++] = port;
}

/* As ports_free(), but keeps the set and its large buffers for the next input. */
static void
free_port(void)
{
	port_socket_stop(port);
	port_leave(port);
	(void)close(port->udp);
	free(port);
	set->n = set->nesp = set->nseen = 0;
	serve_clear(&set->own);
}

static void
hang_up(size_t i)
{
	if (peer[i].fd != -1)
		(void)close(peer[i].fd);
	peer[i].fd = -1;
}

/* Connects as a new holder does, or as one that another owner had; or waits as an owner, ${upward}. */
static void
connect_peer(size_t i, bool back, bool upward)
{
	const struct port_msg m = { .type = PM_HELLO };
	struct sockaddr_un un;
	socklen_t len = sizeof(un);
	int fd[2];

	hang_up(i);
	peer[i].welcomed = false;
	peer[i].upward = upward;
	if (back || upward) {
		must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) == 0);
		peer[i].fd = fd[0];
		if (upward) {
			must(port_follow(port, fd[1], back));
			return;
		}
		if (!port_conn_send_fds(port->meet[0], &m, &fd[1], 1))
			hang_up(i);
		(void)close(fd[1]);
		return;
	}
	must(getsockname(port->listener, (struct sockaddr *)&un, &len) == 0);
	must((peer[i].fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) != -1);
	if (connect(peer[i].fd, (struct sockaddr *)&un, len) != 0)
		hang_up(i);		/* the queue of the listener is full */
}

/* What peer ${i} was sent. */
static void
hear(size_t i)
{
	static uint8_t got[PORT_MSG_MAX];
	struct port_msg m;
	ssize_t n;

	if (peer[i].fd == -1)
		return;
	while ((n = recv(peer[i].fd, got, sizeof(got), MSG_DONTWAIT)) > 0) {
		must(port_msg_get(&m, span_of(got, (size_t)n)) == 0);
		if (peer[i].upward) {
			must(m.type == PM_HELLO || m.type == PM_SERVE || m.type >= PM_IKE);
			continue;
		}
		must(m.type != PM_HELLO && m.type != PM_SERVE && (m.type == PM_WELCOME) != peer[i].welcomed);
		peer[i].welcomed = true;
	}
}

static void
check(void)
{
	const struct port_conn *c;
	size_t n = 0;
	bool there = port->reader == NULL;

	for (c = port->conns; c != NULL; c = c->next, n++) {
		there = there || c == port->reader;
		must(c->port == port && c->serves.n <= SERVE_MAX);
	}
	must(there && n <= PORT_HOLDERS && port->nheld <= PORT_QUEUE && port->held_bytes <= PORT_QUEUE_BYTES);
	if (port->owner)
		must(port->up == NULL && port->reading == (port->reader == NULL));
	else
		must(port->conns == NULL && port->reader == NULL);
}

static void
turn(void)
{
	for (int i = 0; i < TURNS; i++)
		(void)ev_run(loop, EVRUN_NOWAIT);
	for (size_t i = 0; i < PEERS; i++)
		hear(i);
	check();
}

/* A message with a sound header where its fields allow that. */
static struct port_msg
message(uint8_t type, uint8_t flags, struct span body)
{
	struct port_msg m = { .type = type, .flags = flags & 3, .body = body };

	if (type == PM_IKE || type == PM_ESP || type == PM_UNREACH) {
		m.flags = 0;
		m.local = m.remote = port->bound;
		m.remote.addr.b[3] = flags;
		m.ifindex = 1;
	}
	if (type == PM_ESP && body.len > 0)
		m.seg = (uint16_t)(flags * 8 % body.len);
	if (type == PM_UNREACH || type == PM_RECORD)
		m.number = (uint64_t)flags << 32;
	if (type == PM_SERVE)
		m.body.len -= body.len % SERVE_KEY;
	return (m);
}

/* A datagram from the wire, if ${m} can be one. */
static void
from_wire(const struct port_msg *m)
{
	uint8_t hdr[PORT_MSG_HDR];
	struct port_msg again;

	if (m->type != PM_IKE && m->type != PM_ESP && m->type != PM_UNREACH)
		return;
	port_msg_put(hdr, m);
	memcpy(packet, hdr, sizeof(hdr));
	memmove(packet + sizeof(hdr), m->body.p, m->body.len);
	if (port_msg_get(&again, span_of(packet, sizeof(hdr) + m->body.len)) == 0)
		port_route(port, NULL, &again);
}

static void
serve(uint8_t how, struct span body)
{
	uint8_t b[16] = {0};

	memcpy(b, body.p, body.len < sizeof(b) ? body.len : sizeof(b));
	if (how % 4 == 0)
		ports_serve_new(set, NULL, (how & 4) != 0);
	else if (how % 4 == 1)
		must(ports_serve_cookies(set, b, b + 8, NULL) == 0);
	else if (how % 4 == 2)
		must(ports_serve_spi(set, get_be32(b), NULL, NULL) == 0);
	else
		ports_unserve_spi(set, get_be32(b), NULL);
}

/* ${p} is a step: what and who, two bytes more, the length of the body; then the body. */
static void
step(const uint8_t *p, struct span body)
{
	static uint8_t large[PORT_MSG_DATA + 8];
	size_t i = p[0] % PEERS;
	struct port_msg m = message(p[1] % (PM_TYPES + 1), p[2], body);

	switch (p[0] / PEERS % 8) {
	case 0:
		connect_peer(i, (p[1] & 1) != 0, false);
		break;
	case 1:
		hang_up(i);
		break;
	case 2:
		if (peer[i].fd != -1)
			(void)send(peer[i].fd, body.p, body.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 3:
	case 4:
		if (p[0] / PEERS % 8 == 4 && m.type >= PM_SERVE) {	/* the same at the start, and up to the limit */
			memcpy(large, body.p, body.len);
			m = message(m.type, p[2], span_of(large, sizeof(large) - p[2]));
		}
		if (peer[i].fd != -1)
			(void)port_conn_send_fds(peer[i].fd, &m, NULL, 0);
		break;
	case 5:
		from_wire(&m);
		break;
	case 6:
		serve(p[1], body);
		break;
	case 7:
		port_want(port);
	}
	turn();
}

/* All hang up: an owner is then alone and reads. A new owner meets one waiting holder in a turn of the loop. */
static void
end(void)
{
	for (size_t i = 0; i < PEERS; i++)
		hang_up(i);
	for (int i = 0; i < STEPS && (!port->owner || port->conns != NULL); i++)
		turn();
	must(port->owner && port->conns == NULL && port->reading);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ports_opt opt = {0};
	size_t len;

	if (loop == NULL)
		must((loop = ev_loop_new(EVFLAG_AUTO)) != NULL &&
		    (set = ports_new(loop, &opt, &calls, NULL, NULL)) != NULL);
	if (size < 1)
		return (0);
	make_port();
	for (size_t i = 0; i < PEERS; i++)
		peer[i].fd = -1;
	port->data_path = (data[0] & 4) != 0;
	if ((data[0] & 1) != 0)
		connect_peer(0, (data[0] & 2) != 0, true);
	else {
		must(port_take_lock(port));
		port_own(port);
	}
	data++;
	size--;
	for (int n = 0; n < STEPS && size >= 4; n++) {
		len = data[3] < size - 4 ? data[3] : size - 4;
		step(data, span_of(data + 4, len));
		data += 4 + len;
		size -= 4 + len;
	}
	end();
	free_port();
	return (0);
}
