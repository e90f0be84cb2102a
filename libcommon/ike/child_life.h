/* The life of a child SA. */
#ifndef SAPIPE_IKE_CHILD_LIFE_H
#define SAPIPE_IKE_CHILD_LIFE_H

#include "ike/child.h"

/* Establishes ${c}, negotiated by the exchange ${mid} of ${sa}; its record is written. The engine then owns it. */
void ike_child_up(struct ike_sa *sa, uint32_t mid, struct ike_child *c, struct now now,
    struct ike_outbox *out);
/* Adopts a child SA from its record; false: no memory. */
bool ike_child_adopt(struct ike_engine *e, struct ike_policy *policy, struct now now,
    const struct sa_child *rec);
/* Ends it: writes a record, and with ${tell} sends the peer a delete. Frees ${c}, linked or not. */
void ike_child_end(struct ike_engine *e, struct ike_child *c, enum sa_reason reason, bool tell,
    struct ike_outbox *out);
/* The peer deleted it, under ${sa}. */
void ike_child_lost(struct ike_sa *sa, struct ike_child *c, struct now now,
    struct ike_outbox *out);
/* Runs the timer of ${c}, which is out of the heap; may free ${c}. */
void ike_child_timeout(struct ike_engine *e, struct ike_child *c, struct now now,
    struct ike_outbox *out);
void ike_child_rekey(struct ike_engine *e, struct ike_child *c, struct now now,
    struct ike_outbox *out);

#endif
