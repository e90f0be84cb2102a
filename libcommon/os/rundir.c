/* Opens the directory of what running tools share, if only its owner may write there. */
#include "os/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT_PARENT	"/run"		/* of RUNDIR_ROOT */
#define NAME		"sapipe"

/* Whether only we may write to the directory ${fd}: others could rename what is ours. */
static bool
is_ours(int fd)
{
	struct stat st;

	return (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0);
}

int
rundir_own(int at, const char *name, mode_t mode)
{
	int fd;
	bool made = mkdirat(at, name, mode) == 0;

	if (!made && errno != EEXIST)
		return (-1);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return (-1);
	if (is_ours(fd)) {
		if (made)
			(void)fchmod(fd, mode);	/* the umask may have narrowed it */
		return (fd);
	}
	(void)close(fd);
	errno = EPERM;
	return (-1);
}

/* The directory that contains it; NULL: none. */
static const char *
parent(void)
{
	const char *run = geteuid() == 0 ? ROOT_PARENT : getenv("XDG_RUNTIME_DIR");

	return (run != NULL && run[0] == '/' ? run : NULL);
}

int
rundir_name(char *path, size_t size)
{
	const char *run = parent();
	int n = run == NULL ? 0 : snprintf(path, size, "%s/" NAME, run);

	if (n > 0 && (size_t)n < size)
		return (0);
	errno = run == NULL ? ENOENT : ENAMETOOLONG;
	return (-1);
}

int
rundir_open(char *path, size_t size)
{
	int at, fd = -1;

	if (rundir_name(path, size) != 0)
		return (-1);
	if ((at = open(parent(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	if (is_ours(at))
		fd = rundir_own(at, NAME, geteuid() == 0 ? 0755 : 0700);
	else
		errno = EPERM;
	(void)close(at);
	return (fd);
}

int
rundir_place(char text[RUNDIR_PLACE], struct fault *f)
{
	char boot[37] = "";		/* a UUID */
	struct stat ns;
	ssize_t n = -1;
	int fd;

	if ((fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)) != -1) {
		n = read(fd, boot, sizeof(boot) - 1);
		(void)close(fd);
	}
	if (n != (ssize_t)sizeof(boot) - 1 || stat("/proc/self/ns/net", &ns) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot read the boot ID and the network namespace"));
	(void)snprintf(text, RUNDIR_PLACE, "%s.%llu", boot, (unsigned long long)ns.st_ino);
	return (0);
}
