/* Next hops: the routes over the device, and the bindings of nhtb.h, for the look-up of each outbound packet. */
#include <stdio.h>
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define GAP_MS		20	/* between the end of an answer and the next request */
#define GAP_TIMES	20	/* ... at least so many times what the answer took: with thousands of routes it takes some ms */
#define AGAIN_MS	10000	/* the kernel flushes routes of an address or a link without a report */
#define PARTS_TURN	4	/* of an answer, before packets have their turn */

/* ---- routes */

static void
ask(struct datapath *dp)
{
	struct hops *h = &dp->hops;

	h->asked_ms = clock_now(&dp->clock).ms;
	(void)routewatch_ask(&h->watch);	/* dp_hop_tick() tries again */
}

/* Asks now, or when there was enough time for other work. */
static void
ask_soon(struct datapath *dp)
{
	struct hops *h = &dp->hops;
	uint64_t now = clock_now(&dp->clock).ms;

	/* No look-up needs them. */
	if (nhtb_idle(h->table) || routewatch_asked(&h->watch) || ev_is_active(&h->again))
		return;
	if (now >= h->free_ms) {
		ask(dp);
		return;
	}
	ev_timer_set(&h->again, (double)(h->free_ms - now) / 1000, 0.);
	ev_timer_start(dp->loop, &h->again);
}

static void
on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	ask(w->data);
}

static void
on_events(struct ev_loop *loop, ev_io *w, int revents)
{
	struct datapath *dp = w->data;
	struct hops *h = &dp->hops;

	(void)loop, (void)revents;
	if (!routewatch_changed(&h->watch))
		return;
	h->changes++;
	sadb_changed(dp->db);
	if (routewatch_stale(&h->watch))
		ask_soon(dp);
}

static void
complete(struct datapath *dp)
{
	struct hops *h = &dp->hops;
	const struct route_table *t = &h->watch.now;
	struct fault f;

	h->changes++;
	sadb_changed(dp->db);
	dp_note(dp, 2, "%zu routes over %s", t->n, dp->tun.name);
	if (t->ignored > 0 && !h->many) {
		(void)fault(&f, FAULT_TOO_LARGE, "%zu routes over %s are ignored: more than %d, or memory is short", t->ignored,
		    dp->tun.name, ROUTEWATCH_MAX);
		dp_warn(dp, &f);
	}
	h->many = t->ignored > 0;
}

static void
on_answers(struct ev_loop *loop, ev_io *w, int revents)
{
	struct datapath *dp = w->data;
	struct hops *h = &dp->hops;
	uint64_t now, gap;
	int rc = 0;

	(void)loop, (void)revents;
	for (int i = 0; i < PARTS_TURN && rc == 0 && routewatch_asked(&h->watch); i++)
		rc = routewatch_read(&h->watch);
	if (rc == 0)
		return;
	now = clock_now(&dp->clock).ms;
	gap = GAP_TIMES * (now - h->asked_ms);
	h->free_ms = now + (gap > GAP_MS ? gap : GAP_MS);
	if (rc == 1)
		complete(dp);
	if (routewatch_stale(&h->watch))
		ask_soon(dp);
}

void
dp_hop_tick(struct datapath *dp, uint64_t now_ms)
{
	struct hops *h = &dp->hops;

	if (h->open && !routewatch_asked(&h->watch) && (routewatch_stale(&h->watch) || now_ms - h->asked_ms >= AGAIN_MS))
		ask_soon(dp);
}

/* ---- packets */

/* sadb_hooks.choose */
static struct esp_sa *
choose(void *ctx, const struct inner *in, enum esp_verdict *why)
{
	struct datapath *dp = ctx;
	struct hops *h = &dp->hops;

	*why = ESP_OK;
	if (dp_worker(dp)->copy_to != NULL)
		return (dp_worker(dp)->copy_to);
	if (nhtb_idle(h->table))
		return (NULL);
	return (nhtb_find(h->table, routewatch_find(&h->watch, &in->dst), in, why));
}

/* Whether the IP packet at ${p} goes to several: 224.0.0.0/4 and above, ff00::/8. */
static bool
is_multicast(const uint8_t *p, size_t len)
{
	return (len >= 20 && (p[0] >> 4 == 4 ? p[16] >= 224 : len >= 40 && p[24] == 0xff));
}

bool
dp_hop_copies(struct datapath *dp, struct pkt *k, void (*send)(struct datapath *dp, struct pkt *k))
{
	struct worker *w = dp_worker(dp);
	void *at = NULL;
	struct inner in;

	if (!is_multicast(k->p, k->len) || nhtb_peers(dp->hops.table) < 2 || inner_parse(&in, k->p, k->len) != 0)
		return (false);
	while ((w->copy_to = nhtb_each_peer(dp->hops.table, &in, &at)) != NULL)
		send(dp, k);
	return (at != NULL);
}

/* ---- SAs */

/* The routes are needed from now on, perhaps. */
static void
wake(struct datapath *dp)
{
	if (dp->hops.open && routewatch_stale(&dp->hops.watch) && !nhtb_idle(dp->hops.table))
		ask_soon(dp);
}

void
dp_hop_remove(struct datapath *dp, struct own *own)
{
	if (own->hop == NULL)
		return;
	biglock_pause();	/* dp_hop_copies() may have come to this one */
	nhtb_remove(dp->hops.table, own->hop);
	own->hop = NULL;
	biglock_resume();
}

void
dp_hop_add(struct datapath *dp, struct esp_pair *pair, const struct sa_child *c)
{
	struct own *own = pair->user;
	char text[ADDR_TEXT], from[SELECTOR_TEXT], to[SELECTOR_TEXT];
	struct addr taken;
	struct fault f;

	dp_hop_remove(dp, own);
	own->hop = nhtb_add(dp->hops.table, pair, c, &taken);
	if (own->hop == NULL) {
		(void)fault(&f, FAULT_MEMORY, "no memory for the next hops of SA %08x", get_be32(pair->in.spi));
		dp_warn(dp, &f);
	} else if (taken.family != 0)
		dp_note(dp, 0, "next hop %s is another peer's, and not bound to SA %08x%s%s", addr_text(text, &taken),
		    get_be32(pair->in.spi), *pair->name != '\0' ? " of " : "", pair->name);
	if (own->hop != NULL && nhtb_narrow(own->hop))
		dp_note(dp, 0, "SA %08x of %s, to which --nhtb binds a next hop, is policy-based: packets outside of %s to %s are "
		    "dropped", get_be32(pair->in.spi), *pair->name != '\0' ? pair->name : "the peer",
		    selector_net_text(from, &pair->out.src_ts[0]), selector_net_text(to, &pair->out.dst_ts[0]));
	wake(dp);
	sadb_changed(dp->db);
}

bool
dp_hop_stat(const struct datapath *dp, uint64_t *serial, struct sa_next_hop *s)
{
	static const enum sa_hop_state states[] = { [NHTB_DOWN] = SA_HOP_DOWN, [NHTB_READY] = SA_HOP_READY,
	    [NHTB_UP] = SA_HOP_UP };
	struct nhtb_view v;

	if (!nhtb_after(dp->hops.table, *serial, &v))
		return (false);
	*serial = v.serial;
	*s = (struct sa_next_hop){ .hop = v.hop, .flag = v.is_static ? SA_HOP_STATIC : SA_HOP_AUTOMATIC,
	    .state = states[v.state] };
	(void)snprintf(s->name, sizeof(s->name), "%s", v.name);
	if (v.pair == NULL)
		return (true);
	s->has_sa = s->has_remote = true;
	memcpy(s->spi_in, v.pair->in.spi, sizeof(s->spi_in));
	memcpy(s->spi_out, v.pair->out.spi, sizeof(s->spi_out));
	s->remote = v.pair->out.dst;
	return (true);
}

/* ---- life */

int
datapath_bind(struct datapath *dp, const struct addr *hop, const char *name, struct fault *f)
{
	int rc;

	biglock_pause();
	rc = nhtb_bind(dp->hops.table, hop, name, f);
	biglock_resume();
	if (rc != 0)
		return (-1);
	wake(dp);
	sadb_changed(dp->db);
	return (0);
}

int
datapath_bind_remote(struct datapath *dp, const struct addr *hop, const struct addr *remote, bool bound, struct fault *f)
{
	int rc;

	biglock_pause();
	rc = nhtb_bind_remote(dp->hops.table, hop, bound ? remote : NULL, f);
	biglock_resume();
	if (rc != 0)
		return (-1);
	sadb_changed(dp->db);
	return (0);
}

int
datapath_routes(struct datapath *dp, const struct route *r, size_t n, struct fault *f)
{
	struct hops *h = &dp->hops;
	struct route *more = calloc(n + 1, sizeof(*more));

	if (more == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for routes"));
	if (n > 0)
		memcpy(more, r, n * sizeof(*more));
	free(h->more);
	h->more = more;
	h->n_more = n;
	dp->routes_whole = true;
	dp_device(dp);
	return (0);
}

static void
watch(struct datapath *dp, ev_io *w, int fd, void (*ready)(struct ev_loop *, ev_io *, int))
{
	ev_io_init(w, ready, fd, EV_READ);
	w->data = dp;
	ev_io_start(dp->loop, w);
}

static int
salt_get(struct datapath *dp, uint64_t *salt, struct fault *f)
{
	const struct rand *r = &dp->opt.sadb.sa.rand;

	return (r->fill(r->state, (uint8_t *)salt, sizeof(*salt)) == 0 ? 0 :
	    fault(f, FAULT_CRYPTO, "no random numbers for the table of next hops"));
}

int
dp_hop_open(struct datapath *dp, struct fault *f)
{
	struct hops *h = &dp->hops;
	uint64_t salt;

	if (salt_get(dp, &salt, f) != 0)
		return (-1);
	if ((h->table = nhtb_new(salt)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for next hops"));
	dp->opt.sadb.hooks.choose = choose;
	ev_timer_init(&h->again, on_again, 0., 0.);
	h->again.data = dp;
	return (0);
}

int
dp_hop_watch(struct datapath *dp, struct fault *f)
{
	struct hops *h = &dp->hops;
	uint64_t salt;

	if (salt_get(dp, &salt, f) != 0 || routewatch_open(&h->watch, dp->tun.ifindex, salt, f) != 0)
		return (-1);
	h->open = true;
	watch(dp, &h->events, routewatch_events_fd(&h->watch), on_events);
	watch(dp, &h->answers, routewatch_answers_fd(&h->watch), on_answers);
	ask(dp);
	return (0);
}

void
dp_hop_close(struct datapath *dp)
{
	struct hops *h = &dp->hops;

	ev_timer_stop(dp->loop, &h->again);
	ev_io_stop(dp->loop, &h->events);
	ev_io_stop(dp->loop, &h->answers);
	routewatch_close(&h->watch);
	free(h->more);
	nhtb_free(h->table);
}
