/* A helper process that runs commands, several at the same time. */
#include "tool/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "cli/helper.h"
#include "cli/secret_file.h"
#include "os/clock.h"

#define KINDS_MAX	4
#define ROOM_MS		50	/* in which a helper that lives takes a command */

struct commands {
	struct helper		helper;
	size_t			n;
	struct command_kind	kinds[KINDS_MAX];
};

struct job {			/* a message to the helper; the input follows */
	struct command_tag	tag;
	uint8_t			kind;
};

/* --- in the helper --- */

/* A command whose turn has not come. */
struct turn {
	struct turn		*next;
	struct job		job;
	uint64_t		at_ms, until_ms;	/* not before, and not again after */
	size_t			len;
	char			in[];
};

struct run {
	struct turn		*turn;		/* to be run again; NULL: it is not */
	pid_t			pid;
	int			pidfd, out;	/* -1: it has ended, and its end is reported at ${at_ms} */
	uint64_t		at_ms;		/* till then it may run */
	struct command_end	end;
};

struct server {
	const struct commands	*of;
	int			fd;
	bool			draining;	/* the tool has ended */
	size_t			n;
	struct run		*run[COMMANDS_RUN_MAX];
	size_t			n_turns;
	struct turn		*turns;		/* those that wait, in order */
};

/* The user's answer at the terminal goes to the output. See command_kind.cmd. */
static int
prompt(const char *what)
{
	struct secret s = {0};
	struct fault f = {0};
	int rc = what[0] == '\0' ? -1 : secret_ask(&s, what + 1, what[0] == COMMAND_SHOWN, &f);

	if (rc == 0)
		rc = write(STDOUT_FILENO, s.p, s.len) == (ssize_t)s.len ? 0 : -1;
	secret_free(&s);
	return (rc == 0 ? 0 : 1);
}

/* ${fd} becomes descriptor ${to} of the command. */
static void
become(int fd, int to)
{
	/* dup2() onto itself leaves the descriptor to be closed. */
	if (fd == to ? fcntl(fd, F_SETFD, 0) != 0 : dup2(fd, to) == -1)
		_exit(COMMAND_NOT_RUN);
}

/* In a process of its own: the command, which reads ${in} and writes to ${out}. Never returns. */
static void
command(const struct command_kind *k, int in, int out)
{
	char what[256];
	ssize_t n;

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		(void)signal(sig, SIG_DFL);
	if (!k->terminal)
		(void)setpgid(0, 0);
	/* Neither may be in the place of the other. */
	if ((in = fcntl(in, F_DUPFD_CLOEXEC, 10)) == -1)
		_exit(COMMAND_NOT_RUN);
	/* Its reader may be gone before it. */
	if (k->outlives)
		out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	become(out, STDOUT_FILENO);
	become(in, k->fd);
	(void)close_range(k->fd < 3 ? 3 : 4, ~0U, 0);
	if (k->cmd == NULL) {
		n = read(k->fd, what, sizeof(what) - 1);
		what[n > 0 ? n : 0] = '\0';
		_exit(prompt(what));
	}
	(void)execl("/bin/sh", "sh", "-c", k->cmd, (char *)NULL);
	_exit(COMMAND_NOT_RUN);
}

/* A pipe has room for all of the input. 0 or -1. */
static int
start(struct run *r, const struct command_kind *k, const char *in, size_t len)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) != 0)
		return (-1);
	if (pipe2(from, O_CLOEXEC) != 0) {
		(void)close(to[0]);
		(void)close(to[1]);
		return (-1);
	}
	r->pid = write(to[1], in, len) == (ssize_t)len ? fork() : -1;
	if (r->pid == 0)
		command(k, to[0], from[1]);
	(void)close(to[0]);
	(void)close(to[1]);
	(void)close(from[1]);
	if (r->pid > 0 && !k->terminal)		/* whoever of the two is first */
		(void)setpgid(r->pid, r->pid);
	r->out = from[0];
	r->pidfd = r->pid > 0 ? pidfd_open(r->pid, 0) : -1;
	if (r->pid > 0 && r->pidfd == -1)
		(void)kill(r->pid, SIGKILL);
	if (r->pidfd == -1) {
		(void)close(r->out);
		return (-1);
	}
	(void)fcntl(r->pidfd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(r->out, F_SETFL, O_NONBLOCK);
	return (0);
}

static const struct command_kind *
kind_of(const struct server *s, const struct job *job)
{
	return (&s->of->kinds[job->kind]);
}

static void
free_turn(struct turn *t)
{
	if (t == NULL)
		return;
	wipe(t->in, t->len);
	free(t);
}

static void
report(const struct server *s, const struct command_end *end)
{
	if (!s->draining)
		(void)send(s->fd, end, offsetof(struct command_end, out) + end->len, MSG_NOSIGNAL);
}

static void
finish(struct server *s, size_t i)
{
	struct run *r = s->run[i];
	struct turn *t = r->turn;
	uint64_t now = clock_mono_ms();

	r->end.again = t != NULL && r->end.status == COMMAND_AGAIN && !s->draining && kind_of(s, &t->job)->again_s > 0 &&
	    now < t->until_ms;
	report(s, &r->end);
	if (r->end.again) {
		t->at_ms = now + kind_of(s, &t->job)->again_s * 1000ULL;
		t->next = s->turns;	/* before those of its tag that came later */
		s->turns = t;
		s->n_turns++;
	} else
		free_turn(t);
	wipe(r, sizeof(*r));
	free(r);
	s->run[i] = s->run[--s->n];
}

/* 0, or the status of a command that could not be run. */
static uint8_t
run_now(struct server *s, const struct job *job, const char *in, size_t len, struct turn *turn)
{
	struct run *r = s->n < COMMANDS_RUN_MAX ? calloc(1, sizeof(*r)) : NULL;

	if (r == NULL)
		return (COMMAND_BUSY);
	r->end.tag = job->tag;
	r->end.kind = job->kind;
	if (start(r, kind_of(s, job), in, len) != 0) {
		free(r);
		return (COMMAND_NOT_RUN);
	}
	r->turn = turn;
	r->at_ms = clock_mono_ms() + kind_of(s, job)->limit_s * 1000ULL;
	s->run[s->n++] = r;
	return (0);
}

static void
no_run(const struct server *s, const struct job *job, uint8_t status)
{
	const struct command_end end = { .tag = job->tag, .kind = job->kind, .status = status };

	report(s, &end);
}

/* Puts a command in the queue. */
static uint8_t
wait_turn(struct server *s, const struct job *job, const char *in, size_t len)
{
	const struct command_kind *k = kind_of(s, job);
	struct turn *t = s->n_turns < k->wait_max ? malloc(sizeof(*t) + len) : NULL, **at = &s->turns;

	if (t == NULL)
		return (COMMAND_BUSY);
	*t = (struct turn){ .job = *job, .until_ms = clock_mono_ms() + k->keep_s * 1000ULL, .len = len };
	memcpy(t->in, in, len);
	while (*at != NULL)
		at = &(*at)->next;
	*at = t;
	s->n_turns++;
	return (0);
}

static void
begin(struct server *s, const char *msg, size_t len)
{
	struct job job;
	uint8_t status;

	memcpy(&job, msg, sizeof(job));
	status = kind_of(s, &job)->wait_max > 0 ? wait_turn(s, &job, msg + sizeof(job), len - sizeof(job)) :
	    run_now(s, &job, msg + sizeof(job), len - sizeof(job), NULL);
	if (status != 0)
		no_run(s, &job, status);
}

static bool
is_alone(const struct command_tag *tag)
{
	static const struct command_tag none;

	return (memcmp(tag, &none, sizeof(none)) == 0);
}

/* Whether a command that runs, or one that waits before ${t}, goes first. */
static bool
has_to_wait(const struct server *s, const struct turn *t)
{
	const struct turn *o;
	size_t i;

	if (is_alone(&t->job.tag) && (s->n > 0 || t != s->turns))
		return (true);
	for (i = 0; i < s->n; i++)
		if (memcmp(&s->run[i]->end.tag, &t->job.tag, sizeof(t->job.tag)) == 0 || is_alone(&s->run[i]->end.tag))
			return (true);
	for (o = s->turns; o != t; o = o->next)
		if (memcmp(&o->job.tag, &t->job.tag, sizeof(t->job.tag)) == 0)
			return (true);
	return (false);
}

/* Runs those whose turn it is. When the next may have its turn, if none ends before; UINT64_MAX: when one ends. */
static uint64_t
do_turns(struct server *s)
{
	uint64_t now = clock_mono_ms(), next = UINT64_MAX;
	struct turn **at = &s->turns, *t;
	uint8_t status;

	while ((t = *at) != NULL && s->n < COMMANDS_RUN_MAX) {
		if ((t->at_ms > now && !s->draining) || has_to_wait(s, t)) {
			if (t->at_ms > now && t->at_ms < next)
				next = t->at_ms;
			if (is_alone(&t->job.tag))
				break;
			at = &t->next;
			continue;
		}
		*at = t->next;
		s->n_turns--;
		if ((status = run_now(s, &t->job, t->in, t->len, t)) != 0) {
			no_run(s, &t->job, status);
			free_turn(t);
		}
	}
	return (next);
}

/* Reads all output, so that the command never waits, and keeps the first COMMAND_OUT_MAX bytes. */
static void
take_output(struct run *r)
{
	char more[1024];
	ssize_t n;

	while ((n = r->end.len < COMMAND_OUT_MAX ? read(r->out, r->end.out + r->end.len, COMMAND_OUT_MAX - r->end.len) :
	    read(r->out, more, sizeof(more))) > 0)
		if (r->end.len < COMMAND_OUT_MAX)
			r->end.len += (size_t)n;
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		(void)close(r->out);
		r->out = -1;
	}
}

static void
end_run(const struct server *s, const struct run *r, int sig)
{
	if (r->pidfd != -1)
		(void)kill(s->of->kinds[r->end.kind].terminal ? r->pid : -r->pid, sig);
}

static void
reap(struct server *s, struct run *r)
{
	const struct command_kind *k = &s->of->kinds[r->end.kind];
	int status = COMMAND_NOT_RUN << 8;

	while (waitpid(r->pid, &status, 0) == -1 && errno == EINTR)
		;
	if (r->out != -1)
		take_output(r);
	if (r->out != -1)
		(void)close(r->out);
	(void)close(r->pidfd);
	r->out = r->pidfd = -1;
	r->end.status = (uint8_t)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	r->at_ms = clock_mono_ms() + (r->end.status != 0 && r->end.status != k->in_time ? k->late_s * 1000ULL : 0);
}

/* Commands whose time is over, and ends that are due. How long until the next, for poll(). */
static int
do_due(struct server *s)
{
	uint64_t now = clock_mono_ms(), next = UINT64_MAX, turn;
	size_t i;

	for (i = 0; i < s->n; ) {
		if (s->run[i]->at_ms <= now && s->run[i]->pidfd == -1) {
			finish(s, i);
			continue;
		}
		if (s->run[i]->at_ms <= now) {
			end_run(s, s->run[i], SIGKILL);
			s->run[i]->at_ms = now + 1000;
		}
		if (s->run[i]->at_ms < next)
			next = s->run[i]->at_ms;
		i++;
	}
	if ((turn = do_turns(s)) < next)
		next = turn;
	/* One that was run now has its limit. */
	for (i = 0; i < s->n; i++)
		if (s->run[i]->at_ms < next)
			next = s->run[i]->at_ms;
	return (next == UINT64_MAX ? -1 : next <= now ? 0 : next - now > 3600000 ? 3600000 : (int)(next - now));
}

/* Waits for output and ends, until ${wait} ms are over, or for a command of the tool. True: there is one, or the tool ended. */
static bool
wait_for(struct server *s, int wait)
{
	struct pollfd p[1 + 2 * COMMANDS_RUN_MAX];
	size_t i, n;

	p[0] = (struct pollfd){ .fd = s->draining ? -1 : s->fd, .events = POLLIN };
	for (i = 0, n = s->n; i < n; i++) {
		p[1 + 2 * i] = (struct pollfd){ .fd = s->run[i]->out, .events = POLLIN };
		p[2 + 2 * i] = (struct pollfd){ .fd = s->run[i]->pidfd, .events = POLLIN };
	}
	if (poll(p, (nfds_t)(1 + 2 * n), wait) < 0)
		return (false);
	for (i = 0; i < n; i++) {
		if (p[1 + 2 * i].revents != 0)
			take_output(s->run[i]);
		if (p[2 + 2 * i].revents != 0)
			reap(s, s->run[i]);
	}
	return (p[0].revents != 0);
}

/* The tool has ended. What outlives it goes on; of that which waits, all has its turn once, while there is time. */
static void
drain(struct server *s)
{
	uint64_t end = clock_mono_ms() + COMMANDS_DRAIN_S * 1000ULL, now;
	bool waits = s->n_turns > 0;
	int wait;
	size_t i;

	s->draining = true;
	for (i = 0; i < s->n; i++) {
		waits = waits || s->run[i]->turn != NULL;
		if (!kind_of(s, &(struct job){ .kind = s->run[i]->end.kind })->outlives)
			end_run(s, s->run[i], SIGTERM);
	}
	while (waits && (now = clock_mono_ms()) < end) {
		wait = do_due(s);
		waits = s->n_turns > 0;
		for (i = 0; i < s->n; i++)
			waits = waits || s->run[i]->turn != NULL;
		if (waits)
			(void)wait_for(s, wait < 0 || (uint64_t)wait > end - now ? (int)(end - now) : wait);
	}
}

static void
serve(void *ctx, int fd)
{
	static char msg[sizeof(struct job) + COMMAND_IN_MAX];
	struct server s = { .of = ctx, .fd = fd };
	struct turn *t;
	ssize_t len;
	size_t i;

	for (;;) {
		if (!wait_for(&s, do_due(&s)))
			continue;
		len = recv(fd, msg, sizeof(msg), 0);
		if (len >= (ssize_t)sizeof(struct job))
			begin(&s, msg, (size_t)len);
		wipe(msg, sizeof(msg));
		if (len == 0 || (len == -1 && errno != EINTR && errno != ECONNRESET))
			break;
	}
	drain(&s);
	for (i = 0; i < s.n; i++) {
		free_turn(s.run[i]->turn);
		wipe(s.run[i], sizeof(*s.run[i]));
		free(s.run[i]);
	}
	while ((t = s.turns) != NULL) {
		s.turns = t->next;
		free_turn(t);
	}
}

/* --- in the tool --- */

struct commands *
commands_open(const struct command_kind *kinds, size_t n, struct fault *f)
{
	struct commands *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for commands");
		return (NULL);
	}
	c->n = n < KINDS_MAX ? n : KINDS_MAX;
	memcpy(c->kinds, kinds, c->n * sizeof(*kinds));
	if (helper_fork(&c->helper, serve, c, -1, true, f) != 0) {
		free(c);
		return (NULL);
	}
	return (c);
}

void
commands_close(struct commands *c)
{
	if (c == NULL)
		return;
	helper_close(&c->helper, 200);
	free(c);
}

int
commands_fd(const struct commands *c)
{
	return (c->helper.fd);
}

int
commands_run(struct commands *c, size_t kind, const struct command_tag *tag, const void *in, size_t len,
    struct fault *f)
{
	struct job job = { .tag = *tag, .kind = (uint8_t)kind };
	uint8_t msg[sizeof(job) + COMMAND_IN_MAX];
	struct pollfd room = { .fd = c->helper.fd, .events = POLLOUT };
	ssize_t sent;

	if (kind >= c->n || len > COMMAND_IN_MAX)
		return (fault(f, FAULT_TOO_LARGE, "more than %d bytes for a command", COMMAND_IN_MAX));
	memcpy(msg, &job, sizeof(job));
	memcpy(msg + sizeof(job), in, len);
	/* At the end of a tool many come at once, and the helper, which only has to put them in its queue, gets a moment. */
	while ((sent = send(c->helper.fd, msg, sizeof(job) + len, MSG_NOSIGNAL | MSG_DONTWAIT)) == -1 && errno == EAGAIN &&
	    c->kinds[kind].wait_max > 0 && poll(&room, 1, ROOM_MS) > 0)
		;
	wipe(msg, sizeof(msg));
	return (sent == (ssize_t)(sizeof(job) + len) ? 0 : fault_sys(f, FAULT_SYSTEM, "the helper takes no command"));
}

int
commands_next(struct commands *c, struct command_end *end)
{
	ssize_t n = recv(c->helper.fd, end, sizeof(*end), MSG_DONTWAIT);

	if (n < (ssize_t)offsetof(struct command_end, out))
		return (n == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : -1);
	if (end->len > (size_t)n - offsetof(struct command_end, out))
		return (-1);
	end->out[end->len] = '\0';
	return (1);
}
