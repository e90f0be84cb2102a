/* From GRE to the device. */
#include <errno.h>

#include "base/hash.h"
#include "esp/inner.h"
#include "gre/device_priv.h"

#define TCP		6
#define RESTART		16	/* old numbers in a row after which the peer counts as restarted */

static bool
drop(struct gre_device *d, enum gre_drop why)
{
	d->n.drops[why]++;
	return (false);
}

/*
 * Packets that are not newer than the last one are dropped (RFC 2890, 2.2). A peer that restarts begins at zero: that is believed
 * after several old numbers in a row.
 */
static bool
in_order(struct gre_device *d, const struct addr *peer, uint32_t seq)
{
	struct gre_sender *s = &d->senders[hash_bytes(peer->b, addr_len(peer), 0) % GRE_SENDERS];

	if (addr_cmp(&s->addr, peer) == 0 && (int32_t)(seq - s->last) <= 0 && ++s->behind < RESTART)
		return (drop(d, GRE_DROP_OLD));
	*s = (struct gre_sender){ .addr = *peer, .last = seq };
	return (true);
}

/* Whether ${h} of a packet from ${peer} is what this device talks to. */
static bool
is_ours(struct gre_device *d, const struct gre_head *h, const struct addr *peer)
{
	char from[ADDR_TEXT], remote[ADDR_TEXT];
	bool other = d->o.remote.family != 0 && addr_cmp(&d->o.remote, peer) != 0;

	if (h->has_key != d->o.has_key || (h->has_key && h->key != d->o.key)) {
		if (!other && h->has_key)
			gre_note(d, 1, "GRE from %s has key %u, which is not that of %s", addr_text(from, peer), h->key, d->info.tun);
		else if (!other)
			gre_note(d, 1, "GRE from %s has no key, %s has one", addr_text(from, peer), d->info.tun);
		return (drop(d, GRE_DROP_KEY));
	}
	if (other) {
		gre_note(d, 1, "GRE comes from %s instead of %s: a NAT in between has another address, or it is of another tunnel",
		    addr_text(from, peer), addr_text(remote, &d->o.remote));
		return (drop(d, GRE_DROP_SOURCE));
	}
	if (d->o.csum && !h->csum)
		return (drop(d, GRE_DROP_NO_CSUM));
	return (!d->o.seq || !h->has_seq || in_order(d, peer, h->seq));
}

/* NHRP goes to the tools; without one, to programs that listen on the device. */
static bool
hand_out(struct gre_device *d, const struct raw_pkt *k, const uint8_t *p, size_t len)
{
	const struct gre_msg m = { .kind = GRE_MSG_NHRP, .nbma = k->peer, .to = k->to, .proto = GRE_NHRP, .data = span_of(p, len) };

	d->n.nhrp_in++;
	return (gre_hub_give(d->hub, &m) > 0);
}

/* The link address of ${peer}. The kernel looks at it no more: only programs that listen for NHRP do. */
static uint32_t
link_of(const struct gre_device *d, const struct addr *peer, uint16_t proto)
{
	return (peer->family == 4 || proto == GRE_NHRP ? neighs_link(&d->neighs, peer) : 0);
}

static void
write_out(struct gre_device *d, struct pkt *const *k, size_t n, size_t head, uint16_t proto)
{
	int err = tap_write(&d->tap, link_of(d, &k[0]->remote.addr, proto), proto, k, n, head);

	if (err != 0)
		d->n.drops[GRE_DROP_UNWRITTEN] += n;
	if (err == EINVAL && n > 1)
		d->alone = true;
}

void
gre_put_joined(void *ctx, struct pkt *const *k, size_t n, size_t head)
{
	write_out(ctx, k, n, head, k[0]->p[0] >> 4 == 4 ? GRE_IPV4 : GRE_IPV6);
}

/* An inner packet: ECN, MSS, what a sample needs; then to the device, perhaps with others. */
static void
deliver(struct gre_device *d, const struct raw_pkt *raw, uint16_t proto, struct pkt *k)
{
	struct inner in;

	if (inner_parse(&in, k->p, k->len) != 0 || in.src.family != (proto == GRE_IPV4 ? 4 : 6)) {
		d->n.drops[GRE_DROP_INNER]++;
		return;
	}
	if (inner_ecn_exit(k->p, &in, raw->tos) != 0) {
		d->n.drops[GRE_DROP_ECN]++;
		return;
	}
	if (d->o.clamp && in.proto == TCP)
		(void)inner_mss_clamp(k->p, &in, inner_mss_of(in.src.family, gre_room(d, &raw->peer)));
	if (d->o.remote.family == 0 && gre_hub_samples(d->hub))
		sampler_in(d->sampler, &in.src, &in.dst, &raw->peer, d->turn_ms);
	k->inner_len = k->len = in.len;
	if (d->alone)
		gre_put_joined(d, &k, 1, 0);
	else
		coalesce_add(&d->join, k, &in);
}

static enum gre_drop
why(enum gre_verdict v)
{
	static const enum gre_drop drops[] = { [GRE_SHORT] = GRE_DROP_SHORT, [GRE_VERSION] = GRE_DROP_VERSION,
	    [GRE_FLAGS] = GRE_DROP_FLAGS, [GRE_CSUM] = GRE_DROP_CSUM };

	return (drops[v]);
}

/* One packet; ${k} is for what is in it. */
static void
take(struct gre_device *d, const struct raw_pkt *raw, struct pkt *k)
{
	enum gre_verdict v;
	struct gre_head h;
	size_t head;

	if ((v = gre_parse(&h, &head, span_of(raw->p, raw->len))) != GRE_OK) {
		d->n.drops[why(v)]++;
		return;
	}
	if (!is_ours(d, &h, &raw->peer))
		return;
	*k = (struct pkt){ .p = raw->p + head, .len = raw->len - head, .inner_len = raw->len - head, .remote.addr = raw->peer };
	d->n.in++;
	d->n.in_bytes += raw->len;
	if (h.proto == GRE_KEEPALIVE && k->len == 0 && d->o.keepalive_s > 0)
		gre_alive_answered(d);
	else if (h.proto == GRE_IPV4 || h.proto == GRE_IPV6) {
		if (!gre_alive_asked(d, raw, span_of(k->p, k->len)))
			deliver(d, raw, h.proto, k);
	} else if (h.proto != GRE_NHRP && h.proto != GRE_MPLS)
		d->n.drops[GRE_DROP_PROTO]++;
	else if (h.proto != GRE_NHRP || !hand_out(d, raw, k->p, k->len))
		write_out(d, &k, 1, 0, h.proto);
}

void
gre_in(struct gre_device *d, unsigned which)
{
	struct raw_pkt raw[RAW_BATCH];
	struct pkt k[RAW_BATCH];
	size_t n, i;

	for (i = 0; i < RAW_BATCH; i++)
		raw[i].p = gre_slot(d, i);
	d->turn_ms = clock_mono_ms();
	n = raw_receive(&d->raw, which, raw, RAW_BATCH, SLOT_ROOM);
	/* An ICMP error makes the call fail once. */
	if (n == 0)
		gre_path_errors(d, which);
	for (i = 0; i < n; i++)
		take(d, &raw[i], &k[i]);
	coalesce_flush(&d->join);
}
