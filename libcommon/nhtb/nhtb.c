/* Next-hop tunnel binding: bindings, and the peers behind them. */
#include "nhtb/nhtb_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"

#define HOSTS_MAX	(LINKS_MAX - 5)
#define KEY_MAX		(SA_NAME + ID_TEXT + ENDPOINT_TEXT + 4)

struct nhtb *
nhtb_new(uint64_t salt)
{
	struct nhtb *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->salt = salt;
	return (t);
}

/* ---- lists by key */

static uint64_t
hash_of(const struct nhtb *t, const char *key)
{
	return (hash_bytes(key, strlen(key), t->salt));
}

static struct list *
list_find(struct nhtb *t, struct table *in, const char *key)
{
	struct table_node *n;
	struct list *l;

	for (n = table_first(in, hash_of(t, key)); n != NULL; n = table_next(in, n)) {
		l = ENTRY_OF(n, struct list, node);
		if (strcmp(l->key, key) == 0)
			return (l);
	}
	return (NULL);
}

static struct list *
list_get(struct nhtb *t, struct table *in, const char *key)
{
	struct list *l = list_find(t, in, key);
	size_t size = strlen(key) + 1;

	if (l != NULL)
		return (l);
	if ((l = calloc(1, sizeof(*l) + size)) == NULL || table_put(in, &l->node, hash_of(t, key)) != 0) {
		free(l);
		return (NULL);
	}
	memcpy(l->key, key, size);
	return (l);
}

/* Releases a list by key that nothing needs. */
static void
list_drop(struct table *in, struct list *l)
{
	if (l == NULL || l->sas.newest != NULL || l->bound > 0)
		return;
	table_remove(in, &l->node);
	free(l);
}

const char *
nhtb_remote_word(char out[NHTB_REMOTE], const struct addr *remote)
{
	struct addr a = *remote;

	a.scope = 0;
	out[0] = '\n';
	(void)addr_text(out + 1, &a);
	return (out);
}

struct list *
nhtb_word_find(struct nhtb *t, const char *word)
{
	return (list_find(t, &t->words, word));
}

/* ---- bindings by address */

static uint64_t
hash_hop(const struct nhtb *t, const struct addr *hop)
{
	return (hash_bytes(hop->b, addr_len(hop), t->salt ^ hop->family));
}

struct entry *
nhtb_entry_find(struct nhtb *t, const struct addr *hop)
{
	struct table_node *n;
	struct entry *e;

	for (n = table_first(&t->hops, hash_hop(t, hop)); n != NULL; n = table_next(&t->hops, n)) {
		e = ENTRY_OF(n, struct entry, node);
		if (addr_cmp(&e->hop, hop) == 0)
			return (e);
	}
	return (NULL);
}

static struct entry *
entry_get(struct nhtb *t, const struct addr *hop)
{
	struct entry *e = nhtb_entry_find(t, hop), **more;

	if (e != NULL)
		return (e);
	if (t->n_entries == t->cap_entries) {
		size_t cap = t->cap_entries + t->cap_entries / 4 + 64;

		if ((more = realloc(t->entries, cap * sizeof(*more))) == NULL)
			return (NULL);
		t->entries = more;
		t->cap_entries = cap;
	}
	if ((e = calloc(1, sizeof(*e))) == NULL || table_put(&t->hops, &e->node, hash_hop(t, hop)) != 0) {
		free(e);
		return (NULL);
	}
	e->hop = *hop;
	e->hop.scope = 0;
	e->serial = ++t->serial;
	t->entries[t->n_entries++] = e;
	return (e);
}

size_t
nhtb_entry_after(const struct nhtb *t, uint64_t serial)
{
	size_t low = 0, high = t->n_entries, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (t->entries[mid]->serial <= serial)
			low = mid + 1;
		else
			high = mid;
	}
	return (low);
}

/* ${e} is not one of a peer that has gone any more. */
static void
entry_revive(struct nhtb *t, struct entry *e)
{
	struct gone *g = e->gone;

	if (g == NULL)
		return;
	*(g->prev != NULL ? &g->prev->gone->next : &t->first_gone) = g->next;
	*(g->next != NULL ? &g->next->gone->prev : &t->last_gone) = g->prev;
	t->n_gone--;
	e->gone = NULL;
	free(g);
}

/* Releases an entry that binds nothing. */
static void
entry_drop(struct nhtb *t, struct entry *e)
{
	size_t i;

	if (e->bound != NULL || e->own.newest != NULL || e->gone != NULL)
		return;
	i = nhtb_entry_after(t, e->serial - 1);
	t->n_entries--;
	memmove(&t->entries[i], &t->entries[i + 1], (t->n_entries - i) * sizeof(t->entries[0]));
	table_remove(&t->hops, &e->node);
	free(e);
}

/*
 * The last SA of ${e}, of ${pair}, has gone. The address stays bound: its packets must not go to another peer. Of too many
 * the one that went first is forgotten.
 */
static void
entry_gone(struct nhtb *t, struct entry *e, const struct esp_pair *pair)
{
	struct entry *old = t->first_gone;
	size_t size = strlen(pair->name) + 1;
	struct gone *g;

	if (e->own.newest != NULL || e->gone != NULL)
		return;
	if ((g = e->gone = malloc(sizeof(*g) + size)) == NULL) {
		entry_drop(t, e);
		return;
	}
	g->prev = t->last_gone;
	g->next = NULL;
	memcpy(g->was, pair->name, size);
	*(g->prev != NULL ? &g->prev->gone->next : &t->first_gone) = e;
	t->last_gone = e;
	if (++t->n_gone > NHTB_GONE_MAX) {
		entry_revive(t, old);
		entry_drop(t, old);
	}
}

int
nhtb_bind(struct nhtb *t, const struct addr *hop, const char *name, struct fault *f)
{
	struct entry *e = name != NULL ? entry_get(t, hop) : nhtb_entry_find(t, hop);
	struct list *l = NULL, *old;

	if (e == NULL)
		return (name != NULL ? fault(f, FAULT_MEMORY, "no memory for a next hop") : 0);
	if (name != NULL && e->bound == NULL && t->n_static == NHTB_STATIC_MAX)
		(void)fault(f, FAULT_TOO_LARGE, "more than %d static next hops", NHTB_STATIC_MAX);
	else if (name != NULL && (l = list_get(t, &t->words, name)) == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for a next hop");
	if (name != NULL && l == NULL) {
		entry_drop(t, e);
		return (-1);
	}
	old = e->bound;
	e->bound = l;
	if (l != NULL) {
		l->bound++;
		t->n_static++;
	}
	if (old != NULL) {
		old->bound--;
		t->n_static--;
		list_drop(&t->words, old);
	}
	entry_drop(t, e);
	return (0);
}

int
nhtb_bind_remote(struct nhtb *t, const struct addr *hop, const struct addr *remote, struct fault *f)
{
	char word[NHTB_REMOTE];

	if (remote != NULL && nhtb_remotes(t) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for a next hop"));
	return (nhtb_bind(t, hop, remote != NULL ? nhtb_remote_word(word, remote) : NULL, f));
}

/* ---- SAs */

/* Puts ${n} into ${l}; first into all of its lists, then into its entries. */
static void
link_in(struct nhtb_node *n, struct sas *l)
{
	struct link *k = &n->links[n->n_links++];

	*k = (struct link){ .next = l->newest, .in = l, .node = n };
	if (k->next != NULL)
		k->next->prev = k;
	l->newest = k;
}

static void
list_in(struct nhtb_node *n, struct list *l)
{
	link_in(n, &l->sas);
	n->n_lists = n->n_links;
}

/* Puts ${n}, whose place for it is free, into the list of its remote address, among those that came before and after it. */
static int
remote_in(struct nhtb *t, struct nhtb_node *n)
{
	char word[NHTB_REMOTE];
	struct list *l = list_get(t, &t->words, nhtb_remote_word(word, &n->pair->out.dst.addr));
	struct link *k = &n->links[AT_REMOTE], *before = NULL, *after;

	if (l == NULL)
		return (-1);
	for (after = l->sas.newest; after != NULL && esp_pair_serial(after->node->pair) > esp_pair_serial(n->pair); after = after->next)
		before = after;
	*k = (struct link){ .prev = before, .next = after, .in = &l->sas, .node = n };
	*(before != NULL ? &before->next : &l->sas.newest) = k;
	if (after != NULL)
		after->prev = k;
	return (0);
}

int
nhtb_remotes(struct nhtb *t)
{
	struct table_node *p;
	struct link *k;

	for (size_t i = 0; i < t->peers.n_buckets && !t->by_remote; i++)
		for (p = t->peers.bucket[i]; p != NULL; p = p->next)
			for (k = ENTRY_OF(p, struct list, node)->sas.newest; k != NULL; k = k->next)
				if (k->node->links[AT_REMOTE].in == NULL && remote_in(t, k->node) != 0)
					return (-1);
	t->by_remote = true;
	return (0);
}

static void
link_out(struct link *k)
{
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		k->in->newest = k->next;
	if (k->next != NULL)
		k->next->prev = k->prev;
}

/* Whether ${s} is all addresses of its family, any protocol and port. */
static bool
is_whole(const struct selector *s)
{
	return (s->proto == 0 && s->port_end == 0 && selector_prefix(s) == 0);
}

static bool
has_whole(const struct esp_sa *out)
{
	for (const struct spd_way *w = esp_sa_ways(out); w < esp_sa_ways(out) + esp_sa_ways_in(out); w++)
		if (is_whole(spd_local(w)) && is_whole(spd_remote(w)))
			return (true);
	return (false);
}

/* 0, or -1: no memory. */
static int
whole_in(struct nhtb *t, struct list *peer)
{
	struct whole *w = peer->whole;

	if (w != NULL) {
		w->n++;
		return (0);
	}
	if ((w = malloc(sizeof(*w))) == NULL)
		return (-1);
	*w = (struct whole){ .peer = peer, .next = t->whole, .at = &t->whole, .n = 1 };
	if (w->next != NULL)
		w->next->at = &w->next;
	t->whole = peer->whole = w;
	t->n_whole++;
	return (0);
}

static void
whole_out(struct nhtb *t, struct list *peer)
{
	struct whole *w = peer->whole;

	if (--w->n > 0)
		return;
	*w->at = w->next;
	if (w->next != NULL)
		w->next->at = w->at;
	t->n_whole--;
	peer->whole = NULL;
	free(w);
}

/* Binds the address ${a} to the peer of ${n}, unless another one has it. 0, 1: another has it, or -1: no memory. */
static int
own_address(struct nhtb *t, struct nhtb_node *n, const struct addr *a)
{
	struct entry *e;

	if (n->n_links == n->room)
		return (0);
	if ((e = entry_get(t, a)) == NULL)
		return (-1);
	if (e->own.newest != NULL && e->own.newest->node->peer != n->peer)
		return (1);
	if (e->own.newest == NULL || e->own.newest->node != n)
		link_in(n, &e->own);
	entry_revive(t, e);
	return (0);
}

/* The addresses that are the peer's: see nhtb.h. 0, or -1: no memory. */
static int
own_addresses(struct nhtb *t, struct nhtb_node *n, const struct sa_child *rec, struct addr *taken)
{
	struct selector s;
	size_t count = 0;
	int rc = 0;

	if (id_to_selector(&s, &rec->remote.id) == 0 && addr_cmp(&s.first, &s.last) == 0)
		rc = own_address(t, n, &s.first);
	if (rc == 1)
		*taken = s.first;
	for (size_t i = 0; i < rec->n_remote_ts && count < HOSTS_MAX && rc >= 0; i++) {
		const struct selector *r = &rec->remote_ts[i];

		if (rec->mode != SA_TUNNEL || r->proto != 0 || addr_cmp(&r->first, &r->last) != 0)
			continue;
		count++;
		if ((rc = own_address(t, n, &r->first)) == 1)
			*taken = r->first;
	}
	return (rc < 0 ? -1 : 0);
}

/* How many lists the SA of ${rec} is in at most: of its peer, its name, its ID, the address in that, its remote address, and own_addresses(). */
static size_t
links_of(const struct sa_child *rec)
{
	size_t hosts = 0;

	for (size_t i = 0; i < rec->n_remote_ts && hosts < HOSTS_MAX; i++)
		hosts += addr_cmp(&rec->remote_ts[i].first, &rec->remote_ts[i].last) == 0 ? 1 : 0;
	return (hosts + (rec->name[0] != '\0' ? 3 : 2) + (rec->remote.id.type != 0 ? 2 : 0));
}

/* What tells peers apart: name and ID, or their address where they have neither. */
static void
peer_key(char out[KEY_MAX], const struct sa_child *rec, const char *id)
{
	char at[2 * sizeof(rec->remote.at.addr.b) + 24] = "";
	size_t n;

	/* Short, since thousands may have neither. */
	if (rec->name[0] == '\0' && *id == '\0') {
		n = strlen(hex_put(at, sizeof(at), addr_span(&rec->remote.at.addr)));
		(void)snprintf(at + n, sizeof(at) - n, ":%x:%x", rec->remote.at.port, rec->remote.at.addr.scope);
	}
	(void)snprintf(out, KEY_MAX, "%s\n%s\n%s", rec->name, id, at);
}

static int
enter(struct nhtb *t, struct nhtb_node *n, const struct sa_child *rec, struct addr *taken)
{
	char id[ID_TEXT] = "", key[KEY_MAX];
	struct list *l;

	if (rec->remote.id.type != 0)
		(void)id_text(id, &rec->remote.id);
	peer_key(key, rec, id);
	if ((n->peer = list_get(t, &t->peers, key)) == NULL)
		return (-1);
	list_in(n, n->peer);
	if (has_whole(&n->pair->out) && whole_in(t, n->peer) != 0)
		return (-1);
	n->whole = has_whole(&n->pair->out);
	n->n_lists = ++n->n_links;	/* the place of AT_REMOTE */
	if (t->by_remote && remote_in(t, n) != 0)
		return (-1);
	if (rec->name[0] != '\0') {
		if ((l = list_get(t, &t->words, rec->name)) == NULL)
			return (-1);
		list_in(n, l);
	}
	if (*id != '\0' && strcmp(id, rec->name) != 0) {
		if ((l = list_get(t, &t->words, id)) == NULL)
			return (-1);
		list_in(n, l);
	}
	return (own_addresses(t, n, rec, taken));
}

struct nhtb_node *
nhtb_add(struct nhtb *t, struct esp_pair *pair, const struct sa_child *rec, struct addr *taken)
{
	size_t room = links_of(rec);
	struct nhtb_node *n = calloc(1, sizeof(*n) + room * sizeof(struct link));

	*taken = (struct addr){0};
	if (n == NULL)
		return (NULL);
	n->pair = pair;
	n->room = (uint8_t)room;
	if (enter(t, n, rec, taken) == 0)
		return (n);
	nhtb_remove(t, n);
	return (NULL);
}

bool
nhtb_narrow(const struct nhtb_node *n)
{
	for (size_t i = 0; i < n->n_lists && n->peer->whole == NULL; i++)
		if (n->links[i].in != NULL && ENTRY_OF(n->links[i].in, struct list, sas)->bound > 0)
			return (true);
	return (false);
}

void
nhtb_remove(struct nhtb *t, struct nhtb_node *n)
{
	struct sas *l;

	if (n == NULL)
		return;
	if (n->whole)
		whole_out(t, n->peer);
	for (size_t i = 0; i < n->n_links; i++) {
		if ((l = n->links[i].in) == NULL)
			continue;
		link_out(&n->links[i]);
		if (i >= n->n_lists)
			entry_gone(t, ENTRY_OF(l, struct entry, own), n->pair);
		else
			list_drop(n->peer != NULL && l == &n->peer->sas ? &t->peers : &t->words, ENTRY_OF(l, struct list, sas));
	}
	free(n);
}

void
nhtb_free(struct nhtb *t)
{
	if (t == NULL)
		return;
	while (t->n_entries > 0) {
		struct entry *e = t->entries[t->n_entries - 1];
		struct addr hop = e->hop;

		entry_revive(t, e);
		if (e->bound != NULL)
			(void)nhtb_bind(t, &hop, NULL, NULL);
		else
			entry_drop(t, e);
	}
	table_free(&t->words);
	table_free(&t->peers);
	table_free(&t->hops);
	free(t->entries);
	free(t);
}
