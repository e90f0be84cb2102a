/* The process around the tunnels. */
#ifndef SAPIPE_VPNMON_TOOL_H
#define SAPIPE_VPNMON_TOOL_H

#include "vpnmon.h"

int tool_open(struct tool *w, const struct mon_opts *o, struct fault *f);
/* Runs until a signal, or until the reader of the report goes away. Returns the exit status. */
int tool_run(struct tool *w);
void tool_close(struct tool *w);

#endif
