/* Runs the commands that the options name. */
#ifndef SAPIPE_VPNMON_COMMAND_H
#define SAPIPE_VPNMON_COMMAND_H

#include "vpnmon.h"

/* Runs ${s}, which is ${option} of ${t}, if there is such a command; ${reason} as in a vpnc-script. */
void command_run(struct tunnel *t, struct script *s, const char *option, const char *reason);

#endif
