/* Networks in registrations: who gets which, the answers about their addresses, and what ends with them. */
#include "nhrp_net.h"

#include "nhrp/behind.h"

static struct nhrp_net nets[2][4];	/* of ${one} and ${two}: the first is 10.N.0.0/24 */

static struct nhrp_allowed allowed[2];

static struct end *const spokes[] = { &one, &two };

static bool
hub_has(void *ctx, const struct nhrp_net *net)
{
	struct addr lan = ip("10.0.0.1");

	(void)ctx;
	return (nhrp_within(&lan, &net->net, net->prefix));
}

/* Registers a spoke with its first ${n} networks. */
static void
register_nets(size_t spoke, size_t n)
{
	struct end *e = spokes[spoke];
	struct nhrp_register_conf c = { .nhs_nbma = hub.outer, .keep = true, .nets = nets[spoke], .n_nets = n };

	nhrp_register_start(&e->client.reg[0], &e->node, &c, now);
	nhrp_net_run();
}

static void
spokes_with_nets(bool nat)
{
	net_make(nat);
	allowed[0] = (struct nhrp_allowed){ .net = { ip("10.0.0.0"), 8 } };
	hub.serve->conf.allowed = allowed;
	hub.serve->conf.n_allowed = 1;
	hub.serve->conf.route = NULL;
	hub.serve->conf.local_in = hub_has;
	for (size_t i = 0; i < 2; i++)
		nets[i][0] = (struct nhrp_net){ i == 0 ? ip("10.1.0.0") : ip("10.2.0.0"), 24 };
	register_nets(0, 1);
	register_nets(1, 1);
}

/* The last binding of ${e} for ${net}; NULL: there was none. */
static const struct sa_nhrp_binding *
bound(const struct end *e, const char *net)
{
	struct addr a = ip(net);

	for (size_t i = e->n_bindings; i-- > 0;)
		if (addr_cmp(&e->binding[i].proto, &a) == 0)
			return (&e->binding[i]);
	return (NULL);
}

static void
a_network_is_bound_by_its_client(void **state)
{
	const struct sa_nhrp_binding *b;

	(void)state;
	spokes_with_nets(false);
	assert_int_equal(one.client.reg[0].state.net[0], NHRP_NET_ACCEPTED);
	assert_string_equal(last_event(&one, "registered")->text, "the network");
	b = bound(&hub, "10.1.0.0");
	assert_non_null(b);
	assert_int_equal(b->kind, NHRP_KIND_DYNAMIC);
	assert_int_equal(b->prefix, 24);
	assert_int_equal(b->holding, 60);
	is(&b->via, "10.255.255.1");
	is(&b->nbma, "203.0.113.11");
	/* With the registration it is refreshed, and ends. */
	pass(50000);
	assert_true(bound(&hub, "10.1.0.0")->expires > b->expires);
	assert_int_equal(events(&one, "registered"), 2);
	one.client.reg[0].due_ms = UINT64_MAX;
	pass(61000);
	assert_int_equal(bound(&hub, "10.1.0.0")->holding, 0);
	assert_int_equal(bound(&hub, "10.255.255.1")->holding, 0);
	assert_int_not_equal(bound(&hub, "10.2.0.0")->holding, 0);
}

static void
answers_for_any_address_inside_have_the_prefix(void **state)
{
	unsigned got;

	(void)state;
	spokes_with_nets(false);
	got = two.got;
	traffic(&one, "10.1.0.1", "10.2.0.77", &two);
	assert_int_equal(two.got, got);		/* the server has answered */
	assert_int_equal(hub.serve->counts.answered, 1);
	assert_int_equal(bound(&one, "10.2.0.0")->prefix, 24);
	is(&bound(&one, "10.2.0.0")->via, "10.255.255.2");
	is(&bound(&one, "10.2.0.0")->nbma, "203.0.113.12");
	/* Another address inside needs no other request. */
	traffic(&one, "10.1.0.1", "10.2.0.5", &two);
	assert_int_equal(hub.serve->counts.answered, 1);
	/* Outside of it nobody knows. */
	traffic(&one, "10.1.0.1", "10.2.1.1", &two);
	assert_int_equal(hub.serve->counts.unknown, 1);
}

static void
a_client_behind_a_nat_answers_itself(void **state)
{
	(void)state;
	spokes_with_nets(true);
	assert_false(two.mapped);
	traffic(&one, "10.1.0.1", "10.2.0.77", &two);
	assert_true(two.mapped);		/* its answer opens the NAT */
	assert_int_equal(hub.serve->counts.answered, 0);
	assert_int_equal(hub.serve->counts.forwarded, 2);
	is(sa_binding_nbma(bound(&one, "10.2.0.0")), "203.0.113.1");
}

static void
a_network_that_is_named_no_more_is_purged(void **state)
{
	(void)state;
	spokes_with_nets(false);
	traffic(&one, "10.1.0.1", "10.2.0.77", &two);
	assert_int_equal(one.client.n_cuts, 1);
	register_nets(1, 0);
	assert_int_equal(bound(&hub, "10.2.0.0")->holding, 0);
	assert_int_not_equal(bound(&hub, "10.255.255.2")->holding, 0);
	assert_int_equal(one.client.n_cuts, 0);
	assert_int_equal(last_event(&one, "purged")->prefix, 24);
	assert_int_equal(hub.serve->counts.purges, 1);
	assert_int_equal(hub.serve->purges.n, 0);	/* answered */
	/* What was asked about the address itself is still right. */
	register_nets(1, 1);
	traffic(&one, "10.1.0.1", "10.255.255.2", &two);
	register_nets(1, 0);
	assert_int_equal(hub.serve->counts.purges, 1);
	assert_int_equal(one.client.n_cuts, 1);
}

static void
a_client_purges_one_network_and_only_its_own(void **state)
{
	struct nhrp_packet p;

	(void)state;
	nets[1][1] = (struct nhrp_net){ ip("10.22.0.0"), 16 };
	spokes_with_nets(false);
	register_nets(1, 2);
	traffic(&one, "10.1.0.1", "10.22.9.9", &two);
	nhrp_node_packet(&one.node, &p, NHRP_PURGE_REQUEST);
	p.dst = hub.node.proto;
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 16, .proto = ip("10.22.0.0") };
	forge(&hub, &one.outer, &p);		/* another's network */
	assert_non_null(nhrp_behind_find(hub.serve, &p.cie[0].proto));
	p.src = two.node.proto;
	p.src_nbma = two.node.nbma;
	forge(&hub, &one.outer, &p);		/* in the other's name */
	assert_non_null(nhrp_behind_find(hub.serve, &p.cie[0].proto));
	forge(&hub, &two.outer, &p);
	assert_null(nhrp_behind_find(hub.serve, &p.cie[0].proto));
	assert_int_equal(bound(&hub, "10.22.0.0")->holding, 0);
	assert_int_equal(one.client.n_cuts, 0);
	assert_int_equal(hub.serve->cache.n, 2);
	assert_int_not_equal(bound(&hub, "10.2.0.0")->holding, 0);
	/* One that contains the client's address ends the registration. */
	p.cie[0] = (struct nhrp_cie){ .prefix = 8, .proto = ip("10.0.0.0") };
	forge(&hub, &two.outer, &p);
	assert_int_equal(hub.serve->cache.n, 1);
	assert_int_equal(bound(&hub, "10.2.0.0")->holding, 0);
}

static void
the_end_of_a_client_names_its_networks(void **state)
{
	struct nhrp_packet p;

	(void)state;
	spokes_with_nets(false);
	nhrp_client_stop(&one.client, now);
	assert_int_equal(nhrp_decode(&p, span_of(queue[q_first].b, queue[q_first].len), NULL), 0);
	assert_int_equal(p.type, NHRP_PURGE_REQUEST);
	assert_int_equal(p.n_cies, 2);
	assert_int_equal(p.cie[1].prefix, 24);
	is(&p.cie[1].proto, "10.1.0.0");
	nhrp_net_run();
	assert_int_equal(bound(&hub, "10.1.0.0")->holding, 0);
	assert_int_equal(hub.serve->cache.n, 1);
}

/* ${one} registers ${net}/${prefix} beside its own network: the code, and the words of the server. */
static void
refused(const char *net, uint8_t prefix, enum nhrp_code code, const char *why)
{
	nets[0][1] = (struct nhrp_net){ ip(net), prefix };
	register_nets(0, 2);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
	assert_int_equal(one.client.reg[0].state.net[0], NHRP_NET_ACCEPTED);
	assert_int_equal(one.client.reg[0].state.net[1], NHRP_NET_REFUSED);
	assert_int_equal(last_event(&one, "refused")->code, code);
	is(&last_event(&one, "refused")->proto, net);
	assert_int_equal(last_event(&hub, "refused")->code, code);
	assert_int_equal(last_event(&hub, "refused")->prefix, prefix);
	is(&last_event(&hub, "refused")->remote, "203.0.113.11");
	assert_non_null(strstr(last_event(&hub, "refused")->text, why));
}

static void
nobody_gets_addresses_of_others(void **state)
{
	(void)state;
	spokes_with_nets(false);
	allowed[1] = (struct nhrp_allowed){ .net = { ip("192.0.0.0"), 3 } };
	hub.serve->conf.n_allowed = 2;
	refused("10.2.0.0", 24, NHRP_CODE_TAKEN, "another client's");
	refused("10.2.0.128", 25, NHRP_CODE_TAKEN, "another client's");
	refused("10.2.0.0", 16, NHRP_CODE_TAKEN, "another client's");
	refused("10.2.0.7", 32, NHRP_CODE_TAKEN, "another client's");
	refused("10.255.255.2", 32, NHRP_CODE_TAKEN, "another client's");	/* its address in the tunnel */
	refused("10.255.255.0", 29, NHRP_CODE_TAKEN, "another client's");
	refused("203.0.113.12", 32, NHRP_CODE_TAKEN, "another client's");	/* where its tunnel goes */
	refused("203.0.113.8", 29, NHRP_CODE_TAKEN, "another client's");	/* and our own */
	refused("10.255.255.252", 30, NHRP_CODE_PROHIBITED, "contains the server");
	refused("203.0.113.254", 32, NHRP_CODE_PROHIBITED, "contains the server");
	refused("10.0.0.0", 16, NHRP_CODE_PROHIBITED, "contains the server");	/* a network of the machine */
	refused("172.16.0.0", 16, NHRP_CODE_PROHIBITED, "is not allowed");
	refused("192.0.0.0", 3, NHRP_CODE_PROHIBITED, "is not allowed");
	assert_int_equal(bound(&hub, "10.2.0.0")->prefix, 24);
	is(&bound(&hub, "10.2.0.0")->via, "10.255.255.2");
	/* A part of the own network is fine: the narrower one counts. */
	nets[0][1] = (struct nhrp_net){ ip("10.1.0.128"), 25 };
	register_nets(0, 2);
	assert_int_equal(one.client.reg[0].state.net[1], NHRP_NET_ACCEPTED);
}

/* As many rules as a large hub has: each client is found, and has what its own rules and those for all allow. */
static void
rules_for_thousands_of_clients(void **state)
{
	static struct nhrp_allowed many[4002];
	const size_t n = sizeof(many) / sizeof(many[0]);
	uint8_t a[4];

	(void)state;
	spokes_with_nets(false);
	for (size_t i = 0; i < n - 2; i++) {
		/* Not in order: 10.255.(8 and above).N has 10.(64 and above).N.0/24. */
		const size_t k = i * 1999 % (n - 2);

		memcpy(a, (const uint8_t[]){ 10, 255, (uint8_t)(8 + k / 256), (uint8_t)k }, 4);
		many[i].client = addr_make(4, a);
		memcpy(a, (const uint8_t[]){ 10, (uint8_t)(64 + k / 256), (uint8_t)k, 0 }, 4);
		many[i].net = (struct nhrp_net){ addr_make(4, a), 24 };
	}
	many[n - 2] = (struct nhrp_allowed){ .net = { ip("10.2.0.0"), 16 } };
	many[n - 1] = (struct nhrp_allowed){ ip("10.255.255.1"), { ip("10.1.0.0"), 16 } };
	nhrp_allowed_sort(many, n);
	hub.serve->conf.allowed = many;
	hub.serve->conf.n_allowed = n;
	for (size_t k = 0; k < n - 2; k++) {
		const char *why;
		struct addr client, net;

		memcpy(a, (const uint8_t[]){ 10, 255, (uint8_t)(8 + k / 256), (uint8_t)k }, 4);
		client = addr_make(4, a);
		memcpy(a, (const uint8_t[]){ 10, (uint8_t)(64 + k / 256), (uint8_t)k, 128 }, 4);
		net = addr_make(4, a);
		assert_int_equal(nhrp_behind_judge(hub.serve, &client, &(struct nhrp_net){ net, 25 }, &why), NHRP_CODE_OK);
		a[2] ^= 1;
		net = addr_make(4, a);
		assert_int_equal(nhrp_behind_judge(hub.serve, &client, &(struct nhrp_net){ net, 25 }, &why), NHRP_CODE_PROHIBITED);
	}
	refused("10.64.1.0", 24, NHRP_CODE_PROHIBITED, "is not allowed");
	nets[0][1] = (struct nhrp_net){ ip("10.1.64.0"), 24 };
	nets[0][2] = (struct nhrp_net){ ip("10.2.64.0"), 24 };
	register_nets(0, 3);
	assert_int_equal(one.client.reg[0].state.net[1], NHRP_NET_ACCEPTED);
	assert_int_equal(one.client.reg[0].state.net[2], NHRP_NET_ACCEPTED);
}

static void
another_server_is_protected_too(void **state)
{
	static const struct nhrp_hop servers[] = { { { 4, { 10, 9, 9, 9 }, 0 }, { 4, { 198, 51, 100, 9 }, 0 } } };

	(void)state;
	spokes_with_nets(false);
	allowed[0].net = (struct nhrp_net){ ip("0.0.0.0"), 0 };
	hub.serve->conf.servers = servers;
	hub.serve->conf.n_servers = 1;
	refused("10.9.0.0", 16, NHRP_CODE_PROHIBITED, "contains the server");
	refused("198.51.0.0", 16, NHRP_CODE_PROHIBITED, "contains the server");
	refused("10.9.0.0", 7, NHRP_CODE_PROHIBITED, "is not allowed");
}

static void
policy_is_by_client(void **state)
{
	(void)state;
	spokes_with_nets(false);
	allowed[0] = (struct nhrp_allowed){ ip("10.255.255.2"), { ip("10.50.0.0"), 16 } };
	allowed[1] = (struct nhrp_allowed){ ip("10.255.255.1"), { ip("10.1.0.0"), 16 } };
	nhrp_allowed_sort(allowed, 2);
	hub.serve->conf.n_allowed = 2;
	refused("10.50.1.0", 24, NHRP_CODE_PROHIBITED, "is not allowed");
	nets[1][1] = (struct nhrp_net){ ip("10.50.1.0"), 24 };
	register_nets(1, 2);
	assert_int_equal(two.client.reg[0].state.net[1], NHRP_NET_ACCEPTED);
	hub.serve->conf.n_allowed = 0;
	refused("10.1.7.0", 24, NHRP_CODE_PROHIBITED, "is not allowed");
}

static void
no_client_registers_an_address_of_anothers_network(void **state)
{
	struct addr own = ip("10.255.255.1");

	(void)state;
	spokes_with_nets(false);
	one.node.proto = ip("10.2.0.200");
	register_nets(0, 0);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_REFUSED);
	assert_int_equal(one.client.reg[0].state.code, NHRP_CODE_PROHIBITED);
	/* In its own network it may. */
	nhrp_client_stop(&two.client, now);
	nhrp_net_run();
	two.node.proto = ip("10.2.0.2");
	register_nets(1, 1);
	register_nets(1, 1);
	assert_int_equal(two.client.reg[0].state.net[0], NHRP_NET_ACCEPTED);
	/* Nor from an outer address in another's network: its tunnel would lead into that one. */
	one.node.proto = own;
	one.node.nbma = one.outer = ip("10.2.0.99");
	register_nets(0, 0);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_REFUSED);
}

static void
a_registration_of_networks_alone(void **state)
{
	struct nhrp_packet p, reply;

	(void)state;
	net_make(false);
	allowed[0] = (struct nhrp_allowed){ .net = { ip("10.1.0.0"), 16 } };
	hub.serve->conf.allowed = allowed;
	hub.serve->conf.n_allowed = 1;
	nhrp_node_packet(&one.node, &p, NHRP_REGISTRATION_REQUEST);
	p.id = 5;
	p.dst = hub.node.proto;
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 24, .holding = 30 };	/* of the source: contains the server */
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 24, .holding = 30, .proto = ip("10.9.0.0") };
	forge(&hub, &one.outer, &p);
	assert_int_equal(hub.serve->cache.n, 0);
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 24, .holding = 30, .proto = ip("10.1.3.77") };
	drop = true;
	receive(&hub, &one.outer, span_of(queue[0].b, nhrp_encode(queue[0].b, sizeof(queue[0].b), &p)));
	drop = false;
	assert_int_equal(hub.serve->cache.n, 1);
	assert_int_equal(bound(&hub, "10.1.3.0")->prefix, 24);
	/* Each entry has its own code. */
	one.down = true;
	receive(&hub, &one.outer, span_of(queue[0].b, nhrp_encode(queue[0].b, sizeof(queue[0].b), &p)));
	assert_int_equal(nhrp_decode(&reply, span_of(queue[q_first].b, queue[q_first].len), NULL), 0);
	assert_int_equal(reply.n_cies, 3);
	assert_int_equal(reply.cie[0].code, NHRP_CODE_PROHIBITED);
	assert_int_equal(reply.cie[1].code, NHRP_CODE_PROHIBITED);
	assert_int_equal(reply.cie[2].code, NHRP_CODE_OK);
}

static void
networks_of_a_client_have_a_limit(void **state)
{
	struct nhrp_client_entry *e;
	struct nhrp_net n = { .prefix = 24 };

	(void)state;
	spokes_with_nets(false);
	e = nhrp_cache_find(&hub.serve->cache, &one.node.proto);
	for (unsigned i = 1; i <= NHRP_BEHIND_MAX; i++) {
		n.net = (struct addr){ 4, { 10, 100, (uint8_t)i, 0 }, 0 };
		assert_int_equal(nhrp_behind_name(hub.serve, e, &n, now), i < NHRP_BEHIND_MAX ? NHRP_CODE_OK : NHRP_CODE_NO_RESOURCES);
	}
	nhrp_behind_named(hub.serve, e, now);
	assert_int_equal(e->n_nets, NHRP_BEHIND_MAX - 1);	/* 10.1.0.0 was not named again */
}

static void
a_server_that_ignores_networks_is_named(void **state)
{
	struct nhrp_packet p;

	(void)state;
	spokes_with_nets(false);
	hub.down = true;
	nhrp_register_again(&one.client.reg[0], now);
	nhrp_node_packet(&hub.node, &p, NHRP_REGISTRATION_REPLY);
	p.id = one.client.reg[0].id;
	p.src = one.node.proto;
	p.src_nbma = one.node.nbma;
	p.dst = hub.node.proto;
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 32, .holding = 60 };
	forge(&one, &hub.outer, &p);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
	assert_int_equal(one.client.reg[0].state.net[0], NHRP_NET_REFUSED);
	assert_string_equal(last_event(&one, "refused")->text, "the network: the server ignores it");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_is_bound_by_its_client),
		cmocka_unit_test(answers_for_any_address_inside_have_the_prefix),
		cmocka_unit_test(a_client_behind_a_nat_answers_itself),
		cmocka_unit_test(a_network_that_is_named_no_more_is_purged),
		cmocka_unit_test(a_client_purges_one_network_and_only_its_own),
		cmocka_unit_test(the_end_of_a_client_names_its_networks),
		cmocka_unit_test(nobody_gets_addresses_of_others),
		cmocka_unit_test(rules_for_thousands_of_clients),
		cmocka_unit_test(another_server_is_protected_too),
		cmocka_unit_test(policy_is_by_client),
		cmocka_unit_test(no_client_registers_an_address_of_anothers_network),
		cmocka_unit_test(a_registration_of_networks_alone),
		cmocka_unit_test(networks_of_a_client_have_a_limit),
		cmocka_unit_test(a_server_that_ignores_networks_is_named),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
