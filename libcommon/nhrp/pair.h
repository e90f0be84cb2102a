/*
 * The hub of an AutoConnect VPN: what spokes offer when they register, and couples of spokes, which it tells of each other when
 * packets go from the one's tunnel into the other's. The spoke that waits is told first, so that it knows the other one before that begins.
 */
#ifndef SAPIPE_NHRP_PAIR_H
#define SAPIPE_NHRP_PAIR_H

#include "nhrp/server.h"

/* The offer of the registration ${in} of ${e}: keeps it, and names its networks (behind.h). */
void nhrp_pair_offer(struct nhrp_serve *s, const struct nhrp_in *in, struct nhrp_client_entry *e, struct now now);
/* The registration of ${e} ends, or has no offer any more: so do its couples. */
void nhrp_pair_end(struct nhrp_serve *s, struct nhrp_client_entry *e);
/* The packet that begins with ${head} went from the tunnel of ${from} into that of ${to}. */
void nhrp_pair_sample(struct nhrp_serve *s, const struct addr *from, const struct addr *to, struct span head, struct now now);
/* A packet of a spoke that may answer a set. */
void nhrp_pair_ack(struct nhrp_serve *s, const struct nhrp_in *in, struct now now);
uint64_t nhrp_pair_deadline_ms(const struct nhrp_serve *s);
void nhrp_pair_timeout(struct nhrp_serve *s, struct now now);

#endif
