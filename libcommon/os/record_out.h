/*
 * Writes SA state to a pipe, which may be slow or lose its reader, or to a file,
 * which is created atomically. Bytes not yet written are in locked memory, up to a limit.
 *
 * A stream (pipe, socket, FIFO, also -o /dev/fd/N or -o FIFO): sa_out_put() writes what
 * fits and queues the rest; watch sa_out_fd() and call sa_out_ready().
 * A file (-o FILE): records are collected until sa_out_commit(), which creates the file
 * atomically: a one-shot tool commits at its end, a resident one as soon as a reader can use
 * the records. After that each put appends a whole record. The file is new, mode 0600, and
 * replaces an existing one.
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
 * directory, or one of fault_of_output(). Call it before privileges are dropped and before
 * secrets are read: for a file it forks a small process that renames the file after the
 * tool has dropped its privileges, and removes an incomplete file if the tool is killed.
 * SIGPIPE must be ignored (prog_init() does).
 */
struct sa_out *sa_out_open(const char *path, struct fault *f);

/* The same on ${fd}, a socket, which is the writer's from then on, also when this fails. NULL with FAULT_MEMORY or FAULT_SYSTEM. */
struct sa_out *sa_out_open_socket(int fd, struct fault *f);

/* From now on sa_out_put() calls ${see} with each record, before it is written. NULL: no more. */
void sa_out_show(struct sa_out *o, void (*see)(void *ctx, const struct sa_rec *r), void *ctx);

/*
 * Writes or queues ${r}. 0; -1 with FAULT_READER_GONE (it closed the pipe, or is so slow that the
 * queue is full), FAULT_SYSTEM (disk full: the previous content stays valid),
 * FAULT_TOO_LARGE or FAULT_MEMORY.
 */
int sa_out_put(struct sa_out *o, const struct sa_rec *r, struct fault *f);

/* Bytes that wait for a slow reader; 0 for a file. Record before wire: send the datagram when it is 0. */
size_t sa_out_pending(const struct sa_out *o);

/* Whether somebody can use the records: false for a device, which is /dev/null. */
bool sa_out_kept(const struct sa_out *o);

/*
 * The descriptor to watch, -1 if there is none (a file, /dev/null). Always watch it for
 * reading: if the reader closes the pipe, it becomes readable (poll: POLLERR), even if nothing is to be
 * written. Watch it for writing while sa_out_wants_write().
 */
int sa_out_fd(const struct sa_out *o);
bool sa_out_wants_write(const struct sa_out *o);
/* Call it on either: writes what fits. 0, or -1 with FAULT_READER_GONE or FAULT_SYSTEM. */
int sa_out_ready(struct sa_out *o, struct fault *f);

/* Creates the file (see above); nothing for streams. May be repeated. 0, or -1 with FAULT_SYSTEM. */
int sa_out_commit(struct sa_out *o, struct fault *f);

/*
 * Waits at most ${timeout_ms} until all is written. 0, or -1 with FAULT_READER_GONE.
 * For tools without an event loop, and for the last records before the end.
 */
int sa_out_drain(struct sa_out *o, int timeout_ms, struct fault *f);

/* Closes and wipes; removes a file that was not committed. NULL is fine. */
void sa_out_close(struct sa_out *o);

#endif
