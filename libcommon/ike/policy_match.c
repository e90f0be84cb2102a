/* Which policy applies to which peer: by address first, by identity once that is known. */
#include "ike/policy_match.h"

static bool
fits_address(const struct ike_policy *p, const struct addr *remote)
{
	return (p->remote_addr.first.family == 0 || selector_has_addr(&p->remote_addr, remote));
}

struct ike_policy *
ike_policy_for_stranger(const struct ike_conf *conf, const struct addr *remote,
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

/* Whether an exchange that began under ${used} may turn out to be with the peer of ${p}. */
static bool
is_candidate(const struct ike_policy *p, const struct ike_policy *used, ike_same_key *same_key,
    const struct addr *remote)
{
	return (p->exchange == used->exchange && fits_address(p, remote) &&
	    (p == used || p->exchange != SA_MAIN || same_key(p, used)));
}

struct ike_policy *
ike_policy_for_id(const struct ike_conf *conf, const struct ike_policy *used,
    ike_same_key *same_key, const struct addr *remote, const struct id *id)
{
	struct ike_policy *p, *any = NULL;
	bool named = false;
	size_t i;

	for (i = 0; i < conf->n_policies; i++) {
		p = &conf->policies[i];
		named = named || (p->remote_id.type != 0 && id_eq(&p->remote_id, id));
		if (!is_candidate(p, used, same_key, remote))
			continue;
		if (p->remote_id.type != 0 && id_eq(&p->remote_id, id))
			return (p);
		if (p->remote_id.type == 0 || p->remote_id_any)
			any = p == used || any == NULL ? p : any;
	}
	/* Another section names it, with another key, address or exchange: whoever it is, it is not that peer. */
	return (named && any != NULL && !any->remote_id_any ? NULL : any);
}

struct ike_policy *
ike_policy_next(const struct ike_conf *conf, const struct ike_policy *used, ike_same_key *same_key,
    const struct addr *remote, size_t *at)
{
	struct ike_policy *p;

	while (*at < conf->n_policies) {
		p = &conf->policies[(*at)++];
		if (p != used && is_candidate(p, used, same_key, remote))
			return (p);
	}
	return (NULL);
}

const struct ike_policy *
ike_policy_group(const struct ike_conf *conf, const char *name)
{
	size_t i;

	for (i = 0; i < conf->n_groups; i++)
		if (strcmp(conf->groups[i].name, name) == 0)
			return (&conf->groups[i]);
	return (NULL);
}
