/* The engine seen from outside: what it has, and itself as a machine. It changes nothing. */
#include "ike/child.h"
#include "ike/conn.h"
#include "ike/engine_priv.h"
#include "ike/sa_life.h"
#include "ike/version.h"

/* --- looking in --- */

const struct ike_conf *
ike_engine_conf(const struct ike_engine *e)
{
	return (&e->conf);
}

void
ike_engine_ids(const struct ike_engine *e, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	const struct ike_sa *sa;
	uint8_t id[16];

	for (sa = e->sas; sa != NULL; sa = sa->next)
		if (ike_sa_served(sa)) {
			ike_sa_id(sa, id);
			each(ctx, id);
		}
}

uint64_t
ike_engine_ids_mark(const struct ike_engine *e)
{
	return (e->ids_mark);
}

size_t
ike_engine_count_ike(const struct ike_engine *e)
{
	return (e->n_established);
}

bool
ike_engine_elsewhere(const struct ike_engine *e, const struct ike_policy *policy, struct endpoint *to)
{
	const struct ike_conn *conn = ike_conn_find(e, policy);

	if (conn == NULL || conn->elsewhere.addr.family == 0)
		return (false);
	*to = conn->elsewhere;
	return (true);
}

size_t
ike_engine_count_wanted(const struct ike_engine *e, const struct ike_policy *policy)
{
	const struct ike_sa *sa;

	for (sa = e->sas; sa != NULL; sa = sa->next)
		if (sa->state == IKE_SA_ESTABLISHED && sa->policy == policy)
			return (ike_sa_pairs(sa));
	return (0);
}

bool
ike_engine_behind_nat(const struct ike_engine *e, const struct addr *local)
{
	const struct ike_sa *sa;

	for (sa = e->sas; sa != NULL; sa = sa->next)
		if (sa->state == IKE_SA_ESTABLISHED && sa->natt.local_nat && addr_cmp(&sa->local.at.addr, local) == 0)
			return (true);
	return (false);
}

bool
ike_engine_has_child(const struct ike_engine *e, const struct addr *remote)
{
	const struct ike_child *c;

	for (c = e->children; c != NULL; c = c->next)
		if (addr_cmp(&c->remote.at.addr, remote) == 0)
			return (true);
	return (false);
}

size_t
ike_engine_count_children(const struct ike_engine *e)
{
	return (e->n_children);
}

size_t
ike_engine_count_running(const struct ike_engine *e)
{
	const struct ike_sa *sa;
	size_t n = 0;

	for (sa = e->sas; sa != NULL; sa = sa->next)
		n += sa->version->running(sa);
	return (n);
}

bool
ike_engine_inner(struct ike_engine *e, const uint8_t id[16], struct addr *a4, struct addr *a6)
{
	const struct ike_sa *sa = ike_sa_find(e, id, id + 8);
	const struct ike_config *c = sa != NULL && sa->config != NULL && !sa->config->client ? sa->config : NULL;

	*a4 = c != NULL ? c->address : (struct addr){0};
	*a6 = c != NULL ? c->address6 : (struct addr){0};
	return (sa != NULL);
}

/* --- as a machine --- */

static void
op_timeout(void *m, struct now now, struct ike_outbox *out)
{
	ike_engine_timeout(m, now, out);
}

static void
op_datagram(void *m, struct now now, const struct endpoint *local,
    const struct endpoint *remote, struct span data, struct ike_outbox *out)
{
	ike_engine_datagram(m, now, local, remote, data, out);
}

static void
op_unreachable(void *m, struct now now, const struct endpoint *remote, int sys,
    struct ike_outbox *out)
{
	ike_engine_unreachable(m, now, remote, sys, out);
}

static uint64_t
op_deadline_us(const void *m)
{
	uint64_t ms = ike_engine_deadline(m);

	return (ms < UINT64_MAX / 1000 ? ms * 1000 : UINT64_MAX);
}

static void
op_ids(const void *m, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	ike_engine_ids(m, each, ctx);
}

static uint64_t
op_ids_mark(const void *m)
{
	return (ike_engine_ids_mark(m));
}

struct ike_machine
ike_engine_machine(struct ike_engine *e)
{
	static const struct ike_machine_ops ops = {
		.timeout = op_timeout, .datagram = op_datagram,
		.unreachable = op_unreachable, .deadline_us = op_deadline_us,
		.ids = op_ids, .ids_mark = op_ids_mark,
	};

	return ((struct ike_machine){ &ops, e });
}
