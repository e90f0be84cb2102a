/*
 * The calculator: values by their RFC names, and rules that say how one comes from
 * others. A value is wanted; what it takes is looked for among the given ones or computed
 * in turn, and each computation leaves a step behind for --explain. The
 * rules call the functions that the negotiation calls.
 */
#ifndef SAPIPE_SKEYID_CALC_H
#define SAPIPE_SKEYID_CALC_H

#include "base/addr.h"
#include "base/fault.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "crypto/proposal.h"

enum calc_sub { SUB_COOKIE, SUB_DH, SUB_SKEYID, SUB_PKE, SUB_HASH, SUB_IV, SUB_KEYMAT, SUB_NATD,
	SUB_VID, SUB_CHECK, SUB_WALK };
enum calc_auth { CALC_PSK, CALC_SIG, CALC_PKE };	/* what SKEYID is made of */

enum val {
	V_NI, V_NR, V_GXI, V_GXR, V_GXY, V_CKY_I, V_CKY_R, V_PSK, V_SAI, V_IDI, V_IDR, V_SPI, V_MID,
	V_MESSAGE, V_LAST, V_PREVIOUS, V_PUBLIC, V_SECRET, V_TEXT, V_VID, V_CERT, V_BODY,
	V_CIPHERTEXT, V_SKEYID, V_SKEYID_D, V_SKEYID_A, V_SKEYID_E,
	V_HEX_COUNT,		/* those before have an option that takes hex */
	V_PROTOCOL = V_HEX_COUNT, V_IP, V_PORT, V_PEER_IP, V_PEER_PORT, V_TIME, V_PRIVATE,
	V_GX, V_KA, V_HASH_I, V_HASH_R, V_HASH1, V_HASH2, V_HASH3, V_IV, V_KEYMAT, V_ENC_KEY,
	V_AUTH_KEY, V_NAT_D, V_COOKIE, V_NE_I, V_NE_R, V_KE_I, V_KE_R, V_HASH_CERT, V_BODY_I,
	V_BODY_R, V_CIPHERTEXT_I, V_CIPHERTEXT_R, V_PLAINTEXT, V_LAST_BLOCK,
	V_COUNT,
};

#define STEP_INPUTS	8
#define STEP_HELD	2
#define STEP_NEXT	200
#define STEP_NOTE	240
#define RESULTS_MAX	128

/*
 * One value as it came to be: computed by ${formula} from its inputs, or given (${formula} says by whom; no
 * inputs), or not known (${missing} says what would give it). Owns copies of its values.
 */
struct step {
	unsigned	 number;	/* from 1, through all of them */
	const char	*name, *formula, *section;	/* section NULL: none */
	bool		 given;
	size_t		 n;
	struct {
		const char	*name;
		struct secret	 value;
		unsigned	 from;		/* the step that has it; 0: none */
	} in[STEP_INPUTS];
	const char	*octet;		/* a number in the formula that stands for that one octet; or NULL */
	const struct alg_hash *hash;	/* behind prf() and hash() */
	const struct alg_enc *enc;	/* behind encrypt() and decrypt() */
	struct secret	 out;
	char		 of[64];	/* which of its kind: "SPI c0ffee01, ..."; or "" */
	char		 next[STEP_NEXT];	/* what it goes into, or "" */
	char		 note[STEP_NOTE];	/* for people, may come from the wire; or "" */
	char		 missing[STEP_NOTE];	/* "": it is known */
	bool		 wrong;		/* what came out shows that an input is; ${note} says how */
	size_t		 n_held;	/* what it was held against, where there was such */
	struct {
		const char	*where;		/* "on the wire", "in the state" */
		bool		 same;
		bool		 other;		/* differs, and is no mistake: ${note} says why */
		struct secret	 value;
	} held[STEP_HELD];
};

struct steps {
	size_t		 n, cap;
	struct step	*v;
	unsigned	 numbered;
};

/* What is printed: a value in hex, or a text where ${text} is not NULL. */
struct result {
	const char	*name;
	struct secret	 value;
	const char	*text;
};

struct calc {
	enum calc_sub		 sub;
	enum calc_auth		 auth;
	bool			 phase2;	/* SKEYID* are given: the nonces are quick mode's */
	bool			 pfs;		/* g(qm)^xy is known to belong into KEYMAT */
	const struct alg_hash	*hash;		/* these four NULL or empty: not given */
	const struct alg_enc	*enc;
	const struct alg_group	*group;
	struct esp_proposal	 esp;
	bool			 responder;	/* whose cookie */
	bool			 has_child;	/* a child SA of the state: both its directions */
	uint8_t			 child_spi_in[4], child_spi_out[4];
	struct secret		 child_in, child_out;	/* keys as recorded: enc, then auth */
	bool			 has_ends;
	struct endpoint		 local, remote;	/* of the state's IKE SA */
	size_t			 keymat_len;	/* bytes; 0: from ${esp}, else one PRF output */
	struct rand		 rand;		/* for what is not given but may be random */
	bool			 has[V_COUNT];
	struct secret		 v[V_COUNT];
	unsigned		 from[V_COUNT];	/* number of the step that made it; 0: none */
	struct steps		*steps;		/* the caller's: they may be of several */
	size_t			 n_results;
	struct result		 results[RESULTS_MAX];
	char			 missing[256];	/* options to be named, separated by commas */
};

/* The RFC's name of a value ("Ni_b"; in phase 2 "g(qm)^xy") and the option that gives it ("--ni"), or "". */
const char *calc_name(const struct calc *c, enum val v);
const char *calc_option(enum val v);

/* Gives ${v} a copy of ${value}; FAULT_USAGE if its length cannot be. */
int calc_set(struct calc *c, enum val v, struct span value, struct fault *f);
/* The same from hex; ${from} says in errors where it comes from. */
int calc_set_hex(struct calc *c, enum val v, const char *hex, struct fault *f);
/* Takes it back, given or computed. */
void calc_unset(struct calc *c, enum val v);
/* Address and port as the wire has them. */
int calc_set_endpoint(struct calc *c, enum val ip, enum val port, const struct endpoint *e,
    struct fault *f);

/*
 * Makes sure of ${v}. 1 if it is there; 0 if inputs are missing, their options noted in
 * ${c}->missing; -1 with a fault.
 */
int calc_want(struct calc *c, enum val v, struct fault *f);

/* Appends an empty step with the next number; NULL with a fault. Valid until the next one. */
struct step *calc_step(struct calc *c, struct fault *f);
/* The step that made ${v}, if it is still in the list; or NULL. */
struct step *calc_step_of(struct calc *c, enum val v);
/* ${v} as a value that somebody else made: a step that says by ${how}. NULL with a fault. */
struct step *calc_given(struct calc *c, enum val v, struct span value, const char *how,
    struct fault *f);
/* Holds ${s} against what is elsewhere, in constant time. 0, or -1 with a fault. */
int calc_hold(struct step *s, const char *where, struct span value, struct fault *f);
/* Wipes and forgets the steps so far; the numbering goes on. */
void calc_steps_clear(struct steps *s);

/* Wants ${v} and adds it to the results as ${name} (NULL: its own name). 0, or -1. */
int calc_result(struct calc *c, enum val v, const char *name, struct fault *f);
int calc_result_text(struct calc *c, const char *name, const char *text, struct fault *f);

/*
 * The goals of ${c}->sub, by what is given. -1 with FAULT_USAGE names all that is missing;
 * FAULT_PROTOCOL where KEYMAT is not what the state's child SA has for keys.
 */
int calc_run(struct calc *c, struct fault *f);

void calc_wipe(struct calc *c);

#endif
