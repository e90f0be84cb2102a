/* The life of a child SA. */
#ifndef SAPIPE_IKE_CHILD_LIFE_H
#define SAPIPE_IKE_CHILD_LIFE_H

#include "ike/child.h"

/* Child SAs that a peer may have, for one pair of selectors and in all: the oldest ends for the next. */
#define IKE_CHILDREN_PER_PAIR	8
#define IKE_CHILDREN_PER_PEER	1024
#define IKE_DELETE_AFTER_MS	4000	/* by then the last packets of a replaced SA have arrived */

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
/* Begins to rekey ${c}; may free it, if this end took it over and cannot. */
void ike_child_rekey(struct ike_engine *e, struct ike_child *c, struct now now,
    struct ike_outbox *out);
/* Its volume is used up: it ends, or goes on receiving for a moment while a new one is being made. May free ${c}. */
void ike_child_spent(struct ike_engine *e, struct ike_child *c, struct now now, struct ike_outbox *out);
/* The same at ${at_ms}, unless it is due before or ${c} is replaced already. */
void ike_child_rekey_at(struct ike_engine *e, struct ike_child *c, uint64_t at_ms);
/* ${c}, adopted, has replaced the older ones for its traffic, which records do not say: they end soon. */
void ike_child_outdate(struct ike_engine *e, const struct ike_child *c, struct now now);
/* The peer ends ${c} ${seconds} after its start: this end does not use it longer. */
void ike_child_shorten(struct ike_engine *e, struct ike_child *c, struct now now, uint64_t seconds,
    struct ike_outbox *out);
/* The peer ends ${c} after ${kilobytes}: the data path, which counts them, hears of a lower limit by an event. */
void ike_child_limit(struct ike_child *c, struct now now, uint64_t kilobytes, struct ike_outbox *out);
/* Begins to negotiate a child SA, as ike_version.child_begin(). */
int ike_sa_child_begin(struct ike_sa *sa, struct now now, struct ike_policy *policy,
    const struct selector *local_ts, const struct selector *remote_ts,
    const uint8_t *replaces, struct ike_outbox *out, struct fault *f);
/* A moment before the end of a life of ${seconds}, for a rekey. Draws a random byte. */
uint64_t ike_soft_ms(struct ike_engine *e, struct now now, uint64_t seconds);

#endif
