/*
 * Helper processes: forked early, before keys are read and privileges dropped, each does
 * one thing for the tool that made it and ends when the tool does.
 */
#ifndef SAPIPE_CLI_HELPER_H
#define SAPIPE_CLI_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"

struct helper { int fd; pid_t pid; };	/* fd: our end of a SEQPACKET pair; -1: none */

/*
 * Forks one that runs ${serve} with its end of the pair and then ends. It keeps no other descriptor but
 * ${keep} (-1: none) and, with ${talks}, standard output and error; a ^C for the tool is not for it.
 * 0, or -1 with FAULT_SYSTEM.
 */
int helper_fork(struct helper *h, void (*serve)(void *ctx, int fd), void *ctx, int keep, bool talks,
    struct fault *f);

/* Closes our end and waits at most ${ms} for it to finish. Harmless with fd -1. */
void helper_close(struct helper *h, unsigned ms);

#endif
