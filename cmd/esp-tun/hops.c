/* The static bindings of --nhtb: NEXTHOP=NAME, or @FILE with one in each line. */
#include <stdlib.h>
#include <string.h>

#include "esp_tun.h"

#define HOPS_MAX	65536		/* bindings */

static int
add(struct hops *h, const struct datapath_hop *one, struct fault *f)
{
	struct datapath_hop *v;

	if (h->n == HOPS_MAX)
		return (fault(f, FAULT_TOO_LARGE, "--nhtb: at most %d bindings", HOPS_MAX));
	/* Room grows by powers of two. */
	if ((h->n & (h->n - 1)) == 0) {
		if ((v = realloc(h->v, (h->n > 0 ? 2 * h->n : 1) * sizeof(*v))) == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for the bindings of --nhtb"));
		h->v = v;
	}
	h->v[h->n++] = *one;
	return (0);
}

/* "10.255.0.2=berne". ${text} must stay. */
static int
parse(void *ctx, const char *text, const char *where, struct fault *f)
{
	const char *is = strchr(text, '=');
	struct datapath_hop one;
	char hop[ADDR_TEXT];

	if (is == NULL || is[1] == '\0' || (size_t)(is - text) >= sizeof(hop))
		return (fault(f, FAULT_USAGE, "%s: \"%s\" is not NEXTHOP=NAME", where, text));
	memcpy(hop, text, (size_t)(is - text));
	hop[is - text] = '\0';
	if (addr_parse(&one.hop, hop) != 0)
		return (fault(f, FAULT_BAD_ADDRESS, "%s: \"%s\" is no address", where, hop));
	one.name = is + 1;
	return (add(ctx, &one, f));
}

int
hops_read(struct hops *h, const struct opt_list *given, struct fault *f)
{
	return (lines_each(&h->texts, given->v, given->n, "--nhtb", parse, h, f));
}
