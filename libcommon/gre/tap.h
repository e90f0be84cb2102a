/*
 * A TAP device of the link type of GRE (ARPHRD_IPGRE): its link addresses have four bytes, so the kernel's neighbour
 * table holds NBMA addresses, and routing, forwarding and packet filters treat it as multipoint GRE.
 */
#ifndef SAPIPE_GRE_TAP_H
#define SAPIPE_GRE_TAP_H

#include "net/tun.h"

#define TAP_HEAD	14	/* of a frame: destination, source, ethertype */

struct tap {
	struct tun	tun;
	uint8_t		mac[6];		/* the destination of frames to this machine */
};

/* What the head of a frame says. */
struct tap_frame {
	uint32_t	to;		/* link address of the next hop */
	uint16_t	proto;		/* ethertype */
};

/*
 * Creates the device ${name} (NULL: the first free one of gre0, gre1, ...), or takes a persistent TAP device of that name that is
 * not in use, which has to be down. Without ${arp} the kernel asks nobody for link addresses: every packet goes out, with any of
 * them. -1 with FAULT_PERMISSION, FAULT_DEVICE or FAULT_USAGE (no name for an interface).
 */
int tap_open(struct tap *t, const char *name, bool arp, struct fault *f);
void tap_close(struct tap *t);	/* harmless with fd -1 */

/*
 * Whether the packet ${k} of ${frame} is a question for a link address, of ARP or an IPv6 neighbour solicitation (RFC 4861); ${hop} is
 * then the address in question.
 */
bool tap_question(const struct tap_frame *frame, const struct pkt *k, struct addr *hop);

/*
 * Reads a frame without waiting, as tun_read() does: ${k} is then the packet in it, which may be a super-packet or lack its
 * checksum. 1; 0: there is none; -1 with FAULT_DEVICE: the device was removed.
 */
int tap_read(const struct tap *t, struct pkt *k, struct tap_frame *frame, uint64_t *cut, struct fault *f);

/*
 * Writes a packet of ${proto} that ${n} packets (at most TUN_PARTS) make, as coalesce.h describes it; ${from}: the sender's link
 * address. The TAP_HEAD bytes before the first are overwritten. 0, or errno.
 */
int tap_write(const struct tap *t, uint32_t from, uint16_t proto, struct pkt *const *k, size_t n, size_t head);

#endif
