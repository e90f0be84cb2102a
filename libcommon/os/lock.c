/* Locks of what a process possesses: fcntl locks on files in a directory of our own. */
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT_RUN	"/run"
#define OUR_DIR		"sapipe"
#define FILE_NAME	96	/* bytes of a file's name */

/* Whether only we may write to the directory ${fd}. */
static bool
is_ours(int fd)
{
	struct stat st;

	return (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0);
}

/* The directory of our locks, -1 if there can be none. */
static int
open_dir(void)
{
	const char *run = geteuid() == 0 ? ROOT_RUN : getenv("XDG_RUNTIME_DIR");
	int at, fd = -1;

	if (run == NULL || run[0] != '/' || (at = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	if (is_ours(at) && (mkdirat(at, OUR_DIR, geteuid() == 0 ? 0755 : 0700) == 0 || errno == EEXIST))
		fd = openat(at, OUR_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	(void)close(at);
	if (fd != -1 && !is_ours(fd)) {
		(void)close(fd);
		fd = -1;
	}
	return (fd);
}

struct lock
lock_open(const char *name)
{
	struct lock l = { .state = LOCK_UNKNOWN, .fd = -1 };
	struct flock how = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char file[FILE_NAME];
	struct stat ns;
	int dir, n;

	if (stat("/proc/self/ns/net", &ns) != 0 || (dir = open_dir()) == -1)
		return (l);
	n = snprintf(file, sizeof(file), "%lu-%s.lock", (unsigned long)ns.st_ino, name);
	if (n > 0 && (size_t)n < sizeof(file) && strchr(name, '/') == NULL)
		l.fd = openat(dir, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	(void)close(dir);
	if (l.fd == -1)
		return (l);
	if (fcntl(l.fd, F_SETLK, &how) == 0) {
		l.state = LOCK_OURS;
		return (l);
	}
	if ((errno == EAGAIN || errno == EACCES) && fcntl(l.fd, F_GETLK, &how) == 0) {
		/* It may have been given back in between: that is as good as held for a caller that looks once. */
		l.state = LOCK_THEIRS;
		l.holder = how.l_type != F_UNLCK && how.l_pid > 0 ? how.l_pid : 0;
	}
	(void)close(l.fd);
	l.fd = -1;
	return (l);
}

void
lock_close(struct lock *l)
{
	if (l->fd != -1)
		(void)close(l->fd);
	*l = (struct lock){ .state = LOCK_UNKNOWN, .fd = -1 };
}
