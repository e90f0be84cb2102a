/* dpd-ping: asks an IKE peer whether it is alive, under an IKE SA or without one. */
#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <unistd.h>

#include "cli/opt.h"
#include "cli/peer_addr.h"
#include "tool/probe_tool.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "dpd_ping.h"
#include "ike/heartbeat.h"
#include "ike/policy.h"
#include "os/clock.h"
#include "watch.h"

struct opts {
	uint32_t	 count, interval_ms, wait_ms;
	uint32_t	 threshold, hello_ms;
	const char	*peer, *sa, *user;
	bool		 json, heartbeat, watch;
};
#define HELLO_AUTO	0
#define HELLO_OFF	UINT32_MAX
/* Bits of pairs that do not go together: --heartbeat and each of these. */
#define NOT_PEER	1U
#define NOT_INTERVAL	2U
#define NOT_WAIT	4U
#define NOT_JSON	8U	/* --watch */

static const struct opt_word hello_words[] = {
	{ "auto", HELLO_AUTO }, { "off", HELLO_OFF }, { NULL, 0 }
};

/* DPD sequence numbers advance every 10 ms: no shorter interval is allowed. */
#define INTERVAL_MIN_MS	10

static const struct opt optab[] = {
	OPT_TOOL("check that an IKE peer is alive"),
	OPT_USE("[OPTION]... SA"),
	OPT_USE("--heartbeat [OPTION]... SA"),
	OPT_USE("[OPTION]... --peer PEER[:PORT]"),
	OPT_NUM(struct opts, count, 'c', "count", "N", 1, 1000000000,
	    "stop after N probes, or N expected hellos (default: run until a signal)",
	    .flags = OPT_NO_DEFAULT),
	OPT_MILLIS(struct opts, interval_ms, 'i', "interval", "S", INTERVAL_MIN_MS, 86400000,
	    "seconds between probes", .excl = NOT_INTERVAL),
	OPT_MILLIS(struct opts, wait_ms, 'W', "wait", "S", 10, 3600000,
	    "seconds to wait for each answer", .excl = NOT_WAIT),
	OPT_STR(struct opts, peer, 0, "peer", "PEER[:PORT]",
	    "without SA state: check that something answers IKE there", .excl = NOT_PEER),
	OPT_FLAG(struct opts, heartbeat, 0, "heartbeat",
	    "listen for the heartbeats (hellos) that the peer sends",
	    .excl = NOT_PEER | NOT_INTERVAL | NOT_WAIT),
	OPT_NUM(struct opts, threshold, 0, "threshold", "N", 1, 3600,
	    "with --heartbeat: missed hellos before the peer is considered dead"),
	OPT_MILLIS(struct opts, hello_ms, 0, "hello", "S|auto|off", HEARTBEAT_MIN_MS, HEARTBEAT_MAX_MS,
	    "with --heartbeat: also send hellos every S seconds; auto: as often as the peer, "
	    "if no other tool holds the port", .words = hello_words),
	OPT_STR(struct opts, user, 0, "user", "NAME",
	    "drop privileges to NAME once the ports are open (root: sapipe)"),
	OPT_FLAG(struct opts, watch, 0, "watch", "show a live row on the terminal", .excl = NOT_JSON),
	OPT_FLAG(struct opts, json, 0, "json", "report as JSON, for scripts", .excl = NOT_JSON),
	OPT_ARG(struct opts, sa, "SA", "SA state with one live IKE SA, '-' for standard input"),
	OPT_END
};

struct run {
	struct probe_tool	 tool;
	struct say		 say;
	struct watch		 watch;
	struct ike_ping		*ping;
	bool			 gone;		/* the reader of the report: see ${why_gone} */
	struct fault		 why_gone;
};

static struct now
now(void)
{
	return (clock_now(NULL));
}

/* Flushes each line; ends if the reader has closed the pipe. */
static void
flush(struct run *r)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	prog_stdout_fault(&r->why_gone);
	r->gone = true;
	clearerr(stdout);	/* reported here, so not again at exit */
	__fpurge(stdout);
	probe_tool_stop(&r->tool);
}

/* --- the machine --- */

static void
on_event(void *ctx, const struct ike_ping_event *ev)
{
	struct run *r = ctx;

	if (r->gone || (r->watch.table.on && !watch_event(&r->watch, ev, now())))
		return;
	watch_clear(&r->watch);
	say_event(&r->say, ev);
	flush(r);
}

static void
on_stepped(void *ctx)
{
	struct run *r = ctx;

	if (r->gone || !r->watch.table.on)
		return;
	watch_draw(&r->watch, &r->say, now());
	flush(r);
}

static void
ping_status(void *ctx)
{
	struct run *r = ctx;

	watch_clear(&r->watch);
	say_status(&r->say, ike_ping_stats(r->ping));
	on_stepped(r);
}

static const struct probe_tool_calls calls = { .stepped = on_stepped, .status = ping_status };

/* --- beginning --- */

/* The holder of the port sends hellos to the peer; without one the peer would consider us dead. */
static struct ike_ping *
listen_for(struct run *r, const struct opts *o, const struct sa_ike *s, struct ike_ping_conf *conf,
    struct fault *f)
{
	bool alone = ports_owning(r->tool.ports, s->local.at.addr.family, r->say.local.port);

	r->say.hellos = true;
	r->say.peer_ms = ike_heartbeat_announced(s);
	r->say.hello_ms = o->hello_ms == HELLO_OFF ? 0 : o->hello_ms != HELLO_AUTO ? o->hello_ms :
	    alone ? r->say.peer_ms : 0;
	conf->hello_ms = r->say.hello_ms;
	conf->threshold = o->threshold;
	return (ike_ping_heartbeats(s, conf, now(), f));
}

/* The port that the SA's datagrams go by: joined where a resident tool has it, else bound. */
static int
open_sa(struct run *r, const struct opts *o, struct ike_ping_conf *conf, struct fault *f)
{
	struct now t = now();
	struct sa_ike s = {0};
	int rc = -1;

	if (state_read(&s, o->sa, t.epoch, f) != 0)
		return (-1);
	if (!s.dpd && !o->heartbeat)
		report_warn("the peer did not announce DPD and may not answer");
	r->say.with_sa = true;
	r->say.local = s.local.at;
	r->say.remote = s.remote.at;
	if (ports_open(r->tool.ports, &r->say.local, s.natt.tcp ? PORT_TCP :
	    s.natt.marker == SA_MARKER_NON_ESP ? PORT_NATT : PORT_IKE, PORTS_BIND_ANY | PORTS_CONNECT, f) == 0 &&
	    (r->ping = o->heartbeat ? listen_for(r, o, &s, conf, f) :
	    ike_ping_sa(&s, conf, t, f)) != NULL) {
		ike_ping_id(r->ping, r->say.id);
		rc = 0;
	}
	sa_ike_wipe(&s);
	return (rc);
}

static int
open_peer(struct run *r, const struct opts *o, struct ike_ping_conf *conf, struct fault *f)
{
	struct endpoint *local = &r->say.local, *remote = &r->say.remote;

	if (probe_tool_peer(remote, o->peer, 0, f) != 0 ||
	    ports_source(&local->addr, remote, 0, f) != 0 ||
	    /* Behind port 4500 every message has a marker. */
	    probe_tool_port(&r->tool, local, remote->port == PORT_NATT_DEFAULT ? PORT_NATT :
	    PORT_IKE, NULL, f) != 0)
		return (-1);
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

	r->say.json = o->json;
	r->say.quiet = report_level() < 0;
	if ((o->peer == NULL) == (o->sa == NULL))
		return (fault(f, FAULT_USAGE, o->peer == NULL ?
		    "neither SA nor --peer PEER given" : "SA and --peer exclude each other"));
	if (o->watch && !isatty(STDOUT_FILENO))
		return (fault(f, FAULT_USAGE, "--watch requires a terminal as standard output"));
	if (o->watch)
		(void)term_table_open(&r->watch.table);
	if (!o->heartbeat && (o->threshold != HEARTBEAT_THRESHOLD_DEFAULT || o->hello_ms != HELLO_AUTO))
		return (fault(f, FAULT_USAGE, "--threshold and --hello require --heartbeat"));
	r->tool.calls = &calls;
	r->tool.ctx = r;
	if (probe_tool_open(&r->tool, f) != 0)
		return (-1);
	return ((o->sa != NULL ? open_sa : open_peer)(r, o, &conf, f));
}

static enum exit_status
end(struct run *r, const struct opts *o)
{
	const struct ike_ping_stats *st = ike_ping_stats(r->ping);

	if (!r->gone) {
		on_stepped(r);
		if (r->watch.table.rows > 0)
			(void)putchar('\n');
		say_end(&r->say, st);
		flush(r);
	}
	if (r->gone)
		return (report_fault(&r->why_gone));
	if (st->answered > 0)
		return (EXIT_DONE);
	if (st->sent > 0 && r->tool.unsent >= st->sent)
		return (fault_exit(r->tool.why_unsent.code));
	if (o->heartbeat)
		report_hint("the peer is down or forgot this SA, or UDP %u is filtered; without "
		    "--heartbeat dpd-ping sends probes", r->say.remote.port);
	else if (st->odd > 0)
		report_hint("the peer is alive and has this SA, but its dead peer detection is at fault: "
		    "it answers numbers that were not asked (RFC 3706, 6.1)");
	else if (o->sa != NULL)
		report_hint("the peer is down or forgot this SA, or UDP %u is filtered; "
		    "dpd-ping --peer checks whether an IKE daemon answers", r->say.remote.port);
	else
		report_hint("no IKE daemon, or it ignores unknown initiators, or UDP %u is filtered "
		    "on the path", r->say.remote.port);
	return (EXIT_NO);
}

int
main(int argc, char *argv[])
{
	struct opts o = {
		.interval_ms = 1000, .wait_ms = 2000, .threshold = HEARTBEAT_THRESHOLD_DEFAULT,
	};
	struct run r = {0};
	struct fault f = {0};
	enum exit_status status;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	if (open_all(&r, &o, &f) == 0 && probe_tool_confine(o.user, &f) == 0) {
		say_start(&r.say);
		flush(&r);
		probe_tool_start(&r.tool, ike_ping_machine(r.ping));
		if (!r.gone)
			probe_tool_run(&r.tool);
		status = end(&r, &o);
	} else
		status = report_fault(&f);
	probe_tool_close(&r.tool);
	ike_ping_free(r.ping);
	return (status);
}
