/*
 * Peers behind one NAT in transport mode. All have the NAT's address, and may use the same port: two L2TP clients both
 * send from 203.0.113.1, port 1701. This table remembers which peer a port belongs to, and gives a peer whose port is
 * another's already a port of its own, so that the local daemon sees two peers and its answers reach the right one.
 */
#ifndef SAPIPE_ESP_PEER_PORTS_H
#define SAPIPE_ESP_PEER_PORTS_H

#include "esp/inner.h"

#define PEER_PORTS_MAX	4096	/* ports that are remembered; the one used longest ago makes room */

struct peer_ports;

void peer_ports_free(struct peer_ports *t);	/* NULL is fine */

/* Whether a peer that ESP goes to at ${at} is still there. */
typedef bool peer_lives(const void *ctx, const struct endpoint *at);

/*
 * A packet ${p} of the peer that is at ${owner} came out of its SA: its source port becomes the one that the local host sees. ${*t}
 * is made where it is NULL. 0; or -1: no memory or no port is free, and the packet must be dropped.
 */
int peer_ports_in(struct peer_ports **t, uint8_t *p, struct inner *in, const struct endpoint *owner, peer_lives *lives,
    const void *ctx);

/*
 * A packet ${p} of the local host: if its destination port is remembered, that becomes the peer's own port, and the result
 * is where the peer is; valid until the next call. NULL: not remembered, and nothing is changed.
 */
const struct endpoint *peer_ports_out(struct peer_ports *t, uint8_t *p, struct inner *in);

/* The peer that was at ${old} is at ${new} now. */
void peer_ports_moved(struct peer_ports *t, const struct endpoint *old, const struct endpoint *new);

#endif
