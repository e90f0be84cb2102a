/* A text file that a helper process replaces atomically. */
#include "cli/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_WAIT_MS	2000	/* for the last text, at the end */

struct names { int dir; char name[NAME_MAX + 1], temp[NAME_MAX + 1]; };

/* The directory, opened, and the names in it. */
static int
open_dir(struct names *n, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	char *dir;
	int fd;

	if (name[0] == '\0' || strlen(name) > NAME_MAX - 16) {
		errno = name[0] == '\0' ? EISDIR : ENAMETOOLONG;
		return (-1);
	}
	(void)strcpy(n->name, name);
	/* With our number: two monitors of one file do not write into each other's. */
	(void)snprintf(n->temp, sizeof(n->temp), ".%.*s.%ld", NAME_MAX - 32, name, (long)getpid());
	dir = slash == NULL ? strdup(".") : slash == path ? strdup("/") :
	    strndup(path, (size_t)(slash - path));
	if (dir == NULL)
		return (-1);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	return (fd);
}

static int
open_temp(const struct names *n)
{
	(void)unlinkat(n->dir, n->temp, 0);
	return (openat(n->dir, n->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}

/* Readers see the old text or the new one. */
static void
replace(const struct names *n, const char *text, size_t len)
{
	int fd = open_temp(n);
	bool fine;

	if (fd == -1)
		return;
	fine = fchmod(fd, 0644) == 0 && write(fd, text, len) == (ssize_t)len;
	if (close(fd) != 0 || !fine || renameat(n->dir, n->temp, n->dir, n->name) != 0)
		(void)unlinkat(n->dir, n->temp, 0);
}

static void
serve(void *ctx, int fd)
{
	static char text[TEXTFILE_MAX];
	const struct names *n = ctx;
	ssize_t got;

	while ((got = recv(fd, text, sizeof(text), 0)) > 0 || (got == -1 && errno == EINTR))
		if (got > 0)
			replace(n, text, (size_t)got);
}

int
textfile_open(struct textfile *t, const char *path, struct fault *f)
{
	struct names n;
	struct stat st;
	int fd = -1, rc;

	t->helper.fd = -1;
	/* A device, a FIFO or a directory would be replaced. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return (fault(f, FAULT_CONFIG, "%s exists and is no regular file", path));
	/* Now is the time to say that it cannot be. */
	if ((n.dir = open_dir(&n, path)) == -1 || (fd = open_temp(&n)) == -1)
		rc = fault_sys(f, fault_of_output(errno), "cannot make %s", path);
	else {
		(void)unlinkat(n.dir, n.temp, 0);
		rc = helper_fork(&t->helper, serve, &n, n.dir, false, f);
	}
	if (fd != -1)
		(void)close(fd);
	if (n.dir != -1)
		(void)close(n.dir);
	return (rc);
}

int
textfile_put(const struct textfile *t, struct span text)
{
	if (t->helper.fd == -1 || text.len == 0 || text.len > TEXTFILE_MAX)
		return (-1);
	return (send(t->helper.fd, text.p, text.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)text.len ? 0 : -1);
}

void
textfile_close(struct textfile *t)
{
	helper_close(&t->helper, WRITE_WAIT_MS);
}
