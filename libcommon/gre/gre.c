/* The GRE header: bounded, without state. */
#include "gre/gre.h"

#include "base/csum.h"

#define BIT_C		0x8000u
#define BIT_K		0x2000u
#define BIT_S		0x1000u
/* RFC 2784, 2.3: a packet with bit 1, 4 or 5 is dropped, since this code has no RFC 1701. Bits 6 to 12 are ignored. */
#define BITS_REFUSED	0x4c00u
#define BITS_VERSION	0x0007u

enum gre_verdict
gre_parse(struct gre_head *h, size_t *len, struct span in)
{
	unsigned flags;
	size_t at = GRE_HEAD_MIN;

	if (in.len < GRE_HEAD_MIN)
		return (GRE_SHORT);
	flags = get_be16(in.p);
	if ((flags & BITS_VERSION) != 0)
		return (GRE_VERSION);
	if ((flags & BITS_REFUSED) != 0)
		return (GRE_FLAGS);
	*h = (struct gre_head){ .proto = get_be16(in.p + 2), .csum = (flags & BIT_C) != 0, .has_key = (flags & BIT_K) != 0,
	    .has_seq = (flags & BIT_S) != 0 };
	*len = gre_head_len(h);
	if (in.len < *len)
		return (GRE_SHORT);
	if (h->csum) {
		if (!csum_right(csum_bytes(in.p, in.len)))
			return (GRE_CSUM);
		at += 4;
	}
	if (h->has_key) {
		h->key = get_be32(in.p + at);
		at += 4;
	}
	if (h->has_seq)
		h->seq = get_be32(in.p + at);
	return (GRE_OK);
}

uint8_t *
gre_put(const struct gre_head *h, uint8_t *payload, size_t len)
{
	size_t head = gre_head_len(h), at = GRE_HEAD_MIN;
	uint8_t *p = payload - head;

	put_be16(p, (uint16_t)((h->csum ? BIT_C : 0) | (h->has_key ? BIT_K : 0) | (h->has_seq ? BIT_S : 0)));
	put_be16(p + 2, h->proto);
	if (h->csum) {
		memset(p + at, 0, 4);
		at += 4;
	}
	if (h->has_key) {
		put_be32(p + at, h->key);
		at += 4;
	}
	if (h->has_seq)
		put_be32(p + at, h->seq);
	if (h->csum)
		csum_put(p + GRE_HEAD_MIN, csum_bytes(p, head + len), false);
	return (p);
}
