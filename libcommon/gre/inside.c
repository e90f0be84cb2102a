/* NHRP inside of IPsec tunnels: packets to and from the tools, next hops and routes by their bindings. */
#include "gre/inside.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/csum.h"
#include "gre/attach.h"
#include "gre/bindings.h"
#include "gre/sampler.h"
#include "gre/uses.h"
#include "os/clock.h"

#define PROTO_NHRP	54
#define V4_HDR		20
#define V6_HDR		40
#define TTL		64
#define TOS		0xc0	/* precedence "internetwork control", as routing protocols have it */
#define SAMPLE_MAX	128	/* bytes of a packet in a sample */
/*
 * After the end of a binding its next hop stays bound so long: the kernel has no route to it any more, and the data path is about to
 * notice. The SA lives on for longer.
 */
#define UNBIND_S	1.
#define USE_S		0.1	/* after the first peer in use of a turn of the data path, for the others */
#define LEAVING		256	/* next hops that wait for that; more are unbound at once */

struct inside {
	struct ev_loop	*loop;
	struct datapath	*dp;
	struct inside_opt o;
	struct clock	 clock;
	struct gre_hub	*hub;
	struct gre_info	 info;
	struct sampler	*sampler;
	struct bindings	 bindings;
	struct addr	 leaving[LEAVING];
	size_t		 n_leaving;
	struct uses	 uses;
	ev_timer	 expiry, unbind, use;
	bool		 due;
	uint16_t	 id;		/* of IPv4 packets */
	void		(*trouble)(void *ctx, const struct fault *f);
	void		*ctx;
};

/* --- packets --- */

/* The next hop of a binding to ${nbma}; NULL: there is none. */
static const struct addr *
hop_of(const struct sa_nhrp_binding *b)
{
	return (b->via.family != 0 ? &b->via : &b->proto);
}

/* The address in the tunnel of the peer at ${nbma}. One that we do not know gets the packet too: the tunnel leads only there. */
static struct addr
peer_address(const struct inside *i, const struct addr *nbma)
{
	for (size_t k = 0; k < i->bindings.n; k++) {
		const struct sa_nhrp_binding *b = &i->bindings.list[k].rec;

		if (addr_cmp(sa_binding_nbma(b), nbma) == 0 && hop_of(b)->family == i->o.address.family)
			return (*hop_of(b));
	}
	return (i->o.address);
}

static size_t
put_header(struct inside *i, uint8_t *p, const struct addr *to, size_t len)
{
	const struct addr *own = &i->o.address;

	if (own->family == 6) {
		memset(p, 0, V6_HDR);
		put_be32(p, UINT32_C(6) << 28 | (uint32_t)TOS << 20);
		put_be16(p + 4, (uint16_t)len);
		p[6] = PROTO_NHRP;
		p[7] = TTL;
		memcpy(p + 8, own->b, 16);
		memcpy(p + 24, to->b, 16);
		return (V6_HDR);
	}
	memset(p, 0, V4_HDR);
	p[0] = 0x45;
	p[1] = TOS;
	put_be16(p + 2, (uint16_t)(V4_HDR + len));
	put_be16(p + 4, ++i->id);
	p[8] = TTL;
	p[9] = PROTO_NHRP;
	memcpy(p + 12, own->b, 4);
	memcpy(p + 16, to->b, 4);
	csum_put(p + 10, csum_bytes(p, V4_HDR), false);
	return (V4_HDR);
}

/* An NHRP packet of a tool. Without a tunnel to ${nbma} it is lost, as any datagram may be: the tool asks again. */
static void
on_tool(void *ctx, const struct addr *nbma, struct span nhrp)
{
	struct inside *i = ctx;
	uint8_t p[V6_HDR + GRE_ATTACH_MAX];
	struct addr to = peer_address(i, nbma);
	size_t head;

	if (nhrp.len == 0 || nhrp.len > GRE_ATTACH_MAX)
		return;
	head = put_header(i, p, &to, nhrp.len);
	memcpy(p + head, nhrp.p, nhrp.len);
	(void)datapath_send_to(i->dp, nbma, p, head + nhrp.len);
}

void
inside_nhrp(struct inside *i, const struct addr *from, struct span nhrp)
{
	struct gre_msg m = { .kind = GRE_MSG_NHRP, .nbma = *from, .data = nhrp };

	if (i == NULL)
		return;
	m.nbma.scope = 0;
	(void)gre_hub_give(i->hub, &m);
}

void
inside_crossed(struct inside *i, const struct addr *from, const struct addr *to, struct span head)
{
	struct gre_msg m = { .kind = GRE_MSG_SAMPLE, .to = *to };
	struct addr src, dst, nbma;
	uint64_t now_ms;

	if (i == NULL || i->sampler == NULL || !gre_hub_samples(i->hub) || head.len < V6_HDR)
		return;
	/* The data path has parsed it. */
	src = head.p[0] >> 4 == 4 ? addr_make(4, head.p + 12) : addr_make(6, head.p + 8);
	dst = head.p[0] >> 4 == 4 ? addr_make(4, head.p + 16) : addr_make(6, head.p + 24);
	now_ms = clock_mono_ms();
	sampler_in(i->sampler, &src, &dst, from, now_ms);
	if (!sampler_out(i->sampler, &src, &dst, now_ms, &nbma))
		return;
	m.nbma = nbma;
	m.proto = src.family == 4 ? 0x0800 : 0x86dd;
	m.data = span_of(head.p, head.len < SAMPLE_MAX ? head.len : SAMPLE_MAX);
	(void)gre_hub_give(i->hub, &m);
}

void
inside_used(struct inside *i, const struct addr *to)
{
	if (i == NULL || !gre_hub_uses(i->hub) || !uses_add(&i->uses, to))
		return;
	ev_timer_set(&i->use, USE_S, 0.);
	ev_timer_start(i->loop, &i->use);
}

static void
on_use(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct inside *i = w->data;
	uint8_t b[GRE_ATTACH_MAX];
	const struct gre_msg m = { .kind = GRE_MSG_USED, .data = span_of(b, uses_take(&i->uses, b)) };

	(void)loop, (void)revents;
	(void)gre_hub_give(i->hub, &m);
}

void
inside_up(struct inside *i)
{
	/* A registration that found no tunnel is repeated now, not after its pause. */
	if (i != NULL)
		gre_hub_info(i->hub, &i->info);
}

/* --- next hops --- */

static bool
is_ours(const struct sa_nhrp_binding *b)
{
	return (b->kind != NHRP_KIND_LOCAL && b->kind != NHRP_KIND_NEGATIVE && sa_binding_nbma(b)->family != 0);
}

/* The binding that gives ${hop} its peer; NULL: none does. */
static const struct sa_nhrp_binding *
binding_of(const struct inside *i, const struct addr *hop)
{
	for (size_t k = 0; k < i->bindings.n; k++)
		if (is_ours(&i->bindings.list[k].rec) && addr_cmp(hop_of(&i->bindings.list[k].rec), hop) == 0)
			return (&i->bindings.list[k].rec);
	return (NULL);
}

static void
unbind(struct inside *i, const struct addr *hop)
{
	struct fault f = {0};

	if (binding_of(i, hop) == NULL && datapath_bind_remote(i->dp, hop, NULL, false, &f) != 0)
		i->trouble(i->ctx, &f);
}

static void
on_unbind(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct inside *i = w->data;

	(void)loop, (void)revents;
	for (size_t k = 0; k < i->n_leaving; k++)
		unbind(i, &i->leaving[k]);
	i->n_leaving = 0;
}

/* The next hop of ${b}, which has ended, is unbound soon. */
static void
leave(void *ctx, const struct sa_nhrp_binding *b)
{
	struct inside *i = ctx;

	if (!is_ours(b))
		return;
	if (i->n_leaving == LEAVING)
		on_unbind(i->loop, &i->unbind, 0);
	i->leaving[i->n_leaving++] = *hop_of(b);
	ev_timer_stop(i->loop, &i->unbind);
	ev_timer_set(&i->unbind, UNBIND_S, 0.);
	ev_timer_start(i->loop, &i->unbind);
}

int
inside_record(struct inside *i, const struct sa_nhrp_binding *b, struct fault *f)
{
	const struct sa_nhrp_binding *have;
	struct sa_nhrp_binding was = {0};
	int rc;

	if (i == NULL || (b->tun[0] != '\0' && strcmp(b->tun, i->info.tun) != 0))
		return (0);
	if ((have = bindings_find(&i->bindings, b)) != NULL)
		was = *have;
	if ((rc = bindings_apply(&i->bindings, b, clock_now(&i->clock).epoch, f)) < 0)
		return (-1);
	i->due = true;
	if (have != NULL && (rc == BINDINGS_GONE || rc == BINDINGS_CHANGED))
		leave(i, &was);
	return (rc != BINDINGS_NEW && rc != BINDINGS_CHANGED ? 0 :
	    is_ours(b) ? datapath_bind_remote(i->dp, hop_of(b), sa_binding_nbma(b), true, f) : 0);
}

static void
set_expiry(struct inside *i)
{
	uint64_t next = bindings_next(&i->bindings), now = now_epoch_ms(clock_now(&i->clock));

	ev_timer_stop(i->loop, &i->expiry);
	if (next == UINT64_MAX || next > UINT64_MAX / 1000)
		return;
	/* At most an hour: the clock may be set meanwhile. */
	ev_timer_set(&i->expiry, next * 1000 <= now ? 0. : next * 1000 - now > 3600000 ? 3600. : (double)(next * 1000 - now) / 1000., 0.);
	ev_timer_start(i->loop, &i->expiry);
}

void
inside_settle(struct inside *i)
{
	size_t n, n_routes = 0, n_neighs = 0;
	struct route *routes;
	struct neigh *neighs;
	struct fault f = {0};

	if (i == NULL || !i->due)
		return;
	i->due = false;
	n = i->bindings.n;
	routes = calloc(n + 1, sizeof(*routes));
	neighs = calloc(n + 1, sizeof(*neighs));
	if (routes == NULL || neighs == NULL) {
		(void)fault(&f, FAULT_MEMORY, "no memory for routes");
		i->trouble(i->ctx, &f);
	} else {
		/* A TUN device has no neighbours: nhtb/ is in their place. */
		bindings_want(&i->bindings, &i->o.local, routes, &n_routes, neighs, &n_neighs);
		if (datapath_routes(i->dp, routes, n_routes, &f) != 0)
			i->trouble(i->ctx, &f);
	}
	free(routes);
	free(neighs);
	set_expiry(i);
}

static void
on_expiry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct inside *i = w->data;

	(void)loop, (void)revents;
	if (bindings_expire(&i->bindings, clock_now(&i->clock).epoch, leave, i) > 0)
		i->due = true;
	inside_settle(i);
	set_expiry(i);
}

size_t
inside_bindings(const struct inside *i)
{
	return (i != NULL ? i->bindings.n : 0);
}

/* --- life --- */

struct inside *
inside_open(struct ev_loop *loop, struct datapath *dp, const struct inside_opt *o,
    void (*trouble)(void *ctx, const struct fault *f), void *ctx, struct fault *f)
{
	struct inside *i = calloc(1, sizeof(*i));
	uint8_t key[16];

	if (i == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for NHRP");
		return (NULL);
	}
	*i = (struct inside){ .loop = loop, .dp = dp, .o = *o, .trouble = trouble, .ctx = ctx };
	i->info = (struct gre_info){ .ifindex = datapath_ifindex(dp), .local = o->local, .mtu = (uint32_t)datapath_mtu(dp) };
	(void)snprintf(i->info.tun, sizeof(i->info.tun), "%s", datapath_tun(dp));
	ev_timer_init(&i->expiry, on_expiry, 0., 0.);
	ev_timer_init(&i->unbind, on_unbind, 0., 0.);
	ev_timer_init(&i->use, on_use, 0., 0.);
	i->expiry.data = i->unbind.data = i->use.data = i;
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		(void)fault_sys(f, FAULT_SYSTEM, "no random numbers");
	else if (o->hub && (i->sampler = sampler_new(key)) == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for samples");
	else if ((i->hub = gre_hub_open(loop, &i->info, on_tool, i, f)) != NULL)
		return (i);
	inside_close(i);
	return (NULL);
}

void
inside_close(struct inside *i)
{
	if (i == NULL)
		return;
	gre_hub_free(i->hub);
	ev_timer_stop(i->loop, &i->expiry);
	ev_timer_stop(i->loop, &i->unbind);
	ev_timer_stop(i->loop, &i->use);
	sampler_free(i->sampler);
	bindings_free(&i->bindings);
	free(i);
}
