/*
 * Internals of explain/, shared by the files of walk.h. walk.c calls walk_phase1.c and walk_late.c, and they call
 * walk_value.c.
 */
#ifndef SAPIPE_EXPLAIN_WALK_PRIV_H
#define SAPIPE_EXPLAIN_WALK_PRIV_H

#include "base/bytes.h"
#include "explain/walk.h"

#define WALK_ENDS	16	/* addresses of each IKE SA that NAT-D hashes are tried with */

/* An exchange under the keys of phase 1. */
struct walk_late {
	struct walk	*walk;
	struct calc	 c;
	struct bytes	 offer;		/* body of quick mode's first SA payload */
};

/* An IKE SA. */
struct walk_sa {
	struct walk	*walk;
	struct calc	 c;		/* the values of phase 1 */
	bool		 keyed;		/* SKEYID and the values derived from it already have steps */
	bool		 adopted;	/* likewise, only from the state */
	uint16_t	 auth;		/* enum ike_auth; 0: not seen */
	size_t		 n_ends;
	struct endpoint	 ends[WALK_ENDS];
};

struct walk {
	struct walk_given	 given;
	struct v1_trace		*trace;
	struct steps		 steps;		/* of the current message */
	struct secret		 plain;		/* the current message, decrypted */
	size_t			 kept;		/* struct walk_sa and walk_late */
	struct walk_sums	 sums;
};

/* --- walk_value.c --- */

/*
 * Computes ${v} and compares it with ${state} (empty: absent), which replaces it if it cannot be computed;
 * for an unknown value it adds a step that names the missing inputs. *${step} (may be NULL) is its step, or NULL if
 * there is no new one. 0, or -1 with FAULT_MEMORY.
 */
int walk_derive(struct calc *c, enum val v, struct span state, struct step **step, struct fault *f);
/* A value from the wire, by the sender of ${m}. */
int walk_from_wire(struct calc *c, enum val v, struct span value, const struct v1_told *m,
    struct step **step, struct fault *f);
/* A payload that is an input of no value: its words. */
int walk_payload(struct calc *c, const struct v1_told *m, size_t i, struct fault *f);
/* Decrypts ${m} into w->plain and parses its payloads. 1; 0: it cannot be decrypted; -1 with FAULT_MEMORY. */
int walk_open(struct walk *w, struct calc *c, struct v1_told *m, struct fault *f);
/*
 * Computes g^xy if one of the private values belongs to one of the two ends, g^xi and g^xr of ${c}. 0 or -1.
 */
int walk_dh(const struct walk *w, struct calc *c, struct fault *f);

/* --- walk_phase1.c --- */

/* A new IKE SA; NULL with FAULT_MEMORY. */
struct walk_sa *walk_sa_new(struct walk *w, struct fault *f);
void walk_sa_free(void *sa);
int walk_phase1(struct walk *w, struct walk_sa *s, const struct v1_seen *in, struct v1_told *m, struct fault *f);
/* Reads the values of a phase 1 that was not captured from the state; ${late}: its last cipher block too. */
int walk_adopt(struct walk_sa *s, const struct sa_ike *keys, bool late, struct fault *f);

/* --- walk_late.c --- */

/* A message under the keys of phase 1; makes *${m}->beside_exchange with the first one. */
int walk_late(struct walk *w, struct walk_sa *s, struct v1_told *m, struct fault *f);
void walk_late_free(void *late);

#endif
