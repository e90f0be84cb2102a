/* Registrations by NBMA address. */
#include "nhrp/quota.h"

#include <stdlib.h>

struct source {
	struct table_node node;
	struct addr	nbma;
	size_t		n;
};

static uint64_t
hash_of(const struct nhrp_quota *q, const struct addr *nbma)
{
	return (hash_bytes(nbma->b, addr_len(nbma), q->salt));
}

static struct source *
find(const struct nhrp_quota *q, const struct addr *nbma)
{
	struct table *t = (struct table *)&q->table;	/* it only counts what it compared */
	struct table_node *n;

	for (n = table_first(t, hash_of(q, nbma)); n != NULL; n = table_next(t, n)) {
		struct source *s = ENTRY_OF(n, struct source, node);

		if (addr_cmp(&s->nbma, nbma) == 0)
			return (s);
	}
	return (NULL);
}

size_t
nhrp_quota_count(const struct nhrp_quota *q, const struct addr *nbma)
{
	const struct source *s = q->table.n == 0 ? NULL : find(q, nbma);

	return (s == NULL ? 0 : s->n);
}

int
nhrp_quota_add(struct nhrp_quota *q, const struct addr *nbma)
{
	struct source *s;

	if (table_ready(&q->table) != 0)
		return (-1);
	if ((s = find(q, nbma)) == NULL) {
		if ((s = calloc(1, sizeof(*s))) == NULL)
			return (-1);
		s->nbma = *nbma;
		if (table_put(&q->table, &s->node, hash_of(q, nbma)) != 0) {
			free(s);
			return (-1);
		}
	}
	s->n++;
	return (0);
}

void
nhrp_quota_drop(struct nhrp_quota *q, const struct addr *nbma)
{
	struct source *s = q->table.n == 0 ? NULL : find(q, nbma);

	if (s == NULL || --s->n > 0)
		return;
	table_remove(&q->table, &s->node);
	free(s);
}

void
nhrp_quota_close(struct nhrp_quota *q)
{
	table_free(&q->table);
}
