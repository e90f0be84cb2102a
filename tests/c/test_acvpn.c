/* AutoConnect VPN: the codec of its extensions, and the machines of hub and spokes: sets, acknowledgements, replays, forgeries. */
#include "nhrp_net.h"

#include "nhrp/acvpn.h"
#include "nhrp/behind.h"
#include "nhrp/pair.h"

static struct acvpn offer[2];
static struct nhrp_allowed allowed[1];

/* Both spokes register with their networks and hashes. */
static void
connected_net(void)
{
	struct end *const spokes[] = { &one, &two };
	struct nhrp_register_conf c = { .unique = true, .keep = true };

	net_make(false);
	hub.serve->conf.redirect = false;
	hub.serve->conf.connect = true;
	allowed[0] = (struct nhrp_allowed){ .net = { ip("10.0.0.0"), 8 } };
	hub.serve->conf.allowed = allowed;
	hub.serve->conf.n_allowed = 1;
	c.nhs_nbma = hub.outer;
	for (size_t i = 0; i < 2; i++) {
		offer[i] = (struct acvpn){ .kind = ACVPN_OFFER, .n_nets = 1 };
		offer[i].nets[0] = (struct nhrp_net){ spokes[i]->client.nets[0].net, 24 };
		memset(offer[i].cert, 0x11 * (int)(i + 1), sizeof(offer[i].cert));
		acvpn_set(&offer[i], ACVPN_ATTR_NET);
		acvpn_set(&offer[i], ACVPN_ATTR_CERT);
		c.offer = &offer[i];
		spokes[i]->client.connect = true;
		spokes[i]->client.shortcut = false;
		nhrp_register_start(&spokes[i]->client.reg[0], &spokes[i]->node, &c, now);
		nhrp_net_run();
		assert_int_equal(spokes[i]->client.reg[0].state.outcome, NHRP_ACCEPTED);
	}
}

/* A packet from ${src} to ${dst} goes through the hub, by the tunnels of ${from} and ${to}; nothing is delivered. */
static void
sample(const struct end *from, const struct end *to, const char *src, const char *dst)
{
	uint8_t head[28] = { 0x45 };

	memcpy(head + 12, ip(src).b, 4);
	memcpy(head + 16, ip(dst).b, 4);
	nhrp_pair_sample(hub.serve, &from->outer, &to->outer, SPAN_ARRAY(head), now);
}

/* The last binding of the network ${net} at ${e}; NULL: there was none. */
static const struct sa_nhrp_binding *
bound(const struct end *e, const char *net)
{
	for (size_t i = e->n_bindings; i-- > 0;)
		if (addr_cmp(&e->binding[i].proto, &(struct addr){ 4, { ip(net).b[0], ip(net).b[1], ip(net).b[2], ip(net).b[3] }, 0 }) == 0)
			return (&e->binding[i]);
	return (NULL);
}

/* --- codec --- */

static struct acvpn
full(enum acvpn_kind kind)
{
	struct acvpn a = { .kind = (uint8_t)kind, .registration = 1, .serial = 2, .nbma = ip("203.0.113.9"), .inner = ip("192.0.2.9"), .proto = ip("10.255.255.9"),
	    .n_nets = 2, .role = ACVPN_RESPONDER, .holding = 60, .idle = 5, .code = 4,
	    .profile = { "aes128-sha256-ecp256", "aes128gcm16", 600, 300 } };

	a.nets[0] = (struct nhrp_net){ ip("10.9.0.0"), 24 };
	a.nets[1] = (struct nhrp_net){ ip("10.8.0.0"), 16 };
	memset(a.cert, 7, sizeof(a.cert));
	for (unsigned t = 1; t < ACVPN_ATTR_END; t++)
		acvpn_set(&a, (enum acvpn_attr)t);
	return (a);
}

static int
get(struct acvpn *a, const uint8_t *p, size_t len)
{
	const struct nhrp_ext e = { .type = NHRP_EXT_VENDOR, .data = span_of(p, len) };

	return (acvpn_get(a, &e));
}

static void
reads_what_it_writes(void **state)
{
	uint8_t out[ACVPN_EXT_MAX], again[ACVPN_EXT_MAX];
	char words[1024];
	struct acvpn a, b;
	size_t n;

	(void)state;
	for (enum acvpn_kind k = ACVPN_OFFER; k <= ACVPN_ACK; k++) {
		a = full(k);
		assert_true((n = acvpn_put(out, sizeof(out), &a)) > 0);
		assert_int_equal(get(&b, out, n), 0);
		assert_int_equal(b.kind, k);
		assert_int_equal(b.n_nets, 2);
		assert_string_equal(b.profile.ike, "aes128-sha256-ecp256");
		assert_int_equal(acvpn_put(again, sizeof(again), &b), n);
		assert_memory_equal(out, again, n);
		assert_int_equal(acvpn_put(again, n - 1, &b), 0);
	}
	assert_non_null(strstr(acvpn_words(words, sizeof(words), &b), "resolution-ack, registration 1, serial 2, NBMA address 203.0.113.9"));
	assert_non_null(strstr(words, "network 10.9.0.0/24 10.8.0.0/16"));
}

static void
every_cut_and_every_wrong_length_is_refused(void **state)
{
	uint8_t out[ACVPN_EXT_MAX];
	struct acvpn a = full(ACVPN_SET), b;
	size_t n = acvpn_put(out, sizeof(out), &a), at, len;

	(void)state;
	/* A cut between attributes is one without those behind: only of optional ones that is right. */
	for (len = 0; len < n; len++) {
		uint8_t *copy = malloc(len + 1);

		assert_non_null(copy);
		memcpy(copy, out, len);
		if (get(&b, copy, len) == 0)
			assert_true(acvpn_has(&b, ACVPN_ATTR_HOLDING));
		free(copy);
	}
	for (at = 5; at < n; at += 3 + len) {
		len = get_be16(out + at + 1);
		if (out[at] == ACVPN_ATTR_IKE || out[at] == ACVPN_ATTR_ESP)
			continue;
		put_be16(out + at + 1, (uint16_t)(len + 1));
		assert_int_equal(get(&b, out, n), -1);
		put_be16(out + at + 1, (uint16_t)(len - 1));
		assert_int_equal(get(&b, out, n), -1);
		put_be16(out + at + 1, 0xffff);
		assert_int_equal(get(&b, out, n), -1);
		put_be16(out + at + 1, (uint16_t)len);
	}
	assert_int_equal(get(&b, out, n), 0);
	for (at = 0; at < 4; at++) {	/* vendor, version */
		out[at] ^= 1;
		assert_int_equal(get(&b, out, n), -1);
		out[at] ^= 1;
	}
	for (at = 0; at < 256; at++) {
		out[4] = (uint8_t)at;
		assert_int_equal(get(&b, out, n), at >= ACVPN_OFFER && at <= ACVPN_ACK ? 0 : -1);
	}
}

static void
hostile_values_are_refused(void **state)
{
	static const char *const bad[] = { "aes128;reboot", "$(id)", "AES", "aes128 x", "aes128\n" };
	uint8_t out[2 * ACVPN_EXT_MAX];
	struct acvpn a, b;
	size_t n, i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		a = full(ACVPN_SET);
		(void)snprintf(a.profile.esp, sizeof(a.profile.esp), "%s", bad[i]);
		n = acvpn_put(out, sizeof(out), &a);
		assert_int_equal(get(&b, out, n), -1);
	}
	/* One attribute twice; an unknown one is skipped. */
	a = full(ACVPN_SET);
	n = acvpn_put(out, sizeof(out), &a);
	memcpy(out + n, (const uint8_t[]){ 200, 0, 2, 1, 1 }, 5);
	assert_int_equal(get(&b, out, n + 5), 0);
	memcpy(out + n, (const uint8_t[]){ ACVPN_ATTR_CODE, 0, 1, 0 }, 4);
	assert_int_equal(get(&b, out, n + 4), -1);
	/* A role that there is not, no holding time, a prefix too long, too many networks. */
	a.role = 4;
	assert_int_equal(get(&b, out, acvpn_put(out, sizeof(out), &a)), -1);
	a = full(ACVPN_SET);
	a.holding = 0;
	assert_int_equal(get(&b, out, acvpn_put(out, sizeof(out), &a)), -1);
	a = full(ACVPN_SET);
	a.nets[0].prefix = 33;
	assert_int_equal(get(&b, out, acvpn_put(out, sizeof(out), &a)), -1);
	a = full(ACVPN_OFFER);
	n = acvpn_put(out, sizeof(out), &a);
	for (i = 2; i <= ACVPN_NETS; i++, n += 8) {
		assert_int_equal(get(&b, out, n), 0);
		memcpy(out + n, (const uint8_t[]){ ACVPN_ATTR_NET, 0, 5, 24, 10, 7, (uint8_t)i, 0 }, 8);
	}
	assert_int_equal(get(&b, out, n), -1);
}

/* --- machines --- */

static void
both_spokes_learn_of_each_other(void **state)
{
	const struct sa_nhrp_binding *b;

	(void)state;
	connected_net();
	is(&bound(&hub, "10.2.0.0")->via, "10.255.255.2");
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	/* First the one that waits. */
	assert_int_equal(q_last, 1);
	is(&queue[0].to, "203.0.113.12");
	nhrp_net_run();
	b = bound(&one, "10.2.0.0");
	assert_non_null(b);
	assert_int_equal(b->kind, NHRP_KIND_SHORTCUT);
	assert_int_equal(b->prefix, 24);
	is(&b->via, "10.255.255.2");
	is(&b->nbma, "203.0.113.12");
	assert_true(b->has_cert && b->cert[0] == 0x22 && !b->flags.passive);
	is(&bound(&one, "10.255.255.2")->nbma, "203.0.113.12");
	b = bound(&two, "10.1.0.0");
	assert_true(b != NULL && b->has_cert && b->cert[31] == 0x11 && b->flags.passive);
	assert_non_null(last_event(&hub, "connected"));
	assert_int_equal(hub.serve->counts.sets, 2);
	/* Not again soon. */
	pass(5000);
	sample(&two, &one, "10.2.0.1", "10.1.0.1");
	assert_int_equal(hub.serve->counts.sets, 2);
	pass(6000);
	sample(&two, &one, "10.2.0.1", "10.1.0.1");
	nhrp_net_run();
	assert_int_equal(hub.serve->counts.sets, 4);
	assert_true(bound(&one, "10.2.0.0")->flags.passive);
}

static void
samples_count_only_by_the_tunnels_of_both(void **state)
{
	(void)state;
	connected_net();
	sample(&two, &two, "10.1.0.1", "10.2.0.1");	/* a forged source */
	sample(&one, &one, "10.1.0.1", "10.2.0.1");
	sample(&one, &two, "10.2.0.9", "10.2.0.1");
	sample(&one, &two, "192.0.2.1", "10.2.0.1");
	assert_int_equal(hub.serve->counts.sets, 0);
	assert_int_equal(q_last, 0);
}

static void
a_replayed_or_forged_set_changes_nothing(void **state)
{
	struct queued set;
	size_t n;

	(void)state;
	connected_net();
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	set = queue[0];		/* for two */
	nhrp_net_run();
	n = two.n_bindings;
	/* The same again, as if our answer was lost: another answer, nothing else. */
	receive(&two, &hub.outer, span_of(set.b, set.len));
	assert_int_equal(q_last, 1);
	nhrp_net_run();
	assert_int_equal(two.n_bindings, n);
	/* From another address than the server's: from a spoke that has a tunnel with us, for instance. */
	receive(&two, &one.outer, span_of(set.b, set.len));
	assert_int_equal(q_last, 0);
	/* After a newer one. */
	pass(11000);
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	n = two.n_bindings;
	receive(&two, &hub.outer, span_of(set.b, set.len));
	assert_int_equal(q_last, 0);
	assert_int_equal(two.n_bindings, n);
	/* After another registration: of the one before, although its serial number would be the first now. */
	pass(21000);
	assert_false(two.client.reg[0].has_serial);
	n = two.n_bindings;
	receive(&two, &hub.outer, span_of(set.b, set.len));
	assert_int_equal(q_last, 0);
	assert_int_equal(two.n_bindings, n);
	/* One that does not take part. */
	connected_net();
	two.client.connect = false;
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	assert_null(bound(&two, "10.1.0.0"));
}

static void
an_unasked_ack_changes_nothing(void **state)
{
	struct acvpn ack = { .kind = ACVPN_ACK, .serial = 1 };
	uint8_t buf[ACVPN_EXT_MAX], out[512];
	struct nhrp_packet p;
	size_t len;

	(void)state;
	connected_net();
	acvpn_set(&ack, ACVPN_ATTR_SERIAL);
	acvpn_set(&ack, ACVPN_ATTR_CODE);
	nhrp_node_packet(&one.node, &p, NHRP_TRAFFIC_INDICATION);
	p.dst = hub.node.proto;
	assert_int_equal(acvpn_add(&p, &ack, buf), 0);
	assert_true((len = nhrp_encode(out, sizeof(out), &p)) > 0);
	receive(&hub, &one.outer, span_of(out, len));
	assert_int_equal(hub.serve->counts.unasked, 1);
	/* Of the spoke that was not told yet. */
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	receive(&hub, &one.outer, span_of(out, len));
	assert_int_equal(hub.serve->counts.unasked, 2);
	assert_int_equal(hub.serve->counts.sets, 1);
}

static void
a_set_that_would_lead_own_or_outer_addresses_away_is_refused(void **state)
{
	static const char *const nets[] = { "10.2.0.0", "10.2.0.128", "203.0.113.0", "10.255.255.0" };
	struct nhrp_client_entry *e;
	struct addr had;

	(void)state;
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		connected_net();
		/* A hub that has gone mad. */
		e = nhrp_cache_find(&hub.serve->cache, &one.node.proto);
		had = e->nets->prefix.net;
		e->nets->prefix.net = ip(nets[i]);
		e->nets->prefix.bits = i == 1 ? 25 : 24;
		sample(&one, &two, "10.1.0.1", "10.2.0.1");
		nhrp_net_run();
		assert_null(bound(&two, nets[i]));
		assert_null(bound(&two, "10.255.255.1"));
		assert_non_null(strstr(last_event(&two, "refused")->text, "prohibited"));
		assert_int_equal(last_event(&hub, "refused")->code, NHRP_CODE_PROHIBITED);
		/* The other one is not told, and nobody is for a minute. */
		assert_null(bound(&one, "10.2.0.0"));
		pass(50000);
		sample(&one, &two, "10.1.0.1", "10.2.0.1");
		assert_int_equal(hub.serve->counts.sets, 1);
		e->nets->prefix.net = had;
		e->nets->prefix.bits = 24;
	}
}

static void
sets_are_sent_again_and_given_up(void **state)
{
	(void)state;
	connected_net();
	two.down = true;
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	pass(3500);
	assert_int_equal(hub.serve->counts.sets, 4);
	pass(2000);
	assert_int_equal(hub.serve->counts.sets, 4);
	assert_non_null(last_event(&hub, "unanswered"));
	assert_null(bound(&one, "10.2.0.0"));
}

static void
ends_when_idle_and_lasts_in_use(void **state)
{
	(void)state;
	connected_net();
	hub.serve->conf.profile.idle = 20;
	acvpn_set(&hub.serve->conf.profile, ACVPN_ATTR_IDLE);
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	busy(&one, &two.outer, 200);	/* more than three holding times */
	assert_int_not_equal(bound(&one, "10.2.0.0")->holding, 0);
	assert_int_equal(bound(&two, "10.1.0.0")->holding, 0);
	assert_non_null(last_event(&two, "idle"));
	pass(21000);
	assert_int_equal(bound(&one, "10.2.0.0")->holding, 0);
	assert_int_equal(bound(&one, "10.255.255.2")->holding, 0);
}

static void
a_spoke_that_goes_is_purged_at_the_other(void **state)
{
	(void)state;
	connected_net();
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	nhrp_client_stop(&two.client, now);
	nhrp_net_run();
	assert_int_equal(bound(&one, "10.2.0.0")->holding, 0);
	assert_int_equal(bound(&one, "10.255.255.2")->holding, 0);
	assert_int_equal(bound(&hub, "10.2.0.0")->holding, 0);
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	assert_int_equal(q_last, 0);
}

static void
networks_of_others_and_forbidden_ones_are_left_out(void **state)
{
	(void)state;
	connected_net();
	offer[1].nets[1] = (struct nhrp_net){ ip("10.1.0.64"), 26 };
	offer[1].nets[2] = (struct nhrp_net){ ip("172.16.0.0"), 16 };
	offer[1].nets[3] = (struct nhrp_net){ ip("10.0.0.0"), 7 };
	offer[1].nets[4] = (struct nhrp_net){ ip("10.255.0.0"), 16 };	/* the server */
	offer[1].nets[5] = (struct nhrp_net){ ip("10.77.0.0"), 16 };
	offer[1].n_nets = 6;
	pass(21000);
	assert_int_equal(nhrp_cache_find(&hub.serve->cache, &two.node.proto)->n_nets, 2);
	assert_int_not_equal(bound(&hub, "10.77.0.0")->holding, 0);
	assert_null(bound(&hub, "10.1.0.64"));
	assert_null(bound(&hub, "172.16.0.0"));
	offer[1].n_nets = 1;
	pass(21000);
	assert_int_equal(bound(&hub, "10.77.0.0")->holding, 0);
}

static void
a_spoke_behind_a_nat_begins(void **state)
{
	struct nhrp_client_entry *e[2];

	(void)state;
	connected_net();
	e[0] = nhrp_cache_find(&hub.serve->cache, &one.node.proto);
	e[1] = nhrp_cache_find(&hub.serve->cache, &two.node.proto);
	e[1]->nat = e[1]->nbma;
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	assert_int_equal(hub.serve->counts.sets, 2);
	assert_true(bound(&one, "10.2.0.0")->flags.passive);
	assert_false(bound(&two, "10.1.0.0")->flags.passive);
	assert_int_equal(bound(&one, "10.2.0.0")->nat_nbma.family, 4);
	assert_int_equal(bound(&two, "10.1.0.0")->nat_nbma.family, 0);
}

/* Both spokes are behind a NAT, which each address outside is of. */
static void
behind_nats(const char *first, const char *second)
{
	struct nhrp_client_entry *e;

	e = nhrp_cache_find(&hub.serve->cache, &one.node.proto);
	e->nat = one.outer = ip(first);
	e = nhrp_cache_find(&hub.serve->cache, &two.node.proto);
	e->nat = two.outer = ip(second);
}

static void
both_begin_behind_two_nats(void **state)
{
	const struct sa_nhrp_binding *b;

	(void)state;
	connected_net();
	behind_nats("198.51.100.1", "198.51.100.2");
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	assert_int_equal(hub.serve->counts.sets, 2);
	b = bound(&one, "10.2.0.0");
	assert_true(b != NULL && !b->flags.passive && b->flags.nat);
	is(&b->nbma, "203.0.113.12");
	is(&b->nat_nbma, "198.51.100.2");
	b = bound(&two, "10.1.0.0");
	assert_true(b != NULL && !b->flags.passive && b->flags.nat);
	is(&b->nat_nbma, "198.51.100.1");
}

static void
two_spokes_behind_one_nat_are_not_told(void **state)
{
	(void)state;
	connected_net();
	behind_nats("198.51.100.1", "198.51.100.1");
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	assert_int_equal(hub.serve->counts.sets, 0);
	assert_int_equal(events(&hub, "unconnected"), 1);
	assert_non_null(strstr(last_event(&hub, "unconnected")->text, "behind one NAT"));
	sample(&two, &one, "10.2.0.1", "10.1.0.1");
	assert_int_equal(events(&hub, "unconnected"), 1);	/* for a minute */
	assert_int_equal(events(&hub, "connecting"), 0);
}

/* Packets that go by the hub for ${ms}. */
static void
talk(uint64_t ms)
{
	for (uint64_t end = now.ms + ms; now.ms < end;) {
		sample(&one, &two, "10.1.0.1", "10.2.0.1");
		nhrp_net_run();
		pass(2000);
		hub.n_bindings = one.n_bindings = two.n_bindings = 0;
	}
}

static void
a_tunnel_that_does_not_come_up_is_tried_less_and_less_often(void **state)
{
	(void)state;
	connected_net();
	talk(600000);
	/* After 0, 10, 30, 70, 150, 310 s. */
	assert_in_range(events(&hub, "connected"), 5, 7);
	assert_int_equal(events(&hub, "unconnected"), 1);
	assert_non_null(strstr(last_event(&hub, "unconnected")->text, "still come by this hub"));
	/* Silence: it is forgotten. */
	pass(700000);
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	pass(11000);
	assert_in_range(events(&hub, "connected"), 6, 8);
	sample(&one, &two, "10.1.0.1", "10.2.0.1");
	nhrp_net_run();
	assert_in_range(events(&hub, "connected"), 7, 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_writes),
		cmocka_unit_test(every_cut_and_every_wrong_length_is_refused),
		cmocka_unit_test(hostile_values_are_refused),
		cmocka_unit_test(both_spokes_learn_of_each_other),
		cmocka_unit_test(samples_count_only_by_the_tunnels_of_both),
		cmocka_unit_test(a_replayed_or_forged_set_changes_nothing),
		cmocka_unit_test(an_unasked_ack_changes_nothing),
		cmocka_unit_test(a_set_that_would_lead_own_or_outer_addresses_away_is_refused),
		cmocka_unit_test(sets_are_sent_again_and_given_up),
		cmocka_unit_test(ends_when_idle_and_lasts_in_use),
		cmocka_unit_test(a_spoke_that_goes_is_purged_at_the_other),
		cmocka_unit_test(a_spoke_behind_a_nat_begins),
		cmocka_unit_test(both_begin_behind_two_nats),
		cmocka_unit_test(two_spokes_behind_one_nat_are_not_told),
		cmocka_unit_test(a_tunnel_that_does_not_come_up_is_tried_less_and_less_often),
		cmocka_unit_test(networks_of_others_and_forbidden_ones_are_left_out),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
