/*
 * Elects which of several tunnels to the same networks carries the routes. A machine without I/O or clock: the
 * caller hands in the state of the members.
 */
#ifndef SAPIPE_MONITOR_GROUP_H
#define SAPIPE_MONITOR_GROUP_H

#include <stddef.h>

#include "monitor/monitor.h"

#define GROUP_NONE	SIZE_MAX

struct group_member {
	enum monitor_state state;
	uint32_t	priority;	/* the lowest first; of equal ones the first in order */
	bool		present;	/* its device exists */
	bool		waiting;	/* READY, and no probe was missed so far */
	bool		preempt;	/* takes the routes over also from a member that is UP */
};

/*
 * Selects the member of ${m} for the routes; ${now} has them at present (GROUP_NONE: none does). It is the
 * first one that is UP. A READY one whose first probe is pending counts as UP, so that a start does not
 * move the routes twice. If there is neither: the first READY one. GROUP_NONE: all are DOWN or have no
 * device.
 */
size_t group_elect(const struct group_member *m, size_t n, size_t now);

#endif
