/* What every tool sets up before its first line of work. */
#ifndef SAPIPE_CLI_PROG_H
#define SAPIPE_CLI_PROG_H

#include "cli/prog_name.h"

/*
 * First call of every main(): takes the tool's name from ${argv0}; opens what is missing of
 * descriptors 0 to 2; umask 077; SIGPIPE and SIGXFSZ ignored (writes say EPIPE, EFBIG); no core
 * dump, no ptrace; the locked heap of secrets; and a check at exit that standard output took all
 * that was printed on it (exit 3 if not). The locale stays "C" whatever the environment says.
 */
void prog_init(const char *argv0);

#endif
