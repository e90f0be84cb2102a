#include "port/port_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

void
port_note(struct port *p, const char *fmt, ...)
{
	char text[256], at[ENDPOINT_TEXT];
	size_t n;
	va_list ap;

	if (p->set->calls.note == NULL)
		return;
	n = (size_t)snprintf(text, sizeof(text), "UDP %s: ", endpoint_text(at, &p->bound));
	va_start(ap, fmt);
	(void)vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	p->set->calls.note(p->set->ctx, text);
}

/* Whether all user ids are mapped here, so that the overflow uid means itself. */
static bool
all_uids_mapped(void)
{
	unsigned long first = 1, outside = 1, n = 0;
	FILE *in = fopen("/proc/self/uid_map", "re");
	bool all;

	if (in == NULL)
		return (false);
	all = fscanf(in, "%lu %lu %lu", &first, &outside, &n) == 3 && first == 0 &&
	    outside == 0 && n >= UINT32_MAX;
	(void)fclose(in);
	return (all);
}

struct ports *
ports_new(struct ev_loop *loop, const struct ports_opt *opt, const struct ports_calls *calls,
    void *ctx, struct fault *f)
{
	struct ports *set = calloc(1, sizeof(*set));

	if (set == NULL)
		goto err;
	set->bufs = malloc((size_t)PORT_BATCH * PORT_BUF);
	set->msgs[0] = malloc(PORT_MSG_MAX);
	set->msgs[1] = malloc(PORT_MSG_MAX);
	if (set->bufs == NULL || set->msgs[0] == NULL || set->msgs[1] == NULL)
		goto err;
	set->loop = loop;
	set->opt = *opt;
	set->calls = *calls;
	set->ctx = ctx;
	set->euid = geteuid();
	set->own_is_clear = all_uids_mapped();
	if (getrandom(&set->origin, sizeof(set->origin), 0) != sizeof(set->origin))
		goto err;
	return (set);
err:
	(void)fault(f, FAULT_MEMORY, "no memory for UDP ports");
	ports_free(set);
	return (NULL);
}

void
ports_free(struct ports *set)
{
	size_t i;

	if (set == NULL)
		return;
	for (i = 0; i < set->n; i++) {
		port_udp_stop(set->port[i]);
		port_leave(set->port[i]);
		(void)close(set->port[i]->udp);
		free(set->port[i]);
	}
	serve_clear(&set->own);
	free(set->bufs);
	free(set->msgs[0]);
	free(set->msgs[1]);
	free(set);
}

void
port_flush_esp(struct ports *set)
{
	size_t n = set->nesp;

	set->nesp = 0;
	if (n > 0 && set->calls.esp != NULL)
		set->calls.esp(set->ctx, set->esp, n);
}

static void
deliver_esp(struct port *p, const struct port_msg *m)
{
	struct ports *set = p->set;
	union { const uint8_t *c; uint8_t *v; } bytes = { m->body.p };
	struct pkt d[64];
	size_t off, n = 0, seg = m->seg != 0 ? m->seg : m->body.len;

	if (set->calls.esp == NULL)
		return;
	for (off = 0; off < m->body.len; off += seg) {
		d[n++] = (struct pkt){ .local = m->local, .remote = m->remote,
		    .ifindex = m->ifindex, .tos = m->tos, .proto = IPPROTO_UDP,
		    .marker = port_marker_esp(p), .p = bytes.v + off,
		    .len = m->body.len - off < seg ? m->body.len - off : seg };
		if (n == 64 || off + seg >= m->body.len) {
			set->calls.esp(set->ctx, d, n);
			n = 0;
		}
	}
}

/* A record goes several ways when several ports are shared: once is enough. */
static void
deliver_record(struct ports *set, const struct port_msg *m)
{
	uint64_t origin = get_be64(m->body.p);
	size_t i;

	for (i = 0; i < sizeof(set->seen) / sizeof(set->seen[0]); i++)
		if (set->seen[i].origin == origin && set->seen[i].seq == m->number)
			return;
	i = set->nseen++ % (sizeof(set->seen) / sizeof(set->seen[0]));
	set->seen[i].origin = origin;
	set->seen[i].seq = m->number;
	if (set->calls.record != NULL && origin != set->origin)
		set->calls.record(set->ctx, span_of(m->body.p + 8, m->body.len - 8));
}

void
port_deliver(struct port *p, const struct port_msg *m)
{
	struct ports *set = p->set;
	union { const uint8_t *c; uint8_t *v; } bytes = { m->body.p };
	struct pkt d;

	switch (m->type) {
	case PM_IKE:
		d = (struct pkt){ .local = m->local, .remote = m->remote,
		    .ifindex = m->ifindex, .p = bytes.v, .len = m->body.len };
		if (set->calls.ike != NULL)
			set->calls.ike(set->ctx, &d);
		break;
	case PM_ESP:
		deliver_esp(p, m);
		break;
	case PM_UNREACH:
		if (set->calls.unreachable != NULL)
			set->calls.unreachable(set->ctx, &m->local, &m->remote,
			    (int)(m->number >> 32), (uint32_t)m->number);
		break;
	case PM_RECORD:
		deliver_record(set, m);
		break;
	}
}

/* Passes ${m} to ${c} if there is room; false with errno if not. */
static bool
relay(struct port_conn *c, const struct port_msg *m)
{
	bool ok = port_conn_send(c, m);

	if (ok)
		c->port->set->stats.relayed_out++;
	else if (errno == EAGAIN)
		c->port->set->stats.dropped_full++;
	return (ok);
}

/* To every holder but ${from}; ${from} NULL is ourselves, who then don't get it. */
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

/* To those who serve it: all for IKE, the first for ESP. How many. */
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
 * IKE of cookies that nobody has registered: a new peer, or an answer to a responder that
 * gave out a cookie without keeping a memory of it. To one holder alone, or several would
 * answer: the one that serves this peer by name, or else the first that serves any.
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
		/* The last in the list came first, so it wins over its equals; we came before it. */
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
 * ESP of a SPI that nobody has registered: to all data paths, one of which may find the
 * SA in a record that it has not read yet.
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

	if (p->lock == -1) {
		/* The owner knows who serves what; without one it waits a little. */
		if (m->type == PM_UNREACH && from == NULL)
			port_deliver(p, m);
		if (p->up == NULL || !p->up->welcomed || p->up->gone)
			(void)port_hold(p, m);
		else if (!relay(p->up, m) && errno != EAGAIN)
			(void)port_hold(p, m);	/* it died, which we are about to see */
		return;
	}
	if (m->type == PM_UNREACH || m->type == PM_RECORD) {
		if (m->type == PM_UNREACH && from == NULL)
			port_deliver(p, m);
		route_to_all(p, from, m);
		return;
	}
	/*
	 * A key may be on its way to us, told before the peer was asked. IKE goes to all who serve it, so
	 * that one of them is known is not enough.
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
	if (ev_is_active(&p->grace) && port_hold(p, m))
		return;
	if ((m->type == PM_IKE ? route_new(p, m) : route_stray_esp(p, m)) == 0)
		set->stats.unserved++;
}

static int
serve(struct ports *set, const struct serve_key *k, struct fault *f)
{
	int r = serve_put(&set->own, k);

	if (r == -1)
		return (fault(f, FAULT_MEMORY, "no memory for another %s",
		    k->b[0] == SERVE_SPI ? "SPI" : "IKE SA"));
	if (r == 1)
		port_share_key(set, k, false);
	return (0);
}

static void
unserve(struct ports *set, const struct serve_key *k)
{
	if (serve_drop(&set->own, k))
		port_share_key(set, k, true);
}

int
ports_serve_cookies(struct ports *set, const uint8_t cky_i[8], const uint8_t cky_r[8],
    struct fault *f)
{
	struct serve_key k = serve_key_cookies(cky_i, cky_r);

	return (serve(set, &k, f));
}

void
ports_unserve_cookies(struct ports *set, const uint8_t cky_i[8], const uint8_t cky_r[8])
{
	struct serve_key k = serve_key_cookies(cky_i, cky_r);

	unserve(set, &k);
}

void
ports_serve_new(struct ports *set, const struct addr *remote, bool yes)
{
	struct serve_key k = serve_key_new(remote);

	if (yes)
		(void)serve(set, &k, NULL);
	else
		unserve(set, &k);
}

int
ports_serve_spi(struct ports *set, uint32_t spi, const struct addr *local, struct fault *f)
{
	struct serve_key k = serve_key_spi(spi, local);

	return (serve(set, &k, f));
}

void
ports_unserve_spi(struct ports *set, uint32_t spi, const struct addr *local)
{
	struct serve_key k = serve_key_spi(spi, local);

	unserve(set, &k);
}

void
ports_send_record(struct ports *set, struct span cbor)
{
	struct port_msg m = { .type = PM_RECORD, .number = ++set->seq };
	uint8_t *body;
	size_t i;

	if (cbor.len == 0 || cbor.len > PORT_MSG_DATA || (body = malloc(8 + cbor.len)) == NULL)
		return;
	put_be64(body, set->origin);
	memcpy(body + 8, cbor.p, cbor.len);
	m.body = span_of(body, 8 + cbor.len);
	for (i = 0; i < set->n; i++)
		port_route(set->port[i], NULL, &m);
	free(body);
}

static struct port *
port_find(const struct ports *set, uint8_t family, uint16_t number)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (set->port[i]->bound.addr.family == family &&
		    set->port[i]->bound.port == number)
			return (set->port[i]);
	return (NULL);
}

uint16_t
ports_number(const struct ports *set, uint8_t family, enum port_role role)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (set->port[i]->bound.addr.family == family && set->port[i]->role == role)
			return (set->port[i]->bound.port);
	return (0);
}

const struct ports_stats *
ports_stats(const struct ports *set)
{
	return (&set->stats);
}

bool
ports_reading(const struct ports *set, uint8_t family, uint16_t port)
{
	struct port *p = port_find(set, family, port);

	return (p != NULL && p->reading);
}

bool
ports_owning(const struct ports *set, uint8_t family, uint16_t port)
{
	struct port *p = port_find(set, family, port);

	return (p != NULL && p->lock != -1);
}
