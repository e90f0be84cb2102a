/*
 * The control socket of a negotiator, for sapipe status: each connection gets a JSON object a line for each SA, and is closed.
 * Nothing is read from it. Keys and their meaning: sa-stat(8), JSON.
 */
#ifndef SAPIPE_HOST_IKE_CONTROL_H
#define SAPIPE_HOST_IKE_CONTROL_H

#include <ev.h>

#include "host/ike_host.h"

#define IKE_CONTROL_CLIENTS	8
#define IKE_CONTROL_MS		5000	/* for a client to read its answer */

struct ike_control;

/*
 * Listens on ${path} (os/unixsock.h) for the user of this process, as it is now, and root. NULL with a fault of
 * unixsock_listen() or FAULT_MEMORY. ${loop} and ${host} outlive it.
 */
struct ike_control *ike_control_open(struct ev_loop *loop, struct ike_host *host, const char *path, struct fault *f);
/*
 * A gateway that shares its address with another one: each answer begins with a line {"type":"standby","state":WORD,"fit":BOOL}, as
 * ${state} says. It may be called until ike_control_close().
 */
void ike_control_standby(struct ike_control *ctl, const char *(*state)(void *ctx, bool *fit), void *ctx);
/* Closes all connections and removes the name; NULL is fine. */
void ike_control_close(struct ike_control *ctl);

#endif
