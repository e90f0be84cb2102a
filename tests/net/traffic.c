/*
 * Traffic whose every byte is compared, for tests in network namespaces.
 *
 *	traffic echo ADDRESS PORT			sends back what comes: UDP and TCP of PORT, IP protocol 253. Ends by a signal
 *	traffic udp|icmp|other|tcp FROM TO PORT SECONDS SEED [RATE]
 *
 * Random sizes and bytes, from SEED: packets of 8 bytes to 20 KB, so that some are fragmented, trains of UDP_SEGMENT, and
 * a stream. At most WINDOW packets and FLIGHT bytes are under way, so that no queue overflows. RATE: bytes a second each
 * way. SIGTERM ends it early. Prints "sent N answered N lost N wrong N bytes N"; exit status 1 if something was lost or wrong, or nothing came.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#define UDP_GRO		104
#endif
#define OTHER		253	/* RFC 3692: for experiments */
#define WINDOW		128
#define FLIGHT		(192 << 10)
#define LONGEST		20000
#define TRAIN		32	/* segments at most */
#define LOST_MS		60000	/* no answer until then: the packet is lost; a starved machine is late */
#define FULL		65536

union at { struct sockaddr sa; struct sockaddr_in v4; struct sockaddr_in6 v6; };

static uint64_t seed;
static volatile sig_atomic_t over;
static struct { unsigned long long sent, answered, lost, wrong, bytes; } count;

static uint64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

static void
on_term(int sig)
{
	(void)sig;
	over = 1;
}

/* Whether to send on. */
static bool
goes_on(uint64_t begin, uint64_t now, uint64_t seconds)
{
	return (over == 0 && now < begin + seconds * 1000);
}

static uint64_t
step(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return (*s * 0x2545f4914f6cdd1dU);
}

static uint64_t
chance(void)
{
	static uint64_t s;

	if (s == 0)
		s = seed | 1;
	return (step(&s) >> 20);
}

/* The ${len} bytes of packet ${n}, or of the stream's piece ${n}: its number first. */
static void
fill(uint8_t *p, size_t len, uint32_t n)
{
	uint64_t s = (seed << 32 | n) ^ 0x9e3779b97f4a7c15U, v;
	size_t i;

	memcpy(p, &n, 4);
	for (i = 4; i + 8 <= len; i += 8) {
		v = step(&s);
		memcpy(p + i, &v, 8);
	}
	v = step(&s);
	memcpy(p + i, &v, len - i);
}

static socklen_t
address(union at *a, const char *text, const char *port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)atoi(port));
		return (sizeof(a->v4));
	}
	if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) != 1)
		errx(2, "no address: %s", text);
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons((uint16_t)atoi(port));
	return (sizeof(a->v6));
}

/* A socket bound to ${text}; protocols without ports get no port. */
static int
open_at(int type, int protocol, const char *text, const char *port)
{
	union at a;
	socklen_t len = address(&a, text, type == SOCK_RAW ? "0" : port);
	int fd = socket(a.sa.sa_family, type, protocol), room = 4 << 20, on = 1, fragments = 0;

	if (fd == -1)
		err(1, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (type != SOCK_STREAM) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
		if (a.sa.sa_family == AF_INET)	/* no DF */
			(void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &fragments, sizeof(fragments));
	}
	if (bind(fd, &a.sa, len) == -1)
		err(1, "%s port %s", text, port);
	return (fd);
}

/* ---- the other end */

static ssize_t
receive(int fd, uint8_t *b, size_t room, union at *from, int *seg)
{
	_Alignas(struct cmsghdr) char ctl[64];
	struct iovec iov = { b, room };
	struct msghdr m = { .msg_name = from, .msg_namelen = sizeof(*from), .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = ctl, .msg_controllen = sizeof(ctl) };
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

	*seg = 0;
	for (struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL; c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
			memcpy(seg, CMSG_DATA(c), sizeof(*seg));
	return (n);
}

static void
back_udp(int fd)
{
	static uint8_t b[FULL];
	union at from;
	ssize_t n;
	int seg, segs;

	while ((n = receive(fd, b, sizeof(b), &from, &seg)) >= 0) {
		segs = seg > 0 && n > seg ? seg : 0;
		(void)setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segs, sizeof(segs));
		if (sendto(fd, b, (size_t)n, 0, &from.sa, from.sa.sa_family == AF_INET ? sizeof(from.v4) : sizeof(from.v6)) == -1)
			warn("echo of %zd bytes, segments of %d", n, segs);
	}
}

/* The length of the IP header that a raw socket shows. */
static size_t
ip_header(const uint8_t *b, const union at *from)
{
	return (from->sa.sa_family == AF_INET ? (size_t)(b[0] & 15) * 4 : 0);
}

static void
back_other(int fd)
{
	static uint8_t b[FULL];
	union at from;
	size_t skip;
	ssize_t n;
	int seg;

	while ((n = receive(fd, b, sizeof(b), &from, &seg)) >= 0) {
		skip = ip_header(b, &from);
		if (from.sa.sa_family == AF_INET6)
			from.v6.sin6_port = 0;
		if (sendto(fd, b + skip, (size_t)n - skip, 0, &from.sa, from.sa.sa_family == AF_INET ? sizeof(from.v4) :
		    sizeof(from.v6)) == -1)
			warn("echo of %zu bytes", (size_t)n - skip);
	}
}

/* A connection has a process of its own. */
static void
back_tcp(int listener)
{
	static uint8_t b[FULL];
	int fd = accept(listener, NULL, NULL);
	ssize_t n, m, done;

	if (fd == -1 || fork() != 0) {
		(void)close(fd);
		return;
	}
	while ((n = read(fd, b, sizeof(b))) > 0)
		for (done = 0; done < n; done += m)
			if ((m = write(fd, b + done, (size_t)(n - done))) <= 0)
				_exit(1);
	_exit(0);
}

static int
echo(const char *at, const char *port)
{
	struct pollfd p[3];
	int on = 1;

	p[0] = (struct pollfd){ open_at(SOCK_DGRAM, 0, at, port), POLLIN, 0 };
	p[1] = (struct pollfd){ open_at(SOCK_RAW, OTHER, at, port), POLLIN, 0 };
	p[2] = (struct pollfd){ open_at(SOCK_STREAM, 0, at, port), POLLIN, 0 };
	(void)setsockopt(p[0].fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	if (listen(p[2].fd, 16) == -1)
		err(1, "listen");
	(void)signal(SIGCHLD, SIG_IGN);
	printf("listening\n");
	(void)fflush(stdout);
	for (;;) {
		if (poll(p, 3, -1) == -1)
			continue;
		if (p[0].revents != 0)
			back_udp(p[0].fd);
		if (p[1].revents != 0)
			back_other(p[1].fd);
		if (p[2].revents != 0)
			back_tcp(p[2].fd);
	}
}

/* ---- packets */

struct packets {
	int		 fd, kind;	/* kind: IPPROTO_UDP, IPPROTO_ICMP, OTHER */
	bool		 v4;
	union at	 to;
	socklen_t	 to_len;
	uint32_t	 next, oldest;
	size_t		 flight;
	struct { size_t len; uint64_t ms; bool here; } of[WINDOW];
};

static size_t
a_size(void)
{
	switch (chance() % 8) {
	case 0:
		return (8 + chance() % 64);
	case 1:
		return (1300 + chance() % 200);	/* around the MTU of the device */
	case 2:
		return (8 + chance() % (LONGEST - 8));
	default:
		return (8 + chance() % 1400);
	}
}

static uint16_t
checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)p[i] << (i % 2 == 0 ? 8 : 0);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (htons((uint16_t)~sum));
}

/* Sends one packet, or a train of some that have the same length; false: later. */
static bool
send_some(struct packets *s)
{
	static uint8_t b[FULL];
	struct icmphdr icmp = { .type = s->v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST };
	size_t len = a_size(), head = s->kind == IPPROTO_ICMP ? sizeof(icmp) : 0, k = 1, i;
	int seg = 0;

	if (s->kind == IPPROTO_UDP && len < 1350 && chance() % 2 == 0)
		k = 1 + chance() % TRAIN;
	if (s->next - s->oldest + k > WINDOW || (s->flight > 0 && s->flight + k * len > FLIGHT))
		return (false);
	k = k * len > 60000 ? 60000 / len : k;
	for (i = 0; i < k; i++)
		fill(b + head + i * len, len, s->next + (uint32_t)i);
	if (head != 0) {
		icmp.un.echo.id = htons((uint16_t)getpid());
		icmp.un.echo.sequence = htons((uint16_t)s->next);
		memcpy(b, &icmp, sizeof(icmp));
		icmp.checksum = s->v4 ? checksum(b, head + len) : 0;
		memcpy(b, &icmp, sizeof(icmp));
	}
	if (s->kind == IPPROTO_UDP) {
		seg = k > 1 ? (int)len : 0;
		(void)setsockopt(s->fd, IPPROTO_UDP, UDP_SEGMENT, &seg, sizeof(seg));
	}
	if (sendto(s->fd, b, head + k * len, 0, &s->to.sa, s->to_len) == -1) {
		if (errno == EMSGSIZE || errno == EINVAL || errno == EIO)
			warn("%zu packets of %zu bytes", k, len);
		return (false);
	}
	for (i = 0; i < k; i++, s->next++) {
		s->of[s->next % WINDOW].len = len;
		s->of[s->next % WINDOW].ms = now_ms();
		s->of[s->next % WINDOW].here = false;
	}
	s->flight += k * len;
	count.sent += k;
	return (true);
}

static void
wrong(const char *what, uint32_t n, size_t len, size_t sent)
{
	if (count.wrong++ < 5)
		fprintf(stderr, "packet %u: %s; %zu bytes, %zu were sent\n", n, what, len, sent);
}

/* One answer. */
static void
answer(struct packets *s, const uint8_t *p, size_t len)
{
	static uint8_t b[FULL];
	uint32_t n;

	memcpy(&n, p, len < 4 ? 0 : 4);
	if (len < 4 || n - s->oldest >= s->next - s->oldest) {
		wrong("not one of ours, or late", len < 4 ? 0 : n, len, 0);
		return;
	}
	fill(b, s->of[n % WINDOW].len, n);
	if (s->of[n % WINDOW].here)
		wrong("twice", n, len, s->of[n % WINDOW].len);
	else if (len != s->of[n % WINDOW].len || memcmp(b, p, len) != 0)
		wrong("other bytes", n, len, s->of[n % WINDOW].len);
	else {
		count.answered++;
		count.bytes += len;
	}
	s->of[n % WINDOW].here = true;
}

static void
answers(struct packets *s)
{
	static uint8_t b[FULL];
	struct icmphdr icmp;
	union at from;
	size_t skip;
	ssize_t n;
	int seg;

	while ((n = receive(s->fd, b, sizeof(b), &from, &seg)) >= 0) {
		skip = s->kind == IPPROTO_UDP ? 0 : ip_header(b, &from);
		if (s->kind == IPPROTO_ICMP) {
			if ((size_t)n < skip + sizeof(icmp))
				continue;
			memcpy(&icmp, b + skip, sizeof(icmp));
			if (icmp.type != (s->v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) || icmp.un.echo.id != htons((uint16_t)getpid()))
				continue;
			skip += sizeof(icmp);
		}
		answer(s, b + skip, (size_t)n - skip);
	}
}

/* The window moves past what has come, and what has not for long. */
static void
advance(struct packets *s, uint64_t now)
{
	for (; s->oldest != s->next; s->oldest++) {
		if (!s->of[s->oldest % WINDOW].here) {
			if (now - s->of[s->oldest % WINDOW].ms < LOST_MS)
				return;
			if (count.lost++ < 5)
				fprintf(stderr, "packet %u: lost; %zu bytes were sent\n", s->oldest,
				    s->of[s->oldest % WINDOW].len);
		}
		s->flight -= s->of[s->oldest % WINDOW].len;
	}
}

static void
packets(int kind, char **arg, uint64_t seconds, uint64_t rate)
{
	struct packets s = { .kind = kind, .v4 = strchr(arg[0], ':') == NULL };
	uint64_t begin = now_ms(), now, bytes = 0;
	size_t flight;
	struct pollfd p;

	s.fd = kind == IPPROTO_UDP ? open_at(SOCK_DGRAM, 0, arg[0], "0") :
	    open_at(SOCK_RAW, kind == IPPROTO_ICMP && !s.v4 ? IPPROTO_ICMPV6 : kind, arg[0], "0");
	s.to_len = address(&s.to, arg[1], kind == IPPROTO_UDP ? arg[2] : "0");
	p = (struct pollfd){ s.fd, POLLIN, 0 };
	while (goes_on(begin, now = now_ms(), seconds) || s.oldest != s.next) {
		while (goes_on(begin, now, seconds) && (rate == 0 || bytes < (now - begin) * rate / 1000)) {
			flight = s.flight;
			if (!send_some(&s))
				break;
			bytes += s.flight - flight;
		}
		(void)poll(&p, 1, s.oldest == s.next || rate != 0 ? 1 : 100);
		answers(&s);
		advance(&s, now_ms());
	}
}

/* ---- a stream: pieces of 4,096 bytes, written in any sizes */

#define PIECE	4096

static void
stream_bytes(uint8_t *p, uint64_t at, size_t len)
{
	static uint8_t piece[PIECE];
	static uint32_t have = UINT32_MAX;
	size_t n;

	for (; len > 0; p += n, at += n, len -= n) {
		if (have != (uint32_t)(at / PIECE)) {
			have = (uint32_t)(at / PIECE);
			fill(piece, PIECE, have);
		}
		n = PIECE - at % PIECE < len ? PIECE - at % PIECE : len;
		memcpy(p, piece + at % PIECE, n);
	}
}

static void
stream(char **arg, uint64_t seconds, uint64_t rate)
{
	static uint8_t b[FULL], want[FULL];
	uint64_t begin = now_ms(), out = 0, in = 0, heard = begin, now;
	int fd = open_at(SOCK_STREAM, 0, arg[0], "0"), on = 1;
	union at to;
	socklen_t len = address(&to, arg[1], arg[2]);
	struct pollfd p = { fd, 0, 0 };
	size_t k;
	ssize_t n;

	if (connect(fd, &to.sa, len) == -1)
		err(1, "%s", arg[1]);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	while ((goes_on(begin, now = now_ms(), seconds) || in < out) && now < heard + LOST_MS) {
		bool more = goes_on(begin, now, seconds) && out - in < (rate != 0 ? 2U << 20 : 8U << 20) &&
		    (rate == 0 || out < (now - begin) * rate / 1000);

		p.events = (short)(POLLIN | (more ? POLLOUT : 0));
		(void)poll(&p, 1, rate != 0 ? 1 : 100);
		if (more) {
			k = 1 + chance() % (chance() % 4 == 0 ? 3000 : sizeof(b));
			stream_bytes(b, out, k);
			if ((n = send(fd, b, k, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
				out += (uint64_t)n;
		}
		while ((n = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0) {
			stream_bytes(want, in, (size_t)n);
			if (memcmp(b, want, (size_t)n) != 0)
				wrong("other bytes in the stream", (uint32_t)(in / PIECE), (size_t)n, (size_t)n);
			in += (uint64_t)n;
			heard = now_ms();
		}
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
			break;
	}
	count.sent = out / PIECE;
	count.answered = count.bytes = in;
	count.lost = out - in;
}

int
main(int argc, char **argv)
{
	uint64_t seconds, rate;

	if (argc == 4 && strcmp(argv[1], "echo") == 0)
		return (echo(argv[2], argv[3]));
	if (argc < 7)
		errx(2, "usage: traffic echo ADDRESS PORT | traffic udp|icmp|other|tcp FROM TO PORT SECONDS SEED [RATE]");
	seconds = strtoul(argv[5], NULL, 10);
	seed = strtoul(argv[6], NULL, 10) + 1;
	(void)signal(SIGTERM, on_term);
	rate = argc > 7 ? strtoul(argv[7], NULL, 10) : 0;
	if (strcmp(argv[1], "tcp") == 0)
		stream(argv + 2, seconds, rate);
	else
		packets(strcmp(argv[1], "udp") == 0 ? IPPROTO_UDP : strcmp(argv[1], "icmp") == 0 ? IPPROTO_ICMP : OTHER, argv + 2,
		    seconds, rate);
	printf("sent %llu answered %llu lost %llu wrong %llu bytes %llu\n", count.sent, count.answered, count.lost, count.wrong,
	    count.bytes);
	return (count.lost != 0 || count.wrong != 0 || count.answered == 0);
}
