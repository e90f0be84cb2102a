/* The device's side of the SAs: MTU, addresses, routes. */
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define MTU_FIRST	1400	/* before there is an SA */

static bool
carries_v6(const struct esp_sa *out)
{
	for (size_t i = 0; i < out->n_dst_ts; i++)
		if (out->dst_ts[i].first.family == 6)
			return (true);
	return (false);
}

/* The MTU of the path to ${remote}, looked up once for all SAs that have the same peer. */
static size_t
mtu_to(struct datapath *dp, const struct addr *remote)
{
	struct path *p;
	uint32_t h = 0;

	for (size_t i = 0; i < addr_len(remote); i += 4)
		h = (h ^ get_be32(remote->b + i)) * UINT32_C(2654435761);
	p = &dp->paths[h >> 16 & (PATHS - 1)];
	if (p->pass != dp->pass || addr_cmp(&p->remote, remote) != 0)
		*p = (struct path){ *remote, path_mtu(remote, ROUTE_MARK, NULL), dp->pass };
	return (p->mtu);
}

void
dp_mtu(struct datapath *dp, bool all)
{
	size_t least = 0, most, floor = INNER_MIN_V4;
	struct esp_pair *pair;
	struct fault f;

	dp->pass++;
	if (all)
		dp->mtu_ms = clock_now(&dp->clock).ms;
	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++) {
		struct esp_sa *sa = &pair->out;

		if (pair->dying_ms != 0)
			continue;
		if ((all || sa->mtu == 0) && (most = esp_sa_inner_max(sa, mtu_to(dp, &sa->dst.addr))) > 0)
			sa->mtu = most;
		if (carries_v6(sa))
			floor = INNER_MIN_V6;	/* below it the kernel disables IPv6 on the device */
		if (sa->mtu != 0 && (least == 0 || sa->mtu < least))
			least = sa->mtu;
	}
	/* With a fixed MTU below 1280 the kernel disables IPv6 on the device, whatever its routes (RFC 8200, 5). */
	if (dp->opt.mtu != 0 && dp->opt.mtu < floor && !dp->no_v6) {
		dp->no_v6 = true;
		(void)fault(&f, FAULT_CONFIG, "an SA carries IPv6, but %s with MTU %zu cannot: IPv6 needs an MTU of "
		    "1280 or more; --mtu 1280 --mss 1168 keeps TCP segments as small", dp->tun.name, dp->opt.mtu);
		dp_warn(dp, &f);
	}
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

static void
routes(struct datapath *dp)
{
	size_t n = 0, m = 0, count = sadb_count(dp->db);
	struct addr *peers = calloc(count + 1, sizeof(*peers));
	struct route *want = NULL;
	struct esp_pair *pair;
	struct own *own;
	struct fault f;

	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL && peers != NULL; i++) {
		own = pair->user;
		peers[i] = pair->out.dst.addr;
		peers[i].scope = 0;
		if (pair->dying_ms == 0 && !own->routed && routes_of(dp, &pair->out, own) != 0)
			goto memory;
		if (pair->dying_ms == 0)
			n += own->n_routes;
	}
	if (peers == NULL || (want = calloc(n + 1, sizeof(*want))) == NULL)
		goto memory;
	if (count > 0)
		qsort(peers, count, sizeof(*peers), by_addr);
	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++) {
		own = pair->user;
		for (size_t r = 0; r < own->n_routes && pair->dying_ms == 0; r++) {
			want[m] = own->routes[r];
			want[m].covers = covers_a_peer(&want[m], peers, count);
			m++;
		}
	}
	if (router_sync(&dp->router, want, m, &f) != 0)
		dp_warn(dp, &f);
	free(peers);
	free(want);
	return;
memory:
	free(peers);
	(void)fault(&f, FAULT_MEMORY, "no memory for routes");
	dp_warn(dp, &f);
}

void
dp_device(struct datapath *dp)
{
	dp_mtu(dp, dp->mtu_ms == 0);
	if (dp->opt.route)
		routes(dp);
}
