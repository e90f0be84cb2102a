/* Where a datagram goes: to this process, to other holders, or into the queue until that is known. */
#include "port/port_route.h"

#include <errno.h>
#include <stdlib.h>

#include "port/port_conn.h"
#include "port/port_deliver.h"

static bool
hold(struct port *p, const struct port_msg *m)
{
	struct port_held *h;
	size_t len = PORT_MSG_HDR + m->body.len;

	if (p->nheld >= PORT_QUEUE || p->held_bytes + len > PORT_QUEUE_BYTES ||
	    (h = malloc(sizeof(*h) + len)) == NULL) {
		p->set->stats.dropped_full++;
		return (false);
	}
	h->next = NULL;
	h->len = len;
	port_msg_put(h->b, m);
	memcpy(h->b + PORT_MSG_HDR, m->body.p, m->body.len);
	*p->held_end = h;
	p->held_end = &h->next;
	p->nheld++;
	p->held_bytes += len;
	return (true);
}

/* Passes ${m} to ${c} if there is room; false with errno if not. */
static bool
relay(struct port_conn *c, const struct port_msg *m)
{
	bool ok = port_conn_send(c, m);

	if (ok)
		c->port->set->stats.relayed_out++;
	else if (errno == EAGAIN) {
		c->port->set->stats.dropped_full++;
		c->port->set->shed.stuck = true;
	}
	return (ok);
}

/* Sends to every holder except ${from}. If ${from} is NULL, we are the sender and do not get it. */
static void
route_to_all(struct port *p, struct port_conn *from, const struct port_msg *m)
{
	struct port_conn *c;

	for (c = p->conns; c != NULL; c = c->next)
		if (c != from && c->welcomed && !c->gone)
			(void)relay(c, m);
	if (from != NULL)
		port_deliver(p, m);
}

/* Sends to the holders that serve it: all for IKE, the first for ESP. Returns how many. */
static size_t
route_served(struct port *p, const struct port_msg *m)
{
	bool ike = m->type == PM_IKE;
	struct port_conn *c;
	size_t n = 0;

	if (ike ? serve_wants_ike(&p->set->own, m->body.p) :
	    serve_wants_esp(&p->set->own, get_be32(m->body.p), &m->local.addr)) {
		port_deliver(p, m);
		n++;
	}
	for (c = p->conns; c != NULL && (ike || n == 0); c = c->next)
		if (c->welcomed && !c->gone && (ike ? serve_wants_ike(&c->serves, m->body.p) :
		    serve_wants_esp(&c->serves, get_be32(m->body.p), &m->local.addr))) {
			(void)relay(c, m);
			n++;
		}
	return (n);
}

/*
 * IKE of cookies that no holder has registered: a new peer, or an answer to a responder that
 * sent a cookie and kept no state for it. Only one holder gets it, because several would
 * answer: the one that names this peer, or else the first that serves any peer.
 */
static size_t
route_new(struct port *p, const struct port_msg *m)
{
	unsigned rank, most = serve_rank_new(&p->set->own, &m->remote.addr);
	struct port_conn *c, *best = NULL;

	for (c = p->conns; c != NULL; c = c->next) {
		if (!c->welcomed || c->gone)
			continue;
		rank = serve_rank_new(&c->serves, &m->remote.addr);
		/* The last in the list joined first, so it wins over its equals; we were before it. */
		if (rank > most || (rank == most && best != NULL)) {
			best = c;
			most = rank;
		}
	}
	if (most == 0)
		return (0);
	if (best != NULL)
		(void)relay(best, m);
	else
		port_deliver(p, m);
	return (1);
}

/*
 * ESP of a SPI that no holder has registered: goes to all data paths, because one of them may find
 * the SA in a record that it has not read yet.
 */
static size_t
route_stray_esp(struct port *p, const struct port_msg *m)
{
	struct port_conn *c;
	size_t n = 0;

	if (p->data_path) {
		port_deliver(p, m);
		n++;
	}
	for (c = p->conns; c != NULL; c = c->next)
		if (c->welcomed && !c->gone && c->data_path) {
			(void)relay(c, m);
			n++;
		}
	return (n);
}

void
port_route(struct port *p, struct port_conn *from, const struct port_msg *m)
{
	struct ports *set = p->set;

	if (!p->owner) {
		/* Only the owner can route it; without an owner the message is queued for a moment. */
		if (m->type == PM_UNREACH && from == NULL)
			port_deliver(p, m);
		if (p->up == NULL || !p->up->welcomed || p->up->gone)
			(void)hold(p, m);
		else if (!relay(p->up, m) && errno != EAGAIN)
			(void)hold(p, m);	/* it died, and its hang-up follows */
		return;
	}
	if (m->type == PM_UNREACH || m->type == PM_RECORD) {
		if (m->type == PM_UNREACH && from == NULL)
			port_deliver(p, m);
		route_to_all(p, from, m);
		return;
	}
	/*
	 * A holder sends its key before its first datagram, so the key may be queued already. IKE goes to all
	 * holders that serve it: it is not enough to know one of them.
	 */
	if (m->type == PM_IKE && !set->draining)
		port_conns_drain(p, p->reader);
	if (route_served(p, m) > 0)
		return;
	if (m->type == PM_ESP && !set->draining) {
		port_conns_drain(p, NULL);
		if (route_served(p, m) > 0)
			return;
	}
	if (ev_is_active(&p->grace) && hold(p, m))
		return;
	if ((m->type == PM_IKE ? route_new(p, m) : route_stray_esp(p, m)) == 0)
		set->stats.unserved++;
}

/* Whether this holder has registered the SPI of ${m}, if necessary after it was asked. */
static bool
is_own_esp(struct ports *set, const struct port_msg *m)
{
	uint32_t spi = get_be32(m->body.p);

	if (serve_wants_esp(&set->own, spi, &m->local.addr))
		return (true);
	if (set->calls.stray == NULL || set->stray)
		return (false);
	set->stray = true;
	set->calls.stray(set->ctx);
	return (serve_wants_esp(&set->own, spi, &m->local.addr));
}

void
port_take(struct port *p, const struct port_msg *m)
{
	struct ports *set = p->set;

	if (m->body.len < (m->type == PM_IKE ? 28 : 8)) {
		set->stats.dropped_short++;
		return;
	}
	if (m->type == PM_ESP && is_own_esp(set, m)) {
		if (set->nesp == PORT_SEGS)
			port_flush_esp(set);
		set->esp[set->nesp++] = (struct pkt){ .local = m->local, .remote = m->remote, .ifindex = m->ifindex,
		    .tos = m->tos, .proto = port_carrier(p), .marker = port_marker_esp(p),
		    .p = set->bufs + (m->body.p - set->bufs), .len = m->body.len };
		return;
	}
	if (m->type == PM_IKE && port_shed_drops(&set->shed, &m->remote, m->body.p)) {
		set->stats.shed++;
		return;
	}
	port_route(p, NULL, m);
}

void
port_release(struct port *p)
{
	struct port_held *h = p->held, *next;
	struct port_msg m;

	p->held = NULL;
	p->held_end = &p->held;
	p->nheld = p->held_bytes = 0;
	for (; h != NULL; h = next) {
		next = h->next;
		if (port_msg_get(&m, span_of(h->b, h->len)) == 0)
			port_route(p, NULL, &m);
		free(h);
	}
}

void
port_held_free(struct port *p)
{
	struct port_held *h;

	while ((h = p->held) != NULL) {
		p->held = h->next;
		free(h);
	}
}
