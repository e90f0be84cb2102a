/* Cisco's TCP encapsulation, in: opens the sockets, reads segments, runs the connections' timers. */
#include "port/port_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/sockaddr.h"
#include "port/port_deliver.h"
#include "port/port_dgram.h"
#include "port/port_name.h"
#include "port/port_route.h"
#include "port/port_tcp_out.h"
#include "port/port_udp.h"

#define TICK_S	0.5
#define TICKED_MAX 32	/* events of one tick that are told */
#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int
attach(int fd, struct sock_filter *ops, unsigned short n)
{
	struct sock_fprog prog = { .len = n, .filter = ops };
	int one = 1;

	return (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)) != 0 ? -1 : 0);
}

/*
 * A socket that listens, and whose filter drops every segment before TCP sees it: raw sockets have had their copy by
 * then. Without a socket on the port the kernel would answer each segment with RST; unlike a rule of a packet filter this
 * one ends with the last process that holds it, however that ends.
 */
static int
keep_quiet(struct endpoint *local, struct fault *f)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_put(&ss, local);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), keep;

	if (fd == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a TCP socket"));
	if (attach(fd, &none, 1) != 0 ||
	    (ss.ss_family == AF_INET6 && port_setopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0)) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot set up a TCP socket");
		goto err;
	}
	/* listen() too can find that another socket listens there already. */
	if (bind(fd, (struct sockaddr *)&ss, len) != 0 || listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) != 0) {
		(void)port_bind_fault(f, "TCP", local);
		goto err;
	}
	local->port = sockaddr_get(&ss).port;
	return (fd);
err:
	keep = errno;
	(void)close(fd);
	errno = keep;
	return (-1);
}

/* A raw socket that gets the segments to port ${local}->port. */
static int
open_raw(const struct ports *set, const struct endpoint *local, struct fault *f)
{
	bool v4 = local->addr.family == 4;
	/* Of IPv4 the packet begins with its IP header; of IPv6 with that of TCP. */
	struct sock_filter four[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, local->port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter six[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, local->port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct endpoint host = { .addr = local->addr };
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_put(&ss, &host);
	int fd = socket(ss.ss_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP), bad, keep;

	if (fd == -1)
		return (fault_because(f, CAUSE_RAW_SOCKET, fault_sys(f, errno == EPERM || errno == EACCES ?
		    FAULT_PERMISSION : FAULT_SYSTEM, "cannot open a raw socket for TCP encapsulation")));
	/* A large IKE message may be fragmented. */
	bad = v4 ? attach(fd, four, sizeof(four) / sizeof(four[0])) | port_setopt(fd, IPPROTO_IP, IP_PKTINFO, 1) |
	    port_setopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT) :
	    attach(fd, six, sizeof(six) / sizeof(six[0])) | port_setopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) |
	    port_setopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	port_grow(fd);
	if (bad != 0 || bind(fd, (struct sockaddr *)&ss, len) != 0)
		(void)fault_sys(f, FAULT_SYSTEM, "cannot set up a raw socket for TCP encapsulation");
	else if (port_udp_adopt(set, fd, f) == 0)
		return (fd);
	keep = errno;
	(void)close(fd);
	errno = keep;
	return (-1);
}

/* --- the shared memory --- */

static bool
map(struct port *p)
{
	void *at = mmap(NULL, sizeof(*p->tcp), PROT_READ | PROT_WRITE, MAP_SHARED, p->tcp_mem, 0);

	p->tcp = at != MAP_FAILED ? at : NULL;
	return (p->tcp != NULL);
}

/* The connections: none yet. Sealed, so that no holder can take the memory from under another. */
static bool
make_table(struct port *p)
{
	uint8_t key[sizeof(p->tcp->key)];

	p->tcp_mem = memfd_create("sapipe-tcp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (p->tcp_mem == -1 || ftruncate(p->tcp_mem, sizeof(*p->tcp)) != 0 ||
	    fcntl(p->tcp_mem, F_ADD_SEALS, SEALS) != 0 || getrandom(key, sizeof(key), 0) != sizeof(key) || !map(p))
		return (false);
	memcpy(p->tcp->key, key, sizeof(key));
	return (true);
}

int
port_tcp_bind(struct port *p, struct fault *f)
{
	int keep;

	if ((p->udp = keep_quiet(&p->bound, f)) == -1)
		return (-1);
	if ((p->raw = open_raw(p->set, &p->bound, f)) != -1) {
		if (make_table(p))
			return (0);
		(void)fault_sys(f, FAULT_SYSTEM, "cannot make memory for TCP connections");
	}
	keep = errno;
	port_tcp_close(p);
	(void)close(p->udp);
	p->udp = -1;
	/* Not "in use", whatever the reason is. */
	errno = keep == EADDRINUSE ? EINVAL : keep;
	return (-1);
}

static bool
is_socket(int fd, int type, int *listens)
{
	int is = -1;

	return (getsockopt(fd, SOL_SOCKET, SO_TYPE, &is, &(socklen_t){ sizeof(is) }) == 0 && is == type &&
	    (listens == NULL || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, listens, &(socklen_t){ sizeof(*listens) }) == 0));
}

bool
port_tcp_take(struct port *p, const struct endpoint *bound, const int fds[3])
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	struct endpoint is;
	struct stat st;
	int listens = 0;

	if (!is_socket(fds[0], SOCK_STREAM, &listens) || listens == 0 || !is_socket(fds[1], SOCK_RAW, NULL) ||
	    getsockname(fds[0], (struct sockaddr *)&ss, &len) != 0 || fstat(fds[2], &st) != 0 ||
	    st.st_size != (off_t)sizeof(*p->tcp) || fcntl(fds[2], F_GET_SEALS) != (int)SEALS)
		return (false);
	is = sockaddr_get(&ss);
	if (addr_cmp(&is.addr, &bound->addr) != 0 || is.port != bound->port)
		return (false);
	p->tcp_mem = fds[2];
	if (!map(p)) {
		p->tcp_mem = -1;
		return (false);
	}
	p->udp = fds[0];
	p->raw = fds[1];
	return (true);
}

/* --- segments in --- */

/* Only the peer can name an SPI or a cookie that this end gave it. */
static void
note_proof(struct port *p, const struct port_msg *m)
{
	static const uint8_t none[8];
	const struct serve_table *own = &p->set->own;

	if (m->type == PM_ESP ? m->body.len < 8 || !serve_wants_esp(own, get_be32(m->body.p), &m->local.addr) :
	    m->body.len < 28 || memcmp(m->body.p + 8, none, sizeof(none)) == 0 || !serve_wants_ike(own, m->body.p))
		return;
	if (!port_tcp_lock(p))
		return;
	tcp_proven(p->tcp, &m->local, &m->remote);
	port_tcp_unlock(p);
}

static void
take_payload(struct port *p, struct port_msg *m, struct span payload)
{
	struct span data;
	uint8_t proto;
	size_t len;

	while (payload.len > 0) {
		if ((len = ctcp_packet_len(payload)) == 0 ||
		    (proto = ctcp_packet_get(&data, span_of(payload.p, len))) == 0 || proto == CTCP_PROTO_AH) {
			p->set->stats.bad_tcp++;
			return;
		}
		m->type = proto == CTCP_PROTO_UDP ? PM_IKE : PM_ESP;
		m->body = data;
		note_proof(p, m);
		port_take(p, m);
		payload = span_of(payload.p + len, payload.len - len);
	}
}

static void
take_segment(struct port *p, struct port_msg *m, struct span tcp)
{
	struct ctcp_segment s;
	struct tcp_step step;

	if (ctcp_segment_get(&s, tcp) != 0 || s.dport != p->bound.port ||
	    !ctcp_checksum_good(&m->remote.addr, &m->local.addr, tcp)) {
		p->set->stats.bad_tcp++;
		return;
	}
	m->local.port = s.dport;
	m->remote.port = s.sport;
	if (!port_tcp_lock(p))
		return;
	tcp_receive(p->tcp, clock_mono_ms(), &m->local, &m->remote, &s, &step);
	port_tcp_unlock(p);
	if (step.send)
		port_tcp_control(p, &m->local, &m->remote, &step.out);
	if (step.event != TCP_NOTHING)
		port_tcp_tell(p, &m->remote, step.event);
	if (step.event == TCP_OPENED)
		port_tcp_flush(p, &m->local, &m->remote);
	if (step.deliver)
		take_payload(p, m, s.payload);
	else if (s.payload.len > 0)
		p->set->stats.bad_tcp++;
}

/* One packet of the raw socket: of IPv4 with its IP header. */
static void
take_raw(struct port *p, struct port_msg *m, const uint8_t *b, size_t len, size_t seg)
{
	size_t head = 0;

	(void)seg;
	p->set->stats.received++;
	if (p->bound.addr.family == 4) {
		if (len < 20 || (head = (size_t)(b[0] & 15) * 4) < 20 || head > len) {
			p->set->stats.dropped_short++;
			return;
		}
		m->tos = b[1];
	}
	take_segment(p, m, span_of(b + head, len - head));
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct port *p = w->data;

	(void)loop, (void)revents;
	(void)port_read_batches(p, p->raw, take_raw);
}

/* --- timers, and the end --- */

/* Events are told when the lock is released: whoever hears them may send. */
struct ticked {
	struct port	*port;
	size_t		 n;
	struct { struct endpoint remote; enum tcp_event what; } told[TICKED_MAX];
};

static void
on_each(void *ctx, const struct tcp_conn *c, const struct tcp_step *step)
{
	struct ticked *t = ctx;

	if (step->send)
		port_tcp_control(t->port, &c->local, &c->remote, &step->out);
	if (step->event == TCP_NOTHING || t->n == TICKED_MAX)
		return;
	t->told[t->n].remote = c->remote;
	t->told[t->n++].what = step->event;
}

static void
on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct ticked t = { .port = w->data };
	size_t i;

	(void)loop, (void)revents;
	if (!port_tcp_lock(t.port))
		return;
	tcp_tick(t.port->tcp, clock_mono_ms(), on_each, &t);
	port_tcp_unlock(t.port);
	for (i = 0; i < t.n; i++)
		port_tcp_tell(t.port, &t.told[i].remote, t.told[i].what);
}

void
port_tcp_read(struct port *p)
{
	ev_io_init(&p->in, on_readable, p->raw, EV_READ);
	ev_timer_init(&p->tcp_tick, on_tick, TICK_S, TICK_S);
	p->tcp_tick.data = p;
	port_watch_timer(p->set, &p->tcp_tick);
}

void
port_tcp_stop(struct port *p)
{
	ev_timer_stop(p->set->loop, &p->tcp_tick);
}

/* Whether the process at the other end of ${c} has ended. */
static bool
has_ended(const struct port_conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

	/* Also where messages of it are still to be read. */
	return (poll(&p, 1, 0) == 1);
}

/* Whether no other process holds ${p}. The ends of others may not have been noticed yet: a pipeline ends all at once. */
static bool
is_last_holder(struct port *p)
{
	const struct port_conn *c;

	if (!p->owner)
		return ((p->up == NULL || has_ended(p->up)) && port_take_lock(p));
	for (c = p->conns; c != NULL; c = c->next)
		if (!has_ended(c))
			return (false);
	return (true);
}

void
port_tcp_end(struct port *p)
{
	struct ticked t = { .port = p };

	port_tcp_out_stop(p);
	/* The lock ends in port_tcp_close(): of two holders that end at once, the second one sees that the first has left. */
	if (p->tcp != NULL && port_tcp_lock(p) && is_last_holder(p))
		tcp_close(p->tcp, on_each, &t);
}

void
port_tcp_close(struct port *p)
{
	if (p->tcp != NULL)
		(void)munmap(p->tcp, sizeof(*p->tcp));
	if (p->raw != -1)
		(void)close(p->raw);
	if (p->tcp_mem != -1)
		(void)close(p->tcp_mem);
	p->tcp = NULL;
	p->raw = p->tcp_mem = -1;
}
