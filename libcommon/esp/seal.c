/* Sealing: the frame of each packet, then the crypto of all, run by run of one backend. */
#include "esp/seal.h"

#include "base/biglock.h"
#include "esp/ah.h"
#include "esp/outer.h"
#include "esp/pair.h"

#define PROTO_ESP	50

void
esp_number(struct pkt *k)
{
	struct esp_sa *around = esp_sa_around(k->sa);

	k->seq = ++k->sa->seq;
	if (around != NULL)
		k->seq_around = ++around->seq;
}

static uint8_t
next_of(const struct inner *in)
{
	return (in->src.family == 4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6);
}

/* ---- ESP */

/* Everything but the crypto. */
static enum esp_verdict
frame(struct esp_ctx *ctx, struct pkt *k, const struct inner *in)
{
	struct esp_sa *sa = k->sa;
	bool tunnel = sa->mode == SA_TUNNEL;
	size_t head = esp_xf_head(&sa->xf), skip = tunnel ? 0 : in->l4, len, pad, i;
	uint8_t *p;

	if (skip > in->len || (!tunnel && in->frag))
		return (ESP_FAILED);
	k->p += skip;
	k->len = in->len - skip;
	len = esp_xf_len(&sa->xf, k->len);
	if (pkt_headroom(k) < head || pkt_tailroom(k) < len - head - k->len)
		return (ESP_FAILED);
	k->p -= head;
	memcpy(k->p, sa->spi, 4);
	put_be32(k->p + 4, (uint32_t)k->seq);
	if (esp_xf_iv(ctx, &sa->xf, k->p + ESP_HDR) != 0)
		return (ESP_FAILED);
	p = k->p + head + k->len;
	pad = len - sa->xf.icv_len - ESP_TRAILER - head - k->len;
	for (i = 1; i <= pad; i++)
		*p++ = (uint8_t)i;
	*p++ = (uint8_t)pad;
	*p = tunnel ? next_of(in) : in->proto;
	k->len = len;
	k->net = 0;
	return (ESP_OK);
}

/* ---- AH */

/* The IP header and the place of AH in it. Returns ESP_OK, or FAILED if AH does not fit or may not be there. */
static enum esp_verdict
ah_frame(struct pkt *k, const struct inner *in, struct ah_at *at)
{
	struct esp_sa *sa = k->sa;
	bool tunnel = sa->mode == SA_TUNNEL;
	/* Never 0: the kernel would put in one of its own, after the ICV. */
	uint16_t id = (uint16_t)(k->seq % UINT16_MAX + 1);
	struct outer o = { &esp_sa_src(sa)->addr, &sa->dst.addr, (uint8_t)k->tos, AH_PROTO, id, k->df };
	size_t len, grow;
	uint8_t *ip;

	if (tunnel)
		*at = (struct ah_at){ .family = esp_sa_src(sa)->addr.family, .next = next_of(in),
		    .off = outer_len(esp_sa_src(sa)->addr.family), .prev = esp_sa_src(sa)->addr.family == 4 ? 9 : 6 };
	else if (ah_find(at, span_of(k->p, in->len)) != 0 || at->fragment || at->len != 0)
		return (ESP_FAILED);
	len = ah_len(&sa->xf, at->family);
	grow = len + (tunnel ? at->off : 0);
	if (pkt_headroom(k) < grow || in->len + grow > PKT_MAX)
		return (ESP_FAILED);
	ip = k->p - grow;
	if (tunnel)
		(void)outer_make(ip, &o, len + in->len);
	else {
		memmove(ip, k->p, at->off);
		if (at->family == 4 && get_be16(ip + 4) == 0)
			put_be16(ip + 4, id);
		ip[at->prev] = AH_PROTO;
	}
	at->len = len;
	at->end = in->len + grow;
	outer_mend(ip, at->off, at->end);
	k->p = ip + at->off;
	k->len = at->end - at->off;
	k->net = at->off;
	return (ESP_OK);
}

/* Writes the AH of ${sa} under ${seq}, for which ah_frame() or ah_frame_around() has made room at ${k}->p. */
static enum esp_verdict
ah_put(struct esp_ctx *ctx, struct pkt *k, const struct esp_sa *sa, uint64_t seq, const struct ah_at *at)
{
	memset(k->p, 0, at->len);
	k->p[0] = at->next;
	k->p[1] = (uint8_t)(at->len / 4 - 2);
	memcpy(k->p + 4, sa->spi, 4);
	put_be32(k->p + 8, (uint32_t)seq);
	return (ah_sign(ctx, &sa->xf, k->p - k->net, at, (uint32_t)(seq >> 32)));
}

static enum esp_verdict
seal_ah(struct esp_ctx *ctx, struct pkt *k, const struct inner *in)
{
	struct ah_at at;

	if (ah_frame(k, in, &at) != ESP_OK)
		return (ESP_FAILED);
	return (ah_put(ctx, k, k->sa, k->seq, &at));
}

/* An IP header and room for AH before the ESP packet ${k}. */
static enum esp_verdict
ah_frame_around(struct pkt *k, const struct esp_sa *sa, struct ah_at *at)
{
	uint16_t id = (uint16_t)(k->seq_around % UINT16_MAX + 1);	/* never 0: as in ah_frame() */
	struct outer o = { &esp_sa_src(sa)->addr, &k->remote.addr, (uint8_t)k->tos, AH_PROTO, id, k->df };
	size_t grow;

	*at = (struct ah_at){ .family = esp_sa_src(sa)->addr.family, .next = PROTO_ESP, .off = outer_len(esp_sa_src(sa)->addr.family),
	    .prev = esp_sa_src(sa)->addr.family == 4 ? 9 : 6, .len = ah_len(&sa->xf, esp_sa_src(sa)->addr.family) };
	grow = at->off + at->len;
	if (pkt_headroom(k) < grow || k->len + grow > PKT_MAX)
		return (ESP_FAILED);
	at->end = k->len + grow;
	k->p -= grow;
	(void)outer_make(k->p, &o, at->end - at->off);
	k->p += at->off;
	k->len = at->end - at->off;
	k->net = at->off;
	k->proto = AH_PROTO;
	return (ESP_OK);
}

/* The AH of a bundle, after its ESP: RFC 2401, 4.3, "transport adjacency". */
static void
seal_around(struct esp_ctx *ctx, struct pkt *k)
{
	const struct esp_sa *sa = k->verdict == ESP_OK ? esp_sa_around(k->sa) : NULL;
	struct ah_at at;

	if (sa == NULL)
		return;
	k->verdict = ah_frame_around(k, sa, &at);
	if (k->verdict == ESP_OK)
		k->verdict = ah_put(ctx, k, sa, k->seq_around, &at);
}

/* ---- both */

/* Jobs of one backend; failed jobs mark their packet. */
static void
run(struct esp_ctx *ctx, const struct esp_backend *be, struct esp_job *jobs, size_t n)
{
	if (be == NULL)
		return;			/* no job yet */
	biglock_leave();	/* no other thread works with these packets and keys now */
	be->seal(esp_ctx_of(ctx, be), jobs, n);
	biglock_take();
	for (size_t i = 0; i < n; i++)
		if (!jobs[i].ok)
			((struct pkt *)jobs[i].owner)->verdict = ESP_FAILED;
}

void
esp_seal(struct esp_ctx *ctx, struct pkt *pkts, const struct inner *in, size_t n)
{
	struct esp_job jobs[ESP_BATCH];
	const struct esp_backend *be = NULL;
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		struct pkt *k = &pkts[i];
		struct esp_sa *sa = k->sa;

		if (k->verdict != ESP_OK)
			continue;
		k->inner_len = in[i].len;
		k->local = *esp_sa_src(sa);
		k->remote = sa->dst;
		k->proto = esp_sa_carrier(sa);
		k->marker = esp_sa_marker(sa);
		k->verdict = sa->protocol == SA_AH ? seal_ah(ctx, k, &in[i]) : frame(ctx, k, &in[i]);
		if (k->verdict != ESP_OK || sa->protocol == SA_AH)
			continue;
		if (sa->xf.be != be) {
			run(ctx, be, jobs, m);
			be = sa->xf.be;
			m = 0;
		}
		jobs[m++] = (struct esp_job){ .key = sa->xf.key, .p = k->p, .len = k->len,
		    .seq_hi = (uint32_t)(k->seq >> 32), .owner = k };
	}
	run(ctx, be, jobs, m);
	for (size_t i = 0; i < n; i++)
		seal_around(ctx, &pkts[i]);
}
