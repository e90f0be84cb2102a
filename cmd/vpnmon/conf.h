/* Which tunnels vpnmon monitors. */
#ifndef SAPIPE_VPNMON_CONF_H
#define SAPIPE_VPNMON_CONF_H

#include "vpnmon.h"

/* The rows that the command line and the peers file have in common. */
extern const struct opt how_optab[];

/*
 * The tunnels and groups of ${o} or of its peers file; nothing is opened. 0, or -1 with
 * FAULT_USAGE, FAULT_CONFIG or FAULT_BAD_ADDRESS.
 */
int conf_read(struct tool *w, const struct mon_opts *o, struct fault *f);

#endif
