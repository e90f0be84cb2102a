/* The processes of a tunnel: "sapipe run", kept by a process that outlives the service for a moment. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nm_sapipe.h"

#define END_MS	5000	/* from SIGTERM to SIGKILL, and from there to giving up */
#define STEP_MS	10
#define LINE_LIMIT	4096

/* --- the keeper: not GLib, no thread --- */

/* Ends the group; waits for every process of it, and of others that they started. */
static void
end_group(pid_t group, int sig)
{
	int left = END_MS;

	if (kill(-group, sig) == -1)
		return;
	while (waitpid(-1, NULL, WNOHANG) >= 0 && kill(-group, 0) == 0 && left > -END_MS) {
		(void)usleep(STEP_MS * 1000);
		left -= STEP_MS;
		if (left <= 0)
			(void)kill(-group, SIGKILL);
	}
}

static pid_t
run_sapipe(const char *name, const sigset_t *mask)
{
	pid_t pid = fork();
	int null;

	if (pid != 0)
		return (pid);
	(void)setpgid(0, 0);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	if ((null = open("/dev/null", O_RDWR)) == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		_exit(3);
	(void)close(null);
	(void)execlp("sapipe", "sapipe", "run", name, (char *)NULL);
	(void)fprintf(stderr, "nm-sapipe-service: cannot run sapipe: %s\n", strerror(errno));
	_exit(3);
}

static int
keep(const char *name)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	sigset_t mask, before;
	int status = 3 << 8;
	pid_t pid;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &mask, &before);
	p[1] = (struct pollfd){ .fd = signalfd(-1, &mask, SFD_CLOEXEC), .events = POLLIN };
	if (p[1].fd == -1 || prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 || (pid = run_sapipe(name, &before)) == -1)
		return (3);
	/* Here too: whoever is first. */
	(void)setpgid(pid, pid);
	for (;;) {
		struct signalfd_siginfo info = {0};

		if (poll(p, 2, -1) == -1 && errno != EINTR)
			break;
		if (p[1].revents != 0 && read(p[1].fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGCHLD)
			break;
		if (waitpid(pid, &status, WNOHANG) == pid) {
			end_group(pid, SIGTERM);
			return (WIFEXITED(status) ? WEXITSTATUS(status) : 3);
		}
		/* Nothing is ever written to it. */
		if (p[0].revents != 0)
			break;
	}
	end_group(pid, SIGTERM);
	return (0);
}

int
pipeline_keep(const char *name)
{
	const char *dir = g_getenv("SAPIPE_CONF_DIR");
	int rc = keep(name);

	/* A service that was killed did not remove the secrets. */
	if (dir != NULL)
		settings_remove(dir);
	return (rc);
}

/* --- the service's side --- */

struct pipeline {
	struct pipeline_calls calls;
	GPid	 keeper;
	int	 life;		/* the keeper ends the tools when this is closed */
	GIOChannel *lines;
	guint	 watch, reading;
	gboolean login;		/* an error was about user, password, key or certificate */
	char	*cause;
};

/* An object of --log-format json: printed as text, and remembered if it is an error. */
static gboolean
take_object(struct pipeline *p, const char *line)
{
	json_t *o = json_loads(line, 0, NULL);
	const char *text, *hint, *code, *tool, *peer;
	json_int_t priority;

	if (o == NULL)
		return (FALSE);
	text = json_string_value(json_object_get(o, "message"));
	hint = json_string_value(json_object_get(o, "hint"));
	code = json_string_value(json_object_get(o, "code"));
	tool = json_string_value(json_object_get(o, "tool"));
	peer = json_string_value(json_object_get(o, "peer"));
	priority = json_integer_value(json_object_get(o, "priority"));
	if (text != NULL)
		g_printerr("%s: %s%s%s\n", tool != NULL ? tool : "sapipe", peer != NULL ? peer : "", peer != NULL ? ": " : "", text);
	if (hint != NULL)
		g_printerr("hint: %s\n", hint);
	/* The first one is the cause: others say that a neighbour in the pipeline has ended. */
	if (text != NULL && priority <= 3 && p->cause == NULL) {
		p->cause = g_strdup(text);
		p->login = code != NULL && (strcmp(code, "AUTH_FAILED") == 0 || strcmp(code, "WRONG_PSK") == 0);
	}
	json_decref(o);
	return (TRUE);
}

static void
take_line(struct pipeline *p, const char *line)
{
	if (line[0] == '{' && take_object(p, line))
		return;
	/* sapipe itself, about the file */
	g_printerr("%s\n", line);
	if (p->cause == NULL && g_str_has_prefix(line, "sapipe: "))
		p->cause = g_strdup(line + strlen("sapipe: "));
}

/* Reads what there is. FALSE: there will be no more. */
static gboolean
read_lines(struct pipeline *p)
{
	GIOStatus s;
	gsize end;
	char *line;

	while ((s = g_io_channel_read_line(p->lines, &line, NULL, &end, NULL)) == G_IO_STATUS_NORMAL) {
		line[end < LINE_LIMIT ? end : LINE_LIMIT] = '\0';
		take_line(p, line);
		g_free(line);
	}
	return (s == G_IO_STATUS_AGAIN);
}

static gboolean
on_lines(GIOChannel *channel, GIOCondition condition, gpointer arg)
{
	struct pipeline *p = arg;

	(void)channel;
	(void)condition;
	if (read_lines(p))
		return (G_SOURCE_CONTINUE);
	p->reading = 0;
	return (G_SOURCE_REMOVE);
}

static void
on_end(GPid pid, gint status, gpointer arg)
{
	struct pipeline *p = arg;

	(void)status;
	p->watch = 0;
	p->keeper = 0;
	g_spawn_close_pid(pid);
	if (p->reading != 0)
		(void)read_lines(p);
	p->calls.ended(p->calls.arg, p->login, p->cause != NULL ? p->cause : "");
}

struct pipeline *
pipeline_start(const char *dir, const char *name, const struct pipeline_calls *calls, GError **err)
{
	struct pipeline *p = g_new0(struct pipeline, 1);
	char *argv[] = { "/proc/self/exe", "--pipeline", (char *)(uintptr_t)name, NULL };
	g_auto(GStrv) env = g_get_environ();
	int errors;

	p->calls = *calls;
	env = g_environ_setenv(env, "SAPIPE_CONF_DIR", dir, TRUE);
	env = g_environ_setenv(env, "SAPIPE_LOG_FORMAT", "json", TRUE);
	env = g_environ_unsetenv(env, "NOTIFY_SOCKET");
	env = g_environ_unsetenv(env, "JOURNAL_STREAM");
	if (!g_spawn_async_with_pipes(NULL, argv, env, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
	    &p->keeper, &p->life, NULL, &errors, err)) {
		g_free(p);
		return (NULL);
	}
	(void)fcntl(p->life, F_SETFD, FD_CLOEXEC);
	p->lines = g_io_channel_unix_new(errors);
	g_io_channel_set_close_on_unref(p->lines, TRUE);
	(void)g_io_channel_set_encoding(p->lines, NULL, NULL);
	(void)g_io_channel_set_flags(p->lines, G_IO_FLAG_NONBLOCK, NULL);
	p->reading = g_io_add_watch(p->lines, G_IO_IN | G_IO_HUP, on_lines, p);
	p->watch = g_child_watch_add(p->keeper, on_end, p);
	return (p);
}

void
pipeline_stop(struct pipeline *p)
{
	if (p == NULL)
		return;
	(void)close(p->life);
	if (p->watch != 0)
		g_source_remove(p->watch);
	/* It waits no longer than END_MS. */
	if (p->keeper != 0)
		while (waitpid(p->keeper, NULL, 0) == -1 && errno == EINTR)
			;
	if (p->reading != 0) {
		(void)read_lines(p);
		g_source_remove(p->reading);
	}
	g_io_channel_unref(p->lines);
	g_free(p->cause);
	g_free(p);
}
