/*
 * Bounds-checked reader of a received span. A read past the end returns
 * zeros or an empty span and sets ${bad}, which stays set: decode all fields,
 * then check ${bad} once. A child made by rd_sub() cannot read outside its part.
 */
#ifndef SAPIPE_WIRE_RD_H
#define SAPIPE_WIRE_RD_H

#include "base/span.h"

struct rd {
	const uint8_t	*p;
	size_t		 left;
	size_t		 pos;	/* offset of ${p} in the outermost span */
	bool		 bad;
};

static inline struct rd
rd_of(struct span s)
{
	return ((struct rd){ s.p, s.len, 0, false });
}

static inline struct span
rd_bytes(struct rd *r, size_t n)
{
	struct span s;

	if (r->bad || n > r->left) {
		r->bad = true;
		return (SPAN_NONE);
	}
	s = span_of(r->p, n);
	r->p += n;
	r->left -= n;
	r->pos += n;
	return (s);
}

static inline uint8_t
rd_u8(struct rd *r)
{
	struct span s = rd_bytes(r, 1);

	return (s.len == 1 ? s.p[0] : 0);
}

static inline uint16_t
rd_u16(struct rd *r)
{
	struct span s = rd_bytes(r, 2);

	return (s.len == 2 ? get_be16(s.p) : 0);
}

static inline uint32_t
rd_u32(struct rd *r)
{
	struct span s = rd_bytes(r, 4);

	return (s.len == 4 ? get_be32(s.p) : 0);
}

/* The remaining bytes. */
static inline struct span
rd_rest(struct rd *r)
{
	return (rd_bytes(r, r->left));
}

/* A reader over the next ${n} bytes; if there are fewer, both are bad. */
static inline struct rd
rd_sub(struct rd *r, size_t n)
{
	struct rd sub = { .pos = r->pos };
	struct span s = rd_bytes(r, n);

	sub.p = s.p;
	sub.left = s.len;
	sub.bad = r->bad;
	return (sub);
}

#endif
