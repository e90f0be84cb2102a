/* Replaces the policies of a running engine and keeps the SAs that the new policies allow. */
#ifndef SAPIPE_IKE_RENEW_RENEW_H
#define SAPIPE_IKE_RENEW_RENEW_H

#include "ike/ike.h"
#include "ike/renew/policy_diff.h"

#define IKE_RENEWAL_KEYS	200

/* The result for one policy of the old set. */
struct ike_renewal {
	struct ike_policy	*to;		/* the policy of that name in the new set; NULL: it is removed */
	unsigned		 changes;	/* bits of enum policy_change */
	char			 keys[IKE_RENEWAL_KEYS];	/* the options that differ */
	/* Numbers of its SAs, without half-open ones. */
	size_t			 kept_ike, kept_children, ended_ike, ended_children;
};

/*
 * Replaces the policies and groups of ${e} by the ${n} ${policies} and ${n_groups} ${groups}, which must outlive the engine or the
 * next call. A policy takes over the SAs of the old policy of the same name if it allows them (enum policy_change). The engine
 * deletes all others, and sends deletes to their peers; a note names each peer whose certificate is revoked. An exchange that
 * negotiates an SA goes on if the SA would stay. If POLICY_IKE, POLICY_PROOF or POLICY_REVOKED changed, a half-open SA is removed
 * without a notify: the peer times out and starts over. A pool that both sets have must be one object (gate_share_pools()). ${what} has room for an entry for each policy of the old set, in its
 * order. Nothing refers to the old set afterwards. 0, or -1 with FAULT_MEMORY; then nothing has changed.
 */
int ike_engine_renew(struct ike_engine *e, struct now now, struct ike_policy *policies, size_t n, struct ike_policy *groups,
    size_t n_groups, struct ike_renewal *what, struct ike_outbox *out, struct fault *f);

#endif
