/*
 * Commands that a helper process runs for a tool, several at the same time: each gets an input on a descriptor, and its
 * output and status come back. The helper is forked before keys are read and privileges dropped.
 */
#ifndef SAPIPE_TOOL_COMMANDS_H
#define SAPIPE_TOOL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define COMMANDS_RUN_MAX	64	/* at the same time; one more is not run */
#define COMMANDS_DRAIN_S	30	/* after the end of the tool, for commands that wait and outlive it */
#define COMMAND_AGAIN	111	/* status of one that could not do its task for now */
#define COMMAND_IN_MAX		4096	/* bytes of an input */
#define COMMAND_OUT_MAX		4096	/* bytes of an output that are kept */
#define COMMAND_HIDDEN	'-'	/* ... this byte: a secret, */
#define COMMAND_SHOWN	'+'	/* or this one: what is typed may be seen */
#define COMMAND_NOT_RUN		127	/* status of one that could not be started */
#define COMMAND_BUSY		255	/* ... because COMMANDS_RUN_MAX run */

struct commands;

/* What the helper can run. */
struct command_kind {
	const char	*cmd;		/* run as sh -c; NULL: a prompt on the terminal for what the input names behind ... */
	int		 fd;		/* on which it reads its input */
	bool		 terminal;	/* it may talk with the user: stays in the tool's process group */
	bool		 outlives;	/* it is not ended with the tool */
	unsigned	 limit_s;	/* ends by SIGKILL then */
	unsigned	 late_s;	/* the end of one that fails is reported so much later, */
	uint8_t		 in_time;	/* except with this status */
	/*
	 * So many may wait for their turn: while COMMANDS_RUN_MAX run, or one before it with the same tag. 0: none waits. The
	 * rest is for these.
	 */
	unsigned	 wait_max;
	unsigned	 again_s;	/* one that ends with COMMAND_AGAIN is run again after that time, 0: is not, */
	unsigned	 keep_s;	/* until it is so old */
};

/* Names a run for the caller. A command with a tag of zeros waits until no other runs, and all behind it wait for it. */
struct command_tag { uint8_t b[24]; };

struct command_end {
	struct command_tag tag;
	uint8_t		kind, status;	/* 128 + N for signal N */
	bool		again;		/* it is run again */
	size_t		len;
	char		out[COMMAND_OUT_MAX + 1];	/* its output; a NUL follows */
};

/* Forks the helper for ${n} kinds, which it copies. NULL with a fault. */
struct commands *commands_open(const struct command_kind *kinds, size_t n, struct fault *f);
/* Ends the helper and the commands, those that outlive it excepted. NULL is fine. */
void commands_close(struct commands *c);
int commands_fd(const struct commands *c);	/* readable when a command has ended */
/*
 * Runs a command of ${kind}, an index, with the ${len} bytes ${in}; does not wait for its end. 0, or -1 with a fault. One that
 * is run again reports each end.
 */
int commands_run(struct commands *c, size_t kind, const struct command_tag *tag, const void *in, size_t len,
    struct fault *f);
/* The next that has ended; the caller wipes the output. 1; 0: none; -1: the helper has ended. */
int commands_next(struct commands *c, struct command_end *end);

#endif
