/* One responder engine with many IKE SAs, and their peers. */
#include "many.h"

#include <stdio.h>

#include "ike/v1/dpd.h"
#include "ike/v1run/ike_sa.h"

static struct endpoint
place(size_t i)
{
	return ((struct endpoint){ { 4, { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i }, 0 },
	    500 });
}

static int
policies(struct many *m)
{
	struct fault f;
	struct ike_policy *p[2] = { &m->policy, &m->peer_policy };
	int i;

	for (i = 0; i < 2; i++) {
		ike_policy_default(p[i]);
		if (secret_set(&p[i]->psk, span_str("many")) != 0 ||
		    ike_proposals_parse(&p[i]->ike, "aes128-sha256-ecp256", &f) != 0 ||
		    esp_proposals_parse(&p[i]->esp, "aes128-sha256", &f) != 0)
			return (-1);
	}
	m->policy.remote_id_any = true;
	m->peer_policy.remote_id_any = true;
	return (0);
}

/* Carries datagrams between a new initiator and the responder until there are none. */
static void
exchange(struct many *m, struct ike_engine *peer, const struct endpoint *at, struct ike_outbox *out)
{
	struct ike_outbox answers = {0};
	struct ike_out *item;

	while ((item = outbox_take(out)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM)
			ike_engine_datagram(m->engine, m->now, &m->local, at,
			    span_of(item->dgram.data, item->dgram.len), &answers);
		ike_out_free(item);
		while ((item = outbox_take(&answers)) != NULL) {
			if (item->kind == IKE_OUT_DATAGRAM)
				ike_engine_datagram(peer, m->now, at, &m->local,
				    span_of(item->dgram.data, item->dgram.len), out);
			ike_out_free(item);
		}
	}
}

/* One more peer; NULL: it did not come up. */
static struct ike_engine *
join(struct many *m, size_t i)
{
	struct ike_conf conf = { .policies = &m->peer_policy, .n_policies = 1 };
	struct endpoint at = place(i);
	struct ike_outbox out = {0};
	struct ike_engine *peer;
	struct fault f;
	char name[48];

	(void)snprintf(name, sizeof(name), "peer-%zu.example", i);
	conf.rand = rand_seeded(&m->peer_seed, span_str(name));
	if (id_parse(&m->peer_policy.local_id, name, &f) != 0 ||
	    (peer = ike_engine_new(&conf, &f)) == NULL)
		return (NULL);
	if (ike_engine_connect(peer, m->now, &m->peer_policy, &at, &m->local, true, NULL, &out, &f) == 0)
		exchange(m, peer, &at, &out);
	outbox_free(&out);
	if (ike_engine_count_children(peer) == 1)
		return (peer);
	ike_engine_free(peer);
	return (NULL);
}

/* The same, later: the exchanges of few are remembered at a time. */
static struct ike_engine *
join_next(struct many *m)
{
	struct ike_outbox out = {0};

	m->now.ms += 200;
	if (ike_engine_deadline(m->engine) <= m->now.ms)
		ike_engine_timeout(m->engine, m->now, &out);
	outbox_free(&out);
	return (join(m, ++m->joined));
}

bool
many_join(struct many *m)
{
	struct ike_engine *peer = join_next(m);

	ike_engine_free(peer);
	return (peer != NULL);
}

int
many_init(struct many *m, size_t n)
{
	struct ike_conf conf = { .n_policies = 1, .respond = true };
	struct ike_outbox out = {0};
	struct ike_engine *peer;
	size_t i, kept = 0;

	*m = (struct many){ .now = { .ms = 1000, .epoch = 1700000000 }, .local = place(0) };
	m->local.addr.b[0] = 192;
	conf.policies = &m->policy;
	conf.rand = rand_seeded(&m->seed, span_str("many"));
	if (policies(m) != 0 || (m->engine = ike_engine_new(&conf, NULL)) == NULL)
		return (-1);
	for (i = 0; i < n; i++) {
		if ((peer = join_next(m)) == NULL)
			return (-1);
		if (i == kept * (n / MANY_PEERS) && kept < MANY_PEERS) {
			m->at[kept] = place(i + 1);
			m->peer[kept++] = peer;
		} else
			ike_engine_free(peer);
	}
	/* Finished exchanges answer duplicates for a minute. */
	m->now.ms += 70000;
	ike_engine_timeout(m->engine, m->now, &out);
	outbox_free(&out);
	return (ike_engine_count_ike(m->engine) == n && ike_engine_count_children(m->engine) == n ?
	    0 : -1);
}

void
many_free(struct many *m)
{
	size_t i;

	for (i = 0; i < MANY_PEERS; i++)
		ike_engine_free(m->peer[i]);
	ike_engine_free(m->engine);
	ike_policy_wipe(&m->policy);
	ike_policy_wipe(&m->peer_policy);
}

struct ike_out *
many_ask(struct many *m, size_t i)
{
	struct ike_outbox out = {0};

	v1_dpd_send(v1_sa_of(m->peer[i]->sas), NOTIFY_R_U_THERE, ++m->asked, &out);
	return (outbox_take(&out));
}

bool
many_answer(struct many *m, size_t i, const struct ike_out *ask)
{
	struct ike_outbox out = {0};
	bool answered;

	ike_engine_datagram(m->engine, m->now, &m->local, &m->at[i],
	    span_of(ask->dgram.data, ask->dgram.len), &out);
	answered = out.first != NULL && out.first->kind == IKE_OUT_DATAGRAM &&
	    ike_engine_deadline(m->engine) != 0 && ike_engine_ids_mark(m->engine) != 0;
	outbox_free(&out);
	return (answered);
}
