/* The option rows that command line and peers file have in common. */
#ifndef SAPIPE_VPNMON_CONF_H
#define SAPIPE_VPNMON_CONF_H

#include "vpnmon.h"

extern const struct opt how_optab[];

#endif
