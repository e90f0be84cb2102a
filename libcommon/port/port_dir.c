/* The directory of the Unix sockets of shared ports: one for each user and network namespace. */
#include "port/port_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/rundir.h"

#define TRIES		20
#define SWEEP		256	/* directories looked at, for those that nothing uses; locks of devices are beside them */

static void
empty(int fd)
{
	struct dirent *e;
	DIR *d = fdopendir(fd);

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	else
		(void)close(fd);
}

/* Removes the directories that no living process has locked, except ${own}. */
static void
sweep(int parent, const char *own)
{
	int fd, one, left = SWEEP, again = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again != -1 ? fdopendir(again) : NULL;
	struct dirent *e;

	if (d == NULL) {
		if (again != -1)
			(void)close(again);
		return;
	}
	while (left > 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, own) == 0 ||
		    (fd = openat(parent, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
			continue;
		left--;
		/* The lock is held until the directory is gone: a tool that opened it before tries again. */
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && (one = dup(fd)) != -1) {
			empty(one);
			(void)unlinkat(parent, e->d_name, AT_REMOVEDIR);
		}
		(void)close(fd);
	}
	(void)closedir(d);
}

int
port_dir_open(char path[PORT_DIR])
{
	struct stat ns, st;
	char name[24];
	size_t len;
	int parent, fd = -1, i;

	if (stat("/proc/self/ns/net", &ns) != 0 || (parent = rundir_open(path, PORT_DIR)) == -1)
		return (-1);
	(void)snprintf(name, sizeof(name), "%lu", (unsigned long)ns.st_ino);
	len = strlen(path);
	if (len + 1 + strlen(name) >= PORT_DIR) {
		(void)close(parent);
		errno = ENAMETOOLONG;
		return (-1);
	}
	(void)snprintf(path + len, PORT_DIR - len, "/%s", name);
	sweep(parent, name);
	/* Another tool may remove it before we have opened it (ENOENT), and before we have the lock. */
	for (i = 0; i < TRIES; i++) {
		if ((fd = rundir_own(parent, name, 0700)) == -1) {
			if (errno == ENOENT)
				continue;
			break;
		}
		if (flock(fd, LOCK_SH) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
			break;
		(void)close(fd);
		fd = -1;
		errno = EAGAIN;
	}
	(void)close(parent);
	return (fd);
}
