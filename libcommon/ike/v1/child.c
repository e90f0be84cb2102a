/*
 * The child SAs of an engine: the list and the questions asked of it. In IKEv1
 * they outlive the IKE SA that made them, so they belong to the peer: whichever SA stands with
 * it serves to rekey and delete them.
 */
#include "ike/v1/child.h"

#include "ike/v1/engine_priv.h"
#include "ike/v1/ike_sa.h"

void
v1_child_link(struct ike_engine *e, struct ike_child *c)
{
	c->next = e->children;
	e->children = c;
}

void
v1_child_remove(struct ike_engine *e, struct ike_child *c)
{
	struct ike_child **at;

	for (at = &e->children; *at != NULL; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	ike_child_free(c);
}

bool
v1_child_carries(const struct ike_child *c, const struct selector *local_ts,
    const struct selector *remote_ts)
{
	return (selector_eq(&c->local_ts, local_ts) &&
	    selector_eq(&c->remote_ts, remote_ts));
}

bool
v1_child_of(const struct ike_child *c, const struct v1_sa *sa)
{
	return (c->policy == sa->ike.policy &&
	    ike_id_eq(c->remote.id, sa->ike.remote.id));
}

struct ike_child *
v1_child_like(const struct v1_sa *sa, const struct selector *local_ts,
    const struct selector *remote_ts)
{
	struct ike_child *c;

	for (c = sa->ike.engine->children; c != NULL; c = c->next)
		if (!c->replaced && v1_child_of(c, sa) &&
		    v1_child_carries(c, local_ts, remote_ts))
			return (c);
	return (NULL);
}

struct ike_child *
v1_child_find(struct ike_engine *e, const struct addr *remote, enum sa_proto proto,
    const uint8_t *spi_in, const uint8_t *spi_out)
{
	struct ike_child *c;

	for (c = e->children; c != NULL; c = c->next)
		if (c->protocol == proto &&
		    (remote == NULL || addr_cmp(remote, &c->remote.at.addr) == 0) &&
		    (spi_in == NULL || memcmp(spi_in, c->spi_in, 4) == 0) &&
		    (spi_out == NULL || memcmp(spi_out, c->spi_out, 4) == 0))
			return (c);
	return (NULL);
}

struct v1_sa *
v1_child_sa(const struct ike_engine *e, const struct ike_child *c)
{
	struct v1_sa *sa, *found = NULL;

	for (sa = e->sas; sa != NULL; sa = sa->next)
		if (sa->ike.state == IKE_SA_ESTABLISHED && v1_child_of(c, sa) &&
		    (found == NULL || (found->ike.replaced && !sa->ike.replaced)))
			found = sa;
	return (found);
}
