/* The state of an engine as lines of text, for a user who asks a running negotiator. */
#ifndef SAPIPE_IKE_STATUS_H
#define SAPIPE_IKE_STATUS_H

#include "ike/ike.h"

#define IKE_STATUS_TEXT	640	/* bytes of a line, its NUL included */

/*
 * Hands to ${line} one line for the whole engine, then one for each IKE SA, child SA and connection that is
 * being restored: peer, state, and the seconds until its next event. The engine does not change.
 */
void ike_engine_status(const struct ike_engine *e, struct now now,
    void (*line)(void *ctx, const char *text), void *ctx);

#endif
