/* gre-tun: a GRE device in user space. Bindings in, packets through a TAP device. */
#include <ev.h>
#include <signal.h>
#include <stdlib.h>

#include "cli/loop.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "gre_tun.h"
#include "os/priv.h"
#include "os/record_in.h"
#include "os/sandbox.h"

#define LAST_MS		500	/* that tools of NHRP have for their last packets, */
#define LAST_STEP_MS	10	/* and how often is looked whether they have ended */

struct tool {
	const struct gre_opts *o;
	struct ev_loop	*loop;
	struct gre_device *dev;
	struct sa_in	*in;		/* NULL: there is no input */
	ev_io		*io;		/* one a source */
	ev_signal	 sig[5];
	ev_timer	 last;		/* since a signal: tools send their last packets */
	unsigned	 last_ms;
	struct sa_rec	 rec;		/* scratch */
	struct fault	 first;		/* the first fault of the input, or what broke the device */
	bool		 said;		/* ... which was reported */
	bool		 stopped, broken, over;
	bool		 ever;		/* there was a binding */
};

/* ---- reports of the device */

static void
on_note(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (level > 0 ? report_allow_verbose(text) : report_allow(NULL))
		report_say(level, "%s", text);
}

static void
on_trouble(void *ctx, const struct fault *f)
{
	(void)ctx;
	if (report_allow(NULL))
		report_note(f);
}

static void
on_broken(void *ctx, const struct fault *f)
{
	struct tool *t = ctx;

	t->first = *f;
	t->said = false;
	t->broken = true;
	ev_break(t->loop, EVBREAK_ALL);
}

static void
on_empty(void *ctx)
{
	struct tool *t = ctx;

	if (t->over)
		ev_break(t->loop, EVBREAK_ALL);
}

static void
on_line(void *ctx, const char *text)
{
	(void)ctx;
	report_say(-1, "%s", text);
}

/* ---- records */

static void on_records(struct ev_loop *loop, ev_io *w, int revents);

/* Watches the open sources. A source that ended has closed its descriptor. */
static void
watch(struct tool *t)
{
	for (unsigned i = 0; i < sa_in_sources(t->in); i++) {
		int fd = sa_in_fd(t->in, i);

		ev_io_stop(t->loop, &t->io[i]);
		if (fd == -1) {
			gre_device_source_over(t->dev, i);
			continue;
		}
		ev_io_init(&t->io[i], on_records, fd, EV_READ);
		t->io[i].data = t;
		ev_io_start(t->loop, &t->io[i]);
	}
}

/* A record that cannot be used; the others go on. */
static void
bad_record(struct tool *t, const struct fault *f)
{
	if (t->first.code == FAULT_NONE) {
		t->first = *f;
		t->said = true;
	}
	if (report_allow(__func__))
		(void)report_fault(f);
}

/* Notices that the input has ended. True if the tool ends with it. */
static bool
input_over(struct tool *t)
{
	if (t->in == NULL || !sa_in_ended(t->in))
		return (false);
	if (gre_device_bindings(t->dev) == 0 || t->o->with_input)
		return (true);
	if (!t->over)
		report_say(sa_in_piped(t->in) ? 0 : 1, "the input has ended: %s goes on until the last binding expires",
		    gre_device_info(t->dev)->tun);
	t->over = true;
	return (false);
}

/* Reads all records that are there. */
static void
drain(struct tool *t)
{
	struct sa_in_at at;
	struct fault f;
	int rc;

	while ((rc = sa_in_next(t->in, false, &t->rec, &at, &f)) != 0) {
		if (rc == -1) {
			bad_record(t, &f);
			continue;
		}
		if (gre_device_record(t->dev, &t->rec, at.source, &f) != 0) {
			fault_where(&f, "%.40s at byte %llu", sa_in_name(t->in, at.source), (unsigned long long)at.off);
			bad_record(t, &f);
		}
		sa_rec_wipe(&t->rec);
	}
	t->ever = t->ever || gre_device_bindings(t->dev) > 0;
	gre_device_settle(t->dev);
	watch(t);
	if (input_over(t))
		ev_break(t->loop, EVBREAK_ALL);
}

static void
on_records(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop, (void)revents;
	drain(w->data);
}

static void
on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct tool *t = w->data;

	(void)revents;
	if (w->signum == SIGUSR1) {
		gre_device_stats(t->dev, on_line, NULL);
		return;
	}
	/* A terminal signals the whole pipeline: what an NHRP tool sends at its end must still go out. A second signal does not wait. */
	if (!t->stopped && gre_device_tools(t->dev) > 0)
		ev_timer_start(loop, &t->last);
	else
		ev_break(loop, EVBREAK_ALL);
	t->stopped = true;
}

static void
on_last(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tool *t = w->data;

	(void)revents;
	t->last_ms += LAST_STEP_MS;
	if (gre_device_tools(t->dev) == 0 || t->last_ms >= LAST_MS)
		ev_break(loop, EVBREAK_ALL);
}

/* ---- life */

static int
tool_open(struct tool *t, const struct gre_opts *o, const struct gre_opt *d, struct fault *f)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 };
	static const struct gre_calls calls = { .note = on_note, .trouble = on_trouble, .broken = on_broken, .empty = on_empty };

	t->o = o;
	if ((t->loop = loop_make(false, f)) == NULL)
		return (-1);
	if ((d->remote.family == 0 || o->files.n > 0) && ((t->in = sa_in_open(o->files.n, o->files.v, f)) == NULL))
		return (-1);
	if (t->in != NULL && (t->io = calloc(sa_in_sources(t->in), sizeof(*t->io))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for input"));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		ev_signal_init(&t->sig[i], on_signal, signals[i]);
		t->sig[i].data = t;
		ev_signal_start(t->loop, &t->sig[i]);
	}
	ev_timer_init(&t->last, on_last, LAST_STEP_MS / 1000.0, LAST_STEP_MS / 1000.0);
	t->last.data = t;
	if ((t->dev = gre_device_new(t->loop, d, &calls, t, f)) == NULL)
		return (-1);
	if (o->control != NULL && gre_device_listen(t->dev, o->control, f) != 0)
		return (-1);
	/* Every descriptor is open now. The input is of other programs, and packets are of anybody. */
	if (priv_drop(o->user, PRIV_NET_ADMIN, f) == -1 || sandbox_enter(SANDBOX_DATAPATH, f) == -1)
		return (-1);
	report_say(0, "device %s is up", gre_device_info(t->dev)->tun);
	return (0);
}

static enum exit_status
tool_run(struct tool *t)
{
	if (t->in != NULL)
		drain(t);
	if (!input_over(t) && !t->broken)
		ev_run(t->loop, 0);
	if (t->o->stats || report_level() > 0)
		gre_device_stats(t->dev, on_line, NULL);
	/* What this machine did not read is the reason why nothing was there; later it is an error that was reported. */
	if (t->first.code != FAULT_NONE && (t->broken || fault_exit(t->first.code) == EXIT_DATA ||
	    (!t->ever && fault_exit(t->first.code) == EXIT_MACHINE)))
		return (t->said ? fault_exit(t->first.code) : report_fault(&t->first));
	if (t->in == NULL || t->stopped || t->ever)
		return (EXIT_DONE);
	report_warn("the input ended without a binding");
	return (EXIT_NO);
}

static void
tool_close(struct tool *t)
{
	for (size_t i = 0; t->io != NULL && i < sa_in_sources(t->in); i++)
		ev_io_stop(t->loop, &t->io[i]);
	gre_device_free(t->dev);
	for (size_t i = 0; i < sizeof(t->sig) / sizeof(t->sig[0]) && t->loop != NULL; i++)
		ev_signal_stop(t->loop, &t->sig[i]);
	if (t->loop != NULL)
		ev_timer_stop(t->loop, &t->last);
	sa_in_close(t->in);
	free(t->io);
	if (t->loop != NULL)
		ev_loop_destroy(t->loop);
}

int
main(int argc, char *argv[])
{
	struct tool t = {0};
	struct gre_opts o = GRE_OPTS_DEFAULT;
	struct gre_opt d;
	struct fault f;
	enum exit_status rc;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(gre_optab, &o, argc, argv);
	if (gre_settle(&o, &d, &f) != 0 || tool_open(&t, &o, &d, &f) != 0)
		rc = report_fault(&f);
	else
		rc = tool_run(&t);
	tool_close(&t);		/* neighbours, routes and addresses on every path */
	return ((int)rc);
}
