/*
 * A file that appears whole or not at all: written under another name beside it, then
 * renamed. Also when privileges are gone by then, and when the tool dies in between.
 */
#ifndef SAPIPE_OS_NEWFILE_H
#define SAPIPE_OS_NEWFILE_H

#include "base/fault.h"

struct newfile;

/*
 * Starts ${path} (replaced at the commit; never a directory): mode 0600, open for appending.
 * A process is forked that does the rename; call it while there is one thread and no secret is
 * in memory. NULL with FAULT_PERMISSION or FAULT_SYSTEM naming ${path}.
 */
struct newfile *newfile_open(const char *path, struct fault *f);

/* The descriptor to write to, before the commit and after it. */
int newfile_fd(const struct newfile *n);

/* Gives it its name, on disk. 0, or -1 with FAULT_SYSTEM: then the old file is still there. */
int newfile_commit(struct newfile *n, struct fault *f);

/* Closes; removes what was never committed. */
void newfile_close(struct newfile *n);

#endif
