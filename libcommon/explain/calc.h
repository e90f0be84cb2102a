/*
 * The calculator: computes a value by the rules in rules.h from the values that are known. Inputs that are not known
 * are computed in turn, and each computation leaves a step. The rules call the functions that the negotiation calls.
 */
#ifndef SAPIPE_EXPLAIN_CALC_H
#define SAPIPE_EXPLAIN_CALC_H

#include "explain/values.h"

/*
 * Makes sure of ${v}. 1 if it is known; 0 if inputs are missing, their options are then in
 * ${c}->missing; -1 with a fault.
 */
int calc_want(struct calc *c, enum val v, struct fault *f);

/* The step that made ${v}, if it is still in the list; or NULL. */
struct step *calc_step_of(struct calc *c, enum val v);
/* ${v} as a value that was not computed here: a step with its source ${how}. NULL with a fault. */
struct step *calc_given(struct calc *c, enum val v, struct span value, const char *how,
    struct fault *f);

/* Wants ${v} and adds it to the results as ${name} (NULL: its own name). 0, or -1. */
int calc_result(struct calc *c, enum val v, const char *name, struct fault *f);
int calc_result_bytes(struct calc *c, const char *name, struct span value, struct fault *f);
int calc_result_text(struct calc *c, const char *name, const char *text, struct fault *f);

#endif
