/* Which policy applies to which peer: by address first, by identity later. */
#ifndef SAPIPE_IKE_POLICY_MATCH_H
#define SAPIPE_IKE_POLICY_MATCH_H

#include "ike/ike.h"

/*
 * For a peer of which only the address is known: a policy that names an address precedes one for
 * all. NULL: there is none.
 */
struct ike_policy *ike_policy_for_stranger(const struct ike_conf *conf, const struct addr *remote,
    enum sa_exchange exchange);
/* Whether two policies make the same keys before the identity of the peer is known. */
typedef bool ike_same_key(const struct ike_policy *a, const struct ike_policy *b);
/*
 * For a peer at ${remote} that identifies itself as ${id} in an exchange that began under ${used}. In main mode the
 * keys are derived before the identity is known: they have to be those of the policy. In aggressive
 * mode ${same_key} may be NULL. A policy without an ID takes any, except one that another policy names. NULL: no
 * policy expects the peer.
 */
struct ike_policy *ike_policy_for_id(const struct ike_conf *conf, const struct ike_policy *used,
    ike_same_key *same_key, const struct addr *remote, const struct id *id);

/*
 * Returns the next policy, other than ${used}, that the peer's identity may select; NULL after the last one.
 * *${at} is the position: the caller sets it to 0 before the first call.
 */
struct ike_policy *ike_policy_next(const struct ike_conf *conf, const struct ike_policy *used,
    ike_same_key *same_key, const struct addr *remote, size_t *at);

/* The policy of the users' group ${name}; NULL: there is none. */
const struct ike_policy *ike_policy_group(const struct ike_conf *conf, const char *name);

#endif
