/* The machines of NHRP: shortcuts in use and idle ones, several servers, repeated purges, limits. */
#include "nhrp_net.h"

/* --- renewal, idleness --- */

static void
shortcut_in_use_is_renewed(void **state)
{
	(void)state;
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	assert_int_equal(events(&one, "resolved"), 1);
	busy(&one, &two.outer, 39);
	assert_int_equal(events(&one, "renewed"), 0);
	busy(&one, &two.outer, 2);
	assert_int_equal(events(&one, "renewed"), 1);
	assert_int_equal(last_binding(&one, NHRP_KIND_SHORTCUT)->expires, now.epoch + 59);
	/* 10 minutes: each time before its end, and the reader of the records never sees it withdrawn. */
	one.n_events = one.n_bindings = 0;
	busy(&one, &two.outer, 600);
	assert_in_range(events(&one, "renewed"), 13, 15);
	for (size_t i = 0; i < one.n_bindings; i++)
		assert_true(one.binding[i].kind != NHRP_KIND_SHORTCUT || one.binding[i].holding > 0);
	assert_int_equal(one.client.n_cuts, 1);
}

static void
shortcut_that_is_not_in_use_just_ends(void **state)
{
	(void)state;
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	busy(&one, &two.outer, 10);
	/* Use of another peer is no use of this one. */
	busy(&one, &hub.outer, 49);
	assert_int_equal(one.client.n_cuts, 1);
	busy(&one, &hub.outer, 2);
	assert_int_equal(one.client.n_cuts, 0);
	assert_int_equal(events(&one, "renewed"), 0);
	assert_int_equal(events(&two, "answered"), 1);
}

static void
use_in_the_last_third_renews(void **state)
{
	(void)state;
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	pass(55000);
	nhrp_client_used(&one.client, &two.outer, now);
	nhrp_net_run();
	assert_int_equal(events(&one, "renewed"), 1);
	pass(50000);
	assert_int_equal(one.client.n_cuts, 1);
}

static void
renewal_without_an_answer_ends_with_the_holding_time(void **state)
{
	(void)state;
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	two.down = true;
	busy(&one, &two.outer, 59);
	assert_int_equal(one.client.n_cuts, 1);
	assert_true(last_binding(&one, NHRP_KIND_SHORTCUT)->holding > 0);
	busy(&one, &two.outer, 2);
	assert_int_equal(last_binding(&one, NHRP_KIND_SHORTCUT)->holding, 0);
	/* Refused: it ends at once. The hub has no route any more. */
	both_register(false);
	two.down = false;
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	hub.serve->conf.route = NULL;
	busy(&one, &two.outer, 41);
	assert_int_equal(last_binding(&one, NHRP_KIND_SHORTCUT)->holding, 0);
	assert_int_equal(last_event(&one, "unresolved")->code, NHRP_CODE_NO_BINDING);
}

static void
idle_shortcut_ends_before_its_holding_time(void **state)
{
	(void)state;
	both_register(false);
	one.client.idle_s = 5;
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	busy(&one, &two.outer, 120);
	assert_int_equal(one.client.n_cuts, 1);
	assert_int_equal(events(&one, "idle"), 0);
	pass(4900);
	assert_int_equal(one.client.n_cuts, 1);
	pass(200);
	assert_int_equal(one.client.n_cuts, 0);
	is(&last_event(&one, "idle")->remote, "203.0.113.12");
	assert_int_equal(last_binding(&one, NHRP_KIND_SHORTCUT)->holding, 0);
	/* The next indication brings it back. */
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	assert_int_equal(one.client.n_cuts, 1);
}

static void
next_hop_that_packets_wait_for_is_resolved(void **state)
{
	struct addr hop = ip("10.255.255.2"), nobody = ip("10.255.255.9"), own = ip("10.1.0.9"), six = ip("2001:db8::2");
	unsigned sent;

	(void)state;
	net_make(false);
	nhrp_client_wanted(&one.client, &hop, now);		/* nobody to ask yet */
	assert_int_equal(one.sent, 0);
	both_register(false);
	nhrp_client_wanted(&one.client, &hop, now);
	nhrp_client_wanted(&one.client, &hop, now);		/* the kernel asks three times */
	nhrp_net_run();
	assert_int_equal(events(&one, "resolved"), 1);
	is(&last_binding(&one, NHRP_KIND_SHORTCUT)->proto, "10.255.255.2");
	is(&last_binding(&one, NHRP_KIND_SHORTCUT)->nbma, "203.0.113.12");
	assert_int_equal(last_binding(&one, NHRP_KIND_SHORTCUT)->prefix, 32);
	sent = one.sent;
	nhrp_client_wanted(&one.client, &hop, now);
	nhrp_client_wanted(&one.client, &own, now);
	nhrp_client_wanted(&one.client, &six, now);
	assert_int_equal(one.sent, sent);
	/* One that nobody has is asked for once in the time of a negative answer. */
	for (unsigned i = 0; i < 9; i++) {
		nhrp_client_wanted(&one.client, &nobody, now);
		nhrp_net_run();
		pass(1000);
	}
	assert_int_equal(one.sent, sent + 1);
	one.client.shortcut = false;
	pass(11000);
	sent = one.sent;
	nhrp_client_wanted(&one.client, &nobody, now);
	assert_int_equal(one.sent, sent);
}

/* --- two servers --- */

static void
two_servers(void)
{
	struct nhrp_serve_conf c = { .redirect = true, .salt = 8, .route = route, .local = hub_local };
	struct nhrp_register_conf r = { .nhs_nbma = ip("203.0.113.253"), .keep = true };
	struct end *e[] = { &one, &two };

	both_register(false);
	hub2.down = false;
	hub2.serve = malloc(sizeof(*hub2.serve));
	assert_non_null(hub2.serve);
	assert_int_equal(nhrp_serve_open(hub2.serve, &hub2.node, &c), 0);
	for (size_t i = 0; i < 2; i++) {
		nhrp_register_start(&e[i]->client.reg[1], &e[i]->node, &r, now);
		e[i]->client.n_regs = 2;
	}
	nhrp_net_run();
	assert_int_equal(hub.serve->cache.n, 2);
	assert_int_equal(hub2.serve->cache.n, 2);
}

static void
shortcut_asks_the_server_that_answers(void **state)
{
	(void)state;
	two_servers();
	/* The indication comes, and then the server is gone: the second request goes to the other one. */
	q_first = q_last = 0;
	{
		uint8_t head[28] = { 0x45, [12] = 10, 1, 0, 1, 10, 2, 0, 1 };

		nhrp_serve_sample(hub.serve, &one.outer, &two.outer, SPAN_ARRAY(head), now);
	}
	hub.down = true;
	nhrp_net_run();
	assert_int_equal(one.client.n_cuts, 0);
	pass(1100);
	assert_int_equal(one.client.n_cuts, 1);
	is(&last_binding(&one, NHRP_KIND_SHORTCUT)->nbma, "203.0.113.12");
	is(&last_binding(&one, NHRP_KIND_SHORTCUT)->nhs, "10.255.255.253");
	/* Its renewals go to that one too. */
	busy(&one, &two.outer, 300);
	assert_int_equal(one.client.n_cuts, 1);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_WAITING);
	assert_int_equal(one.client.reg[1].state.outcome, NHRP_ACCEPTED);
	hub.down = false;
}

static void
each_server_is_registered_with_and_left(void **state)
{
	(void)state;
	two_servers();
	pass(200000);
	assert_int_equal(hub.serve->cache.n, 2);
	assert_int_equal(hub2.serve->cache.n, 2);
	traffic(&two, "10.2.0.1", "10.1.0.1", &one);
	assert_int_equal(two.client.n_cuts, 1);
	/* A tunnel is there now, at the same address: that ends no shortcut. */
	nhrp_client_again(&two.client, false, now);
	assert_int_equal(two.client.n_cuts, 1);
	nhrp_net_run();
	assert_int_equal(hub.serve->cache.n, 2);
	two.node.nbma = two.outer = ip("203.0.113.77");
	nhrp_client_again(&two.client, true, now);
	assert_int_equal(two.client.n_cuts, 0);
	nhrp_net_run();
	is(nhrp_entry_nbma(nhrp_cache_find(&hub2.serve->cache, &two.node.proto)), "203.0.113.77");
	nhrp_client_stop(&two.client, now);
	nhrp_net_run();
	assert_int_equal(hub.serve->cache.n, 1);
	assert_int_equal(hub2.serve->cache.n, 1);
	/* Its indications count as well as those of the first. */
	{
		uint8_t head[28] = { 0x45, [12] = 10, 1, 0, 1, 10, 2, 0, 1 };

		nhrp_serve_sample(hub2.serve, &one.outer, &two.outer, SPAN_ARRAY(head), now);
	}
	nhrp_net_run();
	assert_int_equal(events(&one, "indication"), 1);
}

/* Only hub2 has two, and only by hub2 packets of the hub's clients go there. */
static bool
route_by_hub2(void *ctx, const struct addr *dst, struct addr *via, uint8_t *prefix)
{
	if (!route(ctx, dst, via, prefix))
		return (false);
	if (dst->b[1] == 2)
		*via = hub2.node.proto;
	return (true);
}

static bool
route_by_hub(void *ctx, const struct addr *dst, struct addr *via, uint8_t *prefix)
{
	if (!route(ctx, dst, via, prefix))
		return (false);
	if (dst->b[1] == 1)
		*via = hub.node.proto;
	return (true);
}

static void
request_passes_two_servers(void **state)
{
	static struct nhrp_hop next, back;
	struct nhrp_serve_conf c = { .redirect = true, .salt = 8, .route = route_by_hub, .servers = &back, .n_servers = 1 };
	struct nhrp_register_conf r = { .nhs_nbma = ip("203.0.113.253"), .keep = true };
	const struct nhrp_answer *a;

	(void)state;
	net_make(false);
	next = (struct nhrp_hop){ hub2.node.proto, hub2.outer };
	back = (struct nhrp_hop){ hub.node.proto, hub.outer };
	hub.serve->conf.servers = &next;
	hub.serve->conf.n_servers = 1;
	hub.serve->conf.route = route_by_hub2;
	hub.serve->servers_ms = 0;
	hub2.down = false;
	hub2.serve = malloc(sizeof(*hub2.serve));
	assert_non_null(hub2.serve);
	assert_int_equal(nhrp_serve_open(hub2.serve, &hub2.node, &c), 0);
	register_at_hub(&one, false);
	nhrp_register_start(&two.client.reg[0], &two.node, &r, now);
	nhrp_net_run();
	/* The servers are bindings of each other's devices. */
	pass(1000);
	is(&last_binding(&hub, NHRP_KIND_NHS)->nbma, "203.0.113.253");
	is(&last_binding(&hub2, NHRP_KIND_NHS)->nbma, "203.0.113.254");
	pass(100000);
	assert_true(last_binding(&hub, NHRP_KIND_NHS)->expires > now.epoch);
	traffic(&one, "10.1.0.1", "10.2.0.1", &hub2);
	assert_int_equal(one.client.n_cuts, 1);
	is(&one.client.cuts[0].b.nbma, "203.0.113.12");
	is(&one.client.cuts[0].b.via, "10.255.255.2");
	a = &one.client.asks[0].answer;
	assert_int_equal(a->n_forward, 2);
	is(&a->forward[0].proto, "10.255.255.254");
	is(&a->forward[1].proto, "10.255.255.253");
	assert_int_equal(a->n_reverse, 2);
	/* Two goes: the purge comes back by both, and so does the reply to it. */
	nhrp_client_stop(&two.client, now);
	nhrp_net_run();
	assert_int_equal(one.client.n_cuts, 0);
	assert_int_equal(hub2.serve->purges.n, 0);
	/* Nobody has it now: the second server says so. */
	pass(3000);
	traffic(&one, "10.1.0.1", "10.2.0.1", &hub2);
	assert_int_equal(one.client.n_cuts, 1);
	assert_int_equal(one.client.cuts[0].b.kind, NHRP_KIND_NEGATIVE);
	nhrp_serve_stop(hub.serve, now);
	assert_int_equal(last_binding(&hub, NHRP_KIND_NHS)->holding, 0);
}

static void
servers_that_point_at_each_other_end_a_request(void **state)
{
	static struct nhrp_hop next, back;
	struct nhrp_serve_conf c = { .salt = 8, .route = route_by_hub, .servers = &back, .n_servers = 1 };
	unsigned sent;

	(void)state;
	net_make(false);
	next = (struct nhrp_hop){ hub2.node.proto, hub2.outer };
	back = (struct nhrp_hop){ hub.node.proto, hub.outer };
	hub.serve->conf.servers = &next;
	hub.serve->conf.n_servers = 1;
	hub.serve->conf.route = route_by_hub2;
	hub2.down = false;
	hub2.serve = malloc(sizeof(*hub2.serve));
	assert_non_null(hub2.serve);
	assert_int_equal(nhrp_serve_open(hub2.serve, &hub2.node, &c), 0);
	/* 10.2.0.1: hub says hub2. hub2 says hub, which is where the request came from. */
	hub2.serve->conf.route = route_by_hub2;
	back.proto = hub2.node.proto;
	register_at_hub(&one, false);
	sent = hub.sent + hub2.sent;
	traffic(&one, "10.1.0.1", "10.2.0.1", &hub2);
	assert_true(hub.sent + hub2.sent - sent <= 5);
	assert_int_equal(one.client.n_cuts, 1);
	assert_int_equal(one.client.cuts[0].b.kind, NHRP_KIND_NEGATIVE);
}

static void
purge_is_repeated_until_it_is_answered(void **state)
{
	unsigned sent;

	(void)state;
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	one.down = true;
	nhrp_client_stop(&two.client, now);
	nhrp_net_run();
	assert_int_equal(hub.serve->purges.n, 1);
	assert_int_equal(one.client.n_cuts, 1);
	/* The second request reaches it. */
	one.down = false;
	two.down = true;
	pass(1100);
	two.down = false;
	assert_int_equal(one.client.n_cuts, 0);
	assert_int_equal(hub.serve->purges.n, 0);
	/* To one who is gone it is sent three times. */
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	nhrp_client_stop(&one.client, now);
	nhrp_net_run();
	one.down = true;
	sent = hub.sent;
	nhrp_client_stop(&two.client, now);
	nhrp_net_run();
	assert_int_equal(hub.serve->purges.n, 1);
	pass(10000);
	assert_int_equal(hub.sent - sent, NHRP_PURGE_TRIES);
	assert_int_equal(hub.serve->purges.n, 0);
	one.down = false;
}

static void
stranger_answers_no_purge(void **state)
{
	static struct nhrp_in in;
	uint8_t b[256];
	size_t len;

	(void)state;
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	one.down = true;
	nhrp_client_stop(&two.client, now);
	assert_int_equal(q_last, 1);
	nhrp_net_run();
	nhrp_node_packet(&hub.node, &in.p, NHRP_PURGE_REPLY);
	in.p.id = hub.serve->purges.list[0].id;
	in.p.dst = one.node.proto;
	len = nhrp_encode(b, sizeof(b), &in.p);
	receive(&hub, &two.outer, span_of(b, len));
	assert_int_equal(hub.serve->purges.n, 1);
	receive(&hub, &one.outer, span_of(b, len));
	assert_int_equal(hub.serve->purges.n, 0);
	one.down = false;
}

static void
limit_of_one_nbma_address(void **state)
{
	struct nhrp_register_conf c = { .nhs_nbma = ip("203.0.113.254"), .keep = true };

	(void)state;
	net_make(false);
	hub.serve->conf.limit_each = 1;
	two.node.nbma = two.outer = one.outer;		/* behind one NAT, say */
	nhrp_register_start(&one.client.reg[0], &one.node, &c, now);
	nhrp_net_run();
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
	/* Replies go to the address, which both have: each takes its own. */
	nhrp_register_start(&two.client.reg[0], &two.node, &c, now);
	nhrp_net_run();
	assert_int_equal(hub.serve->cache.n, 1);
	assert_string_equal(last_event(&hub, "refused")->text, "insufficient resources");
	/* A refresh is no further one; when the first goes there is room. */
	nhrp_register_again(&one.client.reg[0], now);
	nhrp_net_run();
	assert_int_equal(hub.serve->counts.refreshed, 1);
	nhrp_client_stop(&one.client, now);
	nhrp_net_run();
	nhrp_register_again(&two.client.reg[0], now);
	nhrp_net_run();
	assert_int_equal(hub.serve->cache.n, 1);
	/* One that moves is counted where it is. */
	two.node.nbma = two.outer = ip("203.0.113.12");
	nhrp_register_again(&two.client.reg[0], now);
	nhrp_net_run();
	assert_int_equal(nhrp_quota_count(&hub.serve->quota, &one.outer), 0);
	assert_int_equal(nhrp_quota_count(&hub.serve->quota, &two.outer), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shortcut_in_use_is_renewed),
		cmocka_unit_test(shortcut_that_is_not_in_use_just_ends),
		cmocka_unit_test(use_in_the_last_third_renews),
		cmocka_unit_test(renewal_without_an_answer_ends_with_the_holding_time),
		cmocka_unit_test(idle_shortcut_ends_before_its_holding_time),
		cmocka_unit_test(next_hop_that_packets_wait_for_is_resolved),
		cmocka_unit_test(shortcut_asks_the_server_that_answers),
		cmocka_unit_test(each_server_is_registered_with_and_left),
		cmocka_unit_test(request_passes_two_servers),
		cmocka_unit_test(servers_that_point_at_each_other_end_a_request),
		cmocka_unit_test(purge_is_repeated_until_it_is_answered),
		cmocka_unit_test(stranger_answers_no_purge),
		cmocka_unit_test(limit_of_one_nbma_address),
	};

	return (cmocka_run_group_tests_name("nhrp-shortcuts", tests, NULL, NULL));
}
