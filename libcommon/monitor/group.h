/*
 * Which of several tunnels to one place carries the routes: a machine without I/O or clock. It is told
 * how its members are, and says who it is to be.
 */
#ifndef SAPIPE_MONITOR_GROUP_H
#define SAPIPE_MONITOR_GROUP_H

#include <stddef.h>

#include "monitor/monitor.h"

#define GROUP_NONE	SIZE_MAX

struct group_member {
	enum monitor_state state;
	uint32_t	priority;	/* the lowest first; of equal ones the first in order */
	bool		present;	/* its device is there */
	bool		waiting;	/* READY, and none of its questions was missed so far */
	bool		preempt;	/* takes the routes also from one that is UP */
};

/*
 * The member of ${m} that is to carry the routes when ${now} does (GROUP_NONE: nobody yet): the first that
 * is UP. A READY one whose first question is still open counts as UP, so that a start does not
 * move the routes twice; if there is neither, the first READY one. GROUP_NONE: all are DOWN or without a
 * device.
 */
size_t group_elect(const struct group_member *m, size_t n, size_t now);

#endif
