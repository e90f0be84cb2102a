/*
 * Routes to the remote selectors of the SAs. A new SA adds its own, and one that ends takes them with it, so that neither
 * costs more with thousands of others; only where the peers' addresses meet the routes, all are looked at.
 */
#include <stdlib.h>

#include "datapath/datapath_priv.h"
#include "esp/ah.h"

#define UDP_PROTO	17
#define ESP_PROTO	50
#define MANY		64	/* new SAs: with more, all at once is faster */

/* The address to send from into the tunnel: one of ours within the local selectors. ${first}: we may add it to the device. */
static struct addr
source_for(struct datapath *dp, const struct esp_sa *out, uint8_t family, bool first)
{
	struct addr found = {0};
	struct fault f;
	size_t i;

	for (i = 0; i < out->n_src_ts; i++) {
		const struct selector *s = &out->src_ts[i];

		if (s->first.family != family)
			continue;
		if (router_find_address(&dp->router, s, &found))
			return (found);
		/* If no interface has the single address, we add it: mode config usually assigned it. */
		if (!first || addr_cmp(&s->first, &s->last) != 0)
			continue;
		if (router_address(&dp->router, &s->first, (uint8_t)(8 * addr_len(&s->first)), &f) == 0)
			return (s->first);
		dp_warn(dp, &f);
	}
	return (found);
}

/*
 * The protocol and local port that ${route} is limited to, so that other packets to the host of transport mode go as before:
 * each L2TP server also serves other things to the addresses of its clients. Not where ESP itself would fit.
 */
static void
limit(const struct esp_sa *out, const struct selector *to, struct route *route)
{
	const struct selector *from = &out->src_ts[0];
	uint8_t proto = to->proto != 0 ? to->proto : from->proto;
	bool port = from->port != 0 && from->port == from->port_end;

	if (out->mode != SA_TRANSPORT || out->n_src_ts != 1 || proto == 0 || proto == ESP_PROTO || proto == AH_PROTO ||
	    (proto == UDP_PROTO && !port))
		return;
	route->proto = proto;
	route->port = port ? from->port : 0;
}

/*
 * Calls ${each} for the routes that ${pair} brings, until it returns false: thousands of SAs keep no list of them. With
 * ${sources} each has its source address. There are none if only those of datapath_routes() are wanted. Returns what the last
 * call did.
 */
typedef bool route_fn(struct datapath *dp, const struct esp_pair *pair, const struct route *r, void *ctx);

static bool
each_route(struct datapath *dp, const struct esp_pair *pair, bool sources, route_fn *each, void *ctx)
{
	const struct esp_sa *out = &pair->out;
	struct own *own = pair->user;
	struct route block[256];
	bool going = true;

	for (size_t i = 0; i < out->n_dst_ts && going && dp->opt.route; i++) {
		const struct selector *s = &out->dst_ts[i];
		struct addr src = {0};
		size_t m;

		if (s->first.family == 6 && dp->opt.mtu != 0 && dp->opt.mtu < INNER_MIN_V6)
			continue;	/* reported: see dp_mtu() */
		if (sources)
			src = source_for(dp, out, s->first.family, !own->routed);
		m = route_blocks(s, block, sizeof(block) / sizeof(block[0]));
		for (size_t b = 0; b < m && going; b++) {
			block[b].src = src;
			limit(out, s, &block[b]);
			going = each(dp, pair, &block[b], ctx);
		}
	}
	own->routed = own->routed || sources;
	return (going);
}

static int
by_addr(const void *a, const void *b)
{
	return (addr_cmp(a, b));
}

/* The last address of a route's net. */
static struct addr
net_end(const struct route *r)
{
	struct addr a = r->net;

	for (unsigned b = r->prefix; b < 8 * addr_len(&a); b++)
		a.b[b / 8] |= (uint8_t)(0x80 >> b % 8);
	return (a);
}

/* Whether a peer's own address lies in ${r}: its packets must not be led into the tunnel. */
static bool
covers_a_peer(const struct route *r, const struct addr *peers, size_t n)
{
	struct addr last = net_end(r);
	size_t lo = 0, hi = n, mid;

	/* The first peer at or above the net's own address. */
	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (addr_cmp(&peers[mid], &r->net) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo < n && addr_cmp(&peers[lo], &last) <= 0);
}

/* A list of routes: what all SAs want, or what one had. */
struct wanted { struct route *r; size_t n, cap; };

/* The routes of an SA that has ended. */
struct dp_gone {
	struct dp_gone	*next;
	struct wanted	 w;
	struct addr	 peer;
};

/* Room for ${more} routes. */
static bool
room(struct wanted *w, size_t more)
{
	size_t cap = 2 * w->cap + more;
	struct route *r;

	if (w->n + more <= w->cap)
		return (true);
	if ((r = realloc(w->r, cap * sizeof(*r))) == NULL)
		return (false);
	w->r = r;
	w->cap = cap;
	return (true);
}

/* Adds a route with its holes. False: no memory. */
static bool
want_route(struct datapath *dp, const struct esp_pair *pair, const struct route *t, void *ctx)
{
	struct wanted *w = ctx;
	struct route *r;

	if (!room(w, dp->lans != NULL ? 1U + SA_NETS_MAX : 1U))
		return (false);
	r = &w->r[w->n++];
	*r = *t;
	r->covers = covers_a_peer(r, dp->peers.list, dp->peers.n);
	w->n += dp_lan_holes(dp, pair, r, w->r + w->n);
	return (true);
}

/* Whether the routes of ${pair} stay: also while its packets wait for a new SA. */
static bool
has_routes(const struct esp_pair *pair)
{
	return (pair->dying_ms == 0 || pair->spent);
}

/* Adds those of datapath_routes(). False: no memory. */
static bool
want_more(struct datapath *dp, struct wanted *w)
{
	const struct hops *h = &dp->hops;

	if (!room(w, h->n_more))
		return (false);
	for (size_t i = 0; i < h->n_more; i++) {
		w->r[w->n] = h->more[i];
		w->r[w->n].covers = covers_a_peer(&h->more[i], dp->peers.list, dp->peers.n);
		w->n++;
	}
	return (true);
}

/* ---- all of them */

static void
no_memory(struct datapath *dp)
{
	struct fault f;

	(void)fault(&f, FAULT_MEMORY, "no memory for routes");
	dp_warn(dp, &f);
}

/* The peers' addresses, sorted; each as often as it has SAs. -1: no memory. */
static int
all_peers(struct datapath *dp)
{
	struct dp_peers *p = &dp->peers;
	size_t count = sadb_count(dp->db);
	const struct esp_pair *pair;
	struct own *own;

	free(p->list);
	p->n = p->cap = 0;
	if ((p->list = calloc(count + MANY, sizeof(*p->list))) == NULL)
		return (-1);
	p->cap = count + MANY;
	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++) {
		own = pair->user;
		own->peer = pair->out.dst.addr;
		own->peer.scope = 0;
		p->list[p->n++] = own->peer;
	}
	biglock_leave();	/* only this thread looks at them */
	if (p->n > 0)
		qsort(p->list, p->n, sizeof(*p->list), by_addr);
	biglock_take();
	return (0);
}

static void
whole(struct datapath *dp)
{
	struct wanted w = {0};
	struct esp_pair *pair;
	struct own *own;
	struct fault f;

	dp->routes_whole = false;
	dp->routes_serial = 0;
	if (all_peers(dp) != 0)
		goto memory;
	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++) {
		biglock_yield();
		own = pair->user;
		own->led = has_routes(pair);
		if (own->led && !each_route(dp, pair, true, want_route, &w))
			goto memory;
		dp->routes_serial = esp_pair_serial(pair);
	}
	if (!want_more(dp, &w))
		goto memory;
	dp->n_covers = 0;
	for (size_t i = 0; i < w.n; i++)
		dp->n_covers += w.r[i].covers;
	if (router_sync(&dp->router, w.r, w.n, &f) != 0)
		dp_warn(dp, &f);
	free(w.r);
	return;
memory:
	free(w.r);
	dp->routes_whole = true;
	no_memory(dp);
}

/* ---- one */

static size_t
peer_place(const struct dp_peers *p, const struct addr *a)
{
	size_t lo = 0, hi = p->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (addr_cmp(&p->list[mid], a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

/* A peer more: false if all routes have to be looked at, because one leads to it. */
static bool
peer_add(struct datapath *dp, const struct addr *a)
{
	struct dp_peers *p = &dp->peers;
	size_t i = peer_place(p, a), cap = p->cap + p->cap / 8 + MANY;
	bool known = i < p->n && addr_cmp(&p->list[i], a) == 0;
	struct addr *more;

	if (p->n == p->cap) {
		if ((more = realloc(p->list, cap * sizeof(*more))) == NULL)
			return (false);
		p->list = more;
		p->cap = cap;
	}
	memmove(&p->list[i + 1], &p->list[i], (p->n++ - i) * sizeof(*a));
	p->list[i] = *a;
	return (known || !router_leads(&dp->router, a));
}

/* A peer less: false if there is a route that did not lead to it because it was there. */
static bool
peer_remove(struct datapath *dp, const struct addr *a)
{
	struct dp_peers *p = &dp->peers;
	size_t i = peer_place(p, a);

	if (i == p->n || addr_cmp(&p->list[i], a) != 0)
		return (false);
	memmove(&p->list[i], &p->list[i + 1], (--p->n - i) * sizeof(*a));
	return ((i < p->n && addr_cmp(&p->list[i], a) == 0) || dp->n_covers == 0);
}

/* False: all have to be looked at. */
static bool
add_route(struct datapath *dp, const struct esp_pair *pair, const struct route *t, void *ctx)
{
	struct fault f;

	(void)pair, (void)ctx;
	if (covers_a_peer(t, dp->peers.list, dp->peers.n))
		return (false);		/* it has rules */
	if (router_add(&dp->router, t, &f) != 0)
		dp_warn(dp, &f);
	return (true);
}

/* Adds the routes of ${pair}. False: all have to be looked at. */
static bool
one_more(struct datapath *dp, struct esp_pair *pair)
{
	struct own *own = pair->user;

	own->peer = pair->out.dst.addr;
	own->peer.scope = 0;
	if (!peer_add(dp, &own->peer) || dp->lans != NULL)
		return (false);
	own->led = has_routes(pair);
	return (!own->led || each_route(dp, pair, true, add_route, NULL));
}

/* Those of SAs that have ended: after those that have come, which may have the same. */
static void
ended(struct datapath *dp)
{
	struct dp_gone *g;

	while ((g = dp->routes_gone) != NULL) {
		dp->routes_gone = g->next;
		for (size_t i = 0; i < g->w.n && !dp->routes_whole; i++)
			router_remove(&dp->router, &g->w.r[i]);
		if (!dp->routes_whole && !peer_remove(dp, &g->peer))
			dp->routes_whole = true;
		free(g->w.r);
		free(g);
	}
}

void
dp_routes(struct datapath *dp)
{
	struct esp_pair *pair, *fresh[MANY];
	size_t n = 0, i = sadb_count(dp->db);

	while (!dp->routes_whole && i-- > 0 && esp_pair_serial(pair = sadb_at(dp->db, i)) > dp->routes_serial) {
		if (n == MANY)
			dp->routes_whole = true;
		else
			fresh[n++] = pair;
	}
	for (i = n; !dp->routes_whole && i-- > 0; ) {
		dp->routes_whole = !one_more(dp, fresh[i]);
		dp->routes_serial = esp_pair_serial(fresh[i]);
	}
	ended(dp);
	if (dp->routes_whole)
		whole(dp);
}

static bool
note_route(struct datapath *dp, const struct esp_pair *pair, const struct route *r, void *ctx)
{
	struct wanted *w = ctx;

	(void)dp, (void)pair;
	if (!room(w, 1))
		return (false);
	w->r[w->n++] = *r;
	return (true);
}

void
dp_routes_gone(struct datapath *dp, struct esp_pair *pair)
{
	struct own *own = pair->user;
	struct dp_gone *g;

	if ((!dp->opt.route && dp->hops.more == NULL) || dp->routes_whole || esp_pair_serial(pair) > dp->routes_serial)
		return;
	if ((g = calloc(1, sizeof(*g))) == NULL) {
		dp->routes_whole = true;
		return;
	}
	*g = (struct dp_gone){ .next = dp->routes_gone, .peer = own->peer };
	dp->routes_gone = g;
	if (own->led && !each_route(dp, pair, false, note_route, &g->w))
		dp->routes_whole = true;
}

void
dp_routes_free(struct datapath *dp)
{
	dp->routes_whole = true;
	ended(dp);
	free(dp->peers.list);
	dp->peers = (struct dp_peers){0};
}
