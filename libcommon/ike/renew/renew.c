/* Replaces the policies of a running engine: finds the SAs that the new policies allow, and rebinds them. */
#include "ike/renew/renew.h"

#include <stdlib.h>

#include "ike/child_life.h"
#include "ike/conn.h"
#include "ike/engine_priv.h"
#include "ike/policy_match.h"
#include "ike/sa_life.h"
#include "ike/version.h"

struct renewing {
	struct ike_engine	*e;
	struct ike_conf		 to;		/* the engine's, with the new set */
	struct ike_renewal	*what;
	unsigned		*group_changes;	/* for each group of the old set; ~0: it is removed */
};

static struct ike_policy *
by_name(struct ike_policy *p, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n && strcmp(p[i].name, name) != 0; i++)
		;
	return (i < n ? &p[i] : NULL);
}

static struct ike_renewal *
renewal_of(const struct renewing *r, const struct ike_policy *p)
{
	return (&r->what[p - r->e->conf.policies]);
}

/* The new group of the user of ${sa}; NULL: none. False: the new set rejects the users of that group. */
static bool
group_after(const struct renewing *r, const struct ike_sa *sa, const struct ike_policy **group)
{
	const char *name = sa->config != NULL && !sa->config->client ? sa->config->group : "";

	*group = name[0] != '\0' && r->to.n_groups > 0 ? ike_policy_group(&r->to, name) : NULL;
	return (name[0] == '\0' || r->to.n_groups == 0 || *group != NULL);
}

/* What changed for the child SAs under ${sa}: in its group, if it has one. */
static unsigned
scope_changes(const struct renewing *r, const struct ike_sa *sa)
{
	const struct ike_policy *group;

	if (!group_after(r, sa, &group) || (group == NULL) != (sa->group == NULL))
		return (~0U);
	return (sa->group != NULL ? r->group_changes[sa->group - r->e->conf.groups] : renewal_of(r, sa->policy)->changes);
}

/* Whether the leased address ${a} is of a pool that the new policy has, too. */
static bool
lease_stays(const struct ike_policy *before, const struct ike_policy *after, const struct addr *a)
{
	return (a->family == 0 || ike_policy_pool(before, a) == ike_policy_pool(after, a));
}

static bool
is_id(const struct ike_id *have, const struct id *want)
{
	struct id id = ike_id_get(have);

	return (have != NULL && id_eq(&id, want));
}

/* Whether the new lists do not revoke the peer's certificate; says so if they do. */
static bool
unrevoked(const struct renewing *r, const struct ike_sa *sa, const struct ike_policy *to, struct ike_outbox *out)
{
	struct fault f = {0};

	if (sa->version->unrevoked(sa, to, r->e->epoch, &f) == 0)
		return (true);
	ike_sa_note(sa, out, NOTE_WARN, "its SAs are deleted: %s", f.what);
	return (false);
}

/* Whether the new policy allows the IKE SA. */
static bool
sa_stays(const struct renewing *r, const struct ike_sa *sa, struct ike_outbox *out)
{
	const struct ike_renewal *w = renewal_of(r, sa->policy);
	const struct ike_policy *group, *to = w->to;
	const struct ike_config *c = sa->config;

	if (to == NULL || (w->changes & POLICY_PROOF) != 0 || !group_after(r, sa, &group))
		return (false);
	if (c != NULL && !c->client && (!lease_stays(ike_sa_scope(sa), group != NULL ? group : to, &c->address) ||
	    !lease_stays(ike_sa_scope(sa), group != NULL ? group : to, &c->address6)))
		return (false);
	/* Before it is established, no value of child SAs matters. */
	if (sa->state != IKE_SA_ESTABLISHED)
		return ((w->changes & (POLICY_IKE | POLICY_REVOKED)) == 0 && (group == NULL) == (sa->group == NULL));
	if ((w->changes & POLICY_REVOKED) != 0 && !unrevoked(r, sa, to, out))
		return (false);
	if ((w->changes & POLICY_IKE) == 0)
		return (true);
	return ((to->remote_addr.first.family == 0 || selector_has_addr(&to->remote_addr, &sa->remote.at.addr)) &&
	    (to->remote_id.type == 0 || to->remote_id_any || is_id(sa->remote.id, &to->remote_id)) &&
	    sa->version->allowed(sa, to));
}

static bool
covered(const struct selector *list, size_t n, const struct selector *negotiated, const struct selector *seen)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (selector_covers(&list[i], negotiated) || selector_covers(&list[i], seen))
			return (true);
	return (false);
}

/* Whether ${c}'s networks are those of the new policy: as ${sa} would have them, or of the policy alone if ${sa} is NULL. */
static bool
networks_stay(const struct renewing *r, const struct ike_child *c, const struct ike_sa *sa)
{
	struct ike_policy *to = renewal_of(r, c->policy)->to;
	const struct ike_policy *group = NULL;
	struct ike_sa now_sa;
	struct ike_ts ts;

	if (sa == NULL)
		return ((to->n_local_ts == 0 || covered(to->local_ts, to->n_local_ts, &c->local_ts, &c->local_seen)) &&
		    (to->n_remote_ts == 0 || covered(to->remote_ts, to->n_remote_ts, &c->remote_ts, &c->remote_seen)));
	(void)group_after(r, sa, &group);
	if (c->pool != NULL && ike_policy_pool(group != NULL ? group : to, &c->remote_ts.first) != c->pool)
		return (false);
	/* The selectors that ${sa} would negotiate now. */
	now_sa = (struct ike_sa){ .policy = to, .group = group, .config = sa->config, .own_addr = sa->own_addr,
	    .peer_addr = sa->peer_addr };
	ike_sa_ts(&now_sa, &ts);
	return (covered(ts.local, ts.n_local, &c->local_ts, &c->local_seen) &&
	    covered(ts.remote, ts.n_remote, &c->remote_ts, &c->remote_seen));
}

static bool
in_list(const struct esp_proposals *l, const struct esp_proposal *p, bool no_group)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->p[i].enc == p->enc && l->p[i].integ == p->integ && l->p[i].esn == p->esn &&
		    (no_group || l->p[i].group == p->group))
			return (true);
	return (false);
}

/* Whether the new policy allows the child SA, under ${sa}; NULL: there is no IKE SA with its peer. */
static bool
child_stays(const struct renewing *r, const struct ike_child *c, const struct ike_sa *sa)
{
	const struct ike_renewal *w = renewal_of(r, c->policy);
	const struct ike_policy *p = w->to;
	unsigned changes = sa != NULL ? scope_changes(r, sa) | w->changes : w->changes;

	if (p == NULL || (sa != NULL ? sa->unfit : (w->changes & (POLICY_PROOF | POLICY_IKE | POLICY_REVOKED)) != 0))
		return (false);
	if ((changes & (POLICY_CHILD | POLICY_IKE)) == 0)
		return (true);
	if (!p->accept_all && (c->protocol != p->proto || c->mode != p->mode || c->ah.on != (p->ah.n > 0) ||
	    !in_list(&p->esp, &c->proposal, c->proposal.group == NULL && p->pfs_fallback) ||
	    (c->ah.on && !in_list(&p->ah, &c->ah.proposal, true))))
		return (false);
	return (networks_stay(r, c, sa));
}

static void
end_children(struct renewing *r, struct ike_outbox *out)
{
	struct ike_child *c, *next;
	struct ike_renewal *w;

	for (c = r->e->children; c != NULL; c = next) {
		next = c->next;
		w = renewal_of(r, c->policy);
		if (child_stays(r, c, ike_child_own_sa(r->e, c)))
			w->kept_children++;
		else {
			w->ended_children++;
			ike_child_end(r->e, c, SA_REASON_UNCONFIGURED, true, out);
		}
	}
}

static void
end_sas(struct renewing *r, struct now now, struct ike_outbox *out)
{
	struct ike_sa *sa;
	struct ike_renewal *w;
	for (sa = r->e->sas; sa != NULL; sa = sa->next) {
		w = renewal_of(r, sa->policy);
		w->kept_ike += sa->state == IKE_SA_ESTABLISHED && !sa->unfit;
		if (!sa->unfit)
			continue;
		w->ended_ike += sa->state == IKE_SA_ESTABLISHED;
		ike_sa_end(sa, now, SA_REASON_UNCONFIGURED, true, out);
		ike_sa_set_state(sa, IKE_SA_DEAD);
	}
	ike_engine_settle(r->e);
}

static struct ike_policy *
after(void *ctx, const struct ike_policy *p)
{
	return (renewal_of(ctx, p)->to);
}

/* Whether an exchange in progress, whose proposals are those of the old policy, may go on. */
static bool
exchange_stays(void *ctx, const struct ike_sa *sa, const struct ike_child *c)
{
	const struct renewing *r = ctx;

	return (c != NULL ? child_stays(r, c, sa) : (scope_changes(r, sa) & POLICY_CHILD) == 0);
}

static void
rebind_all(struct renewing *r, struct now now, struct ike_outbox *out)
{
	struct ike_engine *e = r->e;
	const struct ike_policy *group;
	struct ike_conn *conn, *next;
	const struct ike_renewal *w;
	struct ike_child *c;
	struct ike_sa *sa;

	for (sa = e->sas; sa != NULL; sa = sa->next) {
		(void)group_after(r, sa, &group);
		sa->version->rebind(sa, now, after, exchange_stays, r, out);
		sa->policy = after(r, sa->policy);
		sa->group = group;
	}
	for (c = e->children; c != NULL; c = c->next)
		c->policy = after(r, c->policy);
	for (conn = e->conns; conn != NULL; conn = next) {
		next = conn->next;
		w = renewal_of(r, conn->policy);
		if (w->to == NULL) {
			ike_conn_remove(e, conn);
			continue;
		}
		conn->policy = w->to;
		if (w->changes != 0)
			heap_set(&e->conn_timers, &conn->timer, now.ms);
	}
	e->conf.policies = r->to.policies;
	e->conf.n_policies = r->to.n_policies;
	e->conf.groups = r->to.groups;
	e->conf.n_groups = r->to.n_groups;
}

int
ike_engine_renew(struct ike_engine *e, struct now now, struct ike_policy *policies, size_t n, struct ike_policy *groups,
    size_t n_groups, struct ike_renewal *what, struct ike_outbox *out, struct fault *f)
{
	struct renewing r = { .e = e, .to = e->conf, .what = what };
	char keys[IKE_RENEWAL_KEYS];
	const struct ike_policy *group;
	struct ike_sa *sa;
	size_t i;

	r.to.policies = policies;
	r.to.n_policies = n;
	r.to.groups = groups;
	r.to.n_groups = n_groups;
	if ((r.group_changes = calloc(e->conf.n_groups + 1, sizeof(*r.group_changes))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for new policies"));
	for (i = 0; i < e->conf.n_policies; i++) {
		what[i] = (struct ike_renewal){ .to = by_name(policies, n, e->conf.policies[i].name) };
		if (what[i].to != NULL)
			what[i].changes = ike_policy_diff(&e->conf.policies[i], what[i].to, what[i].keys, sizeof(what[i].keys));
	}
	for (i = 0; i < e->conf.n_groups; i++)
		r.group_changes[i] = (group = by_name(groups, n_groups, e->conf.groups[i].name)) == NULL ? ~0U :
		    ike_policy_diff(&e->conf.groups[i], group, keys, sizeof(keys));
	e->epoch = now.epoch;
	for (sa = e->sas; sa != NULL; sa = sa->next)
		sa->unfit = sa->state == IKE_SA_DEAD || !sa_stays(&r, sa, out);
	end_children(&r, out);
	end_sas(&r, now, out);
	rebind_all(&r, now, out);
	ike_engine_settle(e);
	free(r.group_changes);
	return (0);
}
