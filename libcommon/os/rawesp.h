/*
 * ESP as IP protocol 50, in batches: one raw socket a family. The kernel makes
 * the outer header, and fragments what is too long for the path.
 */
#ifndef SAPIPE_OS_RAWESP_H
#define SAPIPE_OS_RAWESP_H

#include "base/addr.h"
#include "base/fault.h"

#define RAWESP_BATCH	64

struct rawesp { int fd4, fd6; };	/* nonblocking; -1: none */

struct rawesp_pkt {
	uint8_t		*p;		/* received: moved behind an IPv4 header */
	size_t		 len;
	size_t		 cap;		/* receive: room at ${p} */
	struct addr	 local, remote;
	uint16_t	 tos;		/* of the outer header */
};

/*
 * Opens the sockets of the families this machine has; ${mark} other than 0 is set on them if
 * permitted. -1 with FAULT_PERMISSION or FAULT_SYSTEM.
 */
int rawesp_open(struct rawesp *r, uint32_t mark, struct fault *f);
void rawesp_close(struct rawesp *r);

/* Receives at most ${n} (and RAWESP_BATCH) packets of ${family} 4 or 6, as long as there are any. */
size_t rawesp_receive(const struct rawesp *r, uint8_t family, struct rawesp_pkt *pkts, size_t n);

/*
 * Sends ${n} (at most RAWESP_BATCH) packets of one family, from ${local} (family 0: the
 * kernel's choice) to ${remote}. Returns how many are done; with fewer, errno says why: EAGAIN
 * (full), else the packet at that place cannot be sent.
 */
size_t rawesp_send(const struct rawesp *r, const struct rawesp_pkt *pkts, size_t n);

/*
 * The MTU of the path to ${remote} as the kernel knows it now, and in ${local} (if not NULL) the
 * source it would take. 0 if there is no route. ${mark} as for the sockets.
 */
size_t path_mtu(const struct addr *remote, uint32_t mark, struct addr *local);

#endif
