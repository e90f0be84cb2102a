/*
 * UDP at full rate through a device that comes and goes, for tests in network namespaces: super-packets of UDP_SEGMENT, and
 * each number of bytes. Errors are not reported: it tries again.
 *
 *	blast FROM TO PORT RATE SECONDS		RATE: packets a second, about; at most 500,000. SECONDS: at most 900
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

static uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

int
main(int argc, char **argv)
{
	static const uint8_t bytes[60000];
	const struct timespec nap = { .tv_nsec = 200000 };
	struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET };
	uint64_t begin = now_us(), now, rate, end, given = 0, due, sent = 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), seg;
	size_t n;

	if (argc != 6 || inet_pton(AF_INET, argv[1], &from.sin_addr) != 1 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		errx(2, "usage: blast FROM TO PORT RATE SECONDS");
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	rate = strtoul(argv[4], NULL, 10);
	end = begin + strtoul(argv[5], NULL, 10) * 1000000;
	if (fd == -1 || rate > 500000 || end > begin + 900U * 1000000 || bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		err(1, "%s", argv[1]);
	while ((now = now_us()) < end) {
		due = (now - begin) * rate / 1000000;
		if (due <= given) {
			(void)nanosleep(&nap, NULL);
			continue;
		}
		if (due > given + rate / 10)
			given = due - rate / 10;
		seg = 64 + (int)(sent * 37 % 1250);
		n = (size_t)seg * (1 + sent % 32);
		(void)setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &seg, sizeof(seg));
		if (sendto(fd, bytes, n > sizeof(bytes) ? sizeof(bytes) / (size_t)seg * (size_t)seg : n, 0, (struct sockaddr *)&to,
		    sizeof(to)) == -1)
			(void)nanosleep(&nap, NULL);
		given += 1 + sent % 32;
		sent++;
	}
	printf("%llu\n", (unsigned long long)sent);
	return (0);
}
