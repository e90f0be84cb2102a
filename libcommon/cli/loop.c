/* The event loop of a tool, and what happens when libev fails. */
#include "cli/loop.h"

#include <errno.h>
#include <ev.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"

static void
on_syserr(const char *what)
{
	struct fault f;
	size_t n = strcspn(what, ")");

	/* "(libev) error creating signal/async pipe": the cause is in errno. */
	(void)fault_sys(&f, FAULT_SYSTEM, "the event loop failed: %s", what[n] != '\0' ? what + n + 2 : what);
	_exit((int)report_fault(&f));
}

struct ev_loop *
loop_make(bool children, struct fault *f)
{
	struct ev_loop *loop;

	ev_set_syserr_cb(on_syserr);
	errno = 0;
	if ((loop = children ? ev_default_loop(EVFLAG_AUTO) : ev_loop_new(EVFLAG_AUTO)) == NULL)
		(void)fault_sys(f, FAULT_SYSTEM, "cannot make an event loop");
	return (loop);
}

void
loop_watch_out(struct ev_loop *loop, struct ev_io *io, const struct sa_out *out)
{
	int fd = out != NULL ? sa_out_fd(out) : -1;

	ev_io_stop(loop, io);
	if (fd == -1)
		return;
	ev_io_set(io, fd, EV_READ | (sa_out_wants_write(out) ? EV_WRITE : 0));
	ev_io_start(loop, io);
}
