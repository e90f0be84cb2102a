/* Values from SA records. */
#ifndef SAPIPE_EXPLAIN_RECORDS_H
#define SAPIPE_EXPLAIN_RECORDS_H

#include "explain/values.h"
#include "sa/record.h"

/*
 * Sets the values of ${c} that are not known yet and that ${c}->sub needs from the record. 0, or -1 with
 * FAULT_BAD_RECORD (an unknown algorithm) or FAULT_MEMORY.
 */
int calc_from_ike(struct calc *c, const struct sa_ike *s, struct fault *f);
int calc_from_child(struct calc *c, const struct sa_child *s, struct fault *f);

/* enc | auth of one direction, as KEYMAT has them; empty if both are. 0, or -1 with FAULT_MEMORY. */
int calc_join(struct secret *out, const struct secret *enc, const struct secret *auth,
    struct fault *f);

#endif
