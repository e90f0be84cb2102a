/*
 * Which policy is for whom: by address while nothing else is known, by identity later.
 */
#include "ike/v1/policy_match.h"

#include "ike/v1/auth.h"
#include "ike/v1/ike_sa.h"

static bool
fits_address(const struct ike_policy *p, const struct addr *remote)
{
	return (p->remote_addr.first.family == 0 || selector_has_addr(&p->remote_addr, remote));
}

struct ike_policy *
v1_policy_for_stranger(const struct ike_conf *conf, const struct addr *remote,
    enum sa_exchange exchange)
{
	struct ike_policy *p, *found = NULL;
	size_t i;

	for (i = 0; i < conf->n_policies; i++) {
		p = &conf->policies[i];
		if (p->exchange != exchange || !fits_address(p, remote))
			continue;
		if (p->remote_addr.first.family != 0)
			return (p);
		if (found == NULL)
			found = p;
	}
	return (found);
}

struct ike_policy *
v1_policy_for_id(const struct ike_conf *conf, const struct v1_sa *sa,
    const struct v1_auth *auth, const struct id *id)
{
	const struct addr *remote = &sa->ike.remote.at.addr;
	struct ike_policy *p, *any = NULL;
	size_t i;

	for (i = 0; i < conf->n_policies; i++) {
		p = &conf->policies[i];
		if (p->exchange != sa->exchange || !fits_address(p, remote))
			continue;
		if (p != sa->ike.policy && p->exchange == SA_MAIN &&
		    !auth->same_key(p, sa->ike.policy))
			continue;
		if (p->remote_id.type != 0 && id_eq(&p->remote_id, id))
			return (p);
		if (p->remote_id.type == 0 || p->remote_id_any)
			any = p == sa->ike.policy || any == NULL ? p : any;
	}
	return (any);
}
