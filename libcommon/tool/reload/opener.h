/*
 * Opens the file of peers and the files that it names after the tool has given up the right to: a helper process keeps that right.
 * It opens nothing but this one path, files that the command line names, and what the file names as value of a key that is a file,
 * all for reading. It reads no secret itself.
 */
#ifndef SAPIPE_TOOL_RELOAD_OPENER_H
#define SAPIPE_TOOL_RELOAD_OPENER_H

#include "cli/helper.h"
#include "tool/policy_opt.h"

#define OPENER_WAIT_S	5	/* for the helper to open one file */

struct opener { struct helper helper; };	/* helper.fd -1: none, or not usable any more */

/*
 * Forks the helper for ${path}, with ${given} of the command line; call it before secrets are read and privileges dropped. The
 * helper keeps the user, no capability but the one to read files of others, and a sandbox. 0, or -1 with FAULT_SYSTEM.
 */
int opener_fork(struct opener *o, const char *path, const struct policy_opts *given, struct fault *f);
/*
 * The helper reads the file again to learn what it names; from now on file_source_open() asks it. 0, or -1 with FAULT_SYSTEM:
 * the helper has ended, or does not answer in time and is given up. opener_end() in either case.
 */
int opener_begin(struct opener *o, struct fault *f);
void opener_end(struct opener *o);
void opener_close(struct opener *o);

#endif
