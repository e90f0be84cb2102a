/* Networks by longest match. */
#include "base/prefix.h"

struct addr
prefix_net(const struct addr *a, unsigned bits)
{
	struct addr net = { .family = a->family };
	size_t whole = bits / 8;

	memcpy(net.b, a->b, whole);
	if (bits % 8 != 0)
		net.b[whole] = a->b[whole] & (uint8_t)(0xff00 >> bits % 8);
	return (net);
}

static uint64_t
hash_of(const struct prefixes *t, const struct addr *net, unsigned bits)
{
	return (hash_bytes(net->b, addr_len(net), t->salt ^ bits << 8 ^ net->family));
}

void
prefixes_free(struct prefixes *t)
{
	table_free(&t->table);
	*t = (struct prefixes){ .salt = t->salt };
}

int
prefixes_put(struct prefixes *t, struct prefix *p)
{
	bool v6 = p->net.family == 6;
	uint8_t *lens = t->lens[v6];
	size_t i = 0;

	if (table_put(&t->table, &p->node, hash_of(t, &p->net, p->bits)) != 0)
		return (-1);
	if (t->n_of[v6][p->bits]++ > 0)
		return (0);
	while (i < t->n_lens[v6] && lens[i] > p->bits)
		i++;
	memmove(lens + i + 1, lens + i, t->n_lens[v6] - i);
	lens[i] = p->bits;
	t->n_lens[v6]++;
	return (0);
}

void
prefixes_remove(struct prefixes *t, struct prefix *p)
{
	bool v6 = p->net.family == 6;
	uint8_t *lens = t->lens[v6];
	size_t i = 0;

	table_remove(&t->table, &p->node);
	if (--t->n_of[v6][p->bits] > 0)
		return;
	while (lens[i] != p->bits)
		i++;
	memmove(lens + i, lens + i + 1, --t->n_lens[v6] - i);
}

struct prefix *
prefixes_same(struct prefixes *t, const struct addr *net, unsigned bits)
{
	struct table_node *n;
	struct prefix *p;

	for (n = table_first(&t->table, hash_of(t, net, bits)); n != NULL; n = table_next(&t->table, n)) {
		p = ENTRY_OF(n, struct prefix, node);
		if (p->bits == bits && addr_cmp(&p->net, net) == 0)
			return (p);
	}
	return (NULL);
}

struct prefix *
prefixes_find(struct prefixes *t, const struct addr *a)
{
	bool v6 = a->family == 6;
	struct addr net;
	struct prefix *p;

	for (size_t i = 0; i < t->n_lens[v6]; i++) {
		net = prefix_net(a, t->lens[v6][i]);
		if ((p = prefixes_same(t, &net, t->lens[v6][i])) != NULL)
			return (p);
	}
	return (NULL);
}
