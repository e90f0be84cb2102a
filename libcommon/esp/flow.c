/* Batches through the table of SAs: policy, volume, numbers, and the counters of each SA. */
#include "esp/flow.h"

#include "esp/ah.h"
#include "esp/open.h"

#define P_TCP		6
#define KILOBYTE	1024
/* At this number the negotiator is notified that the numbers run out. */
#define SEQ_SOFT	(UINT32_MAX - (UINT32_C(1) << 28))

static void
notify(struct sadb *db, struct esp_pair *pair, enum sadb_event what)
{
	const struct sadb_hooks *h = &sadb_config(db)->hooks;

	if (h->event != NULL)
		h->event(h->ctx, pair, what);
}

static void
soft(struct sadb *db, struct esp_pair *pair)
{
	if (pair->soft)
		return;
	pair->soft = true;
	notify(db, pair, SADB_SOFT);
}

/*
 * Counts ${len} bytes against the lifetime. Soft comes earlier at the initiator of the old SA, so
 * that not both ends begin a rekey at once. False: the volume is used up.
 */
static bool
volume(struct sadb *db, struct esp_sa *sa, size_t len)
{
	struct esp_pair *pair = sa->pair;
	uint64_t hard = pair->kilobytes;
	unsigned percent = pair->initiator ? 80 : 90;

	if (hard != 0 && hard <= UINT64_MAX / KILOBYTE) {
		hard *= KILOBYTE;
		if (sa->count.bytes + len > hard) {
			if (!pair->spent)
				notify(db, pair, SADB_HARD);
			sadb_spent(db, pair);
			return (false);
		}
		if (sa->count.bytes + len > hard / 100 * percent)
			soft(db, pair);
	}
	sa->count.packets++;
	sa->count.bytes += len;
	return (true);
}

/* ${out}: the outbound SA of the tunnel that the packet goes into or comes from; its MTU is that of both directions. */
static void
clamp(const struct sadb_config *c, struct pkt *k, const struct inner *in, const struct esp_sa *out)
{
	if (c->mss_mode == SADB_MSS_FIXED)
		(void)inner_mss_clamp(k->p, in, c->mss);
	else if (c->mss_mode == SADB_MSS_CLAMP && out->mtu != 0)
		(void)inner_mss_clamp(k->p, in, inner_mss_of(in->src.family, out->mtu));
}

/* Chatter of the device's own kernel (MLD, mDNS), which is no breach of policy. */
static bool
link_local(const struct addr *a)
{
	return (a->family == 4 ? a->b[0] == 224 && a->b[1] == 0 && a->b[2] == 0 :
	    a->b[0] == 0xff && (a->b[1] & 15) <= 2);
}

/* The longest packet like ${in} that ${sa} takes whole; 0: not known. */
static size_t
fit_of(const struct esp_sa *sa, const struct inner *in)
{
	size_t least = in->src.family == 4 ? INNER_MIN_V4 : INNER_MIN_V6;

	return (sa->mtu == 0 || sa->mtu > least ? sa->mtu : least);
}

void
flow_expect(struct sadb *db, const struct pkt *pkts, size_t n)
{
	struct inner in[ESP_BATCH];
	size_t m = 0, i;

	if (n < 2 || sadb_count(db) <= FLOW_FEW)
		return;
	for (i = 0; i < n && m < ESP_BATCH; i++)
		if (inner_parse(&in[m], pkts[i].p, pkts[i].len) == 0)
			sadb_fetch_flow(db, &in[m++]);
	for (i = 0; i < m; i++)
		sadb_fetch_sa(db, &in[i]);
}

enum esp_verdict
flow_route(struct sadb *db, struct pkt *k, struct inner *in)
{
	const struct sadb_config *c = sadb_config(db);
	const struct endpoint *peer;
	enum esp_verdict why;

	k->sa = NULL;
	if (inner_parse(in, k->p, k->len) != 0)
		return (ESP_SHORT);
	if ((why = sadb_whole(db, k, in)) != ESP_OK)
		return (why);
	k->len = k->inner_len = in->len;
	peer = sadb_port_out(db, k->p, in);
	if ((k->sa = sadb_by_packet(db, in, peer, &why)) == NULL && peer != NULL && flow_waits(why))
		return (ESP_NO_SA);	/* with these ports it must not come here again */
	if (k->sa == NULL)
		return ((why == ESP_POLICY || why == ESP_NO_HOP) && link_local(&in->dst) ? ESP_LINK_LOCAL : why);
	k->fit = fit_of(k->sa, in);
	clamp(c, k, in, k->sa);
	__builtin_prefetch(k->sa->xf.key);
	k->tos = c->dscp_mapped ? dscp_map_tos(&c->dscp, in->tos) : in->tos;
	k->df = c->df_mode == SADB_DF_SET || (c->df_mode == SADB_DF_COPY && in->df);
	return (ESP_OK);
}

enum esp_verdict
flow_number(struct sadb *db, struct pkt *k, bool df)
{
	const struct sadb_hooks *h = &sadb_config(db)->hooks;
	struct esp_sa *sa = k->sa, *around = esp_sa_around(sa);

	if (k->fit != 0 && k->len > k->fit && df)
		return (ESP_TOO_BIG);
	if (sa->mtu != 0 && k->len > sa->mtu)
		k->df = false;		/* what no smaller packet can replace has to go in fragments */
	/* A packet of many may have used the last number since the look-up. */
	if (esp_sa_exhausted(sa) || (around != NULL && esp_sa_exhausted(around)))
		return (ESP_EXHAUSTED);
	if (sa->seq + 1 >= sa->reserved && h->reserve_out != NULL && h->reserve_out(h->ctx, sa, sa->seq + 1) != 0)
		return (ESP_FAILED);
	if (around != NULL && around->seq + 1 >= around->reserved && h->reserve_out != NULL &&
	    h->reserve_out(h->ctx, around, around->seq + 1) != 0)
		return (ESP_FAILED);
	if (!volume(db, sa, k->len) || (around != NULL && !volume(db, around, k->len)))
		return (ESP_EXPIRED);
	k->inner_len = k->len;
	esp_number(k);
	if (!sa->esn && sa->seq >= SEQ_SOFT)
		soft(db, sa->pair);
	return (ESP_OK);
}

bool
flow_waits(enum esp_verdict v)
{
	return (v == ESP_EXPIRED || v == ESP_EXHAUSTED);
}

enum esp_verdict
flow_again(struct sadb *db, struct pkt *k, const struct inner *in, enum esp_verdict v)
{
	/* Of peers behind one NAT, which may have the same addresses, only this one. */
	const struct endpoint *peer = k->sa->mode == SA_TRANSPORT ? &k->sa->dst : NULL;
	struct esp_sa *sa;
	enum esp_verdict why;

	if (!flow_waits(v) || (sa = sadb_by_packet(db, in, peer, &why)) == NULL || sa == k->sa)
		return (v);
	k->sa = sa;
	k->fit = fit_of(sa, in);
	return (ESP_OK);
}

void
flow_drop(struct pkt *k)
{
	if (k->sa != NULL)
		esp_sa_drop(k->sa, (enum esp_verdict)k->verdict);
}

void
flow_out(struct sadb *db, struct esp_ctx *ctx, struct pkt *pkts, size_t n)
{
	struct inner in[ESP_BATCH];
	struct pkt *k;
	size_t i;

	if (n > ESP_BATCH)
		n = ESP_BATCH;
	if (n == 0)
		return;
	flow_expect(db, pkts, n);
	for (i = 0; i < n; i++) {
		k = &pkts[i];
		k->verdict = flow_route(db, k, &in[i]);
		while (k->verdict == ESP_OK && (k->verdict = flow_number(db, k, in[i].df)) != ESP_OK &&
		    flow_again(db, k, &in[i], (enum esp_verdict)k->verdict) == ESP_OK)
			k->verdict = ESP_OK;
	}
	esp_seal(ctx, pkts, in, n);
	for (i = 0; i < n; i++)
		if (pkts[i].verdict != ESP_OK)
			flow_drop(&pkts[i]);
}

/* The SA of the packet's SPI. */
static enum esp_verdict
find(struct sadb *db, struct pkt *k)
{
	enum sa_proto protocol = k->proto == AH_PROTO ? SA_AH : SA_ESP;

	k->sa = NULL;
	if (k->len < (protocol == SA_AH ? AH_HDR : ESP_HDR))
		return (ESP_SHORT);
	k->sa = sadb_by_spi(db, protocol, k->p + (protocol == SA_AH ? 4 : 0), &k->local.addr);
	if (k->sa == NULL)
		return (ESP_UNKNOWN_SPI);
	/* With thousands of SAs none is in the cache. The packets after this one give the memory time. */
	__builtin_prefetch(k->sa->window, 1);
	__builtin_prefetch(k->sa->xf.key);
	__builtin_prefetch(k->sa->src_ts);
	__builtin_prefetch(k->sa->dst_ts);
	/* Of a bundle, AH comes first: see enter() in open.c. */
	return (esp_pair_bundled(k->sa->pair) && (protocol == SA_ESP || k->sa->pair->other == NULL) ? ESP_BUNDLE : ESP_OK);
}

/* After decryption: checks the inner packet against the selectors (RFC 4301, 5.2 step 4). */
static enum esp_verdict
check(struct sadb *db, struct pkt *k, struct inner *in)
{
	if (!sadb_admits(db, k->sa, in))
		return (ESP_POLICY);
	/* In transport mode the header is the one that met congestion. */
	if (k->tos != PKT_TOS_NONE && k->sa->mode == SA_TUNNEL &&
	    inner_ecn_exit(k->p, in, (uint8_t)k->tos) != 0)
		return (ESP_CONGESTED);
	if (sadb_port_in(db, k->sa, k->p, in) != 0)
		return (ESP_FAILED);
	/* So that this end sends no larger segments: the peer's host does not know how narrow the path is from here. */
	if (in->proto == P_TCP)
		clamp(sadb_config(db), k, in, &k->sa->pair->out);
	return (volume(db, k->sa, k->inner_len) ? ESP_OK : ESP_EXPIRED);
}

void
flow_open(struct sadb *db, struct esp_ctx *ctx, struct pkt *pkts, struct inner *in, size_t n)
{
	const struct sadb_hooks *h = &sadb_config(db)->hooks;
	const struct esp_reserve reserve = { h->reserve_in, h->ctx };
	size_t i;

	if (n > ESP_BATCH)
		n = ESP_BATCH;
	for (i = 0; i < n; i++)
		pkts[i].verdict = find(db, &pkts[i]);
	esp_open(ctx, pkts, in, n, &reserve);
	for (i = 0; i < n; i++) {
		if (pkts[i].verdict == ESP_OK)
			pkts[i].verdict = check(db, &pkts[i], &in[i]);
		if (pkts[i].verdict != ESP_OK)
			flow_drop(&pkts[i]);
	}
}

void
flow_in(struct sadb *db, struct esp_ctx *ctx, struct pkt *pkts, size_t n)
{
	struct inner in[ESP_BATCH];

	flow_open(db, ctx, pkts, in, n);
}
