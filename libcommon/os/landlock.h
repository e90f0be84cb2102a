/* Landlock: closes the file system to a process, for the rest of its life. libc has no wrappers for the calls. */
#ifndef SAPIPE_OS_LANDLOCK_H
#define SAPIPE_OS_LANDLOCK_H

#include <stdint.h>

#include "base/fault.h"

enum landlock_may {
	LANDLOCK_MAY_READ,	/* open files for reading, list directories */
	LANDLOCK_MAY_CHANGE	/* and write, create, rename and remove files, sockets and directories */
};

/* A place in the file system that the process keeps: the directory or file itself, and all below it. */
struct landlock_place {
	int			 fd;	/* of a directory, if ${path} is NULL; borrowed */
	const char		*path;	/* one that does not exist is skipped */
	enum landlock_may	 may;
};

/* The version of Landlock's interface that the kernel offers; 0: none. */
int landlock_version(void);

/*
 * Denies this process and its later children every open, creation and removal by name, except in the ${n}
 * places ${p}. Descriptors that are open stay usable, and so do earlier children. Landlock restricts neither stat(),
 * readlink() nor connect() to a Unix socket. Sets no_new_privs. A place that cannot be opened is skipped:
 * what it contains is then denied.
 *
 * Returns 0, 1 if the kernel has no Landlock, or -1 with FAULT_SYSTEM.
 */
int landlock_enter(const struct landlock_place *p, size_t n, struct fault *f);

#endif
