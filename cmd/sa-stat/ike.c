/* What a socket of a negotiator says: lines about its SAs, or records. Both are printed as they are. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/prog.h"
#include "stat.h"

#define ANSWER_MS	5000	/* for each next piece of it */

int
ike_copy(int fd, struct fault *f)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;
	int rc;

	for (;;) {
		if ((rc = poll(&p, 1, ANSWER_MS)) == -1 && errno == EINTR)
			continue;
		if (rc <= 0)
			return (fault_because(f, CAUSE_CONTROL, fault(f, FAULT_NO_REPLY, "the negotiator has not answered for %d s",
			    ANSWER_MS / 1000)));
		if ((n = read(fd, buf, sizeof(buf))) == 0)
			break;
		if (n < 0)
			return (fault_because(f, CAUSE_CONTROL, fault(f, FAULT_UNREACHABLE, "the negotiator has closed the connection")));
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			break;	/* the flush says why */
	}
	if (fflush(stdout) == 0)
		return (0);
	prog_stdout_fault(f);
	return (-1);
}

int
ike_follow(int fd, struct fault *f)
{
	/* A reader that closes the pipe polls as an error, also while no record comes. */
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
	uint8_t buf[4096];
	ssize_t n, done, put;
	int rc = 0;

	for (n = 0; rc == 0; n = 0) {
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			return (fault_sys(f, FAULT_SYSTEM, "cannot wait for records"));
		if (p[1].revents != 0)
			rc = fault(f, FAULT_READER_GONE, "the reader of the SA state has closed the pipe");
		else if (p[0].revents == 0)
			continue;
		else if ((n = read(fd, buf, sizeof(buf))) == 0)
			break;
		else if (n < 0)
			rc = fault_because(f, CAUSE_CONTROL, fault(f, FAULT_UNREACHABLE, "the negotiator has closed the connection"));
		for (done = 0; rc == 0 && done < n; done += put)
			if ((put = write(STDOUT_FILENO, buf + done, (size_t)(n - done))) == -1) {
				if (errno != EINTR)
					rc = fault_sys(f, errno == EPIPE ? FAULT_READER_GONE : FAULT_SYSTEM, "cannot write the records");
				put = 0;
			}
	}
	explicit_bzero(buf, sizeof(buf));
	return (rc);
}
