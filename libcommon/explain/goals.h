/* What each subcommand of skeyid-calc computes. */
#ifndef SAPIPE_EXPLAIN_GOALS_H
#define SAPIPE_EXPLAIN_GOALS_H

#include "explain/calc.h"

/*
 * Computes the results of ${c}->sub (all but SUB_CHECK and SUB_WALK) from what is given. -1 with FAULT_USAGE names
 * all that is missing; FAULT_PROTOCOL: KEYMAT differs from the keys of the state's child SA.
 */
int calc_run(struct calc *c, struct fault *f);

#endif
