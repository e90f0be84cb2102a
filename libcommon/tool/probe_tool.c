/* The frame of a tool that probes a peer: loop, signals, ports, privileges. */
#include "tool/probe_tool.h"

#include <signal.h>
#include <string.h>

#include "cli/loop.h"
#include "cli/peer_addr.h"
#include "cli/report.h"
#include "os/priv.h"
#include "os/sandbox.h"

/* --- reports of the host --- */

static void
on_unsent(void *ctx, const struct fault *why)
{
	struct probe_tool *t = ctx;

	t->why_unsent = *why;
	if (t->unsent++ == 0 || !t->note_once)
		report_note(why);
}

static void
on_stepped(void *ctx)
{
	struct probe_tool *t = ctx;

	if (t->calls->stepped != NULL)
		t->calls->stepped(t->ctx);
}

static void
on_over(void *ctx)
{
	struct probe_tool *t = ctx;

	t->next = false;
	if (t->calls->over != NULL)
		t->calls->over(t->ctx);
	if (!t->next)
		probe_tool_stop(t);
}

static void
on_wire(void *ctx, const struct host_dgram *d)
{
	struct probe_tool *t = ctx;

	ike_wire_dgram(t->wire, d);
}

static void
on_note(void *ctx, bool warning, const char *text)
{
	(void)ctx;
	if (warning)
		report_warn("%s", text);
	else
		report_say(2, "%s", text);
}

static const struct host_calls calls = {
	.wire = on_wire, .unsent = on_unsent, .stepped = on_stepped, .over = on_over, .note = on_note,
};

/* --- signals --- */

static void
on_signal(struct ev_loop *loop, struct ev_signal *w, int events)
{
	struct probe_tool *t = w->data;

	(void)loop;
	(void)events;
	if (w->signum == SIGQUIT || w->signum == SIGUSR1)
		t->calls->status(t->ctx);
	else
		probe_tool_stop(t);	/* and the tool reports what it knows so far */
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
	const struct host_opt opt = {0};

	if ((t->loop = loop_make(false, f)) == NULL)
		return (-1);
	if ((t->host = host_new(t->loop, &opt, &calls, t, f)) == NULL)
		return (-1);
	t->ports = host_ports(t->host);
	add_signal(t, &t->on_int, SIGINT);
	add_signal(t, &t->on_term, SIGTERM);
	add_signal(t, &t->on_hup, SIGHUP);
	if (t->calls->status != NULL) {
		add_signal(t, &t->on_quit, SIGQUIT);
		add_signal(t, &t->on_usr1, SIGUSR1);
	}
	return (0);
}

int
probe_tool_peer(struct endpoint *remote, const char *text, uint8_t family, struct fault *f)
{
	struct endpoint all[PEER_ADDRS];
	struct addr local;
	char one[ADDR_TEXT];
	size_t n, i = 0;

	if (peer_resolve_all(all, &n, text, family, PORT_IKE_DEFAULT, f) != 0)
		return (-1);
	while (i + 1 < n && ports_source(&local, &all[i], 0, NULL) != 0)
		i++;
	*remote = all[i];
	if (n > 1)
		report_say(0, "%s has %zu addresses: probing %s only", text, n, addr_text(one, &remote->addr));
	return (0);
}

int
probe_tool_port(struct probe_tool *t, struct endpoint *local, enum port_role role, bool *odd,
    struct fault *f)
{
	/* Some filters pass only 500 to 500; any other port is better than none. */
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
probe_tool_record(struct probe_tool *t, const char *path, struct fault *f)
{
	if (path == NULL)
		return (0);
	if (strcmp(path, "-") == 0)
		return (fault(f, FAULT_USAGE, "--pcap: standard output is for the report"));
	return ((t->wire = ike_wire_open(path, false, f)) != NULL ? 0 : -1);
}

int
probe_tool_confine(const char *user, struct fault *f)
{
	return (priv_drop(user, 0, f) < 0 || sandbox_enter(SANDBOX_NEGOTIATOR, f) < 0 ? -1 : 0);
}

void
probe_tool_start(struct probe_tool *t, struct ike_machine m)
{
	t->next = true;
	host_start(t->host, m);
}

void
probe_tool_run(struct probe_tool *t)
{
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
	ike_wire_close(t->wire);
	if (t->loop == NULL)
		return;
	host_free(t->host);
	ev_loop_destroy(t->loop);
}
