#include "cli/script.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
serve(void *ctx, int fd)
{
	static char vars[SCRIPT_ENV + 1];
	const char *cmd = ctx;
	ssize_t n;

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
	union { const char *c; void *v; } text = { cmd };

	return (helper_fork(&s->helper, serve, text.v, -1, true, f));
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
	return (s->helper.fd != -1 && send(s->helper.fd, e->b, e->len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    (ssize_t)e->len ? 0 : -1);
}

void
script_close(struct script *s, unsigned ms)
{
	helper_close(&s->helper, ms);
}
