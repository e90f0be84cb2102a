/*
 * Writing SA state: to a pipe, which may be slow or lose its reader, or to a file,
 * which appears whole or not at all. What is not yet written lies in locked memory, with a bound.
 *
 * A stream (pipe, socket, FIFO, also by -o /dev/fd/N or -o FIFO): sa_out_put() writes what
 * fits and queues the rest; watch sa_out_fd() and call sa_out_ready().
 * A file (-o FILE): records are collected until sa_out_commit(), which makes the file in one
 * step: a one-shot tool commits at its end, a resident one as soon as a reader could use what
 * is there. After that each put appends a whole record. The file is new, mode 0600, and
 * replaces one of the same name.
 */
#ifndef SAPIPE_OS_RECORD_OUT_H
#define SAPIPE_OS_RECORD_OUT_H

#include "base/fault.h"
#include "sa/record.h"

#define SA_OUT_QUEUE	((size_t)1024 * 1024)	/* bytes that wait for a slow reader */
#define SA_OUT_RECORDS	2048	/* and records */

struct sa_out;

/*
 * Opens ${path}; NULL or "-" is standard output. NULL with FAULT_USAGE for a terminal or a
 * directory, FAULT_PERMISSION, FAULT_SYSTEM. Call it before privileges are dropped and before
 * secrets are read: with a file it starts a process of two system calls that renames it when the
 * tool has no longer the right to, and removes what is half done should the tool be killed.
 * SIGPIPE must be ignored (prog_init() does).
 */
struct sa_out *sa_out_open(const char *path, struct fault *f);

/*
 * Writes or queues ${r}. 0; -1 with FAULT_READER_GONE (gone, or so slow that the
 * queue is full), FAULT_SYSTEM (disk full: what was in the file before stays valid),
 * FAULT_TOO_LARGE or FAULT_MEMORY.
 */
int sa_out_put(struct sa_out *o, const struct sa_rec *r, struct fault *f);

/* Bytes that wait for a slow reader; 0 for a file. Record before wire: 0, then the datagram. */
size_t sa_out_pending(const struct sa_out *o);

/*
 * The descriptor to watch, -1 if there is none (a file, /dev/null). Watch it for reading
 * always: a reader that goes away shows as readable (poll: POLLERR) even when nothing is to be
 * written. Watch it for writing while sa_out_wants_write().
 */
int sa_out_fd(const struct sa_out *o);
bool sa_out_wants_write(const struct sa_out *o);
/* Call it on either: writes what fits. 0, or -1 with FAULT_READER_GONE or FAULT_SYSTEM. */
int sa_out_ready(struct sa_out *o, struct fault *f);

/* Makes the file (see above); on streams nothing. Again is harmless. 0, or -1 with FAULT_SYSTEM. */
int sa_out_commit(struct sa_out *o, struct fault *f);

/*
 * Waits at most ${timeout_ms} until all is written. 0, or -1 with FAULT_READER_GONE.
 * For tools without an event loop, and for the last records before the end.
 */
int sa_out_drain(struct sa_out *o, int timeout_ms, struct fault *f);

/* Closes and wipes; a file that was never committed never appears. Harmless on NULL. */
void sa_out_close(struct sa_out *o);

/* The mode of a file that standard output leads to and that others may read (warn), else 0. */
unsigned sa_out_wide_mode(const struct sa_out *o);

#endif
