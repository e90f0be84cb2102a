/* The event loop of a tool. */
#ifndef SAPIPE_CLI_LOOP_H
#define SAPIPE_CLI_LOOP_H

#include <stdbool.h>

#include "os/record_out.h"

struct ev_io;
struct ev_loop;

/*
 * A loop; libev's default loop, which handles SIGCHLD, if ${children}, else one to be destroyed with
 * ev_loop_destroy(). NULL with FAULT_SYSTEM. Where libev itself can go no further
 * later, for want of descriptors or memory, the process reports that and ends with EXIT_MACHINE: libev would
 * abort.
 */
struct ev_loop *loop_make(bool children, struct fault *f);

/*
 * Watches ${out}, NULL: none, by ${io}, which the caller has initialized, after each write to it: always for reading, since a pipe without
 * a reader polls as readable, and for writing while records wait.
 */
void loop_watch_out(struct ev_loop *loop, struct ev_io *io, const struct sa_out *out);

#endif
