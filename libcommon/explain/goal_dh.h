/* Inside explain/: the results of skeyid-calc dh, for goals.c. */
#ifndef SAPIPE_EXPLAIN_GOAL_DH_H
#define SAPIPE_EXPLAIN_GOAL_DH_H

#include "explain/calc.h"

/*
 * The public and shared values of a group, or of the numbers V_PRIME and V_GENERATOR. 0, or -1: FAULT_USAGE, also for
 * numbers that are out of range; FAULT_MALFORMED: the group rejects the peer's value.
 */
int goal_dh(struct calc *c, struct fault *f);

#endif
