#include "tool/probe_tool.h"

#include <signal.h>
#include <string.h>

#include "cli/report.h"
#include "os/clock.h"
#include "os/priv.h"
#include "os/sandbox.h"

static const uint8_t no_id[16];

/* --- what the machine wants --- */

/* The ports hand us what bears the cookies of the questions that are out. */
static void
serve(struct probe_tool *t)
{
	uint8_t id[16];
	struct fault f;
	size_t i;

	for (i = 0; i < PROBE_TOOL_IDS && t->calls->id(t->ctx, i, id); i++) {
		if (memcmp(id, t->served[i], sizeof(id)) == 0)
			continue;
		if (memcmp(t->served[i], no_id, sizeof(id)) != 0)
			ports_unserve_cookies(t->ports, t->served[i], t->served[i] + 8);
		/* What could not be registered is tried again at the next step. */
		memset(t->served[i], 0, sizeof(id));
		if (memcmp(id, no_id, sizeof(id)) != 0 &&
		    ports_serve_cookies(t->ports, id, id + 8, &f) == 0)
			memcpy(t->served[i], id, sizeof(id));
	}
}

static void
send_all(struct probe_tool *t, struct ike_outbox *out)
{
	struct ike_out *item;

	serve(t);
	while ((item = outbox_take(out)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM && item->dgram.len > 0 &&
		    ports_send_ike(t->ports, &item->dgram.local, &item->dgram.remote,
		    span_of(item->dgram.data, item->dgram.len), &t->why_unsent) != 0 &&
		    (t->unsent++ == 0 || !t->note_once))
			report_note(&t->why_unsent);
		ike_out_free(item);
	}
}

/* After each step: when to come back, or the end. */
static void
settle(struct probe_tool *t, struct ike_outbox *out)
{
	uint64_t deadline, us;

	send_all(t, out);
	if (t->calls->stepped != NULL)
		t->calls->stepped(t->ctx);
	ev_timer_stop(t->loop, &t->timer);
	deadline = t->calls->deadline_us(t->ctx);
	if (deadline == UINT64_MAX) {
		probe_tool_stop(t);
		return;
	}
	us = now_us(clock_now(NULL));
	ev_now_update(t->loop);
	ev_timer_set(&t->timer, deadline > us ? (double)(deadline - us) / 1e6 : 0., 0.);
	ev_timer_start(t->loop, &t->timer);
}

/* --- what happens --- */

static void
on_timer(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct probe_tool *t = w->data;
	struct ike_outbox out = {0};

	(void)loop;
	(void)events;
	t->calls->timeout(t->ctx, &out);
	settle(t, &out);
}

static void
on_ike(void *ctx, const struct port_dgram *d)
{
	struct probe_tool *t = ctx;
	struct ike_outbox out = {0};

	t->calls->datagram(t->ctx, &d->remote, span_of(d->p, d->len), &out);
	settle(t, &out);
}

static void
on_unreachable(void *ctx, const struct endpoint *local, const struct endpoint *remote, int err,
    uint32_t mtu)
{
	struct probe_tool *t = ctx;
	struct ike_outbox out = {0};

	(void)local;
	if (mtu == 0)
		t->calls->unreachable(t->ctx, remote, err, &out);
	settle(t, &out);
}

static void
on_note(void *ctx, const char *text)
{
	(void)ctx;
	report_say(2, "%s", text);
}

static const struct ports_calls calls = {
	.ike = on_ike, .unreachable = on_unreachable, .note = on_note,
};

static void
on_signal(struct ev_loop *loop, struct ev_signal *w, int events)
{
	struct probe_tool *t = w->data;

	(void)loop;
	(void)events;
	if (w->signum == SIGQUIT)
		t->calls->status(t->ctx);
	else
		probe_tool_stop(t);	/* and what was found so far is told */
}

static void
add_signal(struct probe_tool *t, struct ev_signal *w, int number)
{
	ev_signal_init(w, on_signal, number);
	w->data = t;
	ev_signal_start(t->loop, w);
}

/* --- life --- */

int
probe_tool_open(struct probe_tool *t, struct fault *f)
{
	struct ports_opt po = {0};

	if ((t->loop = ev_loop_new(EVFLAG_AUTO)) == NULL)
		return (fault(f, FAULT_SYSTEM, "no event loop"));
	if ((t->ports = ports_new(t->loop, &po, &calls, t, f)) == NULL)
		return (-1);
	ev_timer_init(&t->timer, on_timer, 0., 0.);
	t->timer.data = t;
	add_signal(t, &t->on_int, SIGINT);
	add_signal(t, &t->on_term, SIGTERM);
	if (t->calls->status != NULL)
		add_signal(t, &t->on_quit, SIGQUIT);
	return (0);
}

int
probe_tool_port(struct probe_tool *t, struct endpoint *local, enum port_role role, bool *odd,
    struct fault *f)
{
	/* Some filters pass nothing but 500 to 500; from any other port is better than not at all. */
	local->port = role == PORT_NATT ? PORT_NATT_DEFAULT : PORT_IKE_DEFAULT;
	if (ports_open(t->ports, local, role, PORTS_BIND_ANY, f) == 0)
		return (0);
	if (f->code != FAULT_PERMISSION && f->code != FAULT_PORT_TAKEN)
		return (-1);
	report_say(1, "not from port %u: %s", local->port, f->what);
	if (odd != NULL)
		*odd = true;
	local->port = 0;
	return (ports_open(t->ports, local, role, 0, f));
}

int
probe_tool_confine(const char *user, struct fault *f)
{
	return (priv_drop(user, 0, f) < 0 || sandbox_enter(SANDBOX_NEGOTIATOR, f) < 0 ? -1 : 0);
}

void
probe_tool_run(struct probe_tool *t)
{
	ev_timer_start(t->loop, &t->timer);
	ev_run(t->loop, 0);
}

void
probe_tool_stop(struct probe_tool *t)
{
	ev_break(t->loop, EVBREAK_ALL);
}

void
probe_tool_close(struct probe_tool *t)
{
	if (t->loop == NULL)
		return;
	ports_free(t->ports);
	ev_loop_destroy(t->loop);
}
