/*
 * The peer's certificate: which one of those that it sent, whether it is trusted, whether it is of the identity that it
 * claims (RFC 4945 sections 3 and 5), and its signature. Values in, values out.
 */
#ifndef SAPIPE_IKE_V1BASE_AUTH_CERT_H
#define SAPIPE_IKE_V1BASE_AUTH_CERT_H

#include "crypto/trust.h"
#include "wire/id.h"

struct v1_cert_in {
	const struct creds	*creds;		/* what this end trusts */
	const struct certs	*sent;		/* by the peer, in any order */
	const struct id		*id;		/* of the peer, as it sent it */
	enum sign_kind		 kind;		/* of signature that the method wants */
	uint64_t		 epoch;		/* now, seconds since 1970 */
};

#define V1_CERT_NAME_TEXT	160	/* longer names are cut */
/* A name in DER as text, for messages; returns ${out}. */
const char *v1_cert_name_text(char out[V1_CERT_NAME_TEXT], struct span der);

/*
 * Whether ${sig} proves that the peer is ${in}->id: by a certificate that is pinned, or that leads to a CA and has that
 * name. 0, or -1 with FAULT_AUTH_FAILED and its cause, which names the payload and what both ends have; FAULT_MEMORY.
 */
int v1_cert_check(const struct v1_cert_in *in, struct span hash_ir, struct span sig, struct fault *f);

/*
 * Whether the certificate with which ${in}->id has proved itself before is not revoked by the lists of ${in}->creds. Whatever else
 * is wrong with it now is no matter before the next proof. 0, or -1 with FAULT_AUTH_FAILED, or FAULT_MEMORY.
 */
int v1_cert_unrevoked(const struct v1_cert_in *in, struct fault *f);

#endif
