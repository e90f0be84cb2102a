/* A copy of public bytes on the heap, with an owner. For keys use struct secret. */
#ifndef SAPIPE_BASE_BYTES_H
#define SAPIPE_BASE_BYTES_H

#include <stdlib.h>

#include "base/span.h"

struct bytes {		/* all zero is empty */
	uint8_t	*p;
	size_t	 len;
};

static inline void
bytes_free(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){0};
}

/* Replaces ${b} by a copy of ${s}, which may be inside ${b}. 0, or -1: no memory. */
static inline int
bytes_set(struct bytes *b, struct span s)
{
	uint8_t *p = malloc(s.len > 0 ? s.len : 1);

	if (p == NULL)
		return (-1);
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	free(b->p);
	*b = (struct bytes){ p, s.len };
	return (0);
}

static inline struct span
bytes_span(const struct bytes *b)
{
	return (span_of(b->p, b->len));
}

#endif
