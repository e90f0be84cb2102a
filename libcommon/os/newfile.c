/* Atomic creation of a file by a small helper process. */
#include "os/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct newfile {
	char	*path;			/* as given, for messages */
	char	 name[NAME_MAX + 1];	/* the final name, in dir */
	char	 temp[NAME_MAX + 1];	/* and is called until then */
	int	 dir, fd;
	int	 helper;		/* socket to the process that renames */
	pid_t	 pid;
	bool	 done;
};

static int
rename_in(int dir, const char *temp, const char *name)
{
	if (renameat(dir, temp, dir, name) == -1)
		return (errno);
	(void)fsync(dir);	/* not every file system can */
	return (0);
}

/*
 * The helper process: it can still rename when the tool has dropped its privileges, and
 * outlives a tool that is killed. When it reads one byte, it renames the file and answers with
 * errno. End of file without that byte means that the tool has ended: it removes the partial file.
 */
static void
helper_run(const struct newfile *n, int sock)
{
	int sys;
	uint8_t go;
	ssize_t got;

	while ((got = read(sock, &go, 1)) == -1 && errno == EINTR)
		;
	if (got == 1) {
		sys = rename_in(n->dir, n->temp, n->name);
		if (sys != 0)
			(void)unlinkat(n->dir, n->temp, 0);
		(void)!write(sock, &sys, sizeof(sys));
	} else
		(void)unlinkat(n->dir, n->temp, 0);
}

/* Forks the helper. Nothing else of the tool lives on in it: no descriptor, no signal. */
static int
helper_start(struct newfile *n)
{
	int sock[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) == -1)
		return (-1);
	if ((n->pid = fork()) == -1) {
		(void)close(sock[0]);
		(void)close(sock[1]);
		return (-1);
	}
	if (n->pid == 0) {
		/* Signals of the terminal and the job are for the tool; its end is ours. */
		(void)setsid();
		if (dup2(sock[1], 0) == -1 || dup2(n->dir, 1) == -1)
			_exit(1);
		n->dir = 1;
		(void)close_range(2, UINT_MAX, 0);
		helper_run(n, 0);
		_exit(0);
	}
	(void)close(sock[1]);
	n->helper = sock[0];
	return (0);
}

/* Splits ${path} into the directory, opened, and the name in it. */
static int
open_dir(struct newfile *n, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char *dir;

	if (name[0] == '\0' || strlen(name) > NAME_MAX - 16) {
		errno = name[0] == '\0' ? EISDIR : ENAMETOOLONG;
		return (-1);
	}
	(void)strcpy(n->name, name);
	dir = slash == NULL ? strdup(".") : slash == path ? strdup("/") :
	    strndup(path, (size_t)(slash - path));
	if (dir == NULL)
		return (-1);
	n->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	return (n->dir == -1 ? -1 : 0);
}

static int
open_temp(struct newfile *n)
{
	uint32_t salt;
	int tries;

	for (tries = 0; tries < 8; tries++) {
		if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
			return (-1);
		(void)snprintf(n->temp, sizeof(n->temp), ".%.*s.%08x", NAME_MAX - 16, n->name, salt);
		n->fd = openat(n->dir, n->temp, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW |
		    O_CLOEXEC, 0600);
		if (n->fd != -1 || errno != EEXIST)
			break;
	}
	return (n->fd == -1 ? -1 : 0);
}

struct newfile *
newfile_open(const char *path, struct fault *f)
{
	struct newfile *n = calloc(1, sizeof(*n));

	if (n == NULL || (n->path = strdup(path)) == NULL) {
		free(n);
		(void)fault(f, FAULT_MEMORY, "no memory for a new file");
		return (NULL);
	}
	n->dir = n->fd = n->helper = -1;
	if (open_dir(n, path) != 0 || open_temp(n) != 0 || helper_start(n) != 0) {
		(void)fault_sys(f, fault_of_output(errno), "cannot make %s", path);
		newfile_close(n);
		return (NULL);
	}
	return (n);
}

int
newfile_fd(const struct newfile *n)
{
	return (n->fd);
}

/* Closes its socket, at which it exits, and waits for that. */
static void
helper_end(struct newfile *n)
{
	(void)close(n->helper);
	n->helper = -1;
	while (waitpid(n->pid, NULL, 0) == -1 && errno == EINTR)
		;
	n->pid = 0;
}

/* Has the helper do it. errno, or 0. */
static int
helper_rename(struct newfile *n)
{
	uint8_t go = 1;
	int sys = EPIPE;
	ssize_t got;

	if (send(n->helper, &go, 1, MSG_NOSIGNAL) != 1)
		return (errno);
	while ((got = read(n->helper, &sys, sizeof(sys))) == -1 && errno == EINTR)
		;
	return (got == (ssize_t)sizeof(sys) ? sys : EPIPE);
}

int
newfile_commit(struct newfile *n, struct fault *f)
{
	int sys;

	if (n->done)
		return (0);
	if (fsync(n->fd) == -1 && errno != EINVAL && errno != EROFS)
		return (fault_sys(f, FAULT_SYSTEM, "cannot write %s", n->path));
	if ((sys = helper_rename(n)) != 0) {
		errno = sys;
		return (fault_sys(f, FAULT_SYSTEM, "cannot make %s", n->path));
	}
	n->done = true;
	/* Its work is done, and a resident tool keeps no zombie. */
	helper_end(n);
	return (0);
}

void
newfile_close(struct newfile *n)
{
	if (n == NULL)
		return;
	if (n->pid > 0)
		helper_end(n);
	else if (!n->done && n->fd != -1)
		(void)unlinkat(n->dir, n->temp, 0);
	if (n->fd != -1)
		(void)close(n->fd);
	if (n->dir != -1)
		(void)close(n->dir);
	free(n->path);
	free(n);
}
