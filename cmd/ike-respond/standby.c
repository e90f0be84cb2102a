/*
 * Two gateways, one address. Each one runs "ike-respond --standby | esp-tun --standby" and reads the records of the other. The
 * standby holds the SAs. At the takeover it counts one more takeover in each child SA, by which esp-tun chooses
 * sequence numbers that the other gateway does not use (esp/sa.h), and writes that before it sends anything. It reads on: when
 * it sees that the other gateway has taken over in turn, it ends at once. The events of takeovers are counted for that: one with a
 * lower count is older. It never sends deletes, since the other gateway may use the SAs.
 */
#include "standby.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"
#include "host/record_share.h"
#include "ike/policy_match.h"
#include "os/record_in.h"
#include "os/rundir.h"
#include "sa/set.h"

#define AGAIN_MS	200	/* until standard input, which has no writer, or a slow reader is looked at again */
#define STATE_LINE	16	/* bytes: "inactive false" is the longest */
#define PENDING_MAX	(SA_OUT_QUEUE / 4)	/* bytes that wait for the reader: then nothing is read */

struct standby {
	struct ike_tool		*t;
	struct sa_in		*in;		/* NULL: it ended, and is opened again */
	struct sa_set		*set;		/* NULL after the takeover */
	struct sa_rec		*rec;		/* in hand */
	ev_io			 on_in;
	ev_timer		 on_again;
	ev_signal		 on_usr2;
	struct record_share	*share;		/* NULL: no socket for the other gateway */
	bool			 active;
	bool			 came;		/* records of this writer, */
	bool			 snapshot;	/* which has begun to list its SAs, */
	bool			 sweep;		/* as the active gateway: it has no other ones; */
	bool			 followed;	/* and all that there were once: the SAs of now are here */
	bool			 over;		/* a writer has ended: nobody has SAs, perhaps */
	uint64_t		 takeovers;	/* the highest count in a takeover event so far; once active, that of our takeover */
	char			 place[RUNDIR_PLACE];
	int			 state_fd;	/* of --standby-state, or -1 */
	char			 said[STATE_LINE + 1];
};

/* Writes a record to esp-tun and to the gateway that follows. */
static void
put(struct standby *s, const struct sa_rec *r)
{
	struct fault f;

	if (sa_out_put(s->t->out, r, &f) != 0)
		ike_tool_lost(s->t, &f);
}

/* --- what others see --- */

/*
 * The state of this gateway. It is fit to be the active one unless the other gateway is there and may have SAs that have not come
 * here yet.
 */
static const char *
state(void *ctx, bool *fit)
{
	const struct standby *s = ctx;

	*fit = s->active || s->followed || s->over;
	return (s->active ? "active" : s->followed ? "ready" : "inactive");
}

/* Writes it to the file of --standby-state, in a line of fixed length: a reader never sees a part of one. */
static void
write_state(struct standby *s)
{
	char line[STATE_LINE + 1], words[STATE_LINE];
	const char *word;
	struct fault f;
	bool fit;

	if (s->state_fd == -1)
		return;
	word = state(s, &fit);
	(void)snprintf(words, sizeof(words), "%s %s", word, fit ? "true" : "false");
	(void)snprintf(line, sizeof(line), "%-*s\n", STATE_LINE - 1, words);
	if (strcmp(line, s->said) == 0)
		return;
	memcpy(s->said, line, sizeof(line));
	if (pwrite(s->state_fd, line, STATE_LINE, 0) != STATE_LINE) {
		(void)fault_sys(&f, FAULT_SYSTEM, "cannot write the file of --standby-state");
		report_note(&f);
	}
}

/* --- the takeover --- */

/* The policy of an SA: by the name in its record, or else by the peer's address. NULL: there is none. */
static struct ike_policy *
policy_of(const struct standby *s, const char *name, const struct addr *remote)
{
	const struct ike_conf *conf = ike_engine_conf(ike_host_engine(s->t->host));

	for (size_t i = 0; i < conf->n_policies && name[0] != '\0'; i++)
		if (strcmp(conf->policies[i].name, name) == 0)
			return (&conf->policies[i]);
	return (conf->n_policies == 1 ? &conf->policies[0] : ike_policy_for_stranger(conf, remote, SA_MAIN));
}

static bool
adopt(struct standby *s)
{
	const struct sa_rec *r = s->rec;
	const char *name = r->type == SA_IKE ? r->ike.name : r->child.name;
	const struct endpoint *at = r->type == SA_IKE ? &r->ike.remote.at : &r->child.remote.at;
	struct ike_policy *p = policy_of(s, name, &at->addr);
	char text[ENDPOINT_TEXT];
	struct fault f;

	if (p == NULL)
		report_warn("no section is for the peer at %s: its SAs cannot be rekeyed here", endpoint_text(text, at));
	else if (ike_tool_adopt(s->t, r, p, &f) != 0)
		report_note(&f);
	else
		return (true);
	return (false);
}

/* Hands the held SAs of ${type} to the engine. Returns how many it accepted. */
static size_t
adopt_all(struct standby *s, enum sa_type type)
{
	const struct sa_rec *held;
	size_t at = 0, n = 0;

	while ((held = sa_set_next(s->set, &at, NULL)) != NULL) {
		if (held->type != type || sa_rec_copy(s->rec, held) != 0)
			continue;
		if (type == SA_CHILD) {
			if (s->rec->child.takeovers < UINT32_MAX)
				s->rec->child.takeovers++;
			put(s, s->rec);
		}
		/* The AH of a bundle goes with its ESP, whose quick mode negotiates both. */
		if (type == SA_IKE || s->rec->child.protocol != SA_AH || get_be32(s->rec->child.bundle) == 0)
			n += adopt(s);
		sa_rec_wipe(s->rec);
	}
	return (n);
}

/* An event of this gateway; with SA_EVENT_OTHER it is ${other}. */
static void
put_event(struct standby *s, enum sa_event_kind what, const char *other)
{
	struct sa_rec r = { .type = SA_EVENT };

	r.event.time = ike_host_now(s->t->host).epoch;
	r.event.what = what;
	r.event.takeovers = what == SA_EVENT_TAKEOVER ? s->takeovers : 0;
	(void)snprintf(r.event.what_other, sizeof(r.event.what_other), "%s", other);
	(void)snprintf(r.event.source, sizeof(r.event.source), "ike-respond");
	(void)snprintf(r.event.text, sizeof(r.event.text), "%s", s->place);
	put(s, &r);
}

static void
take_over(struct ev_loop *loop, ev_signal *w, int events)
{
	struct standby *s = w->data;
	struct now now = ike_host_now(s->t->host);
	struct ike_outbox todo = {0};
	size_t n_ike, n_child;

	(void)loop;
	(void)events;
	if (s->active || s->t->ending)
		return;
	s->active = true;
	s->snapshot = false;
	if (s->takeovers < UINT64_MAX)
		s->takeovers++;
	/* Before the records that it changes. */
	put_event(s, SA_EVENT_TAKEOVER, "");
	(void)sa_set_expire(s->set, now.epoch, NULL, NULL);
	n_ike = adopt_all(s, SA_IKE);
	n_child = adopt_all(s, SA_CHILD);
	sa_set_free(s->set);
	s->set = NULL;
	ike_engine_take_over(ike_host_engine(s->t->host), now);
	ike_host_do(s->t->host, &todo);
	report_say(0, "takeover: this end is active now, with %zu IKE SAs and %zu child SAs", n_ike, n_child);
	if (s->share != NULL)
		record_share_active(s->share);
	write_state(s);
	notify_status(&s->t->notify, "active");
}

/* --- the other gateway's records --- */

/* An SA whose peer has moved, or that the other gateway has no more. */
static void
changed(void *ctx, enum sa_change change, const struct sa_rec *now, const struct sa_rec *was, unsigned source, enum sa_reason reason)
{
	struct sa_rec gone = { .type = SA_DELETE };
	struct standby *s = ctx;

	(void)was;
	(void)source;
	if (change != SA_REMOVED) {
		put(s, now);
		return;
	}
	gone.del.has_ike = true;
	gone.del.reason = reason;
	if (now->type == SA_IKE) {
		memcpy(gone.del.ike, now->ike.spi_i, 8);
		memcpy(gone.del.ike + 8, now->ike.spi_r, 8);
	} else {
		gone.del.has_protocol = gone.del.has_spi_in = gone.del.has_spi_out = true;
		gone.del.protocol = now->child.protocol;
		memcpy(gone.del.ike, now->child.ike, sizeof(gone.del.ike));
		memcpy(gone.del.spi_in, now->child.spi_in, 4);
		memcpy(gone.del.spi_out, now->child.spi_out, 4);
	}
	put(s, &gone);
}

/*
 * The other gateway lists the SAs that it has. If it is the active one, there are no others: those that ended while nothing
 * came from there are removed here. One that stands by, or begins again, may know less than this one.
 */
static void
snapshot(struct standby *s, const struct sa_event *ev)
{
	if (ev->what == SA_EVENT_SNAPSHOT) {
		s->snapshot = true;
		s->sweep = strcmp(ev->text, "active") == 0;
		sa_set_round(s->set);
	} else if (s->snapshot) {
		s->snapshot = false;
		if (s->sweep)
			(void)sa_set_sweep(s->set, changed, s);
	}
}

static void
lost(struct standby *s, const struct sa_rec *r)
{
	struct fault f;

	(void)fault(&f, FAULT_CLAIMED, "another gateway has taken the SAs over: this one sends nothing more");
	put(s, r);
	ike_tool_shutdown(s->t, report_fault(&f));
}

/*
 * Whether the other gateway took over after this one. This end sees an older takeover when it reads the records of the other
 * gateway again from the beginning. If both took over at once, the counts are equal: then the places decide which one
 * goes on.
 */
static bool
is_later(const struct standby *s, const struct sa_event *ev)
{
	int order = strcmp(ev->text, s->place);

	return (order != 0 && (ev->takeovers > s->takeovers || (ev->takeovers == s->takeovers && order > 0)));
}

static void
receive(struct standby *s, const struct sa_rec *r)
{
	struct fault f = {0};

	if (r->type == SA_EVENT && r->event.what == SA_EVENT_TAKEOVER) {
		if (s->active && is_later(s, &r->event))
			lost(s, r);
		else if (!s->active && r->event.takeovers > s->takeovers) {
			s->takeovers = r->event.takeovers;
			/* Only for the other gateway: esp-tun would obey one of ours, from before this process began. */
			if (s->share != NULL)
				record_share_put(s->share, r);
		}
	} else if (s->active)
		return;
	else if (r->type == SA_EVENT && r->event.what == SA_EVENT_REMAP)
		sa_set_remap(s->set, &r->event, changed, s);
	else if (r->type == SA_EVENT && (r->event.what == SA_EVENT_SNAPSHOT || r->event.what == SA_EVENT_CURRENT))
		snapshot(s, &r->event);
	else if (r->type == SA_IKE || r->type == SA_CHILD || r->type == SA_DELETE)
		switch (sa_set_apply(s->set, 0, r, NULL, NULL, &f)) {
		case SA_DONE:
			put(s, r);
			break;
		case SA_BAD:
			report_note(&f);
			break;
		case SA_NOTHING:
		case SA_FOREIGN:
			break;
		}
}

static void
watch(struct standby *s)
{
	int fd = s->in != NULL ? sa_in_fd(s->in, 0) : -1;

	ev_io_stop(s->t->loop, &s->on_in);
	ev_timer_stop(s->t->loop, &s->on_again);
	if (fd != -1 && sa_out_pending(s->t->out) <= PENDING_MAX) {
		ev_io_set(&s->on_in, fd, EV_READ);
		ev_io_start(s->t->loop, &s->on_in);
	} else {
		ev_timer_set(&s->on_again, AGAIN_MS / 1000., 0.);
		ev_timer_start(s->t->loop, &s->on_again);
	}
}

/* Reads all that is available. A writer that ends within a record was killed. */
static void
drain(struct standby *s)
{
	struct sa_in_at at;
	struct fault f;
	int rc = 0;

	if (s->in == NULL && (s->in = sa_in_open(0, NULL, &f)) == NULL)
		report_note(&f);
	while (s->in != NULL && !s->t->ending && sa_out_pending(s->t->out) <= PENDING_MAX &&
	    (rc = sa_in_next(s->in, false, s->rec, &at, &f)) != 0) {
		if (rc > 0) {
			s->came = true;
			receive(s, s->rec);
		} else if (f.code != FAULT_TRUNCATED)
			report_note(&f);
		sa_rec_wipe(s->rec);
	}
	/* Of a gateway that sends no snapshots, all records are here when the pipe is empty. */
	if (rc == 0 && s->came && !s->snapshot)
		s->followed = true;
	if (s->in != NULL && sa_in_ended(s->in)) {
		sa_in_close(s->in);
		s->in = NULL;
		s->came = s->snapshot = false;
		s->over = true;
	}
	write_state(s);
	watch(s);
}

static void
on_in(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	(void)events;
	drain(w->data);
}

static void
on_again(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	drain(w->data);
}

/* --- life --- */

static void
on_put(void *ctx, const struct sa_rec *r)
{
	struct standby *s = ctx;

	record_share_put(s->share, r);
}

static void
on_reader(const struct fault *why)
{
	report_warn("%s", why->what);
}

struct standby *
standby_open(struct ike_tool *t, const char *share, const char *state_path, struct fault *f)
{
	struct standby *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->state_fd = -1;
	if (s == NULL || (s->rec = calloc(1, sizeof(*s->rec))) == NULL || (s->set = sa_set_new()) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for SA state");
		standby_close(s);
		return (NULL);
	}
	s->t = t;
	ev_init(&s->on_in, on_in);
	ev_init(&s->on_again, on_again);
	ev_signal_init(&s->on_usr2, take_over, SIGUSR2);
	s->on_in.data = s->on_again.data = s->on_usr2.data = s;
	/* Not a new file: vpnmon, which has no privileges, keeps the one that it opened. */
	if (state_path != NULL && (s->state_fd = open(state_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1) {
		(void)fault_sys(f, errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM, "cannot write %s", state_path);
		standby_close(s);
		return (NULL);
	}
	if (rundir_place(s->place, f) != 0 || (s->in = sa_in_open(0, NULL, f)) == NULL ||
	    (share != NULL && (s->share = record_share_open(t->loop, share, RECORD_SHARE_STALL_MS, on_reader, f)) == NULL)) {
		standby_close(s);
		return (NULL);
	}
	if (s->share != NULL)
		sa_out_show(t->out, on_put, s);
	ike_engine_standby(ike_host_engine(t->host));
	if (t->control != NULL)
		ike_control_standby(t->control, state, s);
	/* The first record: a gateway that follows has a record to read even when this one has no SA. */
	put_event(s, SA_EVENT_OTHER, "standby");
	ev_signal_start(t->loop, &s->on_usr2);
	write_state(s);
	watch(s);
	return (s);
}

void
standby_close(struct standby *s)
{
	if (s == NULL)
		return;
	if (s->t != NULL && s->t->loop != NULL) {
		ev_io_stop(s->t->loop, &s->on_in);
		ev_timer_stop(s->t->loop, &s->on_again);
		ev_signal_stop(s->t->loop, &s->on_usr2);
	}
	if (s->t != NULL && s->share != NULL)
		sa_out_show(s->t->out, NULL, NULL);
	record_share_close(s->share);
	if (s->state_fd != -1)
		(void)close(s->state_fd);
	sa_in_close(s->in);
	sa_set_free(s->set);
	if (s->rec != NULL)
		sa_rec_wipe(s->rec);
	free(s->rec);
	free(s);
}
