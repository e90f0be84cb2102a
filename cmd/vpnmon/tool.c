/* The process around the tunnels: shared state, signals, shutdown. */
#include "tool.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/loop.h"
#include "conf.h"
#include "gateway.h"
#include "metrics.h"
#include "os/priv.h"
#include "os/sandbox.h"
#include "output.h"
#include "say.h"
#include "tunnel.h"
#include "watch.h"

static void
on_signal(struct ev_loop *loop, ev_signal *s, int revents)
{
	struct tool *w = s->data;
	size_t i;

	(void)revents;
	switch (s->signum) {
	case SIGUSR1:
		watch_clear(w);
		if (w->gateway.fd != -1)
			report_say(-1, "this gateway is %s", say_gateway_word(w->gateway.state));
		for (i = 0; i < w->n && gateway_is_active(w); i++)
			say_status(&w->t[i]);
		break;
	case SIGHUP:
		for (i = 0; i < w->n && gateway_is_active(w); i++)
			tunnel_nudge(&w->t[i]);
		break;
	case SIGWINCH:
		break;
	default:
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	watch_draw(w);
}

static void
on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct tool *w = timer->data;

	(void)loop, (void)revents;
	if (w->dirty)
		metrics_put(w);
	watch_draw(w);
}

static int
check_output(const struct tool *w, struct fault *f)
{
	bool terminal = isatty(STDOUT_FILENO) != 0;

	if (w->o->watch && w->format != FORMAT_TEXT)
		return (fault(f, FAULT_USAGE, w->format == FORMAT_JSON ?
		    "--watch and --json exclude each other" : "--watch and --format cbor exclude each other"));
	if (w->o->watch && !terminal)
		return (fault(f, FAULT_USAGE, "--watch requires a terminal as standard output"));
	if (w->o->standby != NULL && w->format == FORMAT_CBOR)
		return (fault(f, FAULT_USAGE, "--standby and --format cbor exclude each other"));
	return (0);
}

/* Whether others ask the same destination over another device. */
static bool
is_shared(const struct tool *w, const struct tunnel *t)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (&w->t[i] != t && addr_cmp(&w->t[i].dest, &t->dest) == 0)
			return (true);
	return (false);
}

int
tool_open(struct tool *w, const struct mon_opts *o, struct fault *f)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGWINCH };
	unsigned keep = PRIV_NET_RAW;
	size_t i;

	w->o = o;
	w->format = o->json ? FORMAT_JSON : o->format;
	w->metrics.helper.fd = -1;
	w->gateway.fd = -1;
	if (conf_read(w, o, f) != 0 || check_output(w, f) != 0 || output_open(w, f) != 0)
		return (-1);
	for (i = 0; i < w->n; i++) {
		if (tunnel_open(&w->t[i], w, is_shared(w, &w->t[i]), f) != 0)
			return (-1);
		keep |= w->t[i].how.routes == ROUTES_MARK ? PRIV_NET_ADMIN : 0;
	}
	if (o->standby != NULL && gateway_open(w, o->standby, f) != 0)
		return (-1);
	if (o->metrics != NULL && textfile_open(&w->metrics, o->metrics, f) != 0)
		return (-1);
	if ((w->loop = loop_make(true, f)) == NULL)
		return (-1);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		ev_signal_init(&w->sig[i], on_signal, signals[i]);
		w->sig[i].data = w;
		ev_signal_start(w->loop, &w->sig[i]);
	}
	return (priv_drop(o->user, keep, f) == -1 || sandbox_enter(SANDBOX_MONITOR, f) == -1 ? -1 : 0);
}

/* Whether a tunnel, or all of a group, is out of use. */
static bool
is_down(const struct tool *w)
{
	size_t i;

	if (!gateway_is_active(w))
		return (false);
	for (i = 0; i < w->n; i++)
		if (w->t[i].group == NULL && w->t[i].mon.state == MONITOR_DOWN)
			return (true);
	for (i = 0; i < w->n_groups; i++)
		if (w->groups[i].carrier == GROUP_NONE)
			return (true);
	return (false);
}

int
tool_run(struct tool *w)
{
	size_t i;

	watch_open(w);
	gateway_start(w);
	ev_timer_init(&w->tick, on_tick, 1., 1.);
	w->tick.data = w;
	if (w->o->watch || w->o->metrics != NULL)
		ev_timer_start(w->loop, &w->tick);
	if (!w->gone)
		ev_run(w->loop, 0);
	ev_timer_stop(w->loop, &w->tick);
	for (i = 0; i < w->n; i++)
		tunnel_stop(&w->t[i]);
	watch_end(w);
	metrics_put(w);
	output_drain(w);
	if (w->gone)
		return ((int)report_fault(&w->why_gone));
	return (is_down(w) ? EXIT_NO : EXIT_DONE);
}

void
tool_close(struct tool *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		tunnel_close(&w->t[i]);
	for (i = 0; i < sizeof(w->sig) / sizeof(w->sig[0]) && w->loop != NULL; i++)
		ev_signal_stop(w->loop, &w->sig[i]);
	gateway_close(w);
	textfile_close(&w->metrics);
	output_close(w);
	ini_values_free(&w->values);
}
