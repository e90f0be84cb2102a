/*
 * The TUN device: inner packets to and from the kernel. Opened with IFF_VNET_HDR, so that
 * segmentation offload is a matter of flags and buffers, not of another device.
 */
#ifndef SAPIPE_OS_TUN_H
#define SAPIPE_OS_TUN_H

#include <net/if.h>

#include "base/fault.h"
#include "base/pkt.h"

struct tun {
	int		fd;		/* nonblocking; -1: none */
	unsigned	ifindex;
	char		name[IFNAMSIZ];
};

/*
 * Makes the device ${name}, or attaches to a persistent one of that name that nobody uses.
 * NULL or "": the first free one of "vpn0", "vpn1", ... -1 with FAULT_PERMISSION, FAULT_DEVICE (no TUN
 * driver; the name is in use, or no name for an interface). tun_close() removes it.
 */
int tun_open(struct tun *t, const char *name, struct fault *f);
void tun_close(struct tun *t);	/* harmless with fd -1 */

/*
 * Reads packets, at most ${n}, as long as there are any, to ${p} up to the end of each buffer: fills in ${len} and what
 * the device says of checksum and segments. Longer packets are dropped and counted in ${*cut}, as are those that have
 * to be cut into segments: tun_open() asks for none. Returns how many; -1 with FAULT_DEVICE when the device is gone.
 */
long tun_read(const struct tun *t, struct pkt *pkts, size_t n, uint64_t *cut, struct fault *f);

/* Writes packets in order, ${inner_len} bytes of each; what the kernel has no room for is lost. Returns how many it took. */
size_t tun_write(const struct tun *t, const struct pkt *const *pkts, size_t n);

#endif
