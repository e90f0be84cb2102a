/* The directory of what running tools share: locks and sockets. */
#ifndef SAPIPE_OS_RUNDIR_H
#define SAPIPE_OS_RUNDIR_H

#include <stddef.h>
#include <sys/types.h>

#include "base/fault.h"

#define RUNDIR_ROOT	"/run/sapipe"	/* of root */

/*
 * Makes the directory ${name} below the directory ${at} with ${mode} if it does not exist, and opens it. Returns a
 * descriptor, or -1 with errno: EPERM if it is another user's, or if others may write to it.
 */
int rundir_own(int at, const char *name, mode_t mode);

/*
 * The same for /run/sapipe (mode 0755) of root, $XDG_RUNTIME_DIR/sapipe (mode 0700) of another user. ${path}, of ${size}
 * bytes, receives its name. -1 with errno: ENOENT without $XDG_RUNTIME_DIR, ENAMETOOLONG, or EPERM as above, also
 * for the directory that contains it.
 */
int rundir_open(char *path, size_t size);

/* Only its name, whether it exists or not. 0, or -1 with errno ENOENT or ENAMETOOLONG. */
int rundir_name(char *path, size_t size);

/*
 * A name of this start of the machine and of the network namespace, for records that count only where they were
 * written. 0, or -1 with FAULT_SYSTEM. Before the sandbox is entered.
 */
#define RUNDIR_PLACE	64
int rundir_place(char text[RUNDIR_PLACE], struct fault *f);

#endif
