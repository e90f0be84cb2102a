/* Locks of what a process possesses: fcntl locks on files in a directory of our own. */
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/rundir.h"

#define DIR_PATH	4096	/* bytes of the path of their directory */
#define FILE_NAME	96	/* bytes of a file's name */

struct lock
lock_open(const char *name)
{
	struct lock l = { .state = LOCK_UNKNOWN, .fd = -1 };
	struct flock how = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char file[FILE_NAME], path[DIR_PATH];
	struct stat ns;
	int dir, n;

	if (stat("/proc/self/ns/net", &ns) != 0 || (dir = rundir_open(path, sizeof(path))) == -1)
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
