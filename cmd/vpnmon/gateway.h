/* Of two gateways with one address: tunnels are monitored only while this one is the active one. */
#ifndef SAPIPE_VPNMON_GATEWAY_H
#define SAPIPE_VPNMON_GATEWAY_H

#include "vpnmon.h"

/* Opens ${path}, which ike-respond --standby-state writes; before privileges are dropped. 0, or -1 with a fault. */
int gateway_open(struct tool *w, const char *path, struct fault *f);
/* Reads the state, reports it, and from then on looks again and again; starts the tunnels of an active gateway. */
void gateway_start(struct tool *w);
void gateway_close(struct tool *w);

#endif
