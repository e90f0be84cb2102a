/* Fragments of the local host, in order, put together. */
#include "esp/defrag.h"

#define V6_HDR		40
#define V6_FRAG		8
#define P_FRAGMENT	44

void
defrag_free(struct ip_frags *d)
{
	ip_frags_free(d);
}

/* 0, or -1: a header that the local host does not write. */
static int
read_part(struct ip_part *c, const uint8_t *p, const struct inner *in)
{
	size_t head = in->src.family == 4 ? (size_t)(p[0] & 15) * 4 : V6_HDR, from = head;
	uint16_t f;

	*c = (struct ip_part){ .src = in->src, .dst = in->dst, .id = in->id, .proto = in->proto };
	if (in->src.family == 4) {
		f = get_be16(p + 6);
		c->more = (f & 0x2000) != 0;
		c->off = (size_t)(f & 0x1fff) * 8;
	} else {
		if (p[6] != P_FRAGMENT || in->len < V6_HDR + V6_FRAG)
			return (-1);
		f = get_be16(p + V6_HDR + 2);
		c->more = (f & 1) != 0;
		c->off = f & 0xfff8;
		c->proto = p[V6_HDR];
		c->next_at = 6;
		from += V6_FRAG;
	}
	c->head = span_of(p, head);
	c->payload = span_of(p + from, in->len - from);
	return (0);
}

enum defrag_state
defrag_take(struct ip_frags **d, struct pkt *k, struct inner *in)
{
	static const struct ip_frags_conf conf = { .slots = DEFRAG_SLOTS, .in_order = true };
	struct ip_whole whole;
	struct ip_part part;
	const char *note;

	if ((*d == NULL && (*d = ip_frags_new(&conf)) == NULL) || read_part(&part, k->p, in) != 0)
		return (DEFRAG_BAD);
	switch (ip_frags_take(*d, &part, 0, &whole, &note)) {
	case IP_FRAGS_MORE:
		return (DEFRAG_MORE);
	case IP_FRAGS_WHOLE:
		break;
	case IP_FRAGS_BAD:
		return (DEFRAG_BAD);
	}
	/* The checksum of its header is left: ESP has a header of its own, and AH writes that of this one. */
	if (whole.all.len > PKT_MAX || k->buf == NULL || whole.all.len > k->cap - pkt_headroom(k))
		return (DEFRAG_BAD);
	memcpy(k->p, whole.all.p, whole.all.len);
	k->len = whole.all.len;
	if (inner_parse(in, k->p, k->len) != 0)
		return (DEFRAG_BAD);
	in->df = false;		/* its source has cut it */
	return (DEFRAG_WHOLE);
}
