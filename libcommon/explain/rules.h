/* How values are computed from each other: a table of formulas, and the functions that compute them. */
#ifndef SAPIPE_EXPLAIN_RULES_H
#define SAPIPE_EXPLAIN_RULES_H

#include "explain/values.h"

enum rule_need { NEED_HASH = 1, NEED_CIPHER = 2, NEED_GROUP = 4 };

enum rule_phase { PHASE_1 = 1, PHASE_2 = 2 };

/* Computes a value into ${out}; the inputs that the rule names are in ${c}. 0, or -1. */
typedef int rule_do(const struct calc *c, struct secret *out, struct fault *f);

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
	rule_do		*compute;
};

/* --- rules_do.c: for the table in rules.c --- */

extern rule_do do_private, do_gx, do_gy, do_gxy, do_number_gx, do_number_gy,
    do_number_gxy, do_skeyid_psk, do_skeyid_sig, do_skeyid_pke, do_skeyid_d,
    do_skeyid_a, do_skeyid_e, do_ka, do_hash_i, do_hash_r, do_hash1, do_hash2, do_hash3,
    do_iv_phase1, do_iv_message, do_iv_chain, do_last_block, do_plaintext, do_ne_i,
    do_ne_r, do_ke_i, do_ke_r, do_hash_cert, do_ciphertext_i, do_ciphertext_r, do_body_i,
    do_body_r, do_keymat, do_enc_key, do_auth_key, do_nat_d, do_cookie_random, do_cookie,
    do_vid;

/* --- rules.c --- */

/* The first rule for ${v} that fits the known values; NULL: ${v} has to be given. */
const struct rule *rule_for(const struct calc *c, enum val v);

/* The values that are computed from ${v}, and its other uses: "SKEYID_a, SKEYID_e"; "" if nothing does. */
void rule_next(char *out, size_t cap, const struct calc *c, enum val v);

#endif
