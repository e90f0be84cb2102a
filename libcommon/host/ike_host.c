#include "host/ike_host.h"

#include <ev.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "port/port_table.h"
#include "sa/codec.h"

struct ike_host {
	struct ev_loop		*loop;
	struct ike_engine	*engine;
	struct ports		*ports;
	struct sa_out		*out;
	struct clock		 clock;
	struct ike_host_calls	 calls;
	void			*ctx;
	uint32_t		 mark;
	bool			 respond, one_peer;
	struct ev_timer		 timer;
	struct serve_table	 served;	/* cookies told to the ports, */
	uint64_t		 served_mark;	/* and the engine's mark then */
};

struct now
ike_host_now(const struct ike_host *h)
{
	return (clock_now(&h->clock));
}

struct ike_engine *
ike_host_engine(struct ike_host *h)
{
	return (h->engine);
}

/* --- what the engine wants done --- */

struct telling {		/* the cookies as they are told to the ports */
	struct ike_host		*host;
	struct serve_table	 now;
};

static void
tell(void *ctx, const uint8_t id[16])
{
	struct telling *t = ctx;
	struct serve_key k = serve_key_cookies(id, id + 8);

	if (serve_has(&t->host->served, &k) ||
	    ports_serve_cookies(t->host->ports, id, id + 8, NULL) == 0)
		(void)serve_put(&t->now, &k);
}

/* Tells the ports which cookies are ours: those of the engine's SAs as they stand. */
static void
serve(struct ike_host *h)
{
	uint64_t mark = ike_engine_ids_mark(h->engine);
	struct telling t = { .host = h };
	struct serve_key k[64];
	size_t at = 0, i, n;

	if (mark == h->served_mark)
		return;
	ike_engine_ids(h->engine, tell, &t);
	while ((n = serve_list(&h->served, &at, k, 64)) > 0)
		for (i = 0; i < n; i++)
			if (!serve_has(&t.now, &k[i]))
				ports_unserve_cookies(h->ports, k[i].b + 8, k[i].b + 16);
	serve_clear(&h->served);
	h->served = t.now;
	h->served_mark = mark;
}

static void
set_timer(struct ike_host *h)
{
	uint64_t deadline = ike_engine_deadline(h->engine), now = ike_host_now(h).ms;

	ev_timer_stop(h->loop, &h->timer);
	if (deadline == UINT64_MAX)
		return;
	ev_now_update(h->loop);
	ev_timer_set(&h->timer, deadline > now ? (double)(deadline - now) / 1000 : 0., 0.);
	ev_timer_start(h->loop, &h->timer);
}

/* --- for those who watch --- */

static void
tell_records(struct ike_host *h, const struct ike_outbox *todo)
{
	const struct ike_out *item;

	for (item = todo->first; h->calls.record != NULL && item != NULL; item = item->next)
		if (item->kind == IKE_OUT_RECORD)
			h->calls.record(h->ctx, &item->rec);
}

static void
tell_wire(struct ike_host *h, bool out, const struct endpoint *local,
    const struct endpoint *remote, struct span data, bool marker)
{
	struct ike_wire_dgram d = {
		.out = out, .local = *local, .remote = *remote, .data = data,
	};

	if (h->calls.wire == NULL)
		return;
	d.marker = marker && ports_number(h->ports, remote->addr.family, PORT_NATT) == local->port;
	d.time_us = now_epoch_us(clock_now(&h->clock));
	h->calls.wire(h->ctx, &d);
}

/* Does what ${todo} holds, whose records are told already. */
static void
do_all(struct ike_host *h, struct ike_outbox *todo)
{
	static const uint8_t keepalive = 0xff;
	struct ike_out *item;
	struct fault f = {0};

	/* Ours before the first datagram leaves: its answer may be quick. */
	serve(h);
	while ((item = outbox_take(todo)) != NULL) {
		switch (item->kind) {
		case IKE_OUT_DATAGRAM:
			if (item->dgram.len > 0)
				tell_wire(h, true, &item->dgram.local, &item->dgram.remote,
				    span_of(item->dgram.data, item->dgram.len), true);
			if (item->dgram.len > 0 && ports_send_ike(h->ports, &item->dgram.local,
			    &item->dgram.remote, span_of(item->dgram.data, item->dgram.len),
			    &f) != 0)
				h->calls.unsent(h->ctx, &f);
			break;
		case IKE_OUT_KEEPALIVE:
			tell_wire(h, true, &item->dgram.local, &item->dgram.remote,
			    span_of(&keepalive, 1), false);
			ports_send_keepalive(h->ports, &item->dgram.local, &item->dgram.remote);
			break;
		case IKE_OUT_RECORD:
			if (sa_out_put(h->out, &item->rec, &f) != 0)
				h->calls.lost(h->ctx, &f);
			break;
		case IKE_OUT_NOTE:
			if (item->note.text != NULL)
				h->calls.note(h->ctx, item->note.level, item->note.text);
			break;
		case IKE_OUT_VERDICT:
			h->calls.verdict(h->ctx, item->verdict.what, item->verdict.id,
			    item->verdict.mid, &item->verdict.why);
			break;
		}
		ike_out_free(item);
	}
	h->calls.done(h->ctx);
	set_timer(h);
}

void
ike_host_do(struct ike_host *h, struct ike_outbox *todo)
{
	tell_records(h, todo);
	do_all(h, todo);
}

/* --- what happens --- */

static void
on_timer(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct ike_host *h = w->data;
	struct ike_outbox todo = {0};

	(void)loop;
	(void)events;
	ike_engine_timeout(h->engine, ike_host_now(h), &todo);
	ike_host_do(h, &todo);
}

static void
on_ike(void *ctx, const struct port_dgram *d)
{
	struct ike_host *h = ctx;
	struct ike_outbox todo = {0};

	ike_engine_datagram(h->engine, ike_host_now(h), &d->local, &d->remote,
	    span_of(d->p, d->len), &todo);
	tell_records(h, &todo);
	tell_wire(h, false, &d->local, &d->remote, span_of(d->p, d->len), true);
	do_all(h, &todo);
}

static void
on_unreachable(void *ctx, const struct endpoint *local, const struct endpoint *remote, int err,
    uint32_t mtu)
{
	struct ike_host *h = ctx;
	struct ike_outbox todo = {0};

	(void)local;
	(void)err;
	if (mtu != 0)
		return;
	ike_engine_unreachable(h->engine, ike_host_now(h), remote, &todo);
	ike_host_do(h, &todo);
}

/* The data path's word about child SAs; other records are other holders' business. */
static void
on_record(void *ctx, struct span cbor)
{
	struct ike_host *h = ctx;
	struct ike_outbox todo = {0};
	struct sa_rec rec;
	struct fault f;

	if (sa_decode(&rec, cbor, &f) <= 0)
		return;
	if (rec.type == SA_EVENT) {
		ike_engine_event(h->engine, ike_host_now(h), &rec.event, &todo);
		ike_host_do(h, &todo);
	}
	sa_rec_wipe(&rec);
}

static void
on_port_note(void *ctx, const char *text)
{
	struct ike_host *h = ctx;

	h->calls.note(h->ctx, NOTE_DEBUG, text);
}

static const struct ports_calls ports_calls = {
	.ike = on_ike, .unreachable = on_unreachable, .record = on_record, .note = on_port_note,
};

/* --- beginning and end --- */

struct ike_host *
ike_host_new(struct ev_loop *loop, const struct ike_host_opt *opt,
    const struct ike_host_calls *calls, void *ctx, struct fault *f)
{
	struct ike_host *h = calloc(1, sizeof(*h));
	struct ports_opt po = { .mark = opt->mark };

	if (h == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the IKE host");
		return (NULL);
	}
	h->loop = loop;
	h->out = opt->out;
	h->clock = opt->clock;
	h->calls = *calls;
	h->ctx = ctx;
	h->mark = opt->mark;
	h->respond = opt->conf.respond;
	h->one_peer = opt->one_peer;
	ev_timer_init(&h->timer, on_timer, 0., 0.);
	h->timer.data = h;
	if ((h->engine = ike_engine_new(&opt->conf, f)) == NULL ||
	    (h->ports = ports_new(loop, &po, &ports_calls, h, f)) == NULL) {
		ike_host_free(h);
		return (NULL);
	}
	return (h);
}

void
ike_host_free(struct ike_host *h)
{
	if (h == NULL)
		return;
	ev_timer_stop(h->loop, &h->timer);
	ports_free(h->ports);
	ike_engine_free(h->engine);
	serve_clear(&h->served);
	free(h);
}

int
ike_host_listen(struct ike_host *h, const struct endpoint *local, struct fault *f)
{
	if (ports_open_usual(h->ports, local, 0, 0, f) != 0)
		return (-1);
	/* Of strangers, unless there is but one peer: ike_host_serve_peer() names it then. */
	if (h->respond && !h->one_peer)
		ports_serve_new(h->ports, NULL, true);
	return (0);
}

int
ike_host_listen_at(struct ike_host *h, const struct endpoint *local, enum port_role role,
    struct fault *f)
{
	struct endpoint at = *local;

	return (ports_open(h->ports, &at, role, PORTS_BIND_ANY, f));
}

int
ike_host_source(struct ike_host *h, struct endpoint *local, const struct endpoint *remote,
    struct fault *f)
{
	if (local->addr.family == 0 &&
	    ports_source(&local->addr, remote, h->mark, f) != 0)
		return (-1);
	local->port = ports_number(h->ports, local->addr.family, PORT_IKE);
	if (local->port == 0)
		return (fault(f, FAULT_BAD_ADDRESS, "no port is open for IPv%u", local->addr.family));
	return (0);
}

void
ike_host_serve_peer(struct ike_host *h, const struct addr *remote)
{
	if (h->respond)
		ports_serve_new(h->ports, remote, true);
}

void
ike_host_shutdown(struct ike_host *h)
{
	struct ike_outbox todo = {0};

	ike_engine_shutdown(h->engine, ike_host_now(h), &todo);
	ike_host_do(h, &todo);
}
