/* dpd-ping: asks an IKE peer whether it is alive, under an IKE SA or without one. */
#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>

#include "cli/opt.h"
#include "cli/peer.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "dpd_ping.h"
#include "net/clock.h"
#include "net/port.h"
#include "net/priv.h"
#include "net/sandbox.h"

struct opts {
	uint32_t	 count, interval_ms, wait_ms;
	const char	*peer, *sa, *user;
	bool		 json;
};
/* Numbers under DPD go by hundredths of a second: nobody may ask faster. */
#define INTERVAL_MIN_MS	10

static const struct opt optab[] = {
	OPT_TOOL("ask an IKE peer whether it is alive"),
	OPT_USE("[OPTION]... SA"),
	OPT_USE("[OPTION]... --peer PEER[:PORT]"),
	OPT_NUM(struct opts, count, 'c', "count", "N", 1, 1000000000,
	    "end after N probes; without it a signal ends it", .flags = OPT_NO_DEFAULT),
	OPT_MILLIS(struct opts, interval_ms, 'i', "interval", "S", INTERVAL_MIN_MS, 86400000,
	    "seconds from one probe to the next"),
	OPT_MILLIS(struct opts, wait_ms, 'W', "wait", "S", 10, 3600000,
	    "seconds to wait for each answer"),
	OPT_STR(struct opts, peer, 0, "peer", "PEER[:PORT]",
	    "without SA state: does anything speak IKE there?"),
	OPT_STR(struct opts, user, 0, "user", "NAME",
	    "become NAME when the ports are open (root: nobody)"),
	OPT_JSON(struct opts, json),
	OPT_ARG(struct opts, sa, "SA", "SA state with one live IKE SA, '-' for standard input"),
	OPT_END
};

struct run {
	struct say		 say;
	struct ev_loop		*loop;
	struct ports		*ports;
	struct ike_ping		*ping;
	struct ev_timer		 timer;
	struct ev_signal	 on_int, on_term, on_quit;
	uint8_t			 served[16];
	bool			 serving;
	uint32_t		 unsent;
	struct fault		 why_unsent;
	bool			 gone;		/* the reader of the report: see ${why_gone} */
	struct fault		 why_gone;
};

static struct ike_ping_now
now(void)
{
	struct ike_ping_now t;

	clock_fine(NULL, &t.us, &t.epoch_ms);
	return (t);
}

/* --- what the machine wants --- */

/* The ports hand us what bears the cookies of the question that is out. */
static void
serve(struct run *r)
{
	uint8_t id[16];
	struct fault f;

	ike_ping_id(r->ping, id);
	if (r->serving && memcmp(id, r->served, sizeof(id)) == 0)
		return;
	if (r->serving)
		ports_unserve_cookies(r->ports, r->served, r->served + 8);
	memcpy(r->served, id, sizeof(id));
	r->serving = ports_serve_cookies(r->ports, id, id + 8, &f) == 0;
}

static void
send_all(struct run *r, struct ike_outbox *out)
{
	struct ike_out *item;

	serve(r);
	while ((item = outbox_take(out)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM && item->dgram.len > 0 &&
		    ports_send_ike(r->ports, &item->dgram.local, &item->dgram.remote,
		    span_of(item->dgram.data, item->dgram.len), &r->why_unsent) != 0) {
			report_note(&r->why_unsent);
			r->unsent++;
		}
		ike_out_free(item);
	}
}

/* What was said goes out at once; a reader that went away is the end. */
static void
flush(struct run *r)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	(void)fault_sys(&r->why_gone, errno == EPIPE ? FAULT_READER_GONE : FAULT_SYSTEM,
	    "cannot write to standard output");
	r->gone = true;
	clearerr(stdout);	/* it is said here, and need not be at exit */
	__fpurge(stdout);
	ev_break(r->loop, EVBREAK_ALL);
}

/* After each step: when to come back, or the end. */
static void
settle(struct run *r)
{
	uint64_t deadline = ike_ping_deadline_us(r->ping), t = now().us;

	ev_timer_stop(r->loop, &r->timer);
	if (ike_ping_over(r->ping) || r->gone) {
		ev_break(r->loop, EVBREAK_ALL);
		return;
	}
	ev_now_update(r->loop);
	ev_timer_set(&r->timer, deadline > t ? (double)(deadline - t) / 1e6 : 0., 0.);
	ev_timer_start(r->loop, &r->timer);
}

static void
on_event(void *ctx, const struct ike_ping_event *ev)
{
	struct run *r = ctx;

	if (r->gone)
		return;
	say_event(&r->say, ev);
	flush(r);
}

/* --- what happens --- */

static void
on_timer(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct run *r = w->data;
	struct ike_outbox out = {0};

	(void)loop;
	(void)events;
	ike_ping_timeout(r->ping, now(), &out);
	send_all(r, &out);
	settle(r);
}

static void
on_ike(void *ctx, const struct port_dgram *d)
{
	struct run *r = ctx;

	ike_ping_datagram(r->ping, now(), span_of(d->p, d->len));
	settle(r);
}

static void
on_unreachable(void *ctx, const struct endpoint *local, const struct endpoint *remote, int err,
    uint32_t mtu)
{
	struct run *r = ctx;

	(void)local;
	if (mtu == 0)
		ike_ping_unreachable(r->ping, now(), remote, err);
	settle(r);
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
	struct run *r = w->data;

	(void)events;
	if (w->signum == SIGQUIT)
		say_status(ike_ping_stats(r->ping));
	else
		ev_break(loop, EVBREAK_ALL);
}

static void
add_signal(struct run *r, struct ev_signal *w, int number)
{
	ev_signal_init(w, on_signal, number);
	w->data = r;
	ev_signal_start(r->loop, w);
}

/* --- beginning --- */

/* The port that the SA's datagrams go by: joined where a resident tool has it, else bound. */
static int
open_sa(struct run *r, const struct opts *o, struct ike_ping_conf *conf, struct fault *f)
{
	struct ike_ping_now t = now();
	struct sa_ike s = {0};
	int rc = -1;

	if (state_read(&s, o->sa, t.epoch_ms / 1000, f) != 0)
		return (-1);
	if (!s.dpd)
		report_warn("the peer has not announced DPD: it may not answer");
	r->say.with_sa = true;
	r->say.local = s.local.at;
	r->say.remote = s.remote.at;
	if (ports_open(r->ports, &r->say.local, s.natt.marker == SA_MARKER_NON_ESP ? PORT_NATT :
	    PORT_IKE, PORTS_BIND_ANY, f) == 0 &&
	    (r->ping = ike_ping_sa(&s, conf, t, f)) != NULL) {
		ike_ping_id(r->ping, r->say.id);
		rc = 0;
	}
	sa_ike_wipe(&s);
	return (rc);
}

/* Some filters pass nothing but 500 to 500; from any other port is better than not at all. */
static int
open_peer(struct run *r, const struct opts *o, struct ike_ping_conf *conf, struct fault *f)
{
	struct endpoint *local = &r->say.local, *remote = &r->say.remote;
	enum port_role role;

	if (peer_resolve(remote, o->peer, 0, PORT_IKE_DEFAULT, f) != 0 ||
	    ports_source(&local->addr, remote, 0, f) != 0)
		return (-1);
	/* Behind that port every message has a marker. */
	role = remote->port == PORT_NATT_DEFAULT ? PORT_NATT : PORT_IKE;
	local->port = role == PORT_NATT ? PORT_NATT_DEFAULT : PORT_IKE_DEFAULT;
	if (ports_open(r->ports, local, role, PORTS_BIND_ANY, f) != 0) {
		if (f->code != FAULT_PERMISSION && f->code != FAULT_PORT_TAKEN)
			return (-1);
		report_say(1, "not from port %u: %s", local->port, f->what);
		local->port = 0;
		if (ports_open(r->ports, local, role, 0, f) != 0)
			return (-1);
	}
	r->ping = ike_ping_peer(local, remote, conf, f);
	return (r->ping != NULL ? 0 : -1);
}

static int
open_all(struct run *r, const struct opts *o, struct fault *f)
{
	struct ike_ping_conf conf = {
		.rand = rand_system, .count = o->count, .interval_ms = o->interval_ms,
		.wait_ms = o->wait_ms, .tell = on_event, .ctx = r,
	};
	struct ports_opt po = {0};

	r->say.json = o->json;
	r->say.quiet = report_level() < 0;
	if ((o->peer == NULL) == (o->sa == NULL))
		return (fault(f, FAULT_USAGE, o->peer == NULL ?
		    "which SA state, or which --peer?" : "SA state or --peer, not both"));
	if ((r->loop = ev_loop_new(0)) == NULL)
		return (fault(f, FAULT_SYSTEM, "no event loop"));
	if ((r->ports = ports_new(r->loop, &po, &calls, r, f)) == NULL ||
	    (o->sa != NULL ? open_sa : open_peer)(r, o, &conf, f) != 0)
		return (-1);
	add_signal(r, &r->on_int, SIGINT);
	add_signal(r, &r->on_term, SIGTERM);
	add_signal(r, &r->on_quit, SIGQUIT);
	ev_timer_init(&r->timer, on_timer, 0., 0.);
	r->timer.data = r;
	ev_timer_start(r->loop, &r->timer);
	return (0);
}

static enum exit_status
end(struct run *r, const struct opts *o)
{
	const struct ike_ping_stats *st = ike_ping_stats(r->ping);

	if (!r->gone) {
		say_end(&r->say, st);
		flush(r);
	}
	if (r->gone)
		return (report_fault(&r->why_gone));
	if (st->answered > 0)
		return (EXIT_DONE);
	if (st->sent > 0 && r->unsent >= st->sent)
		return (fault_exit(r->why_unsent.code));
	if (o->sa != NULL)
		report_hint("the peer is down or forgot this SA, or UDP %u is filtered; "
		    "dpd-ping --peer tells whether anything speaks IKE there", r->say.remote.port);
	else
		report_hint("nothing speaks IKE there, it ignores strangers, or UDP %u is filtered "
		    "on the way", r->say.remote.port);
	return (EXIT_NO);
}

int
main(int argc, char *argv[])
{
	struct opts o = { .interval_ms = 1000, .wait_ms = 2000 };
	struct run r = {0};
	struct fault f = {0};
	enum exit_status status;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	if (open_all(&r, &o, &f) == 0 && priv_drop(o.user, 0, &f) >= 0 &&
	    sandbox_enter(SANDBOX_NEGOTIATOR, &f) >= 0) {
		say_start(&r.say);
		flush(&r);
		if (!r.gone)
			ev_run(r.loop, 0);
		status = end(&r, &o);
	} else
		status = report_fault(&f);
	ports_free(r.ports);
	ike_ping_free(r.ping);
	if (r.loop != NULL)
		ev_loop_destroy(r.loop);
	return (status);
}
