#include "survey_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

const struct endpoint survey_us = { { 4, { 192, 0, 2, 10 }, 0 }, 500 };
const struct endpoint survey_us_outside = { { 4, { 203, 0, 113, 1 }, 0 }, 20500 };
const struct endpoint survey_peer = { { 4, { 203, 0, 113, 2 }, 0 }, 500 };
static const struct endpoint peer_inside = { { 4, { 10, 9, 9, 9 }, 0 }, 500 };

void
net_init(struct net *n, const char *ike, enum sa_exchange exchange)
{
	struct ike_conf conf = { .n_policies = 1, .respond = true, .keep = true };
	int i;

	memset(n, 0, sizeof(*n));
	(void)secret_init();
	n->now = (struct now){ .ms = 1000, .epoch = 1700000000 };
	n->policy = sim_policy("a secret that nobody tells", "right.example", NULL, ike, "aes128-sha256");
	n->policy.exchange = exchange;
	n->policy.remote_id_any = true;
	conf.policies = &n->policy;
	conf.rand = rand_seeded(&n->seed[0], span_str("peer"));
	n->peer = ike_engine_new(&conf, NULL);
	n->conf.rand = rand_seeded(&n->seed[1], span_str("us"));
	n->conf.timeout_ms = 4000;
	n->conf.gap_ms = 20;
	n->conf.limit_ms = 600000;
	n->conf.id = id_from_addr(&survey_us.addr);
	for (i = 0; i < SURVEY_PORTS; i++) {
		n->conf.local[i] = survey_us;
		n->conf.remote[i] = survey_peer;
		n->conf.local[i].port = n->conf.remote[i].port = i == 0 ? 500 : 4500;
	}
}

void
net_free(struct net *n)
{
	ike_survey_free(n->survey);
	ike_engine_free(n->peer);
	ike_policy_wipe(&n->policy);
}

/* From us to the peer, by way of the NATs. */
static void
carry(struct net *n, struct ike_outbox *out)
{
	struct ike_outbox back = {0}, more = {0};
	struct ike_out *item;
	struct endpoint from, to, home;
	struct isakmp_hdr h;
	int port;

	while ((item = outbox_take(out)) != NULL) {
		assert_int_equal(item->kind, IKE_OUT_DATAGRAM);
		from = home = item->dgram.local;
		to = item->dgram.remote;
		port = to.port == 4500;
		assert_int_equal(isakmp_hdr_get(&h, span_of(item->dgram.data, item->dgram.len), NULL), 0);
		if (n->mute[port] || n->carried++ < n->mute_first ||
		    (n->len_max != 0 && item->dgram.len > n->len_max) ||
		    (n->whole_max != 0 && from.port >= 40000 && item->dgram.len > n->whole_max) ||
		    (n->half_open_max != 0 && get_be64(h.cky_r) == 0 &&
		    ike_engine_count_running(n->peer) >= n->half_open_max)) {
			ike_out_free(item);
			continue;
		}
		if (n->nat_us) {
			from.addr = survey_us_outside.addr;
			from.port = (uint16_t)(from.port + 20000);
		}
		if (n->nat_peer)
			to.addr = peer_inside.addr;
		ike_engine_datagram(n->peer, n->now, &to, &from,
		    span_of(item->dgram.data, item->dgram.len), &back);
		ike_out_free(item);
		while ((item = outbox_take(&back)) != NULL) {
			if (item->kind == IKE_OUT_DATAGRAM) {
				(void)isakmp_hdr_get(&h, span_of(item->dgram.data, item->dgram.len), NULL);
				to = survey_peer;
				to.port = item->dgram.local.port;
				if (!n->no_refusals || h.exchange != EXCHANGE_INFO)
					machine_datagram(ike_survey_machine(n->survey), net_later(n),
					    &item->dgram.remote, &to,
					    span_of(item->dgram.data, item->dgram.len), &more);
			}
			ike_out_free(item);
		}
		carry(n, &more);
	}
}

uint64_t
net_deadline_ms(struct ike_machine m)
{
	uint64_t us = machine_deadline_us(m);

	return (us == UINT64_MAX ? us : us / 1000);
}

struct now
net_later(const struct net *n)
{
	struct now t = n->now;

	t.ms += LATENCY_MS;
	return (t);
}

const struct ike_survey_result *
net_run(struct net *n, uint64_t ms)
{
	struct ike_outbox out = {0};
	uint64_t end = n->now.ms + ms, next, was;
	struct fault f = {0};

	if (n->survey == NULL && (n->survey = ike_survey_new(&n->conf, &f)) == NULL)
		fail_msg("%s", f.what);
	while (!machine_over(ike_survey_machine(n->survey)) && n->now.ms < end) {
		machine_timeout(ike_survey_machine(n->survey), n->now, &out);
		carry(n, &out);
		was = n->now.ms;
		next = net_deadline_ms(ike_survey_machine(n->survey));
		if (ike_engine_deadline(n->peer) < next)
			next = ike_engine_deadline(n->peer);
		if (next == UINT64_MAX)
			break;
		n->now.ms = next > was ? next : was + 1;
		n->now.epoch += n->now.ms / 1000 - was / 1000;
		ike_engine_timeout(n->peer, n->now, &out);
		outbox_free(&out);	/* no responder sends by itself here */
	}
	return (ike_survey_result(n->survey));
}
