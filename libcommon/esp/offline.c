/* Captures in place of a device and a network: finds the SA of each packet; seal.c and open.c do the rest. */
#include "esp/offline.h"

#include <stdlib.h>

#include "esp/ah.h"
#include "esp/icv96.h"
#include "esp/open.h"
#include "esp/pair.h"
#include "esp/seal.h"

#define BUCKETS		1024
#define IP4_HDR		20
#define IP6_HDR		40
#define ROOM		(ESP_HEADROOM + IP6_HDR + PKT_MAX + ESP_GROW_MAX + ESP_TAILROOM)

/* An SA of one direction: opening, it is the pair's ${in}; sealing, its ${out}. The other half of the pair is not used. */
struct entry {
	struct esp_pair	 pair;		/* the first member; of a bundle, linked with the pair of the same direction */
	struct entry	*back;		/* the other direction of its record */
	struct entry	*next;		/* older one */
	struct secret	 auth;		/* opening, where icv96_key() has one */
};

struct offline {
	struct offline_conf	 conf;
	struct esp_ctx		*ctx;
	struct entry		*entries;	/* newest first */
	struct esp_sa		*bucket[BUCKETS];
	size_t			 n;
	uint8_t			 room[ROOM];	/* the packet in hand */
};

struct offline *
offline_new(const struct offline_conf *c, struct fault *f)
{
	struct offline *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the packets");
		return (NULL);
	}
	o->conf = *c;
	if ((o->ctx = esp_ctx_new(c->sa.backends, &c->sa.rand, f)) == NULL) {
		free(o);
		return (NULL);
	}
	return (o);
}

void
offline_free(struct offline *o)
{
	struct entry *e;

	if (o == NULL)
		return;
	while ((e = o->entries) != NULL) {
		o->entries = e->next;
		esp_sa_free(&e->pair.in);
		esp_sa_free(&e->pair.out);
		secret_free(&e->auth);
		free(e);
	}
	esp_ctx_free(o->ctx);
	wipe(o, sizeof(*o));
	free(o);
}

static struct esp_sa **
bucket(struct offline *o, const uint8_t spi[4])
{
	return (&o->bucket[get_be32(spi) * 2654435761U >> 22]);
}

static struct esp_sa *
find(struct offline *o, enum sa_proto protocol, const uint8_t spi[4], const struct addr *dst)
{
	struct esp_sa *sa, *any = NULL;

	for (sa = *bucket(o, spi); sa != NULL; sa = sa->chain)
		if (get_be32(sa->spi) == get_be32(spi) && sa->protocol == protocol) {
			if (addr_cmp(&sa->dst.addr, dst) == 0)
				return (sa);
			any = sa;
		}
	/* Captured on the other side of a NAT, addresses differ from those of the state. */
	return (any);
}

/* As find(), of just the address ${dst}; NULL: none. */
static struct entry *
entry_at(struct offline *o, enum sa_proto protocol, const uint8_t spi[4], const struct addr *dst)
{
	struct esp_sa *sa = find(o, protocol, spi, dst);

	return (sa != NULL && addr_cmp(&sa->dst.addr, dst) == 0 ? (struct entry *)sa->pair : NULL);
}

/* One direction of ${c}: towards this end, or away. NULL with a fault. */
static struct entry *
add(struct offline *o, const struct sa_child *c, bool in, struct fault *f)
{
	const struct addr *dst = in ? &c->local.at.addr : &c->remote.at.addr;
	const uint8_t *spi = in ? c->spi_in : c->spi_out;
	struct entry *e = entry_at(o, c->protocol, spi, dst);
	struct esp_sa *sa, **b = bucket(o, spi);
	const struct secret *auth;

	if (e != NULL)
		return (e);
	if (o->n == 2 * (size_t)OFFLINE_SAS) {
		(void)fault(f, FAULT_TOO_LARGE, "more than %d SAs", OFFLINE_SAS);
		return (NULL);
	}
	if ((e = calloc(1, sizeof(*e))) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
		return (NULL);
	}
	if ((auth = o->conf.seal ? NULL : icv96_key(c, in)) != NULL && secret_set(&e->auth, secret_span(auth)) != 0) {
		free(e);
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
		return (NULL);
	}
	sa = o->conf.seal ? &e->pair.out : &e->pair.in;
	if (esp_sa_init(sa, c, in, o->conf.seal, &o->conf.sa, f) != 0) {
		secret_free(&e->auth);
		free(e);
		return (NULL);
	}
	sa->pair = &e->pair;
	if (o->conf.seal)
		e->pair.in.dst = (in ? &c->remote : &c->local)->at;	/* see esp_sa_src() */
	memcpy(e->pair.bundle, c->bundle, sizeof(e->pair.bundle));
	e->next = o->entries;
	o->entries = e;
	sa->chain = *b;
	*b = sa;
	o->n++;
	return (e);
}

/* Links ${e}, the inbound direction of ${c}, and the outbound one with those of the other SA of the bundle, if it is here. */
static void
tie(struct offline *o, const struct sa_child *c, struct entry *e)
{
	struct entry *other;

	if (!esp_pair_bundled(&e->pair) || e->pair.other != NULL || e->back == NULL)
		return;
	other = entry_at(o, c->protocol == SA_ESP ? SA_AH : SA_ESP, c->bundle, &c->local.at.addr);
	if (other == NULL || other->back == NULL || !esp_pair_bundled(&other->pair) || other->pair.other != NULL ||
	    other->back->pair.other != NULL || e->back->pair.other != NULL)
		return;
	e->pair.other = &other->pair;
	other->pair.other = &e->pair;
	e->back->pair.other = &other->back->pair;
	other->back->pair.other = &e->back->pair;
}

int
offline_add(struct offline *o, const struct sa_child *rec, struct fault *f)
{
	struct entry *in, *out;

	if (esp_sa_check(rec, f) != 0 || (in = add(o, rec, true, f)) == NULL || (out = add(o, rec, false, f)) == NULL)
		return (-1);
	if (in != out && in->back == NULL && out->back == NULL) {
		in->back = out;
		out->back = in;
	}
	tie(o, rec, in);
	return (0);
}

/* --- opening --- */

/* Copies ESP and its IP header, or the packet with AH, to the room; ${k} is it. False: no sense in it. */
static bool
take(struct offline *o, uint8_t proto, struct span ip, struct span data, struct pkt *k)
{
	struct ah_at at;
	size_t head = ip.len > 0 && ip.p[0] >> 4 == 4 ? (ip.p[0] & 15U) * 4U : IP6_HDR;

	if (proto == AH_PROTO) {
		if (ah_find(&at, ip) != 0 || at.len == 0)
			return (false);
		head = at.off;
		data = span_of(ip.p + at.off, at.end - at.off);
	}
	if (ip.len < IP4_HDR || head > ip.len || data.len < ESP_HDR || head + data.len > ROOM - ESP_HEADROOM)
		return (false);
	*k = (struct pkt){ .p = o->room + ESP_HEADROOM + head, .len = data.len, .buf = o->room, .cap = ROOM,
	    .net = head, .proto = proto, .tos = PKT_TOS_NONE };
	memcpy(k->p - head, ip.p, head);
	memcpy(k->p, data.p, data.len);
	return (true);
}

enum esp_verdict
offline_open(struct offline *o, uint8_t proto, struct span ip, const struct addr *dst, struct span data,
    struct span *inner, const struct esp_sa **sa)
{
	bool ah = proto == AH_PROTO;
	struct inner in;
	struct pkt k;

	*inner = SPAN_NONE;
	*sa = NULL;
	if (!take(o, proto, ip, data, &k))
		return (ESP_SHORT);
	if ((k.sa = find(o, ah ? SA_AH : SA_ESP, k.p + (ah ? 4 : 0), dst)) == NULL)
		return (ESP_UNKNOWN_SPI);
	*sa = k.sa;
	/* Of a bundle, AH comes first: see enter() in open.c. */
	if (esp_pair_bundled(k.sa->pair) && (!ah || k.sa->pair->other == NULL))
		return (ESP_BUNDLE);
	esp_open(o->ctx, &k, &in, 1, NULL);
	*sa = k.sa;
	if (k.verdict == ESP_OK)
		*inner = span_of(k.p, k.inner_len);
	return ((enum esp_verdict)k.verdict);
}

bool
offline_icv96(struct offline *o, const struct addr *dst, struct span esp)
{
	const struct esp_sa *sa = esp.len < ESP_HDR ? NULL : find(o, SA_ESP, esp.p, dst);
	const struct entry *e = sa != NULL ? (const struct entry *)sa->pair : NULL;

	return (e != NULL && e->auth.len > 0 && icv96_is(&e->auth, esp));
}

/* --- sealing --- */

/* Whether ${sa} takes packets itself: the AH of a bundle has those of its ESP. */
static bool
takes(const struct esp_sa *sa, const struct inner *in)
{
	return ((sa->protocol == SA_ESP || !esp_pair_bundled(sa->pair)) && esp_sa_matches(sa, in));
}

enum esp_verdict
offline_seal(struct offline *o, struct span ip, struct span *out, bool *whole, const struct esp_sa **sa)
{
	struct pkt k = { .p = o->room + ESP_HEADROOM, .buf = o->room, .cap = ROOM };
	const struct esp_sa *around;
	struct inner in;
	struct entry *e;

	*out = SPAN_NONE;
	*whole = false;
	*sa = NULL;
	if (inner_parse(&in, ip.p, ip.len) != 0 || in.len > PKT_MAX)
		return (ESP_SHORT);
	for (e = o->entries; e != NULL && !takes(&e->pair.out, &in); e = e->next)
		;
	if (e == NULL)
		return (ESP_NO_SA);
	*sa = k.sa = &e->pair.out;
	if ((around = esp_sa_around(k.sa)) == NULL && esp_pair_bundled(&e->pair))
		return (ESP_BUNDLE);
	if (esp_sa_exhausted(k.sa) || (around != NULL && esp_sa_exhausted(around)))
		return (ESP_EXHAUSTED);
	memcpy(k.p, ip.p, in.len);
	k.len = in.len;
	k.tos = in.tos;
	k.df = in.df;
	esp_number(&k);
	esp_seal(o->ctx, &k, &in, 1);
	*out = span_of(k.p - k.net, k.net + k.len);
	*whole = k.net > 0;
	return ((enum esp_verdict)k.verdict);
}
