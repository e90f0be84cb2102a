/* A client's part in an AutoConnect VPN (acvpn.h): checks Resolution-sets, makes shortcuts of them, and acknowledges them. */
#include "nhrp/client_priv.h"

#include <stdio.h>

#define SET_PREFIX_MIN	8	/* of a network that a Resolution-set brings */

/* Whether a shortcut may lead to ${net}: it must not be ours, and must not contain an address that the tunnels themselves need. */
static bool
may_lead(const struct nhrp_client *c, const struct nhrp_register *r, const struct acvpn *a, const struct nhrp_net *net)
{
	const struct addr *needed[] = { &c->node->proto, &c->node->nbma, &r->state.nhs, &r->conf.nhs_nbma, &r->state.nat, &a->nbma };
	size_t i;

	if (net->net.family != c->node->proto.family || net->prefix < SET_PREFIX_MIN || client_own_prefix(c, &net->net) != 0)
		return (false);
	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (nhrp_within(needed[i], &net->net, net->prefix))
			return (false);
	for (i = 0; i < c->n_nets; i++)
		if (nhrp_within(&c->nets[i].net, &net->net, net->prefix))
			return (false);
	return (true);
}

static enum nhrp_code
judge_set(const struct nhrp_client *c, const struct nhrp_register *r, const struct acvpn *a)
{
	const struct nhrp_net host = { a->proto, nhrp_bits(&a->proto) };
	size_t i;

	if (a->nbma.family != c->node->nbma.family || (acvpn_has(a, ACVPN_ATTR_INNER) && a->inner.family != a->nbma.family) ||
	    addr_cmp(&a->nbma, &c->node->nbma) == 0 ||
	    addr_cmp(&a->nbma, &r->conf.nhs_nbma) == 0 || !may_lead(c, r, a, &host))
		return (NHRP_CODE_PROHIBITED);
	for (i = 0; i < a->n_nets; i++)
		if (!may_lead(c, r, a, &a->nets[i]))
			return (NHRP_CODE_PROHIBITED);
	return (c->n_cuts + 1 + a->n_nets > NHRP_CLIENT_CUTS ? NHRP_CODE_NO_RESOURCES : NHRP_CODE_OK);
}

static void
put_set(struct nhrp_client *c, const struct nhrp_register *r, const struct acvpn *a, const struct nhrp_net *net, struct now now)
{
	struct nhrp_cut cut = { .b = nhrp_node_binding(c->node, now, NHRP_KIND_SHORTCUT, a->holding), .dst = a->proto,
	    .nhs_nbma = r->conf.nhs_nbma, .end_ms = now.ms + a->holding * UINT64_C(1000), .renew_ms = UINT64_MAX, .used_ms = now.ms,
	    .set = true, .idle_s = a->idle };
	struct sa_nhrp_binding *b = &cut.b;
	size_t i;

	b->proto = nhrp_network(&net->net, net->prefix);
	b->prefix = net->prefix;
	b->nbma = a->nbma;
	if (acvpn_has(a, ACVPN_ATTR_INNER)) {
		b->nbma = a->inner;
		b->nat_nbma = a->nbma;
		b->flags.nat = true;
	}
	if (addr_cmp(&b->proto, &a->proto) != 0 || b->prefix != nhrp_bits(&b->proto))
		b->via = a->proto;
	b->nhs = r->state.nhs;
	b->flags.passive = a->role == ACVPN_RESPONDER;
	b->has_cert = acvpn_has(a, ACVPN_ATTR_CERT);
	memcpy(b->cert, a->cert, sizeof(b->cert));
	b->has_profile = acvpn_has(a, ACVPN_ATTR_IKE) || acvpn_has(a, ACVPN_ATTR_ESP) || acvpn_has(a, ACVPN_ATTR_IKE_LIFETIME) ||
	    acvpn_has(a, ACVPN_ATTR_ESP_LIFETIME);
	b->profile = a->profile;
	if ((i = client_place(c, b)) == c->n_cuts)
		c->n_cuts++;
	c->cuts[i] = cut;
	c->node->sink.binding(c->node->sink.ctx, b);
}

/* Withdraws shortcuts by the peer of ${a} to networks that ${a} does not name any more. */
static void
drop_others(struct nhrp_client *c, const struct acvpn *a)
{
	for (size_t i = c->n_cuts; i-- > 0;) {
		const struct sa_nhrp_binding *b = &c->cuts[i].b;
		bool named = false;

		if (!c->cuts[i].set || addr_cmp(&b->via, &a->proto) != 0)
			continue;
		for (size_t k = 0; k < a->n_nets; k++)
			named = named || (a->nets[k].prefix == b->prefix && nhrp_within(&a->nets[k].net, &b->proto, b->prefix));
		if (!named)
			client_withdraw(c, i);
	}
}

static void
acknowledge(const struct nhrp_client *c, const struct nhrp_register *r, const struct nhrp_in *in)
{
	struct acvpn ack = { .kind = ACVPN_ACK, .serial = r->serial, .code = r->code };
	uint8_t buf[ACVPN_EXT_MAX];
	struct nhrp_packet p;

	acvpn_set(&ack, ACVPN_ATTR_SERIAL);
	acvpn_set(&ack, ACVPN_ATTR_CODE);
	nhrp_node_packet(c->node, &p, NHRP_TRAFFIC_INDICATION);
	p.hops = 1;
	p.dst = in->p.src;
	if (acvpn_add(&p, &ack, buf) == 0)
		nhrp_node_send(c->node, &in->from, &p);
}

void
client_resolution_set(struct nhrp_client *c, const struct nhrp_in *in, const struct acvpn *a, struct now now)
{
	struct nhrp_register *r = c->reg;
	struct sa_nhrp_event e;
	char num[NHRP_NUM_TEXT];

	while (r < c->reg + c->n_regs && addr_cmp(&r->conf.nhs_nbma, &in->from) != 0)
		r++;
	if (r == c->reg + c->n_regs || r->state.outcome != NHRP_ACCEPTED || a->registration != r->accepted_id)
		return;
	/* The same serial: the server has not received our answer. A lower one is a replay. */
	if (r->has_serial && a->serial <= r->serial) {
		if (a->serial == r->serial)
			acknowledge(c, r, in);
		return;
	}
	r->has_serial = true;
	r->serial = a->serial;
	r->code = (uint8_t)judge_set(c, r, a);
	e = nhrp_node_event(c->node, now, r->code == NHRP_CODE_OK ? "set" : "refused");
	e.proto = a->proto;
	e.remote = a->nbma;
	e.nhs = r->state.nhs;
	e.has_code = r->code != NHRP_CODE_OK;
	e.code = r->code;
	(void)snprintf(e.text, sizeof(e.text), e.has_code ? "Resolution-set: %s" : "%s", e.has_code ? nhrp_code_words(r->code, num) :
	    a->role == ACVPN_INITIATOR ? "this end begins the tunnel" : a->role == ACVPN_RESPONDER ? "the peer begins the tunnel" :
	    "both ends are behind a NAT and begin the tunnel");
	nhrp_node_tell(c->node, &e);
	if (r->code == NHRP_CODE_OK) {
		const struct nhrp_net host = { a->proto, nhrp_bits(&a->proto) };

		drop_others(c, a);
		put_set(c, r, a, &host, now);
		for (size_t i = 0; i < a->n_nets; i++)
			put_set(c, r, a, &a->nets[i], now);
	}
	acknowledge(c, r, in);
}
