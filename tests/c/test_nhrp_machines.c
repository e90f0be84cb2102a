/*
 * The machines of NHRP, with a net between them: a server, two clients, of which the second may be behind a NAT. Everything that
 * is sent goes through net_run(); records are kept for the checks.
 */
#include "vectors.h"

#include "nhrp/client.h"
#include "nhrp/serve.h"

#define QUEUE	256

struct end {
	struct nhrp_node	 node;
	struct nhrp_client	 client;
	struct nhrp_serve	*serve;
	struct addr		 outer;		/* what the net sees; of all but a NAT's the NBMA address */
	struct sa_nhrp_binding	 binding[256];
	size_t			 n_bindings;
	struct sa_nhrp_event	 event[256];
	size_t			 n_events;
	unsigned		 sent, got, unused;
	bool			 down;		/* it receives nothing */
	bool			 mapped;	/* it has sent something directly to the other spoke: its NAT is open */
};

static struct end hub, hub2, one, two;	/* ${hub2}: where a test makes it */
static struct { struct addr from, to; size_t len; uint8_t b[1024]; } queue[QUEUE];
static size_t q_first, q_last;
static struct now now;
static bool drop;		/* the net loses everything */

static struct addr
ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return (a);
}

static void
on_send(void *ctx, const struct addr *to, struct span packet)
{
	struct end *e = ctx;

	e->sent++;
	if (addr_cmp(to, &hub.outer) != 0)
		e->mapped = true;
	if (drop)
		return;
	assert_true(q_last < QUEUE && packet.len <= sizeof(queue[0].b));
	queue[q_last].from = e->outer;
	queue[q_last].to = *to;
	queue[q_last].len = packet.len;
	memcpy(queue[q_last++].b, packet.p, packet.len);
}

static void
on_binding(void *ctx, const struct sa_nhrp_binding *b)
{
	struct end *e = ctx;

	assert_true(e->n_bindings < 256);
	assert_true(b->holding == 0 || sa_binding_valid(b));
	e->binding[e->n_bindings++] = *b;
}

static void
on_event(void *ctx, const struct sa_nhrp_event *ev)
{
	struct end *e = ctx;

	assert_true(e->n_events < 256);
	e->event[e->n_events++] = *ev;
}

static void
receive(struct end *e, const struct addr *from, struct span s)
{
	static struct nhrp_in in;

	e->got++;
	if (nhrp_node_receive(&e->node, &in, from, s, now, NULL) != 0)
		e->unused++;
	else if (e->serve != NULL)
		nhrp_serve_receive(e->serve, &in, now);
	else if (!nhrp_client_receive(&e->client, &in, now))
		e->unused++;
}

/* Delivers until nothing is under way. */
static void
net_run(void)
{
	struct end *const ends[] = { &hub, &one, &two, &hub2 };
	size_t i;

	for (; q_first < q_last; q_first++)
		for (i = 0; i < 4; i++)
			if (!ends[i]->down && addr_cmp(&queue[q_first].to, &ends[i]->outer) == 0)
				receive(ends[i], &queue[q_first].from, span_of(queue[q_first].b, queue[q_first].len));
	q_first = q_last = 0;
}

static void
end_make(struct end *e, const char *nbma, const char *proto, uint32_t id)
{
	if (e->serve != NULL)
		nhrp_serve_close(e->serve);
	free(e->serve);
	*e = (struct end){ .node = { .source = "test", .tun = "gre1", .nbma = ip(nbma), .proto = ip(proto), .holding = 60,
	    .id = id } };
	e->outer = e->node.nbma;
	e->node.sink = (struct nhrp_sink){ on_send, on_binding, on_event, e };
}

/* The routes of the hub: 10.N.0.0/24 by the client N. */
static bool
route(void *ctx, const struct addr *dst, struct addr *via, uint8_t *prefix)
{
	(void)ctx;
	if (dst->b[0] != 10 || dst->b[1] < 1 || dst->b[1] > 3)
		return (false);
	*via = (struct addr){ 4, { 10, 255, 255, dst->b[1] }, 0 };
	*prefix = 24;
	return (true);
}

static bool
hub_local(void *ctx, const struct addr *a, uint8_t *prefix)
{
	(void)ctx;
	*prefix = 24;
	return (a->b[0] == 10 && a->b[1] == 0);
}

static void
client_make(struct end *e, const char *nbma, const char *proto, const char *net, uint32_t id)
{
	end_make(e, nbma, proto, id);
	e->client.node = &e->node;
	e->client.shortcut = true;
	e->client.nets[0] = (struct nhrp_net){ ip(net), 24 };
	e->client.n_nets = 1;
	e->client.n_regs = 1;
}

static void
net_make(bool nat)
{
	struct nhrp_serve_conf c = { .redirect = true, .salt = 7, .route = route, .local = hub_local };

	now = (struct now){ .ms = 1000000, .epoch = 1700000000 };
	q_first = q_last = 0;
	drop = false;
	end_make(&hub2, "203.0.113.253", "10.255.255.253", 4000);
	hub2.down = true;
	end_make(&hub, "203.0.113.254", "10.255.255.254", 1000);
	hub.serve = malloc(sizeof(*hub.serve));
	assert_non_null(hub.serve);
	assert_int_equal(nhrp_serve_open(hub.serve, &hub.node, &c), 0);
	client_make(&one, "203.0.113.11", "10.255.255.1", "10.1.0.0", 2000);
	client_make(&two, nat ? "192.0.2.12" : "203.0.113.12", "10.255.255.2", "10.2.0.0", 3000);
	if (nat)
		two.outer = ip("203.0.113.1");
}

static void
register_at_hub(struct end *e, bool unique)
{
	struct nhrp_register_conf c = { .nhs_nbma = hub.outer, .unique = unique, .keep = true };

	nhrp_register_start(&e->client.reg[0], &e->node, &c, now);
	net_run();
}

static void
both_register(bool nat)
{
	net_make(nat);
	register_at_hub(&one, false);
	register_at_hub(&two, false);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
	assert_int_equal(two.client.reg[0].state.outcome, NHRP_ACCEPTED);
}

/* Time goes by, ${ms}, with every deadline met. */
static void
pass(uint64_t ms)
{
	uint64_t until = now.ms + ms, at, b;

	for (;;) {
		at = nhrp_serve_deadline_ms(hub.serve);
		at = (b = nhrp_client_deadline_ms(&one.client)) != 0 && b < at ? b : at;
		at = (b = nhrp_client_deadline_ms(&two.client)) != 0 && b < at ? b : at;
		at = hub2.serve != NULL && (b = nhrp_serve_deadline_ms(hub2.serve)) < at ? b : at;
		if (at > until)
			break;
		now.ms = at > now.ms ? at : now.ms;
		now.epoch = 1700000000 + (now.ms - 1000000) / 1000;
		nhrp_serve_timeout(hub.serve, now);
		if (hub2.serve != NULL)
			nhrp_serve_timeout(hub2.serve, now);
		if (one.client.reg[0].node != NULL)
			nhrp_client_timeout(&one.client, now);
		if (two.client.reg[0].node != NULL)
			nhrp_client_timeout(&two.client, now);
		net_run();
	}
	now.ms = until;
	now.epoch = 1700000000 + (now.ms - 1000000) / 1000;
}

static const struct sa_nhrp_event *
last_event(const struct end *e, const char *what)
{
	size_t i;

	for (i = e->n_events; i-- > 0;)
		if (strcmp(e->event[i].what, what) == 0)
			return (&e->event[i]);
	return (NULL);
}

static const struct sa_nhrp_binding *
last_binding(const struct end *e, enum nhrp_kind kind)
{
	size_t i;

	for (i = e->n_bindings; i-- > 0;)
		if (e->binding[i].kind == kind)
			return (&e->binding[i]);
	return (NULL);
}

static void
is(const struct addr *a, const char *text)
{
	char out[ADDR_TEXT];

	if (text == NULL)
		assert_int_equal(a->family, 0);
	else
		assert_string_equal(a->family == 0 ? "none" : addr_text(out, a), text);
}

/* ${e} sends to ${dst} through the hub: the hub's device gives a sample. */
static void
traffic(struct end *e, const char *src, const char *dst, struct end *to)
{
	uint8_t head[28] = { 0x45 };
	struct addr s = ip(src), d = ip(dst);

	memcpy(head + 12, s.b, 4);
	memcpy(head + 16, d.b, 4);
	nhrp_serve_sample(hub.serve, &e->outer, &to->outer, SPAN_ARRAY(head), now);
	net_run();
}

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
	net_run();
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
	net_run();
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

/* Sends ${p} to ${to} as if from ${from}. */
static void
forge(struct end *to, const struct addr *from, const struct nhrp_packet *p)
{
	static uint8_t out[NHRP_PACKET_MAX];
	size_t n = nhrp_encode(out, sizeof(out), p);

	assert_true(n > 0);
	receive(to, from, span_of(out, n));
	net_run();
}

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
		net_run();
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

/* --- renewal, idleness --- */

/* Seconds go by, in each of which ${e} sends to ${to}. */
static void
busy(struct end *e, const struct addr *to, unsigned seconds)
{
	while (seconds-- > 0) {
		pass(1000);
		nhrp_client_used(&e->client, to, now);
		net_run();
	}
}

static unsigned
events(const struct end *e, const char *what)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < e->n_events; i++)
		n += strcmp(e->event[i].what, what) == 0;
	return (n);
}

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
	net_run();
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
	net_run();
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
	net_run();
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
	two.node.nbma = two.outer = ip("203.0.113.77");
	nhrp_client_again(&two.client, now);
	net_run();
	is(nhrp_entry_nbma(nhrp_cache_find(&hub2.serve->cache, &two.node.proto)), "203.0.113.77");
	nhrp_client_stop(&two.client, now);
	net_run();
	assert_int_equal(hub.serve->cache.n, 1);
	assert_int_equal(hub2.serve->cache.n, 1);
	/* Its indications count as well as those of the first. */
	{
		uint8_t head[28] = { 0x45, [12] = 10, 1, 0, 1, 10, 2, 0, 1 };

		nhrp_serve_sample(hub2.serve, &one.outer, &two.outer, SPAN_ARRAY(head), now);
	}
	net_run();
	assert_int_equal(events(&one, "indication"), 1);
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
	net_run();
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
		cmocka_unit_test(shortcut_in_use_is_renewed),
		cmocka_unit_test(shortcut_that_is_not_in_use_just_ends),
		cmocka_unit_test(use_in_the_last_third_renews),
		cmocka_unit_test(renewal_without_an_answer_ends_with_the_holding_time),
		cmocka_unit_test(idle_shortcut_ends_before_its_holding_time),
		cmocka_unit_test(shortcut_asks_the_server_that_answers),
		cmocka_unit_test(each_server_is_registered_with_and_left),
		cmocka_unit_test(error_indications_quote_no_secret),
		cmocka_unit_test(address_change_registers_at_once),
		cmocka_unit_test(networks),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
