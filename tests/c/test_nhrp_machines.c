/* The machines of NHRP: registration, resolution, purges, hostile packets. */
#include "nhrp_net.h"

/* --- registration --- */

static void
registers_and_gives_bindings(void **state)
{
	const struct sa_nhrp_binding *b;

	(void)state;
	both_register(false);
	is(&one.client.reg[0].state.nhs, "10.255.255.254");
	is(&one.client.reg[0].state.nat, NULL);
	assert_int_equal(one.client.reg[0].state.holding, 60);
	b = last_binding(&one, NHRP_KIND_NHS);
	assert_non_null(b);
	is(&b->proto, "10.255.255.254");
	is(&b->nbma, "203.0.113.254");
	b = last_binding(&hub, NHRP_KIND_DYNAMIC);
	assert_non_null(b);
	is(&b->proto, "10.255.255.2");
	is(&b->nbma, "203.0.113.12");
	is(&b->nat_nbma, NULL);
	assert_int_equal(b->expires, now.epoch + 60);
}

static void
finds_the_nat(void **state)
{
	const struct sa_nhrp_binding *b;

	(void)state;
	both_register(true);
	is(&two.client.reg[0].state.nat, "203.0.113.1");
	assert_non_null(strstr(last_event(&two, "registered")->text, "203.0.113.1"));
	b = last_binding(&hub, NHRP_KIND_DYNAMIC);
	is(&b->nbma, "192.0.2.12");
	is(&b->nat_nbma, "203.0.113.1");
	is(&one.client.reg[0].state.nat, NULL);
}

static void
refreshes_at_a_third(void **state)
{
	unsigned sent;

	(void)state;
	both_register(false);
	sent = one.sent;
	pass(19000);
	assert_int_equal(one.sent, sent);
	pass(2000);
	assert_int_equal(one.sent, sent + 1);
	pass(600000);
	assert_int_equal(hub.serve->cache.n, 2);
	assert_int_equal(hub.serve->counts.expired, 0);
	assert_int_equal(hub.serve->counts.registered, 2);
}

static void
backs_off_up_to_64_seconds(void **state)
{
	static const uint64_t after[] = { 1, 2, 4, 8, 16, 32, 64, 64, 64 };
	size_t i;

	(void)state;
	net_make(false);
	drop = true;
	register_at_hub(&one, false);
	for (i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		assert_int_equal(nhrp_client_deadline_ms(&one.client) - now.ms, after[i] * 1000);
		pass(after[i] * 1000);
		assert_int_equal(one.sent, i + 2);
	}
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_WAITING);
}

static void
loses_the_server_after_the_holding_time(void **state)
{
	(void)state;
	both_register(false);
	drop = true;
	pass(61000);
	assert_non_null(last_event(&one, "lost"));
	assert_int_equal(last_binding(&one, NHRP_KIND_NHS)->holding, 0);
	assert_int_equal(hub.serve->cache.n, 0);
	assert_non_null(last_event(&hub, "expired"));
	drop = false;
	pass(65000);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
}

static void
unique_address_is_refused_elsewhere(void **state)
{
	(void)state;
	net_make(false);
	register_at_hub(&one, true);
	two.node.proto = one.node.proto;
	register_at_hub(&two, true);
	assert_int_equal(two.client.reg[0].state.outcome, NHRP_REFUSED);
	assert_int_equal(two.client.reg[0].state.code, NHRP_CODE_TAKEN);
	assert_string_equal(last_event(&two, "refused")->text, "the unique address is registered already");
	is(nhrp_entry_nbma(nhrp_cache_find(&hub.serve->cache, &one.node.proto)), "203.0.113.11");
}

static void
other_address_may_move(void **state)
{
	(void)state;
	net_make(false);
	register_at_hub(&one, false);
	two.node.proto = one.node.proto;
	register_at_hub(&two, false);
	assert_int_equal(two.client.reg[0].state.outcome, NHRP_ACCEPTED);
	is(nhrp_entry_nbma(nhrp_cache_find(&hub.serve->cache, &one.node.proto)), "203.0.113.12");
	assert_int_equal(hub.serve->cache.n, 1);
}

static void
servers_own_address_is_prohibited(void **state)
{
	(void)state;
	net_make(false);
	one.node.proto = hub.node.proto;
	register_at_hub(&one, false);
	assert_int_equal(hub.serve->cache.n, 0);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_REFUSED);
	assert_int_equal(one.client.reg[0].state.code, NHRP_CODE_PROHIBITED);
}

static void
limit_of_registrations(void **state)
{
	(void)state;
	net_make(false);
	hub.serve->cache.limit = 1;
	register_at_hub(&one, false);
	register_at_hub(&two, false);
	assert_int_equal(two.client.reg[0].state.code, NHRP_CODE_NO_RESOURCES);
	register_at_hub(&one, false);	/* the one that is there stays */
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
}

/* --- shortcuts --- */

static void
indication_resolution_shortcut(void **state)
{
	const struct sa_nhrp_binding *b;

	(void)state;
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	b = last_binding(&one, NHRP_KIND_SHORTCUT);
	assert_non_null(b);
	is(&b->proto, "10.2.0.0");
	assert_int_equal(b->prefix, 24);
	is(&b->via, "10.255.255.2");
	is(&b->nbma, "203.0.113.12");
	is(&b->nat_nbma, NULL);
	is(&b->nhs, "10.255.255.254");
	assert_null(last_binding(&two, NHRP_KIND_SHORTCUT));
	/* Not again while it lasts, and again after it. */
	pass(3000);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	assert_int_equal(hub.serve->counts.indications, 2);
	assert_int_equal(hub.serve->counts.forwarded, 2);
	pass(60000);
	b = last_binding(&one, NHRP_KIND_SHORTCUT);
	assert_int_equal(b->holding, 0);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	assert_int_equal(last_binding(&one, NHRP_KIND_SHORTCUT)->holding, 60);
}

static void
nat_spoke_opens_its_nat_before_the_reply(void **state)
{
	(void)state;
	both_register(true);
	assert_false(two.mapped);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);	/* the public one begins: FRR's black hole */
	is(&last_binding(&one, NHRP_KIND_SHORTCUT)->nbma, "192.0.2.12");
	is(sa_binding_nbma(last_binding(&one, NHRP_KIND_SHORTCUT)), "203.0.113.1");
	assert_true(two.mapped);
	/* The other way round nothing goes to the NAT unasked. */
	both_register(true);
	traffic(&two, "10.2.0.1", "10.1.0.1", &one);
	is(sa_binding_nbma(last_binding(&two, NHRP_KIND_SHORTCUT)), "203.0.113.11");
	assert_false(one.mapped);
}

static void
indications_are_limited_by_pair(void **state)
{
	size_t i;

	(void)state;
	both_register(false);
	one.client.shortcut = false;
	for (i = 0; i < 100; i++)
		traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	assert_int_equal(hub.serve->counts.indications, 1);
	assert_int_equal(hub.serve->counts.limited, 99);
	traffic(&two, "10.2.0.1", "10.1.0.1", &one);
	assert_int_equal(hub.serve->counts.indications, 2);
	pass(NHRP_PAIR_MS);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	assert_int_equal(hub.serve->counts.indications, 3);
}

static void
resolve(struct nhrp_resolve *r, struct end *e, const char *dst)
{
	*r = (struct nhrp_resolve){ .node = &e->node, .dst = ip(dst), .nhs_nbma = hub.outer };
	e->client.asks[0] = *r;
	nhrp_resolve_start(&e->client.asks[0], now);
	nhrp_net_run();
	*r = e->client.asks[0];
}

static void
server_answers_for_itself_and_registered_ones(void **state)
{
	static struct nhrp_resolve r;

	(void)state;
	both_register(true);
	resolve(&r, &one, "10.255.255.2");
	assert_int_equal(r.answer.kind, NHRP_ANSWER_FOUND);
	is(&r.answer.nbma, "192.0.2.12");
	is(&r.answer.nat, "203.0.113.1");
	is(&r.answer.responder.proto, "10.255.255.254");
	assert_int_equal(r.answer.n_forward, 0);
	resolve(&r, &one, "10.0.0.1");
	is(&r.answer.nbma, "203.0.113.254");
	assert_int_equal(r.answer.prefix, 24);
	both_register(false);
	resolve(&r, &one, "10.2.0.9");
	assert_int_equal(r.answer.prefix, 24);
	assert_int_equal(r.answer.n_forward, 1);
	assert_int_equal(r.answer.n_reverse, 1);
	is(&r.answer.forward[0].proto, "10.255.255.254");
	is(&r.answer.responder.proto, "10.255.255.2");
}

static void
unknown_address_is_refused_with_12(void **state)
{
	static struct nhrp_resolve r;

	(void)state;
	both_register(false);
	resolve(&r, &one, "10.9.0.1");
	assert_int_equal(r.answer.kind, NHRP_ANSWER_REFUSED);
	assert_int_equal(r.answer.code, NHRP_CODE_NO_BINDING);
	resolve(&r, &one, "10.3.0.1");		/* a route, and nobody registered there */
	assert_int_equal(r.answer.code, NHRP_CODE_NO_BINDING);
}

static void
silence_ends_after_four_tries(void **state)
{
	(void)state;
	both_register(false);
	drop = true;
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	drop = false;
	pass(3000);
	drop = true;
	one.client.asks[0] = (struct nhrp_resolve){ .node = &one.node, .dst = ip("10.2.0.1"), .nhs_nbma = hub.outer };
	nhrp_resolve_start(&one.client.asks[0], now);
	pass(16000);
	assert_int_equal(one.client.asks[0].answer.kind, NHRP_ANSWER_SILENCE);
	assert_int_equal(one.client.asks[0].sent, NHRP_RESOLVE_TRIES);
	assert_int_equal(last_binding(&one, NHRP_KIND_NEGATIVE)->prefix, 32);
}

static void
purge_reaches_those_who_asked(void **state)
{
	(void)state;
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	assert_int_equal(one.client.n_cuts, 1);
	nhrp_client_stop(&two.client, now);
	nhrp_net_run();
	assert_int_equal(hub.serve->cache.n, 1);
	assert_int_equal(one.client.n_cuts, 0);
	assert_int_equal(last_binding(&one, NHRP_KIND_SHORTCUT)->holding, 0);
	assert_non_null(last_event(&one, "purged"));
}

static void
expiry_purges_too(void **state)
{
	(void)state;
	both_register(false);
	hub.node.holding = 60;
	two.node.holding = 600;		/* the shortcut would last longer than the registration */
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	two.client.reg[0].due_ms = two.client.reg[0].lost_ms = UINT64_MAX;	/* killed */
	pass(61000);
	assert_int_equal(one.client.n_cuts, 0);
	assert_int_equal(hub.serve->cache.n, 1);
}

/* --- hostile ones --- */

static void
unasked_replies_change_nothing(void **state)
{
	struct nhrp_packet p;
	size_t b, i;

	(void)state;
	both_register(false);
	b = one.n_bindings;
	for (i = 0; i < 3; i++) {
		nhrp_node_packet(&one.node, &p, i == 0 ? NHRP_RESOLUTION_REPLY : i == 1 ? NHRP_REGISTRATION_REPLY :
		    NHRP_PURGE_REPLY);
		p.dst = ip("10.2.0.1");
		p.id = 2000;		/* the id of the registration, which is answered */
		p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 8, .holding = 9999, .nbma = ip("198.51.100.66"),
		    .proto = ip("10.255.255.66") };
		forge(&one, &hub.outer, &p);
		forge(&hub, &two.outer, &p);	/* a server sends it to nobody */
	}
	assert_int_equal(one.n_bindings, b);
	assert_int_equal(one.client.n_cuts, 0);
	assert_int_equal(hub.serve->counts.unasked, 2);
	assert_int_equal(hub.serve->counts.forwarded, 0);
}

static void
answers_of_others_do_not_count(void **state)
{
	struct nhrp_packet p;

	(void)state;
	net_make(false);
	drop = true;
	register_at_hub(&one, false);
	drop = false;
	nhrp_node_packet(&one.node, &p, NHRP_REGISTRATION_REPLY);
	p.dst = hub.node.proto;
	p.id = 2000;
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 32, .holding = 9999 };
	forge(&one, &two.outer, &p);		/* not whom it asked */
	p.id = 2001;
	forge(&one, &hub.outer, &p);		/* not what it asked */
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_WAITING);
	p.id = 2000;
	forge(&one, &hub.outer, &p);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
}

static void
reflected_requests_are_dropped(void **state)
{
	struct nhrp_packet p;
	unsigned sent;

	(void)state;
	both_register(false);
	sent = one.sent;
	nhrp_node_packet(&one.node, &p, NHRP_RESOLUTION_REQUEST);
	p.dst = ip("10.1.0.1");		/* our own question about our own network comes back */
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 32, .holding = 60 };
	forge(&one, &hub.outer, &p);
	assert_int_equal(one.sent, sent);
}

static void
indications_of_strangers_are_ignored(void **state)
{
	uint8_t head[28] = { 0x45, [12] = 10, 1, 0, 1, 10, 2, 0, 1 };
	struct nhrp_packet p;

	(void)state;
	both_register(false);
	nhrp_node_packet(&hub.node, &p, NHRP_TRAFFIC_INDICATION);
	p.inner = SPAN_ARRAY(head);
	forge(&one, &two.outer, &p);
	assert_null(last_event(&one, "indication"));
	/* About traffic that is not from us, or to us; truncated. */
	head[13] = 7;
	forge(&one, &hub.outer, &p);
	head[13] = head[17] = 1;
	forge(&one, &hub.outer, &p);
	head[17] = 2;
	p.inner.len = 19;
	forge(&one, &hub.outer, &p);
	assert_null(last_event(&one, "indication"));
	p.inner.len = 20;
	forge(&one, &hub.outer, &p);
	assert_non_null(last_event(&one, "indication"));
}

static void
loops_and_hop_counts_end(void **state)
{
	static struct nhrp_arena a;
	struct nhrp_cie own = { .proto = ip("10.255.255.254"), .nbma = ip("203.0.113.254"), .holding = 60 };
	struct nhrp_packet p;

	(void)state;
	both_register(false);
	nhrp_node_packet(&one.node, &p, NHRP_RESOLUTION_REQUEST);
	p.id = 77;
	p.dst = ip("10.2.0.1");
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 32, .holding = 60 };
	nhrp_node_records(&p);
	a.n = 0;
	assert_int_equal(nhrp_ext_append(nhrp_ext_find(&p, NHRP_EXT_FORWARD), &own, &a), 0);
	forge(&hub, &one.outer, &p);
	assert_int_equal(hub.serve->counts.loops, 1);
	assert_int_equal(hub.serve->counts.errors, 1);
	assert_int_equal(hub.serve->counts.forwarded, 0);
	nhrp_ext_find(&p, NHRP_EXT_FORWARD)->data = SPAN_NONE;
	p.hops = 1;
	forge(&hub, &one.outer, &p);
	assert_int_equal(hub.serve->counts.errors, 2);
	assert_int_equal(hub.serve->counts.forwarded, 0);
	p.hops = 2;
	forge(&hub, &one.outer, &p);
	assert_int_equal(hub.serve->counts.forwarded, 2);	/* the request and the reply */
}

static void
errors_are_never_answered(void **state)
{
	struct nhrp_packet p;
	unsigned sent;
	size_t i;

	(void)state;
	both_register(false);
	assert_int_equal(secret_set(&hub.node.auth.secret, span_str("secret")), 0);
	hub.node.auth.kind = NHRP_AUTH_CLEAR;
	sent = hub.sent;
	nhrp_node_packet(&one.node, &p, NHRP_ERROR_INDICATION);
	p.error = NHRP_ERROR_PROTOCOL;
	forge(&hub, &one.outer, &p);		/* fails the authentication too */
	assert_int_equal(hub.sent, sent);
	hub.node.auth.kind = NHRP_AUTH_NONE;
	forge(&hub, &one.outer, &p);
	assert_int_equal(hub.sent, sent);
	/* And those that are sent have a limit. */
	nhrp_node_packet(&one.node, &p, NHRP_RESOLUTION_REQUEST);
	p.src.family = 0;
	for (i = 0; i < 2 * NHRP_ERRORS_A_SECOND; i++)
		forge(&hub, &one.outer, &p);
	assert_int_equal(hub.sent - sent, NHRP_ERRORS_A_SECOND);
	secret_free(&hub.node.auth.secret);
}

static void
only_the_owner_purges(void **state)
{
	struct nhrp_packet p;

	(void)state;
	both_register(false);
	nhrp_node_packet(&two.node, &p, NHRP_PURGE_REQUEST);
	p.dst = hub.node.proto;
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 32, .proto = two.node.proto };
	forge(&hub, &one.outer, &p);
	assert_int_equal(hub.serve->cache.n, 2);
	p.cie[0].proto = one.node.proto;	/* its own packet, another's address */
	forge(&hub, &two.outer, &p);
	assert_int_equal(hub.serve->cache.n, 2);
	p.cie[0].proto = two.node.proto;
	forge(&hub, &two.outer, &p);
	assert_int_equal(hub.serve->cache.n, 1);
}

static void
answers_claim_no_more_than_is_sane(void **state)
{
	static struct nhrp_resolve r;

	(void)state;
	both_register(false);
	two.client.nets[0] = (struct nhrp_net){ ip("10.0.0.0"), 8 };	/* it contains our own address */
	resolve(&r, &one, "10.2.0.1");
	assert_int_equal(r.answer.prefix, 32);
	two.client.nets[0] = (struct nhrp_net){ ip("0.0.0.0"), 1 };
	resolve(&r, &one, "10.2.0.1");
	assert_int_equal(r.answer.prefix, 32);
}

static void
authentication_of_every_type(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct end *const ends[] = { &hub, &one, &two };
		size_t j;

		net_make(false);
		for (j = 0; j < 3; j++) {
			ends[j]->node.auth.kind = i == 0 ? NHRP_AUTH_CLEAR : NHRP_AUTH_HMAC;
			assert_int_equal(secret_set(&ends[j]->node.auth.secret, span_str(j == 2 ? "wrong" : "secret")), 0);
		}
		register_at_hub(&one, false);
		register_at_hub(&two, false);
		assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
		assert_int_equal(two.client.reg[0].state.outcome, NHRP_WAITING);
		assert_int_equal(hub.serve->cache.n, 1);
		assert_string_equal(last_event(&hub, "refused")->text, "a wrong secret");
		is(&last_event(&hub, "refused")->remote, "203.0.113.12");
		assert_int_equal(secret_set(&two.node.auth.secret, span_str("secret")), 0);
		register_at_hub(&two, false);
		/* Indication, request, reply, each with a fresh one at each hop. */
		traffic(&one, "10.1.0.1", "10.2.0.1", &two);
		assert_int_equal(one.client.n_cuts, 1);
		nhrp_client_stop(&two.client, now);
		nhrp_net_run();
		assert_int_equal(one.client.n_cuts, 0);
		for (j = 0; j < 3; j++)
			secret_free(&ends[j]->node.auth.secret);
	}
}

/* Whether ${text} is in the first packet that is under way. */
static bool
under_way(const char *text)
{
	size_t i, n = strlen(text);

	assert_true(q_last > q_first);
	for (i = 0; i + n <= queue[q_first].len; i++)
		if (memcmp(queue[q_first].b + i, text, n) == 0)
			return (true);
	return (false);
}

static void
error_indications_quote_no_secret(void **state)
{
	static struct nhrp_in in;
	struct nhrp_packet p;
	struct nhrp_auth theirs = { .kind = NHRP_AUTH_CLEAR };
	uint8_t b[512];
	size_t len;

	(void)state;
	assert_int_equal(secret_set(&theirs.secret, span_str("T0psecrt")), 0);
	for (size_t room = 0; room < 2; room++) {
		net_make(false);
		hub.node.auth.kind = room == 0 ? NHRP_AUTH_CLEAR : NHRP_AUTH_HMAC;
		assert_int_equal(secret_set(&hub.node.auth.secret, span_str("other")), 0);
		nhrp_node_packet(&one.node, &p, NHRP_RESOLUTION_REQUEST);
		p.dst = ip("10.2.0.1");
		len = nhrp_encode_auth(b, sizeof(b), &p, &theirs, &p.src, NULL);
		assert_true(len > 0);
		assert_int_equal(nhrp_node_receive(&hub.node, &in, &one.outer, span_of(b, len), now, NULL), -1);
		assert_int_equal(queue[q_first].b[17], NHRP_ERROR_INDICATION);
		assert_false(under_way("T0psecrt"));
		assert_false(under_way("crt"));
		/* The rest of the packet is there. */
		assert_int_equal(nhrp_decode(&p, span_of(queue[q_first].b, queue[q_first].len), NULL), 0);
		assert_int_equal(p.inner.len, len < NHRP_INNER_MAX ? len : NHRP_INNER_MAX);
		assert_memory_equal(p.inner.p, b, NHRP_FIXED + 8);
		secret_free(&hub.node.auth.secret);
	}
	secret_free(&theirs.secret);
}

static void
address_change_registers_at_once(void **state)
{
	(void)state;
	both_register(false);
	traffic(&one, "10.1.0.1", "10.2.0.1", &two);
	two.node.nbma = two.outer = ip("203.0.113.77");
	nhrp_register_again(&two.client.reg[0], now);
	nhrp_net_run();
	is(nhrp_entry_nbma(nhrp_cache_find(&hub.serve->cache, &two.node.proto)), "203.0.113.77");
	assert_int_equal(one.client.n_cuts, 0);		/* purged: it led to the old address */
}

static void
networks(void **state)
{
	struct addr a = ip("10.1.2.3"), n;

	(void)state;
	n = nhrp_network(&a, 24);
	is(&n, "10.1.2.0");
	n = nhrp_network(&a, 31);
	is(&n, "10.1.2.2");
	n = nhrp_network(&a, 0);
	is(&n, "0.0.0.0");
	n = nhrp_network(&a, 32);
	is(&n, "10.1.2.3");
	a = ip("2001:db8::1:1");
	n = nhrp_network(&a, 33);
	is(&n, "2001:db8::");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_and_gives_bindings),
		cmocka_unit_test(finds_the_nat),
		cmocka_unit_test(refreshes_at_a_third),
		cmocka_unit_test(backs_off_up_to_64_seconds),
		cmocka_unit_test(loses_the_server_after_the_holding_time),
		cmocka_unit_test(unique_address_is_refused_elsewhere),
		cmocka_unit_test(other_address_may_move),
		cmocka_unit_test(servers_own_address_is_prohibited),
		cmocka_unit_test(limit_of_registrations),
		cmocka_unit_test(indication_resolution_shortcut),
		cmocka_unit_test(nat_spoke_opens_its_nat_before_the_reply),
		cmocka_unit_test(indications_are_limited_by_pair),
		cmocka_unit_test(server_answers_for_itself_and_registered_ones),
		cmocka_unit_test(unknown_address_is_refused_with_12),
		cmocka_unit_test(silence_ends_after_four_tries),
		cmocka_unit_test(purge_reaches_those_who_asked),
		cmocka_unit_test(expiry_purges_too),
		cmocka_unit_test(unasked_replies_change_nothing),
		cmocka_unit_test(answers_of_others_do_not_count),
		cmocka_unit_test(reflected_requests_are_dropped),
		cmocka_unit_test(indications_of_strangers_are_ignored),
		cmocka_unit_test(loops_and_hop_counts_end),
		cmocka_unit_test(errors_are_never_answered),
		cmocka_unit_test(only_the_owner_purges),
		cmocka_unit_test(answers_claim_no_more_than_is_sane),
		cmocka_unit_test(authentication_of_every_type),
		cmocka_unit_test(error_indications_quote_no_secret),
		cmocka_unit_test(address_change_registers_at_once),
		cmocka_unit_test(networks),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
