/* The event loop of a machine: ports, timer, outbox, and the cookies that the ports deliver. */
#include "host/host.h"

#include <ev.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "port/port_table.h"

struct host {
	struct ev_loop		*loop;
	struct ports		*ports;
	struct clock		 clock;
	struct host_calls	 calls;
	void			*ctx;
	struct ike_machine	 machine;	/* ${ops} NULL: none yet */
	/*
	 * A timer of CLOCK_BOOTTIME, the clock of the machines: the loop's own clock stops while the machine is
	 * suspended, and what became due meanwhile would be late by the whole sleep.
	 */
	struct ev_io		 timer;
	int			 timer_fd;
	uint64_t		 timer_us;	/* the deadline that it is set to; UINT64_MAX: none */
	struct serve_table	 served;	/* cookies registered with the ports, */
	uint64_t		 served_mark;	/* the machine's mark then, */
	bool			 marked;	/* if it has one */
};

struct now
host_now(const struct host *h)
{
	return (clock_now(&h->clock));
}

struct ports *
host_ports(struct host *h)
{
	return (h->ports);
}

/* --- which datagrams are the machine's --- */

struct serving {		/* the cookies while they are registered */
	struct host		*host;
	struct serve_table	 now;
};

static void
serve_id(void *ctx, const uint8_t id[16])
{
	struct serving *s = ctx;
	struct serve_key k = serve_key_cookies(id, id + 8);

	/* Cookies that could not be registered are tried again in a later step. */
	if (serve_has(&s->host->served, &k) ||
	    ports_serve_cookies(s->host->ports, id, id + 8, NULL) == 0)
		(void)serve_put(&s->now, &k);
}

/* Registers the cookies that the machine serves now, and drops those that it served before. */
static void
serve(struct host *h)
{
	const struct ike_machine_ops *ops = h->machine.ops;
	struct serving s = { .host = h };
	struct serve_key k[64];
	uint64_t mark = 0;
	size_t at = 0, i, n;

	if (ops == NULL)
		return;
	if (ops->ids_mark != NULL && (mark = ops->ids_mark(h->machine.self)) == h->served_mark &&
	    h->marked)
		return;
	ops->ids(h->machine.self, serve_id, &s);
	while ((n = serve_list(&h->served, &at, k, 64)) > 0)
		for (i = 0; i < n; i++)
			if (!serve_has(&s.now, &k[i]))
				ports_unserve_cookies(h->ports, k[i].b + 8, k[i].b + 16);
	serve_clear(&h->served);
	h->served = s.now;
	h->served_mark = mark;
	h->marked = ops->ids_mark != NULL;
}

/* --- the outbox --- */

static void
show_wire(struct host *h, bool out, const struct endpoint *local, const struct endpoint *remote,
    struct span data, bool marker)
{
	struct host_dgram d = { .out = out, .local = *local, .remote = *remote, .data = data };

	if (h->calls.wire == NULL)
		return;
	d.marker = marker && ports_number(h->ports, remote->addr.family, PORT_NATT) == local->port;
	d.tcp = ports_number(h->ports, remote->addr.family, PORT_TCP) == local->port;
	d.time_us = now_epoch_us(host_now(h));
	h->calls.wire(h->ctx, &d);
}

static void
send_dgram(struct host *h, const struct ike_out *item)
{
	struct span data = span_of(item->dgram.data, item->dgram.len);
	struct fault f;

	if (data.len == 0)
		return;
	show_wire(h, true, &item->dgram.local, &item->dgram.remote, data, true);
	if (ports_send_ike(h->ports, &item->dgram.local, &item->dgram.remote, data, &f) != 0 &&
	    h->calls.unsent != NULL)
		h->calls.unsent(h->ctx, &f);
}

static void
send_keepalive(struct host *h, const struct ike_out *item)
{
	static const uint8_t keepalive = 0xff;

	show_wire(h, true, &item->dgram.local, &item->dgram.remote, span_of(&keepalive, 1), false);
	ports_send_keepalive(h->ports, &item->dgram.local, &item->dgram.remote);
}

static void
set_timer(struct host *h)
{
	uint64_t deadline = h->machine.ops != NULL ? machine_deadline_us(h->machine) : UINT64_MAX, us, left;
	struct itimerspec at = {0};

	/* A fixed clock never gets there: with it a deadline counts from each step. */
	if (deadline == h->timer_us && !h->clock.fixed)
		return;
	if (deadline != UINT64_MAX) {
		us = now_us(host_now(h));
		left = deadline > us ? deadline - us : 0;
		at.it_value.tv_sec = (time_t)(left / 1000000);
		at.it_value.tv_nsec = left > 0 ? (long)(left % 1000000 * 1000) : 1;	/* 0 would stop it */
	}
	(void)timerfd_settime(h->timer_fd, 0, &at, NULL);
	h->timer_us = deadline;
}

static void
before(struct host *h, const struct ike_outbox *todo)
{
	if (h->calls.before != NULL)
		h->calls.before(h->ctx, todo);
}

/* Carries out ${todo}, which before() has shown. */
static void
do_all(struct host *h, struct ike_outbox *todo)
{
	struct ike_out *item;

	/* The cookies before the first datagram: its answer may come at once. */
	serve(h);
	while ((item = outbox_take(todo)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM)
			send_dgram(h, item);
		else if (item->kind == IKE_OUT_KEEPALIVE)
			send_keepalive(h, item);
		else if (h->calls.item != NULL)
			h->calls.item(h->ctx, item);
		ike_out_free(item);
	}
	if (h->calls.stepped != NULL)
		h->calls.stepped(h->ctx);
	if (h->machine.ops != NULL && machine_over(h->machine) && h->calls.over != NULL)
		h->calls.over(h->ctx);
	set_timer(h);
}

void
host_do(struct host *h, struct ike_outbox *todo)
{
	before(h, todo);
	do_all(h, todo);
}

/* --- events --- */

static void
on_timer(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct host *h = w->data;
	struct ike_outbox todo = {0};
	uint64_t times;

	(void)loop;
	(void)events;
	if (read(h->timer_fd, &times, sizeof(times)) != sizeof(times))
		return;		/* it was set anew meanwhile */
	h->timer_us = UINT64_MAX;
	if (h->machine.ops == NULL)
		return;
	machine_timeout(h->machine, host_now(h), &todo);
	host_do(h, &todo);
}

static void
on_ike(void *ctx, const struct pkt *d)
{
	struct host *h = ctx;
	struct span data = span_of(d->p, d->len);
	struct ike_outbox todo = {0};

	if (h->machine.ops == NULL)
		return;
	machine_datagram(h->machine, host_now(h), &d->local, &d->remote, data, &todo);
	before(h, &todo);
	show_wire(h, false, &d->local, &d->remote, data, true);
	do_all(h, &todo);
}

static void
on_unreachable(void *ctx, const struct endpoint *local, const struct endpoint *remote, int err,
    uint32_t mtu)
{
	struct host *h = ctx;
	struct ike_outbox todo = {0};

	(void)local;
	if (mtu != 0 || h->machine.ops == NULL)
		return;
	machine_unreachable(h->machine, host_now(h), remote, err, &todo);
	host_do(h, &todo);
}

static void
on_record(void *ctx, struct span cbor)
{
	struct host *h = ctx;

	if (h->calls.record != NULL)
		h->calls.record(h->ctx, cbor);
}

static void
on_note(void *ctx, bool warning, const char *text)
{
	struct host *h = ctx;

	if (h->calls.note != NULL)
		h->calls.note(h->ctx, warning, text);
}

static const struct ports_calls ports_calls = {
	.ike = on_ike, .unreachable = on_unreachable, .record = on_record, .note = on_note,
};

/* --- life --- */

struct host *
host_new(struct ev_loop *loop, const struct host_opt *opt, const struct host_calls *calls,
    void *ctx, struct fault *f)
{
	struct host *h = calloc(1, sizeof(*h));
	struct ports_opt po = { .mark = opt->mark };

	if (h == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the host of a machine");
		return (NULL);
	}
	h->loop = loop;
	h->clock = opt->clock;
	h->calls = *calls;
	h->ctx = ctx;
	h->timer_us = UINT64_MAX;
	if ((h->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)) == -1) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot make a timer");
		host_free(h);
		return (NULL);
	}
	ev_io_init(&h->timer, on_timer, h->timer_fd, EV_READ);
	h->timer.data = h;
	ev_io_start(loop, &h->timer);
	if ((h->ports = ports_new(loop, &po, &ports_calls, h, f)) == NULL) {
		host_free(h);
		return (NULL);
	}
	return (h);
}

void
host_free(struct host *h)
{
	if (h == NULL)
		return;
	if (h->timer_fd != -1) {
		ev_io_stop(h->loop, &h->timer);
		(void)close(h->timer_fd);
	}
	ports_free(h->ports);
	serve_clear(&h->served);
	free(h);
}

void
host_start(struct host *h, struct ike_machine m)
{
	h->machine = m;
	h->marked = false;
	set_timer(h);
}
