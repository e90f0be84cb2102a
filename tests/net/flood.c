/*
 * A flood of forged first messages of main mode, each from an address and under a cookie of its own. For tests in network
 * namespaces: the sources are in 10.0.0.0/8, rate and time are bounded.
 *
 *	flood DESTINATION RATE SECONDS		prints how many were sent
 *
 * DESTINATION: an IPv4 address, port 500. RATE: messages a second, at most 200,000. SECONDS: at most 600.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "ike/policy.h"
#include "ike/v1base/sa_payload_p1.h"
#include "wire/isakmp.h"

#define BATCH	64
#define PACKET	1024

static uint8_t packets[BATCH][PACKET];
static size_t packet_len;

static uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

/* xorshift64*: fast, and nothing depends on it. */
static uint64_t
chance(void)
{
	static uint64_t s = 88172645463325252U;

	s ^= s >> 12;
	s ^= s << 25;
	s ^= s >> 27;
	return (s * 0x2545f4914f6cdd1dU);
}

/* A first message with its IP and UDP headers; the source and the cookie change with each. */
static int
template(uint8_t *p, const struct in_addr *to)
{
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_MAIN };
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
	struct udphdr udp = { .source = htons(500), .dest = htons(500) };
	uint8_t body[512];
	struct wr w = wr_of(body, sizeof(body));
	struct ike_policy policy;
	struct isakmp_builder b;
	struct fault f;
	struct span m;

	ike_policy_default(&policy);
	if (ike_proposals_parse(&policy.ike, "aes128-sha256-modp2048", &f) != 0)
		return (-1);
	p1_offer(&w, &policy);
	isakmp_begin(&b, p + sizeof(ip) + sizeof(udp), PACKET - sizeof(ip) - sizeof(udp), &h);
	isakmp_payload_put(&b, PAYLOAD_SA, wr_span(&w));
	if ((m = isakmp_end(&b)).len == 0)
		return (-1);
	packet_len = sizeof(ip) + sizeof(udp) + m.len;
	ip.daddr = to->s_addr;
	ip.tot_len = htons((uint16_t)packet_len);
	udp.len = htons((uint16_t)(sizeof(udp) + m.len));
	memcpy(p, &ip, sizeof(ip));
	memcpy(p + sizeof(ip), &udp, sizeof(udp));	/* checksum 0: none */
	return (0);
}

static unsigned
send_batch(int fd, struct mmsghdr *mm, unsigned n)
{
	unsigned i;
	int sent;

	for (i = 0; i < n; i++) {
		uint64_t r = chance();

		put_be32(packets[i] + 12, 0x0a000000 | ((uint32_t)r & 0xffffff));
		r = chance() | 1;
		memcpy(packets[i] + sizeof(struct iphdr) + sizeof(struct udphdr), &r, sizeof(r));
	}
	sent = sendmmsg(fd, mm, n, 0);
	return (sent > 0 ? (unsigned)sent : 0);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	static struct mmsghdr mm[BATCH];
	static struct iovec iov[BATCH];
	unsigned long rate, seconds;
	uint64_t begin, now, sent = 0, due;
	unsigned i, n;
	int fd, on = 4 << 20;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
	    (rate = strtoul(argv[2], NULL, 10)) == 0 || rate > 200000 ||
	    (seconds = strtoul(argv[3], NULL, 10)) == 0 || seconds > 600) {
		(void)fprintf(stderr, "usage: flood DESTINATION RATE SECONDS\n");
		return (2);
	}
	if ((fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)) == -1) {
		perror("flood");
		return (3);
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &on, sizeof(on));
	for (i = 0; i < BATCH; i++) {
		if (template(packets[i], &to.sin_addr) != 0)
			return (3);
		iov[i] = (struct iovec){ packets[i], packet_len };
		mm[i].msg_hdr = (struct msghdr){ .msg_name = &to, .msg_namelen = sizeof(to),
		    .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	begin = now_us();
	while ((now = now_us()) < begin + seconds * 1000000) {
		due = (now - begin) * rate / 1000000;
		if (due <= sent) {
			(void)nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
			continue;
		}
		n = due - sent > BATCH ? BATCH : (unsigned)(due - sent);
		sent += send_batch(fd, mm, n);
	}
	(void)printf("%llu\n", (unsigned long long)sent);
	return (0);
}
