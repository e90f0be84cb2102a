#include "esp/flow.h"

#define KILOBYTE	1024
/* From this number on the negotiator knows that they run out. */
#define SEQ_SOFT	(UINT32_MAX - (UINT32_C(1) << 28))

static void
drop(struct flow_pkt *k, enum esp_verdict v)
{
	k->verdict = v;
	if (k->sa != NULL)
		k->sa->drops[v]++;
}

static void
tell(struct sadb *db, struct esp_sa *sa, enum sadb_event what)
{
	const struct sadb_hooks *h = &sadb_config(db)->hooks;

	if (h->event != NULL)
		h->event(h->ctx, sa, what);
}

/*
 * Volume against the lifetime. Soft comes earlier at the initiator of the old SA, so
 * that not both ends begin a rekey at once. False: the SA is worn out.
 */
static bool
volume(struct sadb *db, struct esp_sa *sa, struct esp_count *c, size_t len)
{
	uint64_t hard = sa->rec.lifetime.kilobytes;
	unsigned percent = sa->rec.initiator ? 80 : 90;

	if (hard != 0 && hard <= UINT64_MAX / KILOBYTE) {
		hard *= KILOBYTE;
		if (c->bytes + len > hard) {
			if (sa->dying == 0)
				tell(db, sa, SADB_HARD);
			sa->dying = 1;		/* the next sadb_expire() takes it */
			return (false);
		}
		if (!sa->soft && c->bytes + len > hard / 100 * percent) {
			sa->soft = true;
			tell(db, sa, SADB_SOFT);
		}
	}
	c->packets++;
	c->bytes += len;
	return (true);
}

static void
clamp(const struct sadb_config *c, struct flow_pkt *k, const struct esp_sa *sa)
{
	if (c->mss_mode == SADB_MSS_FIXED)
		(void)inner_mss_clamp(k->inner, &k->headers, c->mss);
	else if (c->mss_mode == SADB_MSS_CLAMP && sa->mtu != 0)
		(void)inner_mss_clamp(k->inner, &k->headers,
		    inner_mss_of(k->headers.src.family, sa->mtu));
}

/* Chatter of the device's own kernel (MLD, mDNS), which is no breach of policy. */
static bool
link_local(const struct addr *a)
{
	return (a->family == 4 ? a->b[0] == 224 && a->b[1] == 0 && a->b[2] == 0 :
	    a->b[0] == 0xff && (a->b[1] & 15) <= 2);
}

/* Everything before the seal; fills ${e} where the verdict is OK. */
static void
prepare(struct sadb *db, struct flow_pkt *k, struct esp_pkt *e)
{
	const struct sadb_config *c = sadb_config(db);
	struct esp_sa *sa;
	enum esp_verdict why;
	size_t least;

	k->sa = NULL;
	k->verdict = ESP_OK;
	if (inner_parse(&k->headers, k->inner, k->inner_len) != 0) {
		drop(k, ESP_SHORT);
		return;
	}
	k->inner_len = k->headers.len;
	if ((k->sa = sa = sadb_by_packet(db, &k->headers, &why)) == NULL) {
		drop(k, why == ESP_POLICY && link_local(&k->headers.dst) ? ESP_LINK_LOCAL : why);
		return;
	}
	least = k->headers.src.family == 4 ? INNER_MIN_V4 : INNER_MIN_V6;
	k->mtu = sa->mtu > least ? sa->mtu : least;
	if (sa->mtu != 0 && k->inner_len > k->mtu && k->headers.df) {
		drop(k, ESP_TOO_BIG);
		return;
	}
	if (sa->seq_next >= sa->seq_reserved && c->hooks.reserve_out != NULL &&
	    c->hooks.reserve_out(c->hooks.ctx, sa, sa->seq_next) != 0) {
		drop(k, ESP_FAILED);
		return;
	}
	if (!volume(db, sa, &sa->count_out, k->inner_len)) {
		drop(k, ESP_EXPIRED);
		return;
	}
	clamp(c, k, sa);
	k->tos = (uint16_t)(c->dscp_fixed ? c->dscp << 2 | (k->headers.tos & 3) : k->headers.tos);
	*e = (struct esp_pkt){ .xf = &sa->out, .p = k->inner - esp_xf_head(&sa->out),
	    .cap = k->inner_len + FLOW_HEAD + FLOW_TAIL - (FLOW_HEAD - esp_xf_head(&sa->out)),
	    .inner_len = k->inner_len, .seq = sa->seq_next++,
	    .next = k->headers.src.family == 4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6 };
	memcpy(e->spi, sa->rec.spi_out, sizeof(e->spi));
	if (!sa->soft && !sa->rec.esn && sa->seq_next > SEQ_SOFT) {
		sa->soft = true;
		tell(db, sa, SADB_SOFT);
	}
}

void
flow_out(struct sadb *db, struct flow_pkt *pkts, size_t n)
{
	struct esp_pkt e[ESP_BATCH];
	size_t i;

	if (n > ESP_BATCH)
		n = ESP_BATCH;
	for (i = 0; i < n; i++) {
		prepare(db, &pkts[i], &e[i]);
		if (pkts[i].verdict != ESP_OK)
			e[i] = (struct esp_pkt){ .verdict = pkts[i].verdict };
	}
	esp_seal(e, n);
	for (i = 0; i < n; i++) {
		if (pkts[i].verdict != ESP_OK)
			continue;
		if (e[i].verdict != ESP_OK)
			drop(&pkts[i], e[i].verdict);
		pkts[i].esp = e[i].p;
		pkts[i].esp_len = e[i].len;
	}
}

/* Length, SPI, window test. */
static enum esp_verdict
admit(struct sadb *db, struct flow_pkt *k, struct esp_pkt *e)
{
	struct esp_sa *sa;

	k->sa = NULL;
	k->seen = k->newest = false;
	if (k->esp_len < ESP_HDR)
		return (ESP_SHORT);
	if ((k->sa = sa = sadb_by_spi(db, k->esp, &k->local)) == NULL)
		return (ESP_UNKNOWN_SPI);
	if (!esp_open_fits(&sa->in, k->esp_len))
		return (ESP_SHORT);
	*e = (struct esp_pkt){ .xf = &sa->in, .p = k->esp, .len = k->esp_len };
	if (!replay_test(&sa->replay, get_be32(k->esp + 4), &e->seq))
		return (ESP_REPLAY);
	return (ESP_OK);
}

/* The inner packet: what the header says it is, within the selectors (RFC 4301, 5.2 step 4). */
static enum esp_verdict
check(struct sadb *db, struct flow_pkt *k, const struct esp_pkt *e)
{
	unsigned want = e->next == ESP_NEXT_IPV4 ? 4 : e->next == ESP_NEXT_IPV6 ? 6 : 0;

	if (e->next == ESP_NEXT_NONE)
		return (ESP_DUMMY);
	if (want == 0)
		return (ESP_POLICY);
	k->inner = e->p + esp_xf_head(e->xf);
	if (inner_parse(&k->headers, k->inner, e->inner_len) != 0 || k->headers.src.family != want)
		return (ESP_SHORT);
	k->inner_len = k->headers.len;	/* the rest is traffic flow padding (RFC 4303, 2.7) */
	if (!sadb_admits(db, k->sa, &k->headers))
		return (ESP_POLICY);
	if (k->tos != FLOW_TOS_NONE &&
	    inner_ecn_exit(k->inner, &k->headers, (uint8_t)k->tos) != 0)
		return (ESP_CONGESTED);
	return (ESP_OK);
}

void
flow_in(struct sadb *db, struct flow_pkt *pkts, size_t n)
{
	const struct sadb_config *c = sadb_config(db);
	struct esp_pkt e[ESP_BATCH];
	size_t i;

	if (n > ESP_BATCH)
		n = ESP_BATCH;
	for (i = 0; i < n; i++) {
		pkts[i].verdict = admit(db, &pkts[i], &e[i]);
		if (pkts[i].verdict != ESP_OK)
			e[i] = (struct esp_pkt){ .verdict = pkts[i].verdict };
	}
	/* Authenticates, and decrypts what is authentic: AEADs and ipsec-mb do both in one. */
	esp_open(e, n);
	for (i = 0; i < n; i++) {
		struct flow_pkt *k = &pkts[i];
		struct esp_sa *sa = k->sa;

		if (sa == NULL) {	/* admit() gave the reason */
			drop(k, k->verdict);
			continue;
		}
		if (e[i].verdict == ESP_OK && e[i].seq >= sa->in_reserved &&
		    c->hooks.reserve_in != NULL &&
		    c->hooks.reserve_in(c->hooks.ctx, sa, e[i].seq) != 0)
			e[i].verdict = ESP_FAILED;
		/* Twice in one batch: the test let both pass. */
		if (e[i].verdict == ESP_OK && !replay_move(&sa->replay, e[i].seq))
			e[i].verdict = ESP_REPLAY;
		if (e[i].verdict == ESP_OK) {
			k->seen = true;
			k->newest = e[i].seq == sa->replay.right;
			esp_unpad(&e[i]);
		}
		if (e[i].verdict == ESP_OK)
			e[i].verdict = check(db, k, &e[i]);
		if (e[i].verdict == ESP_OK && !volume(db, sa, &sa->count_in, k->inner_len))
			e[i].verdict = ESP_EXPIRED;
		if (e[i].verdict != ESP_OK)
			drop(k, e[i].verdict);
		k->verdict = e[i].verdict;
	}
}
