/*
 * A TUN device with several queues of packets for the tunnel, which one thread reads in turn. The driver does not hold senders up: TCP
 * sends as much as its window allows, and in one queue that would delay the packets of all others.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/tun.h"

/* Another queue of the device. -1: there is none. */
static int
queue_open(const struct tun *t)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE) };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", t->name);
	if (fd != -1 && ioctl(fd, TUNSETIFF, &ifr) == -1) {
		(void)close(fd);
		return (-1);
	}
	return (fd);
}

static bool
queue_add(struct tun *t)
{
	struct epoll_event ev = { .events = EPOLLIN, .data = { .u32 = t->n_queues } };
	int fd = queue_open(t);

	if (fd == -1)
		return (false);
	if (epoll_ctl(t->any, EPOLL_CTL_ADD, fd, &ev) != 0) {
		(void)close(fd);
		return (false);
	}
	t->queue[t->n_queues++] = fd;
	return (true);
}

/*
 * The descriptor that we write to is none of the queues. Otherwise the kernel would put the packets of a connection into the queue that
 * those of the other direction were written to, which is one for all.
 */
static bool
detach(const struct tun *t)
{
	struct ifreq ifr = { .ifr_flags = IFF_DETACH_QUEUE };

	return (ioctl(t->fd, TUNSETQUEUE, &ifr) == 0);
}

bool
tun_fair(struct tun *t)
{
	if ((t->any = epoll_create1(EPOLL_CLOEXEC)) == -1)
		return (false);
	while (t->n_queues < TUN_QUEUES && queue_add(t))
		;
	if (t->n_queues > 1 && detach(t))
		return (true);
	if (t->n_queues == 0)
		(void)close(t->any);
	tun_queues_close(t);
	return (false);
}

void
tun_queues_close(struct tun *t)
{
	if (t->n_queues > 0)
		(void)close(t->any);
	while (t->n_queues > 0)
		(void)close(t->queue[--t->n_queues]);
}

int
tun_fd(const struct tun *t)
{
	return (t->n_queues > 0 ? t->any : t->fd);
}

size_t
tun_ready(struct tun *t, unsigned *queue)
{
	struct epoll_event ev[TUN_QUEUES];
	uint32_t before = t->busy;
	size_t n = 0;
	int got, i;

	if (t->n_queues == 0) {
		queue[0] = 0;
		return (1);
	}
	if ((got = epoll_wait(t->any, ev, TUN_QUEUES, 0)) < 0)
		got = 0;
	t->busy = 0;
	for (i = 0; i < got; i++) {
		t->busy |= UINT32_C(1) << ev[i].data.u32;
		if ((before >> ev[i].data.u32 & 1) == 0)
			queue[n++] = ev[i].data.u32;
	}
	for (i = 0; i < got; i++)
		if ((before >> ev[i].data.u32 & 1) != 0)
			queue[n++] = ev[i].data.u32;
	return (n);
}
