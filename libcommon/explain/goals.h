/* The results of each subcommand of skeyid-calc. */
#ifndef SAPIPE_EXPLAIN_GOALS_H
#define SAPIPE_EXPLAIN_GOALS_H

#include "explain/calc.h"

/*
 * Computes the results of ${c}->sub (all but SUB_CHECK and SUB_WALK) from the given inputs. -1 with FAULT_USAGE names
 * all missing inputs; FAULT_PROTOCOL: KEYMAT differs from the keys of the state's child SA.
 */
int calc_run(struct calc *c, struct fault *f);

#endif
