/* The SA of a packet: by selectors, through spd.h, and by what is remembered of earlier packets. */
#include "esp/sadb.h"

#include "esp/sadb_priv.h"

/* ---- the SA of a packet */

bool
sadb_usable(const struct esp_sa *sa)
{
	const struct esp_sa *around;

	if (esp_pair_bundled(sa->pair) && ((around = esp_sa_around(sa)) == NULL || esp_sa_exhausted(around) ||
	    around->pair->spent))
		return (false);
	return (sa->pair->may_send && sa->pair->dying_ms == 0 && !sa->pair->spent && !esp_sa_exhausted(sa));
}

enum esp_verdict
sadb_why(const struct esp_sa *sa)
{
	const struct esp_sa *around = esp_sa_around(sa);

	if (!sa->pair->may_send)
		return (ESP_NO_SA);
	if (sa->pair->spent || (around != NULL && around->pair->spent))
		return (ESP_EXPIRED);
	return (sa->pair->dying_ms == 0 && (esp_sa_exhausted(sa) || (around != NULL && esp_sa_exhausted(around))) ?
	    ESP_EXHAUSTED : ESP_NO_SA);
}

static void
frag_note(struct sadb *db, const struct inner *in, const struct esp_sa *sa, bool out)
{
	if (!in->frag || in->frag_rest)
		return;
	db->frags[db->next_frag++ % SADB_FRAGS] = (struct frag){ in->src, in->dst, in->id,
	    in->proto, out, esp_pair_serial(sa->pair) };
}

static uint64_t
frag_find(const struct sadb *db, const struct inner *in, bool out)
{
	const struct frag *g;

	if (!in->frag_rest)
		return (0);
	for (g = db->frags; g < db->frags + SADB_FRAGS; g++)
		if (g->serial != 0 && g->id == in->id && g->out == out && g->proto == in->proto &&
		    addr_cmp(&g->src, &in->src) == 0 && addr_cmp(&g->dst, &in->dst) == 0)
			return (g->serial);
	return (0);
}

static struct flow *
flow_slot(struct sadb *db, const struct inner *in)
{
	uint32_t h = (uint32_t)in->sport << 16 ^ in->dport ^ (uint32_t)in->proto << 8;
	size_t i, n = addr_len(&in->src);

	for (i = 0; i < n; i += 4)
		h = (h ^ get_be32(in->src.b + i)) * UINT32_C(2654435761) ^ get_be32(in->dst.b + i);
	h *= UINT32_C(2246822519);
	return (&db->flows[h >> 18 & (SADB_FLOWS - 1)]);
}

/* Of addresses, whose bytes behind those of IPv4 are zero. */
static bool
same_bytes(const uint8_t a[16], const uint8_t b[16])
{
	uint64_t x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return (((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0);
}

static bool
flow_is(const struct flow *fl, const struct inner *in, uint64_t age)
{
	return (fl->age == age && fl->sport == in->sport && fl->dport == in->dport && fl->proto == in->proto &&
	    fl->ports == in->has_ports && fl->family == in->src.family && same_bytes(fl->src, in->src.b) && same_bytes(fl->dst, in->dst.b));
}

/* Whether the narrowest SA between the two addresses, whatever its ports, is one of transport mode. */
static bool
in_transport(struct sadb *db, const struct inner *in)
{
	struct spd_walk at = {0};
	struct spd_way *w;

	while ((w = spd_next(&db->spd, in, &at)) != NULL)
		if (selector_has_addr(spd_local(w), &in->src) && selector_has_addr(spd_remote(w), &in->dst))
			return (w->sa->mode == SA_TRANSPORT);
	return (false);
}

enum esp_verdict
sadb_whole(struct sadb *db, struct pkt *k, struct inner *in)
{
	if (!in->frag)
		return (ESP_OK);
	if (!in_transport(db, in))
		return (ESP_OK);
	switch (defrag_take(&db->defrag, k, in)) {
	case DEFRAG_MORE:
		return (ESP_FRAGMENT);
	case DEFRAG_WHOLE:
		return (ESP_OK);
	case DEFRAG_BAD:
		break;
	}
	return (ESP_FAILED);
}

/* Whether ${sa} goes to ${peer}, if there is one. */
static bool
is_for(const struct esp_sa *sa, const struct endpoint *peer)
{
	return (peer == NULL || endpoint_eq(&sa->dst, peer));
}

static bool
is_multicast(const struct addr *a)
{
	return (a->family == 4 ? a->b[0] >= 224 : a->b[0] == 0xff);
}

/* Remembers that ${sa} is for packets like ${in}. */
static struct esp_sa *
keep(struct sadb *db, struct flow *fl, const struct inner *in, struct esp_sa *sa)
{
	frag_note(db, in, sa, true);
	/* Later fragments depend on their first one, not on this cache. Multicast may go to several SAs. */
	if (!in->frag_rest && !is_multicast(&in->dst)) {
		*fl = (struct flow){ .sport = in->sport, .dport = in->dport, .proto = in->proto, .family = in->src.family,
		    .ports = in->has_ports, .age = db->age, .sa = sa };
		memcpy(fl->src, in->src.b, sizeof(fl->src));
		memcpy(fl->dst, in->dst.b, sizeof(fl->dst));
	}
	return (sa);
}

/* Of the policy; without ${whole} selectors of all addresses do not count. */
static struct esp_sa *
by_policy(struct sadb *db, const struct inner *in, const struct endpoint *peer, bool whole, enum esp_verdict *why)
{
	uint64_t first = frag_find(db, in, true);
	enum esp_verdict once = ESP_NO_SA;	/* of those found: whether one of them has sent */
	struct spd_walk at = {0};
	struct spd_way *w;

	*why = whole ? ESP_POLICY : ESP_NO_HOP;
	while ((w = spd_next(&db->spd, in, &at)) != NULL && (whole || w->narrow > 0)) {
		if (!inner_matches(in, spd_local(w), spd_remote(w)) && esp_pair_serial(w->sa->pair) != first)
			continue;
		if (!is_for(w->sa, peer)) {
			*why = once;
			continue;
		}
		if (sadb_usable(w->sa)) {
			*why = ESP_OK;
			return (w->sa);
		}
		if (once == ESP_NO_SA)
			once = sadb_why(w->sa);
		*why = once;
	}
	return (NULL);
}

void
sadb_fetch_flow(struct sadb *db, const struct inner *in)
{
	__builtin_prefetch(flow_slot(db, in));
}

void
sadb_fetch_sa(struct sadb *db, const struct inner *in)
{
	const struct flow *fl = flow_slot(db, in);

	if (flow_is(fl, in, db->age))
		esp_pair_fetch_out(fl->sa);
}

struct esp_sa *
sadb_by_packet(struct sadb *db, const struct inner *in, const struct endpoint *peer, enum esp_verdict *why)
{
	const struct sadb_hooks *h = &db->conf.hooks;
	struct flow *fl = flow_slot(db, in);
	struct esp_sa *sa = NULL;

	*why = ESP_OK;
	if (flow_is(fl, in, db->age)) {
		esp_pair_fetch_out(fl->sa);
		if (sadb_usable(fl->sa) && is_for(fl->sa, peer)) {
			frag_note(db, in, fl->sa, true);
			return (fl->sa);
		}
	}
	if (h->choose != NULL && peer == NULL)
		sa = h->choose(h->ctx, in, why);
	if (sa == NULL && (*why == ESP_OK || *why == ESP_NO_HOP))
		sa = by_policy(db, in, peer, *why == ESP_OK, why);
	return (sa != NULL ? keep(db, fl, in, sa) : NULL);
}

/* The packet with its original addresses, before NAT: selectors of transport mode may refer to them. */
static bool
admits_original(const struct esp_sa *sa, const struct inner *in)
{
	const struct esp_oa *oa = esp_sa_oa(sa);
	struct inner was = *in;

	if (oa == NULL || sa->mode != SA_TRANSPORT || oa->src.family != in->src.family)
		return (false);
	was.src = oa->src;
	was.dst = oa->dst;
	return (esp_sa_matches(sa, &was));
}

bool
sadb_admits(struct sadb *db, struct esp_sa *sa, const struct inner *in)
{
	if (esp_sa_matches(sa, in) || admits_original(sa, in)) {
		frag_note(db, in, sa, false);
		return (true);
	}
	return (frag_find(db, in, false) == esp_pair_serial(sa->pair));
}

/* ---- peers behind one NAT */

/* peer_lives: a peer whose SAs have gone needs its ports no longer. */
static bool
lives(const void *ctx, const struct endpoint *at)
{
	const struct sadb *db = ctx;

	for (size_t i = 0; i < db->n; i++)
		if (db->pairs[i]->dying_ms == 0 && endpoint_eq(&db->pairs[i]->out.dst, at))
			return (true);
	return (false);
}

int
sadb_port_in(struct sadb *db, const struct esp_sa *sa, uint8_t *p, struct inner *in)
{
	if (sa->mode != SA_TRANSPORT || sa->encap == SA_ENCAP_NONE)
		return (0);
	return (peer_ports_in(&db->ports, p, in, &sa->pair->out.dst, lives, db));
}

const struct endpoint *
sadb_port_out(struct sadb *db, uint8_t *p, struct inner *in)
{
	return (peer_ports_out(db->ports, p, in));
}

void
sadb_moved(struct sadb *db, const struct endpoint *old, const struct endpoint *new)
{
	peer_ports_moved(db->ports, old, new);
}
