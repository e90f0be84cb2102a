#include "esp/offline.h"

#include <stdlib.h>

#include "esp/ah.h"
#include "esp/inner.h"
#include "esp/replay.h"

#define BUCKETS		1024
#define ROOM		(65535 + ESP_GROW_MAX + 64)
#define IP4_HDR		20
#define IP6_HDR		40

struct way {
	struct offline_way	 pub;
	struct esp_xf		 xf;		/* of ESP */
	struct ah_xf		 ah;
	struct replay		 window;
	size_t			 n_src, n_dst;
	struct selector		*src, *dst;	/* selectors, in this direction */
	struct way		*next;		/* older one */
	struct way		*chain;		/* of its bucket */
};

struct offline {
	struct offline_conf	 conf;
	struct way		*ways;		/* newest first */
	struct way		*bucket[BUCKETS];
	size_t			 n;
	uint8_t			 work[ROOM];	/* the packet in hand */
	uint8_t			 out[ROOM];
};

struct offline *
offline_new(const struct offline_conf *c)
{
	struct offline *o = calloc(1, sizeof(*o));

	if (o != NULL)
		o->conf = *c;
	return (o);
}

static void
way_free(struct way *w)
{
	esp_xf_free(&w->xf);
	ah_xf_free(&w->ah);
	free(w->src);
	free(w->dst);
	free(w);
}

void
offline_free(struct offline *o)
{
	struct way *w;

	if (o == NULL)
		return;
	while ((w = o->ways) != NULL) {
		o->ways = w->next;
		way_free(w);
	}
	wipe(o, sizeof(*o));
	free(o);
}

static int
suite_of(struct esp_suite *s, const struct sa_child *c, struct fault *f)
{
	*s = (struct esp_suite){ .enc = alg_enc_name(c->encryption, c->key_bits), .esn = c->esn };
	if (c->protocol == SA_ESP && s->enc == NULL)
		return (fault(f, FAULT_CONFIG, "unknown encryption \"%s\" with %u key bits",
		    c->encryption, c->key_bits));
	if (c->integrity[0] != '\0' && (s->integ = alg_integ_name(c->integrity)) == NULL)
		return (fault(f, FAULT_CONFIG, "unknown integrity \"%s\"", c->integrity));
	if (c->protocol == SA_AH && s->integ == NULL)
		return (fault(f, FAULT_CONFIG, "AH without integrity"));
	/* Its ICV holds addresses: no NAT may change them (RFC 3948, 1). */
	if (c->protocol == SA_AH && c->encap != SA_ENCAP_NONE)
		return (fault(f, FAULT_CONFIG, "AH is not put into UDP or TCP"));
	if (c->protocol == SA_ESP && s->enc->form == ALG_AEAD && s->integ != NULL)
		return (fault(f, FAULT_CONFIG, "%s brings its own integrity, %s is too much",
		    c->encryption, c->integrity));
	return (0);
}

static struct way **
bucket(struct offline *o, const uint8_t spi[4])
{
	return (&o->bucket[get_be32(spi) * 2654435761U >> 22]);
}

static struct way *
find(struct offline *o, enum sa_proto protocol, const uint8_t spi[4], const struct addr *dst)
{
	struct way *w, *any = NULL;

	for (w = *bucket(o, spi); w != NULL; w = w->chain)
		if (get_be32(w->pub.spi) == get_be32(spi) && w->pub.protocol == protocol) {
			if (addr_cmp(&w->pub.dst.addr, dst) == 0)
				return (w);
			any = w;
		}
	/* Captured on the other side of a NAT, addresses differ from those of the state. */
	return (any);
}

static struct selector *
selectors(const struct selector *from, size_t n)
{
	struct selector *s = calloc(n > 0 ? n : 1, sizeof(*s));

	if (s != NULL && n > 0)
		memcpy(s, from, n * sizeof(*s));
	return (s);
}

/* One direction of ${c}: towards this end, or away. */
static int
add_way(struct offline *o, const struct sa_child *c, const struct esp_suite *s, bool in,
    struct fault *f)
{
	const struct sa_end *src = in ? &c->remote : &c->local, *dst = in ? &c->local : &c->remote;
	const uint8_t *spi = in ? c->spi_in : c->spi_out;
	struct way *w = find(o, c->protocol, spi, &dst->at.addr), **b = bucket(o, spi);

	if (w != NULL && addr_cmp(&w->pub.dst.addr, &dst->at.addr) == 0)
		return (0);
	if (o->n == 2 * (size_t)OFFLINE_SAS)
		return (fault(f, FAULT_TOO_LARGE, "more than %d SAs", OFFLINE_SAS));
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an SA"));
	w->n_src = in ? c->n_remote_ts : c->n_local_ts;
	w->n_dst = in ? c->n_local_ts : c->n_remote_ts;
	w->src = selectors(in ? c->remote_ts : c->local_ts, w->n_src);
	w->dst = selectors(in ? c->local_ts : c->remote_ts, w->n_dst);
	memcpy(w->pub.spi, spi, 4);
	w->pub.protocol = c->protocol;
	w->pub.src = src->at;
	w->pub.dst = dst->at;
	w->pub.encap = c->encap;
	w->pub.mode = c->mode;
	replay_init(&w->window, c->has_replay && !o->conf.replay_force ? c->replay :
	    o->conf.replay, c->esn);
	if (w->src == NULL || w->dst == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
	else if (c->protocol == SA_AH ?
	    ah_xf_init(&w->ah, o->conf.backend, s->integ, s->esn,
	    secret_span(in ? &c->auth_in : &c->auth_out), f) == 0 :
	    esp_xf_init(&w->xf, o->conf.backend, s, secret_span(in ? &c->enc_in : &c->enc_out),
	    secret_span(in ? &c->auth_in : &c->auth_out), o->conf.seal, &o->conf.rand, f) == 0) {
		w->next = o->ways;
		o->ways = w;
		w->chain = *b;
		*b = w;
		o->n++;
		return (0);
	}
	way_free(w);
	return (-1);
}

int
offline_add(struct offline *o, const struct sa_child *rec, struct fault *f)
{
	struct esp_suite s;

	if (suite_of(&s, rec, f) != 0)
		return (-1);
	return (add_way(o, rec, &s, true, f) != 0 || add_way(o, rec, &s, false, f) != 0 ? -1 : 0);
}

const struct offline_way *
offline_way(const struct offline *o, size_t i)
{
	const struct way *w;

	for (w = o->ways; w != NULL && i > 0; i--)
		w = w->next;
	return (w != NULL ? &w->pub : NULL);
}

/* --- opening --- */

static void
ip4_checksum(uint8_t *ip, size_t head)
{
	uint32_t sum = 0;
	size_t i;

	put_be16(ip + 10, 0);
	for (i = 0; i < head; i += 2)
		sum += get_be16(ip + i);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	put_be16(ip + 10, (uint16_t)~sum);
}

/* Transport mode: the outer header, saying what it says without ESP, and the payload. */
static enum esp_verdict
transport(struct offline *o, struct span ip, const struct esp_pkt *e, struct span *inner)
{
	size_t head = ip.p[0] >> 4 == 4 ? (ip.p[0] & 15U) * 4U : IP6_HDR;

	if (head + e->inner_len > 65535)
		return (ESP_SHORT);
	/* Extension headers before ESP would stay; who needs them has not been met. */
	if (ip.p[0] >> 4 == 6 && ip.p[6] != 50 && ip.p[6] != 17)
		return (ESP_FAILED);
	memcpy(o->out, ip.p, head);
	if (e->inner_len > 0)
		memcpy(o->out + head, e->p + esp_xf_head(e->xf), e->inner_len);
	if (ip.p[0] >> 4 == 4) {
		put_be16(o->out + 2, (uint16_t)(head + e->inner_len));
		o->out[9] = e->next;
		ip4_checksum(o->out, head);
	} else {
		put_be16(o->out + 4, (uint16_t)e->inner_len);
		o->out[6] = e->next;
	}
	*inner = span_of(o->out, head + e->inner_len);
	return (ESP_OK);
}

/* Tunnel mode: the IP packet that ${data} is, as the header before it has said. */
static enum esp_verdict
tunnel(uint8_t next, struct span data, struct span *inner)
{
	unsigned want = next == ESP_NEXT_IPV4 ? 4 : next == ESP_NEXT_IPV6 ? 6 : 0;
	struct inner in;

	if (next == ESP_NEXT_NONE)
		return (ESP_DUMMY);
	if (want == 0)
		return (ESP_POLICY);
	if (inner_parse(&in, data.p, data.len) != 0 || in.src.family != want)
		return (ESP_SHORT);
	/* What is behind it is traffic flow padding (RFC 4303, 2.7). */
	*inner = span_of(data.p, in.len);
	return (ESP_OK);
}

enum esp_verdict
offline_open(struct offline *o, struct span ip, const struct addr *dst, struct span esp,
    struct span *inner, const struct offline_way **way)
{
	struct esp_pkt e;
	struct way *w;

	*inner = SPAN_NONE;
	*way = NULL;
	if (esp.len < ESP_HDR || esp.len > ROOM || ip.len < IP4_HDR ||
	    (ip.p[0] >> 4 == 4 ? (ip.p[0] & 15U) * 4U : IP6_HDR) > ip.len)
		return (ESP_SHORT);
	if ((w = find(o, SA_ESP, esp.p, dst)) == NULL)
		return (ESP_UNKNOWN_SPI);
	*way = &w->pub;
	if (!esp_open_fits(&w->xf, esp.len))
		return (ESP_SHORT);
	memcpy(o->work, esp.p, esp.len);
	e = (struct esp_pkt){ .xf = &w->xf, .p = o->work, .len = esp.len };
	if (!replay_test(&w->window, get_be32(esp.p + 4), &e.seq))
		return (ESP_REPLAY);
	esp_open(&e, 1);
	if (e.verdict == ESP_OK && !replay_move(&w->window, e.seq))
		e.verdict = ESP_REPLAY;
	if (e.verdict != ESP_OK)
		return (e.verdict);
	w->pub.seq = e.seq;
	esp_unpad(&e);
	if (e.verdict != ESP_OK)
		return (e.verdict);
	if (w->pub.mode == SA_TUNNEL)
		return (tunnel(e.next, span_of(e.p + esp_xf_head(e.xf), e.inner_len), inner));
	return (e.next == ESP_NEXT_NONE ? ESP_DUMMY : transport(o, ip, &e, inner));
}

/* Lengths and checksum of the IP packet of ${len} bytes at ${ip}, whose header is ${head} long. */
static void
mend(uint8_t *ip, size_t head, size_t len)
{
	if (ip[0] >> 4 == 4) {
		put_be16(ip + 2, (uint16_t)len);
		ip4_checksum(ip, head);
	} else
		put_be16(ip + 4, (uint16_t)(len - IP6_HDR));
}

enum esp_verdict
offline_open_ah(struct offline *o, struct span ip, const struct addr *dst, struct span *inner,
    const struct offline_way **way)
{
	enum esp_verdict v;
	struct span data;
	struct ah_at at;
	struct way *w;
	uint64_t seq;
	uint8_t next;

	*inner = SPAN_NONE;
	*way = NULL;
	if (ip.len > ROOM - ESP_ICV_MAX || ah_find(&at, ip) != 0 || at.len == 0)
		return (ESP_SHORT);
	if ((w = find(o, SA_AH, ip.p + at.off + 4, dst)) == NULL)
		return (ESP_UNKNOWN_SPI);
	*way = &w->pub;
	if (!replay_test(&w->window, get_be32(ip.p + at.off + 8), &seq))
		return (ESP_REPLAY);
	if ((v = ah_check(&w->ah, ip, &at, (uint32_t)(seq >> 32), o->work)) != ESP_OK)
		return (v);
	if (!replay_move(&w->window, seq))
		return (ESP_REPLAY);
	w->pub.seq = seq;
	next = ip.p[at.off];
	data = span_of(ip.p + at.off + at.len, at.end - at.off - at.len);
	if (w->pub.mode == SA_TUNNEL)
		return (tunnel(next, data, inner));
	if (next == ESP_NEXT_NONE)
		return (ESP_DUMMY);
	memcpy(o->out, ip.p, at.off);
	if (data.len > 0)
		memcpy(o->out + at.off, data.p, data.len);
	o->out[at.prev] = next;
	mend(o->out, at.off, at.off + data.len);
	*inner = span_of(o->out, at.off + data.len);
	return (ESP_OK);
}

/* --- sealing --- */

static bool
fits(const struct way *w, const struct inner *in)
{
	size_t i, j;

	for (i = 0; i < w->n_src; i++)
		for (j = 0; j < w->n_dst; j++)
			if (inner_matches(in, &w->src[i], &w->dst[j]))
				return (true);
	return (false);
}

/* The header of a tunnel for ${in}, with room for ${len} bytes behind it. Its length. */
static size_t
outer_header(uint8_t *ip, const struct offline_way *way, const struct inner *in, size_t len)
{
	size_t head = way->src.addr.family == 4 ? IP4_HDR : IP6_HDR;

	memset(ip, 0, head);
	if (head == IP4_HDR) {
		ip[0] = 0x45;
		ip[1] = in->tos;
		ip[6] = 0x40;		/* don't fragment: then an ID of 0 is right (RFC 6864) */
		ip[8] = 64;
		memcpy(ip + 12, way->src.addr.b, 4);
		memcpy(ip + 16, way->dst.addr.b, 4);
	} else {
		ip[0] = 0x60 | in->tos >> 4;
		ip[1] = (uint8_t)(in->tos << 4);
		ip[7] = 64;
		memcpy(ip + 8, way->src.addr.b, 16);
		memcpy(ip + 24, way->dst.addr.b, 16);
	}
	mend(ip, head, head + len);
	return (head);
}

/* Puts AH into, or a header and AH before, the IP packet ${ip}. */
static enum esp_verdict
seal_ah(struct offline *o, struct way *w, const struct inner *in, struct span ip, struct span *out)
{
	bool tunnel = w->pub.mode == SA_TUNNEL;
	enum esp_verdict v;
	struct ah_at at;
	size_t len, rest;
	uint8_t next;

	ip.len = in->len;
	if (tunnel) {
		len = ah_xf_len(&w->ah, w->pub.src.addr.family);
		if (in->len + len + IP6_HDR > 65535)
			return (ESP_FAILED);
		(void)outer_header(o->out, &w->pub, in, len + in->len);
		next = in->src.family == 4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6;
		at = (struct ah_at){ .family = w->pub.src.addr.family };
		at.off = at.family == 4 ? IP4_HDR : IP6_HDR;
		at.prev = at.family == 4 ? 9 : 6;
		rest = 0;
	} else {
		/* A fragment has no whole payload to protect (RFC 4302, 3.3.4). */
		if (ah_find(&at, ip) != 0 || at.fragment || at.len != 0)
			return (ESP_FAILED);
		len = ah_xf_len(&w->ah, at.family);
		if (in->len + len > 65535)
			return (ESP_FAILED);
		memcpy(o->out, ip.p, at.off);
		next = at.next;
		rest = at.off;
	}
	memset(o->out + at.off, 0, len);
	o->out[at.prev] = AH_PROTO;
	o->out[at.off] = next;
	o->out[at.off + 1] = (uint8_t)(len / 4 - 2);
	memcpy(o->out + at.off + 4, w->pub.spi, 4);
	put_be32(o->out + at.off + 8, (uint32_t)w->pub.seq);
	memcpy(o->out + at.off + len, ip.p + rest, ip.len - rest);
	at.len = len;
	at.end = at.off + len + ip.len - rest;
	mend(o->out, at.off, at.end);
	v = ah_sign(&w->ah, o->out, &at, (uint32_t)(w->pub.seq >> 32), o->work);
	*out = span_of(o->out, at.end);
	return (v);
}

enum esp_verdict
offline_seal(struct offline *o, struct span ip, struct span *esp, const struct offline_way **way)
{
	struct inner in;
	struct esp_pkt e;
	struct way *w;
	size_t head;

	*esp = SPAN_NONE;
	*way = NULL;
	if (inner_parse(&in, ip.p, ip.len) != 0)
		return (ESP_SHORT);
	for (w = o->ways; w != NULL && !fits(w, &in); w = w->next)
		;
	if (w == NULL)
		return (ESP_NO_SA);
	*way = &w->pub;
	if (w->pub.seq == (w->window.esn ? UINT64_MAX : UINT32_MAX))
		return (ESP_EXHAUSTED);
	if (w->pub.protocol == SA_AH) {
		w->pub.seq++;
		return (seal_ah(o, w, &in, ip, esp));
	}
	e = (struct esp_pkt){ .xf = &w->xf, .p = o->work, .cap = ROOM, .seq = ++w->pub.seq };
	memcpy(e.spi, w->pub.spi, 4);
	head = w->pub.mode == SA_TUNNEL ? 0 : in.l4;
	/* A fragment has no whole payload to protect (RFC 4303, 3.3.4). */
	if (head > in.len || (head > 0 && in.frag))
		return (ESP_FAILED);
	e.next = w->pub.mode == SA_TRANSPORT ? in.proto :
	    in.src.family == 4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6;
	e.inner_len = in.len - head;
	memcpy(o->work + esp_xf_head(&w->xf), ip.p + head, e.inner_len);
	esp_seal(&e, 1);
	*esp = span_of(o->work, e.len);
	return (e.verdict);
}
