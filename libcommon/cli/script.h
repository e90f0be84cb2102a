/*
 * Scripts that users give a tool (--script), run by a helper process. The helper is forked early,
 * before any key is read and before privileges are dropped, and does nothing but run
 * that one command, one run after the other.
 */
#ifndef SAPIPE_CLI_SCRIPT_H
#define SAPIPE_CLI_SCRIPT_H

#include <stddef.h>

#include "cli/helper.h"

#define SCRIPT_ENV	16384	/* bytes of the variables of one run */

struct script {
	struct helper	helper;		/* fd -1: none */
	unsigned	runs;		/* handed over that have not ended yet, as far as is known */
	int		status;		/* of the last that ended: 0 to 255, 128 + N for signal N */
};

/* Variables of a run, "NAME=value" strings one after the other. */
struct script_env { size_t len; bool full; char b[SCRIPT_ENV]; };

/* Forks the helper for ${cmd} (run as sh -c). 0, or -1 with FAULT_SYSTEM. */
int script_open(struct script *s, const char *cmd, struct fault *f);

/*
 * Adds a variable. What a peer may have had a say in gets through only as far as it is harmless to a
 * shell: letters, digits, blank and . _ : / @ + , = - ; anything else becomes '_'.
 */
void script_set(struct script_env *e, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Has the helper run the command with ${e} beside the own environment; does not wait. -1 if it is gone. */
int script_run(struct script *s, const struct script_env *e);

/* Whether a run is under way or waiting; ${s->runs} and ${s->status} are up to date then. */
bool script_busy(struct script *s);

/* No more runs; waits at most ${ms} for those that are under way. Harmless with fd -1. */
void script_close(struct script *s, unsigned ms);

#endif
