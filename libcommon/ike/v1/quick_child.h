/* The child SA that quick mode makes. */
#ifndef SAPIPE_IKE_V1_QUICK_CHILD_H
#define SAPIPE_IKE_V1_QUICK_CHILD_H

#include "ike/v1run/exchange.h"

/* Makes the child of ${x} with its keys and writes its record, to be used ${use}. */
int v1_quick_make_child(struct v1_exchange *x, enum sa_use use, struct ike_outbox *out,
    struct fault *f);
/* What the ${data} of a REPLAY-STATUS notify means, to follow its name (RFC 2407, 4.6.3.2); "": it has no such data. */
const char *v1_replay_text(struct span data);

#endif
