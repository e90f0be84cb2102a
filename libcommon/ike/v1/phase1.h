/* Phase 1: main mode and aggressive mode (RFC 2409, 5). */
#ifndef SAPIPE_IKE_V1_PHASE1_H
#define SAPIPE_IKE_V1_PHASE1_H

#include "ike/v1/exchange_part.h"
#include "ike/v1base/auth.h"
#include "ike/v1run/exchange.h"
#include "ike/v1run/ike_sa.h"

/* The phase 1 part of ${x}; NULL where ${x} is of another kind. */
struct v1_phase1 *v1_phase1_of(const struct v1_exchange *x);
/* The method of ${x}, agreed on or the only one allowed. NULL: ${x} is no phase 1, or it is not known. */
const struct v1_auth *v1_phase1_auth(const struct v1_exchange *x);
/* Whether ${x} is a phase 1 in which this end has sent its proof. */
bool v1_phase1_proof_sent(const struct v1_exchange *x);
/* The first exchange of ${sa}, linked to it. NULL: no memory. */
struct v1_exchange *v1_phase1_new(struct v1_sa *sa, enum sa_role role, struct now now);
/* Begins phase 1 of the new ${sa}, which it links to the engine; the first message is in ${out}. 0 or -1. */
int v1_phase1_begin(struct v1_sa *sa, struct now now, enum ike_begin why, struct ike_outbox *out,
    struct fault *f);

#endif
