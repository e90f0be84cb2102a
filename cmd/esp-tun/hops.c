/* The static bindings of --nhtb: NEXTHOP=NAME, or @FILE with one in each line. */
#include "esp_tun.h"

#include "base/array.h"

#define HOPS_MAX	65536		/* bindings */

static int
add(void *ctx, const char *text, const char *where, struct fault *f)
{
	struct hops *h = ctx;
	struct datapath_hop one;

	if (tun_hop_parse(&one.hop, &one.name, text, where, f) != 0)
		return (-1);
	if (h->n == HOPS_MAX)
		return (fault(f, FAULT_TOO_LARGE, "--nhtb: at most %d bindings", HOPS_MAX));
	if (array_room((void **)&h->v, h->n, sizeof(*h->v)) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for the bindings of --nhtb"));
	h->v[h->n++] = one;
	return (0);
}

int
hops_read(struct hops *h, const struct opt_list *given, struct fault *f)
{
	return (lines_each(&h->texts, given->v, given->n, "--nhtb", add, h, f));
}
