/*
 * The recorder: a helper process that writes a capture of the packets that a data path sends and receives. A slow
 * disk only slows the recorder: packets that do not fit its socket are counted and not recorded.
 */
#ifndef SAPIPE_CAPTURE_RECORDER_H
#define SAPIPE_CAPTURE_RECORDER_H

#include "base/fault.h"
#include "base/pkt.h"
#include "capture/pcapng.h"

#define RECORDER_COMMENT	192	/* bytes of a comment, its end included */

/* The task of the process; the strings must outlive its start. */
struct recorder_task {
	const char	*path, *tool;	/* as for pcapng_open() */
	const char	*user;		/* to become after that, as for priv_drop() */
	void		(*wide)(const char *path, unsigned mode);	/* gets pcapng_wide_mode() of the file */
};

/* The process: serves ${fd} until its other end is closed. ${task} is a struct recorder_task. Fits helper_fork(). */
void recorder_serve(void *task, int fd);

struct recorder {
	int		 fd;		/* of the caller; -1: not recording */
	uint64_t	 sent, lost;	/* packets passed to the recorder, and packets not recorded */
};

/* Waits until the file is open. 0, or -1 as pcapng_open(). */
int recorder_open(struct recorder *r, int fd, struct fault *f);

/*
 * Passes ${n} (at most 64) inbound or outbound packets (${way}) to the recorder. It uses ${p}, ${net}, ${proto},
 * ${marker}, ${local}, ${remote} and ${time_us}. Headers are generated, except for AH, whose headers are recorded.
 * Never waits.
 */
void recorder_put(struct recorder *r, enum pcapng_way way, const struct pkt *const *pkts,
    const char (*comments)[RECORDER_COMMENT], size_t n);
/*
 * Call it when ${fd} is readable. 0: no message; -1 with the fault
 * that ended the recorder, ${fd} is then -1.
 */
int recorder_broken(struct recorder *r, struct fault *f);

#endif
