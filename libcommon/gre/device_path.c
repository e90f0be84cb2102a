/*
 * Path MTUs to peers. The kernel learns them from ICMP errors about packets of the raw sockets, and forgets them after ten minutes. An inner
 * packet that does not fit in one piece, and must not be fragmented, is refused as a router does; others are fragmented outside.
 */
#include "base/hash.h"
#include "gre/device_priv.h"

#define PATH_MS		5000	/* after that the kernel is asked again */
#define OUTER_V4	20
#define OUTER_V6	40
#define UDP_HEAD	8
#define TCP_OFF		12	/* of the byte with the length of the header */
#define TUN_ROOM	64	/* bytes before a packet for the device */

static struct gre_path *
slot(const struct gre_device *d, const struct addr *peer)
{
	return (&d->paths[hash_bytes(peer->b, addr_len(peer), 0) % GRE_PATHS]);
}

size_t
gre_room(struct gre_device *d, const struct addr *peer)
{
	const struct gre_head h = { .csum = d->o.csum, .has_key = d->o.has_key, .has_seq = d->o.seq };
	const size_t heads = (peer->family == 6 ? OUTER_V6 : OUTER_V4) + gre_head_len(&h);
	struct gre_path *p = slot(d, peer);
	char text[ADDR_TEXT];
	size_t was = p->mtu;

	if (addr_cmp(&p->addr, peer) != 0 || d->turn_ms - p->at_ms >= PATH_MS) {
		was = addr_cmp(&p->addr, peer) == 0 ? was : 0;
		*p = (struct gre_path){ .addr = *peer, .mtu = path_mtu(&d->asker, peer), .at_ms = d->turn_ms };
		if (was != 0 && p->mtu != 0 && p->mtu != was)
			gre_note(d, 1, "path MTU to %s is %zu", addr_text(text, peer), p->mtu);
	}
	/* Without a route there is no limit: the packet will not be sent. */
	return (p->mtu <= heads || p->mtu - heads > d->info.mtu ? d->info.mtu : p->mtu - heads);
}

void
gre_path_errors(struct gre_device *d, unsigned which)
{
	struct gre_path *p;
	struct addr peer;

	while (raw_toobig(&d->raw, which, &peer))
		if (addr_cmp(&(p = slot(d, &peer))->addr, &peer) == 0)
			p->at_ms = d->turn_ms - PATH_MS;
}

/* Whether ${k} is, or has a segment that is, longer than ${room}. */
static bool
is_longer(const struct pkt *k, const struct inner *in, size_t room)
{
	size_t head = UDP_HEAD;

	if (k->gso == PKT_GSO_NONE)
		return (in->len > room);
	if (k->gso != PKT_GSO_UDP && in->l4 + TCP_OFF < k->len)
		head = (size_t)(k->p[in->l4 + TCP_OFF] >> 4) * 4;
	return (in->l4 + head + k->seg > room);
}

bool
gre_refused(struct gre_device *d, const struct pkt *k, const struct inner *in, const struct tap_frame *frame, size_t room)
{
	const size_t least = in->src.family == 6 ? INNER_MIN_V6 : INNER_MIN_V4;
	uint8_t buf[TUN_ROOM + TOOBIG_MAX];
	struct pkt answer = { .p = buf + TUN_ROOM, .buf = buf, .cap = sizeof(buf) }, *one = &answer;

	room = room < least ? least : room;
	if (!is_longer(k, in, room) || !in->df)
		return (false);
	answer.inner_len = answer.len = inner_toobig(answer.p, k->p, in, room);
	if (answer.len == 0)
		return (false);		/* nobody to tell */
	d->n.drops[GRE_DROP_TOO_BIG]++;
	(void)tap_write(&d->tap, frame->to, frame->proto, &one, 1, 0);
	return (true);
}
