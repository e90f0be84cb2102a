/* The networks behind the clients of a server. */
#include "nhrp/behind.h"

#include <stdio.h>
#include <stdlib.h>

static struct nhrp_net
net_of(const struct nhrp_behind *b)
{
	return ((struct nhrp_net){ b->prefix.net, b->prefix.bits });
}

/* --- who may have what --- */

static int
by_client(const void *x, const void *y)
{
	return (addr_cmp(&((const struct nhrp_allowed *)x)->client, &((const struct nhrp_allowed *)y)->client));
}

void
nhrp_allowed_sort(struct nhrp_allowed *v, size_t n)
{
	if (n > 0)
		qsort(v, n, sizeof(*v), by_client);
}

/* Whether a rule for exactly ${client} (family 0: any) allows ${n}. */
static bool
allows(const struct nhrp_serve *s, const struct addr *client, const struct nhrp_net *n)
{
	size_t lo = 0, hi = s->conf.n_allowed, mid;

	while (lo < hi) {	/* the first rule for it */
		mid = lo + (hi - lo) / 2;
		if (addr_cmp(&s->conf.allowed[mid].client, client) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < s->conf.n_allowed && addr_cmp(&s->conf.allowed[lo].client, client) == 0; lo++)
		if (n->prefix >= s->conf.allowed[lo].net.prefix &&
		    nhrp_within(&n->net, &s->conf.allowed[lo].net.net, s->conf.allowed[lo].net.prefix))
			return (true);
	return (false);
}

static bool
is_allowed(const struct nhrp_serve *s, const struct addr *proto, const struct nhrp_net *n)
{
	static const struct addr any;

	return (n->prefix >= NHRP_BEHIND_PREFIX_MIN && (allows(s, &any, n) || allows(s, proto, n)));
}

static bool
has_server(const struct nhrp_serve *s, const struct nhrp_net *n)
{
	if (nhrp_within(&s->node->proto, &n->net, n->prefix) || nhrp_within(&s->node->nbma, &n->net, n->prefix))
		return (true);
	for (size_t i = 0; i < s->conf.n_servers; i++)
		if (nhrp_within(&s->conf.servers[i].proto, &n->net, n->prefix) ||
		    nhrp_within(&s->conf.servers[i].nbma, &n->net, n->prefix))
			return (true);
	return (s->conf.local_in != NULL && s->conf.local_in(s->conf.ctx, n));
}

/* Whether a part of ${n} is another client's, or a tunnel to a client goes to an address in it. */
static bool
is_taken(const struct nhrp_serve *s, const struct addr *proto, const struct nhrp_net *n)
{
	const struct nhrp_behind *b = nhrp_behind_find(s, &n->net);

	if (b != NULL && addr_cmp(&b->owner->proto, proto) != 0)
		return (true);
	for (size_t i = 0; i < s->cache.heap.n; i++) {
		const struct nhrp_client_entry *e = ENTRY_OF(s->cache.heap.timer[i], struct nhrp_client_entry, timer);
		bool own = addr_cmp(&e->proto, proto) == 0;

		if (nhrp_within(&e->from, &n->net, n->prefix) || (!own && nhrp_within(&e->proto, &n->net, n->prefix)))
			return (true);
		for (b = own ? NULL : e->nets; b != NULL; b = b->next) {
			struct nhrp_net theirs = net_of(b);

			if (nhrp_overlap(&theirs, n))
				return (true);
		}
	}
	return (false);
}

enum nhrp_code
nhrp_behind_judge(struct nhrp_serve *s, const struct addr *proto, const struct nhrp_net *net, const char **why)
{
	if (net->net.family != s->node->proto.family || !is_allowed(s, proto, net)) {
		*why = "is not allowed";
		return (NHRP_CODE_PROHIBITED);
	}
	if (has_server(s, net)) {
		*why = "contains the server";
		return (NHRP_CODE_PROHIBITED);
	}
	if (is_taken(s, proto, net)) {
		*why = "is another client's";
		return (NHRP_CODE_TAKEN);
	}
	return (NHRP_CODE_OK);
}

/* --- the networks of one client --- */

static void
bind(const struct nhrp_serve *s, const struct nhrp_behind *n, uint16_t holding, struct now now)
{
	struct sa_nhrp_binding b = nhrp_node_binding(s->node, now, NHRP_KIND_DYNAMIC, holding);
	const struct nhrp_client_entry *e = n->owner;

	b.proto = n->prefix.net;
	b.prefix = n->prefix.bits;
	if (holding != 0) {
		b.via = e->proto;
		b.nbma = e->nbma;
		b.nat_nbma = e->nat;
		b.mtu = e->mtu;
	}
	s->node->sink.binding(s->node->sink.ctx, &b);
}

static enum nhrp_code
add(struct nhrp_serve *s, struct nhrp_client_entry *e, const struct nhrp_net *net, const char **why)
{
	struct nhrp_behind *b;

	*why = "is one too many";
	if (e->n_nets == NHRP_BEHIND_MAX || (b = calloc(1, sizeof(*b))) == NULL)
		return (NHRP_CODE_NO_RESOURCES);
	b->prefix = (struct prefix){ .net = net->net, .bits = net->prefix };
	if (prefixes_put(&s->behind, &b->prefix) != 0) {
		free(b);
		return (NHRP_CODE_NO_RESOURCES);
	}
	b->owner = e;
	b->named = true;
	b->next = e->nets;
	e->nets = b;
	e->n_nets++;
	return (NHRP_CODE_OK);
}

enum nhrp_code
nhrp_behind_name(struct nhrp_serve *s, struct nhrp_client_entry *e, const struct nhrp_net *net, struct now now)
{
	struct nhrp_net n = { nhrp_network(&net->net, net->prefix), net->prefix };
	struct prefix *p = prefixes_same(&s->behind, &n.net, n.prefix);
	struct nhrp_behind *had = p != NULL ? ENTRY_OF(p, struct nhrp_behind, prefix) : NULL;
	struct sa_nhrp_event ev;
	enum nhrp_code code;
	char num[NHRP_NUM_TEXT];
	const char *why;

	if (had != NULL && had->owner == e) {
		had->named = true;
		return (NHRP_CODE_OK);
	}
	if ((code = nhrp_behind_judge(s, &e->proto, &n, &why)) == NHRP_CODE_OK && (code = add(s, e, &n, &why)) == NHRP_CODE_OK)
		return (code);
	s->counts.refused++;
	ev = nhrp_node_event(s->node, now, "refused");
	ev.proto = n.net;
	ev.prefix = n.prefix;
	ev.remote = *nhrp_entry_nbma(e);
	ev.has_code = true;
	ev.code = (uint16_t)code;
	(void)snprintf(ev.text, sizeof(ev.text), "the network %s: %s", why, nhrp_code_words(code, num));
	nhrp_node_tell(s->node, &ev);
	return (code);
}

static void
forget(struct nhrp_serve *s, struct nhrp_behind **at)
{
	struct nhrp_behind *b = *at;

	prefixes_remove(&s->behind, &b->prefix);
	*at = b->next;
	b->owner->n_nets--;
	free(b);
}

void
nhrp_behind_free(struct nhrp_serve *s, struct nhrp_client_entry *e)
{
	while (e->nets != NULL)
		forget(s, &e->nets);
}

static void
drop(struct nhrp_serve *s, struct nhrp_behind **at, struct now now)
{
	struct nhrp_net net = net_of(*at);

	bind(s, *at, 0, now);
	s->counts.purges += nhrp_purge_askers(&s->purges, s->node, (*at)->owner, &net, false, now);
	forget(s, at);
}

void
nhrp_behind_named(struct nhrp_serve *s, struct nhrp_client_entry *e, struct now now)
{
	struct nhrp_behind **at = &e->nets;

	while (*at != NULL) {
		if (!(*at)->named) {
			drop(s, at, now);
			continue;
		}
		(*at)->named = false;
		bind(s, *at, e->holding, now);
		at = &(*at)->next;
	}
}

void
nhrp_behind_drop(struct nhrp_serve *s, struct nhrp_client_entry *e, const struct nhrp_net *within, struct now now)
{
	struct nhrp_behind **at = &e->nets;

	while (*at != NULL)
		if (within == NULL || ((*at)->prefix.bits >= within->prefix &&
		    nhrp_within(&(*at)->prefix.net, &within->net, within->prefix)))
			drop(s, at, now);
		else
			at = &(*at)->next;
}

const struct nhrp_behind *
nhrp_behind_find(const struct nhrp_serve *s, const struct addr *a)
{
	/* The table only counts what it compared. */
	struct prefix *p = prefixes_find((struct prefixes *)&s->behind, a);

	return (p != NULL ? ENTRY_OF(p, struct nhrp_behind, prefix) : NULL);
}
