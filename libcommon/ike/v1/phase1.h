/* Phase 1: main mode and aggressive mode (RFC 2409, 5). */
#ifndef SAPIPE_IKE_V1_PHASE1_H
#define SAPIPE_IKE_V1_PHASE1_H

#include "ike/v1/auth.h"
#include "ike/v1/ike_sa.h"

#define NATD_SEEN_MAX	16

/* What phase 1 needs until it is over. */
struct v1_phase1 {
	struct dh	*dh;
	struct bytes	 sai_b, sar_b;		/* bodies of the SA payloads */
	struct bytes	 gx_peer;		/* of the KE payload received */
	struct bytes	 ni_b, nr_b;
	struct bytes	 idii_b, idir_b;
	size_t		 n_natd;
	struct { uint8_t len, b[HASH_MAX]; } natd[NATD_SEEN_MAX];
	uint32_t	 natt_seen;		/* bit 1 << enum vid_kind of the peer's VIDs */
	bool		 has_keys;
	bool		 initial_contact;	/* the peer says so */
	bool		 is_rekey;		/* of another IKE SA of ours */
};

/* The phase 1 part of ${x}; NULL where ${x} is of another kind. */
struct v1_phase1 *v1_phase1_of(const struct v1_exchange *x);
/* The method of ${x}, agreed on or the only one allowed. NULL: ${x} is no phase 1, or it is not known. */
const struct v1_auth *v1_phase1_auth(const struct v1_exchange *x);
/* Whether ${x} is a phase 1 in which this end has sent its proof. */
bool v1_phase1_proof_sent(const struct v1_exchange *x);
/* The first exchange of ${sa}, linked to it. NULL: no memory. */
struct v1_exchange *v1_phase1_new(struct v1_sa *sa, enum sa_role role, struct now now);
/* An SA that this end begins; its first message is in ${out}. NULL: see ${f}. */
struct v1_sa *v1_phase1_begin(struct ike_engine *e, struct now now,
    struct ike_policy *policy, const struct endpoint *local, const struct endpoint *remote,
    bool is_rekey, struct ike_outbox *out, struct fault *f);

#endif
