/*
 * The recorder: a helper process that writes a capture of what a data path sends and receives. A slow disk
 * slows the recorder alone: packets that its socket has no room for are counted, and nothing waits.
 */
#ifndef SAPIPE_CAPTURE_RECORDER_H
#define SAPIPE_CAPTURE_RECORDER_H

#include "base/fault.h"
#include "base/pkt.h"
#include "capture/pcapng.h"

#define RECORDER_COMMENT	192	/* bytes of a comment, its end included */

/* What the process is to do; the strings outlive its start. */
struct recorder_task {
	const char	*path, *tool;	/* as for pcapng_open() */
	const char	*user;		/* whom to become then, as for priv_drop() */
};

/* The process: serves ${fd} until its other end is closed. ${task} is a struct recorder_task. Fits helper_fork(). */
void recorder_serve(void *task, int fd);

struct recorder {
	int		 fd;		/* of the caller; -1: nothing is recorded (any more) */
	uint64_t	 sent, lost;	/* packets handed over, and those that there was no room for */
};

/* Waits until the file is open. 0, or -1 as pcapng_open(). */
int recorder_open(struct recorder *r, int fd, struct fault *f);

/*
 * Hands over ${n} (at most 64) packets that came in or went out, as ${way} says: ${p}, ${net}, ${proto}, ${marker},
 * ${local}, ${remote} and ${time_us} count. Headers are made up, but for AH: its own are recorded. Never waits.
 */
void recorder_put(struct recorder *r, enum pcapng_way way, const struct pkt *const *pkts,
    const char (*comments)[RECORDER_COMMENT], size_t n);
/*
 * When ${fd} can be read: the recorder has something to say. 0: nothing; else -1 with the fault
 * that ended it, ${fd} is -1 then.
 */
int recorder_broken(struct recorder *r, struct fault *f);

#endif
