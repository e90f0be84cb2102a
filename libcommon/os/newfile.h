/*
 * Atomic creation of a file: written under a temporary name in the same directory, then
 * renamed. This works after privileges are dropped, and if the tool dies in between.
 */
#ifndef SAPIPE_OS_NEWFILE_H
#define SAPIPE_OS_NEWFILE_H

#include "base/fault.h"

struct newfile;

/*
 * Creates the file for ${path} (replaced at the commit; never a directory), mode 0600, open for appending.
 * Forks a process for the rename; call it while there is one thread and no secret
 * in memory. NULL with a fault of fault_of_output() naming ${path}.
 */
struct newfile *newfile_open(const char *path, struct fault *f);

/* The descriptor to write to, before the commit and after it. */
int newfile_fd(const struct newfile *n);

/* Renames it to its name, on disk. 0, or -1 with FAULT_SYSTEM: the old file is then unchanged. */
int newfile_commit(struct newfile *n, struct fault *f);

/* Closes; removes a file that was not committed. */
void newfile_close(struct newfile *n);

#endif
