/* The process that looks up the peer's name again. */
#include "tool/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/priv.h"

/* Each message of the tool is a question. */
static _Noreturn void
serve(int fd, const char *text, uint8_t family, uint16_t port)
{
	struct resolver_answer a;
	char question;

	while (read(fd, &question, 1) == 1) {
		a = (struct resolver_answer){0};
		if (peer_resolve_all(a.addrs, &a.n, text, family, port, NULL) != 0)
			a.n = 0;
		if (write(fd, &a, sizeof(a)) != (ssize_t)sizeof(a))
			break;
	}
	_exit(0);
}

static _Noreturn void
child(int fd, const char *text, uint8_t family, uint16_t port, const char *user)
{
	int null = open("/dev/null", O_RDWR);

	/* A second fork: nobody has to wait for the end of this process. */
	if (fork() != 0)
		_exit(0);
	(void)setsid();
	/* The reader of the records must see when the tool ends. */
	if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1 || dup2(fd, 3) == -1)
		_exit(1);
	(void)close_range(4, UINT_MAX, 0);
	if (priv_drop(user, 0, NULL) < 0)
		_exit(1);
	serve(3, text, family, port);
}

int
resolver_start(const char *text, uint8_t family, uint16_t port, const char *user, struct fault *f)
{
	int sock[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot start the process that looks up names"));
	if ((pid = fork()) == 0)
		child(sock[1], text, family, port, user);
	(void)close(sock[1]);
	if (pid == -1) {
		(void)close(sock[0]);
		return (fault_sys(f, FAULT_SYSTEM, "cannot start the process that looks up names"));
	}
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	return (sock[0]);
}

void
resolver_ask(int fd)
{
	(void)send(fd, "?", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
resolver_answer(int fd, struct resolver_answer *a)
{
	ssize_t n = recv(fd, a, sizeof(*a), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	return (n == (ssize_t)sizeof(*a) && a->n <= PEER_ADDRS ? 1 : -1);
}
