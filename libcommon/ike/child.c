/* Child SAs of any version: their resources, records and table. */
#include "ike/child.h"

#include "ike/engine_priv.h"

#include <stdio.h>
#include <stdlib.h>

struct ike_child *
ike_child_new(struct ike_policy *policy)
{
	struct ike_child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return (NULL);
	c->policy = policy;
	c->soft_ms = c->hard_ms = c->delete_ms = UINT64_MAX;
	return (c);
}

void
ike_child_forget_keys(struct ike_child *c)
{
	secret_free(&c->enc_in);
	secret_free(&c->auth_in);
	secret_free(&c->enc_out);
	secret_free(&c->auth_out);
	secret_free(&c->ah.auth_in);
	secret_free(&c->ah.auth_out);
}

void
ike_child_free(struct ike_child *c)
{
	if (c == NULL)
		return;
	ike_child_forget_keys(c);
	free(c->local.id);
	free(c->remote.id);
	free(c->name);
	free(c);
}

/* The fields that both records of a bundle have. */
static void
fill(struct sa_child *s, const struct ike_child *c, enum sa_use use)
{
	(void)snprintf(s->name, sizeof(s->name), "%s", c->name != NULL ? c->name : "");
	memcpy(s->ike, c->ike, sizeof(s->ike));
	memcpy(s->replaces, c->replaces, sizeof(s->replaces));
	s->initiator = c->initiator;
	s->use = use;
	s->encap = c->encap;
	s->local = ike_end_record(&c->local);
	s->remote = ike_end_record(&c->remote);
	s->n_local_ts = s->n_remote_ts = 1;
	s->local_ts[0] = c->local_seen;
	s->remote_ts[0] = c->remote_seen;
	s->has_nat_oa = c->oa_local.family != 0 && c->oa_remote.family != 0;
	s->nat_oa_local = c->oa_local;
	s->nat_oa_remote = c->oa_remote;
	s->established = c->established;
	s->lifetime = c->lifetime;
}

static void
fill_algs(struct sa_child *s, const struct esp_proposal *alg)
{
	if (alg->enc != NULL) {
		(void)snprintf(s->encryption, sizeof(s->encryption), "%s", alg->enc->name);
		s->key_bits = alg->enc->key_bits;
	}
	if (alg->integ != NULL)
		(void)snprintf(s->integrity, sizeof(s->integrity), "%s", alg->integ->name);
	if (alg->group != NULL)
		(void)snprintf(s->group, sizeof(s->group), "%s", alg->group->word);
	s->esn = alg->esn;
}

/* AH of a bundle goes around ESP packets, whose outer header it keeps. */
static void
record_around(const struct ike_child *c, enum sa_use use, struct ike_outbox *out)
{
	struct sa_rec *rec = outbox_record(out, SA_CHILD);
	struct sa_child *s;

	if (rec == NULL)
		return;
	s = &rec->child;
	fill(s, c, use);
	fill_algs(s, &c->ah.proposal);
	s->protocol = SA_AH;
	s->mode = SA_TRANSPORT;
	memcpy(s->spi_in, c->ah.spi_in, sizeof(s->spi_in));
	memcpy(s->spi_out, c->ah.spi_out, sizeof(s->spi_out));
	memcpy(s->bundle, c->spi_in, sizeof(s->bundle));
	outbox_record_secret(out, &s->auth_in, &c->ah.auth_in);
	outbox_record_secret(out, &s->auth_out, &c->ah.auth_out);
}

void
ike_child_record(const struct ike_child *c, enum sa_use use, struct ike_outbox *out)
{
	struct sa_rec *rec;
	struct sa_child *s;

	if (c->ah.on)
		record_around(c, use, out);
	if ((rec = outbox_record(out, SA_CHILD)) == NULL)
		return;
	s = &rec->child;
	fill(s, c, use);
	fill_algs(s, &c->proposal);
	s->protocol = c->protocol;
	s->mode = c->mode;
	memcpy(s->spi_in, c->spi_in, sizeof(s->spi_in));
	memcpy(s->spi_out, c->spi_out, sizeof(s->spi_out));
	if (c->ah.on)
		memcpy(s->bundle, c->ah.spi_in, sizeof(s->bundle));
	outbox_record_secret(out, &s->enc_in, &c->enc_in);
	outbox_record_secret(out, &s->auth_in, &c->auth_in);
	outbox_record_secret(out, &s->enc_out, &c->enc_out);
	outbox_record_secret(out, &s->auth_out, &c->auth_out);
}

/* A client's address stays its own as long as a child SA carries it, even without an IKE SA. */
static void
keep_lease(struct ike_engine *e, struct ike_child *c)
{
	const struct ike_sa *sa = ike_sa_find(e, c->ike, c->ike + sizeof(sa->spi_i));
	struct pool *pool = ike_policy_pool(sa != NULL ? ike_sa_scope(sa) : c->policy, &c->remote_ts.first);

	if (pool != NULL && addr_cmp(&c->remote_ts.first, &c->remote_ts.last) == 0 && pool_keep(pool, &c->remote_ts.first))
		c->pool = pool;
}

int
ike_child_link(struct ike_engine *e, struct ike_child *c)
{
	if (heap_reserve(&e->child_timers, e->n_children + 1) != 0 ||
	    table_put(&e->by_child_spi, &c->by_spi,
	    hash_bytes(c->spi_in, sizeof(c->spi_in), ike_engine_salt(e))) != 0)
		return (-1);
	if (table_put(&e->children_by_peer, &c->by_peer, ike_peer_hash(e, c->policy, c->remote.id)) != 0) {
		table_remove(&e->by_child_spi, &c->by_spi);
		return (-1);
	}
	keep_lease(e, c);
	c->timer.serial = ++e->serial;
	c->next = e->children;
	c->at = &e->children;
	if (c->next != NULL)
		c->next->at = &c->next;
	e->children = c;
	e->n_children++;
	return (0);
}

void
ike_child_remove(struct ike_engine *e, struct ike_child *c)
{
	if (c->at != NULL) {
		heap_set(&e->child_timers, &c->timer, UINT64_MAX);
		table_remove(&e->by_child_spi, &c->by_spi);
		table_remove(&e->children_by_peer, &c->by_peer);
		*c->at = c->next;
		if (c->next != NULL)
			c->next->at = c->at;
		e->n_children--;
		if (c->pool != NULL)
			pool_release(c->pool, e->epoch, &c->remote_ts.first);
	}
	ike_child_free(c);
}

bool
ike_child_carries(const struct ike_child *c, const struct selector *local_ts,
    const struct selector *remote_ts)
{
	return (selector_eq(&c->local_ts, local_ts) && selector_eq(&c->remote_ts, remote_ts));
}

bool
ike_child_of(const struct ike_child *c, const struct ike_sa *sa)
{
	return (c->policy == sa->policy && ike_id_eq(c->remote.id, sa->remote.id));
}

/* The first one of the peer in the chain of ${n}. */
static struct ike_child *
seek(struct ike_engine *e, struct table_node *n, const struct ike_policy *policy, const struct ike_id *id)
{
	struct ike_child *c;

	for (; n != NULL; n = table_next(&e->children_by_peer, n)) {
		c = ENTRY_OF(n, struct ike_child, by_peer);
		if (c->policy == policy && ike_id_eq(c->remote.id, id))
			return (c);
	}
	return (NULL);
}

struct ike_child *
ike_children_of(struct ike_engine *e, const struct ike_policy *policy, const struct ike_id *id)
{
	return (seek(e, table_first(&e->children_by_peer, ike_peer_hash(e, policy, id)), policy, id));
}

struct ike_child *
ike_children_next(struct ike_engine *e, const struct ike_child *c)
{
	return (seek(e, table_next(&e->children_by_peer, &c->by_peer), c->policy, c->remote.id));
}

struct ike_child *
ike_child_like(const struct ike_sa *sa, const struct selector *local_ts,
    const struct selector *remote_ts)
{
	struct ike_engine *e = sa->engine;
	struct ike_child *c;

	for (c = ike_children_of(e, sa->policy, sa->remote.id); c != NULL; c = ike_children_next(e, c))
		if (!c->replaced && ike_child_carries(c, local_ts, remote_ts))
			return (c);
	return (NULL);
}

struct ike_child *
ike_child_by_spi(struct ike_engine *e, const uint8_t spi_in[4])
{
	struct table_node *n = table_first(&e->by_child_spi,
	    hash_bytes(spi_in, sizeof(((struct ike_child *)0)->spi_in), ike_engine_salt(e)));
	struct ike_child *c;

	for (; n != NULL; n = table_next(&e->by_child_spi, n)) {
		c = ENTRY_OF(n, struct ike_child, by_spi);
		if (memcmp(c->spi_in, spi_in, sizeof(c->spi_in)) == 0)
			return (c);
	}
	return (NULL);
}

struct ike_child *
ike_child_by_peer_spi(const struct ike_sa *sa, enum sa_proto proto, const uint8_t spi_out[4])
{
	struct ike_engine *e = sa->engine;
	struct ike_child *c;

	for (c = ike_children_of(e, sa->policy, sa->remote.id); c != NULL; c = ike_children_next(e, c))
		if ((c->protocol == proto && memcmp(spi_out, c->spi_out, sizeof(c->spi_out)) == 0) ||
		    (c->ah.on && proto == SA_AH && memcmp(spi_out, c->ah.spi_out, sizeof(c->ah.spi_out)) == 0))
			return (c);
	return (NULL);
}

struct ike_sa *
ike_child_own_sa(struct ike_engine *e, const struct ike_child *c)
{
	struct ike_sa *sa = ike_sa_find(e, c->ike, c->ike + sizeof(sa->spi_i));

	return (sa != NULL && sa->state == IKE_SA_ESTABLISHED ? sa : ike_child_sa(e, c));
}

struct ike_sa *
ike_child_sa(struct ike_engine *e, const struct ike_child *c)
{
	struct ike_sa *sa, *found = NULL;

	for (sa = ike_peer_sas(e, c->policy, c->remote.id); sa != NULL; sa = ike_peer_sas_next(sa))
		if (sa->state == IKE_SA_ESTABLISHED &&
		    (found == NULL || (found->replaced && !sa->replaced)))
			found = sa;
	return (found);
}
