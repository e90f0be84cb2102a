/*
 * The signature of a captured phase 1 (RFC 2409 section 5.1, RFC 4754): whether the key of a certificate in the same
 * message made it, and whether that certificate is one of a trusted authority. Values in, values out.
 */
#ifndef SAPIPE_TRACE_SIGNATURE_H
#define SAPIPE_TRACE_SIGNATURE_H

#include "crypto/crypto.h"
#include "crypto/trust.h"
#include "wire/isakmp.h"

#define V1_SIGNATURE_TEXT	640	/* longer texts are cut */
#define V1_SIGNATURE_CERTS	16	/* certificates of a message that are tried */

enum v1_proof { V1_PROOF_NONE, V1_PROOF_GOOD, V1_PROOF_BAD, V1_PROOF_UNKNOWN };

/* V1_SIGNER_UNCHECKED: there is no authority to check it against. */
enum v1_signer { V1_SIGNER_NONE, V1_SIGNER_UNCHECKED, V1_SIGNER_TRUSTED, V1_SIGNER_REFUSED };

struct v1_signature {
	enum v1_proof	proof;		/* of the signature alone */
	enum v1_signer	signer;		/* the certificate; V1_SIGNER_NONE unless the proof is good */
	char		text[V1_SIGNATURE_TEXT];	/* for people, one sentence without full stop; may hold bytes of the wire */
};

struct v1_signature_in {
	const struct isakmp_msg	*msg;		/* decrypted; has the certificates */
	unsigned		 message;	/* its number */
	uint16_t		 auth;		/* the method that the responder chose: enum ike_auth; 0: not known */
	struct span		 id;		/* body of the signer's ID payload; empty: not known */
	struct span		 hash;		/* HASH_I or HASH_R, by v1_signature_hash(); empty: not known */
	struct span		 sig;		/* body of the SIG payload */
	/* Authorities, CRLs and certificates of ends that send none; NULL: none. */
	const struct creds	*trust;
	uint64_t		 epoch;		/* when it was captured, seconds since 1970 */
};

/* The hash behind the prf of HASH_I and HASH_R with that method, where ${h} is negotiated: RFC 4754 has its own. */
const struct alg_hash *v1_signature_hash(uint16_t auth, const struct alg_hash *h);
void v1_signature_check(struct v1_signature *out, const struct v1_signature_in *in);

#endif
