/* The measurement of the mapping timeout of a NAT, against an engine in memory behind a simulated NAT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/mapping.h"
#include "survey_net.h"
#include "wire/vid.h"

enum nat_ports { NAT_CHOOSES, NAT_KEEPS, NAT_SHIFTS };

struct nat {
	struct net		 net;		/* for its peer, clock and seeds */
	struct ike_mapping_conf	 conf;
	struct ike_mapping	*mapping;
	enum nat_ports		 ports;
	uint64_t		 young_ms, old_ms;	/* how long it keeps a flow; old: of two seconds */
	unsigned		 next;
	uint64_t		 late_ms;	/* after its deadline the machine runs */
	uint64_t		 mute_from_ms, mute_to_ms;	/* the peer says nothing then */
	unsigned		 lose_one_in;	/* datagrams to the peer; 0: none */
	unsigned		 carried;
	bool			 asked_only;	/* what the peer sends of itself gets lost */
	struct { uint16_t outside; uint64_t made_ms, last_ms; bool live; } m[MAPPING_LANES];
};

static void
nat_init(struct nat *n, uint64_t keep_ms)
{
	size_t i;

	memset(n, 0, sizeof(*n));
	net_init(&n->net, "aes128-sha1-modp1024", SA_MAIN);
	n->young_ms = n->old_ms = keep_ms;
	n->next = 30000;
	n->conf.rand = n->net.conf.rand;
	n->conf.n = MAPPING_LANES;
	for (i = 0; i < MAPPING_LANES; i++) {
		n->conf.local[i] = survey_us;
		n->conf.local[i].port = (uint16_t)(40000 + 7 * i);
	}
	n->conf.remote = survey_peer;
	n->conf.remote.port = 4500;
	n->conf.offer = (struct probe_transform){
	    { alg_enc_word("aes128"), alg_hash_word("sha1"), alg_group_word("modp1024") }, AUTH_PSK };
	n->conf.natt = 1U << VID_NATT_RFC3947;
	n->conf.n_outside = 1;
	n->conf.outside[0] = survey_us_outside.addr;
	n->conf.timeout_ms = 4000;
	n->conf.gap_ms = 250;
	n->conf.limit_ms = 300000;
}

static void
nat_free(struct nat *n)
{
	ike_mapping_free(n->mapping);
	net_free(&n->net);
}

/* The mapping of lane ${i}, with ${out} made if there is none; false: there is none. */
static bool
nat_mapping(struct nat *n, size_t i, uint64_t now_ms, bool out)
{
	uint64_t keep = n->m[i].last_ms - n->m[i].made_ms > 2000 ? n->old_ms : n->young_ms;

	n->m[i].live = n->m[i].live && now_ms - n->m[i].last_ms <= keep;
	if (!n->m[i].live && out) {
		n->m[i].live = true;
		n->m[i].made_ms = now_ms;
		n->m[i].outside = n->ports == NAT_KEEPS ? n->conf.local[i].port :
		    n->ports == NAT_SHIFTS ? (uint16_t)(n->conf.local[i].port + 1000) :
		    (uint16_t)n->next++;
	}
	if (n->m[i].live)
		n->m[i].last_ms = now_ms;
	return (n->m[i].live);
}

static void	carry(struct nat *n, struct ike_outbox *out);

/* From the peer to us, if the NAT still knows whose it is. */
static void
carry_back(struct nat *n, struct ike_outbox *back)
{
	struct ike_outbox more = {0};
	struct ike_out *item;
	size_t i;

	while ((item = outbox_take(back)) != NULL) {
		for (i = 0; i < MAPPING_LANES && item->kind == IKE_OUT_DATAGRAM; i++)
			if (n->m[i].outside == item->dgram.remote.port &&
			    nat_mapping(n, i, n->net.now.ms, false)) {
				machine_datagram(ike_mapping_machine(n->mapping), net_later(&n->net),
				    &n->conf.local[i], &survey_peer,
				    span_of(item->dgram.data, item->dgram.len), &more);
				carry(n, &more);
				break;
			}
		ike_out_free(item);
	}
}

static void
carry(struct nat *n, struct ike_outbox *out)
{
	struct ike_outbox back = {0};
	struct ike_out *item;
	struct endpoint from;
	size_t i;

	while ((item = outbox_take(out)) != NULL) {
		assert_int_equal(item->kind, IKE_OUT_DATAGRAM);
		for (i = 0; i < MAPPING_LANES; i++)
			if (n->conf.local[i].port == item->dgram.local.port)
				break;
		assert_true(i < MAPPING_LANES && nat_mapping(n, i, n->net.now.ms, true));
		from = (struct endpoint){ survey_us_outside.addr, n->m[i].outside };
		if ((n->net.now.ms < n->mute_from_ms || n->net.now.ms >= n->mute_to_ms) &&
		    (n->lose_one_in == 0 || ++n->carried % n->lose_one_in != 0))
			ike_engine_datagram(n->net.peer, n->net.now, &item->dgram.remote, &from,
			    span_of(item->dgram.data, item->dgram.len), &back);
		ike_out_free(item);
		carry_back(n, &back);
	}
}

static const struct ike_mapping_result *
nat_run(struct nat *n)
{
	struct ike_outbox out = {0};
	struct fault f = {0};
	uint64_t next, was, begun = n->net.now.ms;

	n->mapping = ike_mapping_new(&n->conf, &f);
	assert_non_null(n->mapping);
	while (!machine_over(ike_mapping_machine(n->mapping))) {
		if (n->net.now.ms == begun ||
		    n->net.now.ms >= net_deadline_ms(ike_mapping_machine(n->mapping)) + n->late_ms)
			machine_timeout(ike_mapping_machine(n->mapping), n->net.now, &out);
		carry(n, &out);
		was = n->net.now.ms;
		assert_true(was - begun <= n->conf.limit_ms + 1000);
		next = net_deadline_ms(ike_mapping_machine(n->mapping));
		if (next != UINT64_MAX)
			next += n->late_ms;
		if (ike_engine_deadline(n->net.peer) < next)
			next = ike_engine_deadline(n->net.peer);
		if (next == UINT64_MAX)
			break;
		n->net.now.ms = next > was ? next : was + 1;
		n->net.now.epoch += n->net.now.ms / 1000 - was / 1000;
		ike_engine_timeout(n->net.peer, n->net.now, &out);
		if (n->asked_only)
			outbox_free(&out);
		carry_back(n, &out);
	}
	return (ike_mapping_result(n->mapping));
}

static void
is_between(const struct ike_mapping_result *r, uint64_t ms)
{
	if (r->at_least_ms > ms || r->at_most_ms < ms || r->at_least_ms == 0)
		fail_msg("%u to %u ms is not about %u ms", r->at_least_ms, r->at_most_ms, (unsigned)ms);
	if (r->at_most_ms - r->at_least_ms > 1000 &&
	    r->at_most_ms - r->at_least_ms > r->at_most_ms / 10)
		fail_msg("%u to %u ms is not near", r->at_least_ms, r->at_most_ms);
	assert_int_equal(r->why, MAPPING_FINE);
	assert_int_equal(r->unsteady_ms, 0);
}

static void
the_timeout_is_measured(void **state)
{
	static const uint64_t keep[] = { 4000, 9000, 20000, 30000, 61000, 90000 };
	const struct ike_mapping_result *r;
	struct nat n;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(keep) / sizeof(keep[0]); i++) {
		nat_init(&n, keep[i / 2]);
		n.conf.limit_ms = 600000;
		n.asked_only = i & 1;
		r = nat_run(&n);
		is_between(r, keep[i / 2]);
		assert_int_equal(r->ports, MAPPING_PORTS_CHOSEN);
		assert_true(r->elapsed_ms <= n.conf.limit_ms);
		nat_free(&n);
	}
}

static void
a_long_timeout_is_a_lower_bound(void **state)
{
	const struct ike_mapping_result *r;
	struct nat n;

	(void)state;
	nat_init(&n, 10000000);
	r = nat_run(&n);
	assert_int_equal(r->at_most_ms, 0);
	assert_true(r->at_least_ms >= 180000);
	assert_int_equal(r->why, MAPPING_FINE);
	assert_int_equal(r->ports, MAPPING_PORTS_CHOSEN);
	nat_free(&n);
}

static void
a_short_timeout_is_an_upper_bound(void **state)
{
	const struct ike_mapping_result *r;
	struct nat n;

	(void)state;
	nat_init(&n, 1000);
	r = nat_run(&n);
	assert_int_equal(r->at_least_ms, 0);
	assert_true(r->at_most_ms >= 1000 && r->at_most_ms < 4000);
	assert_int_equal(r->why, MAPPING_FINE);
	nat_free(&n);
}

/* A flow that lasts is what counts for a tunnel, not a question with its answer. */
static void
flows_are_old_before_they_fall_silent(void **state)
{
	struct nat n;

	(void)state;
	nat_init(&n, 6000);
	n.old_ms = 25000;
	is_between(nat_run(&n), 25000);
	nat_free(&n);
}

/* A busy machine keeps a young flow alive, too. */
static void
flows_become_old_though_this_end_is_late(void **state)
{
	struct nat n;

	(void)state;
	nat_init(&n, 3000);
	n.old_ms = 9000;
	n.late_ms = 1000;
	n.asked_only = true;
	is_between(nat_run(&n), 9000);
	nat_free(&n);
}

static void
silent_ports_prove_nothing(void **state)
{
	const struct ike_mapping_result *r;
	struct nat n;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		nat_init(&n, i & 1 ? 10000 : 10000000);
		n.ports = i & 2 ? NAT_SHIFTS : NAT_KEEPS;
		n.conf.limit_ms = 60000;
		n.asked_only = true;
		r = nat_run(&n);
		assert_int_equal(r->at_least_ms, 0);
		assert_int_equal(r->at_most_ms, 0);
		assert_int_equal(r->why, MAPPING_SAME_PORT);
		assert_int_equal(r->ports, i & 2 ? MAPPING_PORTS_SHIFTED : MAPPING_PORTS_KEPT);
		nat_free(&n);
	}
}

/* The peer sends message 4 again, after half a second, one, two, four, and eight for a while. */
static void
unsolicited_packets_of_the_peer_are_proof(void **state)
{
	const struct ike_mapping_result *r;
	struct nat n;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		nat_init(&n, i == 0 ? 10000 : 5000);
		n.ports = NAT_KEEPS;
		n.conf.limit_ms = 60000;
		r = nat_run(&n);
		assert_int_equal(r->why, MAPPING_FINE);
		assert_int_equal(r->ports, MAPPING_PORTS_KEPT);
		assert_in_range(r->at_least_ms, i == 0 ? 7900 : 3900, i == 0 ? 8100 : 4100);
		assert_int_equal(r->arrived_ms, r->at_least_ms);
		assert_int_equal(r->at_most_ms, 0);
		nat_free(&n);
	}
}

static void
an_unknown_address_proves_nothing(void **state)
{
	const struct ike_mapping_result *r;
	struct nat n;

	(void)state;
	nat_init(&n, 10000);
	n.conf.outside[0] = survey_us.addr;
	r = nat_run(&n);
	assert_int_equal(r->why, MAPPING_ADDRESS);
	assert_true(r->at_least_ms == 0 && r->at_most_ms == 0 && r->elapsed_ms < 10000);
	nat_free(&n);

	nat_init(&n, 10000);
	n.net.policy.natt = NATT_OFF;
	r = nat_run(&n);
	assert_int_equal(r->why, MAPPING_SILENT);
	nat_free(&n);
}

static void
a_silent_peer_is_given_up(void **state)
{
	const struct ike_mapping_result *r;
	struct nat n;

	(void)state;
	nat_init(&n, 10000);
	n.mute_to_ms = UINT64_MAX;
	r = nat_run(&n);
	assert_int_equal(r->why, MAPPING_SILENT);
	assert_true(r->refused >= MAPPING_LANES);
	nat_free(&n);
}

/* It refuses for a while, in the middle of it all: no false result, and on it goes. */
static void
a_peer_that_limits_its_answers_gets_a_pause(void **state)
{
	const struct ike_mapping_result *r;
	struct nat n;

	(void)state;
	nat_init(&n, 12000);
	n.mute_from_ms = n.net.now.ms + 3000;
	n.mute_to_ms = n.net.now.ms + 40000;
	r = nat_run(&n);
	is_between(r, 12000);
	assert_true(r->refused > 0);
	nat_free(&n);
}

static void
lost_datagrams_make_no_false_result(void **state)
{
	unsigned i;
	struct nat n;

	(void)state;
	for (i = 2; i < 6; i++) {
		nat_init(&n, 12000);
		n.lose_one_in = i;
		is_between(nat_run(&n), 12000);
		nat_free(&n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_timeout_is_measured),
		cmocka_unit_test(a_long_timeout_is_a_lower_bound),
		cmocka_unit_test(a_short_timeout_is_an_upper_bound),
		cmocka_unit_test(flows_are_old_before_they_fall_silent),
		cmocka_unit_test(flows_become_old_though_this_end_is_late),
		cmocka_unit_test(silent_ports_prove_nothing),
		cmocka_unit_test(unsolicited_packets_of_the_peer_are_proof),
		cmocka_unit_test(an_unknown_address_proves_nothing),
		cmocka_unit_test(a_silent_peer_is_given_up),
		cmocka_unit_test(a_peer_that_limits_its_answers_gets_a_pause),
		cmocka_unit_test(lost_datagrams_make_no_false_result),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
