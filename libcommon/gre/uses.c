/* The NBMA addresses in use. */
#include "gre/uses.h"

#include <string.h>

#define PROBES	8	/* slots that an address may be in */

static size_t
slot_of(const struct addr *a)
{
	uint32_t h = 2166136261u;

	/* Of addresses that this end has bindings for: a stranger cannot choose them. */
	for (size_t i = 0; i < addr_len(a); i++)
		h = (h ^ a->b[i]) * 16777619u;
	return (h ^ h >> 16);
}

bool
uses_add(struct uses *u, const struct addr *nbma)
{
	size_t at = slot_of(nbma);

	for (size_t i = 0; i < PROBES; i++) {
		struct addr *s = &u->slot[(at + i) & (USES_SLOTS - 1)];

		if (addr_cmp(s, nbma) == 0)
			return (false);
		if (s->family == 0 && u->n < GRE_USES_MAX - 1) {
			*s = *nbma;
			return (u->n++ == 0 && !u->more);
		}
	}
	if (u->more)
		return (false);
	u->more = true;
	return (u->n == 0);
}

size_t
uses_take(struct uses *u, uint8_t out[GRE_ATTACH_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < USES_SLOTS; i++) {
		if (u->slot[i].family == 0)
			continue;
		out[len] = u->slot[i].family;
		memcpy(out + len + 1, u->slot[i].b, GRE_USE_BYTES - 1);
		len += GRE_USE_BYTES;
	}
	if (u->more) {
		memset(out + len, 0, GRE_USE_BYTES);
		len += GRE_USE_BYTES;
	}
	*u = (struct uses){0};
	return (len);
}
