/*
 * The TUN device: inner packets to and from the kernel. It is opened with IFF_VNET_HDR, so
 * segmentation offload only needs flags and larger buffers.
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
 * Creates the device ${name}, or attaches to a persistent one of that name that is not in use.
 * NULL or "": the first free one of "vpn0", "vpn1", ... -1 with FAULT_PERMISSION, FAULT_DEVICE (no TUN
 * driver; the name is in use, or no name for an interface). tun_close() removes it.
 */
int tun_open(struct tun *t, const char *name, struct fault *f);
void tun_close(struct tun *t);	/* harmless with fd -1 */

/*
 * Reads at most ${n} packets without waiting, to ${p} up to the end of each buffer: sets ${len} and the device's
 * values of checksum and segments. Packets longer than their buffer, and packets that require segmentation (tun_open()
 * does not request it), are dropped and counted in ${*cut}. Returns their number; -1 with FAULT_DEVICE if the device
 * was removed.
 */
long tun_read(const struct tun *t, struct pkt *pkts, size_t n, uint64_t *cut, struct fault *f);

/*
 * Writes packets in order, ${inner_len} bytes of each, until the kernel does not accept one (the device is down).
 * Returns how many it accepted.
 */
size_t tun_write(const struct tun *t, const struct pkt *const *pkts, size_t n);

#endif
