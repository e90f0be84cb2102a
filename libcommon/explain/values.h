/*
 * The values of IKEv1, by their RFC names: which there are, and which of them are known. Values are copied; struct
 * calc owns its copies.
 */
#ifndef SAPIPE_EXPLAIN_VALUES_H
#define SAPIPE_EXPLAIN_VALUES_H

#include "base/addr.h"
#include "base/fault.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "crypto/proposal.h"
#include "explain/number.h"
#include "explain/step.h"

/* The calculation. */
enum calc_sub { SUB_COOKIE, SUB_DH, SUB_SKEYID, SUB_PKE, SUB_HASH, SUB_IV, SUB_KEYMAT, SUB_NATD,
	SUB_VID, SUB_SIG, SUB_CHECK, SUB_WALK };
enum calc_auth { CALC_PSK, CALC_SIG, CALC_PKE };	/* the authentication method, which decides the formula of SKEYID */

enum val {
	V_NI, V_NR, V_GXI, V_GXR, V_GXY, V_CKY_I, V_CKY_R, V_PSK, V_SAI, V_IDI, V_IDR, V_SPI, V_MID,
	V_MESSAGE, V_LAST, V_PREVIOUS, V_PUBLIC, V_SECRET, V_TEXT, V_VID, V_CERT, V_DIGEST, V_SIG, V_BODY,
	V_CIPHERTEXT, V_SKEYID, V_SKEYID_D, V_SKEYID_A, V_SKEYID_E,
	V_HEX_COUNT,		/* the values above have an option with a hex argument */
	V_PROTOCOL = V_HEX_COUNT, V_IP, V_PORT, V_PEER_IP, V_PEER_PORT, V_TIME, V_PRIVATE,
	V_PEER_PRIVATE, V_PRIME, V_GENERATOR,
	V_GX, V_KA, V_HASH_I, V_HASH_R, V_HASH1, V_HASH2, V_HASH3, V_IV, V_KEYMAT, V_ENC_KEY,
	V_AUTH_KEY, V_NAT_D, V_COOKIE, V_NE_I, V_NE_R, V_KE_I, V_KE_R, V_HASH_CERT, V_BODY_I,
	V_BODY_R, V_CIPHERTEXT_I, V_CIPHERTEXT_R, V_PLAINTEXT, V_LAST_BLOCK,
	V_COUNT,
};

#define RESULTS_MAX	128

/* A result of a calculation: a value, or a text where ${text} is not NULL. */
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
	const struct alg_hash	*auth_hash;	/* of HASH_I and HASH_R, if the method has its own (RFC 4754); NULL: ${hash} */
	const struct alg_enc	*enc;
	const struct alg_group	*group;
	struct esp_proposal	 esp;
	enum number_base	 base;		/* the values are numbers of --prime, printed so; else bytes */
	bool			 responder;	/* the cookie is the responder's */
	bool			 has_child;	/* a child SA of the state: both its directions */
	uint8_t			 child_spi_in[4], child_spi_out[4];
	struct secret		 child_in, child_out;	/* keys as recorded: enc, then auth */
	bool			 has_ends;
	struct endpoint		 local, remote;	/* of the state's IKE SA */
	size_t			 keymat_len;	/* bytes; 0: from ${esp}, else one PRF output */
	struct rand		 rand;		/* for values that may be random and are not given */
	bool			 has[V_COUNT];
	struct secret		 v[V_COUNT];
	unsigned		 from[V_COUNT];	/* number of the step that made it; 0: none */
	struct steps		*steps;		/* the caller's; several struct calc may share them */
	size_t			 n_results;
	struct result		 results[RESULTS_MAX];
	char			 note[STEP_NOTE];	/* for people, about a value that was given; or "" */
	char			 missing[256];	/* names of the options that are missing, separated by commas */
};

/* The RFC's name of a value ("Ni_b"; in phase 2 "g(qm)^xy") and the option that gives it ("--ni"), or "". */
const char *calc_name(const struct calc *c, enum val v);
const char *calc_option(enum val v);
/* Who may see it. With public-key encryption also the nonces are secret (RFC 2409, 5.2). */
enum step_open calc_open(const struct calc *c, enum val v);

/* Gives ${v} a copy of ${value}. FAULT_USAGE: it has a wrong length. */
int calc_set(struct calc *c, enum val v, struct span value, struct fault *f);
/*
 * The same from hex. A number (x, g^y, g^xi, g^xr, g^xy) may have an odd number of digits. FAULT_USAGE: it is no hex, or
 * has a wrong length.
 */
int calc_set_hex(struct calc *c, enum val v, const char *hex, struct fault *f);
/* The same from a number, see number_parse(); that of V_PRIME sets ${c}->base. */
int calc_set_number(struct calc *c, enum val v, const char *text, struct fault *f);
/*
 * Pads ${v}, a value of the key exchange, with zeros in front to the length that it has in the group, and writes so into
 * ${note}. Without a group: notes that no group has this length. Nothing if ${v} is not known. FAULT_USAGE: it is too
 * long, or is not one number.
 */
int calc_fit(struct calc *c, enum val v, struct fault *f);
/* Forgets ${v}, given or computed. */
void calc_unset(struct calc *c, enum val v);
/* Address and port as they are on the wire. */
int calc_set_endpoint(struct calc *c, enum val ip, enum val port, const struct endpoint *e,
    struct fault *f);
/* Copies ${of} of ${from}, and which step made it; nothing if it is not known. */
int calc_copy(struct calc *to, enum val v, const struct calc *from, enum val of, struct fault *f);

/* Wipes all values and results; the steps are the caller's. */
void calc_wipe(struct calc *c);

#endif
