/* What a next hop server hands on, and its indications. */
#include "nhrp/forward.h"

#include "nhrp/behind.h"

#define PREFIX_MIN	8	/* of an answer */

void
nhrp_serve_error(struct nhrp_serve *s, const struct nhrp_in *in, enum nhrp_error code, struct now now)
{
	if (nhrp_is_indication(in->p.type))
		return;
	if (s->errors_s != now.ms / 1000) {
		s->errors_s = now.ms / 1000;
		s->errors_n = 0;
	}
	if (s->errors_n == NHRP_ERRORS_A_SECOND)
		return;
	s->errors_n++;
	s->counts.errors++;
	nhrp_node_error(s->node, in, code, 0);
}

/* --- pending requests --- */

/* Where a request with this id and source is, or would be. */
static struct nhrp_pending *
slot(struct nhrp_serve *s, uint8_t type, const struct addr *src, uint32_t id)
{
	uint64_t h = hash_bytes(src->b, addr_len(src), s->conf.salt ^ id ^ (uint64_t)type << 32);

	return (&s->pending[h % NHRP_PENDING]);
}

static void
pend(struct nhrp_serve *s, const struct nhrp_in *in, uint8_t reply, struct now now)
{
	*slot(s, reply, &in->p.src, in->p.id) = (struct nhrp_pending){ .src = in->p.src, .dst = in->p.dst, .from = in->from,
	    .id = in->p.id, .type = reply, .end_ms = now.ms + NHRP_PENDING_MS };
}

/* The request that a reply to ${src} answers, NULL: there is none. */
static struct nhrp_pending *
asked(struct nhrp_serve *s, uint8_t type, const struct addr *src, const struct addr *dst, uint32_t id, struct now now)
{
	struct nhrp_pending *q = slot(s, type, src, id);

	if (q->end_ms <= now.ms || q->type != type || q->id != id || addr_cmp(&q->src, src) != 0 ||
	    (dst != NULL && addr_cmp(&q->dst, dst) != 0))
		return (NULL);
	return (q);
}

/* --- the next hop --- */

/* The NBMA address of the client or server ${proto}; NULL: it is neither. */
static const struct addr *
nbma_of(const struct nhrp_serve *s, const struct addr *proto)
{
	const struct nhrp_client_entry *e = nhrp_cache_find(&s->cache, proto);
	size_t i;

	if (e != NULL)
		return (nhrp_entry_nbma(e));
	for (i = 0; i < s->conf.n_servers; i++)
		if (addr_cmp(&s->conf.servers[i].proto, proto) == 0)
			return (&s->conf.servers[i].nbma);
	return (NULL);
}

/* The NBMA address of the client or server that packets to ${dst} go to; NULL: none. */
static const struct addr *
toward(struct nhrp_serve *s, const struct addr *dst)
{
	const struct addr *nbma = nbma_of(s, dst);
	const struct nhrp_behind *b;
	struct addr via;
	uint8_t prefix;

	if (nbma == NULL && (b = nhrp_behind_find(s, dst)) != NULL)
		return (nhrp_entry_nbma(b->owner));
	if (nbma != NULL || s->conf.route == NULL || !s->conf.route(s->conf.ctx, dst, &via, &prefix))
		return (nbma);
	return (nbma_of(s, &via));
}

/* Appends this server to the transit record of ${type}; false: it is there already, a loop. */
static bool
record(const struct nhrp_serve *s, struct nhrp_packet *p, uint16_t type, struct nhrp_arena *a)
{
	const struct nhrp_node *n = s->node;
	struct nhrp_ext *x = nhrp_ext_find(p, type);
	struct nhrp_cie own = { .holding = n->holding, .nbma = n->nbma, .proto = n->proto };

	if (x == NULL)
		return (true);
	if (nhrp_ext_names(x, p, &n->proto))
		return (false);
	(void)nhrp_ext_append(x, &own, a);
	return (true);
}

/* One hop less, and our record; false: an error indication has gone out. */
static bool
pass(struct nhrp_serve *s, const struct nhrp_in *in, struct nhrp_packet *p, uint16_t transit, struct nhrp_arena *a,
    struct now now)
{
	if (p->hops <= 1) {
		nhrp_serve_error(s, in, NHRP_ERROR_HOPS, now);
		return (false);
	}
	p->hops--;
	if (record(s, p, transit, a))
		return (true);
	s->counts.loops++;
	nhrp_serve_error(s, in, NHRP_ERROR_LOOP, now);
	return (false);
}

/* The NAT of the client with the address ${proto} of this packet, where the packet has room for it and it is not told. */
static void
fill_nat(struct nhrp_serve *s, struct nhrp_packet *p, const struct addr *proto, struct nhrp_arena *a)
{
	struct nhrp_ext *x = nhrp_ext_find(p, NHRP_EXT_NAT);
	const struct nhrp_client_entry *e = nhrp_cache_find(&s->cache, proto);

	if (x == NULL || x->data.len > 0 || e == NULL || e->nat.family == 0)
		return;
	(void)nhrp_ext_append(x, &(struct nhrp_cie){ .prefix = nhrp_bits(&e->proto), .nbma = e->nat, .proto = e->proto }, a);
}

bool
nhrp_serve_request_on(struct nhrp_serve *s, const struct nhrp_in *in, uint8_t reply, struct now now)
{
	struct nhrp_packet p = in->p;
	struct nhrp_arena a = { .n = 0 };
	const struct addr *to = toward(s, &p.dst);

	/* Nor back to where it comes from. */
	if (to == NULL || addr_cmp(to, &in->from) == 0)
		return (false);
	if (!pass(s, in, &p, NHRP_EXT_FORWARD, &a, now))
		return (true);
	fill_nat(s, &p, &p.src, &a);
	pend(s, in, reply, now);
	s->counts.forwarded++;
	nhrp_node_send(s->node, to, &p);
	return (true);
}

/* --- resolution --- */

/* Answers ${in}: ${e} has the address, or, if NULL, this server; with ${code} nobody. */
static void
answer(struct nhrp_serve *s, const struct nhrp_in *in, const struct nhrp_client_entry *e, uint8_t prefix,
    enum nhrp_code code)
{
	const struct nhrp_node *n = s->node;
	struct nhrp_packet p = in->p;
	struct nhrp_arena a = { .n = 0 };
	struct nhrp_cie own = { .holding = n->holding, .nbma = n->nbma, .proto = n->proto };
	struct nhrp_ext *x;

	p.type = NHRP_RESOLUTION_REPLY;
	p.hops = NHRP_HOPS;
	p.flags = (uint16_t)((p.flags & (NHRP_RES_ROUTER | NHRP_RES_SOURCE_STABLE)) |
	    (code == NHRP_CODE_OK ? NHRP_RES_AUTHORITATIVE | NHRP_RES_STABLE : 0));
	p.cie[0] = (struct nhrp_cie){ .code = (uint8_t)code, .prefix = prefix };
	p.n_cies = 1;
	if (code == NHRP_CODE_OK) {
		p.cie[0].mtu = e != NULL ? e->mtu : n->mtu;
		p.cie[0].holding = e != NULL ? e->holding : n->holding;
		p.cie[0].nbma = e != NULL ? e->nbma : n->nbma;
		p.cie[0].proto = e != NULL ? e->proto : n->proto;
	}
	if ((x = nhrp_ext_find(&p, NHRP_EXT_RESPONDER)) != NULL) {
		x->data = SPAN_NONE;
		(void)nhrp_ext_append(x, &own, &a);
	}
	if ((x = nhrp_ext_find(&p, NHRP_EXT_NAT)) != NULL) {
		x->data = SPAN_NONE;
		if (e != NULL)
			fill_nat(s, &p, &e->proto, &a);
	}
	nhrp_node_send(n, &in->from, &p);
}

static void
remember(struct nhrp_client_entry *e, const struct addr *proto, const struct addr *nbma, const struct addr *net,
    uint8_t prefix, uint16_t holding, struct now now)
{
	struct nhrp_asker a = { .proto = *proto, .nbma = *nbma, .net = nhrp_network(net, prefix), .prefix = prefix,
	    .end_ms = now.ms + holding * UINT64_C(1000) };

	nhrp_cache_asked(e, &a);
}

void
nhrp_serve_resolution(struct nhrp_serve *s, const struct nhrp_in *in, struct now now)
{
	struct nhrp_client_entry *e = nhrp_cache_find(&s->cache, &in->p.dst);
	const struct nhrp_behind *b;
	uint8_t prefix = nhrp_bits(&in->p.dst), local = prefix;

	/* A client behind a NAT answers itself, which opens its NAT for the requester. */
	if (e == NULL && (b = nhrp_behind_find(s, &in->p.dst)) != NULL && b->owner->nat.family == 0 &&
	    addr_cmp(&b->owner->from, &in->from) != 0) {
		e = b->owner;
		prefix = b->prefix.bits;
	}
	if (in->p.src.family == 0 || in->p.dst.family == 0) {
		nhrp_serve_error(s, in, NHRP_ERROR_PROTOCOL, now);
		return;
	}
	if (nhrp_ext_names(nhrp_ext_find((struct nhrp_packet *)&in->p, NHRP_EXT_FORWARD), &in->p, &s->node->proto)) {
		s->counts.loops++;
		nhrp_serve_error(s, in, NHRP_ERROR_LOOP, now);
		return;
	}
	if (addr_cmp(&in->p.dst, &s->node->proto) == 0 ||
	    (s->conf.local != NULL && s->conf.local(s->conf.ctx, &in->p.dst, &local))) {
		s->counts.answered++;
		answer(s, in, NULL, local < PREFIX_MIN ? nhrp_bits(&in->p.dst) : local, NHRP_CODE_OK);
	} else if (e != NULL) {
		s->counts.answered++;
		remember(e, &in->p.src, &in->from, &in->p.dst, prefix, e->holding, now);
		answer(s, in, e, prefix, NHRP_CODE_OK);
	} else if (!nhrp_serve_request_on(s, in, NHRP_RESOLUTION_REPLY, now)) {
		s->counts.unknown++;
		answer(s, in, NULL, nhrp_bits(&in->p.dst), NHRP_CODE_NO_BINDING);
	}
}

/* --- replies and errors on their way back --- */

void
nhrp_serve_reply_on(struct nhrp_serve *s, const struct nhrp_in *in, struct now now)
{
	struct nhrp_pending *q = asked(s, in->p.type, &in->p.src, &in->p.dst, in->p.id, now);
	struct nhrp_packet p = in->p;
	struct nhrp_arena a = { .n = 0 };
	struct nhrp_client_entry *e;
	struct addr to;

	if (q == NULL) {
		s->counts.unasked++;
		return;
	}
	to = q->from;
	q->end_ms = 0;		/* once */
	if (!pass(s, in, &p, NHRP_EXT_REVERSE, &a, now))
		return;
	if (p.type == NHRP_RESOLUTION_REPLY && p.n_cies > 0 && p.cie[0].code == NHRP_CODE_OK &&
	    p.cie[0].prefix <= nhrp_bits(&p.dst) && (e = nhrp_cache_find(&s->cache, &p.cie[0].proto)) != NULL) {
		fill_nat(s, &p, &e->proto, &a);
		remember(e, &p.src, &to, &p.dst, p.cie[0].prefix, p.cie[0].holding, now);
	}
	s->counts.forwarded++;
	nhrp_node_send(s->node, &to, &p);
}

void
nhrp_serve_error_on(struct nhrp_serve *s, const struct nhrp_in *in, struct now now)
{
	struct span h = in->p.inner;
	struct nhrp_packet p = in->p;
	struct nhrp_pending *q;
	uint8_t type;

	if (h.len < NHRP_FIXED + 8 || p.hops <= 1)
		return;
	type = h.p[17] == NHRP_RESOLUTION_REQUEST ? NHRP_RESOLUTION_REPLY : NHRP_PURGE_REPLY;
	/* Of the request: its id, and its source is the destination of the indication. */
	if ((q = asked(s, type, &p.dst, NULL, get_be32(h.p + NHRP_FIXED + 4), now)) == NULL) {
		s->counts.unasked++;
		return;
	}
	p.hops--;
	q->end_ms = 0;
	s->counts.forwarded++;
	nhrp_node_send(s->node, &q->from, &p);
}

/* --- traffic indications --- */

void
nhrp_serve_sample(struct nhrp_serve *s, const struct addr *from, const struct addr *to, struct span head, struct now now)
{
	struct addr src, dst;
	struct nhrp_packet p;
	struct sa_nhrp_event ev;
	uint64_t h;

	if (!s->conf.redirect || addr_cmp(from, to) == 0 || nhrp_inner(head, &src, &dst) != 0 ||
	    src.family != s->node->proto.family)
		return;
	h = hash_bytes(dst.b, addr_len(&dst), hash_bytes(src.b, addr_len(&src), s->conf.salt));
	if (s->pair[h % NHRP_PAIRS].key == h && s->pair[h % NHRP_PAIRS].end_ms > now.ms) {
		s->counts.limited++;
		return;
	}
	s->pair[h % NHRP_PAIRS].key = h;
	s->pair[h % NHRP_PAIRS].end_ms = now.ms + NHRP_PAIR_MS;
	nhrp_node_packet(s->node, &p, NHRP_TRAFFIC_INDICATION);
	p.hops = 1;
	p.dst = src;
	p.inner = span_of(head.p, head.len < NHRP_INNER_MAX ? head.len : NHRP_INNER_MAX);
	s->counts.indications++;
	nhrp_node_send(s->node, from, &p);
	ev = nhrp_node_event(s->node, now, "indication");
	ev.proto = dst;
	ev.remote = *from;
	nhrp_node_tell(s->node, &ev);
}
