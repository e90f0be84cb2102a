/*
 * Counts ESP packets in UDP (port 4500) or raw that cross a device, and those whose number or IV was there before, for tests
 * in network namespaces. Super-packets, which the kernel has not cut yet, are cut here: so it keeps pace.
 *
 *	numbers DEVICE		prints "listening"; after SIGTERM the counts as "name value", a line each
 *
 * Of IPv4 only packets without options count. A number is repeated where an SPI
 * had it before; an IV where the SPI had its first eight bytes before. sent: by this machine; others come from the wire.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ROOM	(256 << 20)	/* of the socket, bytes */
#define FRAME	(66 << 10)

struct set { uint64_t *of; size_t n, cap; };

static struct set numbers, ivs;
static struct { uint64_t packets, super, sent, again, iv_again; } count;
static volatile sig_atomic_t over;

static void
on_term(int sig)
{
	(void)sig;
	over = 1;
}

static uint64_t
mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
	return (x ^ (x >> 31));
}

/* Whether ${v} was in the set; it is now. */
static bool
was_in(struct set *s, uint64_t v)
{
	struct set old = *s;
	size_t i;

	if (v == 0)
		v = 1;		/* 0: free */
	if (s->n * 2 >= s->cap) {
		s->cap = s->cap != 0 ? 2 * s->cap : 1 << 22;
		s->n = 0;
		if ((s->of = calloc(s->cap, sizeof(*s->of))) == NULL)
			err(1, NULL);
		for (i = 0; i < old.cap; i++)
			if (old.of[i] != 0)
				(void)was_in(s, old.of[i]);
		free(old.of);
	}
	for (i = mix(v) & (s->cap - 1); s->of[i] != 0; i = (i + 1) & (s->cap - 1))
		if (s->of[i] == v)
			return (true);
	s->of[i] = v;
	s->n++;
	return (false);
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return (v);
}

static void
esp(const uint8_t *p, size_t len, bool sent)
{
	uint32_t spi;

	if (len < 8 + 16)
		return;
	memcpy(&spi, p, 4);
	if (spi == 0)
		return;		/* IKE */
	count.packets++;
	count.sent += sent;
	/* The SPI and the number are one word; of the IV and the SPI a hash stands for both. */
	count.again += was_in(&numbers, get64(p));
	count.iv_again += was_in(&ivs, mix(get64(p + 8) ^ mix(spi)));
}

static void
frame(const uint8_t *p, size_t len, size_t seg, bool sent)
{
	const uint8_t *end = p + len;

	if (len < 14 + 20 + 8 || p[12] != 8 || p[13] != 0 || p[14] != 0x45)
		return;
	p += 14;
	if (p[9] == IPPROTO_ESP) {
		esp(p + 20, (size_t)(end - p) - 20, sent);
		return;
	}
	if (p[9] != IPPROTO_UDP || ((p[20] << 8 | p[21]) != 4500 && (p[22] << 8 | p[23]) != 4500))
		return;
	p += 28;
	if (seg == 0)
		seg = (size_t)(end - p);
	else
		count.super++;
	for (; p < end; p += seg)
		esp(p, (size_t)(end - p) < seg ? (size_t)(end - p) : seg, sent);
}

static int
listen_on(const char *device)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct timeval tick = { .tv_usec = 200000 };	/* a signal may come just before a wait */
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), on = 1, room = ROOM;

	at.sll_ifindex = (int)if_nametoindex(device);
	if (fd == -1 || at.sll_ifindex == 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick)) == -1 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1)
		err(1, "%s", device);
	return (fd);
}

int
main(int argc, char **argv)
{
	static uint8_t b[FRAME];
	struct sigaction term = { .sa_handler = on_term };
	struct virtio_net_hdr h;
	struct sockaddr_ll from;
	struct tpacket_stats lost;
	socklen_t len = sizeof(from), lost_len = sizeof(lost);
	ssize_t n;
	int fd;

	if (argc != 2)
		errx(2, "usage: numbers DEVICE");
	fd = listen_on(argv[1]);
	(void)sigaction(SIGTERM, &term, NULL);
	printf("listening\n");
	(void)fflush(stdout);
	/* After the signal: what has come before it. */
	for (;;) {
		len = sizeof(from);
		n = recvfrom(fd, b, sizeof(b), over ? MSG_DONTWAIT : 0, (struct sockaddr *)&from, &len);
		if (n == -1 && over)
			break;
		if (n < (ssize_t)sizeof(h))
			continue;
		memcpy(&h, b, sizeof(h));
		frame(b + sizeof(h), (size_t)n - sizeof(h), h.gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0 : h.gso_size,
		    from.sll_pkttype == PACKET_OUTGOING);
	}
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &lost, &lost_len) == -1)
		err(1, "statistics");
	printf("packets %llu\nsent %llu\nsuper %llu\nagain %llu\niv-again %llu\nmissed %u\n", (unsigned long long)count.packets,
	    (unsigned long long)count.sent, (unsigned long long)count.super, (unsigned long long)count.again,
	    (unsigned long long)count.iv_again, lost.tp_drops);
	return (0);
}
