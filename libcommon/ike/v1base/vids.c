/* The vendor IDs that a peer has sent. */
#include "ike/v1base/vids.h"

#include <stdlib.h>

bool
v1_vids_next(const struct v1_vids *v, size_t *at, struct span *body)
{
	if (*at >= v->len)
		return (false);
	*body = span_of(v->p + *at + 1, v->p[*at]);
	*at += 1 + body->len;
	return (true);
}

void
v1_vids_add(struct v1_vids *v, struct span body)
{
	struct span one;
	uint8_t *more;
	size_t at = 0;

	if (body.len > SA_VID_MAX)
		body.len = SA_VID_MAX;
	while (v1_vids_next(v, &at, &one))
		if (span_eq(one, body))
			return;
	if (v->n == SA_VIDS_MAX || (more = realloc(v->p, v->len + 1 + body.len)) == NULL)
		return;
	more[v->len] = (uint8_t)body.len;
	if (body.len > 0)
		memcpy(more + v->len + 1, body.p, body.len);
	v->p = more;
	v->len += 1 + body.len;
	v->n++;
}

void
v1_vids_free(struct v1_vids *v)
{
	free(v->p);
	*v = (struct v1_vids){0};
}
