/*
 * The keeper of claims: a helper process that does everything that may wait for a disk, so that packets
 * never wait. It owns the state directory. The data path sends requests over a socket, mostly
 * before it needs the answer. The keeper may wait for the data path to read. The data path never waits for the
 * keeper: it queues requests that do not fit into the socket.
 */
#ifndef SAPIPE_CLAIM_CLAIM_KEEPER_H
#define SAPIPE_CLAIM_CLAIM_KEEPER_H

#include "claim/claim.h"

#define KEEPER_CLAIMS	65536	/* held at once */
#define KEEPER_QUEUE	(4 * KEEPER_CLAIMS)	/* requests that wait at once */

enum keeper_op { KEEPER_TAKE, KEEPER_OUT, KEEPER_IN, KEEPER_SETTLE, KEEPER_RELEASE };

/* One request about claim ${id} (below KEEPER_CLAIMS, chosen by the requester). */
struct keeper_ask {
	uint32_t	op, id;
	uint64_t	a, b;		/* TAKE: established, expires. OUT, IN: number. SETTLE: right edge.
					   RELEASE: number to send with next, right edge */
	uint8_t		digest[CLAIM_DIGEST];	/* TAKE */
};

/* The result; RELEASE has no answer. */
struct keeper_answer {
	uint32_t	op, id;
	uint64_t	out_next, in_right;	/* TAKE: where to continue */
	uint64_t	out_end, in_end;	/* numbers below are reserved */
	struct fault	fault;			/* code FAULT_NONE: it worked */
};

/*
 * The process: serves ${fd} until its other end is closed, then releases every claim. ${claims} is a
 * struct claims, open. Fits helper_fork() of cli/.
 */
void keeper_serve(void *claims, int fd);

/* The requester's end. */
struct keeper {
	int		 fd;		/* of the caller */
	struct keeper_ask *queue;
	size_t		 first, n, cap;
};

void keeper_init(struct keeper *k, int fd);
void keeper_free(struct keeper *k);

/* Queues a request without waiting. -1 with FAULT_SYSTEM if the keeper has ended or is far behind, or FAULT_MEMORY. */
int keeper_ask(struct keeper *k, const struct keeper_ask *q, struct fault *f);
/* Whether requests wait: call keeper_flush() when ${fd} can be written. */
bool keeper_waits(const struct keeper *k);
/* Sends queued requests while there is room. 0, or -1 with FAULT_SYSTEM if the keeper has ended. */
int keeper_flush(struct keeper *k, struct fault *f);
/* The next answer. 1; 0 if there is none now; -1 with FAULT_SYSTEM if the keeper has ended. */
int keeper_answer(struct keeper *k, struct keeper_answer *a, struct fault *f);
/* Before exit: sends queued requests and drops answers, for at most ${ms} milliseconds. */
void keeper_finish(struct keeper *k, unsigned ms);

#endif
