/* The tool around the machine: probes, routes, commands, signals, the end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/priv.h"
#include "net/sandbox.h"
#include "vpnmon.h"

#define COMMAND_WAIT_MS	2000	/* for commands that run at the end */

static uint64_t
now_us(void)
{
	uint64_t us, epoch_ms;

	clock_fine(NULL, &us, &epoch_ms);
	return (us);
}

/* ---- routes */

static void
withdraw(struct tool *t)
{
	unsigned ifindex = if_nametoindex(t->o->tun);
	struct fault f;
	size_t n;

	if (t->o->routes != ROUTES_MARK || ifindex == 0)
		return;
	if (linkroute_take(&t->routes, ifindex, &n, &f) != 0)
		report_note(&f);
	if (n > 0)
		report_say(1, "%zu routes over %s are out of use", n, t->o->tun);
}

static void
put_back(struct tool *t)
{
	struct fault f;
	size_t n;

	if (t->o->routes != ROUTES_MARK || if_nametoindex(t->o->tun) != t->routes.ifindex)
		return;		/* routes of a device go with it */
	if (linkroute_put(&t->routes, &n, &f) != 0)
		report_note(&f);
	if (n > 0)
		report_say(1, "%zu routes over %s are back", n, t->o->tun);
}

/* ---- what the machine wants */

static void
run_rekey(struct tool *t)
{
	if (script_busy(&t->rekey)) {
		report_say(0, "the --rekey command runs still, it is not started again");
		return;
	}
	if (t->rekeys > 0 && t->rekey.status != 0)
		report_say(1, "the --rekey command ended with status %d the last time", t->rekey.status);
	t->rekeys++;
	report_say(1, "running the --rekey command");
	say_script(t, &t->rekey, "--rekey", "attempt-reconnect");
}

static void
arm(struct tool *t)
{
	uint64_t now = now_us();

	ev_timer_stop(t->loop, &t->timer);
	if (t->mon.deadline_us == MONITOR_NEVER)
		return;
	ev_now_update(t->loop);
	ev_timer_set(&t->timer, t->mon.deadline_us > now ?
	    (double)(t->mon.deadline_us - now) / 1e6 : 0., 0.);
	ev_timer_start(t->loop, &t->timer);
}

static void
apply(struct tool *t, struct monitor_do d)
{
	bool up = t->mon.state == MONITOR_UP;
	int sys;

	watch_clear(t);
	/* Before it is told: who hears of it finds the routes as they are to be. */
	if (t->mon.state == MONITOR_DOWN)
		withdraw(t);
	else if (d.changed)
		put_back(t);
	if (d.changed) {
		say_event(t);
		say_script(t, up ? &t->on_up : &t->on_down, up ? "--on-up" : "--on-down",
		    up ? "connect" : "disconnect");
	}
	if (d.rekey)
		run_rekey(t);
	if (d.probe && (sys = echo_send(&t->echo, d.seq)) != 0) {
		monitor_unsent(&t->mon, sys);
		report_say(2, "a probe could not be sent: %s", strerror(sys));
	}
}

/* ---- what happens */

static void
drain(struct tool *t)
{
	struct monitor_do d;
	uint16_t seq;

	while (echo_receive(&t->echo, &seq) == 1) {
		d = monitor_answer(&t->mon, now_us(), seq);
		if (d.changed)
			apply(t, d);
		watch_draw(t, now_us());
	}
}

static void
on_answer(struct ev_loop *loop, ev_io *w, int revents)
{
	struct tool *t = w->data;

	(void)loop, (void)revents;
	drain(t);
	arm(t);
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tool *t = w->data;
	uint64_t rx;
	bool known;

	(void)loop, (void)revents;
	drain(t);	/* what has come in time counts, even if we did not get to it */
	known = t->o->optimized &&
	    linkroute_received(&t->routes, if_nametoindex(t->o->tun), &rx) == 0;
	apply(t, monitor_turn(&t->mon, now_us(), known ? &rx : NULL));
	say_metrics(t);
	watch_draw(t, now_us());
	arm(t);
}

static void
on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct tool *t = w->data;

	(void)revents;
	watch_clear(t);
	if (w->signum == SIGUSR1)
		say_status(t);
	else if (w->signum == SIGHUP) {
		monitor_nudge(&t->mon, now_us());
		arm(t);
	} else
		ev_break(loop, EVBREAK_ALL);
}

/* ---- life */

static int
parse_address(struct addr *a, const char *text, const char *what, struct fault *f)
{
	if (addr_parse(a, text) != 0)
		return (fault(f, FAULT_BAD_ADDRESS, "%s: \"%s\" is no address", what, text));
	return (0);
}

static int
open_commands(struct tool *t, struct fault *f)
{
	const struct mon_opts *o = t->o;

	if ((o->on_up != NULL && script_open(&t->on_up, o->on_up, f) != 0) ||
	    (o->on_down != NULL && script_open(&t->on_down, o->on_down, f) != 0) ||
	    (o->rekey != NULL && script_open(&t->rekey, o->rekey, f) != 0) ||
	    (o->metrics != NULL && textfile_open(&t->metrics, o->metrics, f) != 0))
		return (-1);
	return (0);
}

static int
open_routes(struct tool *t, unsigned ifindex, struct fault *f)
{
	size_t n;

	if (linkroute_open(&t->routes, &t->dest, f) != 0)
		return (-1);
	if (t->o->routes != ROUTES_MARK)
		return (0);
	if (linkroute_recover(&t->routes, ifindex, &n, f) != 0)
		return (-1);
	if (n > 0)
		report_warn("%zu routes over %s were out of use, left so by a monitor that was killed; "
		    "they are back", n, t->o->tun);
	return (0);
}

int
tool_open(struct tool *t, const struct mon_opts *o, struct fault *f)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	unsigned keep = PRIV_NET_RAW | (o->routes == ROUTES_MARK ? PRIV_NET_ADMIN : 0), i;
	unsigned ifindex;

	t->o = o;
	t->on_up.helper.fd = t->on_down.helper.fd = t->rekey.helper.fd = -1;
	t->metrics.helper.fd = t->echo.fd = -1;
	if (parse_address(&t->dest, o->dest, "DEST", f) != 0 ||
	    (o->source != NULL && parse_address(&t->source, o->source, "--source", f) != 0))
		return (-1);
	if (o->watch && (o->json || isatty(STDOUT_FILENO) == 0))
		return (fault(f, FAULT_USAGE, o->json ? "--watch and --json exclude each other" :
		    "--watch draws on a terminal, and standard output is none"));
	if (o->source != NULL && t->source.family != t->dest.family)
		return (fault(f, FAULT_USAGE, "--source and DEST are not of one family"));
	if (echo_open(&t->echo, o->tun, &t->dest, o->source != NULL ? &t->source : NULL, f) != 0)
		return (-1);
	ifindex = if_nametoindex(o->tun);
	if (open_routes(t, ifindex, f) != 0 || open_commands(t, f) != 0)
		return (-1);
	if ((t->loop = ev_default_loop(0)) == NULL)
		return (fault(f, FAULT_SYSTEM, "cannot make an event loop"));
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		ev_signal_init(&t->sig[i], on_signal, signals[i]);
		t->sig[i].data = t;
		ev_signal_start(t->loop, &t->sig[i]);
	}
	if (priv_drop(o->user, keep, f) == -1 || sandbox_enter(SANDBOX_DATAPATH, f) == -1)
		return (-1);
	if (ifindex == 0)
		report_warn("there is no device %s yet", o->tun);
	return (0);
}

int
tool_run(struct tool *t)
{
	const struct monitor_conf conf = { .interval_us = (uint64_t)t->o->interval_ms * 1000,
	    .threshold = t->o->threshold, .optimized = t->o->optimized,
	    .rekey = t->o->rekey != NULL, .persist = t->o->persist };

	monitor_start(&t->mon, &conf, now_us());
	say_event(t);
	ev_io_init(&t->io, on_answer, t->echo.fd, EV_READ);
	ev_timer_init(&t->timer, on_timer, 0., 0.);
	t->io.data = t->timer.data = t;
	ev_io_start(t->loop, &t->io);
	arm(t);
	if (!t->gone)
		ev_run(t->loop, 0);
	ev_io_stop(t->loop, &t->io);
	ev_timer_stop(t->loop, &t->timer);
	watch_draw(t, now_us());
	if (t->drawn && putchar('\n') != EOF)
		say_flush(t);
	say_metrics(t);
	if (t->gone)
		return ((int)report_fault(&t->why_gone));
	return (t->mon.state == MONITOR_DOWN ? EXIT_NO : EXIT_DONE);
}

void
tool_close(struct tool *t)
{
	size_t i;

	linkroute_close(&t->routes);
	echo_close(&t->echo);
	for (i = 0; i < sizeof(t->sig) / sizeof(t->sig[0]) && t->loop != NULL; i++)
		ev_signal_stop(t->loop, &t->sig[i]);
	script_close(&t->on_up, COMMAND_WAIT_MS);
	script_close(&t->on_down, COMMAND_WAIT_MS);
	script_close(&t->rekey, 0);	/* it may be meant to run on */
	textfile_close(&t->metrics);
}
