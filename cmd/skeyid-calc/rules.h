/* How values come from each other; the text of a rule is what --explain prints. */
#ifndef SAPIPE_SKEYID_RULES_H
#define SAPIPE_SKEYID_RULES_H

#include "calc.h"

enum rule_need { NEED_HASH = 1, NEED_CIPHER = 2, NEED_GROUP = 4 };

enum rule_phase { PHASE_1 = 1, PHASE_2 = 2 };

struct rule {
	enum val	 out;
	const char	*formula, *section;
	const char	*octet;		/* as in struct step */
	unsigned	 phases;	/* enum rule_phase; 0: any */
	unsigned	 auths;		/* 1 << enum calc_auth; 0: any */
	size_t		 n;
	enum val	 in[STEP_INPUTS];
	unsigned	 optional;	/* bit 1 << i: input i may be absent */
	unsigned	 needs;		/* enum rule_need */
	bool		(*fits)(const struct calc *c);	/* NULL: always */
	int		(*compute)(const struct calc *c, struct secret *out, struct fault *f);
};

/* The first rule for ${v} that fits what is given; NULL: it has to be given itself. */
const struct rule *rule_for(const struct calc *c, enum val v);

/*
 * What ${v} goes into, by the rules and beside them: "SKEYID_a, SKEYID_e", into ${out}; "" if nothing is known.
 */
void rule_next(char *out, size_t cap, const struct calc *c, enum val v);

#endif
