/* Whether the networks of phase 2 carry the probes of a tunnel (--sa). */
#ifndef SAPIPE_VPNMON_NETWORKS_H
#define SAPIPE_VPNMON_NETWORKS_H

#include "vpnmon.h"

/*
 * Reads the SA state of ${t}, if it has one, and warns if no live child SA carries packets from the source of the probes
 * to its destination. 0, or -1: the state cannot be read.
 */
int networks_check(struct tunnel *t, struct fault *f);

#endif
