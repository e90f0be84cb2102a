/* Common start of every tool. */
#ifndef SAPIPE_CLI_PROG_H
#define SAPIPE_CLI_PROG_H

#include "base/fault.h"
#include "cli/prog_name.h"

/*
 * First call of every main(). It sets the tool's name from ${argv0}; opens missing
 * descriptors 0 to 2; sets umask 077; ignores SIGPIPE and SIGXFSZ (writes fail with EPIPE, EFBIG);
 * forbids core dumps and ptrace; creates the locked heap of secrets; and checks at exit that all
 * standard output was written (exit 3 if not). The locale stays "C", regardless of the environment.
 */
void prog_init(const char *argv0);
/*
 * Second call of the main() of a tool that runs until it is stopped: ignores every signal that no such
 * tool uses, since its default is to end the process without deletes. SIGUSR1 is ignored until
 * the tool handles it.
 */
void prog_resident(void);

/*
 * ${f} becomes the fault of a write of a report to standard output that failed with ${errno} (0: by an earlier write).
 * A reader that closed the pipe is FAULT_READER_GONE with CAUSE_REPORT, which report_fault() prints with -v only.
 */
void prog_stdout_fault(struct fault *f);

#endif
