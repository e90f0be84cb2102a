/* The gateway's end of mode config: which attributes a client gets. */
#ifndef SAPIPE_IKE_V1RUN_MODE_CONFIG_GIVE_H
#define SAPIPE_IKE_V1RUN_MODE_CONFIG_GIVE_H

#include "ike/v1run/ike_sa.h"
#include "wire/config.h"

/* Whether this end has addresses for clients under ${sa}'s policy. */
bool v1_gives_addresses(const struct v1_sa *sa);

/*
 * Leases the addresses that the REQUEST ${in} asks for, and writes the attributes of the REPLY. ${in} NULL: writes all, for
 * a SET. If no address is available, it writes none, and ${why} has the reason; else the code of ${why} is FAULT_NONE.
 * 0, or -1: no memory.
 */
int v1_config_give(struct v1_sa *sa, struct now now, const struct config *in, struct wr *w, struct fault *why,
    struct fault *f);

/* The client accepted the attributes of ${ack} of our SET: logs those that it refused, and frees refused addresses. */
void v1_config_given(struct v1_sa *sa, struct now now, const struct config *ack, struct ike_outbox *out);

/* The owner of ${sa}'s lease: the user, or the peer's identity. Returns ${out}. */
const char *v1_config_owner(const struct v1_sa *sa, char out[SA_TEXT]);

#endif
