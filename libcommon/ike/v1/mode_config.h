/*
 * Mode config (draft-dukes-ike-mode-cfg-02): the gateway assigns the client an inner address, and tells it name servers
 * and the networks behind it. Pull: the client's REQUEST. Push: the gateway's SET.
 */
#ifndef SAPIPE_IKE_V1_MODE_CONFIG_H
#define SAPIPE_IKE_V1_MODE_CONFIG_H

#include "ike/v1/ike_sa.h"
#include "ike/v1/transaction.h"

extern const struct v1_transactor v1_mode_config;

/* Whether this end, a client, has to be configured before the IKE SA, whose XAuth is over, is established. */
bool v1_mode_config_due(const struct v1_sa *sa);
/* Asks the gateway. 0 or -1. */
int v1_mode_config_pull(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f);

#endif
