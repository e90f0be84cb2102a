/*
 * UDP packets at a rate, and their counter:
 *
 *	udpload send FROM TO PORT BYTES RATE SECONDS	prints how many were sent
 *	udpload receive ADDRESS PORT SECONDS		prints a line when it listens, then how many came
 *
 * The sender sends what is due, as many in one call as there are, and sleeps for 100 us.
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
#define BYTES_MAX 1472

static uint8_t bytes[BATCH][2048];
static struct iovec iov[BATCH];
static struct mmsghdr msgs[BATCH];

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec * 1e-9);
}

static int
socket_at(const char *address, const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;

	if (fd == -1 || inet_pton(AF_INET, address, &sin.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "%s", address);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return (fd);
}

static void
batch(size_t len)
{
	for (size_t i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ bytes[i], len };
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
}

static unsigned long
send_all(int fd, double rate, double seconds)
{
	const struct timespec nap = { .tv_nsec = 100000 };
	unsigned long sent = 0;
	double begin = now_s(), now;

	while ((now = now_s()) < begin + seconds) {
		double due = (now - begin) * rate - (double)sent;
		unsigned n = due < 1 ? 0 : due > BATCH ? BATCH : (unsigned)due;
		int rc = n > 0 ? sendmmsg(fd, msgs, n, 0) : 0;

		if (rc == -1 && errno != ENOBUFS && errno != ECONNREFUSED && errno != EAGAIN)
			err(1, "send");
		sent += rc > 0 ? (unsigned long)rc : 0;
		if (n < BATCH)
			(void)nanosleep(&nap, NULL);
	}
	return (sent);
}

static unsigned long
receive_all(int fd, double seconds)
{
	const struct timeval wait = { .tv_usec = 50000 };
	unsigned long got = 0;
	double end = now_s() + seconds;
	int n;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	while (now_s() < end)
		if ((n = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL)) > 0)
			got += (unsigned long)n;
	return (got);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd;

	if (argc == 5 && strcmp(argv[1], "receive") == 0) {
		fd = socket_at(argv[2], argv[3]);
		batch(sizeof(bytes[0]));
		puts("ready");
		(void)fflush(stdout);
		printf("%lu\n", receive_all(fd, atof(argv[4])));
		return (0);
	}
	if (argc != 8 || strcmp(argv[1], "send") != 0 || atoi(argv[5]) < 1 || atoi(argv[5]) > BYTES_MAX)
		errx(2, "usage: udpload send FROM TO PORT BYTES RATE SECONDS | receive ADDRESS PORT SECONDS");
	fd = socket_at(argv[2], "0");
	to.sin_port = htons((uint16_t)atoi(argv[4]));
	if (inet_pton(AF_INET, argv[3], &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		err(1, "%s", argv[3]);
	batch((size_t)atoi(argv[5]));
	printf("%lu\n", send_all(fd, atof(argv[6]), atof(argv[7])));
	return (0);
}
