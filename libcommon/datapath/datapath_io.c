/* Packets through the data path: device to wire and back, in batches. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define ROUNDS	8	/* batches of one source before others have their turn */

/* ---- out */

/* Answers a packet that is too big. */
static void
answer_toobig(struct datapath *dp, const struct pkt *k)
{
	uint8_t out[TOOBIG_MAX];
	struct pkt t = { .p = out };
	const struct pkt *one = &t;
	struct inner in;

	if (inner_parse(&in, k->p, k->len) != 0)
		return;
	t.inner_len = inner_toobig(out, k->p, &in, k->fit);
	if (t.inner_len > 0 && tun_write(&dp->tun, &one, 1) == 1)
		dp->worker.icmp++;
}

/* The kernel accepted ${n} packets. */
static void
sent(struct datapath *dp, struct pkt *k, size_t n)
{
	dp_wire_sent(dp, k, n);
	for (size_t i = 0; i < n; i++) {
		dp->worker.out.packets++;
		dp->worker.out.bytes += k[i].inner_len;
	}
}

static void
lost(struct esp_sa *sa, size_t len)
{
	sa->lost.packets++;
	sa->lost.bytes += len;
}

/* The kernel refused one, with errno ${err}: as if the network had lost it. */
static void
unsent(struct datapath *dp, struct pkt *k, int err)
{
	char to[ADDR_TEXT];
	struct fault f;

	dp->worker.unsent++;
	lost(k->sa, k->inner_len);
	if (err != EPERM || dp->barred)
		return;
	dp->barred = true;
	(void)fault(&f, FAULT_PERMISSION, "a packet filter of this machine drops what esp-tun sends to %s (EPERM)",
	    addr_text(to, &k->remote.addr));
	dp_warn(dp, &f);
}

static void
send_raw(struct datapath *dp, struct pkt *k, size_t n)
{
	size_t i, done;

	for (i = 0; i < n; i += done) {
		errno = 0;
		done = rawesp_send(&dp->raw, k + i, n - i);
		if (done > 0) {
			sent(dp, k + i, done);
			continue;
		}
		if (errno == EMSGSIZE)
			dp->mtu_ms = 0;
		unsent(dp, k + i, errno);
		done = 1;
	}
}

static void
send_udp(struct datapath *dp, struct pkt *k, size_t n)
{
	struct fault f;
	size_t i, done;

	for (i = 0; i < n; i += done) {
		f.sys = 0;
		done = dp->ports != NULL ? ports_send_esp(dp->ports, k + i, n - i, &f) : 0;
		if (done > 0) {
			sent(dp, k + i, done);
			continue;
		}
		if (dp->ports != NULL && f.code == FAULT_TOO_LARGE)
			dp->mtu_ms = 0;
		unsent(dp, k + i, f.sys);
		done = 1;
	}
}

/* Sends sealed packets, in order, in runs of one transport and family. */
static void
send_all(struct datapath *dp, struct pkt *pkts, size_t n)
{
	size_t from, to;

	for (from = 0; from < n; from = to) {
		const struct pkt *first = &pkts[from];

		for (to = from; to < n && pkts[to].verdict == ESP_OK && pkts[to].proto == first->proto &&
		    pkts[to].remote.addr.family == first->remote.addr.family; to++)
			;
		if (to == from)
			to++;		/* this one was dropped */
		else if (first->proto == IPPROTO_UDP)
			send_udp(dp, &pkts[from], to - from);
		else
			send_raw(dp, &pkts[from], to - from);
	}
}

void
dp_tun_ready(struct ev_loop *loop, ev_io *io, int revents)
{
	struct datapath *dp = io->data;
	struct worker *w = &dp->worker;
	struct fault f;
	struct pkt *k;
	long n = ESP_BATCH;

	(void)loop, (void)revents;
	for (int round = 0; round < ROUNDS && n == ESP_BATCH; round++) {
		k = worker_batch(w);
		n = tun_read(&dp->tun, k, ESP_BATCH, &w->cut, &f);
		if (n < 0) {
			ev_io_stop(dp->loop, &dp->tun_io);
			dp->calls.broken(dp->ctx, &f);
			return;
		}
		flow_out(dp->db, w->esp, k, (size_t)n);
		send_all(dp, k, (size_t)n);
		for (long i = 0; i < n; i++) {
			if (k[i].verdict != ESP_OK)
				w->drops_out[k[i].verdict]++;
			if (k[i].verdict == ESP_TOO_BIG)
				answer_toobig(dp, &k[i]);
		}
	}
}

/* ---- in */

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

	if (pair->in.encap == SA_ENCAP_NONE || endpoint_eq(&old, remote) || !behind_nat(dp, pair))
		return (false);
	for (size_t i = 0; (other = sadb_at(dp->db, i)) != NULL; i++)
		if (endpoint_eq(&other->out.dst, &old) && other->out.encap == pair->out.encap &&
		    span_eq(SPAN_ARRAY(other->ike), SPAN_ARRAY(pair->ike)))
			other->out.dst = *remote;
	pair->out.dst = *remote;
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
	if (k->proto == IPPROTO_UDP && dp_follow(dp, k->sa->pair, &k->remote))
		dp_event(dp, k->sa->pair, SA_EVENT_REMAP);
}

static void
held_again(struct datapath *dp)
{
	if (dp->n_held == 0 || ev_is_active(&dp->held_timer))
		return;
	ev_timer_set(&dp->held_timer, HELD_MS / 1000.0, 0.);
	ev_timer_start(dp->loop, &dp->held_timer);
}

/* Keeps a copy until a record may have come. False if there is no room. */
static bool
hold(struct datapath *dp, const struct pkt *k)
{
	struct held *h = &dp->held[dp->n_held];
	size_t len = k->net + k->len;

	if (dp->n_held == HELD_MAX || dp->held_bytes + len > HELD_BYTES)
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

/* To the device; what it does not accept (it is down) is lost. */
static void
put(struct datapath *dp, const struct pkt *const *k, size_t n)
{
	struct worker *w = &dp->worker;
	size_t i, done, j;

	for (i = 0; i < n; i += done) {
		done = tun_write(&dp->tun, k + i, n - i);
		for (j = i; j < i + done; j++) {
			w->in.packets++;
			w->in.bytes += k[j]->inner_len;
		}
		if (i + done == n)
			return;
		w->unwritten++;
		lost(k[i + done]->sa, k[i + done]->inner_len);
		done++;
	}
}

/* Counts, delivers, follows; skips packets of unknown SPIs if ${but_unknown}. */
static void
deliver(struct datapath *dp, const struct pkt *k, size_t n, bool but_unknown)
{
	const struct pkt *out[ESP_BATCH];
	struct worker *w = &dp->worker;
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		if (k[i].verdict == ESP_UNKNOWN_SPI && but_unknown)
			continue;
		if (k[i].verdict == ESP_OK)
			out[m++] = &k[i];
		else
			w->drops_in[k[i].verdict]++;
		if (k[i].newest)
			follow(dp, &k[i]);
	}
	put(dp, out, m);
}

/* One packet that need not wait for a record any more. */
static void
take_one(struct datapath *dp, struct pkt *k)
{
	flow_in(dp->db, dp->worker.esp, k, 1);
	deliver(dp, k, 1, false);
}

/* Whether an SA for ${k} exists now; its SPI was unknown. */
static bool
known_now(const struct datapath *dp, const struct pkt *k)
{
	bool ah = k->proto == RAWESP_AH;

	return (sadb_by_spi(dp->db, ah ? SA_AH : SA_ESP, k->p + (ah ? 4 : 0), &k->local.addr) != NULL);
}

static void
take(struct datapath *dp, struct pkt *k, size_t n)
{
	bool drained = false;
	size_t i;

	dp_wire_copy(dp, k, n);
	flow_in(dp->db, dp->worker.esp, k, n);
	deliver(dp, k, n, true);
	dp_wire_received(dp, k, 0, n, true);
	/* After this point SAs may be added and removed: only the verdict of other packets is read. */
	for (i = 0; i < n; i++) {
		if (k[i].verdict != ESP_UNKNOWN_SPI)
			continue;
		/* The record may lie in the pipe already (record before wire). */
		if (!drained && dp->calls.drain != NULL) {
			drained = dp->draining = true;
			dp->calls.drain(dp->ctx);
			dp->draining = false;
		}
		if (!known_now(dp, &k[i]) && hold(dp, &k[i]))
			continue;
		take_one(dp, &k[i]);
		dp_wire_received(dp, k, i, i + 1, false);
	}
}

void
dp_raw_ready(struct ev_loop *loop, ev_io *io, int revents)
{
	struct datapath *dp = io->data;
	enum rawesp_which which = (enum rawesp_which)(io - dp->raw_io);
	size_t n = ESP_BATCH;
	struct pkt *k;

	(void)loop, (void)revents;
	for (int round = 0; round < ROUNDS && n == ESP_BATCH; round++) {
		k = worker_batch(&dp->worker);
		n = rawesp_receive(&dp->raw, which, k, ESP_BATCH);
		take(dp, k, n);
	}
}

void
dp_udp(void *ctx, struct pkt *d, size_t n)
{
	size_t m;

	for (; n > 0; n -= m, d += m) {
		m = n < ESP_BATCH ? n : ESP_BATCH;
		take(ctx, d, m);
	}
}

void
dp_held_retry(struct datapath *dp, bool all)
{
	uint64_t now = clock_now(&dp->clock).ms;
	size_t i, kept = 0;

	for (i = 0; i < dp->n_held; i++) {
		struct held h = dp->held[i];
		uint8_t *own = h.k.buf;

		if (!all && now < h.until_ms && !known_now(dp, &h.k)) {
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
