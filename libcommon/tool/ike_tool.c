/* The frame of ike-initiate and ike-respond: options, loop, output, exit. */
#include "tool/ike_tool.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/loop.h"
#include "cli/peer_addr.h"
#include "cli/report.h"
#include "ike/status.h"
#include "os/priv.h"
#include "os/sandbox.h"

#define OUT_FLUSH_MS	1000	/* for the last records, at the end */
#define SIGNAL_GRACE_MS	100	/* from a reader's end to the signal that ended it too */

const struct opt ike_tool_optab[] = {
	OPT_SECTION("Output and tests:"),
	OPT_OUTPUT(struct ike_tool_opts, output, "write SA state to FILE instead of standard output"),
	OPT_FLAG(struct ike_tool_opts, explain, 0, "explain",
	    "explain each message on standard error when it is sent or received"),
	OPT_STR(struct ike_tool_opts, pcap, 0, "pcap", "FILE",
	    "record the messages in FILE (pcapng), each with a comment"),
	OPT_STR(struct ike_tool_opts, failed_sa, 0, "failed-sa", "FILE",
	    "write the keys of a phase 1 that fails to FILE, for ike-trace --sa"),
	OPT_STR(struct ike_tool_opts, user, 0, "user", "NAME",
	    "drop privileges to NAME once the ports are open (root: sapipe)"),
	OPT_NUM(struct ike_tool_opts, ready_fd, 0, "ready-fd", "N", READY_FD_MIN, 65535,
	    "write a line to descriptor N once ready: the responder listens, the initiator has a child SA",
	    .flags = OPT_NO_DEFAULT),
	OPT_STR(struct ike_tool_opts, control, 0, "control", "PATH",
	    "report the SAs on this Unix socket, for sa-stat --ike"),
	OPT_STR(struct ike_tool_opts, seed, 0, "seed", "TEXT",
	    "derive all random values from TEXT: repeatable, not secure",
	    .flags = OPT_SEAM),
	OPT_STR(struct ike_tool_opts, clock, 0, "clock", "TIME",
	    "stop the clock at TIME", .flags = OPT_SEAM),
	OPT_END
};

/* --- the voice --- */

static void
on_note(void *ctx, enum ike_note_level level, const char *text, size_t peer_len, const void *kind)
{
	const struct ike_tool *t = ctx;
	const char *line = text, *end;

	if (level == NOTE_PROGRESS && report_level() >= 0 && isatty(STDERR_FILENO) && !t->ending)
		level = NOTE_WARN;
	if (report_level() < (level == NOTE_WARN ? 0 : level == NOTE_INFO ? 1 : 2) ||
	    !(level == NOTE_WARN ? report_allow(kind) : report_allow_verbose(kind)))
		return;
	report_peer(text, peer_len);
	/* A comparison of proposals has several lines; each gets its own. */
	for (; *line != '\0'; line = *end != '\0' ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (level == NOTE_WARN)
			report_say(0, "%.*s", (int)(end - line), line);
		else
			report_say(level == NOTE_INFO ? 1 : 2, "%.*s", (int)(end - line), line);
	}
	report_peer(NULL, 0);
}

/* The fault is of the IKE SA itself, not of what was negotiated under it: names the file it came from. */
static const struct fault *
name_state(const struct ike_tool *t, const struct fault *why, struct fault *f)
{
	if (t->state == NULL || (why->cause != CAUSE_NOTIFY_COOKIE && why->cause != CAUSE_SA_SILENT))
		return (why);
	*f = *why;
	(void)snprintf(f->where, sizeof(f->where), "%.60s: %.90s", t->state, why->where);
	f->peer_len = 0;
	return (f);
}

static void
say(const struct ike_tool *t, const struct outcome_step *s, const struct fault *why)
{
	static const char kinds[UINT8_MAX + 1];		/* a kind for each code of a fault */
	struct fault f;

	if (s->say == SAY_NOTHING || (s->rationed && !report_allow(&kinds[(uint8_t)why->code])))
		return;
	why = name_state(t, why, &f);
	if (s->say == SAY_ERROR)
		(void)report_fault(why);
	else
		report_note(why);
}

static void	commit(struct ike_tool *t);

/*
 * The records are only to be looked at. The peer gets deletes at once, so that it does not send through SAs
 * that nobody has, and again at the end, in case message 3 was lost and it had nothing to delete.
 */
static void
retract(struct ike_tool *t)
{
	struct ike_outbox todo = {0};

	ike_host_mute(t->host);
	ike_engine_retract(ike_host_engine(t->host), &todo);
	ike_host_do(t->host, &todo);
}

/* Ends the run as ${s} says. */
static void
end(struct ike_tool *t, const struct outcome_step *s)
{
	if (s->end == END_NOT)
		return;
	if (s->end == END_DELETE) {
		ike_tool_shutdown(t, s->status);
		return;
	}
	t->status = s->status;
	t->ending = true;
	if (t->look)
		retract(t);
	ev_timer_set(&t->on_linger, s->end == END_LINGER ? t->linger_ms / 1000. : 0., 0.);
	ev_timer_start(t->loop, &t->on_linger);
}

static bool
serves(const struct ike_tool *t)
{
	return (t->outcome.goal == GOAL_SERVE || t->outcome.goal == GOAL_SERVE_ONE);
}

/* Whoever started this process learns what the verdict means for it. */
static void
notify(struct ike_tool *t, enum ike_verdict what)
{
	if (what == (t->outcome.goal == GOAL_IKE ? IKE_UP : IKE_CHILD_UP))
		notify_ready(&t->notify, what == IKE_UP ? "IKE SA established" : "child SA established");
	else if (what == IKE_GONE && !serves(t))
		notify_status(&t->notify, "the connection is lost, reconnecting");
}

static void
on_verdict(void *ctx, enum ike_verdict what, const uint8_t id[16], uint32_t mid,
    const struct fault *why)
{
	struct ike_tool *t = ctx;
	struct outcome_step s;

	if (what == IKE_ASKS) {
		ike_users_ask(&t->users, id, mid);
		return;
	}
	if (what == IKE_FAILED || what == IKE_REFUSED || what == IKE_TURNED_AWAY || what == IKE_GONE)
		ike_wire_flush(t->wire);
	if (t->ending || t->lost.code != FAULT_NONE ||
	    (t->hook != NULL && t->hook(t->hook_ctx, what, mid, why)))
		return;
	s = outcome_verdict(&t->outcome, what, mid, why,
	    ike_engine_count_running(ike_host_engine(t->host)));
	notify(t, what);
	say(t, &s, why);
	if (s.commit)
		commit(t);
	if (t->lost.code == FAULT_NONE)
		end(t, &s);
}

static void
give_up(struct ike_tool *t)
{
	(void)report_fault(&t->lost);
	ike_tool_shutdown(t, fault_exit(t->lost.code));
}

/* Records have nowhere to go any more. */
static void
on_lost(void *ctx, const struct fault *why)
{
	struct ike_tool *t = ctx;

	if (t->ending || t->lost.code != FAULT_NONE)
		return;
	t->lost = *why;
	ev_io_stop(t->loop, &t->on_out);
	if (why->code != FAULT_READER_GONE) {
		give_up(t);
		return;
	}
	/* ^C goes to the whole pipeline, and the reader may have been quicker: then it is no failure. */
	ev_timer_set(&t->on_grace, SIGNAL_GRACE_MS / 1000., 0.);
	ev_timer_start(t->loop, &t->on_grace);
}

/* The records written so far can be used: a file of records appears now. */
static void
commit(struct ike_tool *t)
{
	struct fault f = {0};

	if (sa_out_commit(t->out, &f) != 0)
		on_lost(t, &f);
}

static void
on_grace(struct ev_loop *loop, struct ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	give_up(w->data);
}

static void
on_unsent(void *ctx, const struct fault *why)
{
	(void)ctx;
	report_note(why);
}

static void	watch_out(struct ike_tool *t);

/* Records may have been queued: then the pipe's room is waited for. */
static void
on_done(void *ctx)
{
	struct ike_tool *t = ctx;

	ike_users_settle(&t->users);
	watch_out(t);
}

static void
on_wire(void *ctx, const struct host_dgram *d)
{
	ike_wire_dgram(((struct ike_tool *)ctx)->wire, d);
}

static void
on_record(void *ctx, const struct sa_rec *rec)
{
	struct ike_tool *t = ctx;

	ike_wire_record(t->wire, rec);
	if (t->users.account != NULL)
		account_record(t->users.account, ike_host_now(t->host), rec);
}

static void
on_count(void *ctx, const struct sa_event *ev)
{
	const struct ike_tool *t = ctx;

	account_traffic(t->users.account, ike_host_now(t->host), ev);
}

static void
on_failed_sa(void *ctx, const struct sa_rec *rec)
{
	struct ike_tool *t = ctx;
	struct fault f = {0};

	ike_wire_record(t->wire, rec);
	if (t->failed != NULL && (sa_out_put(t->failed, rec, &f) != 0 || sa_out_commit(t->failed, &f) != 0))
		report_note(&f);
}

static const struct ike_host_calls calls = {
	.failed_sa = on_failed_sa, .count = on_count,
	.note = on_note, .verdict = on_verdict, .lost = on_lost, .unsent = on_unsent,
	.done = on_done, .wire = on_wire, .record = on_record,
};

/* --- events --- */

static void
on_status(void *ctx, const char *text)
{
	(void)ctx;
	report_say(-1, "%s", text);
}

static void
on_signal(struct ev_loop *loop, struct ev_signal *w, int events)
{
	struct ike_tool *t = w->data;

	(void)loop;
	(void)events;
	if (w->signum == SIGUSR1) {
		ike_engine_status(ike_host_engine(t->host), ike_host_now(t->host), on_status, NULL);
		return;
	}
	if (w->signum == SIGHUP && t->reload != NULL && !t->ending) {
		t->reload(t->reload_ctx);
		return;
	}
	t->told_to_stop = true;
	ike_tool_shutdown(t, t->ending ? t->status : outcome_stopped(&t->outcome));
}

static void
watch_out(struct ike_tool *t)
{
	if (t->on_out.data != NULL)
		loop_watch_out(t->loop, &t->on_out, t->out);
}

static void
on_out(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct ike_tool *t = w->data;
	struct fault f = {0};

	(void)loop;
	(void)events;
	if (sa_out_ready(t->out, &f) != 0)
		on_lost(t, &f);
	else
		watch_out(t);
}

static void
on_linger(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct ike_tool *t = w->data;

	(void)events;
	if (t->look)
		ike_host_shutdown(t->host);
	ev_break(loop, EVBREAK_ALL);
}

static void
on_watchdog(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct ike_tool *t = w->data;

	(void)loop;
	(void)events;
	notify_alive(&t->notify);
}

static void
watch_signals(struct ike_tool *t)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		ev_signal_init(&t->on_signal[i], on_signal, numbers[i]);
		t->on_signal[i].data = t;
		ev_signal_start(t->loop, &t->on_signal[i]);
	}
}

/* --- life --- */

/* Single DES comes from a provider that can't be loaded later, in the sandbox. */
int
ike_tool_ciphers(const struct ike_conf *conf, struct fault *f)
{
	const struct ike_policy *p;
	size_t i, j;

	for (i = 0; i < conf->n_policies; i++) {
		p = &conf->policies[i];
		if (p->accept_all)
			(void)cipher_ready(alg_enc_word("des"), NULL);
		for (j = 0; j < p->ike.n; j++)
			if (cipher_ready(p->ike.p[j].enc, f) != 0)
				return (-1);
	}
	return (0);
}

int
ike_tool_open(struct ike_tool *t, const struct ike_tool_opts *o, struct ike_conf *conf,
    struct fault *f)
{
	struct ike_host_opt opt = {0};

	conf->rand = o->seed != NULL ? rand_seeded(&t->seed, span_str(o->seed)) : rand_system;
	if (o->clock != NULL && clock_fix(&opt.clock, o->clock, f) != 0)
		return (-1);
	if (ike_tool_ciphers(conf, f) != 0)
		return (-1);
	/* Of policies that come later. */
	if (t->reload != NULL)
		(void)cipher_ready(alg_enc_word("des"), NULL);
	if (o->under == NULL && o->local != NULL && local_parse(&t->local, o->local, 0, f) != 0)
		return (-1);
	if ((t->wire = ike_wire_open(o->pcap, o->explain, f)) == NULL && f->code != FAULT_NONE)
		return (-1);
	if (notify_open(&t->notify, o->ready_fd, f) != 0 || (t->loop = loop_make(false, f)) == NULL)
		return (-1);
	if ((t->out = sa_out_open(o->output, f)) == NULL)
		return (-1);
	if (o->failed_sa != NULL && strcmp(o->failed_sa, "-") == 0)
		return (fault(f, FAULT_USAGE, "--failed-sa: standard output is for SA state"));
	if (o->failed_sa != NULL && (t->failed = sa_out_open(o->failed_sa, f)) == NULL)
		return (-1);
	if (o->tcp != 0 && (o->tcp_port == PORT_IKE_DEFAULT || o->tcp_port == PORT_NATT_DEFAULT))
		return (fault(f, FAULT_USAGE, "--tcp-port %u is a port of UDP encapsulation", o->tcp_port));
	opt.conf = *conf;
	opt.conf.tcp_port = o->under != NULL ? (o->under->natt.tcp ? o->under->local.at.port : 0) : o->tcp != 0 ? o->tcp_port : 0;
	opt.conf.show_keys = o->failed_sa != NULL || t->wire != NULL;
	opt.out = t->out;
	opt.one_peer = opt.conf.one_peer = t->one_peer;
	if ((t->host = ike_host_new(t->loop, &opt, &calls, t, f)) == NULL)
		return (-1);
	if (o->under != NULL ? ike_host_listen_at(t->host, &o->under->local.at,
	    o->under->natt.tcp ? PORT_TCP : o->under->natt.marker == SA_MARKER_NON_ESP ? PORT_NATT : PORT_IKE, f) != 0 :
	    ike_host_listen(t->host, t->local.port != 0 || t->local.addr.family != 0 ?
	    &t->local : NULL, !o->no_udp, f) != 0)
		return (-1);
	if (o->control != NULL && (t->control = ike_control_open(t->loop, t->host, o->control, f)) == NULL)
		return (-1);
	watch_signals(t);
	ike_users_watch(&t->users, t->loop, t->host);
	ev_init(&t->on_out, on_out);
	t->on_out.data = t;
	ev_timer_init(&t->on_linger, on_linger, 0., 0.);
	t->on_linger.data = t;
	t->look = t->look || (t->one_shot && !sa_out_kept(t->out));
	ev_timer_init(&t->on_watchdog, on_watchdog, 0., t->notify.watchdog_ms / 1000.);
	t->on_watchdog.data = t;
	ev_timer_init(&t->on_grace, on_grace, 0., 0.);
	t->on_grace.data = t;
	t->user = o->user;
	watch_out(t);
	return (0);
}

enum exit_status
ike_tool_run(struct ike_tool *t)
{
	struct fault f = {0};

	if (priv_drop(t->user, 0, &f) < 0 || sandbox_enter(SANDBOX_NEGOTIATOR, &f) < 0)
		ike_tool_shutdown(t, report_fault(&f));
	if (!t->over && serves(t))
		notify_ready(&t->notify, t->shared ? "standing by" : "listening");
	if (!t->over && t->notify.watchdog_ms != 0)
		ev_timer_again(t->loop, &t->on_watchdog);
	if (!t->over) {
		account_on(t->users.account, ike_host_now(t->host));
		ev_run(t->loop, 0);
		account_off(t->users.account, ike_host_now(t->host));
	}
	if (t->status == EXIT_DONE && (sa_out_commit(t->out, &f) != 0 ||
	    sa_out_drain(t->out, OUT_FLUSH_MS, &f) != 0) &&
	    !(t->told_to_stop && f.code == FAULT_READER_GONE))	/* the reader was told, too */
		t->status = report_fault(&f);
	return (t->status);
}

void
ike_tool_shutdown(struct ike_tool *t, enum exit_status status)
{
	t->status = status;
	t->ending = t->over = true;
	notify_stopping(&t->notify);
	if (!t->shared)
		ike_host_shutdown(t->host);
	ev_break(t->loop, EVBREAK_ALL);
}

void
ike_tool_lost(struct ike_tool *t, const struct fault *why)
{
	on_lost(t, why);
}

void
ike_tool_close(struct ike_tool *t)
{
	ike_wire_close(t->wire);
	login_close(t->users.login);
	account_close(t->users.account);
	if (t->loop == NULL)
		return;
	notify_close(&t->notify);
	ike_control_close(t->control);
	ike_host_free(t->host);
	lease_store_close(t->users.leases);
	sa_out_close(t->out);
	sa_out_close(t->failed);
	ev_loop_destroy(t->loop);
}

int
ike_tool_adopt(struct ike_tool *t, const struct sa_rec *rec, struct ike_policy *p, struct fault *f)
{
	ike_wire_record(t->wire, rec);
	return (ike_engine_adopt(ike_host_engine(t->host), ike_host_now(t->host), rec, p, f));
}

void
ike_tool_peer(struct ike_tool *t, struct ike_policy *p, const struct addr *remote)
{
	p->remote_addr = (struct selector){ .first = *remote, .last = *remote };
	ike_host_serve_peer(t->host, remote);
}
