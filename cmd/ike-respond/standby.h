/* ike-respond --standby: follows the gateway that is active under the same address, and takes over from it. */
#ifndef SAPIPE_IKE_RESPOND_STANDBY_H
#define SAPIPE_IKE_RESPOND_STANDBY_H

#include "tool/ike_tool.h"

struct standby;

/*
 * Reads records from standard input, holds their SAs and writes them to the output of ${t}, which is open; SIGUSR2 is the
 * takeover. Standard input may be a FIFO: its writers may come and go. The other gateway can read the records on the socket
 * ${share}, if that is not NULL (host/record_share.h), and the file ${state} says whether this one is inactive, ready or active.
 * ${t} outlives it. NULL with a fault.
 */
struct standby *standby_open(struct ike_tool *t, const char *share, const char *state, struct fault *f);
void standby_close(struct standby *s);	/* wipes; NULL is fine; before the tool is closed */

#endif
