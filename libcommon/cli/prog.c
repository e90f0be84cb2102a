/* The environment of every tool: descriptors, signals, locked memory, the check of standard output. */
#include "cli/prog.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/secret.h"
#include "cli/log.h"
#include "cli/prog_name.h"
#include "cli/report.h"
#include "os/priv.h"

#define LARGE	(128 * 1024)	/* bytes that the kernel gets back at once; also where that begins in glibc */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED	1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED	0
#endif

static pid_t init_pid;

/*
 * A descriptor that the caller left closed would be given to the next socket
 * or key file, and prints would then go there. Standard output becomes one that
 * refuses writes, so that a report into nowhere is noticed.
 */
static void
fill_descriptors(void)
{
	static const int how[3] = { O_WRONLY, O_RDONLY, O_WRONLY };
	int fd;

	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", how[fd]) != fd)
			_exit(EXIT_MACHINE);
}

void
prog_stdout_fault(struct fault *f)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	/* An earlier write left a mark but no reason. A pipe still shows it, and most files when they are written again. */
	if (errno == 0 && poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0)
		errno = EPIPE;
	else if (errno == 0)
		(void)!write(STDOUT_FILENO, "", 0);
	if (errno == EPIPE || errno == ECONNRESET)
		(void)fault_because(f, CAUSE_REPORT,
		    fault_sys(f, FAULT_READER_GONE, "cannot write to standard output"));
	else
		(void)fault_sys(f, FAULT_SYSTEM, "cannot write to standard output");
}

/* A report that did not reach its reader is no success: a full disk, a closed pipe. */
static void
check_stdout(void)
{
	struct fault f;
	bool bad;

	if (getpid() != init_pid)
		return;		/* a child that leaves by exit() */
	errno = 0;
	bad = ferror(stdout) != 0;
	if (fflush(stdout) == 0 && !bad)
		return;
	prog_stdout_fault(&f);
	_exit((int)report_fault(&f));
}

void
prog_init(const char *argv0)
{
	prog_set_name(argv0);
	fill_descriptors();
	escape_locale();
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	/* The leak sanitizer looks at the process by ptrace. */
	if (!SANITIZED)
		priv_hide();
	if (secret_init() != 0)
		report_say(1, "keys could not be locked in memory (see ulimit -l)");
	/* libcrypto reads its configuration when it is first needed: the sandbox would not let it. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	init_pid = getpid();
	(void)atexit(check_stdout);
}

void
prog_resident(void)
{
	static const int unused[] = { SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPOLL, SIGPWR, SIGSTKFLT };
	size_t i;
	int n;

	prog_set_resident();
#ifdef M_MMAP_THRESHOLD
	/*
	 * glibc raises this limit when large memory is released. Lists that are large for a moment would then leave holes between
	 * the SAs that come meanwhile.
	 */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
#endif
	log_set_format(log_default_format());
	for (i = 0; i < sizeof(unused) / sizeof(unused[0]); i++)
		(void)signal(unused[i], SIG_IGN);
	for (n = SIGRTMIN; n <= SIGRTMAX; n++)
		(void)signal(n, SIG_IGN);
}
