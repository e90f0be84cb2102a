/*
 * Helper processes: forked early, before keys are read and privileges dropped. Each does
 * one task for its tool and exits when the tool does.
 */
#ifndef SAPIPE_CLI_HELPER_H
#define SAPIPE_CLI_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"

struct helper { int fd; pid_t pid; };	/* fd: our end of a SEQPACKET pair; -1: none */

/*
 * Forks a process that runs ${serve} with its end of the pair and then exits. It closes all descriptors except
 * ${keep} (-1: none) and, with ${talks}, standard output and error. It ignores a ^C for the tool.
 * 0, or -1 with FAULT_SYSTEM.
 */
int helper_fork(struct helper *h, void (*serve)(void *ctx, int fd), void *ctx, int keep, bool talks,
    struct fault *f);

/* Closes our end and waits at most ${ms} for it to finish. Does nothing with fd -1. */
void helper_close(struct helper *h, unsigned ms);

#endif
