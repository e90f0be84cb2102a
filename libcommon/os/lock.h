/*
 * Locks that tell the possessions of a living process from the leftovers of a dead one: routes, rules and
 * names outlive the process that made them, and its lock does not.
 */
#ifndef SAPIPE_OS_LOCK_H
#define SAPIPE_OS_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

enum lock_state {
	LOCK_OURS,		/* held until lock_close() or the end of this process */
	LOCK_THEIRS,		/* another living process holds it */
	LOCK_UNKNOWN,		/* this machine has no place for locks that other users cannot take: see lock_open() */
};

struct lock {
	enum lock_state	 state;
	int		 fd;		/* -1: not open */
	pid_t		 holder;	/* LOCK_THEIRS: its process; 0: in another namespace of processes */
};

/*
 * Takes the lock ${name} (a device, without '/') of this user and network namespace: a file in /run/sapipe for
 * root, else in $XDG_RUNTIME_DIR/sapipe, which no other user may write. Child processes do not inherit it.
 * Before privileges are dropped; a process takes each lock once.
 */
struct lock lock_open(const char *name);
/* Gives it back; harmless if it is not held. */
void lock_close(struct lock *l);

#endif
