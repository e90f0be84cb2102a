/*
 * Packets from the device that have no SA for a moment: the one that carried them has used its volume or its numbers, and
 * the negotiator makes a new one. They are kept, in order, until that is here; not for long, and not many.
 */
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define WAIT_MAX	1024
#define WAIT_BYTES	(8 * 1024 * 1024)

struct dp_waiting {
	struct dp_waiting *next;
	struct pkt	 k;
	uint64_t	 until_ms;
	bool		 goes, over;
	uint8_t		 bytes[];
};

static void
put(struct datapath *dp, struct dp_waiting *w)
{
	struct dp_wait *q = &dp->wait;

	w->next = NULL;
	*(q->first == NULL ? &q->first : &q->last->next) = w;
	q->last = w;
	q->n++;
	q->bytes += w->k.len;
}

bool
dp_wait(struct datapath *dp, const struct pkt *k)
{
	struct dp_wait *q = &dp->wait;
	struct dp_waiting *w;

	/* Without a negotiator there will be no new SA. A copy of a multicast packet is for its SA only. */
	if (dp->input_over || dp_worker(dp)->copy_to != NULL || q->n == WAIT_MAX || q->bytes + k->len > WAIT_BYTES)
		return (false);
	if (k->sa != NULL && k->sa->mode == SA_TRANSPORT && k->sa->encap != SA_ENCAP_NONE)
		return (false);		/* its ports may be the peer's already, see sadb_port_out() */
	if ((w = malloc(sizeof(*w) + k->len)) == NULL)
		return (false);
	w->k = *k;
	w->k.p = w->k.buf = w->bytes;
	w->k.cap = k->len;
	w->k.sa = NULL;
	memcpy(w->bytes, k->p, k->len);
	/* One that waits again has waited already. */
	w->until_ms = q->until_ms != 0 ? q->until_ms : clock_now(&dp->clock).ms + SADB_SPENT_MS;
	if (q->n == 0 && q->until_ms == 0)
		dp_note(dp, 1, "packets wait for a new SA");
	put(dp, w);
	return (true);
}

bool
dp_wait_due(const struct datapath *dp)
{
	return (dp->wait.age != sadb_age(dp->db));
}

void
dp_wait_each(struct datapath *dp, bool all, bool (*has_sa)(struct datapath *dp, const struct pkt *k),
    void (*go)(struct datapath *dp, struct pkt *k, bool over))
{
	uint64_t now = clock_now(&dp->clock).ms;
	struct dp_wait *q = &dp->wait;
	struct dp_waiting *w, *next = q->first;

	if (next == NULL || q->until_ms != 0 || (!all && !dp_wait_due(dp) && now < next->until_ms))
		return;
	/* All of them first: ${go} may leave the lock, and of one flow a later one must not find an SA that an earlier one did not. */
	for (w = next; w != NULL; w = w->next) {
		w->over = all || now >= w->until_ms;
		w->goes = w->over || has_sa(dp, &w->k);
	}
	*q = (struct dp_wait){ .age = sadb_age(dp->db) };
	while ((w = next) != NULL) {
		next = w->next;
		q->until_ms = w->until_ms;
		if (!w->goes) {
			put(dp, w);
			continue;
		}
		go(dp, &w->k, w->over);
		free(w);
	}
	q->until_ms = 0;
}
