/*
 * Keepalives of GRE, as Cisco has them: a packet of GRE that holds the answer, an IP packet from the peer to us with GRE of protocol type
 * 0. A peer that forwards what is in GRE sends the answer without knowing of keepalives. No clock, no socket.
 *
 *	IP us -> peer | GRE | IP peer -> us | GRE, type 0
 *
 * Kernels do not forward it: its source is an address of their own. So an answering end finds it and sends it back by itself, and to the
 * address that it came from alone: it has no content, so an answer is shorter than what asked for it, and it has a limit.
 */
#ifndef SAPIPE_GRE_KEEPALIVE_H
#define SAPIPE_GRE_KEEPALIVE_H

#include "base/addr.h"
#include "gre/gre.h"

#define GRE_KEEPALIVE		0	/* protocol type of the answer */
#define KEEPALIVE_MAX		(40 + GRE_HEAD_MAX)	/* bytes of the inner packet */
#define KEEPALIVE_ANSWERS	50	/* a second, of a device */

struct keepalive {		/* all zero but ${retries}: answered so far */
	uint32_t	retries;	/* so many without an answer: the peer is down */
	uint32_t	missed;
	bool		waits;		/* for the answer to the last one */
	bool		down;
};

/* The time for the next one has come. True if the peer is down from now on. */
bool keepalive_tick(struct keepalive *k);
/* An answer came. True if the peer was down until now. */
bool keepalive_answered(struct keepalive *k);

/*
 * Writes the inner packet, which the peer ${remote} is to send to us, ${local}, at ${out} (KEEPALIVE_MAX bytes). ${h}: key and checksum
 * of the tunnel. Returns its length.
 */
size_t keepalive_put(uint8_t out[KEEPALIVE_MAX], const struct gre_head *h, const struct addr *local, const struct addr *remote);

enum keepalive_kind {
	KEEPALIVE_NONE,		/* an inner packet like any other */
	KEEPALIVE_ASKS,		/* ${*gre} is to be sent back */
	KEEPALIVE_BAD,		/* GRE to the outer sender, which is none: to be dropped */
};

/*
 * What the inner packet ${ip}, which came from ${from} to ${to}, is. It asks if it is exactly what ${to} has to send back to ${from}: an
 * IP packet of GRE between these addresses, whose GRE has type 0, the key of ${h}, and no payload.
 */
enum keepalive_kind keepalive_get(struct span *gre, struct span ip, const struct gre_head *h, const struct addr *from, const struct addr *to);

struct keepalive_limit {	/* all zero at first */
	uint64_t	second;
	unsigned	n;
};

/* Whether another answer may be sent now. */
bool keepalive_allowed(struct keepalive_limit *l, uint64_t now_ms);

#endif
