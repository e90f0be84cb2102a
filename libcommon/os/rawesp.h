/*
 * ESP and AH as IP protocols 50 and 51, in batches, with one raw socket for each protocol and family. The kernel adds the
 * outer header of ESP and of AH over IPv6, and fragments packets that are too long for the path. AH over IPv4 protects
 * the header, so we send it with our own header.
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
	uint8_t		frag[RAWESP_SOCKETS];	/* what fragments() has set */
};

/* An ICMP error about a packet of ours: longer than the path carries. */
struct rawesp_error {
	struct endpoint	remote;		/* port 0 */
	uint32_t	mtu;		/* 0: it does not say */
	size_t		len;		/* of what it quotes of ESP or AH */
	uint8_t		quote[64];
};

/*
 * Opens the sockets of the families that this machine supports, and sets ${mark} on them if it is not 0
 * and we may. -1 with FAULT_PERMISSION or FAULT_SYSTEM.
 */
int rawesp_open(struct rawesp *r, uint32_t mark, struct fault *f);
void rawesp_close(struct rawesp *r);

/*
 * Receives at most ${n} (and RAWESP_BATCH) packets of one socket without waiting, at ${p} up to the end of
 * each buffer. ${p} is then ESP or AH, after ${net} bytes of its IPv4 header. AH over IPv6 gets a header with the
 * original values, except of the fields that AH does not protect; this requires 40 bytes of headroom. IPv6 extension
 * headers are not included.
 */
size_t rawesp_receive(const struct rawesp *r, enum rawesp_which which, struct pkt *pkts, size_t n);

/*
 * Sends ${n} (at most RAWESP_BATCH) packets of one protocol and family, from ${local} (family 0: the
 * kernel's choice) to ${remote}. Returns how many were sent; if fewer, errno is EAGAIN
 * (full), or the reason why the next packet cannot be sent: EMSGSIZE only with ${df}, which keeps everybody from
 * fragmenting it, if the interface cannot send it whole.
 */
size_t rawesp_send(struct rawesp *r, const struct pkt *pkts, size_t n);

/* Reads ICMP errors of socket ${which} until there is one about the size of a packet. False: there is none. */
bool rawesp_toobig(const struct rawesp *r, enum rawesp_which which, struct rawesp_error *e);

#endif
