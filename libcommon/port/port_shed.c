/* Overload: drops first messages that were not seen before, while the queue of a socket does not drain. */
#include "port/port_shed.h"

#include <stdlib.h>

#include "base/hash.h"

#define FULL_TURNS	2	/* turns that leave a rest in the queue: the next level */
#define DRAINED_TURNS	64	/* turns that leave none: the level before */

/* Whether this message was seen; it has been now. */
static bool
seen(struct port_shed *s, const struct endpoint *remote, const uint8_t *cky_i)
{
	uint8_t port[2] = { (uint8_t)(remote->port >> 8), (uint8_t)remote->port };
	uint64_t h = hash_bytes(cky_i, 8, s->salt);
	uint16_t tag, *slot;
	bool was;

	h = hash_bytes(port, sizeof(port), hash_bytes(remote->addr.b, sizeof(remote->addr.b), h));
	tag = (uint16_t)(h >> 48 | 1);
	slot = &s->seen[(h >> 20) % SHED_SEEN];
	was = *slot == tag;
	*slot = tag;
	return (was);
}

bool
port_shed_drops(struct port_shed *s, const struct endpoint *remote, const uint8_t *msg)
{
	static const uint8_t none[8];

	s->read++;
	if (memcmp(msg + 8, none, sizeof(none)) != 0)
		return (false);
	s->first++;
	s->n++;
	if (s->level == 0 || s->seen == NULL)
		return (false);
	return (!seen(s, remote, msg) && s->n % (1u << s->level) != 0);
}

bool
port_shed_turn(struct port_shed *s, bool drained)
{
	/* What else fills the queue is not for here to drop. */
	bool flooded = (!drained || s->stuck) && s->first * 2 >= s->read && s->first > 0, begins = false;

	s->read = s->first = 0;
	s->stuck = false;
	s->full = flooded ? s->full + 1 : 0;
	s->drained = flooded ? 0 : s->drained + 1;
	if (s->full >= FULL_TURNS && s->level < SHED_LEVELS) {
		s->full = 0;
		if (s->seen == NULL)
			s->seen = calloc(SHED_SEEN, sizeof(*s->seen));
		begins = s->level++ == 0;
	} else if (s->drained >= DRAINED_TURNS && s->level > 0) {
		s->drained = 0;
		s->level--;
	}
	return (begins);
}

void
port_shed_free(struct port_shed *s)
{
	free(s->seen);
	*s = (struct port_shed){0};
}
