/* The original addresses of transport mode behind a NAT: NAT-OA payloads of quick mode (RFC 3947, 5.2). */
#ifndef SAPIPE_IKE_V1_QUICK_NATOA_H
#define SAPIPE_IKE_V1_QUICK_NATOA_H

#include "ike/v1run/exchange.h"

/* Writes both payloads if ${x} negotiates transport mode in UDP; else none. 0. */
int v1_quick_put_natoa(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
/* Keeps the address of one payload. 0, or -1 with FAULT_MALFORMED. Ignored in tunnel mode and without NAT traversal. */
int v1_quick_take_natoa(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);

/*
 * The selector ${s} with the address that packets of transport mode have at this end. Behind a NAT that is not the
 * address in the peer's ID payloads, but the one that the outer header has on arrival. ${local}: ${s} is this end's own.
 */
struct selector v1_quick_seen(const struct v1_exchange *x, const struct selector *s, bool local);

/*
 * Whether ${theirs}, from the peer's answer, is the host ${ours} that was asked for: in transport mode behind a NAT a
 * responder may answer with the address that it sees (strongSwan does). ${local}: it is this end's own selector.
 */
bool v1_quick_same_host(const struct v1_exchange *x, const struct selector *ours, const struct selector *theirs, bool local);

#endif
