/* The GRE device: its life, its bindings, its counters. */
#include "gre/device.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "gre/device_priv.h"

/* ---- bindings */

static void
note_binding(struct gre_device *d, const struct sa_nhrp_binding *b, const char *what)
{
	char proto[ADDR_TEXT], nbma[ADDR_TEXT];
	const struct addr *at = sa_binding_nbma(b);

	gre_note(d, 1, "%s/%u %s%s%s", addr_text(proto, &b->proto), b->prefix, what, at->family != 0 ? " at " : "",
	    at->family != 0 ? addr_text(nbma, at) : "");
}

static void
on_gone(void *ctx, const struct sa_nhrp_binding *b)
{
	note_binding(ctx, b, "has expired");
}

static void
set_expiry(struct gre_device *d)
{
	uint64_t next = bindings_next(&d->bindings), now = now_epoch_ms(clock_now(&d->clock));

	ev_timer_stop(d->loop, &d->expiry);
	if (next == UINT64_MAX || next > UINT64_MAX / 1000)
		return;
	/* At most an hour: the clock may be set meanwhile. */
	ev_timer_set(&d->expiry, next * 1000 <= now ? 0. : next * 1000 - now > 3600000 ? 3600. : (double)(next * 1000 - now) / 1000., 0.);
	ev_timer_start(d->loop, &d->expiry);
}

void
gre_device_settle(struct gre_device *d)
{
	size_t n = d->bindings.n, n_routes = 0, n_neighs = 0;
	struct route *routes;
	struct neigh *neighs;
	struct fault f;

	if (!d->due)
		return;
	d->due = false;
	routes = calloc(n + 1, sizeof(*routes));
	neighs = calloc(n + 1, sizeof(*neighs));
	if (routes == NULL || neighs == NULL) {
		(void)fault(&f, FAULT_MEMORY, "no memory for routes");
		d->calls->trouble(d->ctx, &f);
	} else {
		bindings_want(&d->bindings, &d->info.local, routes, &n_routes, neighs, &n_neighs);
		/* Neighbours first: a route without one would make the kernel ask, and wait. */
		if (d->o.remote.family == 0 && neighs_sync(&d->neighs, neighs, n_neighs, &f) != 0)
			d->calls->trouble(d->ctx, &f);
		if (d->o.route && router_sync(&d->router, routes, n_routes, &f) != 0)
			d->calls->trouble(d->ctx, &f);
	}
	free(routes);
	free(neighs);
	set_expiry(d);
}

static void
on_expiry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct gre_device *d = w->data;

	(void)loop, (void)revents;
	if (bindings_expire(&d->bindings, clock_now(&d->clock).epoch, on_gone, d) > 0)
		d->due = true;
	gre_device_settle(d);
	set_expiry(d);
	if (d->bindings.n == 0)
		d->calls->empty(d->ctx);
}

/* An SA with a peer came into use, or the last one with it ends. */
static int
on_peer(struct gre_device *d, const struct sa_event *e, unsigned source, struct fault *f)
{
	char text[ADDR_TEXT];
	int rc;

	if (e->what == SA_EVENT_DOWN) {
		if (gate_remove(&d->gate, &e->remote.addr, source))
			gre_note(d, 1, "no SA with %s is in use any more", addr_text(text, &e->remote.addr));
		return (0);
	}
	if ((rc = gate_add(&d->gate, &e->remote.addr, source, f)) <= 0)
		return (rc);
	gre_note(d, 1, "an SA with %s is in use", addr_text(text, &e->remote.addr));
	/* A registration that was dropped without it is repeated now, not after its pause. */
	gre_hub_info(d->hub, &d->info);
	return (0);
}

void
gre_device_source_over(struct gre_device *d, unsigned source)
{
	gate_source_over(&d->gate, source);
}

int
gre_device_record(struct gre_device *d, const struct sa_rec *rec, unsigned source, struct fault *f)
{
	static const char *const what[] = { [BINDINGS_NEW] = "is now", [BINDINGS_CHANGED] = "has moved and is now",
	    [BINDINGS_GONE] = "is no more" };
	int rc;

	if (d->o.require_sa && rec->type == SA_EVENT && rec->event.has_remote &&
	    (rec->event.what == SA_EVENT_UP || rec->event.what == SA_EVENT_DOWN))
		return (on_peer(d, &rec->event, source, f));
	if (rec->type != SA_NHRP_BINDING || (rec->binding.tun[0] != '\0' && strcmp(rec->binding.tun, d->info.tun) != 0))
		return (0);
	if ((rc = bindings_apply(&d->bindings, &rec->binding, clock_now(&d->clock).epoch, f)) < 0)
		return (-1);
	if (rc != BINDINGS_SAME)
		note_binding(d, &rec->binding, what[rc]);
	/* One that is the same may last longer. */
	d->due = true;
	return (0);
}

size_t
gre_device_bindings(const struct gre_device *d)
{
	return (d->bindings.n);
}

size_t
gre_device_tools(const struct gre_device *d)
{
	return (gre_hub_tools(d->hub));
}

/* ---- packets */

static void
on_tap(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop, (void)revents;
	gre_out(w->data);
}

static void
on_raw(struct ev_loop *loop, ev_io *w, int revents)
{
	struct gre_device *d = w->data;

	(void)loop, (void)revents;
	gre_in(d, w == &d->raw_io[RAW_V6] ? RAW_V6 : 0);
}

/* An NHRP packet of a tool. */
static void
on_tool(void *ctx, const struct addr *nbma, struct span nhrp)
{
	struct gre_device *d = ctx;

	if (nhrp.len == 0)
		return;
	if (!gre_out_allowed(d, nbma))
		return;
	d->n.nhrp_out++;
	/* Precedence "internetwork control", as routing protocols have it. */
	gre_out_one(d, nbma, GRE_NHRP, nhrp, 0xc0);
}

/* ---- life */

/* A redirect would tell a spoke of a better next hop, which for the kernel is on one link with it. Not ours to lose: ignored. */
static void
no_redirects(const char *tun)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/send_redirects", tun);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return;
	(void)!write(fd, "0", 1);
	(void)close(fd);
}

static int
open_all(struct gre_device *d, struct fault *f)
{
	const struct gre_opt *o = &d->o;
	uint8_t key[16];
	size_t i;

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return (fault_sys(f, FAULT_SYSTEM, "no random numbers"));
	if ((d->sampler = sampler_new(key)) == NULL || (d->senders = calloc(GRE_SENDERS, sizeof(*d->senders))) == NULL ||
	    (d->paths = calloc(GRE_PATHS, sizeof(*d->paths))) == NULL ||
	    (d->slots = calloc(RAW_BATCH + 1, SLOT_HEAD + SLOT_ROOM)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for packets"));
	if (raw_open(&d->raw, &o->local, &o->remote, o->ttl, f) != 0 || tap_open(&d->tap, o->tun, o->remote.family == 0, f) != 0)
		return (-1);
	d->info = (struct gre_info){ .ifindex = d->tap.tun.ifindex, .local = o->local, .remote = o->remote, .has_key = o->has_key,
	    .key = o->key, .mtu = o->mtu };
	memcpy(d->info.tun, d->tap.tun.name, sizeof(d->info.tun));
	if (router_open(&d->router, d->tap.tun.ifindex, f) != 0)
		return (-1);
	d->router.metric = o->metric;
	d->neighs = (struct neighs){ .nl = &d->router.nl, .ifindex = d->tap.tun.ifindex };
	no_redirects(d->tap.tun.name);
	if (router_link_up(&d->router, o->mtu, f) != 0)
		return (-1);
	if (o->multicast && router_multicast(&d->router, f) != 0)
		return (-1);
	router_gso(&d->router, GSO_MAX);
	coalesce_init(&d->join, d->tap.tun.uso, gre_put_joined, d);
	for (i = 0; i < o->n_addresses; i++)
		if (router_address(&d->router, &o->addresses[i].net, o->addresses[i].prefix, f) != 0)
			return (-1);
	return ((d->hub = gre_hub_open(d->loop, &d->info, on_tool, d, f)) != NULL ? 0 : -1);
}

static void
watch(struct gre_device *d)
{
	ev_io_init(&d->tap_io, on_tap, d->tap.tun.fd, EV_READ);
	d->tap_io.data = d;
	ev_io_start(d->loop, &d->tap_io);
	for (size_t i = 0; i < 2; i++) {
		if (d->raw.fd[i] == -1)
			continue;
		ev_io_init(&d->raw_io[i], on_raw, d->raw.fd[i], EV_READ);
		d->raw_io[i].data = d;
		ev_io_start(d->loop, &d->raw_io[i]);
	}
}

struct gre_device *
gre_device_new(struct ev_loop *loop, const struct gre_opt *o, const struct gre_calls *calls, void *ctx, struct fault *f)
{
	struct gre_device *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a GRE device");
		return (NULL);
	}
	d->loop = loop;
	d->o = *o;
	d->calls = calls;
	d->ctx = ctx;
	d->tap.tun.fd = d->raw.fd[0] = d->raw.fd[RAW_V6] = -1;
	ev_timer_init(&d->expiry, on_expiry, 0., 0.);
	d->expiry.data = d;
	d->asker = path_asker_of(0);
	gre_use_init(d);
	gre_alive_init(d);
	if (open_all(d, f) != 0) {
		gre_device_free(d);
		return (NULL);
	}
	d->since = clock_now(&d->clock).epoch;
	watch(d);
	gre_alive_start(d);
	return (d);
}

void
gre_device_free(struct gre_device *d)
{
	if (d == NULL)
		return;
	gre_hub_free(d->hub);
	control_close(d->control);
	ev_timer_stop(d->loop, &d->expiry);
	ev_timer_stop(d->loop, &d->use);
	gre_alive_stop(d);
	ev_io_stop(d->loop, &d->tap_io);
	for (size_t i = 0; i < 2; i++)
		ev_io_stop(d->loop, &d->raw_io[i]);
	neighs_free(&d->neighs);
	router_close(&d->router);
	bindings_free(&d->bindings);
	gate_free(&d->gate);
	tap_close(&d->tap);
	raw_close(&d->raw);
	sampler_free(d->sampler);
	free(d->senders);
	path_asker_close(&d->asker);
	free(d->paths);
	free(d->slots);
	free(d);
}

const struct gre_info *
gre_device_info(const struct gre_device *d)
{
	return (&d->info);
}
