/*
 * A walk through captured exchanges: every value of each message, on the wire or computed from it,
 * compared with the wire and with SA state. Datagrams in, values out: no I/O. Memory has a bound: the IKE SA
 * seen longest ago is forgotten first.
 */
#ifndef SAPIPE_EXPLAIN_WALK_H
#define SAPIPE_EXPLAIN_WALK_H

#include "explain/calc.h"
#include "trace/dissect.h"

struct walk;

/* Inputs besides the datagrams; borrowed while the walk exists. */
struct walk_given {
	/*
	 * Used where they are known: V_PSK, V_GXY and V_SKEYID of phase 1, V_IP and V_PORT of an address that a NAT hides.
	 * With V_CKY_I only the IKE SA with this cookie is explained.
	 */
	const struct calc	*values;
	const struct secret	*privates;	/* private Diffie-Hellman values of either end */
	size_t			 n_privates;
	const struct sa_set	*state;		/* SA state; may be NULL */
	const struct creds	*trust;		/* verifies signatures; may be NULL */
};

/* A message and its values, in the order of computation. Valid during the call that passes it. */
struct walk_message {
	const struct v1_seen	*seen;
	const struct v1_told	*told;
	const struct steps	*values;
};

/* Counts over all messages; names are separated by commas and may be cut. */
struct walk_sums {
	uint64_t	messages;
	size_t		same, differ, other;	/* comparisons; other: NAT-D of an address that was not seen */
	size_t		given, computed, unknown;	/* values without a comparison */
	char		differing[256], unknowns[256];
};

/* Receives a message. 0, or -1 with a fault, which ends the walk. */
typedef int walk_each(void *arg, const struct walk_message *m, struct fault *f);

/* NULL: no memory. */
struct walk *walk_new(const struct walk_given *given);
/*
 * Explains the datagram and passes it to ${each}, unless it is no IKEv1 message or belongs to another IKE SA than
 * V_CKY_I selects. 0, or -1: FAULT_MEMORY, or a fault of ${each}.
 */
int walk_datagram(struct walk *w, const struct v1_seen *in, walk_each *each, void *arg,
    struct fault *f);
const struct walk_sums *walk_sums(const struct walk *w);
void walk_free(struct walk *w);		/* wipes; NULL is fine */

#endif
