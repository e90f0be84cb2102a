/* The data path: opened, closed, its timers, and its counters. */
#include "datapath/datapath.h"

#include <stdio.h>
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define TICK		1.0	/* seconds */
#define PATHS_FIRST	10.0	/* seconds to the first look at the MTUs of paths, see dp_paths() */
#define MTU_FIRST	1400	/* of the device, before there is an SA */
#define KEEPER_END_MS	5000	/* for the keeper to record the last numbers */

/* ---- hooks of the SA table */

/* Why ${pair} ends, for people. */
static const char *
why_gone(const struct datapath *dp, const struct esp_pair *pair)
{
	if (dp->why_down != NULL)
		return (dp->why_down);
	/* The table ends it: a pair that is marked already has used its volume, or lingered after a delete. */
	return (pair->spent ? "the SA has used its volume" : pair->dying_ms == 0 ? "the SA has expired" : "");
}

static void
happened(void *ctx, struct esp_pair *pair, enum sadb_event what)
{
	struct datapath *dp = ctx;

	if (what == SADB_EXPIRED) {
		dp_note(dp, 0, "SA %08x has expired, and no newer SA carries its traffic", get_be32(pair->in.spi));
		return;
	}
	if (what != SADB_GONE) {
		dp_note(dp, 1, "SA %08x: %s expiry by volume", get_be32(pair->in.spi),
		    what == SADB_SOFT ? "soft" : "hard");
		dp_event(dp, pair, what == SADB_SOFT ? SA_EVENT_SOFT : SA_EVENT_HARD);
		return;
	}
	dp_note(dp, 1, "SA %08x has ended: %llu packets in, %llu out", get_be32(pair->in.spi),
	    (unsigned long long)pair->in.count.packets, (unsigned long long)pair->out.count.packets);
	if (dp->ports != NULL && pair->in.encap != SA_ENCAP_NONE)
		ports_unserve_spi(dp->ports, get_be32(pair->in.spi), &pair->in.dst.addr);
	if (pair->user == NULL)
		return;
	dp_event(dp, pair, SA_EVENT_COUNT);
	dp_mtu_gone(dp, pair);
	dp_hop_remove(dp, pair->user);
	dp_routes_gone(dp, pair);
	dp_claim_end(dp, pair);
	if (sadb_count(dp->db) == 1 && dp->up) {
		dp->up = false;
		if (dp->calls.state != NULL)
			dp->calls.state(dp->ctx, false, pair, why_gone(dp, pair));
	}
}

/* ---- timers */

/*
 * Tells the negotiator which SAs have received packets, in one record, however many there are. Those that it has no room
 * for are the first ones the next time.
 */
static void
traffic(struct datapath *dp, uint64_t now_ms)
{
	size_t count = sadb_count(dp->db), first = dp->traffic_at < count ? dp->traffic_at : 0, n = 0;

	for (size_t i = 0; i < count; i++) {
		struct esp_pair *pair = sadb_at(dp->db, (first + i) % count);
		struct own *own = pair->user;

		biglock_yield();
		if (own == NULL)
			continue;
		dp_stat_seen(pair, now_ms);
		if (dp->calls.used != NULL && own->used_packets != (uint32_t)pair->out.count.packets) {
			own->used_packets = (uint32_t)pair->out.count.packets;
			dp->calls.used(dp->ctx, &pair->out.dst.addr);
		}
		if (own->told_packets == (uint32_t)pair->in.count.packets || n == SA_TRAFFIC_MAX)
			continue;
		own->told_packets = (uint32_t)pair->in.count.packets;
		dp_traffic_put(dp->traffic + n++ * SA_TRAFFIC_LEN, pair);
		dp->traffic_at = (first + i + 1) % count;
	}
	if (n > 0)
		dp_traffic_send(dp, n);
}

/* Whether SAs have gone. */
static bool
expire(struct datapath *dp, struct now now)
{
	size_t before;
	bool any;

	biglock_pause();	/* they are released */
	before = sadb_count(dp->db);
	any = sadb_expire(dp->db, now) != before;
	biglock_resume();
	return (any);
}

static void
tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct datapath *dp = w->data;
	struct now now = clock_now(&dp->clock);

	(void)loop, (void)revents;
	if (sadb_next_expiry_ms(dp->db) <= now.ms && expire(dp, now)) {
		dp_gre_peers(dp, false);
		dp_device(dp);
	}
	/* An SA may also have used its volume, or its numbers. */
	dp_gre_peers(dp, true);
	if (dp->mtu_ms == 0)
		dp_mtu(dp, true);
	dp_out_retry(dp, false);
	traffic(dp, now.ms);
	dp_settle(dp);
	dp_hop_tick(dp, now.ms);
}

static void
paths_over(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	w->repeat = dp_paths(w->data);
	ev_timer_again(loop, w);
}

static void
held_over(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	dp_held_retry(w->data, false);
}

/* ---- life */

/* The device was made by root for this user, who cannot change it: it is used as it is. */
static void
take_foreign(struct datapath *dp)
{
	struct fault f;

	if (!dp->router.was_up || (dp->opt.mtu != 0 && dp->opt.mtu != dp->router.mtu_was)) {
		(void)fault(&f, FAULT_PERMISSION, "%s has MTU %u and is %s, and only root can change that: "
		    "ip link set %s up mtu %zu", dp->tun.name, dp->router.mtu_was, dp->router.was_up ? "up" : "down",
		    dp->tun.name, dp->mtu);
		dp_warn(dp, &f);
	}
	dp->opt.mtu = dp->mtu = dp->router.mtu_was;
}

static int
open_all(struct datapath *dp, struct fault *f)
{
	size_t i;

	if (tun_open(&dp->tun, dp->opt.tun, f) != 0 ||
	    router_open(&dp->router, dp->tun.ifindex, f) != 0)
		return (-1);
	dp->router.metric = dp->opt.metric;
	dp->router.block = dp->opt.block;
	dp->mtu = dp->opt.mtu != 0 ? dp->opt.mtu : MTU_FIRST;
	if (dp->tun.n_queues > 0)
		router_no_qdisc(&dp->router);
	if (router_link_up(&dp->router, dp->mtu, f) != 0 && !dp->router.foreign)
		return (-1);
	if (dp->router.foreign)
		take_foreign(dp);
	for (i = 0; i < dp->opt.n_addresses; i++)
		if (router_address(&dp->router, &dp->opt.addresses[i].net, dp->opt.addresses[i].prefix, f) != 0) {
			if (!dp->router.foreign)
				return (-1);
			dp_warn(dp, f);
		}
	/* SAs in UDP need no raw socket; others are refused when they come. */
	if (rawesp_open(&dp->raw, ROUTE_MARK, f) != 0) {
		if (!dp->router.foreign)
			return (-1);
		dp->no_raw = *f;
	}
	return (0);
}

static void
watch(struct datapath *dp, struct ev_loop *loop, ev_io *w, int fd, void (*ready)(struct ev_loop *, ev_io *, int))
{
	ev_io_init(w, ready, fd, EV_READ);
	w->data = dp;
	if (fd != -1)
		ev_io_start(loop, w);
}

struct datapath *
datapath_new(struct ev_loop *loop, const struct datapath_opt *o,
    const struct datapath_calls *calls, void *ctx, struct fault *f)
{
	static const struct dp_thread_calls threads = { dp_held_look, dp_toobig_late, dp_tun_turn, dp_put };
	struct datapath *dp = calloc(1, sizeof(*dp));
	struct fault why;

	if (dp == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the data path");
		return (NULL);
	}
	dp->loop = loop;
	dp->last_turn = &dp->turns;
	dp->opt = *o;
	dp->calls = *calls;
	dp->ctx = ctx;
	dp->since = clock_now(&dp->clock).epoch;
	dp->mtu_whole = dp->routes_whole = true;
	dp->tun.fd = -1;
	dp->asker = path_asker_of(ROUTE_MARK);
	(void)rand_system.fill(rand_system.state, (uint8_t *)&dp->path_mtus.salt, sizeof(dp->path_mtus.salt));
	for (size_t i = 0; i < RAWESP_SOCKETS; i++)
		dp->raw.fd[i] = -1;
	keeper_init(&dp->keeper, o->keeper);
	dp->opt.sadb.hooks = (struct sadb_hooks){ dp, dp_reserve_out, dp_reserve_in, happened, NULL };
	if (dp_threads_open(dp, &threads, f) != 0 || worker_open(&dp->worker, o->sadb.sa.backends, &o->sadb.sa.rand, f) != 0 ||
	    (o->recorder != -1 && dp_wire_open(dp, o->recorder, f) != 0) || dp_hop_open(dp, f) != 0 || dp_hub_open(dp, f) != 0 ||
	    (dp->db = sadb_new(&dp->opt.sadb, f)) == NULL || open_all(dp, f) != 0)
		goto bad;
	for (size_t i = 0; i < o->n_nhtb; i++)
		if (datapath_bind(dp, &o->nhtb[i].hop, o->nhtb[i].name, f) != 0)
			goto bad;
	if (dp_hop_watch(dp, &why) != 0)
		dp_warn(dp, &why);
	coalesce_init(&dp->worker.join, dp->tun.uso, dp_put, dp);
	dp_note(dp, 1, "%s: %s, %s, %s", dp->tun.name, dp->tun.uso ? "checksums, TSO and USO" : dp->tun.tso ? "checksums and TSO" :
	    dp->tun.csum ? "checksums, no segmentation" : "no offloads", dp->tun.n_queues > 0 ? "fair queues" : "one queue",
	    dp->tun.ring != NULL ? "several small packets a read (io_uring)" : "one packet a read");
	watch(dp, loop, &dp->keeper_io, dp->opt.keeper, dp_keeper_ready);
	watch(dp, dp->fast, &dp->tun_io, tun_fd(&dp->tun), dp_tun_ready);
	for (size_t i = 0; i < RAWESP_SOCKETS; i++)
		watch(dp, dp->fast, &dp->raw_io[i], dp->raw.fd[i], dp_raw_ready);
	ev_timer_init(&dp->tick, tick, TICK, TICK);
	ev_timer_init(&dp->held_timer, held_over, 0., 0.);
	ev_timer_init(&dp->device_timer, dp_device_over, 0., 0.);
	ev_timer_init(&dp->paths_timer, paths_over, PATHS_FIRST, PATHS_FIRST);
	dp->tick.data = dp->held_timer.data = dp->device_timer.data = dp->paths_timer.data = dp;
	ev_timer_start(loop, &dp->paths_timer);
	ev_timer_start(loop, &dp->tick);
	if (o->mtu_probe.family != 0 && dp_probe_open(dp, f) != 0)
		goto bad;
	return (dp);
bad:
	datapath_free(dp);
	return (NULL);
}

void
datapath_free(struct datapath *dp)
{
	if (dp == NULL)
		return;
	dp_threads_stop(dp);
	ev_timer_stop(dp->loop, &dp->tick);
	ev_timer_stop(dp->loop, &dp->device_timer);
	ev_timer_stop(dp->loop, &dp->paths_timer);
	ev_io_stop(dp->loop, &dp->keeper_io);
	if (dp->fast != NULL) {
		ev_timer_stop(dp->fast, &dp->held_timer);
		ev_io_stop(dp->fast, &dp->tun_io);
		for (size_t i = 0; i < RAWESP_SOCKETS; i++)
			ev_io_stop(dp->fast, &dp->raw_io[i]);
	}
	/* For the record too: these come to nothing now. */
	if (dp->db != NULL)
		dp_held_retry(dp, true);
	dp_out_retry(dp, true);
	dp_probe_close(dp);
	dp->why_down = "esp-tun ends";
	sadb_free(dp->db);
	dp_hop_close(dp);
	dp_hub_close(dp);
	keeper_finish(&dp->keeper, KEEPER_END_MS);
	keeper_free(&dp->keeper);
	dp_wire_close(dp);
	ports_free(dp->ports);
	router_close(&dp->router);
	dp_routes_free(dp);
	rawesp_close(&dp->raw);
	tun_close(&dp->tun);
	path_asker_close(&dp->asker);
	dp_turns_free(dp);
	worker_close(&dp->worker);
	dp_lan_free(dp);
	pmtu_free(&dp->path_mtus);
	table_free(&dp->by_spi_out);
	free(dp->gre_peers.list);
	free(dp->ikes);
	free(dp->zero);
	free(dp->toobigs);
	dp_threads_close(dp);
	free(dp);
}

/* ---- for the tool */

size_t
datapath_alive(const struct datapath *dp)
{
	return (sadb_count(dp->db));
}

size_t
datapath_waiting(const struct datapath *dp)
{
	return (dp->n_turns);
}

void
datapath_input_over(struct datapath *dp)
{
	dp->input_over = true;
}

uint64_t
datapath_ever(const struct datapath *dp)
{
	return (dp->ever);
}

uint64_t
datapath_until(const struct datapath *dp)
{
	struct now now = clock_now(&dp->clock);
	const struct esp_pair *pair;
	uint64_t last = 0;

	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++)
		if (pair->dying_ms == 0 && pair->expires_ms > last)
			last = pair->expires_ms;
	return (last == 0 ? 0 : now.epoch + (last > now.ms ? (last - now.ms) / 1000 : 0));
}

const char *
datapath_tun(const struct datapath *dp)
{
	return (dp->tun.name);
}

unsigned
datapath_ifindex(const struct datapath *dp)
{
	return (dp->tun.ifindex);
}

size_t
datapath_mtu(const struct datapath *dp)
{
	return (dp->mtu);
}

/* ---- counters */

static void
put_drops(char *text, size_t cap, const uint64_t drops[ESP_VERDICT_COUNT])
{
	size_t n = strlen(text);

	for (int v = ESP_OK + 1; v < ESP_VERDICT_COUNT && n < cap; v++)
		if (drops[v] != 0 || v == ESP_REPLAY || v == ESP_BAD_ICV || v == ESP_POLICY ||
		    v == ESP_UNKNOWN_SPI)
			n += (size_t)snprintf(text + n, cap - n, ", %s %llu",
			    esp_verdict_text((enum esp_verdict)v), (unsigned long long)drops[v]);
}

void
datapath_stats(const struct datapath *dp, void (*line)(void *ctx, const char *text), void *ctx)
{
	char text[1024], at[ENDPOINT_TEXT];
	const struct tally t = dp_tally(dp);
	const struct esp_pair *pair;
	uint64_t sent, lost, both[ESP_VERDICT_COUNT];
	struct esp_count in, out;
	size_t i;

	(void)snprintf(text, sizeof(text), "in: packets %llu, bytes %llu",
	    (unsigned long long)t.in.packets, (unsigned long long)t.in.bytes);
	put_drops(text, sizeof(text), t.drops_in);
	line(ctx, text);
	(void)snprintf(text, sizeof(text), "out: packets %llu, bytes %llu",
	    (unsigned long long)t.out.packets, (unsigned long long)t.out.bytes);
	put_drops(text, sizeof(text), t.drops_out);
	line(ctx, text);
	(void)snprintf(text, sizeof(text),
	    "device %s: mtu %zu, cut %llu, unsent %llu, unwritten %llu, remaps %llu, icmp %llu, "
	    "fragmented %llu, path-mtu %llu, forged %llu",
	    dp->tun.name, dp->mtu, (unsigned long long)t.cut, (unsigned long long)t.unsent,
	    (unsigned long long)t.unwritten, (unsigned long long)dp->remaps,
	    (unsigned long long)t.icmp, (unsigned long long)t.pieces, (unsigned long long)dp->path_mtus.believed,
	    (unsigned long long)dp->path_mtus.ignored);
	line(ctx, text);
	if (dp_wire_counts(dp, &sent, &lost)) {
		(void)snprintf(text, sizeof(text), "capture: packets %llu, lost %llu",
		    (unsigned long long)sent, (unsigned long long)lost);
		line(ctx, text);
	}
	for (i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++) {
		biglock_yield();
		in = esp_sa_carried(&pair->in);
		out = esp_sa_carried(&pair->out);
		(void)snprintf(text, sizeof(text), "sa %08x to %s: in %llu packets %llu bytes, "
		    "out %llu packets %llu bytes, mtu %u", get_be32(pair->in.spi),
		    endpoint_text(at, &pair->out.dst), (unsigned long long)in.packets, (unsigned long long)in.bytes,
		    (unsigned long long)out.packets, (unsigned long long)out.bytes, pair->out.mtu);
		for (int v = 0; v < ESP_VERDICT_COUNT; v++)
			both[v] = esp_sa_drops(&pair->in)[v] + esp_sa_drops(&pair->out)[v];
		put_drops(text, sizeof(text), both);
		line(ctx, text);
	}
}
