/* The event loop of a tool. */
#ifndef SAPIPE_CLI_LOOP_H
#define SAPIPE_CLI_LOOP_H

#include <stdbool.h>

#include "base/fault.h"

struct ev_loop;

/*
 * A loop; libev's default loop, which handles SIGCHLD, if ${children}, else one to be destroyed with
 * ev_loop_destroy(). NULL with FAULT_SYSTEM. Where libev itself can go no further
 * later, for want of descriptors or memory, the process reports that and ends with EXIT_MACHINE: libev would
 * abort.
 */
struct ev_loop *loop_make(bool children, struct fault *f);

#endif
