/* The host of the IKE engine: adds records, verdicts and the usual ports to host.c. */
#include "host/ike_host.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>

#include "sa/codec.h"

struct ike_host {
	struct host		*host;
	struct ike_engine	*engine;
	struct sa_out		*out;
	struct ike_host_calls	 calls;
	void			*ctx;
	uint32_t		 mark;
	bool			 respond, one_peer;
	uint16_t		 tcp_port;
	bool			 muted;		/* no records are written */
	struct ev_loop		*loop;
	struct addr		 asked;		/* who-has: waits for the answer; family 0: not */
	bool			 has;		/* the answer came */
};

#define ANSWER_S	2.	/* for the answer of a tool on this host, which may be busy */

struct now
ike_host_now(const struct ike_host *h)
{
	return (host_now(h->host));
}

struct ike_engine *
ike_host_engine(struct ike_host *h)
{
	return (h->engine);
}

void
ike_host_do(struct ike_host *h, struct ike_outbox *todo)
{
	host_do(h->host, todo);
}

/* --- actions of the engine --- */

static void
on_before(void *ctx, const struct ike_outbox *todo)
{
	struct ike_host *h = ctx;
	const struct ike_out *item;

	for (item = todo->first; h->calls.record != NULL && item != NULL; item = item->next)
		if (item->kind == IKE_OUT_RECORD || item->kind == IKE_OUT_KEYS)
			h->calls.record(h->ctx, item->rec);
}

static void
on_item(void *ctx, const struct ike_out *item)
{
	struct ike_host *h = ctx;
	struct fault f = {0};

	switch (item->kind) {
	case IKE_OUT_RECORD:
		if (!h->muted && sa_out_put(h->out, item->rec, &f) != 0)
			h->calls.lost(h->ctx, &f);
		break;
	case IKE_OUT_NOTE:
		h->calls.note(h->ctx, item->note.level, item->note.text, item->note.peer_len, item->note.kind);
		break;
	case IKE_OUT_VERDICT:
		h->calls.verdict(h->ctx, item->verdict.what, item->verdict.id,
		    item->verdict.mid, item->verdict.why);
		break;
	case IKE_OUT_FAILED_SA:
		if (h->calls.failed_sa != NULL)
			h->calls.failed_sa(h->ctx, item->rec);
		break;
	case IKE_OUT_KEYS:
	case IKE_OUT_DATAGRAM:
	case IKE_OUT_KEEPALIVE:
		break;			/* the host sends them */
	}
}

static void
on_wire(void *ctx, const struct host_dgram *d)
{
	struct ike_host *h = ctx;

	if (h->calls.wire != NULL)
		h->calls.wire(h->ctx, d);
}

static void
on_unsent(void *ctx, const struct fault *why)
{
	struct ike_host *h = ctx;

	h->calls.unsent(h->ctx, why);
}

static void
on_stepped(void *ctx)
{
	struct ike_host *h = ctx;

	h->calls.done(h->ctx);
}

/* An event about a peer's address, to the other holders of the ports. */
static void
tell_others(struct ike_host *h, enum sa_event_kind what, const struct addr *remote)
{
	struct sa_rec r = { .type = SA_EVENT };
	struct secret cbor = {0};

	r.event.time = host_now(h->host).epoch;
	(void)snprintf(r.event.source, sizeof(r.event.source), "ike");
	r.event.what = what;
	r.event.has_remote = true;
	r.event.remote.addr = *remote;
	if (sa_encode(&cbor, &r, NULL) == 0)
		ports_send_record(host_ports(h->host), secret_span(&cbor));
	secret_free(&cbor);
}

/* Of another negotiator that begins, or its answer. */
static void
on_contact(struct ike_host *h, const struct sa_event *ev)
{
	if (!ev->has_remote)
		return;
	if (ev->what == SA_EVENT_WHO_HAS && ike_engine_has_peer(h->engine, &ev->remote.addr))
		tell_others(h, SA_EVENT_HAS, &ev->remote.addr);
	else if (ev->what == SA_EVENT_HAS && h->asked.family != 0 &&
	    addr_cmp(&ev->remote.addr, &h->asked) == 0) {
		h->has = true;
		ev_break(h->loop, EVBREAK_ONE);
	}
}

/* Of a child SA. */
static void
on_event(struct ike_host *h, const struct sa_event *ev)
{
	struct ike_outbox todo = {0};

	if (ev->has_count && h->calls.count != NULL)
		h->calls.count(h->ctx, ev);
	ike_engine_event(h->engine, ike_host_now(h), ev, &todo);
	ike_host_do(h, &todo);
}

/* Traffic of many child SAs: as if there was an event of each. A part of one at the end is ignored. */
static void
on_traffic(struct ike_host *h, const struct sa_event *all)
{
	struct sa_event one = *all;

	one.sas = SPAN_NONE;
	for (size_t at = 0; at + SA_TRAFFIC_LEN <= all->sas.len; at += SA_TRAFFIC_LEN) {
		sa_traffic_get(&one, all->sas.p + at);
		on_event(h, &one);
	}
}

/* The data path reports events of child SAs. Other records are for other holders of the ports. */
static void
on_record(void *ctx, struct span cbor)
{
	struct ike_host *h = ctx;
	struct sa_rec rec;
	struct fault f;

	if (sa_decode(&rec, cbor, &f) <= 0)
		return;
	if (rec.type == SA_EVENT && rec.event.has_spi_in)
		on_event(h, &rec.event);
	else if (rec.type == SA_EVENT && rec.event.what == SA_EVENT_TRAFFIC)
		on_traffic(h, &rec.event);
	else if (rec.type == SA_EVENT)
		on_contact(h, &rec.event);
	sa_rec_wipe(&rec);
}

static void
on_note(void *ctx, bool warning, const char *text)
{
	struct ike_host *h = ctx;

	h->calls.note(h->ctx, warning ? NOTE_WARN : NOTE_DEBUG, text, 0, h);
}

static const struct host_calls host_calls = {
	.before = on_before, .item = on_item, .wire = on_wire, .unsent = on_unsent,
	.stepped = on_stepped, .record = on_record, .note = on_note,
};

/* --- life --- */

struct ike_host *
ike_host_new(struct ev_loop *loop, const struct ike_host_opt *opt,
    const struct ike_host_calls *calls, void *ctx, struct fault *f)
{
	struct ike_host *h = calloc(1, sizeof(*h));
	const struct host_opt ho = { .clock = opt->clock, .mark = opt->mark };

	if (h == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the IKE host");
		return (NULL);
	}
	h->out = opt->out;
	h->loop = loop;
	h->calls = *calls;
	h->ctx = ctx;
	h->mark = opt->mark;
	h->respond = opt->conf.respond;
	h->one_peer = opt->one_peer;
	h->tcp_port = opt->conf.tcp_port;
	if ((h->engine = ike_engine_new(&opt->conf, f)) == NULL ||
	    (h->host = host_new(loop, &ho, &host_calls, h, f)) == NULL) {
		ike_host_free(h);
		return (NULL);
	}
	host_start(h->host, ike_engine_machine(h->engine));
	return (h);
}

void
ike_host_free(struct ike_host *h)
{
	if (h == NULL)
		return;
	host_free(h->host);
	ike_engine_free(h->engine);
	free(h);
}

int
ike_host_listen(struct ike_host *h, const struct endpoint *local, bool udp, struct fault *f)
{
	struct ports *ports = host_ports(h->host);

	if ((udp && ports_open_usual(ports, local, 0, 0, f) != 0) ||
	    (h->tcp_port != 0 && ports_open_tcp(ports, local, h->tcp_port, h->one_peer ? PORTS_CONNECT : 0, f) != 0))
		return (-1);
	/* New peers are ours. If there is one peer only, ike_host_serve_peer() names it later. */
	if (h->respond && !h->one_peer)
		ports_serve_new(ports, NULL, true);
	return (0);
}

int
ike_host_listen_at(struct ike_host *h, const struct endpoint *local, enum port_role role,
    struct fault *f)
{
	struct endpoint at = *local;

	return (ports_open(host_ports(h->host), &at, role, PORTS_BIND_ANY | PORTS_CONNECT, f));
}

int
ike_host_source(struct ike_host *h, struct endpoint *local, const struct endpoint *remote,
    enum port_role role, struct fault *f)
{
	if (local->addr.family == 0 &&
	    ports_source(&local->addr, remote, h->mark, f) != 0)
		return (-1);
	if (local->addr.family == remote->addr.family &&
	    ports_can_reach(&local->addr, remote, h->mark, f) != 0)
		return (-1);
	local->port = ports_number(host_ports(h->host), local->addr.family, role);
	if (local->port == 0 && role == PORT_IKE)
		local->port = ports_number(host_ports(h->host), local->addr.family, PORT_NATT);
	if (local->port == 0)
		return (fault(f, FAULT_BAD_ADDRESS, "no port is open for IPv%u", local->addr.family));
	return (0);
}

void
ike_host_serve_peer(struct ike_host *h, const struct addr *remote)
{
	if (h->respond)
		ports_serve_new(host_ports(h->host), remote, true);
}

void
ike_host_shutdown(struct ike_host *h)
{
	struct ike_outbox todo = {0};

	ike_engine_shutdown(h->engine, ike_host_now(h), &todo);
	ike_host_do(h, &todo);
}

void
ike_host_mute(struct ike_host *h)
{
	h->muted = true;
}

static void
on_no_answer(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ONE);
}

/* Whether this process opened all its ports of the family first, so that no other tool was there. */
static bool
alone(const struct ports *ports, uint8_t family)
{
	uint16_t ike = ports_number(ports, family, PORT_IKE), natt = ports_number(ports, family, PORT_NATT);
	uint16_t tcp = ports_number(ports, family, PORT_TCP);

	return ((ike == 0 || ports_owning(ports, family, ike)) &&
	    (natt == 0 || ports_owning(ports, family, natt)) && (tcp == 0 || ports_owning(ports, family, tcp)));
}

bool
ike_host_has_others(struct ike_host *h, const struct addr *remote)
{
	ev_timer timer;

	if (alone(host_ports(h->host), remote->family))
		return (false);
	h->has = false;
	h->asked = *remote;
	ev_timer_init(&timer, on_no_answer, ANSWER_S, 0.);
	ev_timer_start(h->loop, &timer);
	tell_others(h, SA_EVENT_WHO_HAS, remote);
	ev_run(h->loop, 0);
	ev_timer_stop(h->loop, &timer);
	h->asked.family = 0;
	return (h->has);
}
