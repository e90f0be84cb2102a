/* The control socket of a GRE device: its counters, and its next hops. */
#include <stdio.h>

#include "gre/device_priv.h"

static void
count_put(struct sa_count *c, const uint64_t *drops, const uint64_t *zero, unsigned first, unsigned end)
{
	static const char *const words[] = {
#define GRE_DROP_WORD(drop, text, word) [GRE_DROP_##drop] = word,
		GRE_DROP_TABLE(GRE_DROP_WORD)
#undef GRE_DROP_WORD
	};

	for (unsigned i = first; i < end && c->n_drops < SA_DROPS_MAX; i++) {
		if (drops[i] == zero[i])
			continue;
		(void)snprintf(c->drops[c->n_drops].reason, SA_WORD, "%s", words[i]);
		c->drops[c->n_drops++].packets = drops[i] - zero[i];
	}
}

static void
stat_put(const struct gre_device *d, struct sa_tun_stat *s)
{
	const struct gre_counts *n = &d->n, *z = &d->zero;

	*s = (struct sa_tun_stat){ .time = clock_now(&d->clock).epoch, .since = d->since, .mtu = d->o.mtu, .has_bindings = true,
	    .bindings = d->bindings.n };
	(void)snprintf(s->tun, sizeof(s->tun), "%s", d->info.tun);
	s->in.packets = n->in - z->in;
	s->in.bytes = n->in_bytes - z->in_bytes;
	s->out.packets = n->out - z->out;
	s->out.bytes = n->out_bytes - z->out_bytes;
	count_put(&s->in, n->drops, z->drops, 0, GRE_DROP_NEIGHBOUR);
	count_put(&s->out, n->drops, z->drops, GRE_DROP_NEIGHBOUR, GRE_DROPS);
}

/* Whether another binding is for the next hop of ${b} itself. */
static bool
listed(const struct gre_device *d, const struct sa_nhrp_binding *b)
{
	struct sa_nhrp_binding hop = *b;

	if (b->via.family == 0)
		return (false);
	hop.proto = b->via;
	hop.prefix = (uint8_t)(8 * addr_len(&b->via));
	return (bindings_find(&d->bindings, &hop) != NULL);
}

static bool
next(void *ctx, enum control_answer what, uint64_t *serial, struct sa_rec *out)
{
	struct gre_device *d = ctx;

	/* A binding that comes or goes between two turns of a long answer may be missing in it, or come twice. */
	while (what == ANSWER_HOPS && *serial < d->bindings.n) {
		const struct sa_nhrp_binding *b = &d->bindings.list[(*serial)++].rec;
		const struct addr *nbma = sa_binding_nbma(b);

		if (nbma->family == 0 || b->kind == NHRP_KIND_LOCAL || listed(d, b))
			continue;
		out->type = SA_NEXT_HOP;
		out->next_hop = (struct sa_next_hop){ .hop = b->via.family != 0 ? b->via : b->proto, .flag = SA_HOP_AUTOMATIC,
		    .state = !d->o.require_sa || gate_has(&d->gate, nbma) ? SA_HOP_UP : SA_HOP_DOWN,
		    .has_remote = true, .remote = { .addr = *nbma } };
		return (true);
	}
	out->type = SA_TUN_STAT;
	stat_put(d, &out->tun_stat);
	if (what == ANSWER_RESET) {
		d->zero = d->n;
		d->since = out->tun_stat.time;
	}
	return (false);
}

static void
note(void *ctx, const char *text)
{
	gre_note(ctx, 0, "%s", text);
}

int
gre_device_listen(struct gre_device *d, const char *path, struct fault *f)
{
	const struct control_host host = { .loop = d->loop, .clock = &d->clock, .tool = "gre-tun", .ctx = d, .next = next, .note = note };

	return ((d->control = control_open(&host, path, f)) != NULL ? 0 : -1);
}
