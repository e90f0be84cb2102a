/*
 * The TUN device: inner packets to and from the kernel, with the offloads of a network device (IFF_VNET_HDR): the kernel
 * hands over super-packets and unfinished checksums, and accepts them.
 */
#ifndef SAPIPE_NET_TUN_H
#define SAPIPE_NET_TUN_H

#include <net/if.h>

#include <sys/uio.h>

#include "base/fault.h"
#include "base/pkt.h"
#include "net/tun_ring.h"

#define TUN_PARTS	128	/* of a packet in one write */
#define TUN_QUEUES	8

struct tun {
	int		fd;		/* nonblocking; -1: none */
	int		queue[TUN_QUEUES];	/* those that the kernel puts packets into, if it is not ${fd} alone */
	unsigned	n_queues;	/* 0: it is */
	int		any;		/* an epoll descriptor for all of them */
	uint32_t	busy;		/* a bit for each queue that had packets at the last look */
	struct tun_ring	*ring;		/* reads several packets at once; NULL: one by one */
	uint8_t		expect[TUN_QUEUES];	/* how many the next read of a queue is to ask for; 0 is 1 */
	unsigned	ifindex;
	char		name[IFNAMSIZ];
	bool		csum, tso, uso;	/* the kernel leaves checksums to us; segments of TCP; of UDP */
};

/*
 * Creates the device ${name}, with fair queues where the kernel can, or attaches to a persistent one of that name that is not in use.
 * NULL or "": the first free one of "vpn0", "vpn1", ... -1 with FAULT_PERMISSION, FAULT_DEVICE (no TUN
 * driver; the name is in use, or no name for an interface). tun_close() removes it.
 */
int tun_open(struct tun *t, const char *name, struct fault *f);
/*
 * Part of tun_open(). Gives a device that was made with IFF_MULTI_QUEUE its queues. The kernel chooses one by a hash of the addresses,
 * protocol and ports, so that packets of a connection stay in order, and a connection with much to send delays few others. False: the
 * device has one.
 */
bool tun_fair(struct tun *t);
void tun_queues_close(struct tun *t);	/* part of tun_close() */
void tun_close(struct tun *t);	/* harmless with fd -1 */
/* Whether the kernel sees a carrier on the device: without one its routes are marked "linkdown". 0, or -1 with errno. */
int tun_carrier(const struct tun *t, bool on);
/* Turns the offloads of a device on that was made with IFF_VNET_HDR: what tun_open() does. 0, or -1 with errno. */
int tun_offloads(struct tun *t);

/* A descriptor that is readable while the device has packets. */
int tun_fd(const struct tun *t);
/* Writes to ${queue} which queues may have packets, at most TUN_QUEUES; first those that had none at the last call. */
size_t tun_ready(struct tun *t, unsigned *queue);

/*
 * Reads a packet of one queue without waiting, to ${p} up to the end of its buffer but one byte (PKT_MAX + 1 bytes of room receive any),
 * and writes to the TUN_HEADROOM bytes before it: sets ${len} and the device's values of checksum and segments, which
 * nobody has checked. A packet that does not fit, or of a kind that was not asked for, is dropped and counted in ${*cut}.
 * 1; 0: there is none; -1 with FAULT_DEVICE if the device was removed.
 */
#define TUN_HEADROOM	10
int tun_read(const struct tun *t, unsigned queue, struct pkt *k, uint64_t *cut, struct fault *f);

/*
 * The same for up to ${n} (at most TUN_RING) packets: with a ring in one system call, without one by one until a long one. Sets ${*got},
 * also with 0 and -1; these packets come first in ${k}, whose buffers may be in another order then.
 */
int tun_read_some(struct tun *t, unsigned queue, struct pkt *k, size_t n, size_t *got, uint64_t *cut, struct fault *f);
/*
 * What ${n} should be with a ring, 1 to TUN_RING: half more than came last, and 1 after a long packet, since others would wait while so
 * many long ones are worked at.
 */
size_t tun_expect(const struct tun *t, unsigned queue);

/*
 * Writes a packet of ${n} parts (at most TUN_PARTS) with the values of ${k}: segments, checksum, and ${head}, where the
 * payload begins. ${parts}[0] is of the caller's use; the packet begins at ${parts}[1]. 0, or errno: the device is down,
 * or (EINVAL) does not accept that super-packet.
 */
int tun_write(const struct tun *t, const struct pkt *k, size_t head, struct iovec *parts, size_t n);
/* The same for a packet in one piece, ${inner_len} bytes at ${p}. */
int tun_write_one(const struct tun *t, const struct pkt *k);

#endif
