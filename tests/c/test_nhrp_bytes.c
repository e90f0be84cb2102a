/*
 * Our ends in the place of FRR's: what each of them sends in the same situation is the same, byte for byte. Request ids, which are
 * random, are set to FRR's.
 */
#include "nhrp_net.h"

/* Both ends of FRR have a holding time of 30 s. */
static void
frr_net(bool nat)
{
	net_make(nat);
	hub.node.holding = one.node.holding = two.node.holding = 30;
	one.node.id = two.node.id = 1;
}

/* The next packet that is under way, which is taken off, is FRR's ${name}. */
static void
sends(const char *name)
{
	struct vec v = frr_packet(name);

	if (q_first == q_last)
		fail_msg("%s: nothing is sent", name);
	assert_span_eq(span_of(queue[q_first].b, queue[q_first].len), span_of(v.b, get_be16(v.b + 10)));
	q_first++;
	if (q_first == q_last)
		q_first = q_last = 0;
}

static void
gets(struct end *e, const char *name, const struct addr *from)
{
	struct vec v = frr_packet(name);

	receive(e, from, vec_span(&v));
}

static void
starts(struct end *e)
{
	struct nhrp_register_conf c = { .nhs_nbma = hub.outer, .keep = true };

	nhrp_register_start(&e->client.reg[0], &e->node, &c, now);
}

static void
registrations(void **state)
{
	(void)state;
	frr_net(false);
	starts(&one);
	sends("plain 1 ");
	starts(&two);
	sends("plain 3 ");
	gets(&hub, "plain 1 ", &one.outer);
	sends("plain 2 ");
	gets(&hub, "plain 3 ", &two.outer);
	sends("plain 4 ");
	gets(&one, "plain 2 ", &hub.outer);
	gets(&two, "plain 4 ", &hub.outer);
	/* The refresh, which names the server. */
	one.node.id = two.node.id = 3;
	now.ms += 10000;
	nhrp_client_timeout(&one.client, now);
	sends("plain 15 ");
	nhrp_client_timeout(&two.client, now);
	sends("plain 17 ");
	gets(&hub, "plain 15 ", &one.outer);
	sends("plain 16 ");
}

static void
registration_behind_a_nat(void **state)
{
	(void)state;
	frr_net(true);
	starts(&two);
	sends("nat 3 ");
	gets(&hub, "nat 3 ", &two.outer);
	sends("nat 4 ");
}

static void
indications(void **state)
{
	struct vec v = frr_packet("plain 5 ");
	struct nhrp_packet p;

	(void)state;
	frr_net(false);
	assert_int_equal(nhrp_decode(&p, vec_span(&v), NULL), 0);
	nhrp_serve_sample(hub.serve, &one.outer, &two.outer, p.inner, now);
	sends("plain 5 ");
}

static void
resolutions(void **state)
{
	(void)state;
	frr_net(false);
	gets(&hub, "plain 1 ", &one.outer);
	gets(&hub, "plain 3 ", &two.outer);
	starts(&one);
	starts(&two);
	q_first = q_last = 0;
	gets(&one, "plain 2 ", &hub.outer);
	gets(&two, "plain 4 ", &hub.outer);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
	assert_int_equal(two.client.reg[0].state.outcome, NHRP_ACCEPTED);
	one.node.id = two.node.id = 2;
	gets(&one, "plain 5 ", &hub.outer);
	sends("plain 9 ");
	gets(&two, "plain 6 ", &hub.outer);
	sends("plain 7 ");
	gets(&hub, "plain 7 ", &two.outer);
	sends("plain 8 ");
	gets(&hub, "plain 9 ", &one.outer);
	sends("plain 11 ");
	gets(&one, "plain 8 ", &hub.outer);
	sends("plain 10 ");
	gets(&two, "plain 11 ", &hub.outer);
	sends("plain 13 ");
	gets(&hub, "plain 10 ", &one.outer);
	sends("plain 12 ");
	gets(&hub, "plain 13 ", &two.outer);
	sends("plain 14 ");
	gets(&one, "plain 14 ", &hub.outer);
	assert_int_equal(one.client.n_cuts, 1);
	is(&one.client.cuts[0].b.nbma, "203.0.113.12");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registrations),
		cmocka_unit_test(registration_behind_a_nat),
		cmocka_unit_test(indications),
		cmocka_unit_test(resolutions),
	};

	return (cmocka_run_group_tests_name("nhrp-bytes", tests, NULL, NULL));
}
