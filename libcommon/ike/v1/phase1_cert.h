/* Phase 1: CERT and CERTREQ payloads (RFC 2408 sections 3.9 and 3.10, RFC 4945 section 3.3). */
#ifndef SAPIPE_IKE_V1_PHASE1_CERT_H
#define SAPIPE_IKE_V1_PHASE1_CERT_H

#include "ike/v1run/exchange.h"
#include "ike/v1run/ike_sa.h"

#define V1_CERTS_MAX	16	/* CERT payloads of a message, and certificates in them */
#define V1_CERT_REQS_MAX 48	/* CERTREQ payloads of a message; Windows sends one for each CA that it has */

/* Our certificates as CERT payloads, as the policy says; nothing where the method does not sign. */
int v1_put_certs(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_cert(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* Keeps ${certs}, with which the peer of ${sa} has proved its identity, for lists that revoke one later. 0, or -1 with FAULT_MEMORY. */
int v1_keep_certs(struct v1_sa *sa, const struct certs *certs, struct fault *f);
/* See struct ike_version. */
int v1_cert_still_valid(const struct ike_sa *ike, const struct ike_policy *p, uint64_t epoch, struct fault *f);
/* One CERTREQ for each CA, in the message where the peer still can obey. */
int v1_put_cert_req(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_cert_req(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* Whether the peer asked for the certificate of ${c}: for one of any CA, or of its CA, or of one of the chain above it. */
struct v1_phase1;
bool v1_cert_is_asked(const struct v1_phase1 *part, const struct creds *c);

#endif
