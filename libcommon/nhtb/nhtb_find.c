/* Next-hop tunnel binding: the look-up of a packet, and of bindings for people. */
#include "esp/sadb.h"
#include "nhtb/nhtb_priv.h"

#define SAS_MAX		64	/* SAs of one peer that a look-up compares */

/*
 * The SA of ${l} for ${in}: narrowest selectors first, then the newest. ${*why} is POLICY if there is a usable one, if only for
 * others; else why the newest may not send that has sent, see sadb_why().
 */
static struct esp_sa *
best(const struct sas *l, const struct inner *in, enum esp_verdict *why)
{
	struct esp_sa *found = NULL;
	unsigned narrow = 0;
	size_t n = 0;

	*why = ESP_NO_SA;
	for (const struct link *k = l->newest; k != NULL && n < SAS_MAX; k = k->next, n++) {
		struct esp_sa *sa = &k->node->pair->out;

		if (!sadb_usable(sa)) {
			if (*why == ESP_NO_SA)
				*why = sadb_why(sa);
			continue;
		}
		*why = ESP_POLICY;
		for (const struct spd_way *w = esp_sa_ways(sa); w < esp_sa_ways(sa) + esp_sa_ways_in(sa); w++)
			if ((found == NULL || w->narrow > narrow) && inner_matches(in, spd_local(w), spd_remote(w))) {
				found = sa;
				narrow = w->narrow;
			}
	}
	return (found);
}

static const struct sas nobody;

/* The SAs that ${e} binds its next hop to. */
static const struct sas *
sas_of(const struct entry *e)
{
	return (e->bound != NULL ? &e->bound->sas : e->own.newest != NULL ? &e->own.newest->node->peer->sas : &nobody);
}

/* The SAs that ${hop} is bound to; NULL: it is not. */
static const struct sas *
bound_to(struct nhtb *t, const struct addr *hop)
{
	struct entry *e = nhtb_entry_find(t, hop);

	return (e != NULL ? sas_of(e) : NULL);
}

/* A number that is the same for all packets of a flow, fragments too. */
static uint32_t
flow_number_of(const struct nhtb *t, const struct inner *in)
{
	uint64_t h = hash_bytes(in->src.b, addr_len(&in->src), t->salt ^ in->proto);

	h = hash_bytes(in->dst.b, addr_len(&in->dst), h);
	if (!in->frag && in->has_ports)
		h ^= ((uint64_t)in->sport << 16 | in->dport) * 0x9e3779b97f4a7c15ULL;
	return ((uint32_t)(h >> 32));
}

/* The hop of ${r} that the flow of ${in} falls on, by weight. */
static size_t
pick(const struct nhtb *t, const struct routewatch_route *r, const struct inner *in)
{
	uint32_t sum = 0, at;
	size_t i;

	for (i = 0; i < r->n_hops; i++)
		sum += r->hops[i].weight;
	if (r->n_hops == 1 || sum == 0)
		return (0);
	at = flow_number_of(t, in) % sum;
	for (i = 0; at >= r->hops[i].weight; i++)
		at -= r->hops[i].weight;
	return (i);
}

/* The SA behind the next hops of ${r}: that of the flow, or the next one that has a usable SA. */
static struct esp_sa *
find_via(struct nhtb *t, const struct routewatch_route *r, const struct inner *in, enum esp_verdict *why)
{
	size_t first = pick(t, r, in);
	const struct sas *l;
	enum esp_verdict none;
	struct esp_sa *sa;

	*why = t->n_whole > 1 ? ESP_NO_HOP : ESP_OK;
	for (size_t i = 0; i < r->n_hops; i++) {
		const struct addr *hop = &r->hops[(first + i) % r->n_hops].at;

		if ((l = bound_to(t, hop->family != 0 ? hop : &in->dst)) == NULL || (l == &nobody && hop->family == 0))
			continue;
		if ((sa = best(l, in, &none)) != NULL) {
			*why = ESP_OK;
			return (sa);
		}
		/* The peer's own address may be within the narrower selectors of another SA. */
		*why = hop->family == 0 ? ESP_NO_HOP : none;
	}
	return (NULL);
}

struct esp_sa *
nhtb_find(struct nhtb *t, const struct routewatch_route *r, const struct inner *in, enum esp_verdict *why)
{
	static const struct routewatch_route on_link = { .n_hops = 1, .hops = { { .weight = 1 } } };

	return (find_via(t, r != NULL ? r : &on_link, in, why));
}

bool
nhtb_idle(const struct nhtb *t)
{
	return (t->n_entries == 0 && t->n_whole < 2);
}

struct esp_sa *
nhtb_remote(struct nhtb *t, const struct addr *remote, const struct inner *in)
{
	char word[NHTB_REMOTE];
	const struct list *l = nhtb_remotes(t) == 0 ? nhtb_word_find(t, nhtb_remote_word(word, remote)) : NULL;
	enum esp_verdict state = ESP_NO_SA;
	struct esp_sa *sa = NULL;

	if (l != NULL)
		sa = best(&l->sas, in, &state);
	return (sa != NULL && sa->mode == SA_TUNNEL ? sa : NULL);
}

size_t
nhtb_peers(const struct nhtb *t)
{
	return (t->n_whole);
}

struct esp_sa *
nhtb_each_peer(struct nhtb *t, const struct inner *in, void **at)
{
	struct whole *w = *at == NULL ? t->whole : ((struct whole *)*at)->next;
	enum esp_verdict why;
	struct esp_sa *sa;

	for (; w != NULL; w = w->next)
		if ((sa = best(&w->peer->sas, in, &why)) != NULL) {
			*at = w;
			return (sa);
		}
	return (NULL);
}

bool
nhtb_after(const struct nhtb *t, uint64_t serial, struct nhtb_view *v)
{
	size_t i = nhtb_entry_after(t, serial), n = 0;
	const struct entry *e;
	const struct sas *l;

	if (i == t->n_entries)
		return (false);
	e = t->entries[i];
	l = sas_of(e);
	*v = (struct nhtb_view){ .serial = e->serial, .hop = e->hop, .is_static = e->bound != NULL, .state = NHTB_DOWN,
	    .name = l->newest != NULL && *l->newest->node->pair->name != '\0' ? l->newest->node->pair->name :
	    e->bound != NULL ? e->bound->key + (e->bound->key[0] == '\n') : e->gone != NULL ? e->gone->was : "" };
	for (const struct link *k = l->newest; k != NULL && n < SAS_MAX && v->state != NHTB_UP; k = k->next, n++) {
		bool usable = sadb_usable(&k->node->pair->out);

		if (v->pair == NULL || usable)
			v->pair = k->node->pair;
		v->state = usable ? NHTB_UP : NHTB_READY;
	}
	return (true);
}
