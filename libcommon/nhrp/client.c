/* A resident client: answers, shortcuts, purges. */
#include "nhrp/client_priv.h"

/* --- servers --- */

/* The accepted registration at the server ${nbma}; NULL: there is none. */
static const struct nhrp_register *
registered_at(const struct nhrp_client *c, const struct addr *nbma)
{
	size_t i;

	for (i = 0; i < c->n_regs; i++)
		if (c->reg[i].state.outcome == NHRP_ACCEPTED && addr_cmp(nbma, &c->reg[i].conf.nhs_nbma) == 0)
			return (&c->reg[i]);
	return (NULL);
}

static bool
from_server(const struct nhrp_client *c, const struct nhrp_in *in)
{
	return (registered_at(c, &in->from) != NULL);
}

/* Our address outside of the NAT, as the server ${nbma} sees it, or else another one; family 0: there is no NAT. */
static struct addr
own_nat(const struct nhrp_client *c, const struct addr *nbma)
{
	const struct nhrp_register *r = registered_at(c, nbma);
	size_t i;

	if (r != NULL)
		return (r->state.nat);
	for (i = 0; i < c->n_regs; i++)
		if (c->reg[i].state.outcome == NHRP_ACCEPTED && c->reg[i].state.nat.family != 0)
			return (c->reg[i].state.nat);
	return ((struct addr){0});
}

/* The server to ask if ${nbma} does not answer: the next one that has accepted our registration, or else the same one. */
static struct addr
next_server(const struct nhrp_client *c, const struct addr *nbma)
{
	size_t i, at = 0, k;

	for (i = 0; i < c->n_regs; i++)
		if (addr_cmp(&c->reg[i].conf.nhs_nbma, nbma) == 0)
			at = i;
	for (i = 1; i <= c->n_regs; i++) {
		k = (at + i) % c->n_regs;
		if (c->reg[k].state.outcome == NHRP_ACCEPTED)
			return (c->reg[k].conf.nhs_nbma);
	}
	return (*nbma);
}

/* The NBMA address for packets to the requester of ${p}: the translated one, if the packet has a NAT extension. */
static struct addr
requester(const struct nhrp_packet *p)
{
	struct nhrp_packet q = *p;
	struct nhrp_cie cie[NHRP_CIES_MAX];
	size_t i, n;

	if (nhrp_ext_cies(nhrp_ext_find(&q, NHRP_EXT_NAT), &q, cie, NHRP_CIES_MAX, &n) == 0)
		for (i = 0; i < n; i++)
			if (addr_cmp(&cie[i].proto, &p->src) == 0 && cie[i].nbma.family != 0)
				return (cie[i].nbma);
	return (p->src_nbma);
}

/*
 * Answers a resolution request for an address of ours. The server that forwarded the request forwards the reply. Behind
 * a NAT this end first sends a copy to the requester directly, which opens the NAT for the requester's packets; without it the NAT
 * would drop them. An end without a NAT sends no copy: it would only add an entry to the table of the requester's NAT.
 */
static void
answer(struct nhrp_client *c, const struct nhrp_in *in, uint8_t prefix, struct now now)
{
	struct nhrp_node *n = c->node;
	struct nhrp_packet p = in->p;
	struct nhrp_cie own = { .prefix = prefix, .mtu = n->mtu, .holding = n->holding, .nbma = n->nbma, .proto = n->proto };
	struct nhrp_arena a = { .n = 0 };
	struct sa_nhrp_event e;
	struct nhrp_ext *x;
	struct addr to = requester(&p), nat = own_nat(c, &in->from);

	p.type = NHRP_RESOLUTION_REPLY;
	p.hops = NHRP_HOPS;
	p.flags = (uint16_t)(NHRP_RES_ROUTER | NHRP_RES_AUTHORITATIVE | NHRP_RES_STABLE | (p.flags & NHRP_RES_SOURCE_STABLE));
	p.cie[0] = own;
	p.n_cies = 1;
	own.prefix = 0;
	own.mtu = 0;
	if ((x = nhrp_ext_find(&p, NHRP_EXT_RESPONDER)) != NULL) {
		x->data = SPAN_NONE;
		(void)nhrp_ext_append(x, &own, &a);
	}
	if ((x = nhrp_ext_find(&p, NHRP_EXT_NAT)) != NULL) {
		x->data = SPAN_NONE;	/* the requester's entry does not belong into the reply */
		if (nat.family != 0)
			(void)nhrp_ext_append(x, &(struct nhrp_cie){ .prefix = nhrp_bits(&n->proto),
			    .nbma = nat, .proto = n->proto }, &a);
	}
	if (nat.family != 0 && from_server(c, in) && addr_cmp(&to, &in->from) != 0)
		nhrp_node_send(n, &to, &p);
	nhrp_node_send(n, &in->from, &p);
	e = nhrp_node_event(n, now, "answered");
	e.proto = p.dst;
	e.remote = to;
	nhrp_node_tell(n, &e);
}

/* --- shortcuts --- */

/*
 * A resolution of an address that a shortcut leads to has failed. A negative answer ends the shortcut; without an answer
 * the shortcut lasts until it expires. False: no shortcut leads to the address.
 */
static bool
renewal_failed(struct nhrp_client *c, const struct nhrp_resolve *r)
{
	bool had = false;
	size_t i;

	for (i = c->n_cuts; i-- > 0;) {
		if (c->cuts[i].b.kind != NHRP_KIND_SHORTCUT || addr_cmp(&c->cuts[i].dst, &r->dst) != 0)
			continue;
		had = true;
		if (r->answer.kind != NHRP_ANSWER_SILENCE)
			client_withdraw(c, i);
	}
	return (had);
}

static void
keep(struct nhrp_client *c, const struct nhrp_resolve *r, struct now now)
{
	struct nhrp_cut cut = { .b = nhrp_resolve_binding(r, now), .dst = r->dst, .nhs_nbma = r->nhs_nbma,
	    .used_ms = now.ms, .renew_ms = UINT64_MAX };
	const char *what = "resolved";
	struct sa_nhrp_event e;
	size_t i;

	if (cut.b.kind != NHRP_KIND_SHORTCUT) {
		what = "unresolved";
		if (renewal_failed(c, r) && r->answer.kind == NHRP_ANSWER_SILENCE)
			return;
	} else
		cut.renew_ms = now.ms + cut.b.holding * 2000 / 3;
	cut.end_ms = now.ms + cut.b.holding * 1000;
	i = client_place(c, &cut.b);
	if (i == c->n_cuts)
		c->n_cuts++;
	else if (c->cuts[i].b.kind == NHRP_KIND_SHORTCUT) {
		what = "renewed";
		cut.used_ms = c->cuts[i].used_ms;	/* the renewal is no use: no packet caused the request */
	}
	c->cuts[i] = cut;
	c->node->sink.binding(c->node->sink.ctx, &cut.b);
	e = nhrp_node_event(c->node, now, what);
	e.proto = cut.b.proto;
	e.prefix = cut.b.prefix;
	e.remote = *sa_binding_nbma(&cut.b);
	e.nhs = cut.b.nhs;
	e.has_code = r->answer.kind == NHRP_ANSWER_REFUSED || r->answer.kind == NHRP_ANSWER_ERROR;
	e.code = r->answer.code;
	nhrp_node_tell(c->node, &e);
}

/* Whether ${dst} is resolved, or a request for it is in progress. */
static bool
known(const struct nhrp_client *c, const struct addr *dst)
{
	size_t i;

	for (i = 0; i < c->n_cuts; i++)
		if (nhrp_within(dst, &c->cuts[i].b.proto, c->cuts[i].b.prefix))
			return (true);
	for (i = 0; i < NHRP_CLIENT_ASKS; i++)
		if (c->asks[i].sent > 0 && c->asks[i].due_ms != UINT64_MAX && addr_cmp(&c->asks[i].dst, dst) == 0)
			return (true);
	return (false);
}

/* Sends a request for ${dst} to the server ${nhs}. False: too many requests are in progress. */
static bool
resolve(struct nhrp_client *c, const struct addr *dst, const struct addr *nhs, struct now now)
{
	size_t i;

	for (i = 0; i < NHRP_CLIENT_ASKS && c->asks[i].sent > 0 && c->asks[i].due_ms != UINT64_MAX; i++)
		;
	if (i == NHRP_CLIENT_ASKS)
		return (false);
	c->asks[i] = (struct nhrp_resolve){ .node = c->node, .dst = *dst, .nhs_nbma = *nhs, .nat = own_nat(c, nhs) };
	nhrp_resolve_start(&c->asks[i], now);
	return (true);
}

/*
 * Resolves a shortcut again in the last third of its holding time, if packets use it or have used it in the third before. The
 * shortcut expires at the same time as before unless an answer comes.
 */
static void
renew(struct nhrp_client *c, struct nhrp_cut *cut, struct now now)
{
	struct addr nhs = cut->nhs_nbma;

	if (cut->renew_ms > now.ms || cut->used_ms + cut->b.holding * 1000 / 3 < now.ms)
		return;
	if (registered_at(c, &nhs) == NULL)
		nhs = next_server(c, &nhs);
	cut->renew_ms = UINT64_MAX;
	(void)resolve(c, &cut->dst, &nhs, now);
}

/*
 * A shortcut of a Resolution-set lasts as long as it is in use: the hub purges it if its peer goes, and the tool that made the tunnel
 * withdraws a dead one.
 */
static void
extend(struct nhrp_client *c, struct nhrp_cut *cut, struct now now)
{
	const uint64_t ms = cut->b.holding * UINT64_C(1000);

	if (cut->end_ms > now.ms + ms / 3)
		return;
	cut->end_ms = now.ms + ms;
	cut->b.expires = now.epoch + cut->b.holding;
	c->node->sink.binding(c->node->sink.ctx, &cut->b);
}

void
nhrp_client_used(struct nhrp_client *c, const struct addr *nbma, struct now now)
{
	size_t i;

	for (i = 0; i < c->n_cuts; i++) {
		struct nhrp_cut *cut = &c->cuts[i];

		if (cut->b.kind != NHRP_KIND_SHORTCUT ||
		    (nbma->family != 0 && addr_cmp(sa_binding_nbma(&cut->b), nbma) != 0))
			continue;
		cut->used_ms = now.ms;
		if (cut->set)
			extend(c, cut, now);
		else
			renew(c, cut, now);
	}
}

static uint64_t
idle_ms(const struct nhrp_client *c, const struct nhrp_cut *cut)
{
	uint64_t s = cut->idle_s != 0 ? cut->idle_s : c->idle_s;

	return (s == 0 || cut->b.kind != NHRP_KIND_SHORTCUT ? UINT64_MAX : cut->used_ms + s * 1000);
}

/* Runs the timers of shortcut ${i}. */
static void
cut_timeout(struct nhrp_client *c, size_t i, struct now now)
{
	struct nhrp_cut *cut = &c->cuts[i];
	struct sa_nhrp_event e;

	if (cut->end_ms <= now.ms) {
		client_withdraw(c, i);
		return;
	}
	if (idle_ms(c, cut) <= now.ms) {
		e = nhrp_node_event(c->node, now, "idle");
		e.proto = cut->b.proto;
		e.prefix = cut->b.prefix;
		e.remote = *sa_binding_nbma(&cut->b);
		client_withdraw(c, i);
		nhrp_node_tell(c->node, &e);
		return;
	}
	renew(c, cut, now);
	/* If no packet uses it now, the next packet renews it. */
	cut->looked = cut->looked || cut->renew_ms <= now.ms;
}

/* A traffic indication: a server reports that our packets could take a shortcut. */
static void
indication(struct nhrp_client *c, const struct nhrp_in *in, struct now now)
{
	struct addr src, dst;
	struct sa_nhrp_event e;

	if (nhrp_inner(in->p.inner, &src, &dst) != 0 || client_own_prefix(c, &dst) != 0 ||
	    (c->n_nets > 0 && client_own_prefix(c, &src) == 0) || known(c, &dst))
		return;
	if (!resolve(c, &dst, &in->from, now))
		return;
	e = nhrp_node_event(c->node, now, "indication");
	e.proto = dst;
	e.remote = in->from;
	nhrp_node_tell(c->node, &e);
}

void
nhrp_client_wanted(struct nhrp_client *c, const struct addr *hop, struct now now)
{
	const struct addr none = {0}, nhs = next_server(c, &none);

	if (!c->shortcut || hop->family != c->node->proto.family || nhs.family == 0 || client_own_prefix(c, hop) != 0 || known(c, hop))
		return;
	(void)resolve(c, hop, &nhs, now);
}

/* --- purges --- */

/* Withdraws the bindings to addresses that a purge names, and those with a next hop that it names. */
static void
purge(struct nhrp_client *c, const struct nhrp_in *in, struct now now)
{
	const struct nhrp_packet *p = &in->p;
	struct nhrp_packet reply = *p;
	struct sa_nhrp_event e;
	size_t i, j;

	for (j = 0; j < p->n_cies; j++) {
		const struct nhrp_cie *x = &p->cie[j];
		uint8_t prefix = x->prefix > nhrp_bits(&x->proto) ? nhrp_bits(&x->proto) : x->prefix;

		if (x->proto.family == 0)
			continue;
		for (i = c->n_cuts; i-- > 0;) {
			const struct sa_nhrp_binding *b = &c->cuts[i].b;

			if (!nhrp_within(&b->proto, &x->proto, prefix) && addr_cmp(&b->via, &x->proto) != 0)
				continue;
			e = nhrp_node_event(c->node, now, "purged");
			e.proto = b->proto;
			e.prefix = b->prefix;
			e.remote = in->from;
			client_withdraw(c, i);
			nhrp_node_tell(c->node, &e);
		}
	}
	if ((p->flags & NHRP_PURGE_NO_REPLY) != 0)
		return;
	reply.type = NHRP_PURGE_REPLY;
	reply.hops = NHRP_HOPS;
	nhrp_node_send(c->node, &in->from, &reply);
}

/* --- the machine --- */

/* Whether ${in} comes from an end that one of our shortcuts leads to. */
static bool
from_shortcut(const struct nhrp_client *c, const struct nhrp_in *in)
{
	size_t i;

	for (i = 0; i < c->n_cuts; i++)
		if (c->cuts[i].b.kind == NHRP_KIND_SHORTCUT && addr_cmp(sa_binding_nbma(&c->cuts[i].b), &in->from) == 0)
			return (true);
	return (false);
}

static bool
answered(struct nhrp_client *c, const struct nhrp_in *in, struct now now)
{
	size_t i;

	for (i = 0; i < c->n_regs; i++)
		if (nhrp_register_receive(&c->reg[i], in, now))
			return (true);
	for (i = 0; i < NHRP_CLIENT_ASKS; i++)
		if (nhrp_resolve_receive(&c->asks[i], in, now)) {
			keep(c, &c->asks[i], now);
			return (true);
		}
	return (false);
}

bool
nhrp_client_receive(struct nhrp_client *c, const struct nhrp_in *in, struct now now)
{
	struct acvpn a;
	uint8_t prefix;

	if (answered(c, in, now))
		return (true);
	/* Our own packet that comes back is no request of a peer. */
	if (addr_cmp(&in->p.src, &c->node->proto) == 0)
		return (false);
	switch (in->p.type) {
	case NHRP_RESOLUTION_REQUEST:
		if ((prefix = client_own_prefix(c, &in->p.dst)) == 0)
			return (false);
		answer(c, in, prefix, now);
		return (true);
	case NHRP_PURGE_REQUEST:
		if (!from_server(c, in) && !from_shortcut(c, in))
			return (false);
		purge(c, in, now);
		return (true);
	case NHRP_TRAFFIC_INDICATION:
		if (!from_server(c, in))
			return (false);
		if (c->connect && acvpn_find(&a, &in->p, ACVPN_SET) == 0) {
			client_resolution_set(c, in, &a, now);
			return (true);
		}
		if (!c->shortcut)
			return (false);
		indication(c, in, now);
		return (true);
	default:
		return (false);
	}
}

uint64_t
nhrp_client_deadline_ms(const struct nhrp_client *c)
{
	uint64_t at = UINT64_MAX, b;
	size_t i;

	for (i = 0; i < c->n_regs; i++)
		if ((b = nhrp_register_deadline_ms(&c->reg[i])) < at)
			at = b;
	for (i = 0; i < NHRP_CLIENT_ASKS; i++)
		if (c->asks[i].sent > 0 && c->asks[i].due_ms < at)
			at = c->asks[i].due_ms;
	for (i = 0; i < c->n_cuts; i++) {
		const struct nhrp_cut *cut = &c->cuts[i];

		if (cut->end_ms < at)
			at = cut->end_ms;
		if (!cut->looked && cut->renew_ms < at)
			at = cut->renew_ms;
		if ((b = idle_ms(c, cut)) < at)
			at = b;
	}
	return (at);
}

void
nhrp_client_timeout(struct nhrp_client *c, struct now now)
{
	size_t i;

	for (i = 0; i < c->n_regs; i++)
		nhrp_register_timeout(&c->reg[i], now);
	for (i = 0; i < NHRP_CLIENT_ASKS; i++) {
		struct nhrp_resolve *r = &c->asks[i];

		if (r->sent == 0 || r->due_ms > now.ms)
			continue;
		r->nhs_nbma = next_server(c, &r->nhs_nbma);
		r->nat = own_nat(c, &r->nhs_nbma);
		nhrp_resolve_timeout(r, now);
		if (r->answer.kind == NHRP_ANSWER_SILENCE)
			keep(c, r, now);
	}
	for (i = c->n_cuts; i-- > 0;)
		cut_timeout(c, i, now);
}

void
nhrp_client_again(struct nhrp_client *c, bool moved, struct now now)
{
	size_t i;

	/* A peer behind a NAT has no mapping for our new address: packets go by the server until the peer is resolved again. */
	while (moved && c->n_cuts > 0)
		client_withdraw(c, c->n_cuts - 1);
	for (i = 0; i < c->n_regs; i++)
		nhrp_register_again(&c->reg[i], now);
}

void
nhrp_client_stop(struct nhrp_client *c, struct now now)
{
	size_t i;

	while (c->n_cuts > 0)
		client_withdraw(c, c->n_cuts - 1);
	for (i = 0; i < c->n_regs; i++)
		nhrp_register_stop(&c->reg[i], now);
}
