/* The client's end of mode config: the values of the gateway's REPLY or SET. */
#ifndef SAPIPE_IKE_V1RUN_MODE_CONFIG_TAKE_H
#define SAPIPE_IKE_V1RUN_MODE_CONFIG_TAKE_H

#include "ike/v1run/ike_sa.h"
#include "wire/config.h"

/*
 * Stores the values of ${in} in the config of ${sa}; those of a SET replace only the ones that it names. An attribute that is
 * unknown, or whose value is none, is left out. ${ack}, if it is not NULL, gets the accepted ones without their values.
 * 0, or -1: no memory.
 */
int v1_config_take(struct v1_sa *sa, const struct config *in, struct wr *ack, struct ike_outbox *out, struct fault *f);

#endif
