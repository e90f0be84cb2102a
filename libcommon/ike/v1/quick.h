/* Phase 2: quick mode (RFC 2409, 5.5). */
#ifndef SAPIPE_IKE_V1_QUICK_H
#define SAPIPE_IKE_V1_QUICK_H

#include "ike/v1/exchange_part.h"
#include "ike/v1run/exchange.h"
#include "ike/v1run/ike_sa.h"

/* The quick mode part of ${x}; NULL where ${x} is of another kind. */
struct v1_quick *v1_quick_of(const struct v1_exchange *x);
/* A quick mode that the peer begins, not linked. NULL: no memory. */
struct v1_exchange *v1_quick_new(struct v1_sa *sa, enum sa_role role, uint32_t mid,
    struct now now);
/* Begins quick mode for a pair of selectors; ${replaces} may be NULL. 0 or -1. */
int v1_quick_begin(struct v1_sa *sa, struct now now, struct ike_policy *policy,
    const struct selector *local_ts, const struct selector *remote_ts,
    const uint8_t *replaces, struct ike_outbox *out, struct fault *f);

/*
 * The initiator's wait for CONNECTED, where the peer has set the commit bit: message 3 is sent again meanwhile. Then it
 * uses the child SA all the same.
 */
#define V1_CONNECTED_MS	5000
/*
 * CONNECTED came in an authentic informational message under the message ID of ${x} (RFC 2408 section 3.1), not in message 4. False:
 * ${x} does not wait for it.
 */
bool v1_quick_connected(struct v1_exchange *x, struct now now, struct ike_outbox *out);

/*
 * Begins ${x}, which the peer refused by an authentic notify of ${type}, again with the next PFS group of its proposals: one
 * quick mode can offer one group only (RFC 2409 section 5.5). After the last group it goes on without PFS where the policy's
 * ${pfs_fallback} allows that and the peer named an attribute. Later quick modes under the IKE SA begin with what ${x} begins
 * with now. False: nothing is left; ${x} is then as before.
 */
bool v1_quick_again(struct v1_exchange *x, struct now now, uint16_t type, struct ike_outbox *out);

#endif
