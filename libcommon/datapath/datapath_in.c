/*
 * Packets from the wire to the device, in batches. What leaves the batches in order is joined again to what the peer's
 * kernel has cut, see coalesce.h.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

#include "datapath/datapath_priv.h"

#define ROUNDS	8	/* batches of one source before others have their turn */

/* A fast stream of raw packets: so many authentic ones in the batch before, so many seconds ago. */
#define BURST	16
#define BURST_S	0.002
#define NAP_NS	100000

static bool
behind_nat(const struct datapath *dp, const struct esp_pair *pair)
{
	size_t i;

	for (i = 0; i < dp->n_ikes; i++)
		if (span_eq(SPAN_ARRAY(dp->ikes[i].spis), SPAN_ARRAY(pair->ike)))
			return (dp->ikes[i].remote_nat);
	return (true);		/* not known: encapsulation is for NATs */
}

bool
dp_follow(struct datapath *dp, struct esp_pair *pair, const struct endpoint *remote)
{
	struct esp_pair *other;
	struct endpoint old = pair->out.dst;
	char from[ENDPOINT_TEXT], to[ENDPOINT_TEXT];

	/* In TCP there is no NAT-D to tell; the handshake has proven the address. */
	if (pair->in.encap == SA_ENCAP_NONE || endpoint_eq(&old, remote) ||
	    (pair->in.encap != SA_ENCAP_TCP && !behind_nat(dp, pair)))
		return (false);
	for (size_t i = 0; (other = sadb_at(dp->db, i)) != NULL; i++)
		if (endpoint_eq(&other->out.dst, &old) && other->out.encap == pair->out.encap &&
		    span_eq(SPAN_ARRAY(other->ike), SPAN_ARRAY(pair->ike)))
			other->out.dst = *remote;
	pair->out.dst = *remote;
	sadb_moved(dp->db, &old, remote);
	dp->routes_whole = true;	/* at the next change of the SAs */
	dp->remaps++;
	dp_note(dp, 1, "peer moved from %s to %s", endpoint_text(from, &old), endpoint_text(to, remote));
	return (true);
}

/*
 * Only the packet with the newest number counts, because a late packet would restore the old mapping. Only
 * packets that passed ICV and window get here (RFC 3947 section 6, RFC 7296 section 2.23).
 */
static void
follow(struct datapath *dp, const struct pkt *k)
{
	if ((k->proto == IPPROTO_UDP || k->proto == IPPROTO_TCP) && dp_follow(dp, k->sa->pair, &k->remote))
		dp_event(dp, k->sa->pair, SA_EVENT_REMAP);
}

static void
held_again(struct datapath *dp)
{
	if (dp->n_held == 0 || ev_is_active(&dp->held_timer))
		return;
	ev_timer_set(&dp->held_timer, HELD_MS / 1000.0, 0.);
	ev_timer_start(dp->fast, &dp->held_timer);
}

/* Whether the SA of ${k}, whose SPI is unknown, only waits for its claim. */
static bool
awaited(const struct datapath *dp, const struct pkt *k)
{
	bool ah = k->proto == RAWESP_AH;

	return (dp_awaited(dp, ah ? SA_AH : SA_ESP, k->p + (ah ? 4 : 0), &k->local.addr));
}

/*
 * Keeps a copy until its SA may be there. A peer that has rekeyed uses the new SA at full rate; of SPIs that nobody has
 * announced only a few are kept. False if there is no room.
 */
static bool
hold(struct datapath *dp, const struct pkt *k)
{
	struct held *h = &dp->held[dp->n_held];
	size_t len = k->net + k->len;
	bool sure = awaited(dp, k);

	if (dp->n_held >= (sure ? HELD_MAX : HELD_STRANGERS) ||
	    dp->held_bytes + len > (sure ? HELD_BYTES : HELD_STRANGERS_BYTES))
		return (false);
	h->k = *k;
	h->k.cap = ESP_HEADROOM + len;
	if ((h->k.buf = malloc(h->k.cap)) == NULL)
		return (false);
	h->k.p = h->k.buf + ESP_HEADROOM + k->net;
	memcpy(h->k.p - k->net, k->p - k->net, len);
	h->until_ms = clock_now(&dp->clock).ms + HELD_MS;
	dp->n_held++;
	dp->held_bytes += len;
	held_again(dp);
	return (true);
}

/* coalesce_put_fn: to the device; what it does not accept (it is down) is lost. */
void
dp_put(void *ctx, struct pkt *const *k, size_t n, size_t head)
{
	struct datapath *dp = ctx;
	struct worker *w = dp_worker(dp);
	struct iovec parts[COALESCE_MAX + 1];
	size_t i;
	int err;

	parts[1] = (struct iovec){ k[0]->p, k[0]->inner_len };
	for (i = 1; i < n; i++)
		parts[i + 1] = (struct iovec){ k[i]->p + head, k[i]->inner_len - head };
	err = tun_write(&dp->tun, k[0], head, parts, n);
	for (i = 0; i < n; i++) {
		if (err == 0) {
			w->count.in.packets++;
			w->count.in.bytes += k[i]->inner_len;
			continue;
		}
		w->count.unwritten++;
		esp_sa_lost(k[i]->sa, k[i]->inner_len);
	}
	if (err == EINVAL && n > 1 && !w->alone) {
		w->alone = true;
		dp_note(dp, 1, "%s does not accept joined packets: each is written alone", dp->tun.name);
	}
}

/* Nothing that came before waits any more, for the device or for another tunnel. */
static void
finish(struct datapath *dp)
{
	coalesce_flush(&dp_worker(dp)->join);
	if (dp->hub != NULL)
		dp_out_flush(dp);
}

/* NHRP from a peer's tunnel: its outer address, which the SA has proven, goes with it. */
static bool
nhrp(struct datapath *dp, const struct pkt *k, const struct inner *in)
{
	if (!dp->opt.nhrp || in->proto != DP_NHRP || k->sa->mode != SA_TUNNEL)
		return (false);
	dp_worker(dp)->count.in.packets++;
	dp_worker(dp)->count.in.bytes += k->inner_len;
	if (!in->frag && dp->calls.nhrp != NULL)
		dp->calls.nhrp(dp->ctx, &k->sa->pair->out.dst.addr, span_of(k->p + in->l4, in->len - in->l4));
	return (true);
}

static void
put(struct datapath *dp, struct pkt *k, const struct inner *in)
{
	if (nhrp(dp, k, in))
		return;
	if (dp->probe != NULL)
		dp_probe_seen(dp, k, in);
	if (dp->hub != NULL && dp_hub(dp, k, in))
		return;
	if (!dp_worker(dp)->alone)
		coalesce_add(&dp_worker(dp)->join, k, in);
	else {
		k->csum = PKT_CSUM_FULL;
		dp_put(dp, &k, 1, 0);
	}
}

/* Counts, delivers, follows; skips packets of unknown SPIs if ${but_unknown}. */
static void
deliver(struct datapath *dp, struct pkt *k, const struct inner *in, size_t n, bool but_unknown)
{
	struct worker *w = dp_worker(dp);

	for (size_t i = 0; i < n; i++) {
		if (k[i].verdict == ESP_UNKNOWN_SPI && but_unknown)
			continue;
		if (k[i].newest)
			follow(dp, &k[i]);
		if (k[i].verdict == ESP_OK)
			put(dp, &k[i], &in[i]);
		else
			w->count.drops_in[k[i].verdict]++;
	}
}

/* One packet that need not wait for a record any more. */
static void
take_one(struct datapath *dp, struct pkt *k)
{
	struct inner in;

	flow_open(dp->db, dp_worker(dp)->esp, k, &in, 1);
	deliver(dp, k, &in, 1, false);
	finish(dp);
}

/* Whether an SA for ${k} exists now; its SPI was unknown. */
static bool
known_now(const struct datapath *dp, const struct pkt *k)
{
	bool ah = k->proto == RAWESP_AH;

	return (sadb_by_spi(dp->db, ah ? SA_AH : SA_ESP, k->p + (ah ? 4 : 0), &k->local.addr) != NULL);
}

/* Packets of unknown SPIs: the record may lie in the pipe already (record before wire). */
static void
take_unknown(struct datapath *dp, struct pkt *k, size_t n)
{
	bool drained = false;
	size_t i;

	/* After this point SAs may be added and removed: only the verdict of other packets is read. */
	finish(dp);
	for (i = 0; i < n; i++) {
		if (k[i].verdict != ESP_UNKNOWN_SPI)
			continue;
		if (!drained)
			dp_drain(dp);
		drained = true;
		dp_held_look(dp);
		if (!known_now(dp, &k[i]) && hold(dp, &k[i]))
			continue;
		take_one(dp, &k[i]);
		dp_wire_received(dp, k, i, i + 1, false);
	}
}

/* A batch. Joined packets may wait for those of the next one: the caller flushes while all buffers are valid. */
static void
take(struct datapath *dp, struct pkt *k, size_t n)
{
	struct inner in[ESP_BATCH];
	bool unknown = false, moved = false;

	dp_held_look(dp);
	dp_wire_copy(dp, k, n);
	flow_open(dp->db, dp_worker(dp)->esp, k, in, n);
	deliver(dp, k, in, n, true);
	dp_wire_received(dp, k, 0, n, true);
	for (size_t i = 0; i < n; i++) {
		unknown = unknown || k[i].verdict == ESP_UNKNOWN_SPI;
		moved = moved || (k[i].verdict == ESP_OK && k[i].sa->mode == SA_TRANSPORT);
	}
	if (moved)	/* perhaps to a room that the next batch needs, see esp_open() */
		finish(dp);
	if (unknown)
		take_unknown(dp, k, n);
}

/*
 * A batch from a raw socket. The kernel delivers each packet on its own, and the first of a burst wakes this thread long
 * before the others have come. So in a fast stream, and only there, it sleeps for a moment to take them together: that is
 * one wake-up and one write to the device, not dozens. While it sends as much as it receives there is no need to: packets
 * come in the meantime.
 */
static size_t
receive_raw(struct datapath *dp, enum rawesp_which which, struct pkt *k, double now)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	struct worker *w = dp_worker(dp);
	size_t n = rawesp_receive(&dp->raw, which, k, ESP_BATCH);

	if (n > 0 && n < ESP_BATCH && w->burst >= BURST && now - w->burst_at < BURST_S && dp_tally(dp).out.packets - w->burst_out < BURST) {
		biglock_leave();
		(void)nanosleep(&nap, NULL);
		biglock_take();
		n += rawesp_receive(&dp->raw, which, k + n, ESP_BATCH - n);
	}
	return (n);
}

void
dp_raw_ready(struct ev_loop *loop, ev_io *io, int revents)
{
	struct datapath *dp = io->data;
	enum rawesp_which which = (enum rawesp_which)(io - dp->raw_io);
	struct worker *w = dp_worker(dp);
	size_t n = ESP_BATCH;
	uint64_t before;
	struct pkt *k;

	(void)revents;
	for (int round = 0; round < ROUNDS && n == ESP_BATCH; round++) {
		k = worker_batch(w);
		n = receive_raw(dp, which, k, ev_now(loop));
		before = w->count.in.packets;
		take(dp, k, n);
		finish(dp);
		/* Packets that anybody can send do not count. */
		if (n > 0)
			w->burst = w->count.in.packets - before;
		w->burst_out = dp_tally(dp).out.packets;
		w->burst_at = ev_now(loop);
	}
	if (n == 0)
		dp_raw_errors(dp, which);
}

void
dp_udp(void *ctx, struct pkt *d, size_t n)
{
	struct datapath *dp = ctx;
	size_t m;

	for (; n > 0; n -= m, d += m) {
		m = n < ESP_BATCH ? n : ESP_BATCH;
		take(dp, d, m);
	}
	finish(dp);
}

void
dp_held_retry(struct datapath *dp, bool all)
{
	uint64_t now = clock_now(&dp->clock).ms;
	size_t i, kept = 0;

	/* All of them first: the lock may be left for one, and of one SA a later one must not find it where an earlier one did not. */
	for (i = 0; i < dp->n_held; i++) {
		struct held *h = &dp->held[i];

		h->goes = all || known_now(dp, &h->k) || (now >= h->until_ms && !awaited(dp, &h->k));
	}
	dp->held_age = sadb_age(dp->db);
	for (i = 0; i < dp->n_held; i++) {
		struct held h = dp->held[i];
		uint8_t *own = h.k.buf;

		if (!h.goes) {
			dp->held[kept++] = h;
			continue;
		}
		dp->held_bytes -= h.k.net + h.k.len;
		dp_wire_copy(dp, &h.k, 1);
		take_one(dp, &h.k);
		dp_wire_received(dp, &h.k, 0, 1, false);
		free(own);
	}
	dp->n_held = kept;
	held_again(dp);
}

void
dp_held_look(struct datapath *dp)
{
	if (dp->n_held > 0 && dp->held_age != sadb_age(dp->db))
		dp_held_retry(dp, false);
}

void
dp_held_soon(struct datapath *dp)
{
	if (dp->n_held == 0)
		return;
	if (dp->threads.on)
		dp_stir_packets(dp);
	else if (!dp->draining)
		dp_held_look(dp);
}
