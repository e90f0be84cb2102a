/* Logins of XAuth, judged by a command with the checkpassword interface. */
#include "tool/login.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "cli/helper.h"
#include "sa/record.h"

#define CANNOT_RUN	127
#define GIVEN_FD	3	/* of the interface */
#define WRONGS		256	/* wrong passwords remembered */

/* The head of a question to the helper; then follows "user\0password\0". */
struct ask {
	uint8_t		id[16];
	uint32_t	mid;
};
#define ASK_MAX	(sizeof(struct ask) + 2 * SA_TEXT + 2)

struct told {			/* and back from it */
	struct ask	of;
	uint8_t		status;
};

/* A login that is judged, or a wrong password a while ago. */
struct wrong {
	struct ask	of;
	struct addr	from;
	char		user[SA_TEXT];
	uint64_t	ms;	/* of the answer; 0: none yet */
};

struct login {
	struct helper	helper;
	struct wrong	wrong[WRONGS];
	size_t		at;
};

/* --- in the helper --- */

/* The command, with ${given} on descriptor 3. Never returns. */
static void
command(const char *cmd, int given)
{
	for (int n = 1; n <= SIGRTMAX; n++)
		(void)signal(n, SIG_DFL);
	/* dup2() onto itself leaves the descriptor to be closed. */
	if (given == GIVEN_FD ? fcntl(given, F_SETFD, 0) != 0 : dup2(given, GIVEN_FD) == -1)
		_exit(CANNOT_RUN);
	(void)close_range(GIVEN_FD + 1, ~0U, 0);
	(void)execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
	_exit(CANNOT_RUN);
}

/* Runs the command for "user\0password\0" in ${given}; its status. A pipe has room for all of it. */
static uint8_t
run(const char *cmd, const char *given, size_t len)
{
	const struct timespec tick = { 0, 10 * 1000 * 1000 };
	char stamp[32];
	int p[2], status = CANNOT_RUN << 8, n;
	unsigned ticks = 0;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) != 0)
		return (CANNOT_RUN);
	n = snprintf(stamp, sizeof(stamp), "%lld", (long long)time(NULL));
	if (write(p[1], given, len) != (ssize_t)len || write(p[1], stamp, (size_t)n + 1) != n + 1) {
		(void)close(p[0]);
		(void)close(p[1]);
		return (CANNOT_RUN);
	}
	(void)close(p[1]);
	if ((pid = fork()) == 0) {
		(void)setpgid(0, 0);
		command(cmd, p[0]);
	}
	(void)close(p[0]);
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
		if (++ticks == LOGIN_RUN_S * 100)
			(void)kill(-pid, SIGKILL);
		(void)nanosleep(&tick, NULL);
	}
	return ((uint8_t)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)));
}

static void
judge(const char *cmd, int fd, const char *msg, size_t len)
{
	const struct timespec delay = { LOGIN_WRONG_DELAY_S, 0 };
	struct told told = {0};

	memcpy(&told.of, msg, sizeof(told.of));
	told.status = run(cmd, msg + sizeof(told.of), len - sizeof(told.of));
	if (told.status != 0)
		(void)nanosleep(&delay, NULL);
	(void)send(fd, &told, sizeof(told), MSG_NOSIGNAL);
}

static void
serve(void *ctx, int fd)
{
	static char msg[ASK_MAX];
	const char *cmd = ctx;
	struct told busy = { .status = CANNOT_RUN };
	unsigned running = 0;
	ssize_t n;
	pid_t pid;

	while ((n = recv(fd, msg, sizeof(msg), 0)) > 0 || (n == -1 && errno == EINTR)) {
		while (running > 0 && waitpid(-1, NULL, WNOHANG) > 0)
			running--;
		if (n < (ssize_t)sizeof(struct ask))
			continue;
		pid = running < LOGIN_RUNS_MAX ? fork() : -1;
		if (pid == 0) {
			judge(cmd, fd, msg, (size_t)n);
			wipe(msg, sizeof(msg));
			_exit(0);
		}
		if (pid > 0)
			running++;
		else {
			memcpy(&busy.of, msg, sizeof(busy.of));
			(void)send(fd, &busy, sizeof(busy), MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		wipe(msg, sizeof(msg));
	}
}

/* --- in the tool --- */

struct login *
login_open(const char *cmd, struct fault *f)
{
	struct login *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for logins");
		return (NULL);
	}
	if (helper_fork(&l->helper, serve, (void *)(uintptr_t)cmd, -1, true, f) != 0) {
		free(l);
		return (NULL);
	}
	return (l);
}

void
login_close(struct login *l)
{
	if (l == NULL)
		return;
	helper_close(&l->helper, 200);
	free(l);
}

int
login_fd(const struct login *l)
{
	return (l->helper.fd);
}

/* Rejects a login for which there were too many wrong passwords. */
static int
check_wrongs(const struct login *l, uint64_t now_ms, const struct addr *from, const char *user, struct fault *f)
{
	unsigned of_user = 0, of_addr = 0;
	const struct wrong *w;
	char text[ADDR_TEXT];

	for (w = l->wrong; w < l->wrong + WRONGS; w++) {
		if (w->ms == 0 || now_ms - w->ms > LOGIN_WRONG_S * 1000)
			continue;
		of_user += strcmp(w->user, user) == 0;
		of_addr += addr_cmp(&w->from, from) == 0;
	}
	if (of_addr >= LOGIN_WRONG_MAX)
		return (fault(f, FAULT_AUTH_FAILED, "%u wrong passwords came from %s within %d s: the next is not looked at",
		    of_addr, addr_text(text, from), LOGIN_WRONG_S));
	if (of_user >= LOGIN_WRONG_MAX)
		return (fault(f, FAULT_AUTH_FAILED, "%u wrong passwords came for user %s within %d s: the next is not looked at",
		    of_user, user, LOGIN_WRONG_S));
	return (0);
}

int
login_ask(struct login *l, uint64_t now_ms, const uint8_t id[16], uint32_t mid, const struct ike_question *q,
    struct fault *f)
{
	struct wrong *w = &l->wrong[l->at];
	struct ask head = { .mid = mid };
	uint8_t msg[ASK_MAX];
	size_t len = sizeof(head) + q->user.len + q->password.len + 2;
	char user[SA_TEXT];
	ssize_t sent;

	if (q->user.len >= sizeof(user) || len > sizeof(msg))
		return (fault(f, FAULT_AUTH_FAILED, "the user's name or password is too long"));
	(void)snprintf(user, sizeof(user), "%.*s", (int)q->user.len, (const char *)q->user.p);
	if (check_wrongs(l, now_ms, &q->remote.addr, user, f) != 0)
		return (-1);
	memcpy(head.id, id, sizeof(head.id));
	memcpy(msg, &head, sizeof(head));
	memcpy(msg + sizeof(head), q->user.p, q->user.len);
	msg[sizeof(head) + q->user.len] = '\0';
	memcpy(msg + sizeof(head) + q->user.len + 1, q->password.p, q->password.len);
	msg[len - 1] = '\0';
	sent = send(l->helper.fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	wipe(msg, sizeof(msg));
	if (sent != (ssize_t)len)
		return (fault_sys(f, FAULT_SYSTEM, "the helper of --xauth-exec takes no login"));
	*w = (struct wrong){ .of = head, .from = q->remote.addr };
	memcpy(w->user, user, sizeof(user));
	l->at = (l->at + 1) % WRONGS;
	return (0);
}

int
login_answer(struct login *l, uint64_t now_ms, struct login_answer *a)
{
	struct wrong *w;
	struct told t;
	ssize_t n = recv(l->helper.fd, &t, sizeof(t), MSG_DONTWAIT);

	if (n != sizeof(t))
		return (n == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : -1);
	*a = (struct login_answer){ .mid = t.of.mid, .ok = t.status == 0, .status = t.status };
	memcpy(a->id, t.of.id, sizeof(a->id));
	for (w = l->wrong; w < l->wrong + WRONGS; w++)
		if (w->ms == 0 && memcmp(&w->of, &t.of, sizeof(t.of)) == 0) {
			if (a->ok)
				*w = (struct wrong){0};
			else
				w->ms = now_ms > 0 ? now_ms : 1;
		}
	return (1);
}
