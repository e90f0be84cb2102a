/* The records of a negotiator on a Unix socket. */
#include "host/record_share.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/record_out.h"
#include "os/unixsock.h"
#include "sa/set.h"

#define AHEAD_MAX	(SA_OUT_QUEUE / 16)	/* bytes of a snapshot that wait for a reader: the rest stays in the set */

struct reader {
	struct record_share *share;
	struct sa_out	*out;		/* NULL: the entry is free */
	ev_io		 io;
	ev_timer	 stall;
	uint64_t	 since;		/* rises with each reader */
	uint64_t	 at;		/* how far the snapshot is */
	bool		 current;	/* it is complete */
};

struct record_share {
	struct ev_loop	*loop;
	char		*path;
	uid_t		 uid;
	int		 fd;
	ev_io		 io;
	struct sa_set	*set;
	struct sa_rec	 takeover;	/* the last one; type SA_NONE: none yet */
	uint64_t	 count;		/* of readers so far */
	unsigned	 stall_ms;
	void		(*note)(const struct fault *why);
	bool		 active;
	bool		 full;		/* an SA is not in the set; reported once */
	struct reader	 readers[RECORD_SHARE_READERS];
};

/* ---- readers */

static void
hang_up(struct reader *r)
{
	ev_io_stop(r->share->loop, &r->io);
	ev_timer_stop(r->share->loop, &r->stall);
	sa_out_close(r->out);
	r->out = NULL;
}

/* It has closed the connection, or does not read. */
static void
drop(struct reader *r, const struct fault *why)
{
	struct fault f;

	/* One that has all, and leaves, is no news. */
	if (sa_out_pending(r->out) > 0) {
		(void)fault(&f, FAULT_READER_GONE, "a reader of the records is disconnected: %s", why->what);
		r->share->note(&f);
	}
	hang_up(r);
}

/* Writes to one reader, which is dropped if that fails. */
static bool
put(struct reader *r, const struct sa_rec *rec)
{
	struct fault f = {0};

	if (sa_out_put(r->out, rec, &f) == 0)
		return (true);
	drop(r, &f);
	return (false);
}

static bool
put_event(struct reader *r, enum sa_event_kind what, const char *text)
{
	struct sa_rec rec = { .type = SA_EVENT };

	rec.event.time = clock_now(NULL).epoch;
	rec.event.what = what;
	(void)snprintf(rec.event.source, sizeof(rec.event.source), "ike-respond");
	(void)snprintf(rec.event.text, sizeof(rec.event.text), "%s", text);
	return (put(r, &rec));
}

/* More of the snapshot, as much as the reader accepts. False: it was dropped. */
static bool
advance(struct reader *r)
{
	const struct sa_rec *rec;

	while (!r->current && sa_out_pending(r->out) < AHEAD_MAX) {
		rec = sa_set_after(r->share->set, &r->at);
		r->current = rec == NULL;
		if (rec != NULL ? !put(r, rec) : !put_event(r, SA_EVENT_CURRENT, ""))
			return (false);
	}
	return (true);
}

/* A reader that closes the connection polls as readable. */
static void
watch(struct reader *r)
{
	struct ev_loop *loop = r->share->loop;
	size_t waits = sa_out_pending(r->out);

	ev_io_stop(loop, &r->io);
	ev_io_set(&r->io, sa_out_fd(r->out), EV_READ | (waits > 0 ? EV_WRITE : 0));
	ev_io_start(loop, &r->io);
	if (waits == 0)
		ev_timer_stop(loop, &r->stall);
	else if (!ev_is_active(&r->stall))
		ev_timer_again(loop, &r->stall);
}

static void
on_reader(struct ev_loop *loop, ev_io *w, int events)
{
	struct reader *r = w->data;
	size_t before = sa_out_pending(r->out);
	struct fault f = {0};

	(void)events;
	if (sa_out_ready(r->out, &f) != 0) {
		drop(r, &f);
		return;
	}
	if (sa_out_pending(r->out) < before)
		ev_timer_stop(loop, &r->stall);
	if (advance(r))
		watch(r);
}

static void
on_stall(struct ev_loop *loop, ev_timer *w, int events)
{
	struct reader *r = w->data;
	size_t before = sa_out_pending(r->out);
	struct fault f = {0};

	(void)events;
	/* This process may be the one that stood still, and have the event that the reader has read still before it. */
	if (sa_out_ready(r->out, &f) == 0 && sa_out_pending(r->out) < before) {
		ev_timer_stop(loop, &r->stall);
		if (advance(r))
			watch(r);
		return;
	}
	if (f.code == FAULT_NONE)
		(void)fault(&f, FAULT_READER_GONE, "it has read nothing for %.3g s", w->repeat);
	drop(r, &f);
}

/* A free entry, or that of the oldest reader. */
static struct reader *
place(struct record_share *s)
{
	struct reader *oldest = &s->readers[0];
	struct fault f;

	for (size_t i = 0; i < RECORD_SHARE_READERS; i++) {
		if (s->readers[i].out == NULL)
			return (&s->readers[i]);
		if (s->readers[i].since < oldest->since)
			oldest = &s->readers[i];
	}
	(void)fault(&f, FAULT_READER_GONE, "the records have more than %d readers: the oldest is disconnected", RECORD_SHARE_READERS);
	s->note(&f);
	hang_up(oldest);
	return (oldest);
}

static void
on_listener(struct ev_loop *loop, ev_io *w, int events)
{
	struct record_share *s = w->data;
	int fd = unixsock_accept(s->fd, s->uid);
	struct reader *r;
	struct fault f;

	(void)loop;
	(void)events;
	if (fd == -1)
		return;
	r = place(s);
	if ((r->out = sa_out_open_socket(fd, &f)) == NULL) {
		s->note(&f);
		return;
	}
	r->share = s;
	r->since = ++s->count;
	r->at = 0;
	r->current = false;
	ev_io_init(&r->io, on_reader, -1, EV_READ);
	r->io.data = r;
	ev_init(&r->stall, on_stall);
	r->stall.repeat = s->stall_ms / 1000.;
	r->stall.data = r;
	if (put_event(r, SA_EVENT_SNAPSHOT, s->active ? "active" : "") &&
	    (s->takeover.type == SA_NONE || put(r, &s->takeover)) && advance(r))
		watch(r);
}

/* ---- records */

static void
remember(struct record_share *s, const struct sa_rec *rec)
{
	struct fault f = {0}, less;

	if (rec->type == SA_EVENT && rec->event.what == SA_EVENT_TAKEOVER &&
	    (s->takeover.type == SA_NONE || rec->event.takeovers >= s->takeover.event.takeovers))
		s->takeover = *rec;
	else if (rec->type == SA_EVENT && rec->event.what == SA_EVENT_REMAP)
		sa_set_remap(s->set, &rec->event, NULL, NULL);
	else if (sa_set_apply(s->set, 0, rec, NULL, NULL, &f) == SA_BAD && !s->full) {
		s->full = true;
		(void)fault(&less, f.code, "a gateway that connects later will not get every SA: %s", f.what);
		s->note(&less);
	}
}

void
record_share_put(struct record_share *s, const struct sa_rec *rec)
{
	struct reader *r;

	(void)sa_set_expire(s->set, clock_now(NULL).epoch, NULL, NULL);
	remember(s, rec);
	for (r = s->readers; r < s->readers + RECORD_SHARE_READERS; r++) {
		/* What the snapshot has not reached comes with it, so that older SAs come first. */
		if (r->out == NULL || (!r->current && sa_set_serial(s->set, rec) > r->at))
			continue;
		if (put(r, rec))
			watch(r);
	}
}

void
record_share_active(struct record_share *s)
{
	s->active = true;
}

/* ---- life */

struct record_share *
record_share_open(struct ev_loop *loop, const char *path, unsigned stall_ms, void (*note)(const struct fault *why),
    struct fault *f)
{
	struct record_share *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->set = sa_set_new()) == NULL || (s->path = strdup(path)) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the socket of records");
	} else if ((s->fd = unixsock_listen(path, f)) != -1) {
		s->loop = loop;
		s->stall_ms = stall_ms;
		s->note = note;
		s->uid = geteuid();
		ev_io_init(&s->io, on_listener, s->fd, EV_READ);
		s->io.data = s;
		ev_io_start(loop, &s->io);
		return (s);
	}
	if (s != NULL) {
		sa_set_free(s->set);
		free(s->path);
	}
	free(s);
	return (NULL);
}

void
record_share_close(struct record_share *s)
{
	struct fault f;

	if (s == NULL)
		return;
	/* The last records, for those who read: without a wait. */
	for (size_t i = 0; i < RECORD_SHARE_READERS; i++)
		if (s->readers[i].out != NULL) {
			(void)sa_out_ready(s->readers[i].out, &f);
			hang_up(&s->readers[i]);
		}
	ev_io_stop(s->loop, &s->io);
	(void)close(s->fd);
	unixsock_remove(s->path);
	sa_set_free(s->set);
	free(s->path);
	free(s);
}
