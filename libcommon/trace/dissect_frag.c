/*
 * IKE fragments (vendor ID FRAGMENTATION of Cisco and Microsoft): a long message comes as several datagrams. Each has
 * an ISAKMP header like the message's own and one payload in clear: the number of the message (16 bits), the number of
 * the fragment from 1, a flag on the last one, and a part of the message.
 */
#include <stdlib.h>

#include "trace/dissect_priv.h"
#include "wire/rd.h"

#define PARTS	64	/* of a message; each end sends one message at a time */

struct dissect_frags {
	uint16_t	 id;
	unsigned	 last;		/* number of the last one; 0: not seen */
	size_t		 total;		/* bytes of all parts */
	struct bytes	 part[PARTS];
};

static void
forget(struct dissect_frags *g)
{
	size_t i;

	for (i = 0; i < PARTS; i++)
		bytes_free(&g->part[i]);
	*g = (struct dissect_frags){0};
}

void
dissect_frags_free(struct dissect_frags *g)
{
	if (g == NULL)
		return;
	forget(g);
	free(g);
}

/* Joins all parts into ${whole}. False: a part is missing, or no memory. */
static bool
join(const struct dissect_frags *g, struct bytes *whole)
{
	unsigned i;
	size_t at = 0;
	uint8_t *p;

	for (i = 0; i < g->last; i++)
		if (g->part[i].p == NULL)
			return (false);
	if (g->last == 0 || (p = malloc(g->total > 0 ? g->total : 1)) == NULL)
		return (false);
	for (i = 0; i < g->last; i++) {
		if (g->part[i].len > 0)
			memcpy(p + at, g->part[i].p, g->part[i].len);
		at += g->part[i].len;
	}
	bytes_free(whole);
	*whole = (struct bytes){ p, at };
	return (true);
}

bool
dissect_frag(struct dissect_frags **of, struct span body, struct bytes *whole, unsigned *n)
{
	struct rd r = rd_of(body);
	unsigned id = rd_u16(&r), number = rd_u8(&r), flags = rd_u8(&r);
	struct span piece = rd_rest(&r);
	struct dissect_frags *g = *of;

	if (r.bad || number == 0 || number > PARTS)
		return (false);
	if (g == NULL && (g = *of = calloc(1, sizeof(*g))) == NULL)
		return (false);
	if (g->id != id)
		forget(g);
	g->id = (uint16_t)id;
	/* Drops a repeated fragment, one after the last, and one that makes the message too long. */
	if (g->part[number - 1].p != NULL || (g->last != 0 && number > g->last) ||
	    g->total + piece.len > ISAKMP_MSG_MAX || bytes_set(&g->part[number - 1], piece) != 0)
		return (false);
	g->total += piece.len;
	if ((flags & 1) != 0)
		g->last = number;
	if (!join(g, whole))
		return (false);
	*n = g->last;
	forget(g);
	return (true);
}
