/* Opens packets: checks before the crypto, the crypto in one run for each backend, and checks after it. */
#include "esp/open.h"

#include "base/biglock.h"
#include "esp/ah.h"
#include "esp/outer.h"
#include "esp/pair.h"

#define PROTO_TCP	6
#define PROTO_UDP	17
#define PROTO_ESP	50

/* ---- before the crypto: length and window test */

static enum esp_verdict
admit_esp(struct pkt *k)
{
	if (k->len < ESP_HDR || !esp_xf_fits(&k->sa->xf, k->len))
		return (ESP_SHORT);
	return (replay_test(k->sa->window, get_be32(k->p + 4), &k->seq) ? ESP_OK : ESP_REPLAY);
}

/* Authenticates AH here, too: it covers a separate copy of each packet. */
static enum esp_verdict
admit_ah(struct esp_ctx *ctx, struct pkt *k)
{
	struct span ip = span_of(k->p - k->net, k->net + k->len);
	struct ah_at at;

	if (k->net == 0 || ah_find(&at, ip) != 0 || at.len == 0 || at.off != k->net)
		return (ESP_SHORT);
	if (!replay_test(k->sa->window, get_be32(k->p + 8), &k->seq))
		return (ESP_REPLAY);
	k->len = at.end - at.off;
	return (ah_check(ctx, &k->sa->xf, ip, &at, (uint32_t)(k->seq >> 32)));
}

/* ---- an authentic packet */

/* Moves the window. OK, or why the packet is dropped. */
static enum esp_verdict
advance(struct pkt *k, const struct esp_reserve *r)
{
	struct esp_sa *sa = k->sa;

	if (k->seq >= sa->reserved && r != NULL && r->in != NULL && r->in(r->ctx, sa, k->seq) != 0)
		return (ESP_FAILED);
	/* Twice in one batch: the test let both pass. */
	if (!replay_move(sa->window, k->seq))
		return (ESP_REPLAY);
	sa->seq = k->seq;
	k->seen = true;
	k->newest = k->seq == sa->window->right;
	return (ESP_OK);
}

/* Removes AH: ${p} is then its payload. */
static void
strip_ah(struct pkt *k)
{
	size_t len = ((size_t)k->p[1] + 2) * 4;		/* admit_ah() has seen that it fits */

	k->next = k->p[0];
	k->p += len;
	k->len -= len;
}

/* An authentic AH packet of a bundle becomes the ESP packet in it, of the bundle's other SA. */
static enum esp_verdict
enter(struct pkt *k, const struct esp_reserve *r)
{
	const uint8_t *from = k->p - k->net;
	struct esp_pair *other = k->sa->pair->other;
	enum esp_verdict v = advance(k, r);
	uint8_t *ip;

	if (v != ESP_OK)
		return (v);
	strip_ah(k);
	if (k->next != PROTO_ESP || k->len < ESP_HDR || get_be32(k->p) != get_be32(other->in.spi))
		return (ESP_BUNDLE);
	k->sa->count.packets++;
	k->sa->count.bytes += k->len;
	memmove(k->p - k->net, from, k->net);
	ip = k->p - k->net;
	/* Behind IPv6 extension headers the last of them names what follows; transport mode refuses these. */
	ip[ip[0] >> 4 == 4 ? 9 : 6] = PROTO_ESP;
	outer_mend(ip, k->net, k->net + k->len);
	k->sa = &other->in;
	k->proto = PROTO_ESP;
	k->seen = k->newest = false;
	return (admit_esp(k));
}

/* ---- the crypto */

static void
run(struct esp_ctx *ctx, const struct esp_backend *be, struct esp_job *jobs, size_t n)
{
	if (be == NULL)
		return;			/* no job yet */
	biglock_leave();	/* no other thread works with these packets and keys now */
	be->open(esp_ctx_of(ctx, be), jobs, n);
	biglock_take();
	for (size_t i = 0; i < n; i++)
		if (!jobs[i].ok)
			((struct pkt *)jobs[i].owner)->verdict = ESP_BAD_ICV;
}

/* ---- after it: padding */

enum esp_verdict
esp_unpad(const struct esp_xf *xf, struct pkt *k)
{
	size_t head = esp_xf_head(xf), body = k->len - head - xf->icv_len, pad, i;
	const uint8_t *end = k->p + head + body;	/* body >= ESP_TRAILER: esp_xf_fits() */

	k->next = end[-1];
	pad = end[-2];
	if (pad + ESP_TRAILER > body)
		return (ESP_BAD_PADDING);
	for (i = 0; i < pad; i++)
		if (end[-(ptrdiff_t)(ESP_TRAILER + pad) + (ptrdiff_t)i] != i + 1)
			return (ESP_BAD_PADDING);
	k->p += head;
	k->len = body - ESP_TRAILER - pad;
	return (ESP_OK);
}

/* ---- tunnel and transport mode */

/* Tunnel mode: the payload is an IP packet of the family in the next header field. */
static enum esp_verdict
tunnel(struct pkt *k, struct inner *in)
{
	unsigned want = k->next == ESP_NEXT_IPV4 ? 4 : k->next == ESP_NEXT_IPV6 ? 6 : 0;

	if (want == 0)
		return (ESP_POLICY);
	if (inner_parse(in, k->p, k->len) != 0 || in->src.family != want)
		return (ESP_SHORT);
	return (ESP_OK);
}

/* Moves the header of ${from}, which the packet came with, before the payload. 0, or -1: it cannot be kept. */
static int
header_kept(struct pkt *k, const uint8_t *from)
{
	uint8_t *ip = k->p - k->net;
	struct ah_at at = { .prev = from[0] >> 4 == 4 ? 9 : 6 };

	if (k->sa->protocol == SA_AH) {
		if (ah_find(&at, span_of(from, (size_t)(k->p + k->len - from))) != 0)
			return (-1);
	} else if (from[0] >> 4 == 6 && (k->net != OUTER_V6 || (from[6] != PROTO_ESP && from[6] != PROTO_UDP && from[6] != PROTO_TCP)))
		return (-1);	/* extension headers before ESP are not supported */
	memmove(ip, from, k->net);
	ip[at.prev] = k->next;
	return (0);
}

/* Writes a header before the payload, from the known fields of the outer one. 0, or -1: no room, no addresses. */
static int
header_made(struct esp_ctx *ctx, struct pkt *k, size_t nth)
{
	struct outer o = { .src = &k->remote.addr, .dst = &k->local.addr, .proto = k->next, .df = true,
	    .tos = (uint8_t)(k->tos != PKT_TOS_NONE ? k->tos : 0) };
	uint8_t *slot;

	if (o.src->family == 0 || o.src->family != o.dst->family)
		return (-1);
	k->net = outer_len(o.src->family);
	if (pkt_headroom(k) < k->net) {
		if (k->len > PKT_MAX || (slot = esp_ctx_slot(ctx, nth)) == NULL)
			return (-1);
		memcpy(slot + k->net, k->p, k->len);
		k->buf = slot;
		k->cap = ESP_SLOT;
		k->p = slot + k->net;
	}
	(void)outer_make(k->p - k->net, &o, k->len);
	return (0);
}

/* Transport mode: an IP packet of the outer header and the payload. */
static enum esp_verdict
transport(struct esp_ctx *ctx, struct pkt *k, struct inner *in, const uint8_t *from, size_t nth)
{
	const struct esp_sa *sa = k->sa;
	const struct esp_oa *oa = esp_sa_oa(sa);
	static const struct addr none;

	if (k->net + k->len > PKT_MAX)
		return (ESP_SHORT);
	if ((k->net > 0 ? header_kept(k, from) : header_made(ctx, k, nth)) != 0)
		return (ESP_FAILED);
	k->p -= k->net;
	k->len += k->net;
	outer_mend(k->p, k->net, k->len);
	if (inner_parse(in, k->p, k->len) != 0)
		return (ESP_SHORT);
	if (sa->encap != SA_ENCAP_NONE)
		inner_csum_renew(k->p, in, oa != NULL ? &oa->src : &none, oa != NULL ? &oa->dst : &none);
	return (ESP_OK);
}

/* ---- the order */

/* The steps after authentication, up to the inner packet. */
static enum esp_verdict
finish(struct esp_ctx *ctx, struct pkt *k, struct inner *in, const struct esp_reserve *r, size_t nth)
{
	const uint8_t *from = k->p - k->net;
	struct esp_sa *sa = k->sa;
	enum esp_verdict v = advance(k, r);

	if (v != ESP_OK)
		return (v);
	if (sa->protocol == SA_AH)
		strip_ah(k);
	else if ((v = esp_unpad(&sa->xf, k)) != ESP_OK)
		return (v);
	if (k->next == ESP_NEXT_NONE)
		return (ESP_DUMMY);
	v = sa->mode == SA_TUNNEL ? tunnel(k, in) : transport(ctx, k, in, from, nth);
	/* Bytes after the inner packet are traffic flow padding (RFC 4303, 2.7). */
	k->inner_len = v == ESP_OK ? in->len : 0;
	return (v);
}

void
esp_open(struct esp_ctx *ctx, struct pkt *pkts, struct inner *in, size_t n, const struct esp_reserve *r)
{
	struct esp_job jobs[ESP_BATCH];
	const struct esp_backend *be = NULL;
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		struct pkt *k = &pkts[i];

		k->seen = k->newest = false;
		if (k->verdict != ESP_OK)
			continue;
		if (k->buf == NULL) {
			k->buf = k->p;
			k->cap = k->len;
		}
		k->verdict = k->sa->protocol == SA_AH ? admit_ah(ctx, k) : admit_esp(k);
		if (k->verdict == ESP_OK && k->sa->protocol == SA_AH && k->sa->pair != NULL && k->sa->pair->other != NULL)
			k->verdict = enter(k, r);
		if (k->verdict != ESP_OK || k->sa->protocol == SA_AH)
			continue;
		if (k->sa->xf.be != be) {
			run(ctx, be, jobs, m);
			be = k->sa->xf.be;
			m = 0;
		}
		/* Authenticates packets, and decrypts the authentic ones: AEADs and ipsec-mb do both in one step. */
		jobs[m++] = (struct esp_job){ .key = k->sa->xf.key, .p = k->p, .len = k->len,
		    .seq_hi = (uint32_t)(k->seq >> 32), .owner = k };
	}
	run(ctx, be, jobs, m);
	for (size_t i = 0; i < n; i++)
		if (pkts[i].verdict == ESP_OK)
			pkts[i].verdict = finish(ctx, &pkts[i], &in[i], r, i);
}
