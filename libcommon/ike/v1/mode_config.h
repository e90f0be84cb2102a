/*
 * Mode config (draft-dukes-ike-mode-cfg-02): the gateway assigns the client inner addresses, and tells it name servers
 * and the networks behind it. Pull: the client's REQUEST. Push: the gateway's SET. What a client does with the values is
 * in mode_config_take.h, what a gateway gives in mode_config_give.h.
 */
#ifndef SAPIPE_IKE_V1_MODE_CONFIG_H
#define SAPIPE_IKE_V1_MODE_CONFIG_H

#include "ike/v1/transaction.h"
#include "ike/v1run/ike_sa.h"

extern const struct v1_transactor v1_mode_config;

/*
 * Whether mode config has to end before the IKE SA, whose XAuth is over, is established: this end is a client, or a
 * gateway that pushes.
 */
bool v1_mode_config_due(const struct v1_sa *sa);
/* The message that this end begins with, if it begins: the client's REQUEST, or the SET of a gateway that pushes. 0 or -1. */
int v1_mode_config_begin(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f);

#endif
