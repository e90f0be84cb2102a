/* The file of --metrics. */
#ifndef SAPIPE_VPNMON_METRICS_H
#define SAPIPE_VPNMON_METRICS_H

#include "vpnmon.h"

/* Writes the metrics of all tunnels, if the option is given. */
void metrics_put(struct tool *w);

#endif
