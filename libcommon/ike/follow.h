/*
 * Where the peer is: which messages change its endpoint. Anybody on the path can send a fresh message of the
 * peer from another address, so that an address is evidence only where it has to change: behind a NAT.
 */
#ifndef SAPIPE_IKE_FOLLOW_H
#define SAPIPE_IKE_FOLLOW_H

#include "ike/sa.h"

/*
 * The message in hand is authentic and is no older than others of the peer. Phase 1 follows the peer. An
 * established SA follows it only if NAT-D found a NAT in front of the peer (RFC 3947 section 6), or from port
 * 500 to 4500 of the same address. The address of this end does not change.
 */
void ike_sa_follow(struct ike_sa *sa, struct ike_outbox *out);

#endif
