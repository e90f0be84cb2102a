/* The tool around the data path: the record streams, signals, the end. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "esp_tun.h"
#include "base/biglock.h"
#include "cli/loop.h"
#include "cli/peer_addr.h"
#include "os/clock.h"
#include "os/priv.h"
#include "os/sandbox.h"

/* ---- reports of the data path */

static void
on_note(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (level > 0 || report_allow(NULL))
		report_say(level, "%s", text);
}

static void
on_trouble(void *ctx, const struct fault *f)
{
	(void)ctx;
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
on_state(void *ctx, bool up, const struct esp_pair *pair, const char *why)
{
	char at[ADDR_TEXT], from[SELECTOR_TEXT], to[SELECTOR_TEXT];
	struct tool *t = ctx;

	report_say(0, "%s is %s: %s to %s through %s%s%s", datapath_tun(t->dp), up ? "up" : "down",
	    selector_net_text(from, &pair->out.src_ts[0]), selector_net_text(to, &pair->out.dst_ts[0]),
	    addr_text(at, &pair->remote.addr), up || *why == '\0' ? "" : ": ", up ? "" : why);
	if (up)
		inside_up(t->inside);
	tool_script(t, up ? "connect" : "disconnect", pair);
	if (up)
		notify_ready(&t->notify, "up");
	else
		notify_status(&t->notify, "down");
	if (!up && sa_in_ended(t->in))
		ev_break(t->loop, EVBREAK_ALL);
}

static void
on_nhrp(void *ctx, const struct addr *from, struct span nhrp)
{
	inside_nhrp(((struct tool *)ctx)->inside, from, nhrp);
}

static void
on_crossed(void *ctx, const struct addr *from, const struct addr *to, struct span head)
{
	inside_crossed(((struct tool *)ctx)->inside, from, to, head);
}

static void
on_used(void *ctx, const struct addr *to)
{
	inside_used(((struct tool *)ctx)->inside, to);
}

/* A record of NHRP: the SAs of those before it are in use. */
static int
on_other(void *ctx, const struct sa_rec *r, struct fault *f)
{
	struct tool *t = ctx;

	if (r->type == SA_NHRP_BINDING && inside_record(t->inside, &r->binding, f) != 0)
		return (-1);
	pass_record(t->pass, r, r->type == SA_NHRP_BINDING && datapath_gre_peer(t->dp, sa_binding_nbma(&r->binding)));
	return (0);
}

static void
on_unusable(void *ctx, const struct addr *peer)
{
	pass_unusable(((struct tool *)ctx)->pass, peer);
}

static void
on_peer(void *ctx, const struct addr *peer, bool up)
{
	pass_peer(((struct tool *)ctx)->pass, peer, up);
}

static void
on_line(void *ctx, const char *text)
{
	(void)ctx;
	report_say(-1, "%s", text);
}

/* ---- records */

/* An SA that cannot be used; the others go on. */
static void
bad_record(struct tool *t, const struct fault *f)
{
	bool quiet = f->cause == CAUSE_EXPIRED;

	t->claimed = t->claimed || f->code == FAULT_CLAIMED;
	/* A log holds SAs that have had their time: nothing to complain about, unless it is all. */
	if (t->first.code == FAULT_NONE || !quiet) {
		t->first = *f;
		t->said = !quiet;
	}
	/* A peer decides how many SAs it negotiates. */
	if (!quiet && report_allow(__func__))
		(void)report_fault(f);
	else
		report_say(1, "%s: %s", f->where, f->what);
}

static void
bad_sa(struct tool *t, uint32_t source, uint64_t off, struct fault *f)
{
	control_refused(t->control, source, f);
	fault_where(f, "%.40s at byte %llu", source >= CONTROL_SOURCE ? "the control socket" : sa_in_name(t->in, source),
	    (unsigned long long)off);
	bad_record(t, f);
}

/* Whether no more records can be accepted now. */
static bool
full(const struct tool *t)
{
	return (datapath_waiting(t->dp) >= DATAPATH_TURNS);
}

static void on_records(struct ev_loop *loop, ev_io *w, int revents);

/* Watches the open sources, unless records have to wait. A source that ended has closed its descriptor. */
static void
watch(struct tool *t)
{
	for (unsigned i = 0; i < sa_in_sources(t->in); i++) {
		int fd = full(t) ? -1 : sa_in_fd(t->in, i);

		if (fd != -1 && ev_is_active(&t->io[i]) && t->io[i].fd == fd)
			continue;
		ev_io_stop(t->loop, &t->io[i]);
		if (fd == -1)
			continue;
		ev_io_init(&t->io[i], on_records, fd, EV_READ);
		t->io[i].data = t;
		ev_io_start(t->loop, &t->io[i]);
	}
}

/*
 * When the first SA is in use, all descriptors are open. Its port is, too: other holders must see
 * the uid of before the drop. Without an SA there is nothing to protect.
 */
static void
drop_privileges(struct tool *t)
{
	struct fault f;

	if (t->dropped || datapath_alive(t->dp) == 0)
		return;
	t->dropped = true;
	if (priv_drop(t->o->user, PRIV_NET_ADMIN, &f) == -1 || sandbox_enter(SANDBOX_DATAPATH, &f) == -1)
		on_broken(t, &f);
	/* Now: a thread has the privileges and the sandbox of the one that starts it. */
	else if (datapath_start(t->dp, &f) != 0)
		on_broken(t, &f);
}

/* Reports that the input has ended. True if the tool ends with it. */
static bool
input_over(struct tool *t)
{
	char until[CLOCK_TEXT];

	if (!sa_in_ended(t->in) || datapath_waiting(t->dp) > 0)
		return (false);
	if (standby_waits(t->standby))
		return (false);
	datapath_input_over(t->dp);
	if (datapath_alive(t->dp) == 0 || t->o->with_input)
		return (true);
	/* The end of a file means nothing; that of a pipe is the end of its writer. */
	if (!t->input_over)
		report_say(sa_in_piped(t->in) ? 0 : 1, "the input has ended: %s goes on until %s without rekeying",
		    datapath_tun(t->dp), clock_text(until, datapath_until(t->dp)));
	t->input_over = true;
	return (false);
}

static void
give(struct tool *t, struct sa_rec *r, const struct sa_in_at *at)
{
	struct fault f;

	if (r->type == SA_IKE && r->ike.has_config)
		tool_config(t, &r->ike);
	if (datapath_record(t->dp, r, at->source, at->off, &f) != 0)
		bad_sa(t, at->source, at->off, &f);
}

static void
take_over(struct tool *t)
{
	if (!standby_waits(t->standby))
		return;
	standby_take(t->standby, clock_now(&(struct clock){0}).epoch);
	report_say(0, "takeover: this end is active now");
}

static void
receive(struct tool *t, struct sa_rec *r, const struct sa_in_at *at)
{
	struct fault f = {0};

	switch (t->standby != NULL ? standby_record(t->standby, r, at->source, &f) : STANDBY_PASS) {
	case STANDBY_PASS:
		give(t, r, at);
		break;
	case STANDBY_KEPT:
		if (f.code != FAULT_NONE)
			bad_sa(t, at->source, at->off, &f);
		break;
	case STANDBY_TAKE:
		take_over(t);
		break;
	case STANDBY_LOST:
		(void)fault(&f, FAULT_CLAIMED, "another gateway has taken the SAs over: this one sends nothing more");
		on_broken(t, &f);
		break;
	}
}

/* As sa_in_next(): packets go on while it reads and decodes. */
static int
next_record(struct tool *t, struct sa_rec *r, struct sa_in_at *at, struct fault *f)
{
	int rc;

	biglock_leave();
	rc = sa_in_next(t->in, false, r, at, f);
	biglock_take();
	return (rc);
}

/* Reads all records that are there; first those that were held until the takeover. */
static void
drain(void *ctx)
{
	struct tool *t = ctx;
	struct sa_rec *r = malloc(sizeof(*r));
	struct sa_in_at at;
	struct fault f;
	int rc;

	if (r == NULL)
		return;
	while (!full(t) && !t->broken) {
		at = (struct sa_in_at){0};
		if (t->standby != NULL && !standby_waits(t->standby) && standby_next(t->standby, r, &at.source))
			give(t, r, &at);
		else if ((rc = next_record(t, r, &at, &f)) > 0)
			receive(t, r, &at);
		else if (rc == 0)
			break;
		else {
			bad_record(t, &f);
			continue;
		}
		sa_rec_wipe(r);
	}
	free(r);
	inside_settle(t->inside);
	control_resume(t->control);
	drop_privileges(t);
	watch(t);
	if (input_over(t))
		ev_break(t->loop, EVBREAK_ALL);
}

static void
on_refused(void *ctx, uint32_t source, uint64_t off, const struct fault *f)
{
	struct fault own = *f;

	bad_sa(ctx, source, off, &own);
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
	if (w->signum == SIGUSR2) {
		take_over(t);
		drain(t);
		return;
	}
	if (w->signum == SIGUSR1) {
		datapath_stats(t->dp, on_line, NULL);
		return;
	}
	t->stopped = true;
	notify_stopping(&t->notify);
	ev_break(loop, EVBREAK_ALL);
}

static void
on_watchdog(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct tool *t = w->data;

	(void)loop, (void)revents;
	notify_alive(&t->notify);
}

/* ---- life */

#define SCRIPT_WAIT_MS	5000	/* for the script's last run */
#define KEEPER_WAIT_MS	500	/* for the last numbers to be written */
#define RECORDER_WAIT_MS 2000	/* for the last packets to be written */

/* --nhrp: the device is there. */
static int
open_inside(struct tool *t, struct fault *f)
{
	struct inside_opt o = { .address = t->addresses[0].net, .hub = t->o->hub };

	if (strcmp(t->o->nhrp, "any") != 0 && numeric_parse(&o.local, t->o->nhrp, "--nhrp", f) != 0)
		return (-1);
	return ((t->inside = inside_open(t->loop, t->dp, &o, on_trouble, t, f)) != NULL ? 0 : -1);
}

int
tool_open(struct tool *t, const struct tun_opts *o, const struct datapath_opt *d, struct fault *f)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	const struct datapath_calls calls = { .note = on_note, .trouble = on_trouble,
	    .state = on_state, .drain = drain, .refused = on_refused, .unusable = on_unusable,
	    .resume = drain, .broken = on_broken, .nhrp = on_nhrp, .crossed = on_crossed, .used = on_used,
	    .other = on_other, .peer = o->pass ? on_peer : NULL };
	struct recorder_task task = { .path = o->pcap, .tool = prog_name(), .user = o->user,
	    .wide = report_open_file };
	struct datapath_opt own;
	struct control_host host;
	struct claims claims;
	unsigned i, n;
	int rc;

	if (notify_open(&t->notify, o->ready_fd, f) != 0)
		return (-1);
	t->o = o;
	t->addresses = d->addresses;
	t->n_addresses = d->n_addresses;
	t->script.helper.fd = t->keeper.fd = t->recorder.fd = -1;
	if (o->pass && (t->pass = pass_open(f)) == NULL)
		return (-1);
	if (o->script != NULL && script_open(&t->script, o->script, "the script", f) != 0)
		return (-1);
	if (claims_open(&claims, o->state_dir, f) != 0)
		return (-1);
	rc = helper_fork(&t->keeper, keeper_serve, &claims, claims.dir, false, f);
	claims_close(&claims);
	if (rc != 0)
		return (-1);
	/* Before there is a key in memory; standard output is for it alone if it goes there. */
	if (o->pcap != NULL && helper_fork(&t->recorder, recorder_serve, &task, -1,
	    strcmp(o->pcap, "-") == 0, f) != 0)
		return (-1);
	if ((t->loop = loop_make(true, f)) == NULL)
		return (-1);
	pass_watch(t->pass, t->loop);
	if ((t->in = sa_in_open(o->files.n, o->files.v, f)) == NULL)
		return (-1);
	n = sa_in_sources(t->in);
	for (i = 0; i < n; i++)
		report_wide_mode(sa_in_name(t->in, i), sa_in_wide_mode(t->in, i));
	if ((t->io = calloc(n, sizeof(*t->io))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for input"));
	if (o->standby && (t->standby = standby_new(f)) == NULL)
		return (-1);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signals[i] == SIGUSR2 && t->standby == NULL)
			continue;
		ev_signal_init(&t->sig[i], on_signal, signals[i]);
		t->sig[i].data = t;
		ev_signal_start(t->loop, &t->sig[i]);
	}
	ev_timer_init(&t->on_watchdog, on_watchdog, 0., t->notify.watchdog_ms / 1000.);
	t->on_watchdog.data = t;
	if (t->notify.watchdog_ms != 0)
		ev_timer_again(t->loop, &t->on_watchdog);
	own = *d;
	own.keeper = t->keeper.fd;
	own.recorder = t->recorder.fd;
	if ((t->dp = datapath_new(t->loop, &own, &calls, t, f)) == NULL)
		return (-1);
	host = datapath_control(t->dp);
	if (o->control != NULL && (t->control = control_open(&host, o->control, f)) == NULL)
		return (-1);
	if (o->nhrp != NULL && open_inside(t, f) != 0)
		return (-1);
	report_say(1, "device %s is open", datapath_tun(t->dp));
	return (0);
}

static int
how_it_ended(struct tool *t)
{
	struct fault f;

	if (t->first.code != FAULT_NONE && (t->broken || datapath_ever(t->dp) == 0 ||
	    fault_exit(t->first.code) == EXIT_DATA)) {
		if (!t->said)
			return (report_fault(&t->first));
		return ((int)fault_exit(t->first.code));
	}
	/* It had SAs of its own, such as one that the other process has deleted since; the other one has the tunnel. */
	if (t->claimed && !t->stopped)
		return ((int)fault_exit(FAULT_CLAIMED));
	if (t->stopped || datapath_ever(t->dp) > 0)
		return (EXIT_DONE);
	(void)fault(&f, FAULT_NO_CHILD, "the input ended without a child SA");
	return (report_fault(&f));
}

int
tool_run(struct tool *t)
{
	drain(t);
	if (datapath_waiting(t->dp) > 0 || !input_over(t))
		ev_run(t->loop, 0);
	if (t->o->stats)
		datapath_stats(t->dp, on_line, NULL);
	return (how_it_ended(t));
}

void
tool_close(struct tool *t)
{
	size_t i;

	for (i = 0; t->io != NULL && i < sa_in_sources(t->in); i++)
		ev_io_stop(t->loop, &t->io[i]);
	control_close(t->control);
	inside_close(t->inside);
	datapath_free(t->dp);
	pass_close(t->pass);
	for (i = 0; i < sizeof(t->sig) / sizeof(t->sig[0]) && t->loop != NULL; i++)
		ev_signal_stop(t->loop, &t->sig[i]);
	standby_free(t->standby);
	if (t->notify.watchdog_ms != 0 && t->loop != NULL)
		ev_timer_stop(t->loop, &t->on_watchdog);
	sa_in_close(t->in);
	free(t->io);
	free(t->config);
	if (t->o == NULL)
		return;
	notify_close(&t->notify);
	helper_close(&t->keeper, KEEPER_WAIT_MS);
	helper_close(&t->recorder, RECORDER_WAIT_MS);
	script_close(&t->script, SCRIPT_WAIT_MS);
}
