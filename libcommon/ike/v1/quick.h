/* Phase 2: quick mode (RFC 2409, 5.5). */
#ifndef SAPIPE_IKE_V1_QUICK_H
#define SAPIPE_IKE_V1_QUICK_H

#include "ike/v1/exchange.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/ike_sa.h"

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
 * Begins ${x}, which the peer refused, again without PFS, as do all quick modes under its IKE SA from then on. False:
 * the policy does not allow that, or it had no PFS; ${x} is then as before.
 */
bool v1_quick_again_without_pfs(struct v1_exchange *x, struct now now, struct ike_outbox *out);

#endif
