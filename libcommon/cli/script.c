/* A helper process that runs one shell command, with other variables each time. */
#include "cli/script.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/report.h"

#define CANNOT_RUN	127

/* The command itself: a process of its own, with standard signals. Returns how it ended, in a byte. */
static uint8_t
run(const char *cmd, char *vars, size_t len)
{
	int status = CANNOT_RUN << 8;
	size_t at;
	pid_t pid;

	if ((pid = fork()) == 0) {
		for (int n = 1; n <= SIGRTMAX; n++)
			(void)signal(n, SIG_DFL);
		for (at = 0; at < len; at += strlen(vars + at) + 1)
			(void)putenv(vars + at);
		(void)execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(CANNOT_RUN);
	}
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return ((uint8_t)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)));
}

struct task { const char *cmd, *name; };

/* ${vars}: the first variable says what the run was for. */
static void
report_status(const char *name, const char *vars, uint8_t status)
{
	if (name == NULL || status == 0)
		return;
	if (status > 128)
		report_warn("%s (%s) was ended by signal %u", name, vars, status - 128U);
	else
		report_warn("%s (%s) ended with status %u%s", name, vars, status,
		    status == CANNOT_RUN ? ": not found?" : "");
}

static void
serve(void *ctx, int fd)
{
	static char vars[SCRIPT_ENV + 1];
	const struct task *task = ctx;
	uint8_t status;
	ssize_t n;

	/* A tool that ended without reading what we sent resets the pair; its last words are still there. */
	while ((n = recv(fd, vars, SCRIPT_ENV, 0)) > 0 ||
	    (n == -1 && (errno == EINTR || errno == ECONNRESET))) {
		if (n <= 0)
			continue;
		vars[n] = '\0';
		status = run(task->cmd, vars, (size_t)n);
		report_status(task->name, vars, status);
		(void)send(fd, &status, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

int
script_open(struct script *s, const char *cmd, const char *name, struct fault *f)
{
	struct task task = { cmd, name };

	*s = (struct script){0};
	return (helper_fork(&s->helper, serve, &task, -1, true, f));
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

bool
script_busy(struct script *s)
{
	uint8_t status;

	while (s->helper.fd != -1 && s->runs > 0 && recv(s->helper.fd, &status, 1, MSG_DONTWAIT) == 1) {
		s->runs--;
		s->status = status;
	}
	return (s->helper.fd != -1 && s->runs > 0);
}

int
script_run(struct script *s, const struct script_env *e)
{
	(void)script_busy(s);	/* keeps room for what the helper says */
	if (s->helper.fd == -1 || send(s->helper.fd, e->b, e->len, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)e->len)
		return (-1);
	s->runs++;
	return (0);
}

void
script_close(struct script *s, unsigned ms)
{
	helper_close(&s->helper, ms);
}
