/*
 * A walk through captured exchanges: of each message every value, those on the wire and those behind it.
 * walk.c reads and tells, walk_phase1.c knows what phase 1 holds, walk_late.c what comes under its keys.
 */
#ifndef SAPIPE_SKEYID_WALK_H
#define SAPIPE_SKEYID_WALK_H

#include <jansson.h>

#include "base/bytes.h"
#include "trace/dissect.h"
#include "opts.h"

#define WALK_SAS	64	/* IKE SAs at a time; the one seen longest ago goes */
#define WALK_LATE	64	/* exchanges of each, likewise */
#define WALK_ROOM	(2 * 1024 * 1024)	/* bytes of the heap for secrets kept free: a message may take half of that */
#define WALK_ENDS	16	/* addresses of each that NAT-D hashes are tried with */

/* An exchange under the keys of phase 1. */
struct walk_late {
	struct walk_late	*next;
	uint8_t			 exchange;
	uint32_t		 mid;
	bool			 by_initiator;	/* of the IKE SA: who began it */
	struct calc		 c;
	struct bytes		 offer;		/* body of quick mode's first SA payload */
};

struct walk_sa {
	struct walk_sa		*next;
	unsigned		 number;	/* of v1_told */
	struct calc		 c;		/* the values of phase 1 */
	bool			 keyed;		/* SKEYID and so on were told */
	bool			 adopted;	/* likewise, from the state alone */
	uint16_t		 auth;		/* enum ike_auth; 0: not seen */
	struct walk_late	*late;		/* latest first */
	size_t			 n_late, n_ends;
	struct endpoint		 ends[WALK_ENDS];
};

struct walk {
	struct calc		*given;		/* what the options said */
	const struct calc_opts	*o;
	const struct calc_privates *privates;
	struct sa_set		*state;
	struct walk_sa		*sas;		/* latest first */
	size_t			 n_sas;
	json_t			*messages;	/* NULL: text */
	struct secret		 plain;		/* of the message in hand */
	uint64_t		 told;		/* messages */
	size_t			 same, differ, other, given_n, alone, unknown;
	char			 differing[256], missing[256];	/* their names */
};

/* --- walk.c: for the other two --- */

/*
 * Makes sure of ${v} and holds it against ${state} (empty: not there), which stands in where it cannot be computed;
 * what is not known leaves a step that says what it would take. *${step} (may be NULL) is its step, or NULL where
 * there is none new. 0, or -1 with FAULT_MEMORY.
 */
int walk_derive(struct calc *c, enum val v, struct span state, struct step **step, struct fault *f);
/* A value that the wire gave, by the sender of ${m}. */
int walk_from_wire(struct calc *c, enum val v, struct span value, const struct v1_told *m,
    struct step **step, struct fault *f);
/* Text into a step's ${note} or ${missing}, cut to STEP_NOTE. */
void walk_note(char out[STEP_NOTE], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A payload that no value is made of: its words. */
int walk_payload(struct calc *c, const struct v1_told *m, size_t i, struct fault *f);
/* Decrypts ${m} and reads its payloads, which lie in w->plain then. 1; 0 if that cannot be; -1. */
int walk_open(struct walk *w, struct calc *c, struct v1_told *m, struct fault *f);
/*
 * Looks among the private values for that of one of the two ends, g^xi and g^xr of ${c}; makes g^xy where there is
 * one. 0 or -1.
 */
int walk_dh(struct walk *w, struct calc *c, struct fault *f);
/* Copies ${v} and where it is from; nothing if it is not there. */
int walk_copy(struct calc *to, enum val v, const struct calc *from, enum val of, struct fault *f);

/* --- walk_phase1.c --- */
int walk_phase1(struct walk *w, struct walk_sa *s, struct v1_told *m, struct fault *f);
/* What the state knows of phase 1, where it was not captured; ${late}: its last block too. */
int walk_adopt(struct walk_sa *s, const struct sa_ike *keys, bool late, struct fault *f);

/* --- walk_late.c --- */
int walk_late(struct walk *w, struct walk_sa *s, struct v1_told *m, struct fault *f);
/* The exchange begun first of those that are kept; harmless where there is none. */
void walk_late_drop(struct walk_sa *s);

#endif
