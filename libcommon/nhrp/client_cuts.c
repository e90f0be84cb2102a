/* The table of a client's shortcuts, and the client's own networks. */
#include "nhrp/client_priv.h"

uint8_t
client_own_prefix(const struct nhrp_client *c, const struct addr *a)
{
	uint8_t best = addr_cmp(a, &c->node->proto) == 0 ? nhrp_bits(a) : 0;
	size_t i;

	for (i = 0; i < c->n_nets; i++)
		if (nhrp_within(a, &c->nets[i].net, c->nets[i].prefix) && c->nets[i].prefix > best)
			best = c->nets[i].prefix;
	return (best);
}

void
client_withdraw(struct nhrp_client *c, size_t i)
{
	struct sa_nhrp_binding b = c->cuts[i].b;

	c->cuts[i] = c->cuts[--c->n_cuts];
	b.holding = b.expires = 0;
	b.nbma = b.nat_nbma = (struct addr){0};
	c->node->sink.binding(c->node->sink.ctx, &b);
}

static bool
same_net(const struct sa_nhrp_binding *a, const struct sa_nhrp_binding *b)
{
	return (a->prefix == b->prefix && addr_cmp(&a->proto, &b->proto) == 0);
}

size_t
client_place(struct nhrp_client *c, const struct sa_nhrp_binding *b)
{
	size_t i;

	for (i = 0; i < c->n_cuts && !same_net(&c->cuts[i].b, b); i++)
		;
	if (i < NHRP_CLIENT_CUTS)
		return (i);
	client_withdraw(c, 0);
	return (c->n_cuts);
}
