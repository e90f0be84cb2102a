/* From the device to GRE. */
#include <errno.h>
#include <string.h>

#include "datapath/segment.h"
#include "gre/device_priv.h"

#define ICMP		1
#define TCP		6
#define ICMP_REDIRECT	5
#define NOWHERE		0xffffffffu	/* the link address of broadcasts and multicasts */
#define SAMPLE_BYTES	576		/* of a sampled packet, at most */
#define TURN_PACKETS	64		/* of the device, before others have their turn */
#define TURN_BYTES	(256 * 1024)
#define SILENT_PACKETS	10		/* sent without an answer, before ... */
#define SILENT_MS	10000		/* ... this time has gone by: a hint */

/* Puts GRE around ${len} bytes at ${payload}. */
static struct raw_pkt
wrap(struct gre_device *d, const struct addr *nbma, uint16_t proto, uint8_t *payload, size_t len, uint8_t tos)
{
	const struct gre_head h = { .proto = proto, .csum = d->o.csum, .has_key = d->o.has_key, .key = d->o.key,
	    .has_seq = d->o.seq, .seq = d->o.seq ? d->seq++ : 0 };
	uint8_t *p = gre_put(&h, payload, len);

	return ((struct raw_pkt){ .p = p, .len = (size_t)(payload - p) + len, .peer = *nbma, .tos = tos });
}

/* Packets to one that never answers: GRE has no handshake that would say so. */
static void
watch_silence(struct gre_device *d, const struct addr *to)
{
	char text[ADDR_TEXT];
	uint64_t now = clock_mono_ms();

	if (d->silence_told || d->n.in != 0)
		return;
	if (d->first_out_ms == 0)
		d->first_out_ms = now;
	if (d->n.out < SILENT_PACKETS || now - d->first_out_ms < SILENT_MS)
		return;
	d->silence_told = true;
	gre_note(d, 0, "no GRE has come back from %s: the other end needs this address as its peer and the same key%s, and NAT and packet "
	    "filters in between must pass IP protocol 47, which has no ports", addr_text(text, to), d->o.csum ? " and checksums" : "");
}

/* Sends what is ready. */
static void
flush(struct gre_device *d)
{
	struct raw_pkt *pkts = d->pkts;
	size_t i = 0, n = d->n_pkts, run, sent;
	char text[ADDR_TEXT];

	d->n_pkts = 0;
	while (i < n) {
		/* A call sends packets of one family. */
		for (run = 1; i + run < n && pkts[i + run].peer.family == pkts[i].peer.family; run++)
			continue;
		sent = raw_send(&d->raw, &pkts[i], run);
		for (size_t k = i; k < i + sent; k++) {
			d->n.out++;
			d->n.out_bytes += pkts[k].len;
		}
		i += sent;
		if (sent == run)
			continue;
		if (errno != EAGAIN)
			gre_note(d, 0, "cannot send GRE to %s: %s%s", addr_text(text, &pkts[i].peer), strerror(errno),
			    errno == EPERM ? " (a packet filter of this machine rejects IP protocol 47)" : "");
		d->n.drops[GRE_DROP_UNSENT]++;
		i++;
	}
	if (n > 0)
		watch_silence(d, &pkts[0].peer);
}

/* The next packet to be sent is written here. */
static uint8_t *
next_slot(struct gre_device *d)
{
	if (d->n_pkts == RAW_BATCH)
		flush(d);
	return (gre_slot(d, d->n_pkts));
}

void
gre_out_one(struct gre_device *d, const struct addr *nbma, uint16_t proto, struct span payload, uint8_t tos)
{
	uint8_t *p = next_slot(d);

	memcpy(p, payload.p, payload.len);
	d->pkts[d->n_pkts] = wrap(d, nbma, proto, p, payload.len, tos);
	d->n_pkts++;
	flush(d);
}

/* What leaves by the device it came in by is shown to the tool that sends indications. */
static void
sample(struct gre_device *d, const struct inner *in, uint16_t proto, const uint8_t *p, size_t len, const struct addr *to)
{
	struct gre_msg m = { .kind = GRE_MSG_SAMPLE, .to = *to, .proto = proto,
	    .data = span_of(p, len < SAMPLE_BYTES ? len : SAMPLE_BYTES) };

	if (d->o.remote.family == 0 && gre_hub_samples(d->hub) && sampler_out(d->sampler, &in->src, &in->dst, d->turn_ms, &m.nbma))
		d->n.samples += gre_hub_give(d->hub, &m);
}

/* The kernel asks for a next hop that no binding has told of: a tool may find it. */
static void
wanted(struct gre_device *d, const struct addr *hop)
{
	const struct gre_msg m = { .kind = GRE_MSG_WANTED, .to = *hop };

	(void)gre_hub_give(d->hub, &m);
}

bool
gre_out_allowed(struct gre_device *d, const struct addr *to)
{
	if (!d->o.require_sa || gate_has(&d->gate, to))
		return (true);
	d->n.drops[GRE_DROP_NO_SA]++;
	return (false);
}

/* Where a frame goes to. False: nowhere, and counted. */
static bool
look(struct gre_device *d, const struct tap_frame *frame, struct addr *to)
{
	if (frame->proto == GRE_ARP) {
		d->n.drops[GRE_DROP_NEIGHBOUR]++;
		return (false);
	}
	if (d->o.remote.family != 0) {
		*to = d->o.remote;
		return (gre_out_allowed(d, to));
	}
	if (frame->to == NOWHERE) {
		d->n.drops[GRE_DROP_MULTICAST]++;
		return (false);
	}
	*to = neighs_nbma(&d->neighs, frame->to);
	if (to->family == 0) {
		d->n.drops[GRE_DROP_NEIGHBOUR]++;
		return (false);
	}
	return (gre_out_allowed(d, to));
}

/* An inner packet of the kernel: what is not to be sent, path MTU, MSS, samples. False: it goes no further, and is counted. */
static bool
inspect(struct gre_device *d, struct pkt *k, const struct inner *in, const struct tap_frame *frame, const struct addr *to)
{
	size_t room;

	if (in->proto == GRE_IP_PROTO && addr_cmp(&in->dst, to) == 0) {
		if (d->n.drops[GRE_DROP_LOOP]++ == 0)
			gre_note(d, 0, "the route to the NBMA address of a peer leads into %s itself: give that address a route of its own",
			    d->info.tun);
		return (false);
	}
	/* The kernel sees packets leave where they came in. The way back is not a better one: it is another tunnel. */
	if (in->proto == ICMP && !in->frag_rest && in->l4 < in->len && d->o.remote.family == 0 && k->p[in->l4] == ICMP_REDIRECT) {
		d->n.drops[GRE_DROP_REDIRECT]++;
		return (false);
	}
	room = gre_room(d, to);
	if (gre_refused(d, k, in, frame, room))
		return (false);
	if (d->o.clamp && k->gso == PKT_GSO_NONE && in->proto == TCP)
		(void)inner_mss_clamp(k->p, in, inner_mss_of(in->src.family, room));
	sample(d, in, frame->proto, k->p, k->len, to);
	return (true);
}

/* Puts the packet, or the segments of a super-packet, into slots. False: it is malformed. */
static bool
place(struct gre_device *d, const struct pkt *k, const struct inner *in, uint16_t proto, const struct addr *to)
{
	struct segmenter s;
	uint8_t *p;
	size_t len;

	if (k->gso == PKT_GSO_NONE) {
		p = next_slot(d);
		memcpy(p, k->p, k->len);
		d->pkts[d->n_pkts] = wrap(d, to, proto, p, k->len, in->tos);
		d->n_pkts++;
		return (true);
	}
	if (segment_begin(&s, k, in) != 0)
		return (false);
	while ((len = segment_len(&s)) > 0) {
		p = next_slot(d);
		segment_put(&s, p + in->l4, true);
		d->pkts[d->n_pkts] = wrap(d, to, proto, p, len, in->tos);
		d->n_pkts++;
	}
	return (true);
}

/* Copies a multicast packet to each next hop server and each client that has an address of its family in the tunnel. */
static void
copy(struct gre_device *d, struct pkt *k, const struct tap_frame *frame)
{
	struct inner in;

	if (k->gso != PKT_GSO_NONE || segment_complete(k) != 0 || inner_parse(&in, k->p, k->len) != 0) {
		d->n.drops[GRE_DROP_BAD_OUT]++;
		return;
	}
	for (size_t i = 0; i < d->bindings.n; i++) {
		const struct sa_nhrp_binding *b = &d->bindings.list[i].rec;

		if ((b->kind != NHRP_KIND_NHS && b->kind != NHRP_KIND_DYNAMIC) || b->via.family != 0 ||
		    b->proto.family != in.src.family || b->prefix != 8 * addr_len(&b->proto))
			continue;
		if (sa_binding_nbma(b)->family != 0 && gre_out_allowed(d, sa_binding_nbma(b)))
			(void)place(d, k, &in, frame->proto, sa_binding_nbma(b));
	}
}

/* A packet of the kernel. */
static void
take(struct gre_device *d, struct pkt *k, const struct tap_frame *frame)
{
	struct inner in = {0};
	struct addr to, hop;

	if (d->o.remote.family == 0 && tap_question(frame, k, &hop))
		wanted(d, &hop);
	if (d->o.multicast && d->o.remote.family == 0 && frame->to == NOWHERE && (frame->proto == GRE_IPV4 || frame->proto == GRE_IPV6)) {
		copy(d, k, frame);
		return;
	}
	if (!look(d, frame, &to))
		return;
	if (frame->proto == GRE_IPV4 || frame->proto == GRE_IPV6) {
		if ((k->gso == PKT_GSO_NONE && segment_complete(k) != 0) || inner_parse(&in, k->p, k->len) != 0) {
			d->n.drops[GRE_DROP_BAD_OUT]++;
			return;
		}
		if (!inspect(d, k, &in, frame, &to))
			return;
		gre_used(d, &to);
	} else if (k->gso != PKT_GSO_NONE) {
		d->n.drops[GRE_DROP_BAD_OUT]++;
		return;
	} else if (frame->proto == GRE_NHRP)
		d->n.nhrp_out++;
	if (!place(d, k, &in, frame->proto, &to))
		d->n.drops[GRE_DROP_BAD_OUT]++;
}

void
gre_out(struct gre_device *d)
{
	struct tap_frame frame;
	struct fault f;
	struct pkt k;
	size_t bytes = 0;
	int rc;

	d->turn_ms = clock_mono_ms();
	for (int i = 0; i < TURN_PACKETS && bytes < TURN_BYTES; i++) {
		k = (struct pkt){ .p = gre_slot(d, RAW_BATCH), .buf = gre_slot(d, RAW_BATCH) - SLOT_HEAD, .cap = SLOT_HEAD + SLOT_ROOM };
		if ((rc = tap_read(&d->tap, &k, &frame, &d->n.drops[GRE_DROP_CUT], &f)) < 0)
			d->calls->broken(d->ctx, &f);
		if (rc <= 0)
			break;
		bytes += k.len;
		take(d, &k, &frame);
	}
	flush(d);
}
