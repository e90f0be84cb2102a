/* Batches through the table of SAs: policy, volume, numbers, and the counters of each SA. */
#include "esp/flow.h"

#include "esp/ah.h"
#include "esp/open.h"

#define KILOBYTE	1024
/* At this number the negotiator is notified that the numbers run out. */
#define SEQ_SOFT	(UINT32_MAX - (UINT32_C(1) << 28))

static void
drop(struct pkt *k)
{
	if (k->sa != NULL)
		k->sa->drops[k->verdict]++;
}

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
			if (pair->dying_ms == 0)
				notify(db, pair, SADB_HARD);
			pair->dying_ms = 1;	/* the next sadb_expire() removes it */
			return (false);
		}
		if (sa->count.bytes + len > hard / 100 * percent)
			soft(db, pair);
	}
	sa->count.packets++;
	sa->count.bytes += len;
	return (true);
}

static void
clamp(const struct sadb_config *c, struct pkt *k, const struct inner *in)
{
	if (c->mss_mode == SADB_MSS_FIXED)
		(void)inner_mss_clamp(k->p, in, c->mss);
	else if (c->mss_mode == SADB_MSS_CLAMP && k->sa->mtu != 0)
		(void)inner_mss_clamp(k->p, in, inner_mss_of(in->src.family, k->sa->mtu));
}

/* Chatter of the device's own kernel (MLD, mDNS), which is no breach of policy. */
static bool
link_local(const struct addr *a)
{
	return (a->family == 4 ? a->b[0] == 224 && a->b[1] == 0 && a->b[2] == 0 :
	    a->b[0] == 0xff && (a->b[1] & 15) <= 2);
}

/* Everything before the seal: OK if ${k} has an SA and a number. */
static enum esp_verdict
prepare(struct sadb *db, struct pkt *k, struct inner *in)
{
	const struct sadb_config *c = sadb_config(db);
	struct esp_sa *sa;
	enum esp_verdict why;
	size_t least;

	k->sa = NULL;
	if (inner_parse(in, k->p, k->len) != 0)
		return (ESP_SHORT);
	k->len = k->inner_len = in->len;
	if ((k->sa = sa = sadb_by_packet(db, in, &why)) == NULL)
		return (why == ESP_POLICY && link_local(&in->dst) ? ESP_LINK_LOCAL : why);
	least = in->src.family == 4 ? INNER_MIN_V4 : INNER_MIN_V6;
	k->fit = sa->mtu > least ? sa->mtu : least;
	if (sa->mtu != 0 && k->len > k->fit && in->df)
		return (ESP_TOO_BIG);
	if (sa->seq + 1 >= sa->reserved && c->hooks.reserve_out != NULL &&
	    c->hooks.reserve_out(c->hooks.ctx, sa, sa->seq + 1) != 0)
		return (ESP_FAILED);
	if (!volume(db, sa, k->len))
		return (ESP_EXPIRED);
	clamp(c, k, in);
	k->tos = (uint16_t)(c->dscp_fixed ? c->dscp << 2 | (in->tos & 3) : in->tos);
	esp_number(k);
	if (!sa->esn && sa->seq >= SEQ_SOFT)
		soft(db, sa->pair);
	return (ESP_OK);
}

void
flow_out(struct sadb *db, struct esp_ctx *ctx, struct pkt *pkts, size_t n)
{
	struct inner in[ESP_BATCH];
	size_t i;

	if (n > ESP_BATCH)
		n = ESP_BATCH;
	if (n == 0)
		return;
	for (i = 0; i < n; i++)
		pkts[i].verdict = prepare(db, &pkts[i], &in[i]);
	esp_seal(ctx, pkts, in, n);
	for (i = 0; i < n; i++)
		if (pkts[i].verdict != ESP_OK)
			drop(&pkts[i]);
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
	return (k->sa != NULL ? ESP_OK : ESP_UNKNOWN_SPI);
}

/* After decryption: checks the inner packet against the selectors (RFC 4301, 5.2 step 4). */
static enum esp_verdict
check(struct sadb *db, struct pkt *k, const struct inner *in)
{
	if (!sadb_admits(db, k->sa, in))
		return (ESP_POLICY);
	/* In transport mode the header is the one that met congestion. */
	if (k->tos != PKT_TOS_NONE && k->sa->mode == SA_TUNNEL &&
	    inner_ecn_exit(k->p, in, (uint8_t)k->tos) != 0)
		return (ESP_CONGESTED);
	return (volume(db, k->sa, k->inner_len) ? ESP_OK : ESP_EXPIRED);
}

void
flow_in(struct sadb *db, struct esp_ctx *ctx, struct pkt *pkts, size_t n)
{
	const struct sadb_hooks *h = &sadb_config(db)->hooks;
	const struct esp_reserve reserve = { h->reserve_in, h->ctx };
	struct inner in[ESP_BATCH];
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
			drop(&pkts[i]);
	}
}
