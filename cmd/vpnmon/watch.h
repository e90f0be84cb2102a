/* The table of --watch; without that option nothing is drawn. */
#ifndef SAPIPE_VPNMON_WATCH_H
#define SAPIPE_VPNMON_WATCH_H

#include "vpnmon.h"

void watch_open(struct tool *w);
void watch_draw(struct tool *w);
/* Removes the table, before something else is printed. */
void watch_clear(struct tool *w);
/* Leaves the last table on the terminal. */
void watch_end(struct tool *w);

#endif
