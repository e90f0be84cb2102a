/*
 * Hub and spoke: a packet that came out of one tunnel and goes into another, without the kernel. The kernel decides that it
 * does: it is asked for the route of the pair of addresses, which is remembered for a second. Whatever is not plain
 * (errors to be reported, options, multicast, a packet that would go back) is left to the kernel, as without --hub.
 */
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define ROUTES		1024		/* pairs of addresses, a power of two */
#define ROUTE_MS	1000
#define ASKS_MS		100		/* in so much time */
#define ASKS		1000		/* ... the kernel is asked so often: a spoke chooses the addresses */
#define V4_HDR		20

struct dp_hub {
	struct hub_route { struct addr src, dst; uint64_t until_ms, changes; bool ours; } routes[ROUTES];
	uint64_t	 salt, asks_ms;
	unsigned	 asks;
};

int
dp_hub_open(struct datapath *dp, struct fault *f)
{
	const struct rand *r = &dp->opt.sadb.sa.rand;

	if (!dp->opt.hub)
		return (0);
	if ((dp->hub = calloc(1, sizeof(*dp->hub))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for the hub"));
	return (r->fill(r->state, (uint8_t *)&dp->hub->salt, sizeof(dp->hub->salt)) == 0 ? 0 :
	    fault(f, FAULT_CRYPTO, "no random numbers for the hub"));
}

void
dp_hub_close(struct datapath *dp)
{
	free(dp->hub);
	dp->hub = NULL;
}

/* Asks the kernel, unless it was asked too often just now. */
static bool
ask(struct datapath *dp, const struct inner *in, uint64_t now_ms)
{
	struct dp_hub *h = dp->hub;

	if (now_ms - h->asks_ms >= ASKS_MS) {
		h->asks_ms = now_ms;
		h->asks = 0;
	}
	return (h->asks++ < ASKS && routewatch_returns(&dp->hops.watch, &in->src, &in->dst));
}

/* Whether the kernel would send ${in}, which comes from the device, to the device again. */
static bool
returns(struct datapath *dp, const struct inner *in)
{
	uint64_t now_ms = (uint64_t)(ev_now(dp->fast) * 1000), h;
	struct hub_route *r;

	h = hash_bytes(in->src.b, addr_len(&in->src), dp->hub->salt);
	h = hash_bytes(in->dst.b, addr_len(&in->dst), h);
	r = &dp->hub->routes[h & (ROUTES - 1)];
	/* A clock that is set back makes the entry old, too. */
	if (r->until_ms > now_ms && r->until_ms - now_ms <= ROUTE_MS && r->changes == dp->hops.changes &&
	    addr_cmp(&r->src, &in->src) == 0 && addr_cmp(&r->dst, &in->dst) == 0)
		return (r->ours);
	*r = (struct hub_route){ in->src, in->dst, now_ms + ROUTE_MS, dp->hops.changes, ask(dp, in, now_ms) };
	return (r->ours);
}

/* Whether ${in} is unicast, of more than the link. */
static bool
is_plain(const struct addr *a)
{
	if (a->family == 4)
		return (a->b[0] != 0 && a->b[0] != 127 && a->b[0] < 224 && !(a->b[0] == 169 && a->b[1] == 254));
	return (a->b[0] != 0xff && !(a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80));
}

/* One hop less, if that is left and there is nothing in the header for a router to read. */
static bool
decrement(uint8_t *p, const struct inner *in)
{
	uint32_t sum;

	if (in->src.family == 6) {
		/* Hop-by-hop options and routing headers are for routers. */
		if (p[6] == 0 || p[6] == 43 || p[7] <= 1)
			return (false);
		p[7]--;
		return (true);
	}
	if ((p[0] & 15) * 4 != V4_HDR || p[8] <= 1)
		return (false);
	p[8]--;
	/* RFC 1624: the word of time and protocol has 0x100 less. */
	sum = get_be16(p + 10) + UINT32_C(0x100);
	put_be16(p + 10, (uint16_t)(sum + (sum >= 0xffff)));
	return (true);
}

bool
dp_hub(struct datapath *dp, struct pkt *k, const struct inner *in)
{
	const struct esp_sa *from = k->sa;
	enum esp_verdict why;
	struct esp_sa *to;
	struct pkt o;

	if (from->mode != SA_TUNNEL || !is_plain(&in->src) || !is_plain(&in->dst) || !returns(dp, in))
		return (false);
	to = sadb_by_packet(dp->db, in, NULL, &why);
	if (to == NULL || to->pair == from->pair || to->mode != SA_TUNNEL || !decrement(k->p, in))
		return (false);
	if (dp->calls.crossed != NULL)
		dp->calls.crossed(dp->ctx, &from->pair->out.dst.addr, &to->dst.addr, span_of(k->p, k->inner_len));
	dp_worker(dp)->count.in.packets++;
	dp_worker(dp)->count.in.bytes += k->inner_len;
	o = (struct pkt){ .p = k->p, .len = k->inner_len, .buf = k->buf, .cap = k->cap, .csum = PKT_CSUM_FULL };
	dp_out(dp, &o);
	return (true);
}
