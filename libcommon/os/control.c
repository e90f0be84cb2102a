/* The control socket: what a connection asks, and the answers, a few records at a time between packets. */
#include "os/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/secret.h"
#include "os/unixsock.h"
#include "sa/codec.h"

#define TURN_RECORDS	16	/* written before packets have their turn */

struct client {
	struct control	*control;
	ev_io		 io;
	int		 fd;		/* -1: free */
	uint32_t	 source;
	struct secret	 in;		/* SA_REC_BYTES: records of child SAs have keys */
	size_t		 in_len;
	uint64_t	 read;		/* bytes before ${in} */
	enum control_answer answer;	/* that is being written */
	uint64_t	 serial;	/* of the last record in it */
	struct sa_rec	 said;		/* scratch */
	uint8_t		 out[SA_REC_BYTES];
	size_t		 out_off, out_len;
};

struct control {
	struct control_host host;
	char		*path;
	uid_t		 uid;
	ev_io		 io;
	int		 fd;
	uint32_t	 next_source;
	struct client	*clients[CONTROL_CLIENTS];
};

static void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	ev_io_stop(c->control->host.loop, &c->io);
	(void)close(c->fd);
	secret_free(&c->in);
	free(c);
}

static void
hang_up(struct client *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->control->clients[i] == c)
			c->control->clients[i] = NULL;
	client_free(c);
}

/* ---- answers */

static void
encode(struct client *c)
{
	c->out_off = 0;
	c->out_len = sa_encode_into(c->out, sizeof(c->out), &c->said);
}

/* The next record of the answer. */
static void
next_record(struct client *c)
{
	const struct control_host *h = &c->control->host;

	if (!h->next(h->ctx, c->answer, &c->serial, &c->said))
		c->answer = ANSWER_NONE;
	encode(c);
}

static void
refuse(struct client *c, const struct fault *f)
{
	c->said = (struct sa_rec){ .type = SA_EVENT, .event = { .what = SA_EVENT_REFUSED,
	    .time = clock_now(c->control->host.clock).epoch } };
	(void)snprintf(c->said.event.source, sizeof(c->said.event.source), "%s", c->control->host.tool);
	(void)snprintf(c->said.event.text, sizeof(c->said.event.text), "%.*s", SA_TEXT - 1, f->what);
	encode(c);
}

/* Writes what there is, TURN_RECORDS at most. 0: all is written; 1: more later; -1: the client is gone. */
static int
write_some(struct client *c)
{
	for (int n = 0;; n++) {
		while (c->out_off < c->out_len) {
			ssize_t sent = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL | MSG_DONTWAIT);

			if (sent <= 0)
				return (errno == EAGAIN || errno == EINTR ? 1 : -1);
			c->out_off += (size_t)sent;
		}
		if (c->answer == ANSWER_NONE)
			return (0);
		if (n == TURN_RECORDS)
			return (1);
		next_record(c);
	}
}

/* ---- requests */

/* One record of the client, from byte ${off} of its stream. */
static void
obey(struct client *c, struct sa_rec *r, uint64_t off)
{
	const struct control_host *h = &c->control->host;
	struct fault f = {0};

	if (r->type == SA_EVENT && (r->event.what == SA_EVENT_REPORT || r->event.what == SA_EVENT_RESET ||
	    r->event.what == SA_EVENT_NEXT_HOPS)) {
		c->answer = r->event.what == SA_EVENT_REPORT ? ANSWER_REPORT :
		    r->event.what == SA_EVENT_RESET ? ANSWER_RESET : ANSWER_HOPS;
		c->serial = 0;
	} else if (h->record != NULL && (r->type == SA_CHILD || r->type == SA_DELETE) &&
	    h->record(h->ctx, r, c->source, off, &f) != 0)
		refuse(c, &f);
	sa_rec_wipe(r);
}

/* Whether the host takes another record. */
static bool
has_room(const struct client *c)
{
	const struct control_host *h = &c->control->host;

	return (h->has_room == NULL || h->has_room(h->ctx));
}

/*
 * Obeys the records that are there, one after the other: an answer is written whole before the next request is looked
 * at. 0; or -1 with a fault: what came is no record.
 */
static int
take_records(struct client *c, struct fault *f)
{
	struct sa_rec *r = &c->said;
	long len;

	while (c->answer == ANSWER_NONE && c->out_off == c->out_len && has_room(c) && c->in_len > 0) {
		if ((len = sa_decode(r, span_of(c->in.p, c->in_len), f)) < 0)
			return (-1);
		if (len == 0)
			return (c->in_len < c->in.len ? 0 : fault(f, FAULT_TOO_LARGE, "a record exceeds %d bytes", SA_REC_BYTES));
		memmove(c->in.p, c->in.p + len, c->in_len - (size_t)len);
		c->in_len -= (size_t)len;
		obey(c, r, c->read);
		c->read += (uint64_t)len;
	}
	return (0);
}

/* Goes on with ${c}: writes and obeys until it has to wait. */
static void
go_on(struct client *c)
{
	struct fault f;
	int rc;

	while ((rc = write_some(c)) == 0) {
		if (take_records(c, &f) != 0) {
			refuse(c, &f);
			(void)write_some(c);
			rc = -1;
			break;
		}
		if (c->answer == ANSWER_NONE && c->out_off == c->out_len)
			break;
	}
	if (rc < 0) {
		hang_up(c);
		return;
	}
	/* Without room for records nothing is read: control_resume() goes on. */
	ev_io_stop(c->control->host.loop, &c->io);
	ev_io_set(&c->io, c->fd, rc == 1 ? EV_WRITE : EV_READ);
	if (rc == 1 || has_room(c))
		ev_io_start(c->control->host.loop, &c->io);
}

static void
on_client(struct ev_loop *loop, ev_io *w, int revents)
{
	struct client *c = w->data;
	ssize_t n;

	(void)loop;
	if ((revents & EV_READ) != 0) {
		n = recv(c->fd, c->in.p + c->in_len, c->in.len - c->in_len, MSG_DONTWAIT);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			hang_up(c);
			return;
		}
		c->in_len += n > 0 ? (size_t)n : 0;
	}
	go_on(c);
}

static void
on_listener(struct ev_loop *loop, ev_io *w, int revents)
{
	struct control *ctl = w->data;
	int fd = unixsock_accept(ctl->fd, ctl->uid);
	struct client *c = NULL;
	char text[96];
	size_t i;

	(void)revents;
	if (fd == -1)
		return;
	for (i = 0; i < CONTROL_CLIENTS && ctl->clients[i] != NULL; i++)
		continue;
	if (i == CONTROL_CLIENTS || (c = calloc(1, sizeof(*c))) == NULL || secret_make(&c->in, SA_REC_BYTES) == NULL) {
		(void)snprintf(text, sizeof(text), "a connection to the control socket is refused: %s", i == CONTROL_CLIENTS ?
		    "there are too many" : "memory is short");
		ctl->host.note(ctl->host.ctx, text);
		free(c);
		(void)close(fd);
		return;
	}
	c->control = ctl;
	c->fd = fd;
	c->source = ctl->next_source++;
	if (ctl->next_source < CONTROL_SOURCE)
		ctl->next_source = CONTROL_SOURCE;
	ctl->clients[i] = c;
	ev_io_init(&c->io, on_client, fd, EV_READ);
	c->io.data = c;
	ev_io_start(loop, &c->io);
}

/* ---- life */

struct control *
control_open(const struct control_host *host, const char *path, struct fault *f)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (ctl == NULL || (ctl->path = strdup(path)) == NULL) {
		free(ctl);
		(void)fault(f, FAULT_MEMORY, "no memory for the control socket");
		return (NULL);
	}
	ctl->host = *host;
	ctl->uid = geteuid();
	ctl->next_source = CONTROL_SOURCE;
	if ((ctl->fd = unixsock_listen(path, f)) == -1) {
		free(ctl->path);
		free(ctl);
		return (NULL);
	}
	ev_io_init(&ctl->io, on_listener, ctl->fd, EV_READ);
	ctl->io.data = ctl;
	ev_io_start(host->loop, &ctl->io);
	return (ctl);
}

void
control_resume(struct control *ctl)
{
	for (size_t i = 0; ctl != NULL && i < CONTROL_CLIENTS; i++)
		if (ctl->clients[i] != NULL && !ev_is_active(&ctl->clients[i]->io))
			go_on(ctl->clients[i]);
}

void
control_refused(struct control *ctl, uint32_t source, const struct fault *f)
{
	struct client *c;

	for (size_t i = 0; ctl != NULL && i < CONTROL_CLIENTS; i++) {
		if ((c = ctl->clients[i]) == NULL || c->source != source || c->answer != ANSWER_NONE || c->out_off != c->out_len)
			continue;
		refuse(c, f);
		go_on(c);
	}
}

void
control_close(struct control *ctl)
{
	if (ctl == NULL)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		client_free(ctl->clients[i]);
	ev_io_stop(ctl->host.loop, &ctl->io);
	(void)close(ctl->fd);
	unixsock_remove(ctl->path);
	free(ctl->path);
	free(ctl);
}
