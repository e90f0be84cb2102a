/* Datagrams of which not all fragments were read. */
#include "net/fragments.h"

#include <netinet/in.h>

#include "base/span.h"

#define V4_HDR		20
#define V6_HDR		40
#define MORE		0x2000	/* of IPv4, beside the offset */
#define OFFSET		0x1fff

/*
 * Whether ${p} is a fragment, and of which datagram. Two datagrams that have the same ${key} by chance are kept together a bit longer or
 * shorter.
 */
static bool
fragment(const uint8_t *p, size_t len, uint64_t *key, bool *more)
{
	if (len >= V4_HDR && p[0] >> 4 == 4) {
		*more = (get_be16(p + 6) & MORE) != 0;
		*key = (uint64_t)get_be32(p + 12) << 32 | (uint64_t)get_be16(p + 4) << 16 | p[9];
		return ((get_be16(p + 6) & (MORE | OFFSET)) != 0);
	}
	if (len < V6_HDR + 8 || p[0] >> 4 != 6 || p[6] != IPPROTO_FRAGMENT)
		return (false);
	*more = (p[V6_HDR + 3] & 1) != 0;
	*key = (uint64_t)get_be32(p + 20) << 32 | get_be32(p + V6_HDR + 4);
	return (true);
}

static void
take_out(struct fragments *f, unsigned i)
{
	f->n--;
	for (; i < f->n; i++)
		f->open[i] = f->open[i + 1];
}

/* The oldest is the first. */
void
fragments_read(struct fragments *f, const uint8_t *p, size_t len)
{
	uint64_t key;
	unsigned i;
	bool more;

	f->read++;
	if (!fragment(p, len, &key, &more))
		return;
	for (i = 0; i < f->n && f->open[i].key != key; i++)
		;
	if (i < f->n)
		take_out(f, i);
	if (!more)
		return;
	if (f->n == FRAGMENTS_OPEN)
		take_out(f, 0);
	f->open[f->n].key = key;
	f->open[f->n++].at = f->read;
}

bool
fragments_follow(struct fragments *f)
{
	/* The latest is the last. */
	if (f->n > 0 && f->read - f->open[f->n - 1].at >= FRAGMENTS_FAR)
		f->n = 0;
	return (f->n > 0);
}
