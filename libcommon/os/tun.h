/*
 * The TUN device: inner packets to and from the kernel. Opened with IFF_VNET_HDR, so that
 * segmentation offload is a matter of flags and buffers, not of another device.
 */
#ifndef SAPIPE_OS_TUN_H
#define SAPIPE_OS_TUN_H

#include <net/if.h>

#include "base/addr.h"
#include "base/fault.h"

struct tun {
	int		fd;		/* nonblocking; -1: none */
	unsigned	ifindex;
	char		name[IFNAMSIZ];
};

struct tun_pkt {
	uint8_t	*p;
	size_t	 len;			/* read: found; write: given */
	size_t	 cap;			/* read: room at ${p} */
};

/*
 * Makes the device ${name}, or attaches to a persistent one of that name that nobody uses.
 * NULL or "": the first free one of "vpn0", "vpn1", ... -1 with FAULT_PERMISSION, FAULT_DEVICE (no TUN
 * driver; the name is in use, or no name for an interface). It goes with tun_close().
 */
int tun_open(struct tun *t, const char *name, struct fault *f);
void tun_close(struct tun *t);	/* harmless with fd -1 */

/*
 * Reads whole packets, at most ${n}, as long as there are any. Longer ones than their room are
 * dropped and counted in ${*cut}. Returns how many; -1 with FAULT_DEVICE when the device is gone.
 */
long tun_read(const struct tun *t, struct tun_pkt *pkts, size_t n, uint64_t *cut,
    struct fault *f);

/* Writes packets in order; what the kernel does not take now is lost. Returns how many it took. */
size_t tun_write(const struct tun *t, const struct tun_pkt *pkts, size_t n);

#endif
