#include "cli/script.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FD	3
#define CANNOT_RUN	127

static const int usual[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE };
#define USUAL	(sizeof(usual) / sizeof(usual[0]))

/* The command itself: a process of its own, with standard signals. */
static void
run(const char *cmd, char *vars, size_t len)
{
	pid_t pid;
	size_t at, i;
	int status;

	if ((pid = fork()) == 0) {
		for (i = 0; i < USUAL; i++)
			(void)signal(usual[i], SIG_DFL);
		for (at = 0; at < len; at += strlen(vars + at) + 1)
			(void)putenv(vars + at);
		(void)execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(CANNOT_RUN);
	}
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
}

static void
helper(int fd, const char *cmd)
{
	static char vars[SCRIPT_ENV + 1];
	sigset_t none;
	ssize_t n;
	size_t i;

	/* A ^C is for the tool, which then has a last run for us. */
	for (i = 0; i < USUAL; i++)
		(void)signal(usual[i], SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	while ((n = recv(fd, vars, SCRIPT_ENV, 0)) > 0 || (n == -1 && errno == EINTR)) {
		if (n <= 0)
			continue;
		vars[n] = '\0';
		run(cmd, vars, (size_t)n);
	}
}

int
script_open(struct script *s, const char *cmd, struct fault *f)
{
	int pair[2];

	*s = (struct script){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a helper for scripts"));
	if ((s->pid = fork()) == -1) {
		(void)close(pair[0]);
		(void)close(pair[1]);
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a helper for scripts"));
	}
	if (s->pid == 0) {
		/* Only its end of the pair and the standard descriptors: the input is not its own. */
		if (dup2(pair[1], FIRST_FD) == -1)
			_exit(CANNOT_RUN);
		(void)close_range(FIRST_FD + 1, ~0U, 0);
		(void)close(STDIN_FILENO);
		helper(FIRST_FD, cmd);
		_exit(0);
	}
	(void)close(pair[1]);
	s->fd = pair[0];
	return (0);
}

void
script_set(struct script_env *e, const char *name, const char *fmt, ...)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    " ._:/@+,=-";
	char value[1024];
	va_list ap;
	size_t i;
	int n;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	for (i = 0; value[i] != '\0'; i++)
		if (strchr(fine, value[i]) == NULL)
			value[i] = '_';
	n = snprintf(e->b + e->len, sizeof(e->b) - e->len, "%s=%s", name, value);
	if (n < 0 || (size_t)n + 1 > sizeof(e->b) - e->len)
		e->full = true;		/* this one is left out, those before it count */
	else
		e->len += (size_t)n + 1;
}

int
script_run(const struct script *s, const struct script_env *e)
{
	return (s->fd != -1 && send(s->fd, e->b, e->len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    (ssize_t)e->len ? 0 : -1);
}

void
script_close(struct script *s, unsigned ms)
{
	const struct timespec wait = { 0, 10 * 1000 * 1000 };

	if (s->fd == -1)
		return;
	(void)close(s->fd);
	s->fd = -1;
	for (; ms >= 10 && waitpid(s->pid, NULL, WNOHANG) == 0; ms -= 10)
		(void)nanosleep(&wait, NULL);
}
