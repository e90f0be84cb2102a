/*
 * The peers that GRE reaches through an SA, for calls.peer: gre-tun may send to one only while it is among them. A peer is added
 * when its SA is in use and the device configured, so the first packet finds both; it is removed before the routes of its last SA
 * are.
 */
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define GRE	47

/* Whether ${pair} may send GRE to its peer now. */
static bool
carries_gre(const struct esp_pair *pair)
{
	const struct esp_sa *sa = &pair->out;

	if (!sadb_usable(sa))
		return (false);
	for (size_t i = 0; i < sa->n_dst_ts; i++)
		/* In transport mode the selectors may be those of before a NAT. */
		if ((sa->dst_ts[i].proto == 0 || sa->dst_ts[i].proto == GRE) &&
		    (sa->mode == SA_TRANSPORT || selector_has_addr(&sa->dst_ts[i], &sa->dst.addr)))
			return (true);
	return (false);
}

static int
cmp(const void *a, const void *b)
{
	return (addr_cmp(a, b));
}

/* The peers of now, sorted, each once. Returns their number. */
static size_t
present(const struct datapath *dp, struct addr *list)
{
	const struct esp_pair *pair;
	size_t n = 0, kept = 0;

	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++)
		if (carries_gre(pair))
			list[n++] = pair->out.dst.addr;
	qsort(list, n, sizeof(*list), cmp);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || addr_cmp(&list[kept - 1], &list[i]) != 0)
			list[kept++] = list[i];
	return (kept);
}

void
dp_gre_peers(struct datapath *dp, bool added)
{
	struct dp_peers *had = &dp->gre_peers;
	size_t n, i = 0, k = 0, kept = 0;
	struct addr *list;
	int c;

	if (dp->calls.peer == NULL)
		return;
	/* Room for those of before and of now. Without memory the peers stay as they were. */
	if ((list = calloc(sadb_count(dp->db) + 1, sizeof(*list))) == NULL)
		return;
	n = present(dp, list);
	while (i < had->n || k < n) {
		c = i == had->n ? 1 : k == n ? -1 : addr_cmp(&had->list[i], &list[k]);
		if (c < 0)
			dp->calls.peer(dp->ctx, &had->list[i++], false);
		else if (c == 0 || added) {
			if (c > 0)
				dp->calls.peer(dp->ctx, &list[k], true);
			i += c == 0;
			list[kept++] = list[k++];
		} else
			k++;
	}
	free(had->list);
	*had = (struct dp_peers){ .list = list, .n = kept };
}

bool
datapath_gre_peer(const struct datapath *dp, const struct addr *peer)
{
	return (dp->gre_peers.n > 0 && bsearch(peer, dp->gre_peers.list, dp->gre_peers.n, sizeof(*dp->gre_peers.list), cmp) != NULL);
}
