/*
 * Verifies a pre-shared key against a captured phase 1: the first one that can be checked, or that of a given initiator
 * cookie. Datagrams
 * in, a verdict out: no I/O.
 */
#ifndef SAPIPE_EXPLAIN_CHECK_H
#define SAPIPE_EXPLAIN_CHECK_H

#include "explain/calc.h"
#include "trace/dissect.h"

struct check;

/* ${cky_i} selects the phase 1; empty: the first one that can be checked. NULL: no memory. */
struct check *check_new(struct span cky_i);
/* Copies the needed parts of a datagram. 0, or -1 with FAULT_MEMORY. */
int check_datagram(struct check *w, const struct v1_seen *in, struct fault *f);
/*
 * Sets the values of the phase 1 in ${c} and verifies the key there (V_PSK or V_SKEYID, in main mode also V_PRIVATE
 * or V_GXY); the verdict is a result. 0: it is the key; -1 with FAULT_WRONG_PSK: it is not; -1 with another fault:
 * there is no verdict.
 */
int check_end(struct check *w, struct calc *c, struct fault *f);
/* How many phases 1 were skipped before the checked one, and why the first of them was. 0: none. */
unsigned check_skipped(const struct check *w, const struct fault **why);
void check_free(struct check *w);		/* NULL is fine */

#endif
