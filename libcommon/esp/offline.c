/* Captures in place of a device and a network: finds the SA of each packet; seal.c and open.c do the rest. */
#include "esp/offline.h"

#include <stdlib.h>

#include "esp/ah.h"
#include "esp/icv96.h"
#include "esp/open.h"
#include "esp/seal.h"

#define BUCKETS		1024
#define IP4_HDR		20
#define IP6_HDR		40
#define ROOM		(ESP_HEADROOM + IP6_HDR + PKT_MAX + ESP_GROW_MAX + ESP_TAILROOM)

struct entry {
	struct esp_sa	 sa;		/* the first member: its chain is of these */
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
	if ((o->ctx = esp_ctx_new(c->sa.backends, f)) == NULL) {
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
		esp_sa_free(&e->sa);
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

/* One direction of ${c}: towards this end, or away. */
static int
add(struct offline *o, const struct sa_child *c, bool in, struct fault *f)
{
	const struct addr *dst = in ? &c->local.at.addr : &c->remote.at.addr;
	const uint8_t *spi = in ? c->spi_in : c->spi_out;
	struct esp_sa *sa = find(o, c->protocol, spi, dst), **b = bucket(o, spi);
	const struct secret *auth;
	struct entry *e;

	if (sa != NULL && addr_cmp(&sa->dst.addr, dst) == 0)
		return (0);
	if (o->n == 2 * (size_t)OFFLINE_SAS)
		return (fault(f, FAULT_TOO_LARGE, "more than %d SAs", OFFLINE_SAS));
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an SA"));
	if ((auth = o->conf.seal ? NULL : icv96_key(c, in)) != NULL && secret_set(&e->auth, secret_span(auth)) != 0) {
		free(e);
		return (fault(f, FAULT_MEMORY, "no memory for an SA"));
	}
	if (esp_sa_init(&e->sa, c, in, o->conf.seal, &o->conf.sa, f) != 0) {
		secret_free(&e->auth);
		free(e);
		return (-1);
	}
	e->next = o->entries;
	o->entries = e;
	e->sa.chain = *b;
	*b = &e->sa;
	o->n++;
	return (0);
}

int
offline_add(struct offline *o, const struct sa_child *rec, struct fault *f)
{
	if (esp_sa_check(rec, f) != 0)
		return (-1);
	return (add(o, rec, true, f) != 0 || add(o, rec, false, f) != 0 ? -1 : 0);
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
	esp_open(o->ctx, &k, &in, 1, NULL);
	if (k.verdict == ESP_OK)
		*inner = span_of(k.p, k.inner_len);
	return ((enum esp_verdict)k.verdict);
}

bool
offline_icv96(struct offline *o, const struct addr *dst, struct span esp)
{
	const struct entry *e = esp.len < ESP_HDR ? NULL : (const struct entry *)find(o, SA_ESP, esp.p, dst);

	return (e != NULL && e->auth.len > 0 && icv96_is(&e->auth, esp));
}

/* --- sealing --- */

enum esp_verdict
offline_seal(struct offline *o, struct span ip, struct span *out, const struct esp_sa **sa)
{
	struct pkt k = { .p = o->room + ESP_HEADROOM, .buf = o->room, .cap = ROOM };
	struct inner in;
	struct entry *e;

	*out = SPAN_NONE;
	*sa = NULL;
	if (inner_parse(&in, ip.p, ip.len) != 0 || in.len > PKT_MAX)
		return (ESP_SHORT);
	for (e = o->entries; e != NULL && !esp_sa_matches(&e->sa, &in); e = e->next)
		;
	if (e == NULL)
		return (ESP_NO_SA);
	*sa = k.sa = &e->sa;
	if (esp_sa_exhausted(k.sa))
		return (ESP_EXHAUSTED);
	memcpy(k.p, ip.p, in.len);
	k.len = in.len;
	k.tos = in.tos;
	esp_number(&k);
	esp_seal(o->ctx, &k, &in, 1);
	*out = span_of(k.p - k.net, k.net + k.len);
	return ((enum esp_verdict)k.verdict);
}
