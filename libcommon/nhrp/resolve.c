/* The resolution of an address. */
#include "nhrp/resolve.h"

#define PREFIX_MIN	8	/* no answer may claim more of the address space */
#define NEGATIVE_S	10	/* seconds that a negative answer lasts */

static void
ask(struct nhrp_resolve *r, struct now now)
{
	struct nhrp_node *n = r->node;
	struct nhrp_arena a = { .n = 0 };
	struct nhrp_packet p;

	nhrp_node_packet(n, &p, NHRP_RESOLUTION_REQUEST);
	p.id = r->id;
	p.flags = NHRP_RES_ROUTER | NHRP_RES_AUTHORITATIVE | NHRP_RES_SOURCE_STABLE | NHRP_FLAG_NAT;
	p.dst = r->dst;
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = nhrp_bits(&r->dst), .mtu = n->mtu, .holding = n->holding };
	nhrp_node_records(&p);
	if (nhrp_ext_add(&p, NHRP_EXT_NAT, false, SPAN_NONE) == 0 && r->nat.family != 0)
		(void)nhrp_ext_append(&p.ext[p.n_exts - 1], &(struct nhrp_cie){ .prefix = nhrp_bits(&n->proto),
		    .nbma = r->nat, .proto = n->proto }, &a);
	r->due_ms = now.ms + (UINT64_C(1000) << r->sent);
	r->sent++;
	r->sent_us = now_us(now);
	nhrp_node_send(n, &r->nhs_nbma, &p);
}

void
nhrp_resolve_start(struct nhrp_resolve *r, struct now now)
{
	r->id = r->node->id++;
	ask(r, now);
}

static size_t
hops(struct nhrp_hop out[NHRP_PATH_MAX], const struct nhrp_packet *p, uint16_t type)
{
	struct nhrp_packet q = *p;
	struct nhrp_cie cie[NHRP_CIES_MAX];
	size_t i, n;

	if (nhrp_ext_cies(nhrp_ext_find(&q, type), &q, cie, NHRP_CIES_MAX, &n) != 0)
		return (0);
	for (i = 0; i < n; i++)
		out[i] = (struct nhrp_hop){ cie[i].proto, cie[i].nbma };
	return (n);
}

/* What a NAT makes of the next hop's NBMA address: the entry of the NAT extension that has its protocol address. */
static struct addr
nat_of(const struct nhrp_packet *p, const struct addr *proto, const struct addr *nbma)
{
	struct nhrp_hop hop[NHRP_PATH_MAX];
	size_t i, n = hops(hop, p, NHRP_EXT_NAT);

	for (i = 0; i < n; i++)
		if (hop[i].nbma.family != 0 && addr_cmp(&hop[i].proto, proto) == 0 && addr_cmp(&hop[i].nbma, nbma) != 0)
			return (hop[i].nbma);
	return ((struct addr){0});
}

/* The answer's prefix, unless it contains our own address or claims too much: then the asked address alone. */
static uint8_t
prefix_of(const struct nhrp_resolve *r, uint8_t prefix)
{
	uint8_t bits = nhrp_bits(&r->dst);

	if (prefix < PREFIX_MIN || prefix > bits || nhrp_within(&r->node->proto, &r->dst, prefix))
		return (bits);
	return (prefix);
}

static void
found(struct nhrp_resolve *r, const struct nhrp_packet *p)
{
	const struct nhrp_cie *c = &p->cie[0];
	struct nhrp_hop responder[NHRP_PATH_MAX];
	struct nhrp_answer *a = &r->answer;

	a->code = c->code;
	a->flags = p->flags;
	a->n_forward = hops(a->forward, p, NHRP_EXT_FORWARD);
	a->n_reverse = hops(a->reverse, p, NHRP_EXT_REVERSE);
	if (hops(responder, p, NHRP_EXT_RESPONDER) > 0)
		a->responder = responder[0];
	a->kind = NHRP_ANSWER_REFUSED;
	/* Without an address there is nowhere to send to. */
	if (c->code != NHRP_CODE_OK || c->nbma.family == 0 || c->holding == 0)
		return;
	a->kind = NHRP_ANSWER_FOUND;
	a->proto = c->proto.family != 0 ? c->proto : r->dst;
	a->nbma = c->nbma;
	a->nat = nat_of(p, &a->proto, &a->nbma);
	a->prefix = prefix_of(r, c->prefix);
	a->holding = c->holding;
	a->mtu = c->mtu;
}

static bool
about_request(const struct nhrp_resolve *r, const struct nhrp_in *in)
{
	struct span s = in->p.inner;

	return (in->p.type == NHRP_ERROR_INDICATION && s.len >= NHRP_FIXED + 8 &&
	    s.p[17] == NHRP_RESOLUTION_REQUEST && get_be32(s.p + NHRP_FIXED + 4) == r->id);
}

bool
nhrp_resolve_receive(struct nhrp_resolve *r, const struct nhrp_in *in, struct now now)
{
	const struct nhrp_packet *p = &in->p;

	if (r->due_ms == UINT64_MAX || r->sent == 0)
		return (false);
	if (about_request(r, in)) {
		r->answer.kind = NHRP_ANSWER_ERROR;
		r->answer.code = p->error;
	} else if (p->type == NHRP_RESOLUTION_REPLY && p->id == r->id && p->n_cies > 0 &&
	    addr_cmp(&p->src, &r->node->proto) == 0 && addr_cmp(&p->dst, &r->dst) == 0)
		found(r, p);
	else
		return (false);
	r->answer.from = in->from;
	r->answer.rtt_us = now_us(now) - r->sent_us;
	r->due_ms = UINT64_MAX;
	return (true);
}

uint64_t
nhrp_resolve_deadline_ms(const struct nhrp_resolve *r)
{
	return (r->due_ms);
}

void
nhrp_resolve_timeout(struct nhrp_resolve *r, struct now now)
{
	if (now.ms < r->due_ms)
		return;
	if (r->sent < NHRP_RESOLVE_TRIES) {
		ask(r, now);
		return;
	}
	r->due_ms = UINT64_MAX;
	r->answer.kind = NHRP_ANSWER_SILENCE;
}

struct sa_nhrp_binding
nhrp_resolve_binding(const struct nhrp_resolve *r, struct now now)
{
	const struct nhrp_answer *a = &r->answer;
	bool good = a->kind == NHRP_ANSWER_FOUND;
	struct sa_nhrp_binding b = nhrp_node_binding(r->node, now, good ? NHRP_KIND_SHORTCUT : NHRP_KIND_NEGATIVE,
	    good ? a->holding : NEGATIVE_S);

	b.prefix = good ? a->prefix : nhrp_bits(&r->dst);
	b.proto = nhrp_network(&r->dst, b.prefix);
	if (!good)
		return (b);
	b.nbma = a->nbma;
	b.nat_nbma = a->nat;
	if (addr_cmp(&a->proto, &b.proto) != 0 || b.prefix != nhrp_bits(&b.proto))
		b.via = a->proto;
	b.nhs = a->n_forward > 0 ? a->forward[0].proto : a->responder.proto;
	b.mtu = a->mtu;
	b.flags.router = (a->flags & NHRP_RES_ROUTER) != 0;
	b.flags.authoritative = (a->flags & NHRP_RES_AUTHORITATIVE) != 0;
	b.flags.unique = (a->flags & NHRP_RES_UNIQUE) != 0;
	b.flags.nat = a->nat.family != 0;
	return (b);
}
