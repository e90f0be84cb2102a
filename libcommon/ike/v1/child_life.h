/* What becomes of child SAs with time. */
#ifndef SAPIPE_IKE_V1_CHILD_LIFE_H
#define SAPIPE_IKE_V1_CHILD_LIFE_H

#include "ike/v1/child.h"

void v1_child_up(struct v1_exchange *x, struct ike_child *c, struct now now,
    struct ike_outbox *out);
/* Takes over a child SA; false: no memory. ${rec} stays the caller's. */
bool v1_child_adopt(struct ike_engine *e, struct ike_policy *policy, struct now now,
    const struct sa_child *rec);
/* It is over: record, and a delete if the peer is to be told. Frees ${c}. */
void v1_child_end(struct ike_engine *e, struct ike_child *c, enum sa_reason reason, bool tell,
    struct ike_outbox *out);
/* The peer deleted it. */
void v1_child_lost(struct v1_sa *sa, struct ike_child *c, struct now now,
    struct ike_outbox *out);
void v1_child_timeout(struct ike_engine *e, struct ike_child *c, struct now now,
    struct ike_outbox *out);
uint64_t v1_child_deadline(const struct ike_child *c);
void v1_child_rekey(struct ike_engine *e, struct ike_child *c, struct now now,
    struct ike_outbox *out);

#endif
