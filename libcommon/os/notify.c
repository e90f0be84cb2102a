/* Readiness and state, told to the program that started this one. */
#include "os/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define STATUS_MAX	200	/* bytes */
#define WATCHDOG_MIN_MS	10u

/* The address in ${text}: a path, or a name of the abstract namespace behind '@'. 0, or -1: it is neither. */
static int
address(struct sockaddr_un *to, socklen_t *len, const char *text)
{
	size_t n = strlen(text);

	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((text[0] != '/' && text[0] != '@') || n < 2 || n >= sizeof(to->sun_path))
		return (-1);
	memcpy(to->sun_path, text, n);
	if (text[0] == '@')
		to->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (text[0] == '/'));
	return (0);
}

/* Half of the time that $WATCHDOG_USEC allows, if it is meant for this process. */
static uint32_t
watchdog(void)
{
	const char *pid = getenv("WATCHDOG_PID"), *text = getenv("WATCHDOG_USEC");
	unsigned long long us;
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9' || (pid != NULL && strtoull(pid, NULL, 10) != (unsigned long long)getpid()))
		return (0);
	errno = 0;
	us = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || us == 0 || us / 2000 > UINT32_MAX)
		return (0);
	return (us / 2000 < WATCHDOG_MIN_MS ? WATCHDOG_MIN_MS : (uint32_t)(us / 2000));
}

static int
open_socket(struct notify *n, const char *name, struct fault *f)
{
	struct sockaddr_un to;
	socklen_t len;

	if (address(&to, &len, name) != 0)
		return (fault(f, FAULT_CONFIG, "$NOTIFY_SOCKET is neither a path nor @NAME"));
	if ((n->sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a socket for $NOTIFY_SOCKET"));
	if (connect(n->sock, (const struct sockaddr *)&to, len) != 0) {
		(void)close(n->sock);
		n->sock = -1;
		return (0);
	}
	n->watchdog_ms = watchdog();
	return (0);
}

int
notify_open(struct notify *n, uint32_t ready_fd, struct fault *f)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int flags, rc = 0;

	*n = (struct notify)NOTIFY_NONE;
	if (ready_fd != 0) {
		if ((flags = fcntl((int)ready_fd, F_GETFL)) == -1 || (flags & O_ACCMODE) == O_RDONLY)
			return (fault(f, FAULT_USAGE, "--ready-fd: descriptor %u is not open for writing", ready_fd));
		(void)fcntl((int)ready_fd, F_SETFD, FD_CLOEXEC);
		n->ready_fd = (int)ready_fd;
	}
	if (name != NULL && name[0] != '\0')
		rc = open_socket(n, name, f);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	return (rc);
}

void
notify_close(struct notify *n)
{
	if (n->ready_fd != -1)
		(void)close(n->ready_fd);
	if (n->sock != -1)
		(void)close(n->sock);
	*n = (struct notify)NOTIFY_NONE;
}

/* ${lines}, then STATUS= with ${status} unless that is NULL. Nobody waits for it: a full queue loses it. */
static void
tell(const struct notify *n, const char *lines, const char *status)
{
	char text[STATUS_MAX + 64];
	size_t i, at;
	int len;

	if (n->sock == -1)
		return;
	len = snprintf(text, sizeof(text), "%s%s", lines, status != NULL ? "STATUS=" : "");
	at = len > 0 ? (size_t)len : 0;
	for (i = 0; status != NULL && status[i] != '\0' && i < STATUS_MAX; i++)
		text[at++] = status[i] >= ' ' && status[i] <= '~' ? status[i] : '?';
	if (status != NULL)
		text[at++] = '\n';
	(void)send(n->sock, text, at, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
notify_ready(struct notify *n, const char *status)
{
	static const char line[] = "READY=1\n";
	ssize_t rc;

	if (n->ready) {
		notify_status(n, status);
		return;
	}
	n->ready = true;
	tell(n, line, status);
	if (n->ready_fd == -1)
		return;
	rc = write(n->ready_fd, line, sizeof(line) - 1);
	(void)rc;	/* nobody reads it: nobody wants to know */
	(void)close(n->ready_fd);
	n->ready_fd = -1;
}

void
notify_status(struct notify *n, const char *status)
{
	tell(n, "", status);
}

void
notify_stopping(struct notify *n)
{
	tell(n, "STOPPING=1\n", NULL);
}

void
notify_reloading(struct notify *n)
{
	char text[64];
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu\n",
	    (unsigned long long)ts.tv_sec * 1000000 + (unsigned long long)ts.tv_nsec / 1000);
	tell(n, text, NULL);
}

void
notify_reloaded(struct notify *n, const char *status)
{
	tell(n, n->ready ? "READY=1\n" : "", status);
}

void
notify_alive(struct notify *n)
{
	tell(n, "WATCHDOG=1\n", NULL);
}
