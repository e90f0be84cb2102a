/* Which policy is for which peer: by address first, by identity later. */
#ifndef SAPIPE_IKE_V1_POLICY_MATCH_H
#define SAPIPE_IKE_V1_POLICY_MATCH_H

#include "ike/ike.h"

struct v1_auth;
struct v1_sa;

/*
 * For a peer of which nothing is known but its address: a policy that names an
 * address goes before one for all. NULL: there is none.
 */
struct ike_policy *v1_policy_for_stranger(const struct ike_conf *conf, const struct addr *remote,
    enum sa_exchange exchange);
/* For a peer that calls itself ${id}. In main mode the keys were made before the identity was
 * known, by ${auth}: they have to be those of the policy. NULL: no policy expects the peer. */
struct ike_policy *v1_policy_for_id(const struct ike_conf *conf, const struct v1_sa *sa,
    const struct v1_auth *auth, const struct id *id);

#endif
