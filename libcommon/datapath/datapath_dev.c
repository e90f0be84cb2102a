/* The device's side of the SAs: its MTU. */
#include <stdlib.h>

#include "datapath/datapath_priv.h"
#include "esp/ah.h"

#define MTU_FIRST	1400	/* before there is an SA */
#define TCP_V4		52	/* headers of a segment: IPv4, TCP, time stamp */
#define TCP_ROOM	321	/* that TCP leaves for all headers: MAX_TCP_HEADER + 1 of the kernel, at most */
#define SUPER_LEAST	50000	/* bytes */
#define PATHS_S		10.0	/* in which the path of each SA is looked at once */
#define FEW		32	/* SAs that are looked at without a thought */

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
	size_t known = path_mtu(&dp->asker, remote), link;

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
	sa->mtu = (uint32_t)most;
	if (own == NULL)
		return;
	own->path_mtu = (uint32_t)path;
	own->link_mtu = (uint32_t)dp_inner_max(sa, link);
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
	    (esp_pair_serial(pair = sadb_at(dp->db, i)) > dp->mtu_serial || whole); )
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
	size_t n_least = whole ? 0 : dp->n_least, n_v6 = whole ? 0 : dp->n_v6;
	struct own *own;
	const struct esp_sa *narrow = NULL;
	struct esp_pair *pair;
	struct fault f;

	dp->pass++;
	if (all) {
		dp->mtu_ms = clock_now(&dp->clock).ms;
		dp->link_mtu = 0;
	}
	for (size_t i = sadb_count(dp->db); i-- > 0 && (esp_pair_serial(pair = sadb_at(dp->db, i)) > dp->mtu_serial || whole); ) {
		struct esp_sa *sa = &pair->out;

		biglock_yield();
		if ((own = pair->user) != NULL)
			own->counted = 0;
		if (pair->dying_ms != 0)
			continue;
		if (all || sa->mtu == 0 || (own != NULL && own->path_mtu == 0))
			look_at_path(dp, pair);
		if (carries_v6(sa)) {
			floor = INNER_MIN_V6;	/* below it the kernel disables IPv6 on the device */
			n_v6++;
		}
		if ((most = device_mtu(pair, !dp->several_peers)) != 0 && (least == 0 || most < least)) {
			least = most;
			narrow = sa;
			n_least = 0;
		}
		n_least += most != 0 && most == least;
		if (own != NULL)
			own->counted = (uint32_t)most;
	}
	dp->n_least = n_least;
	dp->n_v6 = n_v6;
	if ((pair = sadb_at(dp->db, sadb_count(dp->db) - 1)) != NULL)
		dp->mtu_serial = esp_pair_serial(pair);
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

void
dp_mtu_gone(struct datapath *dp, const struct esp_pair *pair)
{
	const struct own *own = pair->user;

	if (sadb_count(dp->db) <= FEW)
		dp->mtu_whole = true;
	else if (!dp->mtu_whole && own->counted != 0)
		dp->mtu_whole = (own->counted == dp->least && --dp->n_least == 0) || (carries_v6(&pair->out) && --dp->n_v6 == 0);
}

double
dp_paths(struct datapath *dp)
{
	size_t n = sadb_count(dp->db), end, was;
	struct esp_pair *pair;
	bool changed = false;

	if (n <= FEW) {
		dp_mtu(dp, true);
		return (PATHS_S);
	}
	if (dp->path_at >= n) {
		dp->path_at = 0;
		dp->link_mtu = 0;
	}
	dp->pass++;
	for (end = dp->path_at + FEW; dp->path_at < end && (pair = sadb_at(dp->db, dp->path_at)) != NULL; dp->path_at++) {
		const struct own *own = pair->user;
		size_t link = own != NULL ? own->link_mtu : 0;

		was = pair->out.mtu;
		if (pair->dying_ms == 0)
			look_at_path(dp, pair);
		changed = changed || was != pair->out.mtu || (own != NULL && link != own->link_mtu);
	}
	if (changed) {
		dp->mtu_whole = true;
		dp_mtu(dp, false);
	}
	return (PATHS_S * FEW / (double)n);
}

void
dp_device(struct datapath *dp)
{
	dp_mtu(dp, dp->mtu_ms == 0);
	if (dp->opt.route || dp->hops.more != NULL)
		dp_routes(dp);
}
