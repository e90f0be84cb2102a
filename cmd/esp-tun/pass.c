/*
 * --pass: the records of NHRP that were read, each when the SAs before it are in use, and which peers GRE reaches, on standard
 * output. The tunnel comes first: a reader that is gone or reads nothing ends the passing on, and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "esp_tun.h"
#include "os/clock.h"
#include "os/record_out.h"

struct pass {
	struct ev_loop	*loop;
	struct sa_out	*out;		/* NULL: the reader is gone */
	ev_io		 io;
	struct clock	 clock;
};

/* Always for reading: a pipe without a reader polls as readable. */
static void
watch(struct pass *p)
{
	int fd = p->out != NULL ? sa_out_fd(p->out) : -1;

	if (p->loop == NULL)
		return;
	ev_io_stop(p->loop, &p->io);
	if (fd == -1)
		return;
	ev_io_set(&p->io, fd, EV_READ | (sa_out_wants_write(p->out) ? EV_WRITE : 0));
	ev_io_start(p->loop, &p->io);
}

/* The reader then finds the end of its input, and does not go on with what is no longer true. */
static void
give_up(struct pass *p, const struct fault *f)
{
	report_warn("--pass: %s: no more records are passed on, and the tunnel stays up", f->what);
	sa_out_close(p->out);
	p->out = NULL;
}

static void
on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct pass *p = w->data;
	struct fault f = {0};

	(void)loop, (void)revents;
	if (p->out != NULL && sa_out_ready(p->out, &f) != 0)
		give_up(p, &f);
	watch(p);
}

struct pass *
pass_open(struct fault *f)
{
	struct pass *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for --pass");
		return (NULL);
	}
	ev_init(&p->io, on_ready);
	p->io.data = p;
	if ((p->out = sa_out_open(NULL, f)) == NULL) {
		free(p);
		return (NULL);
	}
	/* What a script prints is no record; and the reader finds the end of its input when ours is closed. */
	if (dup2(STDERR_FILENO, STDOUT_FILENO) == -1) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot pass records on");
		pass_close(p);
		return (NULL);
	}
	return (p);
}

void
pass_watch(struct pass *p, struct ev_loop *loop)
{
	if (p == NULL)
		return;
	p->loop = loop;
	watch(p);
}

void
pass_record(struct pass *p, const struct sa_rec *r)
{
	struct fault f = {0};

	if (p == NULL || p->out == NULL)
		return;
	if (sa_out_put(p->out, r, &f) != 0)
		give_up(p, &f);
	watch(p);
}

void
pass_peer(struct pass *p, const struct addr *peer, bool up)
{
	struct sa_rec r = { .type = SA_EVENT, .event = { .what = up ? SA_EVENT_UP : SA_EVENT_DOWN, .has_remote = true,
	    .remote.addr = *peer } };

	if (p == NULL || p->out == NULL)
		return;
	r.event.time = clock_now(&p->clock).epoch;
	(void)snprintf(r.event.source, sizeof(r.event.source), "%s", prog_name());
	pass_record(p, &r);
}

void
pass_close(struct pass *p)
{
	if (p == NULL)
		return;
	if (p->loop != NULL)
		ev_io_stop(p->loop, &p->io);
	sa_out_close(p->out);
	free(p);
}
