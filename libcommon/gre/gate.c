/* The NBMA addresses that a GRE device may send to. */
#include "gre/gate.h"

#include <stdlib.h>

/* The first entry that is not before ${addr} and ${source}. */
static size_t
place(const struct gate *g, const struct addr *addr, unsigned source)
{
	size_t low = 0, high = g->n, mid;
	int c;

	while (low < high) {
		mid = low + (high - low) / 2;
		c = addr_cmp(&g->list[mid].addr, addr);
		if (c < 0 || (c == 0 && g->list[mid].source < source))
			low = mid + 1;
		else
			high = mid;
	}
	return (low);
}

static bool
is_at(const struct gate *g, size_t at, const struct addr *addr)
{
	return (at < g->n && addr_cmp(&g->list[at].addr, addr) == 0);
}

bool
gate_has(struct gate *g, const struct addr *addr)
{
	if (!is_at(g, g->last, addr))
		g->last = place(g, addr, 0);
	return (is_at(g, g->last, addr));
}

int
gate_add(struct gate *g, const struct addr *addr, unsigned source, struct fault *f)
{
	size_t at = place(g, addr, source), cap = g->cap < 16 ? 16 : 2 * g->cap;
	bool had = gate_has(g, addr);
	struct gate_entry *list;

	if (is_at(g, at, addr) && g->list[at].source == source)
		return (0);
	if (g->n == GATE_MAX)
		return (fault(f, FAULT_TOO_LARGE, "SAs with %d peers are known already", GATE_MAX));
	if (g->n == g->cap) {
		if ((list = realloc(g->list, cap * sizeof(*list))) == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for a peer"));
		g->list = list;
		g->cap = cap;
	}
	memmove(&g->list[at + 1], &g->list[at], (g->n - at) * sizeof(*g->list));
	g->list[at] = (struct gate_entry){ .addr = *addr, .source = source };
	g->n++;
	return (had ? 0 : 1);
}

bool
gate_remove(struct gate *g, const struct addr *addr, unsigned source)
{
	size_t at = place(g, addr, source);

	if (!is_at(g, at, addr) || g->list[at].source != source)
		return (false);
	g->n--;
	memmove(&g->list[at], &g->list[at + 1], (g->n - at) * sizeof(*g->list));
	return (!gate_has(g, addr));
}

void
gate_source_over(struct gate *g, unsigned source)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->n; i++)
		if (g->list[i].source != source)
			g->list[kept++] = g->list[i];
	g->n = kept;
}

void
gate_free(struct gate *g)
{
	free(g->list);
	*g = (struct gate){0};
}
