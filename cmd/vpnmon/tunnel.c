/* One tunnel around its machine: sends probes, and applies each change of state. */
#include "tunnel.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "metrics.h"
#include "networks.h"
#include "os/clock.h"
#include "routes.h"
#include "say.h"
#include "watch.h"

#define COMMAND_WAIT_MS	2000	/* for commands that run at the end */

/* ---- actions of the machine */

#define IN_VAIN	3	/* rekeys, after which the destination is in doubt rather than the tunnel */

static void
run_rekey(struct tunnel *t)
{
	char dest[ADDR_TEXT];

	if (script_busy(&t->rekey)) {
		report_say(0, "%s: the --rekey command runs still, it is not started again", t->tun);
		return;
	}
	if (t->rekeys > 0 && t->rekey.status != 0)
		report_say(1, "%s: the --rekey command ended with status %d the last time", t->tun,
		    t->rekey.status);
	if (t->in_vain++ == IN_VAIN) {
		report_say(0, "%s: %s has %s, after %d --rekey commands", t->tun, addr_text(dest, &t->dest),
		    t->mon.answered == 0 ? "never answered" : "not answered since", IN_VAIN);
		if (t->mon.answered == 0)
			report_hint("does %s answer ICMP echo at all, and requests from this source (--source)? "
			    "A new SA does not change that", dest);
	}
	t->rekeys++;
	report_say(1, "%s: running the --rekey command", t->tun);
	command_run(t, &t->rekey, "--rekey", "attempt-reconnect");
}

static void
arm(struct tunnel *t)
{
	struct ev_loop *loop = t->tool->loop;
	uint64_t us = now_us(clock_now(NULL));

	double wait = t->mon.deadline_us > us ? (double)(t->mon.deadline_us - us) / 1e6 : 0.;

	ev_timer_stop(loop, &t->timer);
	if (t->mon.deadline_us == MONITOR_NEVER) {
		/* No probes: but routes that others add over a tunnel that is DOWN are withdrawn too. */
		if (t->mon.state != MONITOR_DOWN || t->how.routes != ROUTES_MARK)
			return;
		wait = t->how.interval_ms / 1000.;
	}
	ev_now_update(loop);
	ev_timer_set(&t->timer, wait, 0.);
	ev_timer_start(loop, &t->timer);
}

static void
apply(struct tunnel *t, struct monitor_do d)
{
	bool up = t->mon.state == MONITOR_UP, moved;
	size_t before;
	int sys;

	if (up)
		t->in_vain = 0;
	watch_clear(t->tool);
	/* Before the report: its receivers find the routes already changed. */
	moved = routes_settle(t, d.changed, &before);
	if (d.changed)
		say_event(t);
	if (moved)
		say_group(t->tool, t->group, before);
	if (d.changed)
		command_run(t, up ? &t->on_up : &t->on_down, up ? "--on-up" : "--on-down",
		    up ? "connect" : "disconnect");
	if (d.rekey)
		run_rekey(t);
	if (d.probe && (sys = echo_send(&t->echo, d.seq)) != 0) {
		monitor_unsent(&t->mon, sys);
		report_say(2, "%s: a probe could not be sent: %s", t->tun, strerror(sys));
	}
	t->tool->dirty = true;
	if (d.changed || moved)
		metrics_put(t->tool);
}

/* ---- events */

static void
drain(struct tunnel *t)
{
	struct monitor_do d;
	char text[ADDR_TEXT];
	uint16_t seq;

	while (echo_receive(&t->echo, &seq) == 1) {
		/* An address that came since the start: the kernel answers itself, and nothing entered the tunnel. */
		if (linkroute_is_local(&t->routes, &t->dest)) {
			if (!t->own) {
				watch_clear(t->tool);
				report_warn("%s: %s has become an address of this machine: its answers do not count",
				    t->tun, addr_text(text, &t->dest));
			}
			t->own = true;
			continue;
		}
		t->own = false;
		d = monitor_answer(&t->mon, clock_now(NULL), seq);
		if (d.changed)
			apply(t, d);
		t->tool->dirty = true;
	}
}

static void
on_answer(struct ev_loop *loop, ev_io *io, int revents)
{
	struct tunnel *t = io->data;

	(void)loop, (void)revents;
	drain(t);
	arm(t);
	watch_draw(t->tool);
}

/* How many packets were received so far: by the device's counter, or by the witness (capture/inbound.h). */
static bool
count_packets(struct tunnel *t, uint64_t *rx)
{
	struct fault f;

	if (t->how.optimized == OPTIMIZED_NO)
		return (false);
	if (t->how.optimized == OPTIMIZED_COUNTERS)
		return (linkroute_received(&t->routes, if_nametoindex(t->tun), rx) == 0);
	if (witness_look(&t->witness, &f) != 0) {
		if (!t->blind && if_nametoindex(t->tun) != 0) {
			watch_clear(t->tool);
			report_note(&f);
		}
		t->blind = true;
		return (false);
	}
	t->blind = false;
	/* The machine subtracts answers, which the witness does not count. */
	*rx = t->witness.packets + t->mon.answered;
	return (true);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct tunnel *t = timer->data;
	uint64_t rx;
	bool known;

	(void)loop, (void)revents;
	if (t->mon.deadline_us == MONITOR_NEVER) {
		size_t before;

		(void)routes_settle(t, false, &before);
		arm(t);
		return;
	}
	drain(t);	/* answers that arrived in time count, even if not yet read */
	known = count_packets(t, &rx);
	apply(t, monitor_turn(&t->mon, clock_now(NULL), known ? &rx : NULL));
	arm(t);
	watch_draw(t->tool);
}

/* ---- life */

#define HOLDER_TEXT	ADDR_TEXT

static const char *
holder_text(char out[HOLDER_TEXT], pid_t pid)
{
	if (pid > 0)
		(void)snprintf(out, HOLDER_TEXT, "process %ld", (long)pid);
	else
		(void)snprintf(out, HOLDER_TEXT, "another process");
	return (out);
}

static int
open_routes(struct tunnel *t, bool shared, struct fault *f)
{
	char who[HOLDER_TEXT];
	size_t n;

	if (linkroute_open(&t->routes, &t->dest, shared, f) != 0)
		return (-1);
	if (linkroute_is_local(&t->routes, &t->dest))
		return (fault_because(f, CAUSE_OWN_DEST, fault(f, FAULT_BAD_ADDRESS, "%s is an address of this machine: "
		    "its answers say nothing about the tunnel", addr_text(who, &t->dest))));
	if (t->how.routes != ROUTES_MARK)
		return (0);
	t->lock = lock_open(t->tun);
	if (t->lock.state == LOCK_THEIRS) {
		/* A live failover: what looks left over is the other monitor's. */
		t->how.routes = ROUTES_KEEP;
		report_warn("the routes over %s are in the hands of %s: left alone", t->tun, holder_text(who, t->lock.holder));
		return (0);
	}
	if (t->lock.state == LOCK_UNKNOWN)
		report_say(1, "%s: no place for a lock: a second monitor would not know of this one", t->tun);
	if (linkroute_recover(&t->routes, if_nametoindex(t->tun), &n, f) != 0)
		return (-1);
	if (n > 0)
		report_warn("%zu routes over %s were out of use, left so by a monitor that was killed; "
		    "they are back", n, t->tun);
	return (0);
}

int
tunnel_open(struct tunnel *t, struct tool *w, bool shared, struct fault *f)
{
	const struct how *h = &t->how;

	t->tool = w;
	t->lock.fd = -1;
	witness_init(&t->witness, &t->echo);
	if (echo_open(&t->echo, t->tun, &t->dest, t->source.family != 0 ? &t->source : NULL, f) != 0 ||
	    open_routes(t, shared, f) != 0 || networks_check(t, f) != 0 ||
	    (h->on_up != NULL && script_open(&t->on_up, h->on_up, "--on-up", f) != 0) ||
	    (h->on_down != NULL && script_open(&t->on_down, h->on_down, "--on-down", f) != 0) ||
	    (h->rekey != NULL && script_open(&t->rekey, h->rekey, NULL, f) != 0)) {
		if (w->n > 1)
			fault_where(f, "%s", t->tun);
		return (-1);
	}
	if (if_nametoindex(t->tun) == 0)
		report_warn("there is no device %s yet", t->tun);
	else if (h->optimized == OPTIMIZED_PCAP && witness_look(&t->witness, f) != 0)
		return (-1);	/* report a missing permission at the start */
	return (0);
}

/* The machine, at its start. */
static void
begin(struct tunnel *t, struct now now)
{
	const struct monitor_conf conf = { .interval_us = (uint64_t)t->how.interval_ms * 1000,
	    .threshold = t->how.threshold, .optimized = t->how.optimized != OPTIMIZED_NO,
	    /* A member that is DOWN has to be seen when it comes back. */
	    .rekey = t->how.rekey != NULL, .persist = t->how.persist || t->group != NULL };

	monitor_start(&t->mon, &conf, now);
}

void
tunnel_start(struct tunnel *t, struct now now)
{
	begin(t, now);
	say_event(t);
	ev_io_init(&t->io, on_answer, t->echo.fd, EV_READ);
	ev_timer_init(&t->timer, on_timer, 0., 0.);
	t->io.data = t->timer.data = t;
	ev_io_start(t->tool->loop, &t->io);
	arm(t);
}

void
tunnel_stop(struct tunnel *t)
{
	ev_io_stop(t->tool->loop, &t->io);
	ev_timer_stop(t->tool->loop, &t->timer);
}

void
tunnel_rest(struct tunnel *t)
{
	size_t before;

	tunnel_stop(t);
	begin(t, clock_now(NULL));
	(void)routes_settle(t, true, &before);
}

void
tunnel_nudge(struct tunnel *t)
{
	monitor_nudge(&t->mon, clock_now(NULL));
	arm(t);
}

void
tunnel_close(struct tunnel *t)
{
	linkroute_close(&t->routes);
	lock_close(&t->lock);
	witness_close(&t->witness);
	echo_close(&t->echo);
	script_close(&t->on_up, COMMAND_WAIT_MS);
	script_close(&t->on_down, COMMAND_WAIT_MS);
	script_close(&t->rekey, 0);	/* it may be meant to run on */
}
