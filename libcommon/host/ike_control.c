/* The control socket of a negotiator. */
#include "host/ike_control.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ike/sa.h"
#include "ike/status.h"
#include "os/unixsock.h"

/* A connection, and what it has not got yet of its answer. */
struct client {
	struct ike_control *control;
	ev_io		 io;
	ev_timer	 timer;
	int		 fd;
	char		*text;		/* NULL: the entry is free */
	size_t		 len, off;
};

struct ike_control {
	struct ev_loop	*loop;
	struct ike_host	*host;
	char		*path;
	uid_t		 uid;
	int		 fd;
	ev_io		 io;
	const char	*(*standby)(void *ctx, bool *fit);	/* NULL: not a gateway of two */
	void		*standby_ctx;
	struct client	 clients[IKE_CONTROL_CLIENTS];
};

/* ---- the answer */

static void
put_time(json_t *o, const char *key, uint64_t at)
{
	if (at != 0)
		(void)json_object_set_new(o, key, json_integer((json_int_t)at));
}

/* A line of the answer. */
static void
put_sa(void *ctx, const struct ike_status *s)
{
	json_t *o = json_object();
	char at[ENDPOINT_TEXT], spi[9];

	(void)json_object_set_new(o, "type", json_string(s->child ? "child-sa" : "ike-sa"));
	if (s->name != NULL && s->name[0] != '\0')
		(void)json_object_set_new(o, "name", json_string(s->name));
	(void)json_object_set_new(o, "remote", json_string(ike_at_text(at, s->remote)));
	if (s->spi_in != NULL) {
		(void)snprintf(spi, sizeof(spi), "%08x", get_be32(s->spi_in));
		(void)json_object_set_new(o, "spi-in", json_string(spi));
	}
	(void)json_object_set_new(o, "state", json_string(s->state));
	put_time(o, "since", s->since);
	put_time(o, "established", s->established);
	put_time(o, "rekey", s->rekey);
	put_time(o, "expires", s->expires);
	put_time(o, "heard", s->heard);
	(void)json_dumpf(o, ctx, JSON_PRESERVE_ORDER | JSON_COMPACT);
	(void)fputc('\n', ctx);
	json_decref(o);
}

static void
put_standby(const struct ike_control *ctl, FILE *to)
{
	bool fit = false;
	const char *state = ctl->standby(ctl->standby_ctx, &fit);
	json_t *o = json_pack("{s:s, s:s, s:b}", "type", "standby", "state", state, "fit", fit);

	(void)json_dumpf(o, to, JSON_PRESERVE_ORDER | JSON_COMPACT);
	(void)fputc('\n', to);
	json_decref(o);
}

/* The whole answer, which the caller frees; NULL: no memory. */
static char *
answer(const struct ike_control *ctl, size_t *len)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, len);

	if (to == NULL)
		return (NULL);
	if (ctl->standby != NULL)
		put_standby(ctl, to);
	ike_engine_each(ike_host_engine(ctl->host), ike_host_now(ctl->host), put_sa, to);
	if (fclose(to) == 0)
		return (text);
	free(text);
	return (NULL);
}

/* ---- connections */

static void
hang_up(struct client *c)
{
	ev_io_stop(c->control->loop, &c->io);
	ev_timer_stop(c->control->loop, &c->timer);
	(void)close(c->fd);
	free(c->text);
	c->text = NULL;
}

static void
on_client(struct ev_loop *loop, ev_io *w, int revents)
{
	struct client *c = w->data;
	ssize_t n = c->len > c->off ? send(c->fd, c->text + c->off, c->len - c->off, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	(void)loop;
	(void)revents;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	c->off += n > 0 ? (size_t)n : 0;
	if (n == -1 || c->off == c->len)
		hang_up(c);
}

static void
on_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	hang_up(w->data);
}

static void
on_listener(struct ev_loop *loop, ev_io *w, int revents)
{
	struct ike_control *ctl = w->data;
	int fd = unixsock_accept(ctl->fd, ctl->uid);
	struct client *c;
	size_t i;

	(void)revents;
	if (fd == -1)
		return;
	for (i = 0; i < IKE_CONTROL_CLIENTS && ctl->clients[i].text != NULL; i++)
		continue;
	c = &ctl->clients[i];
	if (i == IKE_CONTROL_CLIENTS || (c->text = answer(ctl, &c->len)) == NULL) {
		(void)close(fd);	/* too many, or no memory: the client sees an empty answer */
		return;
	}
	c->control = ctl;
	c->fd = fd;
	c->off = 0;
	ev_io_init(&c->io, on_client, fd, EV_WRITE);
	c->io.data = c;
	ev_io_start(loop, &c->io);
	ev_timer_init(&c->timer, on_timeout, IKE_CONTROL_MS / 1000., 0.);
	c->timer.data = c;
	ev_timer_start(loop, &c->timer);
}

/* ---- life */

struct ike_control *
ike_control_open(struct ev_loop *loop, struct ike_host *host, const char *path, struct fault *f)
{
	struct ike_control *ctl = calloc(1, sizeof(*ctl));

	if (ctl == NULL || (ctl->path = strdup(path)) == NULL) {
		free(ctl);
		(void)fault(f, FAULT_MEMORY, "no memory for the control socket");
		return (NULL);
	}
	if ((ctl->fd = unixsock_listen(path, f)) == -1) {
		free(ctl->path);
		free(ctl);
		return (NULL);
	}
	ctl->loop = loop;
	ctl->host = host;
	ctl->uid = geteuid();
	ev_io_init(&ctl->io, on_listener, ctl->fd, EV_READ);
	ctl->io.data = ctl;
	ev_io_start(loop, &ctl->io);
	return (ctl);
}

void
ike_control_standby(struct ike_control *ctl, const char *(*state)(void *ctx, bool *fit), void *ctx)
{
	ctl->standby = state;
	ctl->standby_ctx = ctx;
}

void
ike_control_close(struct ike_control *ctl)
{
	if (ctl == NULL)
		return;
	for (size_t i = 0; i < IKE_CONTROL_CLIENTS; i++)
		if (ctl->clients[i].text != NULL)
			hang_up(&ctl->clients[i]);
	ev_io_stop(ctl->loop, &ctl->io);
	(void)close(ctl->fd);
	unixsock_remove(ctl->path);
	free(ctl->path);
	free(ctl);
}
