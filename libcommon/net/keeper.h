/*
 * The keeper of claims: a helper process that does what may wait for a disk, so that packets
 * never do. It owns the state directory; the data path asks it over a socket, mostly
 * before it needs the answer.
 */
#ifndef SAPIPE_NET_KEEPER_H
#define SAPIPE_NET_KEEPER_H

#include "net/claim.h"

#define KEEPER_CLAIMS	8192	/* held at once */

enum keeper_op { KEEPER_TAKE, KEEPER_OUT, KEEPER_IN, KEEPER_SETTLE, KEEPER_RELEASE };

/* One request, of a claim that goes by ${id} (below KEEPER_CLAIMS, chosen by who asks). */
struct keeper_ask {
	uint32_t	op, id;
	uint64_t	a, b;		/* TAKE: established, expires. OUT, IN: number. SETTLE: right edge.
					   RELEASE: number to send with next, right edge */
	uint8_t		digest[CLAIM_DIGEST];	/* TAKE */
};

/* What came of it; RELEASE is not answered. */
struct keeper_answer {
	uint32_t	op, id;
	uint64_t	out_next, in_right;	/* TAKE: where to go on */
	uint64_t	out_end, in_end;	/* numbers below are reserved */
	struct fault	fault;			/* code FAULT_NONE: it worked */
};

/*
 * The process: serves ${fd} until its other end is closed, then lets go of every claim. ${claims} is a
 * struct claims, open. Fits helper_fork() of cli/.
 */
void keeper_serve(void *claims, int fd);

/* Asks. -1 with FAULT_SYSTEM if the keeper is gone or has not kept up for a second. */
int keeper_ask(int fd, const struct keeper_ask *q, struct fault *f);
/* The next answer. 1; 0 if there is none now; -1 with FAULT_SYSTEM if the keeper is gone. */
int keeper_answer(int fd, struct keeper_answer *a, struct fault *f);

#endif
