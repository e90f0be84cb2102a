/* The state directory. */
#include "os/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT_DIR	"/var/lib/sapipe"

/* mkdir -p, each part 0700. */
static int
make_dirs(const char *path)
{
	char part[STATE_DIR_PATH];
	size_t i, n = strlen(path);

	if (n == 0 || n >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	for (i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return (-1);
	}
	return (0);
}

static int
open_dir(const char *path)
{
	if (make_dirs(path) != 0)
		return (-1);
	return (open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* The default; -1 with errno. */
static int
open_default(char path[STATE_DIR_PATH])
{
	const char *unit = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const size_t cap = STATE_DIR_PATH;
	int fd;

	if (unit != NULL && unit[0] == '/') {	/* the first of several, with colons between them */
		(void)snprintf(path, cap, "%.*s", (int)strcspn(unit, ":"), unit);
		return (open_dir(path));
	}
	(void)snprintf(path, cap, "%s", ROOT_DIR);
	if (geteuid() == 0) {
		if ((fd = open_dir(path)) != -1 && faccessat(fd, ".", W_OK, AT_EACCESS) == 0)
			return (fd);
		if (fd != -1) {
			(void)close(fd);
			errno = EACCES;
		}
		/* Root of a user namespace has no /var/lib of its own. */
		if (errno != EACCES && errno != EPERM && errno != EROFS)
			return (-1);
	}
	if (xdg != NULL && xdg[0] == '/')
		(void)snprintf(path, cap, "%s/sapipe", xdg);
	else if (home != NULL && home[0] == '/')
		(void)snprintf(path, cap, "%s/.local/state/sapipe", home);
	else {
		errno = ENOENT;
		return (-1);
	}
	return (open_dir(path));
}

int
state_dir_open(const char *path, char name[STATE_DIR_PATH])
{
	if (path == NULL)
		return (open_default(name));
	(void)snprintf(name, STATE_DIR_PATH, "%s", path);
	return (open_dir(path));
}
