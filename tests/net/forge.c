/*
 * A flood of forged ESP packets, for tests in network namespaces; rate and time are bounded.
 *
 *	forge udp|raw DESTINATION RATE SECONDS BYTES SPI...	prints how many were sent
 *
 * DESTINATION: an IPv4 address; udp: its port 4500. RATE: packets a second, at most 500,000. SECONDS: at most 60. BYTES:
 * of a packet behind its SPI and number. SPI: eight hex digits, one after the other; 00000000: a random one for each packet.
 * Numbers are random, below 2^20: some are of the past, some of the future. The rest of a packet is not random.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH	64
#define PACKET	1472
#define NUMBERS	(1U << 20)
#define BEHIND	50000U	/* packets: a sender that the machine holds up does not catch up with more */

static uint8_t packets[BATCH][PACKET];
static struct iovec iov[BATCH];
static struct mmsghdr msgs[BATCH];

static uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

/* xorshift64*: fast, and nothing depends on it. */
static uint32_t
chance(void)
{
	static uint64_t s = 88172645463325252U;

	s ^= s >> 12;
	s ^= s << 25;
	s ^= s >> 27;
	return ((uint32_t)((s * 0x2545f4914f6cdd1dU) >> 32));
}

static void
put32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, 4);
}

static int
wire(const char *kind, const char *to)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(4500) };
	int fd = strcmp(kind, "udp") == 0 ? socket(AF_INET, SOCK_DGRAM, 0) : socket(AF_INET, SOCK_RAW, IPPROTO_ESP);
	int room = 8 << 20;

	if (fd == -1 || inet_pton(AF_INET, to, &sin.sin_addr) != 1 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "%s %s", kind, to);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return (fd);
}

/* Sends ${n} packets, the SPIs in turn. */
static unsigned
burst(int fd, unsigned n, char *const *spis, unsigned n_spis)
{
	static unsigned turn;
	int rc;

	for (unsigned i = 0; i < n; i++) {
		uint32_t spi = (uint32_t)strtoul(spis[turn++ % n_spis], NULL, 16);

		put32(packets[i], spi != 0 ? spi : chance() | 0x100);
		put32(packets[i] + 4, chance() % NUMBERS);
		put32(packets[i] + 8, chance());
	}
	rc = sendmmsg(fd, msgs, n, 0);
	if (rc == -1 && errno != ENOBUFS && errno != ECONNREFUSED && errno != EAGAIN)
		err(1, "send");
	return (rc > 0 ? (unsigned)rc : 0);
}

int
main(int argc, char **argv)
{
	const struct timespec nap = { .tv_nsec = 100000 };
	uint64_t begin, now, due, given = 0, sent = 0;
	unsigned long rate, seconds, bytes;
	int fd;

	if (argc < 7)
		errx(2, "usage: forge udp|raw DESTINATION RATE SECONDS BYTES SPI...");
	rate = strtoul(argv[3], NULL, 10);
	seconds = strtoul(argv[4], NULL, 10);
	bytes = strtoul(argv[5], NULL, 10);
	if (rate > 500000 || seconds > 60 || bytes < 4 || bytes > PACKET - 8)
		errx(2, "too much");
	for (size_t i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ packets[i], 8 + bytes };
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	fd = wire(argv[1], argv[2]);
	begin = now_us();
	while ((now = now_us()) < begin + seconds * 1000000) {
		due = (now - begin) * rate / 1000000;
		if (due > given + BEHIND)
			given = due - BEHIND;
		if (due > given) {
			sent += burst(fd, due - given < BATCH ? (unsigned)(due - given) : BATCH, argv + 6, (unsigned)argc - 6);
			given += due - given < BATCH ? due - given : BATCH;
		} else
			(void)nanosleep(&nap, NULL);
	}
	printf("%llu\n", (unsigned long long)sent);
	return (0);
}
