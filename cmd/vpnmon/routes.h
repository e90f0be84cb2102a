/* Which tunnel's routes are in use. */
#ifndef SAPIPE_VPNMON_ROUTES_H
#define SAPIPE_VPNMON_ROUTES_H

#include "vpnmon.h"

/*
 * Sets the routes of ${t} as its state requires; ${changed}: the state has changed. Returns whether the routes of its
 * group moved to another member; ${*before} is then the previous one.
 */
bool routes_settle(struct tunnel *t, bool changed, size_t *before);
/* Elects the member of ${g} that carries the routes, and moves them. Returns and ${*before} as above. */
bool group_settle(struct group *g, size_t *before);
/* Why the routes of ${g} moved from member ${before}. Stable words, for --json. */
const char *group_why(const struct group *g, size_t before);

#endif
