/* Phase 2: quick mode (RFC 2409, 5.5). */
#ifndef SAPIPE_IKE_V1_QUICK_H
#define SAPIPE_IKE_V1_QUICK_H

#include "ike/v1/ike_sa.h"
#include "ike/v1/sa_payload_p2.h"

struct ike_child;

/* What quick mode needs until it is over. */
struct v1_quick {
	struct ike_policy	*policy;
	struct selector		 local_ts, remote_ts;
	struct p2_choice	 choice;
	uint8_t			 spi_in[4];
	struct bytes		 offer, reply;	/* bodies of the SA payloads, at the responder */
	struct dh		*dh;		/* with PFS */
	struct bytes		 gx_peer;
	struct bytes		 ni_b, nr_b;
	struct bytes		 idci, idcr;	/* bodies as received or sent */
	bool			 has_ids;
	uint8_t			 n_ids;		/* taken of the message in hand */
	const struct alg_group	*pfs;
	uint8_t			 replaces[4];	/* spi-in of the child to be rekeyed, or zero */
	uint64_t		 responder_seconds;	/* of a RESPONDER-LIFETIME notify, or 0 */
	uint64_t		 responder_kilobytes;
	struct ike_child	*child;		/* once its keys are made */
};

int v1_quick_no_memory(struct fault *f);	/* -1 with FAULT_MEMORY */
/* The quick mode part of ${x}; NULL where ${x} is of another kind. */
struct v1_quick *v1_quick_of(const struct v1_exchange *x);
/* A quick mode that the peer begins, not linked. NULL: no memory. */
struct v1_exchange *v1_quick_new(struct v1_sa *sa, enum sa_role role, uint32_t mid,
    struct now now);
/* Begins quick mode for a pair of selectors; ${replaces} may be NULL. 0 or -1. */
int v1_quick_begin(struct v1_sa *sa, struct now now, struct ike_policy *policy,
    const struct selector *local_ts, const struct selector *remote_ts,
    const uint8_t *replaces, struct ike_outbox *out, struct fault *f);

#endif
