/* Unix sockets with a name in the file system. */
#include "os/unixsock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/rundir.h"

#define BACKLOG	8

/* -1, for errno: the directory of running tools, where the socket ${path} lies, is not there. */
static int
no_dir(const char *path, struct fault *f)
{
	if (errno == ENOENT && geteuid() != 0 && getenv("XDG_RUNTIME_DIR") == NULL)
		(void)fault(f, FAULT_SYSTEM, "cannot open the directory of running tools for %s: XDG_RUNTIME_DIR is not set", path);
	else
		(void)fault_sys(f, FAULT_SYSTEM, "cannot open the directory of running tools for %s", path);
	return (fault_because(f, CAUSE_RUN_DIR, -1));
}

/* The address of ${path}; ${make}: the directory of running tools is made if that is where it lies. */
static int
name(struct sockaddr_un *un, const char *path, bool make, struct fault *f)
{
	char dir[sizeof(un->sun_path)] = "";
	int fd, n;

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strchr(path, '/') == NULL) {
		if (make && (fd = rundir_open(dir, sizeof(dir))) != -1)
			(void)close(fd);
		else if (make || rundir_name(dir, sizeof(dir)) != 0)
			return (no_dir(path, f));
	}
	n = snprintf(un->sun_path, sizeof(un->sun_path), "%s%s%s", dir, dir[0] != '\0' ? "/" : "", path);
	if (path[0] == '\0' || n < 0 || (size_t)n >= sizeof(un->sun_path))
		return (fault(f, FAULT_CONFIG, "\"%s\": the name of a socket has 1 to %zu bytes", path, sizeof(un->sun_path) - 1));
	return (0);
}

/* -1 with what errno says of ${un}. */
static int
failed(const struct sockaddr_un *un, const char *what, struct fault *f)
{
	return (fault_sys(f, fault_of_output(errno), "%s %s", what, un->sun_path));
}

/* Connects ${fd}. 0, or -1 with errno. */
static int
reach(int fd, const struct sockaddr_un *un)
{
	return (connect(fd, (const struct sockaddr *)un, sizeof(*un)));
}

/* Removes a socket that nobody listens on. 0: the name is free; -1 with a fault. */
static int
make_way(const struct sockaddr_un *un, int type, struct fault *f)
{
	struct stat st;
	int fd, rc;

	if (lstat(un->sun_path, &st) != 0)
		return (errno == ENOENT ? 0 : failed(un, "cannot look at", f));
	if (!S_ISSOCK(st.st_mode))
		return (fault(f, FAULT_CONFIG, "%s exists and is no socket", un->sun_path));
	if ((fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot open a socket"));
	rc = reach(fd, un);
	(void)close(fd);
	if (rc == 0)
		return (fault_because(f, CAUSE_CONTROL, fault(f, FAULT_CLAIMED, "another process listens on %s", un->sun_path)));
	if (errno != ECONNREFUSED)
		return (failed(un, "cannot connect to", f));
	return (unlink(un->sun_path) == 0 || errno == ENOENT ? 0 : failed(un, "cannot remove", f));
}

static int
listen_on(const char *path, int type, struct fault *f)
{
	struct sockaddr_un un;
	mode_t old;
	int fd, rc;

	if (name(&un, path, true, f) != 0 || make_way(&un, type, f) != 0)
		return (-1);
	if ((fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot open a socket"));
	old = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&un, sizeof(un));
	(void)umask(old);
	if (rc == 0 && listen(fd, BACKLOG) == 0)
		return (fd);
	rc = failed(&un, "cannot listen on", f);
	(void)close(fd);
	return (rc);
}

int
unixsock_listen(const char *path, struct fault *f)
{
	return (listen_on(path, SOCK_STREAM, f));
}

int
unixsock_listen_packets(const char *path, struct fault *f)
{
	return (listen_on(path, SOCK_SEQPACKET, f));
}

static int
connect_to(const char *path, int type, struct fault *f)
{
	struct sockaddr_un un;
	struct stat st;
	int fd;

	if (name(&un, path, false, f) != 0)
		return (-1);
	/* A symbolic link is followed, as connect() does. */
	if (stat(un.sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return (fault_because(f, CAUSE_CONTROL, fault(f, FAULT_CONFIG, "%s is no socket", un.sun_path)));
	if ((fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot open a socket"));
	if (reach(fd, &un) == 0)
		return (fd);
	if (errno == ENOENT || errno == ENOTDIR)
		(void)fault_because(f, CAUSE_CONTROL, fault_sys(f, FAULT_CONFIG, "there is no socket %s", un.sun_path));
	else if (errno == ECONNREFUSED)
		(void)fault_because(f, CAUSE_CONTROL, fault(f, FAULT_UNREACHABLE, "nobody listens on %s", un.sun_path));
	else
		(void)failed(&un, "cannot connect to", f);
	(void)close(fd);
	return (-1);
}

int
unixsock_connect(const char *path, struct fault *f)
{
	return (connect_to(path, SOCK_STREAM, f));
}

int
unixsock_connect_packets(const char *path, struct fault *f)
{
	return (connect_to(path, SOCK_SEQPACKET, f));
}

int
unixsock_accept(int listener, uid_t uid)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return (-1);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && (who.uid == 0 || who.uid == uid))
		return (fd);
	(void)close(fd);
	errno = EPERM;
	return (-1);
}

void
unixsock_remove(const char *path)
{
	struct sockaddr_un un;
	struct fault f;

	if (name(&un, path, false, &f) == 0)
		(void)unlink(un.sun_path);
}
