/* Pieces of an IPv4 packet. */
#include "esp/cut.h"

#include "base/csum.h"

#define V4_HDR		20
#define V4_MORE		0x2000
#define V4_OFFSET	0x1fff
#define OPT_END		0
#define OPT_NOP		1
#define OPT_COPIED	0x80

/* The header of later pieces: options with the "copied" bit only (RFC 791, 3.1), padded to words. */
static void
later_header(struct cutter *c)
{
	size_t at = V4_HDR, n = V4_HDR, len;
	const uint8_t *p = c->p;

	memcpy(c->later, p, V4_HDR);
	while (at < c->head && p[at] != OPT_END) {
		len = p[at] == OPT_NOP ? 1 : at + 1 < c->head ? p[at + 1] : 0;
		if (len == 0 || (p[at] != OPT_NOP && len < 2) || len > c->head - at)
			break;
		if ((p[at] & OPT_COPIED) != 0) {
			memcpy(c->later + n, p + at, len);
			n += len;
		}
		at += len;
	}
	while (n % 4 != 0)
		c->later[n++] = OPT_END;
	c->later[0] = (uint8_t)(0x40 | n / 4);
	c->later_len = n;
}

bool
cut_needed(const struct inner *in, size_t mtu)
{
	return (in->src.family == 4 && !in->df && mtu >= CUT_MTU_MIN && in->len > mtu);
}

int
cut_begin(struct cutter *c, const uint8_t *p, const struct inner *in, size_t mtu)
{
	size_t head = (size_t)(p[0] & 15) * 4;

	if (in->src.family != 4 || in->df || mtu < head + 8 || head < V4_HDR || in->len <= head)
		return (-1);
	*c = (struct cutter){ .p = p, .head = head, .len = in->len - head, .step = (mtu - head) / 8 * 8,
	    .frag = get_be16(p + 6) };
	if ((c->frag & V4_OFFSET) * 8U + c->len > UINT16_MAX)
		return (-1);		/* ends beyond any packet: its offsets would not fit */
	later_header(c);
	return (0);
}

static size_t
body(const struct cutter *c)
{
	return (c->len - c->off < c->step ? c->len - c->off : c->step);
}

size_t
cut_len(const struct cutter *c)
{
	return (c->off == c->len ? 0 : (c->off == 0 ? c->head : c->later_len) + body(c));
}

void
cut_put(struct cutter *c, uint8_t *to)
{
	size_t n = body(c), head = c->off == 0 ? c->head : c->later_len;
	uint16_t more = c->off + n < c->len ? V4_MORE : c->frag & V4_MORE;

	memcpy(to, c->off == 0 ? c->p : c->later, head);
	memcpy(to + head, c->p + c->head + c->off, n);
	put_be16(to + 2, (uint16_t)(head + n));
	put_be16(to + 6, (uint16_t)(more | ((c->frag & V4_OFFSET) + c->off / 8)));
	memset(to + 10, 0, 2);
	csum_put(to + 10, csum_bytes(to, head), false);
	c->off += n;
}
