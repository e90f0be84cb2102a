/* Raw sockets for GRE (IP protocol 47), one of each family that is used. The kernel adds the outer header and fragments. */
#ifndef SAPIPE_GRE_RAW_H
#define SAPIPE_GRE_RAW_H

#include "base/addr.h"
#include "base/fault.h"

#define RAW_BATCH	64
#define RAW_V6		1	/* index of its socket; 0 is IPv4's */

struct raw {
	int	fd[2];		/* nonblocking; -1: none */
};

/* A packet: GRE at ${p}. */
struct raw_pkt {
	uint8_t		*p;
	size_t		 len;
	struct addr	 peer;		/* its source, or where it goes to */
	struct addr	 to;		/* received: the address that it came to; family 0: not known */
	uint8_t		 tos;		/* DSCP and ECN of the outer header */
};

/*
 * Opens the sockets: of ${local}'s family, bound to it, or (family 0) of ${remote}'s, or of both. ${ttl} of outer packets.
 * -1 with FAULT_PERMISSION, FAULT_BAD_ADDRESS (${local} is none of this machine) or FAULT_SYSTEM.
 */
int raw_open(struct raw *r, const struct addr *local, const struct addr *remote, uint8_t ttl, struct fault *f);
void raw_close(struct raw *r);

/*
 * Receives up to ${n} (at most RAW_BATCH) packets of socket ${which} without waiting: ${pkts}[i].p has room for ${cap} bytes.
 * Its ${p} moves behind the outer header. Returns their number; malformed ones are left out.
 */
size_t raw_receive(const struct raw *r, unsigned which, struct raw_pkt *pkts, size_t n, size_t cap);

/* Reads the ICMP errors of socket ${which} until there is one about the size of a packet to ${*peer}. False: there is none. */
bool raw_toobig(const struct raw *r, unsigned which, struct addr *peer);

/* Sends ${n} (at most RAW_BATCH) packets of one family. Returns how many; if fewer, errno is why the next one was not. */
size_t raw_send(const struct raw *r, const struct raw_pkt *pkts, size_t n);

#endif
