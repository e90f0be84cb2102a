/* Opening a port: bind it and become its owner, or join the process that owns it. */
#include "port/port_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "port/port_conn.h"
#include "port/port_deliver.h"
#include "port/port_holder.h"
#include "port/port_name.h"
#include "port/port_owner.h"
#include "port/port_udp.h"
#include "port/port_who.h"

/* Makes the port ours. -1 and errno. */
static int
claim(struct port *p)
{
	struct sockaddr_un un;
	socklen_t len = port_name(&un, p, &p->bound);
	int keep;

	if (getrandom(p->token, sizeof(p->token), 0) != sizeof(p->token) ||
	    getrandom(p->lock_id, sizeof(p->lock_id), 0) != sizeof(p->lock_id))
		return (-1);
	p->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->listener == -1)
		return (-1);
	if (bind(p->listener, (struct sockaddr *)&un, len) != 0 ||
	    listen(p->listener, PORT_HOLDERS) != 0 || !port_take_lock(p)) {
		keep = errno;
		(void)close(p->listener);
		errno = keep;
		p->listener = -1;
		return (-1);
	}
	return (0);
}

enum port_join { JOIN_DONE, JOIN_NOBODY, JOIN_AGAIN, JOIN_FAULT };

static double
seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

/* Receives the answer to a first HELLO with its two descriptors; -1: none in time, -2: hung up. */
static int
await_welcome(int fd, uint8_t *buf, size_t cap, struct port_msg *m, int fds[2])
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	_Alignas(struct cmsghdr) char ctl[CMSG_SPACE(8 * sizeof(int))];
	struct iovec iov = { buf, cap };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl,
	    .msg_controllen = sizeof(ctl) };
	struct cmsghdr *c;
	double end = seconds() + PORT_ANSWER;
	size_t i, n, got = 0;
	ssize_t len;
	int one;

	while ((one = poll(&pfd, 1, (int)((end - seconds()) * 1000) + 1)) <= 0)
		if ((one == -1 && errno != EINTR) || seconds() >= end)
			return (-1);
	if ((len = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)) <= 0)
		return (-2);
	for (c = CMSG_FIRSTHDR(&mh); c != NULL; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (got < 2)
				fds[got++] = one;
			else
				(void)close(one);
		}
	}
	if (got == 2 && port_msg_get(m, span_of(buf, (size_t)len)) == 0 && m->type == PM_WELCOME)
		return (0);
	for (i = 0; i < got; i++)
		(void)close(fds[i]);
	return (-2);
}

/* Whether ${fd} listens under the name ${un}. */
static bool
is_listener(int fd, const struct sockaddr_un *un, socklen_t len)
{
	struct sockaddr_un got = {0};
	socklen_t n = sizeof(got);
	int yes = 0;

	return (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &(socklen_t){ sizeof(yes) }) == 0 &&
	    yes == 1 && getsockname(fd, (struct sockaddr *)&got, &n) == 0 && n == len &&
	    memcmp(&got, un, len) == 0);
}

static enum port_join
join(struct port *p, const struct endpoint *at, struct fault *f)
{
	struct ports *set = p->set;
	struct sockaddr_un un;
	socklen_t len = port_name(&un, p, at);
	struct ucred cred = { .uid = (uid_t)-1 };
	struct port_conn hello = {0};
	struct port_msg m;
	uint8_t none[PORT_TOKEN] = {0}, buf[PORT_MSG_HDR + PORT_TOKEN + PORT_LOCK];
	char text[ENDPOINT_TEXT];
	int fds[2] = { -1, -1 }, r;

	endpoint_text(text, at);
	hello.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (hello.fd == -1) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot make a Unix socket");
		return (JOIN_FAULT);
	}
	hello.port = p;
	if (connect(hello.fd, (struct sockaddr *)&un, len) != 0) {
		r = errno;
		(void)close(hello.fd);
		if (r == ECONNREFUSED)
			return (JOIN_NOBODY);
		if (r == EAGAIN)
			return (JOIN_AGAIN);
		errno = r;
		(void)fault_sys(f, FAULT_PORT_TAKEN, "cannot reach the tool that has UDP %s", text);
		return (JOIN_FAULT);
	}
	(void)getsockopt(hello.fd, SOL_SOCKET, SO_PEERCRED, &cred, &(socklen_t){ sizeof(cred) });
	if (!port_trusts(set, cred.uid)) {
		(void)fault(f, FAULT_PORT_TAKEN, "UDP %s is held by process %ld of user %ld, "
		    "which is neither root nor our user", text, (long)cred.pid, (long)cred.uid);
		goto err;
	}
	m = (struct port_msg){ .type = PM_HELLO,
	    .flags = p->data_path ? PM_F_DATA_PATH : 0, .body = SPAN_ARRAY(none) };
	if (!port_conn_send(&hello, &m)) {
		(void)close(hello.fd);
		return (JOIN_AGAIN);
	}
	if ((r = await_welcome(hello.fd, buf, sizeof(buf), &m, fds)) == -2) {
		(void)close(hello.fd);
		return (JOIN_AGAIN);
	}
	if (r == -1) {
		(void)fault(f, FAULT_PORT_TAKEN, "process %ld, which has UDP %s, does not answer",
		    (long)cred.pid, text);
		goto err;
	}
	if (!port_udp_is(fds[0], at) || !is_listener(fds[1], &un, len)) {
		(void)fault(f, FAULT_PORT_TAKEN, "process %ld shares something else than UDP %s",
		    (long)cred.pid, text);
		goto err;
	}
	if (port_udp_adopt(set, fds[0], f) != 0)
		goto err;
	memcpy(p->token, m.body.p, PORT_TOKEN);
	memcpy(p->lock_id, m.body.p + PORT_TOKEN, PORT_LOCK);
	p->udp = fds[0];
	p->listener = fds[1];
	p->bound = *at;
	if (!port_follow(p, hello.fd, true)) {
		(void)fault(f, FAULT_MEMORY, "no memory to share a port");
		(void)close(p->udp);
		(void)close(p->listener);
		p->udp = p->listener = -1;
		return (JOIN_FAULT);
	}
	port_note(p, "joined process %ld", (long)cred.pid);
	return (JOIN_DONE);
err:
	(void)close(hello.fd);
	if (fds[0] != -1)
		(void)close(fds[0]);
	if (fds[1] != -1)
		(void)close(fds[1]);
	return (JOIN_FAULT);
}

/* Adds a port to the set; free, or NULL with a fault. */
static struct port *
port_make(struct ports *set, const struct endpoint *local, enum port_role role, unsigned flags,
    struct fault *f)
{
	struct port *p;

	if (set->n == PORTS_MAX || (p = calloc(1, sizeof(*p))) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for another port");
		return (NULL);
	}
	*p = (struct port){ .set = set, .role = role, .bound = *local, .udp = -1,
	    .listener = -1, .lock = -1,
	    .data_path = set->opt.data_path && (flags & PORTS_JOIN_ONLY) == 0 };
	port_holder_init(p);
	return (p);
}

static bool
is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return (memcmp(a->b, zero, addr_len(a)) == 0);
}

/* Binds ${at} and the Unix socket named after it. 0; 1: busy; -1 with a fault. */
static int
try_bind(struct port *p, const struct endpoint *at, struct fault *f)
{
	int r;

	p->bound = *at;
	if ((p->udp = port_udp_bind(p->set, &p->bound, f)) == -1)
		return (errno == EADDRINUSE ? 1 : -1);
	if (claim(p) == 0) {
		port_own(p);
		return (0);
	}
	(void)fault_sys(f, errno == EADDRINUSE ? FAULT_PORT_TAKEN : FAULT_SYSTEM,
	    "cannot listen for tools that share a port");
	r = errno == EADDRINUSE ? 1 : -1;
	(void)close(p->udp);
	p->udp = -1;
	return (r);
}

/* Tries once to bind the port, then to join its owner. 0; 1: try again; -1 with a fault. */
static int
try_port(struct port *p, const struct endpoint *local, unsigned flags, bool *refused,
    struct fault *f)
{
	struct endpoint any = *local, at[2] = { *local };
	enum port_join j;
	size_t i, n = 1;
	int r = 1;

	memset(any.addr.b, 0, sizeof(any.addr.b));
	any.addr.scope = 0;
	if (!is_any(&local->addr))
		at[n++] = any;
	if ((flags & (PORTS_JOIN_ONLY | PORTS_BIND_ANY)) == 0 && (r = try_bind(p, local, f)) <= 0)
		return (r);
	*refused = true;
	for (i = 0; i < n && local->port != 0; i++) {
		if ((j = join(p, &at[i], f)) == JOIN_DONE)
			return (0);
		if (j == JOIN_FAULT)
			return (-1);
		*refused = *refused && j == JOIN_NOBODY;
	}
	if ((flags & PORTS_JOIN_ONLY) != 0 && *refused)
		return (fault_because(f, CAUSE_NOT_SHARED,
		    fault(f, FAULT_UNREACHABLE, "no tool shares UDP port %u", local->port)));
	if ((flags & (PORTS_JOIN_ONLY | PORTS_BIND_ANY)) == PORTS_BIND_ANY) {
		if ((r = try_bind(p, &any, f)) == 1 && n == 2)
			r = try_bind(p, local, f);
	}
	return (r);
}

int
ports_open(struct ports *set, struct endpoint *local, enum port_role role, unsigned flags,
    struct fault *f)
{
	struct timespec nap = { 0, 10000000 };
	double end = seconds() + PORT_TRIES;
	char text[ENDPOINT_TEXT], who[PORT_WHO];
	struct port *p;
	bool refused;
	size_t i;
	int r;

	for (i = 0; i < set->n && local->port != 0; i++) {
		p = set->port[i];
		if (p->bound.port == local->port && p->bound.addr.family == local->addr.family &&
		    p->role == role && (is_any(&p->bound.addr) ||
		    addr_cmp(&p->bound.addr, &local->addr) == 0)) {
			if (set->opt.data_path && (flags & PORTS_JOIN_ONLY) == 0 && !p->data_path)
				port_want(p);
			return (0);
		}
	}
	if (addr_len(&local->addr) == 0)
		return (fault(f, FAULT_BAD_ADDRESS, "a port needs an address family"));
	if ((p = port_make(set, local, role, flags, f)) == NULL)
		return (-1);
	/* Another process may be starting or ending; wait for it only briefly. */
	while ((r = try_port(p, local, flags, &refused, f)) == 1 && seconds() < end)
		(void)nanosleep(&nap, NULL);
	if (r == 0) {
		local->port = p->bound.port;
		set->port[set->n++] = p;
		return (0);
	}
	free(p);
	if (r == 1)
		(void)fault(f, FAULT_PORT_TAKEN, refused ? "UDP %s is in use by %s" :
		    "UDP %s is in use by %s and cannot be shared now", endpoint_text(text, local),
		    port_who(who, local));
	return (-1);
}

int
ports_open_usual(struct ports *set, const struct endpoint *local, uint16_t natt_port,
    unsigned flags, struct fault *f)
{
	uint16_t ike = local != NULL && local->port != 0 ? local->port : PORT_IKE_DEFAULT;
	uint8_t family, only = local != NULL ? local->addr.family : 0;
	struct endpoint e;
	size_t before = set->n;
	struct fault own = {0};
	int role;

	if (f == NULL)
		f = &own;
	/* Rising order in every tool, see port.h. */
	for (role = PORT_IKE; role <= PORT_NATT; role++)
		for (family = 4; family <= 6; family = (uint8_t)(family + 2)) {
			if (only != 0 && family != only)
				continue;
			e = (struct endpoint){ .addr.family = family };
			if (only != 0)
				e = *local;
			e.port = role == PORT_IKE ? ike : natt_port != 0 ? natt_port :
			    PORT_NATT_DEFAULT;
			if (ports_open(set, &e, role == PORT_IKE ? PORT_IKE : PORT_NATT, flags,
			    f) == 0)
				continue;
			/* A machine without one family is no error. */
			if (only == 0 && (f->sys == EAFNOSUPPORT || f->sys == EADDRNOTAVAIL ||
			    f->sys == EPROTONOSUPPORT))
				continue;
			if ((flags & PORTS_JOIN_ONLY) != 0 && f->code == FAULT_UNREACHABLE)
				continue;
			return (-1);
		}
	if (set->n > before || (flags & PORTS_JOIN_ONLY) == 0)
		return (set->n > 0 ? 0 : -1);
	return (before > 0 ? 0 : fault_because(f, CAUSE_NOT_SHARED,
	    fault(f, FAULT_UNREACHABLE, "no tool shares these UDP ports")));
}
