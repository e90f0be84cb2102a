/*
 * ESP and AH as IP protocols 50 and 51, in batches: one raw socket for each protocol and family. The kernel makes the
 * outer header of ESP and of AH over IPv6, and fragments what is too long for the path. AH over IPv4 protects the
 * whole header, so it is sent with its own.
 */
#ifndef SAPIPE_OS_RAWESP_H
#define SAPIPE_OS_RAWESP_H

#include "base/fault.h"
#include "base/pkt.h"

#define RAWESP_BATCH	64
#define RAWESP_ESP	50
#define RAWESP_AH	51

enum rawesp_which { RAWESP_ESP4, RAWESP_ESP6, RAWESP_AH4, RAWESP_AH6, RAWESP_SOCKETS };

struct rawesp {
	int		fd[RAWESP_SOCKETS];	/* nonblocking; -1: none */
	uint32_t	mark;
};

/*
 * Opens the sockets of the families this machine has; ${mark} other than 0 is set on them if
 * permitted. -1 with FAULT_PERMISSION or FAULT_SYSTEM.
 */
int rawesp_open(struct rawesp *r, uint32_t mark, struct fault *f);
void rawesp_close(struct rawesp *r);

/*
 * Receives at most ${n} (and RAWESP_BATCH) packets of one socket, as long as there are any, at ${p} up to the end of
 * each buffer. Then ${p} is ESP or AH, behind ${net} bytes of its IPv4 header; before AH over IPv6 stands a header as
 * it was but for the fields that AH does not protect, for which 40 bytes of headroom are needed. Extension headers of
 * IPv6 are not there.
 */
size_t rawesp_receive(const struct rawesp *r, enum rawesp_which which, struct pkt *pkts, size_t n);

/*
 * Sends ${n} (at most RAWESP_BATCH) packets of one protocol and family, from ${local} (family 0: the
 * kernel's choice) to ${remote}. Returns how many are done; with fewer, errno says why: EAGAIN
 * (full), else the packet at that place cannot be sent.
 */
size_t rawesp_send(const struct rawesp *r, const struct pkt *pkts, size_t n);

/*
 * The MTU of the path to ${remote} as the kernel knows it now, and in ${local} (if not NULL) the
 * source it would use. 0 if there is no route. ${mark} as for the sockets.
 */
size_t path_mtu(const struct addr *remote, uint32_t mark, struct addr *local);

#endif
