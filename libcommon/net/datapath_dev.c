/* The device's side of the SAs: MTU, addresses, routes. */
#include <stdlib.h>

#include "net/datapath_priv.h"

#define UDP_HDR		8
#define NON_IKE_MARKER	8
#define MTU_FIRST	1400	/* before any SA says better */

/* Bytes that the outer headers take. */
static size_t
outer_len(const struct sa_child *c, const struct addr *remote)
{
	size_t udp = c->encap == SA_ENCAP_NONE ? 0 : UDP_HDR;

	if (c->encap == SA_ENCAP_UDP_DRAFT)
		udp += NON_IKE_MARKER;
	return ((remote->family == 4 ? 20u : 40u) + udp);
}

static bool
carries_v6(const struct sa_child *c)
{
	for (size_t i = 0; i < c->n_remote_ts; i++)
		if (c->remote_ts[i].first.family == 6)
			return (true);
	return (false);
}

/* Looks at the paths again: the longest inner packet of each SA, and the device's MTU. */
void
dp_mtu(struct datapath *dp)
{
	size_t least = 0, path, room, floor = INNER_MIN_V4;
	struct esp_sa *sa;
	struct fault f;

	dp->mtu_ms = clock_now(&dp->clock).ms;
	for (size_t i = 0; (sa = sadb_at(dp->db, i)) != NULL; i++) {
		if (sa->dying != 0)
			continue;
		path = path_mtu(&sa->remote.addr, ROUTE_MARK, NULL);
		room = outer_len(&sa->rec, &sa->remote.addr);
		if (path > room)
			sa->mtu = esp_xf_inner_max(&sa->out, path - room);
		if (carries_v6(&sa->rec))
			floor = INNER_MIN_V6;	/* below it the kernel takes IPv6 off the device */
		if (sa->mtu != 0 && (least == 0 || sa->mtu < least))
			least = sa->mtu;
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

/* Whether a peer's own address lies in ${s}: its packets must not be led into the tunnel. */
static bool
covers_a_peer(const struct datapath *dp, const struct selector *s)
{
	struct esp_sa *sa;

	for (size_t i = 0; (sa = sadb_at(dp->db, i)) != NULL; i++)
		if (selector_has_addr(s, &sa->remote.addr))
			return (true);
	return (false);
}

/* The address to send from into the tunnel: one of ours within the local selectors. */
static struct addr
source_for(struct datapath *dp, const struct sa_child *c, uint8_t family)
{
	struct addr found = {0};
	struct fault f;
	size_t i;

	for (i = 0; i < c->n_local_ts; i++) {
		const struct selector *s = &c->local_ts[i];

		if (s->first.family != family)
			continue;
		if (router_find_address(&dp->router, s, &found))
			return (found);
		/* A single address that nobody has is ours to have: mode config gave it, as a rule. */
		if (addr_cmp(&s->first, &s->last) != 0)
			continue;
		if (router_address(&dp->router, &s->first, (uint8_t)(8 * addr_len(&s->first)), &f) == 0)
			return (s->first);
		dp_warn(dp, &f);
	}
	return (found);
}

static void
routes(struct datapath *dp)
{
	struct route *want = NULL, *more, block[256];
	size_t n = 0, cap = 0, m;
	struct esp_sa *sa;
	struct fault f;

	for (size_t i = 0; (sa = sadb_at(dp->db, i)) != NULL; i++) {
		if (sa->dying != 0)
			continue;
		for (size_t r = 0; r < sa->rec.n_remote_ts; r++) {
			const struct selector *s = &sa->rec.remote_ts[r];
			struct addr src = source_for(dp, &sa->rec, s->first.family);
			bool covers = covers_a_peer(dp, s);

			m = route_blocks(s, block, sizeof(block) / sizeof(block[0]));
			if (n + m > cap) {
				more = realloc(want, (n + m + 64) * sizeof(*want));
				if (more == NULL) {
					(void)fault(&f, FAULT_MEMORY, "no memory for routes");
					dp_warn(dp, &f);
					break;
				}
				want = more;
				cap = n + m + 64;
			}
			for (size_t b = 0; b < m; b++) {
				block[b].src = src;
				block[b].covers = covers;
				want[n++] = block[b];
			}
		}
	}
	if (router_sync(&dp->router, want, n, &f) != 0)
		dp_warn(dp, &f);
	free(want);
}

void
dp_device(struct datapath *dp)
{
	dp_mtu(dp);
	if (dp->opt.route)
		routes(dp);
}
