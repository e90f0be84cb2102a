/*
 * Overload: which datagrams of a port are dropped before anybody parses them. A flood of forged first messages must not
 * fill the socket's queue, where the kernel drops anything, messages of peers that have a cookie of ours included. While
 * the queue does not drain, a message with an all-zero responder cookie is dropped unless it was seen before: a peer
 * sends it again, a flood of forged ones has a new cookie each time. One in so many is let through at once.
 */
#ifndef SAPIPE_PORT_PORT_SHED_H
#define SAPIPE_PORT_PORT_SHED_H

#include "base/addr.h"

#define SHED_SEEN	(1u << 20)	/* messages remembered */
#define SHED_LEVELS	7		/* at level n one of 2^n is let through; 0: all */

struct port_shed {		/* all zero: no overload */
	uint16_t	*seen;		/* SHED_SEEN tags; NULL until the first overload */
	uint64_t	 salt;		/* random: peers choose cookies, and must not choose tags */
	unsigned	 level;
	unsigned	 full, drained;	/* turns one after another */
	unsigned	 read, first;	/* datagrams of this turn; first messages among them */
	bool		 stuck;		/* another process could not take one of them */
	uint64_t	 n;		/* first messages in all */
};

/* Whether to drop the IKE message ${msg} of at least 16 bytes from ${remote}. */
bool port_shed_drops(struct port_shed *s, const struct endpoint *remote, const uint8_t *msg);
/* The loop has read a turn; ${drained}: the queue is empty. True: this is where an overload begins. */
bool port_shed_turn(struct port_shed *s, bool drained);
void port_shed_free(struct port_shed *s);

#endif
