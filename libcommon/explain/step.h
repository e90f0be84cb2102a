/*
 * Steps: each is one value with its formula, its inputs and the value that it was compared with. A calculation leaves a list
 * of them, in the order of the computation.
 */
#ifndef SAPIPE_EXPLAIN_STEP_H
#define SAPIPE_EXPLAIN_STEP_H

#include "base/fault.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "explain/number.h"

#define STEP_INPUTS	8
#define STEP_HELD	2
#define STEP_NEXT	200
#define STEP_NOTE	240

/* Who may see a value without being told the keys. */
enum step_open {
	STEP_SECRET,		/* nobody: a key, or what makes keys */
	STEP_CONTENT,		/* the content of an encrypted message, which may hold a password */
	STEP_OPEN,		/* anybody: it was on the wire, or does not help to find a key */
};

/*
 * One value: computed by ${formula} from its inputs, or given (${formula} is its source, without inputs), or
 * unknown (${missing} names what is needed). Owns copies of its values.
 */
struct step {
	unsigned	 number;	/* from 1, through all of them */
	const char	*name, *formula, *section;	/* section NULL: none */
	const char	*would, *would_section;	/* the formula of a value that is given or not known; NULL: none */
	bool		 given;
	bool		 payload;	/* it is a payload as received, and ${note} has its words, passwords too */
	enum step_open	 open;		/* of ${out} and of what it was compared with */
	size_t		 n;
	struct {
		const char	*name;
		struct secret	 value;
		unsigned	 from;		/* the step that has it; 0: none */
		enum step_open	 open;
	} in[STEP_INPUTS];
	const char	*octet;		/* a number in the formula that means one octet; or NULL */
	const struct alg_hash *hash;	/* behind prf() and hash() */
	const struct alg_enc *enc;	/* behind encrypt() and decrypt() */
	enum number_base base;		/* its values are numbers, printed so; else bytes */
	struct secret	 out;
	char		 of[64];	/* which of its kind: "SPI c0ffee01, ..."; or "" */
	char		 next[STEP_NEXT];	/* the values that are computed from it, or "" */
	char		 note[STEP_NOTE];	/* for people, may come from the wire; or "" */
	char		 missing[STEP_NOTE];	/* "": it is known */
	bool		 wrong;		/* the result shows that an input is wrong; ${note} explains it */
	size_t		 n_held;	/* comparisons */
	struct {
		const char	*where;		/* "on the wire", "in the state" */
		bool		 same;
		bool		 other;		/* differs, and is no mistake: ${note} explains it */
		struct secret	 value;
	} held[STEP_HELD];
};

struct steps {
	size_t		 n, cap;
	struct step	*v;
	unsigned	 numbered;
};

/* Appends an empty step with the next number; valid until the next call. NULL with FAULT_MEMORY. */
struct step *steps_add(struct steps *s, struct fault *f);
/* The step with ${number}; NULL: it is no longer, or was never, in the list. */
struct step *steps_find(struct steps *s, unsigned number);
/* Wipes and removes all steps; the numbers continue. */
void steps_clear(struct steps *s);

/* Compares ${s} with ${value} in constant time and keeps both. 0, or -1 with FAULT_MEMORY. */
int step_hold(struct step *s, const char *where, struct span value, struct fault *f);
/* Writes into a step's ${note} or ${missing}, cut to STEP_NOTE. */
void step_note(char out[STEP_NOTE], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
