/* The device's side of the SAs: MTU, addresses, routes. */
#include <stdlib.h>

#include "datapath/datapath_priv.h"
#include "esp/ah.h"

#define MTU_FIRST	1400	/* before there is an SA */
#define UDP_PROTO	17
#define TCP_V4		52	/* headers of a segment: IPv4, TCP, time stamp */
#define TCP_ROOM	321	/* that TCP leaves for all headers: MAX_TCP_HEADER + 1 of the kernel, at most */
#define SUPER_LEAST	50000	/* bytes */
#define ESP_PROTO	50

static bool
carries_v6(const struct esp_sa *out)
{
	for (size_t i = 0; i < out->n_dst_ts; i++)
		if (out->dst_ts[i].first.family == 6)
			return (true);
	return (false);
}

/*
 * What the kernel says of the path, without what it has learnt from ICMP errors, which anybody can forge. That takes
 * more questions, so they are asked only where the kernel's number is not the one that they answered for the link last.
 */
static size_t
link_to(struct datapath *dp, const struct addr *remote)
{
	size_t known = path_mtu(remote, ROUTE_MARK, NULL), link;

	if (known == 0 || known == dp->link_mtu)
		return (known);
	if ((link = router_path_mtu(&dp->router, remote, ROUTE_MARK)) == 0)
		return (known);
	dp->link_mtu = link;
	return (link);
}

/* Looked up once for all SAs that have the same peer. */
size_t
dp_path_mtu(struct datapath *dp, const struct addr *remote, size_t *link)
{
	struct path *p;
	uint32_t h = 0;

	for (size_t i = 0; i < addr_len(remote); i += 4)
		h = (h ^ get_be32(remote->b + i)) * UINT32_C(2654435761);
	p = &dp->paths[h >> 16 & (PATHS - 1)];
	if (p->pass != dp->pass || addr_cmp(&p->remote, remote) != 0)
		*p = (struct path){ *remote, link_to(dp, remote), dp->pass };
	if (link != NULL)
		*link = p->mtu;
	return (pmtu_of(&dp->path_mtus, remote, p->mtu, clock_now(&dp->clock).ms));
}

size_t
dp_inner_max(const struct esp_sa *sa, size_t path)
{
	const struct esp_sa *around = esp_sa_around(sa);
	size_t taken = around != NULL ? ah_len(&around->xf, sa->dst.addr.family) : 0;

	return (path > taken ? esp_sa_inner_max(sa, path - taken) : 0);
}

/* Computes the longest inner packet of ${pair} that needs no outer fragments. Without an MTU of the path the old one stays. */
static void
look_at_path(struct datapath *dp, struct esp_pair *pair)
{
	struct esp_sa *sa = &pair->out;
	struct own *own = pair->user;
	size_t link, path = dp_path_mtu(dp, &sa->dst.addr, &link), most = dp_inner_max(sa, path);

	if (most == 0)
		return;
	sa->mtu = most;
	if (own == NULL)
		return;
	own->path_mtu = (uint32_t)path;
	own->link_mtu = dp_inner_max(sa, link);
}

/* What ${pair} allows the device: with several peers, a path that ICMP errors have made narrower counts for its SAs only. */
static size_t
device_mtu(const struct esp_pair *pair, bool one_peer)
{
	const struct own *own = pair->user;

	return (one_peer || own == NULL || own->link_mtu < pair->out.mtu ? pair->out.mtu : own->link_mtu);
}

/*
 * Notices whether all SAs have one peer: ${whole} of all, else of those that are new. Returns whether all SAs have to be
 * looked at: also if a second peer has come.
 */
static bool
peers(struct datapath *dp, bool whole)
{
	bool had = !whole && dp->several_peers;
	const struct esp_pair *pair;

	if (whole || dp->peer.family == 0) {
		dp->several_peers = false;
		if ((pair = sadb_at(dp->db, 0)) != NULL)
			dp->peer = pair->out.dst.addr;
	}
	for (size_t i = sadb_count(dp->db); !dp->several_peers && i-- > 0 &&
	    ((pair = sadb_at(dp->db, i))->serial > dp->mtu_serial || whole); )
		dp->several_peers = addr_cmp(&pair->out.dst.addr, &dp->peer) != 0;
	return (whole || had != dp->several_peers);
}

/*
 * Super-packets whose segments fit one datagram, which the kernel cuts again (UDP_SEGMENT): without a limit three of 48
 * are sent on their own. TCP leaves room for its headers, and each segment has a time stamp. Not where the limit would
 * be much below 64 KiB: senders then send less at once.
 */
static void
fit_super(struct datapath *dp, const struct esp_sa *sa)
{
	size_t len = esp_xf_len(&sa->xf, sa->mtu), n = JOINED_BYTES / len, most = n * (sa->mtu - TCP_V4) + TCP_ROOM;

	if (!dp->tun.tso || sa->encap != SA_ENCAP_UDP || sa->protocol != SA_ESP || sa->mode != SA_TUNNEL ||
	    most < SUPER_LEAST || most > PKT_MAX || dp->router.foreign || most == dp->super)
		return;
	dp->super = most;
	router_gso(&dp->router, most);
}

void
dp_mtu(struct datapath *dp, bool all)
{
	/* Without a look at all paths and without SAs that went or changed, the new ones can only lower it. */
	bool whole = peers(dp, all || dp->mtu_whole);
	size_t least = whole ? 0 : dp->least, most, floor = whole ? INNER_MIN_V4 : dp->floor;
	const struct esp_sa *narrow = NULL;
	struct esp_pair *pair;
	struct fault f;

	dp->pass++;
	dp->link_mtu = 0;
	if (all)
		dp->mtu_ms = clock_now(&dp->clock).ms;
	for (size_t i = sadb_count(dp->db); i-- > 0 && ((pair = sadb_at(dp->db, i))->serial > dp->mtu_serial || whole); ) {
		struct esp_sa *sa = &pair->out;

		if (pair->dying_ms != 0)
			continue;
		if (all || sa->mtu == 0)
			look_at_path(dp, pair);
		if (carries_v6(sa))
			floor = INNER_MIN_V6;	/* below it the kernel disables IPv6 on the device */
		if ((most = device_mtu(pair, !dp->several_peers)) != 0 && (least == 0 || most < least)) {
			least = most;
			narrow = sa;
		}
	}
	if ((pair = sadb_at(dp->db, sadb_count(dp->db) - 1)) != NULL)
		dp->mtu_serial = pair->serial;
	dp->mtu_whole = false;
	dp->least = least;
	dp->floor = floor;
	/* With a fixed MTU below 1280 the kernel disables IPv6 on the device, whatever its routes (RFC 8200, 5). */
	if (dp->opt.mtu != 0 && dp->opt.mtu < floor && !dp->no_v6) {
		dp->no_v6 = true;
		(void)fault(&f, FAULT_CONFIG, "an SA carries IPv6, but %s with MTU %zu cannot: IPv6 needs an MTU of "
		    "1280 or more; --mtu 1280 --mss 1168 keeps TCP segments as small", dp->tun.name, dp->opt.mtu);
		dp_warn(dp, &f);
	}
	if (narrow != NULL)
		fit_super(dp, narrow);
	if (dp->opt.mtu != 0 || least == 0)
		return;
	if (least < floor)
		least = floor;
	if (least == dp->mtu)
		return;
	if (router_mtu(&dp->router, least, &f) != 0) {
		dp_warn(dp, &f);
		return;
	}
	dp_note(dp, 1, "MTU of %s is %zu", dp->tun.name, least);
	dp->mtu = least;
}

/* The address to send from into the tunnel: one of ours within the local selectors. */
static struct addr
source_for(struct datapath *dp, const struct esp_sa *out, uint8_t family)
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
		if (addr_cmp(&s->first, &s->last) != 0)
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

/* Fills in the routes that the outbound SA ${out} brings. -1: no memory. */
static int
routes_of(struct datapath *dp, const struct esp_sa *out, struct own *own)
{
	struct route *more, block[256];
	size_t m;

	own->n_routes = 0;
	for (size_t r = 0; r < out->n_dst_ts; r++) {
		const struct selector *s = &out->dst_ts[r];
		struct addr src;

		if (s->first.family == 6 && dp->opt.mtu != 0 && dp->opt.mtu < INNER_MIN_V6)
			continue;	/* reported: see dp_mtu() */
		src = source_for(dp, out, s->first.family);
		m = route_blocks(s, block, sizeof(block) / sizeof(block[0]));
		more = realloc(own->routes, (own->n_routes + m) * sizeof(*more));
		if (more == NULL)
			return (-1);
		own->routes = more;
		for (size_t b = 0; b < m; b++) {
			block[b].src = src;
			limit(out, s, &block[b]);
			own->routes[own->n_routes++] = block[b];
		}
	}
	own->routed = true;
	return (0);
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

/* The wanted routes; each SA adds its own. */
struct wanted { struct route *r; size_t n, cap; };

/* Adds the routes of ${pair}, each with its holes. -1: no memory. */
static int
want_routes(struct datapath *dp, struct wanted *w, const struct esp_pair *pair, const struct addr *peers, size_t n_peers)
{
	const struct own *own = pair->user;
	const size_t most = own->n_routes * (dp->lans != NULL ? 1U + SA_NETS_MAX : 1U);
	struct route *more, *r;

	if (w->n + most > w->cap) {
		w->cap = 2 * w->cap + most;
		if ((more = realloc(w->r, w->cap * sizeof(*more))) == NULL)
			return (-1);
		w->r = more;
	}
	for (size_t i = 0; i < own->n_routes && w->r != NULL; i++) {
		r = &w->r[w->n++];
		*r = own->routes[i];
		r->covers = covers_a_peer(r, peers, n_peers);
		w->n += dp_lan_holes(dp, pair, r, w->r + w->n);
	}
	return (0);
}

/* Whether the routes of ${pair} stay: also while its packets wait for a new SA. */
static bool
has_routes(const struct esp_pair *pair)
{
	return (pair->dying_ms == 0 || pair->spent);
}

/* Adds those of datapath_routes(). -1: no memory. */
static int
want_more(struct datapath *dp, struct wanted *w, const struct addr *peers, size_t n_peers)
{
	const struct hops *h = &dp->hops;
	struct route *more;

	if (h->n_more == 0)
		return (0);
	if ((more = realloc(w->r, (w->n + h->n_more) * sizeof(*more))) == NULL)
		return (-1);
	w->r = more;
	w->cap = w->n + h->n_more;
	for (size_t i = 0; i < h->n_more; i++) {
		more[w->n] = h->more[i];
		more[w->n].covers = covers_a_peer(&h->more[i], peers, n_peers);
		w->n++;
	}
	return (0);
}

static void
routes(struct datapath *dp)
{
	size_t count = sadb_count(dp->db);
	struct addr *peers = calloc(count + 1, sizeof(*peers));
	struct wanted w = {0};
	struct esp_pair *pair;
	struct own *own;
	struct fault f;

	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL && peers != NULL; i++) {
		own = pair->user;
		peers[i] = pair->out.dst.addr;
		peers[i].scope = 0;
		if (dp->opt.route && has_routes(pair) && !own->routed && routes_of(dp, &pair->out, own) != 0)
			goto memory;
	}
	if (peers == NULL)
		goto memory;
	if (count > 0)
		qsort(peers, count, sizeof(*peers), by_addr);
	for (size_t i = 0; dp->opt.route && (pair = sadb_at(dp->db, i)) != NULL; i++)
		if (has_routes(pair) && want_routes(dp, &w, pair, peers, count) != 0)
			goto memory;
	if (want_more(dp, &w, peers, count) != 0)
		goto memory;
	if (router_sync(&dp->router, w.r, w.n, &f) != 0)
		dp_warn(dp, &f);
	free(peers);
	free(w.r);
	return;
memory:
	free(peers);
	free(w.r);
	(void)fault(&f, FAULT_MEMORY, "no memory for routes");
	dp_warn(dp, &f);
}

void
dp_device(struct datapath *dp)
{
	dp_mtu(dp, dp->mtu_ms == 0);
	if (dp->opt.route || dp->hops.more != NULL)
		routes(dp);
}
