/*
 * Where the peer is: which messages change its endpoint. Anybody on the path can send a fresh message of the
 * peer from another address, so that an address is evidence only where it has to change: behind a NAT.
 * All SAs of the peer move together, and an event record of each child SA informs the data path.
 */
#ifndef SAPIPE_IKE_FOLLOW_H
#define SAPIPE_IKE_FOLLOW_H

#include "ike/child.h"

/*
 * The message in hand is authentic and is no older than others of the peer. Phase 1 follows the peer. An
 * established SA follows it only if NAT-D found a NAT in front of the peer (RFC 3947 section 6), or from port
 * 500 to 4500 of the same address. The address of this end does not change.
 */
void ike_sa_follow(struct ike_sa *sa, struct now now, struct ike_outbox *out);
/* ${c} is established under ${sa}, whose peer may have moved since the record of ${c} was written: it is where the peer is. */
void ike_child_catch_up(struct ike_child *c, const struct ike_sa *sa, struct now now, struct ike_outbox *out);
/* The data path received authentic packets of the child SA ${c} from ${to}: the same under the same condition. */
void ike_child_follow(struct ike_engine *e, const struct ike_child *c, struct now now,
    const struct endpoint *to, struct ike_outbox *out);

#endif
