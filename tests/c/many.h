/*
 * One responder engine with many IKE SAs, each with a child SA and a peer of its own: an initiator
 * engine of which some are kept, to send messages under their SA. In memory, without a clock.
 */
#ifndef SAPIPE_TESTS_MANY_H
#define SAPIPE_TESTS_MANY_H

#include "ike/ike.h"

#define MANY_PEERS	10	/* initiators that are kept */

struct many {
	struct ike_engine	*engine;	/* the responder */
	struct ike_policy	 policy, peer_policy;
	struct rand_seed	 seed, peer_seed;
	struct now		 now;
	struct endpoint		 local;
	struct ike_engine	*peer[MANY_PEERS];
	struct endpoint		 at[MANY_PEERS];	/* where the peers are */
	uint32_t		 asked;			/* R-U-THEREs so far */
	size_t			 joined;		/* peers so far */
};

/*
 * Negotiates ${n} (at least MANY_PEERS) IKE SAs with a child each, and waits until their exchanges are
 * forgotten. 0, or -1: some did not come up.
 */
int many_init(struct many *m, size_t n);
void many_free(struct many *m);
/* One more peer negotiates its IKE SA and a child SA, and is not kept. True: both are established. */
bool many_join(struct many *m);
/* A datagram with a new R-U-THERE of the kept peer ${i}, to be freed with ike_out_free(). NULL: failed. */
struct ike_out *many_ask(struct many *m, size_t i);
/* Hands it to the responder, as a host does. True: the responder answered. */
bool many_answer(struct many *m, size_t i, const struct ike_out *ask);

#endif
