/* Path MTUs from ICMP errors. */
#include "esp/pmtu.h"

#include <stdlib.h>

struct peer {
	struct table_node node;
	struct addr	 remote;
	size_t		 mtu;
	uint64_t	 until_ms;
};

void
pmtu_free(struct pmtu *m)
{
	struct table_node *n, *next;

	for (size_t i = 0; i < m->peers.n_buckets; i++)
		for (n = m->peers.bucket[i]; n != NULL; n = next) {
			next = n->next;
			free(ENTRY_OF(n, struct peer, node));
		}
	table_free(&m->peers);
}

static struct peer *
find(struct pmtu *m, const struct addr *remote, uint64_t hash)
{
	struct table_node *n;
	struct peer *p;

	for (n = table_first(&m->peers, hash); n != NULL; n = table_next(&m->peers, n)) {
		p = ENTRY_OF(n, struct peer, node);
		if (addr_cmp(&p->remote, remote) == 0)
			return (p);
	}
	return (NULL);
}

static uint64_t
hash_of(const struct pmtu *m, const struct addr *remote)
{
	return (hash_bytes(remote->b, addr_len(remote), m->salt));
}

size_t
pmtu_of(struct pmtu *m, const struct addr *remote, size_t link, uint64_t now_ms)
{
	struct peer *p = m->peers.n > 0 ? find(m, remote, hash_of(m, remote)) : NULL;

	if (p == NULL || link == 0)
		return (link);
	if (now_ms >= p->until_ms || link <= p->mtu) {
		table_remove(&m->peers, &p->node);
		free(p);
		return (link);
	}
	return (p->mtu);
}

bool
pmtu_spi(enum sa_proto protocol, struct span quote, uint8_t spi[4])
{
	size_t at = protocol == SA_AH ? 4 : 0;

	if (quote.len < at + 8)
		return (false);
	memcpy(spi, quote.p + at, 4);
	return (true);
}

bool
pmtu_is_ours(const struct esp_sa *sa, struct span quote)
{
	uint32_t behind;
	uint8_t spi[4];

	if (!pmtu_spi(sa->protocol, quote, spi) || get_be32(spi) != get_be32(sa->spi))
		return (false);
	/* Of extended numbers the low half is on the wire. */
	behind = (uint32_t)sa->seq - get_be32(quote.p + (sa->protocol == SA_AH ? 8 : 4));
	return (behind < PMTU_RECENT && behind < sa->seq);
}

/* RFC 1191, 7.1: sizes of real links, for routers that do not say theirs. */
static size_t
plateau(size_t below)
{
	static const size_t sizes[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1400, 1280, 1006, PMTU_MIN_V4 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] < below)
			return (sizes[i]);
	return (PMTU_MIN_V4);
}

static size_t
least_of(const struct addr *remote)
{
	return (remote->family == 4 ? PMTU_MIN_V4 : PMTU_MIN_V6);
}

/* False: there is no room or no memory. */
static bool
set(struct pmtu *m, const struct addr *remote, size_t mtu, uint64_t now_ms)
{
	uint64_t hash = hash_of(m, remote);
	struct peer *p;

	if ((p = find(m, remote, hash)) == NULL) {
		if (m->peers.n >= PMTU_PEERS || (p = calloc(1, sizeof(*p))) == NULL)
			return (false);
		p->remote = *remote;
		if (table_put(&m->peers, &p->node, hash) != 0) {
			free(p);
			return (false);
		}
	}
	p->mtu = mtu;
	p->until_ms = now_ms + PMTU_AGE_MS;
	return (true);
}

bool
pmtu_lower(struct pmtu *m, const struct addr *remote, size_t was, size_t told, uint64_t now_ms)
{
	size_t mtu = told == 0 ? plateau(was) : told;

	if (mtu < least_of(remote))
		mtu = least_of(remote);
	return (mtu < was && set(m, remote, mtu, now_ms));
}

bool
pmtu_found(struct pmtu *m, const struct addr *remote, size_t link, size_t mtu, uint64_t now_ms)
{
	size_t was = pmtu_of(m, remote, link, now_ms);
	struct peer *p;

	if (mtu < least_of(remote))
		mtu = least_of(remote);
	if (mtu < link)
		return (set(m, remote, mtu, now_ms) && mtu != was);
	if (was < link && (p = find(m, remote, hash_of(m, remote))) != NULL) {
		table_remove(&m->peers, &p->node);
		free(p);
	}
	return (was < link);
}
