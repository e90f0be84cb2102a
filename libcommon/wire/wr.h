/*
 * Bounds-checked writer into a caller's buffer. A write that does not fit sets
 * ${bad}, which stays set, and writes nothing: write all fields, then check
 * ${bad} once.
 */
#ifndef SAPIPE_WIRE_WR_H
#define SAPIPE_WIRE_WR_H

#include "base/span.h"

struct wr {
	uint8_t	*p;		/* start of the buffer */
	size_t	 len;		/* written so far */
	size_t	 cap;
	bool	 bad;
};

static inline struct wr
wr_of(uint8_t *p, size_t cap)
{
	return ((struct wr){ p, 0, cap, false });
}

/*
 * Under a fuzzer the check of the room is one function without coverage: a copy with its comparisons in each caller takes a
 * quarter of a run, and the callers' branches show whether a write fits.
 */
#ifdef FUZZING
#define WR_CHECK static __attribute__((noinline, no_sanitize("coverage")))
#else
#define WR_CHECK static inline
#endif

/* Appends ${n} bytes for the caller to fill; NULL if they do not fit. */
WR_CHECK uint8_t *
wr_room(struct wr *w, size_t n)
{
	if (w->bad || n > w->cap - w->len) {
		w->bad = true;
		return (NULL);
	}
	w->len += n;
	return (w->p + w->len - n);
}

static inline void
wr_bytes(struct wr *w, struct span s)
{
	uint8_t *p = wr_room(w, s.len);

	if (p != NULL && s.len > 0)
		memcpy(p, s.p, s.len);
}

static inline void
wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = wr_room(w, 1);

	if (p != NULL)
		*p = v;
}

static inline void
wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_room(w, 2);

	if (p != NULL)
		put_be16(p, v);
}

static inline void
wr_u32(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_room(w, 4);

	if (p != NULL)
		put_be32(p, v);
}

static inline void
wr_zeros(struct wr *w, size_t n)
{
	uint8_t *p = wr_room(w, n);

	if (p != NULL)
		memset(p, 0, n);
}

/* Fills in a 16-bit length at ${at} that counts from ${from} to here. */
static inline void
wr_len16(struct wr *w, size_t at, size_t from)
{
	if (w->bad || w->len - from > UINT16_MAX) {
		w->bad = true;
		return;
	}
	put_be16(w->p + at, (uint16_t)(w->len - from));
}

static inline struct span
wr_span(const struct wr *w)
{
	return (span_of(w->p, w->bad ? 0 : w->len));
}

#endif
