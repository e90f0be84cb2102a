/* Opening a port: bind it and become its owner, or join the process that owns it. */
#include "port/port_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "port/port_conn.h"
#include "port/port_deliver.h"
#include "port/port_given.h"
#include "port/port_holder.h"
#include "port/port_name.h"
#include "port/port_owner.h"
#include "port/port_shared.h"
#include "port/port_socket.h"
#include "port/port_who.h"

enum port_join { JOIN_DONE, JOIN_NOBODY, JOIN_AGAIN, JOIN_FAULT };

/* Receives the answer to a first HELLO with its ${*count} descriptors; -1: none in time, -2: hung up. */
static int
await_welcome(int fd, int fds[PORT_FDS], size_t *count)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	_Alignas(struct cmsghdr) char ctl[CMSG_SPACE(16 * sizeof(int))];
	uint8_t buf[PORT_MSG_HDR];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl,
	    .msg_controllen = sizeof(ctl) };
	struct cmsghdr *c;
	struct port_msg m;
	uint64_t end = clock_mono_ms() + PORT_ANSWER_MS, now;
	size_t i, n, got = 0;
	ssize_t len;
	int one;

	do {
		now = clock_mono_ms();
		one = poll(&pfd, 1, now < end ? (int)(end - now) : 0);
		if ((one == -1 && errno != EINTR) || (one <= 0 && now >= end))
			return (-1);
	} while (one <= 0);
	if ((len = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)) <= 0)
		return (-2);
	for (c = CMSG_FIRSTHDR(&mh); c != NULL; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (got < PORT_FDS)
				fds[got++] = one;
			else
				(void)close(one);
		}
	}
	*count = got;
	if (port_msg_get(&m, span_of(buf, (size_t)len)) == 0 &&
	    m.type == PM_WELCOME)
		return (0);
	for (i = 0; i < got; i++)
		(void)close(fds[i]);
	return (-2);
}

/*
 * Connects to the name of UDP ${at}; the process that made it into ${who}. -1 with errno; ECONNREFUSED: nobody
 * listens there.
 */
static int
reach(const struct port *p, const struct endpoint *at, struct ucred *who)
{
	struct sockaddr_un un;
	socklen_t len = port_name(&un, p, at);
	int keep, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*who = (struct ucred){ .uid = (uid_t)-1 };
	if (fd == -1)
		return (-1);
	if (connect(fd, (struct sockaddr *)&un, len) != 0) {
		/* Not even a name; or its directory is no longer open to us, since we dropped our privileges. */
		keep = errno == ENOENT || errno == EACCES ? ECONNREFUSED : errno;
		(void)close(fd);
		errno = keep;
		return (-1);
	}
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &(socklen_t){ sizeof(*who) });
	return (fd);
}

/* Another user's process that has the name of UDP ${at}. */
static bool
has_foreigner(const struct port *p, const struct endpoint *at, struct ucred *who)
{
	int fd = reach(p, at, who);

	if (fd == -1)
		return (false);
	(void)close(fd);
	return (!port_trusts(p->set, who->uid));
}

static enum port_join
join(struct port *p, const struct endpoint *at, struct fault *f)
{
	struct ports *set = p->set;
	struct port_msg hello = { .type = PM_HELLO, .flags = p->data_path ? PM_F_DATA_PATH : 0 };
	const char *proto = port_proto(p->role);
	struct ucred who;
	char text[ENDPOINT_TEXT];
	int fd, r, fds[PORT_FDS];
	size_t n;

	endpoint_text(text, at);
	if ((fd = reach(p, at, &who)) == -1) {
		if (errno == ECONNREFUSED || errno == EAGAIN)
			return (errno == EAGAIN ? JOIN_AGAIN : JOIN_NOBODY);
		(void)fault_sys(f, FAULT_PORT_TAKEN, "cannot reach the tool that has %s %s", proto, text);
		return (JOIN_FAULT);
	}
	if (!port_trusts(set, who.uid)) {
		(void)fault(f, FAULT_PORT_TAKEN, "%s %s is held by process %ld of user %ld, "
		    "which is neither root nor our user", proto, text, (long)who.pid, (long)who.uid);
		goto err;
	}
	if (!port_conn_send_fds(fd, &hello, NULL, 0) || (r = await_welcome(fd, fds, &n)) == -2) {
		(void)close(fd);
		return (JOIN_AGAIN);
	}
	if (r == -1) {
		(void)fault(f, FAULT_PORT_TAKEN, "process %ld, which has %s %s, does not answer",
		    (long)who.pid, proto, text);
		goto err;
	}
	if (!port_shared_take(p, at, fds, n)) {
		(void)fault(f, FAULT_PORT_TAKEN, "process %ld shares something else than %s %s",
		    (long)who.pid, proto, text);
		goto err;
	}
	if (port_socket_adopt(p, f) != 0)
		goto taken;
	if (!port_follow(p, fd, true)) {
		(void)fault(f, FAULT_MEMORY, "no memory to share a port");
		fd = -1;
		goto taken;
	}
	port_note(p, false, "joined process %ld", (long)who.pid);
	return (JOIN_DONE);
taken:
	port_shared_close(p);
	port_socket_close(p);
err:
	if (fd != -1)
		(void)close(fd);
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
	*p = (struct port){ .set = set, .role = role, .bound = *local, .udp = -1, .raw = -1, .tcp_mem = -1,
	    .connects = (flags & PORTS_CONNECT) != 0,
	    .listener = -1, .lock = -1, .meet = { -1, -1 },
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

/* Says why others cannot share a port that we have, and how bad that is. */
static void
explain_alone(struct port *p, int err, const struct ucred *who)
{
	/* A port that is opened after the start: our directory is no longer open to us. */
	bool expected = geteuid() != p->set->euid;

	if (who->uid != (uid_t)-1)
		port_note(p, true, "not shared with other tools: process %ld of user %ld has the name of the port",
		    (long)who->pid, (long)who->uid);
	else
		port_note(p, !expected, "not shared with other tools: %s", strerror(err));
}

/*
 * Binds ${at} and the Unix socket named after it. If another user has that name (with ${alone}: if binding it fails for
 * any reason), the port is still ours, but not shared. Returns 0; 1 if busy, and sets *${named} if only the name
 * is; -1 with a fault.
 */
static int
try_bind(struct port *p, const struct endpoint *at, bool alone, bool *named, struct fault *f)
{
	struct ucred who = { .uid = (uid_t)-1 };
	int err;

	p->bound = *at;
	if (port_socket_bind(p, f) != 0)
		return (errno == EADDRINUSE ? 1 : -1);
	if (port_shared_make(p) != 0) {
		err = errno;
		*named = err == EADDRINUSE;
		if (*named && !has_foreigner(p, &p->bound, &who) && !alone) {
			/* One of ours that is just ending. */
			port_socket_close(p);
			return (1);
		}
		explain_alone(p, err, &who);
	}
	port_own(p);
	return (0);
}

/* Tries once to bind the port, then to join its owner. 0; 1: try again; -1 with a fault. */
static int
try_port(struct port *p, const struct endpoint *local, unsigned flags, bool *refused, bool alone,
    bool *named, struct fault *f)
{
	struct endpoint any = *local, at[2] = { *local };
	enum port_join j;
	size_t i, n = 1;
	int r = 1;

	memset(any.addr.b, 0, sizeof(any.addr.b));
	any.addr.scope = 0;
	if (!is_any(&local->addr))
		at[n++] = any;
	if ((flags & (PORTS_JOIN_ONLY | PORTS_BIND_ANY)) == 0 &&
	    (r = try_bind(p, local, alone, named, f)) <= 0)
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
		    fault(f, FAULT_UNREACHABLE, "no tool shares %s port %u", port_proto(p->role), local->port)));
	if ((flags & (PORTS_JOIN_ONLY | PORTS_BIND_ANY)) == PORTS_BIND_ANY) {
		if ((r = try_bind(p, &any, alone, named, f)) == 1 && n == 2)
			r = try_bind(p, local, alone, named, f);
	}
	return (r);
}

int
ports_open(struct ports *set, struct endpoint *local, enum port_role role, unsigned flags,
    struct fault *f)
{
	struct timespec nap = { 0, 10000000 };
	const uint64_t end = clock_mono_ms() + PORT_TRIES_MS;
	char text[ENDPOINT_TEXT], who[PORT_WHO];
	struct port *p;
	bool refused, named = false;
	size_t i;
	int r;

	for (i = 0; i < set->n && local->port != 0; i++) {
		p = set->port[i];
		if (p->bound.port == local->port && p->bound.addr.family == local->addr.family &&
		    p->role == role && (is_any(&p->bound.addr) ||
		    addr_cmp(&p->bound.addr, &local->addr) == 0)) {
			if (set->opt.data_path && (flags & PORTS_JOIN_ONLY) == 0 && !p->data_path)
				port_want(p);
			p->connects = p->connects || (flags & PORTS_CONNECT) != 0;
			return (0);
		}
	}
	if (addr_len(&local->addr) == 0)
		return (fault(f, FAULT_BAD_ADDRESS, "a port needs an address family"));
	if ((p = port_make(set, local, role, flags, f)) == NULL)
		return (-1);
	/* Another process may be starting or ending; wait for it only briefly. */
	while ((r = try_port(p, local, flags, &refused, false, &named, f)) == 1 && clock_mono_ms() < end)
		(void)nanosleep(&nap, NULL);
	if (r == 1 && named)
		r = try_port(p, local, flags, &refused, true, &named, f);
	if (r == 0) {
		local->port = p->bound.port;
		set->port[set->n++] = p;
		return (0);
	}
	free(p);
	if (r == 1)
		(void)fault(f, FAULT_PORT_TAKEN, refused ? "%s %s is in use by %s" :
		    "%s %s is in use by %s and cannot be shared now", port_proto(role),
		    endpoint_text(text, local), port_who(who, local, role == PORT_TCP));
	return (-1);
}

/*
 * Opens port ${number} in ${role} for ${local} (NULL, or of family 0: any address of the families that this machine
 * has). 0 or -1.
 */
static int
open_families(struct ports *set, const struct endpoint *local, uint16_t number, enum port_role role,
    unsigned flags, struct fault *f)
{
	uint8_t family, only = local != NULL ? local->addr.family : 0;
	struct endpoint e;

	for (family = 4; family <= 6; family = (uint8_t)(family + 2)) {
		if (only != 0 && family != only)
			continue;
		e = (struct endpoint){ .addr.family = family };
		if (only != 0)
			e = *local;
		e.port = number;
		if (ports_open(set, &e, role, flags, f) == 0)
			continue;
		/* A machine without one family is no error. */
		if (only == 0 && (f->sys == EAFNOSUPPORT || f->sys == EADDRNOTAVAIL || f->sys == EPROTONOSUPPORT))
			continue;
		if ((flags & PORTS_JOIN_ONLY) != 0 && f->code == FAULT_UNREACHABLE)
			continue;
		/* Whoever hands over the port of one family alone, to a process that may not bind it, means that family. */
		if (only == 0 && f->code == FAULT_PERMISSION && port_given_number(set, number))
			continue;
		return (-1);
	}
	return (0);
}

int
ports_open_usual(struct ports *set, const struct endpoint *local, uint16_t natt_port,
    unsigned flags, struct fault *f)
{
	uint16_t ike = local != NULL && local->port != 0 ? local->port : PORT_IKE_DEFAULT;
	uint16_t natt = natt_port != 0 ? natt_port : PORT_NATT_DEFAULT;
	size_t before = set->n;
	struct fault own = {0};

	if (f == NULL)
		f = &own;
	/* Rising order in every tool, see port.h. One port for both: all IKE is behind the marker. */
	if ((ike != natt && open_families(set, local, ike, PORT_IKE, flags, f) != 0) ||
	    open_families(set, local, natt, PORT_NATT, flags, f) != 0)
		return (-1);
	if (set->n > before || (flags & PORTS_JOIN_ONLY) == 0)
		return (set->n > 0 ? 0 : -1);
	return (before > 0 ? 0 : fault_because(f, CAUSE_NOT_SHARED,
	    fault(f, FAULT_UNREACHABLE, "no tool shares these UDP ports")));
}

int
ports_open_tcp(struct ports *set, const struct endpoint *local, uint16_t number, unsigned flags, struct fault *f)
{
	size_t before = set->n;
	struct fault own = {0};

	if (f == NULL)
		f = &own;
	return (open_families(set, local, number, PORT_TCP, flags, f) == 0 && set->n > before ? 0 : -1);
}
