/*
 * How the two ends of phase 1 authenticate each other (RFC 2409, section 5): one row for each
 * method. Rows see neither the exchange nor its messages: values in, values out.
 */
#ifndef SAPIPE_IKE_V1BASE_AUTH_H
#define SAPIPE_IKE_V1BASE_AUTH_H

#include "base/bytes.h"
#include "base/now.h"
#include "crypto/crypto.h"
#include "ike/answer.h"
#include "ike/policy.h"
#include "wire/isakmp.h"

struct v1_auth;

/* The input of a method. All of it is borrowed. */
struct v1_auth_in {
	const struct ike_policy	*policy;
	const struct v1_auth	*row;		/* the method */
	const struct alg_hash	*hash;		/* negotiated; it makes the PRF */
	bool			 aggressive;
	bool			 is_user;	/* this end is the user of XAuth: see v1_auth_user() */
	struct span		 ni_b, nr_b;	/* bodies of the nonce payloads */
	struct span		 gxy;		/* only for skeyid() */
	const uint8_t		*cky_i, *cky_r;
	struct now		 now;
	const struct id		*peer_id;	/* as the peer sent it; for check() */
	const struct certs	*certs;		/* that the peer sent; for check() */
	const struct ike_answer	*answer;	/* to its question, see below; NULL: none yet */
};

enum v1_auth_next { V1_AUTH_THEN_QUICK, V1_AUTH_THEN_XAUTH };

/*
 * skeyid(), prove() and check() may return ike_later() instead of 0 or -1. They are called again
 * with the answer, and with the same values otherwise. A message has one question at most.
 */
struct v1_auth {
	uint16_t		 number;	/* enum ike_auth, in the SA payload */
	const char		*word;		/* in options and SA records */
	uint8_t			 proof;		/* payload type: PAYLOAD_HASH or PAYLOAD_SIG; see v1_auth_proof() */
	enum v1_auth_next	 next;		/* the step after phase 1 */
	/* SKEYID. 0, or -1. */
	int	(*skeyid)(const struct v1_auth_in *in, struct secret *out, struct fault *f);
	/*
	 * The body of the proof payload of this end, whose HASH_I or HASH_R is ${hash_ir}; ${out}
	 * is the caller's to release. 0, or -1.
	 */
	int	(*prove)(const struct v1_auth_in *in, struct span hash_ir, struct bytes *out,
		    struct fault *f);
	/* Verifies the peer's, whose HASH_I or HASH_R ought to be ${hash_ir}. 0, or -1. */
	int	(*check)(const struct v1_auth_in *in, struct span hash_ir, struct span proof,
		    struct fault *f);
	/* Whether ${p} has the credentials that the method needs to start phase 1. */
	bool	(*ready)(const struct ike_policy *p);
	/* Whether SKEYID made with ${a} is the one that ${b} makes. */
	bool	(*same_key)(const struct ike_policy *a, const struct ike_policy *b);
	/* The likely cause if an end cannot decrypt the other's messages; FAULT_NONE: none. */
	enum fault_code		 nonsense;
	const char		*nonsense_text;
	/* The likely cause if the peer rejects our proof. */
	enum fault_code		 rejected;
	enum sign_kind		 sign;		/* of signature, or SIGN_NONE */
	/* The hash that makes HASH_I and HASH_R (RFC 4754 section 3): its word; NULL: the negotiated one. */
	const char		*hash;
	/* Only the gateway proves itself in phase 1; the user sends a HASH that proves nothing, and then XAuth. */
	bool			 hybrid;
};

/* The end of phase 1 that authenticates as user by XAuth after it: methods of XAuth and hybrid come in pairs. */
static inline enum sa_role
v1_auth_user(const struct v1_auth *a)
{
	return ((a->number & 1) != 0 ? SA_INITIATOR : SA_RESPONDER);
}

/* The payload type of the proof that ${sender} sends. */
static inline uint8_t
v1_auth_proof(const struct v1_auth *a, enum sa_role sender)
{
	return (a->hybrid && sender == v1_auth_user(a) ? PAYLOAD_HASH : a->proof);
}

/* NULL: this end does not implement the method. */
const struct v1_auth *v1_auth_find(uint16_t number);
/*
 * Main mode, before the method is agreed on: whether an exchange that began under ${used} may go on under ${p}, as far
 * as keys are concerned.
 */
bool v1_auth_may_switch(const struct ike_policy *p, const struct ike_policy *used);
/* Whether ${p} has the credentials that one of its methods needs to start phase 1. */
bool v1_auth_ready(const struct ike_policy *p);

/* Test seam: more rows, ending with number 0. No tool calls this function. */
void v1_auth_add(const struct v1_auth *added);

#endif
