/*
 * Runs the command of --script in a helper process. The helper is forked early,
 * before any key is read and before privileges are dropped. It only runs
 * that command, one run after the other.
 */
#ifndef SAPIPE_CLI_SCRIPT_H
#define SAPIPE_CLI_SCRIPT_H

#include <stddef.h>

#include "cli/helper.h"

#define SCRIPT_ENV	16384	/* bytes of the variables of one run */

struct script {
	struct helper	helper;		/* fd -1: none */
	unsigned	runs;		/* requested and not known to have ended */
	int		status;		/* of the last that ended: 0 to 255, 128 + N for signal N */
};

/* Variables of a run, "NAME=value" strings one after the other. */
struct script_env { size_t len; bool full; char b[SCRIPT_ENV]; };

/*
 * Forks the helper for ${cmd} (run as sh -c). With ${name} not NULL the helper prints a warning for each run
 * that fails: "${name} ended with status 3". 0, or -1 with FAULT_SYSTEM.
 */
int script_open(struct script *s, const char *cmd, const char *name, struct fault *f);

/*
 * Adds a variable. Since the peer may choose the value, only characters that are safe in a
 * shell are kept: letters, digits, blank and . _ : / @ + , = - ; any other becomes '_'.
 */
void script_set(struct script_env *e, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells the helper to run the command with ${e} added to its environment; does not wait. -1 if the helper has exited. */
int script_run(struct script *s, const struct script_env *e);

/* Whether a run is active or waiting; updates ${s->runs} and ${s->status}. */
bool script_busy(struct script *s);

/* Stops the helper; waits at most ${ms} for active runs. Does nothing with fd -1. */
void script_close(struct script *s, unsigned ms);

#endif
