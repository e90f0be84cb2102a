/* Packets through the data path: device to wire and back, in batches. */
#include <errno.h>
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define ROUNDS	8	/* batches of one source before others have their turn */

/* ---- out */

/* Answers to packets that are too big, in their own slots. */
static void
answer_toobig(struct datapath *dp, const struct flow_pkt *k)
{
	uint8_t out[TOOBIG_MAX];
	struct tun_pkt t = { .p = out };

	t.len = inner_toobig(out, k->inner, &k->headers, k->mtu);
	if (t.len > 0 && tun_write(&dp->tun, &t, 1) == 1)
		dp->icmp++;
}

static void
send_raw(struct datapath *dp, const struct flow_pkt *const *k, size_t n)
{
	struct rawesp_pkt r[ESP_BATCH];
	size_t i, done;

	for (i = 0; i < n; i++)
		r[i] = (struct rawesp_pkt){ .p = k[i]->esp, .len = k[i]->esp_len, .tos = k[i]->tos,
		    .local = k[i]->sa->rec.local.at.addr, .remote = k[i]->sa->remote.addr };
	for (i = 0; i < n; i += done) {
		errno = 0;
		done = rawesp_send(&dp->raw, r + i, n - i);
		dp_wire_sent(dp, k + i, done);
		if (done > 0)
			continue;
		dp->unsent++;
		if (errno == EMSGSIZE)
			dp->mtu_ms = 0;
		done = 1;	/* a full socket loses this one, as the network might */
	}
}

static void
send_udp(struct datapath *dp, const struct flow_pkt *const *k, size_t n)
{
	struct pkt d[ESP_BATCH];
	struct fault f;
	size_t i, done;

	if (dp->ports == NULL) {
		dp->unsent += n;
		return;
	}
	for (i = 0; i < n; i++)
		d[i] = (struct pkt){ .local = k[i]->sa->rec.local.at, .remote = k[i]->sa->remote,
		    .p = k[i]->esp, .len = k[i]->esp_len, .tos = (uint8_t)k[i]->tos };
	for (i = 0; i < n; i += done) {
		done = ports_send_esp(dp->ports, d + i, n - i, &f);
		dp_wire_sent(dp, k + i, done);
		if (done > 0)
			continue;
		dp->unsent++;
		if (f.code == FAULT_TOO_LARGE)
			dp->mtu_ms = 0;
		done = 1;
	}
}

static void
send_run(struct datapath *dp, const struct flow_pkt *const *run, size_t n)
{
	if (n == 0)
		return;
	if (run[0]->sa->rec.encap == SA_ENCAP_NONE)
		send_raw(dp, run, n);
	else
		send_udp(dp, run, n);
}

/* Sends what is sealed, in order, in runs of one transport and family. */
static void
send_all(struct datapath *dp, const struct flow_pkt *pkts, size_t n)
{
	const struct flow_pkt *run[ESP_BATCH], *k;
	size_t m = 0;

	for (k = pkts; k < pkts + n; k++) {
		if (k->verdict != ESP_OK)
			continue;
		if (m > 0 && (k->sa->rec.encap != run[0]->sa->rec.encap ||
		    k->sa->remote.addr.family != run[0]->sa->remote.addr.family)) {
			send_run(dp, run, m);
			m = 0;
		}
		run[m++] = k;
	}
	send_run(dp, run, m);
}

void
dp_tun_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct datapath *dp = w->data;
	struct tun_pkt t[ESP_BATCH];
	struct flow_pkt k[ESP_BATCH];
	struct fault f;
	long n = ESP_BATCH;

	(void)loop, (void)revents;
	for (int round = 0; round < ROUNDS && n == ESP_BATCH; round++) {
		for (size_t i = 0; i < ESP_BATCH; i++)
			t[i] = (struct tun_pkt){ .p = dp->slots + i * SLOT + FLOW_HEAD, .cap = PKT_MAX };
		n = tun_read(&dp->tun, t, ESP_BATCH, &dp->cut, &f);
		if (n < 0) {
			ev_io_stop(dp->loop, &dp->tun_io);
			dp->calls.broken(dp->ctx, &f);
			return;
		}
		for (long i = 0; i < n; i++)
			k[i] = (struct flow_pkt){ .inner = t[i].p, .inner_len = t[i].len };
		flow_out(dp->db, k, (size_t)n);
		send_all(dp, k, (size_t)n);
		for (long i = 0; i < n; i++) {
			if (k[i].verdict == ESP_OK) {
				dp->out.packets++;
				dp->out.bytes += k[i].inner_len;
			} else
				dp->drops_out[k[i].verdict]++;
			if (k[i].verdict == ESP_TOO_BIG)
				answer_toobig(dp, &k[i]);
		}
	}
}

/* ---- in */

static bool
behind_nat(const struct datapath *dp, const struct sa_child *c)
{
	size_t i;

	for (i = 0; i < dp->n_ikes; i++)
		if (span_eq(SPAN_ARRAY(dp->ikes[i].spis), SPAN_ARRAY(c->ike)))
			return (dp->ikes[i].remote_nat);
	return (true);		/* not known: encapsulation is for NATs */
}

/*
 * The peer's NAT has given it another mapping: follow, with every SA that goes there.
 * Only the newest number counts, or a late packet would turn it back; and only what passed ICV
 * and window comes here (RFC 3947 section 6, RFC 7296 section 2.23).
 */
static void
follow(struct datapath *dp, struct esp_sa *sa, const struct came *c)
{
	struct endpoint old = sa->remote;
	char from[ENDPOINT_TEXT], to[ENDPOINT_TEXT];
	struct esp_sa *other;

	if (!c->udp || sa->rec.encap == SA_ENCAP_NONE || endpoint_eq(&old, &c->remote) ||
	    !behind_nat(dp, &sa->rec))
		return;
	for (size_t i = 0; (other = sadb_at(dp->db, i)) != NULL; i++)
		if (endpoint_eq(&other->remote, &old) && other->rec.encap == sa->rec.encap &&
		    span_eq(SPAN_ARRAY(other->rec.ike), SPAN_ARRAY(sa->rec.ike)))
			other->remote = c->remote;
	sa->remote = c->remote;
	dp->remaps++;
	dp_note(dp, 1, "peer moved from %s to %s", endpoint_text(from, &old),
	    endpoint_text(to, &c->remote));
	dp_event(dp, sa, "remap");
}

/* Keeps a copy until a record may have come. False if there is no room. */
static bool
hold(struct datapath *dp, const struct flow_pkt *k, const struct came *c)
{
	struct held *h = &dp->held[dp->n_held];

	if (dp->n_held == HELD_MAX || dp->held_bytes + k->esp_len > HELD_BYTES ||
	    (h->p = malloc(k->esp_len)) == NULL)
		return (false);
	memcpy(h->p, k->esp, k->esp_len);
	h->len = k->esp_len;
	h->came = *c;
	h->tos = k->tos;
	h->until_ms = clock_now(&dp->clock).ms + HELD_MS;
	dp->n_held++;
	dp->held_bytes += h->len;
	if (!ev_is_active(&dp->held_timer)) {
		ev_timer_set(&dp->held_timer, HELD_MS / 1000.0, 0.);
		ev_timer_start(dp->loop, &dp->held_timer);
	}
	return (true);
}

/* Counts, delivers, follows; passes over packets of unknown SPIs if ${but_unknown}. */
static void
deliver(struct datapath *dp, const struct flow_pkt *k, const struct came *c, size_t n,
    bool but_unknown)
{
	struct tun_pkt t[ESP_BATCH];
	size_t i, m = 0;

	for (i = 0; i < n; i++) {
		if (k[i].verdict == ESP_UNKNOWN_SPI && but_unknown)
			continue;
		if (k[i].verdict == ESP_OK) {
			dp->in.packets++;
			dp->in.bytes += k[i].inner_len;
			t[m++] = (struct tun_pkt){ .p = k[i].inner, .len = k[i].inner_len };
		} else
			dp->drops_in[k[i].verdict]++;
		if (k[i].newest)
			follow(dp, k[i].sa, &c[i]);
	}
	dp->unwritten += m - tun_write(&dp->tun, t, m);
}

static void
take(struct datapath *dp, struct flow_pkt *k, struct came *c, size_t n)
{
	bool drained = false;
	size_t i;

	dp_wire_copy(dp, k, c, n);
	flow_in(dp->db, k, n);
	deliver(dp, k, c, n, true);
	dp_wire_received(dp, k, c, 0, n, true);
	/* From here on SAs may come and go: of the others only the verdict is still looked at. */
	for (i = 0; i < n; i++) {
		if (k[i].verdict != ESP_UNKNOWN_SPI)
			continue;
		/* The record may lie in the pipe already (record before wire). */
		if (!drained && dp->calls.drain != NULL) {
			drained = dp->draining = true;
			dp->calls.drain(dp->ctx);
			dp->draining = false;
		}
		if (sadb_by_spi(dp->db, k[i].esp, &k[i].local) == NULL && hold(dp, &k[i], &c[i]))
			continue;
		flow_in(dp->db, &k[i], 1);
		deliver(dp, &k[i], &c[i], 1, false);
		dp_wire_received(dp, k, c, i, i + 1, false);
	}
}

void
dp_raw_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct datapath *dp = w->data;
	uint8_t family = w == &dp->raw4_io ? 4 : 6;
	struct rawesp_pkt r[ESP_BATCH];
	struct flow_pkt k[ESP_BATCH];
	struct came c[ESP_BATCH];
	size_t n = ESP_BATCH;

	(void)loop, (void)revents;
	for (int round = 0; round < ROUNDS && n == ESP_BATCH; round++) {
		for (size_t i = 0; i < ESP_BATCH; i++)
			r[i] = (struct rawesp_pkt){ .p = dp->slots + i * SLOT, .cap = PKT_MAX };
		n = rawesp_receive(&dp->raw, family, r, ESP_BATCH);
		for (size_t i = 0; i < n; i++) {
			k[i] = (struct flow_pkt){ .esp = r[i].p, .esp_len = r[i].len, .local = r[i].local,
			    .tos = r[i].tos };
			c[i] = (struct came){ { r[i].local, 0 }, { r[i].remote, 0 }, false, 0 };
		}
		take(dp, k, c, n);
	}
}

void
dp_udp(void *ctx, struct pkt *d, size_t n)
{
	struct datapath *dp = ctx;
	struct flow_pkt k[ESP_BATCH];
	struct came c[ESP_BATCH];
	size_t i, m;

	for (; n > 0; n -= m, d += m) {
		m = n < ESP_BATCH ? n : ESP_BATCH;
		for (i = 0; i < m; i++) {
			k[i] = (struct flow_pkt){ .esp = d[i].p, .esp_len = d[i].len,
			    .local = d[i].local.addr, .tos = d[i].tos };
			c[i] = (struct came){ d[i].local, d[i].remote, true, 0 };
		}
		take(dp, k, c, m);
	}
}

void
dp_held_retry(struct datapath *dp, bool all)
{
	uint64_t now = clock_now(&dp->clock).ms;
	size_t i, kept = 0;

	for (i = 0; i < dp->n_held; i++) {
		struct held h = dp->held[i];
		struct flow_pkt k = { .esp = h.p, .esp_len = h.len, .local = h.came.local.addr,
		    .tos = h.tos };

		if (!all && now < h.until_ms && sadb_by_spi(dp->db, h.p, &k.local) == NULL) {
			dp->held[kept++] = h;
			continue;
		}
		dp->held_bytes -= h.len;
		dp_wire_copy(dp, &k, &h.came, 1);
		flow_in(dp->db, &k, 1);
		deliver(dp, &k, &h.came, 1, false);
		dp_wire_received(dp, &k, &h.came, 0, 1, false);
		free(h.p);
	}
	dp->n_held = kept;
	if (kept > 0 && !ev_is_active(&dp->held_timer)) {
		ev_timer_set(&dp->held_timer, HELD_MS / 1000.0, 0.);
		ev_timer_start(dp->loop, &dp->held_timer);
	}
}
