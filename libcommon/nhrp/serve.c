/* A next hop server: registrations, purges, and what arrives for it. */
#include "nhrp/serve.h"

#include <stdio.h>

#include "nhrp/behind.h"
#include "nhrp/forward.h"
#include "nhrp/pair.h"

int
nhrp_serve_open(struct nhrp_serve *s, struct nhrp_node *n, const struct nhrp_serve_conf *c)
{
	*s = (struct nhrp_serve){ .node = n, .conf = *c, .quota.salt = c->salt, .behind.salt = c->salt,
	    .servers_ms = c->n_servers > 0 ? 0 : UINT64_MAX };
	return (nhrp_cache_open(&s->cache, c->limit != 0 ? c->limit : NHRP_SERVE_LIMIT, c->salt));
}

void
nhrp_serve_close(struct nhrp_serve *s)
{
	struct nhrp_client_entry *e;

	while ((e = nhrp_cache_any(&s->cache)) != NULL) {
		nhrp_behind_free(s, e);
		nhrp_quota_drop(&s->quota, &e->from);
		nhrp_cache_remove(&s->cache, e);
	}
	nhrp_cache_close(&s->cache);
	prefixes_free(&s->behind);
	nhrp_quota_close(&s->quota);
}

/* --- what is told --- */

static void
tell(const struct nhrp_serve *s, struct now now, const char *what, const struct nhrp_client_entry *e, const char *text)
{
	struct sa_nhrp_event ev = nhrp_node_event(s->node, now, what);

	ev.proto = e->proto;
	ev.remote = *nhrp_entry_nbma(e);
	if (text != NULL)
		(void)snprintf(ev.text, sizeof(ev.text), "%s", text);
	nhrp_node_tell(s->node, &ev);
}

static void
bind(const struct nhrp_serve *s, struct now now, const struct nhrp_client_entry *e, uint16_t holding)
{
	struct sa_nhrp_binding b = nhrp_node_binding(s->node, now, NHRP_KIND_DYNAMIC, holding);

	b.proto = e->proto;
	b.prefix = nhrp_bits(&e->proto);
	b.flags.unique = e->unique;
	b.flags.nat = e->nat.family != 0;
	if (holding != 0) {
		b.nbma = e->nbma;
		b.nat_nbma = e->nat;
		b.mtu = e->mtu;
	}
	s->node->sink.binding(s->node->sink.ctx, &b);
}

/* --- the end of a registration --- */

static void
end(struct nhrp_serve *s, struct nhrp_client_entry *e, struct now now, const char *what, bool last)
{
	s->counts.purges += nhrp_purge_askers(&s->purges, s->node, e, NULL, last, now);
	nhrp_behind_drop(s, e, NULL, now);
	nhrp_pair_end(s, e);
	bind(s, now, e, 0);
	tell(s, now, what, e, NULL);
	nhrp_quota_drop(&s->quota, &e->from);
	nhrp_cache_remove(&s->cache, e);
}

/* --- registration --- */

/* Whether the entry ${c} of a registration is for the address of its sender alone. */
static bool
is_own(const struct nhrp_in *in, const struct nhrp_cie *c)
{
	return ((c->prefix == 0 || c->prefix == 0xff || c->prefix == nhrp_bits(&in->p.src)) &&
	    (c->proto.family == 0 || addr_cmp(&c->proto, &in->p.src) == 0));
}

/* The network of an entry that is not. */
static struct nhrp_net
net_of(const struct nhrp_in *in, const struct nhrp_cie *c)
{
	const struct addr *a = c->proto.family != 0 ? &c->proto : &in->p.src;
	uint8_t bits = nhrp_bits(a), prefix = c->prefix == 0 || c->prefix > bits ? bits : c->prefix;

	return ((struct nhrp_net){ nhrp_network(a, prefix), prefix });
}

/* The code for registering the sender of ${in}; ${e}: what there is of it. */
static enum nhrp_code
judge(const struct nhrp_serve *s, const struct nhrp_in *in, const struct nhrp_client_entry *e)
{
	const struct addr *proto = &in->p.src;
	const struct nhrp_behind *b = nhrp_behind_find(s, proto);
	bool unique = (in->p.flags & NHRP_REG_UNIQUE) != 0;
	uint8_t prefix;

	if (proto->family != s->node->proto.family || addr_cmp(proto, &s->node->proto) == 0 ||
	    (s->conf.local != NULL && s->conf.local(s->conf.ctx, proto, &prefix)))
		return (NHRP_CODE_PROHIBITED);
	/* An address of a network of another client, or a tunnel that would lead into one. */
	if ((b != NULL && b->owner != e) || nhrp_behind_find(s, &in->from) != NULL)
		return (NHRP_CODE_PROHIBITED);
	if (e == NULL && s->cache.n == s->cache.limit)
		return (NHRP_CODE_NO_RESOURCES);
	if (s->conf.limit_each != 0 && (e == NULL || addr_cmp(&e->from, &in->from) != 0) &&
	    nhrp_quota_count(&s->quota, &in->from) >= s->conf.limit_each)
		return (NHRP_CODE_NO_RESOURCES);
	if (e != NULL && (e->unique || unique) && addr_cmp(&e->nbma, &in->p.src_nbma) != 0)
		return (NHRP_CODE_TAKEN);
	return (NHRP_CODE_OK);
}

/* The code of a registration of which no entry is for the sender's own address: that of the first network that it may have. */
static enum nhrp_code
judge_networks(struct nhrp_serve *s, const struct nhrp_in *in)
{
	enum nhrp_code code = NHRP_CODE_OK;
	const char *why;

	for (size_t i = 0; i < in->p.n_cies; i++) {
		struct nhrp_net n = net_of(in, &in->p.cie[i]);

		if (is_own(in, &in->p.cie[i]) || (code = nhrp_behind_judge(s, &in->p.src, &n, &why)) == NHRP_CODE_OK)
			return (NHRP_CODE_OK);
	}
	return (code);
}

/* The entry of a registration that is accepted: ${e}, or a new one; counted for where it comes from now. NULL: no memory. */
static struct nhrp_client_entry *
entry_for(struct nhrp_serve *s, const struct nhrp_in *in, struct nhrp_client_entry *e)
{
	bool counted = e != NULL;

	if (counted && addr_cmp(&e->from, &in->from) == 0)
		return (e);
	if (nhrp_quota_add(&s->quota, &in->from) != 0)
		return (NULL);
	if (!counted && (e = nhrp_cache_add(&s->cache, &in->p.src)) == NULL) {
		nhrp_quota_drop(&s->quota, &in->from);
		return (NULL);
	}
	if (counted)
		nhrp_quota_drop(&s->quota, &e->from);
	e->from = in->from;
	return (e);
}

/* Gives ${e} the networks that the registration names; ${code}: of each entry. */
static void
take_networks(struct nhrp_serve *s, const struct nhrp_in *in, struct nhrp_client_entry *e, uint8_t *code, struct now now)
{
	for (size_t i = 0; i < in->p.n_cies; i++) {
		struct nhrp_net n = net_of(in, &in->p.cie[i]);

		code[i] = is_own(in, &in->p.cie[i]) ? NHRP_CODE_OK : (uint8_t)nhrp_behind_name(s, e, &n, now);
	}
	nhrp_pair_offer(s, in, e, now);
	nhrp_behind_named(s, e, now);
}

static void
take(struct nhrp_serve *s, const struct nhrp_in *in, struct nhrp_client_entry *e, uint8_t *code, struct now now)
{
	const struct nhrp_cie *c = &in->p.cie[0];
	struct addr nat = addr_cmp(&in->from, &in->p.src_nbma) != 0 ? in->from : (struct addr){0};
	bool moved;
	char text[64 + ADDR_TEXT], t[ADDR_TEXT];

	moved = e->holding == 0 || addr_cmp(&e->nbma, &in->p.src_nbma) != 0 || addr_cmp(&e->nat, &nat) != 0;
	if (moved && e->holding != 0)
		/* They send to an address that it has left. */
		s->counts.purges += nhrp_purge_askers(&s->purges, s->node, e, NULL, false, now);
	e->nbma = in->p.src_nbma;
	e->nat = nat;
	e->unique = (in->p.flags & NHRP_REG_UNIQUE) != 0;
	e->mtu = c->mtu;
	e->holding = c->holding != 0 ? c->holding : s->node->holding;
	nhrp_cache_end(&s->cache, e, now.ms + e->holding * UINT64_C(1000));
	bind(s, now, e, e->holding);
	take_networks(s, in, e, code, now);
	if (!moved) {
		s->counts.refreshed++;
		return;
	}
	s->counts.registered++;
	(void)snprintf(text, sizeof(text), "behind a NAT, NBMA address %s", addr_text(t, &e->nbma));
	tell(s, now, "registered", e, nat.family != 0 ? text : NULL);
}

/* ${code}: of each entry; ${e}: what there is of the client now, NULL: nothing. */
static void
registration_reply(struct nhrp_serve *s, const struct nhrp_in *in, const uint8_t *code, const struct nhrp_client_entry *e)
{
	struct nhrp_packet p = in->p;
	struct nhrp_arena a = { .n = 0 };
	struct nhrp_ext *x;
	struct nhrp_cie own = { .holding = s->node->holding, .nbma = s->node->nbma, .proto = s->node->proto };

	p.type = NHRP_REGISTRATION_REPLY;
	p.hops = NHRP_HOPS;
	if (addr_cmp(&p.dst, &p.src) == 0)
		p.dst = s->node->proto;
	for (size_t i = 0; i < p.n_cies; i++) {
		p.cie[i].code = code[i];
		if (e != NULL && code[i] == NHRP_CODE_OK)
			p.cie[i].holding = e->holding;
	}
	if ((x = nhrp_ext_find(&p, NHRP_EXT_RESPONDER)) != NULL) {
		x->data = SPAN_NONE;
		(void)nhrp_ext_append(x, &own, &a);
	}
	if (e != NULL && e->nat.family != 0 && (p.flags & NHRP_FLAG_NAT) != 0 &&
	    (x = nhrp_ext_find(&p, NHRP_EXT_NAT)) != NULL)
		(void)nhrp_ext_append(x, &(struct nhrp_cie){ .prefix = nhrp_bits(&e->proto), .nbma = e->nat,
		    .proto = e->proto }, &a);
	nhrp_node_send(s->node, &in->from, &p);
}

static void
registration(struct nhrp_serve *s, const struct nhrp_in *in, struct now now)
{
	struct nhrp_client_entry *e = nhrp_cache_find(&s->cache, &in->p.src);
	struct sa_nhrp_event ev;
	enum nhrp_code code;
	uint8_t codes[NHRP_CIES_MAX];
	char num[NHRP_NUM_TEXT];

	/* The destination is ours, or the client's own where it does not know ours. */
	if (in->p.n_cies == 0 || in->p.src.family == 0 || in->p.src_nbma.family == 0 ||
	    (addr_cmp(&in->p.dst, &s->node->proto) != 0 && addr_cmp(&in->p.dst, &in->p.src) != 0)) {
		nhrp_serve_error(s, in, NHRP_ERROR_PROTOCOL, now);
		return;
	}
	if ((code = judge(s, in, e)) == NHRP_CODE_OK)
		code = judge_networks(s, in);
	if (code == NHRP_CODE_OK && (e = entry_for(s, in, e)) == NULL)
		code = NHRP_CODE_NO_RESOURCES;
	if (code == NHRP_CODE_OK) {
		take(s, in, e, codes, now);
		registration_reply(s, in, codes, e);
		return;
	}
	s->counts.refused++;
	ev = nhrp_node_event(s->node, now, "refused");
	ev.proto = in->p.src;
	ev.remote = in->from;
	ev.has_code = true;
	ev.code = (uint16_t)code;
	(void)snprintf(ev.text, sizeof(ev.text), "%s", nhrp_code_words(code, num));
	nhrp_node_tell(s->node, &ev);
	memset(codes, (int)code, sizeof(codes));
	registration_reply(s, in, codes, NULL);
}

/* --- purge --- */

/* A client withdraws its registration, or networks of it. Only the one who has registered can. */
static void
purge(struct nhrp_serve *s, const struct nhrp_in *in, struct now now)
{
	struct nhrp_client_entry *e = nhrp_cache_find(&s->cache, &in->p.src);
	struct nhrp_packet p = in->p;
	size_t i;

	if (e == NULL || addr_cmp(nhrp_entry_nbma(e), &in->from) != 0) {
		s->counts.unasked++;
		return;
	}
	for (i = 0; i < in->p.n_cies && e != NULL; i++) {
		struct nhrp_net n = net_of(in, &in->p.cie[i]);

		if (nhrp_within(&e->proto, &n.net, n.prefix)) {
			end(s, e, now, "purged", false);
			e = NULL;
		} else
			nhrp_behind_drop(s, e, &n, now);
	}
	if ((p.flags & NHRP_PURGE_NO_REPLY) != 0)
		return;
	p.type = NHRP_PURGE_REPLY;
	p.hops = NHRP_HOPS;
	nhrp_node_send(s->node, &in->from, &p);
}

/* --- the machine --- */

void
nhrp_serve_receive(struct nhrp_serve *s, const struct nhrp_in *in, struct now now)
{
	/* Our own packets that somebody sends back are no questions. */
	if (addr_cmp(&in->p.src, &s->node->proto) == 0 && addr_cmp(&in->p.src_nbma, &s->node->nbma) == 0 &&
	    in->p.type != NHRP_RESOLUTION_REPLY && in->p.type != NHRP_PURGE_REPLY) {
		s->counts.loops++;
		return;
	}
	switch (in->p.type) {
	case NHRP_REGISTRATION_REQUEST:
		registration(s, in, now);
		break;
	case NHRP_RESOLUTION_REQUEST:
		nhrp_serve_resolution(s, in, now);
		break;
	case NHRP_PURGE_REQUEST:
		if (addr_cmp(&in->p.dst, &s->node->proto) == 0 || addr_cmp(&in->p.dst, &in->p.src) == 0)
			purge(s, in, now);
		else
			nhrp_serve_request_on(s, in, NHRP_PURGE_REPLY, now);
		break;
	case NHRP_PURGE_REPLY:
		if (addr_cmp(&in->p.src, &s->node->proto) == 0 && nhrp_purge_receive(&s->purges, in))
			break;
		nhrp_serve_reply_on(s, in, now);
		break;
	case NHRP_RESOLUTION_REPLY:
		nhrp_serve_reply_on(s, in, now);
		break;
	case NHRP_ERROR_INDICATION:
		nhrp_serve_error_on(s, in, now);
		break;
	case NHRP_TRAFFIC_INDICATION:
		nhrp_pair_ack(s, in, now);
		break;
	default:
		break;
	}
}

/* The other servers are next hops too: bindings for the device. ${holding} 0 withdraws them. */
static void
bind_servers(struct nhrp_serve *s, uint16_t holding, struct now now)
{
	size_t i;

	for (i = 0; i < s->conf.n_servers; i++) {
		struct sa_nhrp_binding b = nhrp_node_binding(s->node, now, NHRP_KIND_NHS, holding);

		b.proto = s->conf.servers[i].proto;
		b.prefix = nhrp_bits(&b.proto);
		if (holding != 0)
			b.nbma = s->conf.servers[i].nbma;
		s->node->sink.binding(s->node->sink.ctx, &b);
	}
}

uint64_t
nhrp_serve_deadline_ms(const struct nhrp_serve *s)
{
	uint64_t at = nhrp_cache_deadline_ms(&s->cache), purge = nhrp_purge_deadline_ms(&s->purges), pair = nhrp_pair_deadline_ms(s);

	at = purge < at ? purge : at;
	at = pair < at ? pair : at;
	return (s->servers_ms < at ? s->servers_ms : at);
}

void
nhrp_serve_timeout(struct nhrp_serve *s, struct now now)
{
	struct nhrp_client_entry *e;

	nhrp_pair_timeout(s, now);
	while ((e = nhrp_cache_due(&s->cache, now.ms)) != NULL) {
		s->counts.expired++;
		end(s, e, now, "expired", false);
	}
	nhrp_purge_timeout(&s->purges, s->node, now);
	if (s->servers_ms <= now.ms) {
		s->servers_ms = now.ms + s->node->holding * UINT64_C(1000) / 3;
		bind_servers(s, s->node->holding, now);
	}
}

void
nhrp_serve_stop(struct nhrp_serve *s, struct now now)
{
	struct nhrp_client_entry *e;

	while ((e = nhrp_cache_any(&s->cache)) != NULL)
		end(s, e, now, "withdrawn", true);
	bind_servers(s, 0, now);
}
