/* The engine's policies replaced by others, while its SAs live on. */
#ifndef SAPIPE_IKE_RENEW_RENEW_H
#define SAPIPE_IKE_RENEW_RENEW_H

#include "ike/ike.h"
#include "ike/renew/policy_diff.h"

#define IKE_RENEWAL_KEYS	200

/* What became of a policy of the set before. */
struct ike_renewal {
	struct ike_policy	*to;		/* the policy of that name in the set after; NULL: it is removed */
	unsigned		 changes;	/* bits of enum policy_change */
	char			 keys[IKE_RENEWAL_KEYS];	/* the options that differ */
	/* Its SAs, half-open ones aside. */
	size_t			 kept_ike, kept_children, ended_ike, ended_children;
};

/*
 * Replaces the policies and groups of ${e} by the ${n} ${policies} and ${n_groups} ${groups}, which outlive the engine or the next
 * call. A policy of the same name takes over the SAs of the one before, as far as it allows them (enum policy_change); all
 * others end, with deletes to their peers. An exchange that negotiates one goes on if it would stay. A half-open SA ends without a
 * word where POLICY_IKE or POLICY_PROOF changed: the peer times out, and begins again. A pool that both sets have is one object (gate_share_pools()). ${what} has room for one
 * entry for each policy of the set before, in its order. Nothing refers to that set afterwards. 0, or -1 with FAULT_MEMORY and
 * nothing changed.
 */
int ike_engine_renew(struct ike_engine *e, struct now now, struct ike_policy *policies, size_t n, struct ike_policy *groups,
    size_t n_groups, struct ike_renewal *what, struct ike_outbox *out, struct fault *f);

#endif
