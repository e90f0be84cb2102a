/* Helper processes: fork, socket pair, end. */
#include "cli/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Descriptors above the standard ones, but for two, are the tool's. */
static void
close_others(int a, int b)
{
	int lo = a < b ? a : b, hi = a < b ? b : a;

	if (lo < 3)
		lo = hi;
	if (lo > 3)
		(void)close_range(3, (unsigned)lo - 1, 0);
	if (hi > lo + 1)
		(void)close_range((unsigned)lo + 1, (unsigned)hi - 1, 0);
	(void)close_range((unsigned)hi + 1, ~0U, 0);
}

static void
be_helper(int fd, int keep, bool talks)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;
	size_t i;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Its input is a pipe from the negotiator, who waits for all readers to be gone. */
	if (null != -1) {
		(void)dup2(null, STDIN_FILENO);
		if (!talks) {
			(void)dup2(null, STDOUT_FILENO);
			(void)dup2(null, STDERR_FILENO);
		}
	}
	close_others(fd, keep);
}

int
helper_fork(struct helper *h, void (*serve)(void *ctx, int fd), void *ctx, int keep, bool talks,
    struct fault *f)
{
	int pair[2];

	*h = (struct helper){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a helper process"));
	if ((h->pid = fork()) == -1) {
		(void)close(pair[0]);
		(void)close(pair[1]);
		return (fault_sys(f, FAULT_SYSTEM, "cannot make a helper process"));
	}
	if (h->pid == 0) {
		be_helper(pair[1], keep, talks);
		serve(ctx, pair[1]);
		_exit(0);
	}
	(void)close(pair[1]);
	h->fd = pair[0];
	return (0);
}

void
helper_close(struct helper *h, unsigned ms)
{
	const struct timespec wait = { 0, 2 * 1000 * 1000 };

	if (h->fd == -1)
		return;
	(void)close(h->fd);
	h->fd = -1;
	for (; ms >= 2 && waitpid(h->pid, NULL, WNOHANG) == 0; ms -= 2)
		(void)nanosleep(&wait, NULL);
}
