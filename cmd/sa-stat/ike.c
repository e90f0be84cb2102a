/* What the control socket of a negotiator says: lines that are printed as they are. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
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
