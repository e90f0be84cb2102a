/*
 * Which messages of a peer change what this end believes of its address: "policy never follows what can be
 * forged". The attacker is an authenticated peer that lies about its source, or anybody on the path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim.h"
#include "wire/isakmp.h"

static const struct endpoint victim = { { 4, { 203, 0, 113, 66 }, 0 }, 500 };

struct pair {
	struct ike_policy	left, right;
	struct sim		sim;
	bool			hold;		/* left's informational messages go into ${held} */
	uint8_t			held[2048];
	size_t			held_len;
	struct endpoint		answered_to;	/* destination of right's last datagram */
};

static bool
hold_info(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct pair *p = s->tap_arg;

	if (from != 0 || !p->hold || data[18] != EXCHANGE_INFO || len > sizeof(p->held))
		return (true);
	memcpy(p->held, data, len);
	p->held_len = len;
	return (false);
}

static struct pair *
pair_new(uint64_t seed, bool nat)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)secret_init();
	sim_policies(&p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256");
	p->left.dpd_seconds = 10;
	p->right.dpd_seconds = 0;
	sim_init(&p->sim, &p->left, &p->right, seed);
	p->sim.nat = nat;
	p->sim.tap = hold_info;
	p->sim.tap_arg = p;
	return (p);
}

static void
pair_free(struct pair *p)
{
	sim_pair_free(&p->sim, &p->left, &p->right);
	free(p);
}

static void
up(struct pair *p, bool children)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, children, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&p->sim, 2000, NULL);
	assert_int_equal(p->sim.end[1].n_ike, 1);
}

/* The next R-U-THERE of left, kept from the net. */
static void
take_question(struct pair *p)
{
	p->hold = true;
	p->held_len = 0;
	while (p->held_len == 0)
		sim_run(&p->sim, 1000, NULL);
	p->hold = false;
}

/* What was kept arrives at right's ${local} as if ${from} had sent it. */
static void
arrive(struct pair *p, const struct endpoint *local, const struct endpoint *from)
{
	struct ike_outbox out = {0};
	struct ike_out *item;

	p->answered_to = (struct endpoint){0};
	ike_engine_datagram(p->sim.end[1].engine, p->sim.now, local, from,
	    span_of(p->held, p->held_len), &out);
	for (item = out.first; item != NULL; item = item->next)
		if (item->kind == IKE_OUT_DATAGRAM)
			p->answered_to = item->dgram.remote;
	sim_flush(&p->sim, 1, &out);
}

/* Left asks for a child SA with ${own} at its end, ${peer} at the other; NULL: the default. */
static void
ask_for(struct pair *p, const char *own, const char *peer)
{
	struct ike_outbox out = {0};
	struct fault f = {0};
	uint8_t id[16];

	p->left.n_local_ts = own != NULL;
	p->left.n_remote_ts = peer != NULL;
	if (own != NULL)
		assert_int_equal(selector_parse(&p->left.local_ts[0], own), 0);
	if (peer != NULL)
		assert_int_equal(selector_parse(&p->left.remote_ts[0], peer), 0);
	memcpy(id, p->sim.end[0].ike.spi_i, 8);
	memcpy(id + 8, p->sim.end[0].ike.spi_r, 8);
	assert_int_equal(ike_engine_children(p->sim.end[0].engine, p->sim.now, id, &out, &f), 0);
	sim_flush(&p->sim, 0, &out);
	sim_run(&p->sim, 2000, NULL);
}

/* A lying peer: R-U-THERE with the source of a victim, then quick mode for the victim's address. */
static void
forged_source_gives_no_selector(void **state)
{
	struct pair *p = pair_new(1, false);

	(void)state;
	up(p, false);
	take_question(p);
	arrive(p, &sim_right, &victim);
	ask_for(p, "203.0.113.66/32", NULL);
	assert_int_equal(p->sim.end[1].n_children, 0);
	assert_int_equal(p->sim.end[1].n_child, 0);
	assert_int_equal(p->sim.end[1].why.code, FAULT_TS_MISMATCH);
	ask_for(p, "192.0.2.1/32", NULL);	/* its own it may have */
	assert_int_equal(p->sim.end[1].n_child, 1);
	pair_free(p);
}

/* Somebody on the path sends a fresh message on from elsewhere. There is no NAT, so nothing moves. */
static void
a_message_from_another_source_changes_no_address(void **state)
{
	struct pair *p = pair_new(2, false);

	(void)state;
	p->right.natt = NATT_FORCE;	/* encapsulation alone is no reason either */
	up(p, false);
	take_question(p);
	arrive(p, &(struct endpoint){ sim_right.addr, 4500 }, &(struct endpoint){ victim.addr, 4500 });
	assert_true(addr_cmp(&p->answered_to.addr, &sim_left.addr) == 0);
	assert_int_equal(p->answered_to.port, 4500);
	/* The next child SA is with the peer where it is. */
	ask_for(p, NULL, NULL);
	assert_true(p->sim.end[1].n_children > 0);
	assert_true(addr_cmp(&p->sim.end[1].children[0].remote.at.addr, &sim_left.addr) == 0);
	pair_free(p);
}

/* The same for the address of this end: a message to another one of its addresses opens no selector. */
static void
other_destination_gives_no_selector(void **state)
{
	const struct endpoint inside = { { 4, { 10, 9, 9, 9 }, 0 }, 500 };
	struct pair *p = pair_new(3, false);

	(void)state;
	up(p, false);
	take_question(p);
	arrive(p, &inside, &sim_left);
	ask_for(p, NULL, "10.9.9.9/32");
	assert_int_equal(p->sim.end[1].n_child, 0);
	assert_int_equal(p->sim.end[1].why.code, FAULT_TS_MISMATCH);
	pair_free(p);
}

/* Behind a NAT the mapping is followed. The default selectors stay those of phase 1 all the same. */
static void
nat_mapping_is_followed(void **state)
{
	struct pair *p = pair_new(4, true);
	const struct endpoint natt = { sim_right.addr, 4500 }, elsewhere = { victim.addr, 41234 };

	(void)state;
	up(p, false);
	take_question(p);
	arrive(p, &natt, &elsewhere);
	assert_true(endpoint_eq(&p->answered_to, &elsewhere));
	take_question(p);	/* the peer itself: back to its mapping */
	arrive(p, &natt, &(struct endpoint){ sim_natted, 24500 });
	assert_true(endpoint_eq(&p->answered_to, &(struct endpoint){ sim_natted, 24500 }));
	take_question(p);
	arrive(p, &natt, &elsewhere);
	ask_for(p, "203.0.113.66/32", NULL);
	assert_int_equal(p->sim.end[1].n_child, 0);
	assert_int_equal(p->sim.end[1].why.code, FAULT_TS_MISMATCH);
	pair_free(p);
}

/* Behind a NAT too, a message that was held back does not move the peer: it is not the newest. */
static void
a_delayed_message_changes_no_address(void **state)
{
	struct pair *p = pair_new(5, true);
	const struct endpoint natt = { sim_right.addr, 4500 }, elsewhere = { victim.addr, 41234 };
	struct ike_outbox out = {0};
	struct ike_out *item;
	size_t n = 0;

	(void)state;
	up(p, false);
	take_question(p);
	sim_run(&p->sim, 15000, NULL);		/* the next question is answered meanwhile */
	arrive(p, &natt, &elsewhere);
	ike_engine_shutdown(p->sim.end[1].engine, p->sim.now, &out);
	while ((item = outbox_take(&out)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM) {
			n++;
			assert_true(addr_cmp(&item->dgram.remote.addr, &sim_natted) == 0);
		}
		ike_out_free(item);
	}
	assert_int_equal(n, 1);
	pair_free(p);
}

/* A peer that moves with its NAT deletes its child SAs: they are its own, wherever it is. */
static void
deletes_follow_the_peer(void **state)
{
	struct pair *p = pair_new(6, true);
	struct ike_outbox out = {0};

	(void)state;
	sim_networks(&p->left, &p->right, "10.1.0.0/24", "10.2.0.0/24");
	up(p, true);
	assert_int_equal(p->sim.end[1].n_children, 1);
	p->sim.nat_shift = 30000;
	sim_run(&p->sim, 30000, NULL);
	ike_engine_shutdown(p->sim.end[0].engine, p->sim.now, &out);
	sim_flush(&p->sim, 0, &out);
	sim_run(&p->sim, 1000, NULL);
	assert_int_equal(p->sim.end[1].n_children, 0);
	pair_free(p);
}

/* Only IKE learns the new mapping: the records move the child SAs, but only those of ESP in UDP. */
static void
idle_mapping_moves_the_children(void **state)
{
	const struct endpoint before = { sim_natted, 24500 }, after = { sim_natted, 34500 };
	struct pair *p = pair_new(7, true);
	struct sim_end *right = &p->sim.end[1];
	struct ike_outbox out = {0};
	struct sa_event ev = { .what = SA_EVENT_REMAP, .has_spi_in = true, .has_remote = true };

	(void)state;
	sim_networks(&p->left, &p->right, "10.1.0.0/24", "10.2.0.0/24");
	p->left.n_remote_ts = p->right.n_local_ts = 2;
	assert_int_equal(selector_parse(&p->left.remote_ts[1], "10.3.0.0/24"), 0);
	p->right.local_ts[1] = p->left.remote_ts[1];
	up(p, true);
	assert_int_equal(right->n_children, 2);
	assert_true(endpoint_eq(&right->children[0].remote.at, &before));
	p->sim.nat_shift = 30000;
	sim_run(&p->sim, 12000, NULL);
	assert_true(endpoint_eq(&right->children[0].remote.at, &after));
	assert_true(endpoint_eq(&right->children[1].remote.at, &after));
	/* What the data path learns moves IKE and the other child. */
	memcpy(ev.spi_in, right->children[1].spi_in, sizeof(ev.spi_in));
	ev.remote = before;
	p->sim.nat_shift = 20000;
	ike_engine_event(right->engine, p->sim.now, &ev, &out);
	sim_flush(&p->sim, 1, &out);
	assert_true(endpoint_eq(&right->children[0].remote.at, &before));
	ike_engine_shutdown(right->engine, p->sim.now, &out);
	assert_true(out.first != NULL && out.first->kind == IKE_OUT_DATAGRAM &&
	    endpoint_eq(&out.first->dgram.remote, &before));
	sim_flush(&p->sim, 1, &out);
	pair_free(p);
}

/* Without a NAT in front of the peer no report of the data path moves it either. */
static void
data_path_moves_no_peer_without_nat(void **state)
{
	struct pair *p = pair_new(8, false);
	struct sim_end *right = &p->sim.end[1];
	struct ike_outbox out = {0};
	struct sa_event ev = { .what = SA_EVENT_REMAP, .has_spi_in = true, .has_remote = true };

	(void)state;
	sim_networks(&p->left, &p->right, "10.1.0.0/24", "10.2.0.0/24");
	p->right.natt = NATT_FORCE;
	up(p, true);
	memcpy(ev.spi_in, right->children[0].spi_in, sizeof(ev.spi_in));
	ev.remote = (struct endpoint){ victim.addr, 4500 };
	ike_engine_event(right->engine, p->sim.now, &ev, &out);
	ike_engine_shutdown(right->engine, p->sim.now, &out);
	assert_true(out.first != NULL && out.first->kind == IKE_OUT_DATAGRAM &&
	    addr_cmp(&out.first->dgram.remote.addr, &sim_left.addr) == 0);
	sim_flush(&p->sim, 1, &out);
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forged_source_gives_no_selector),
		cmocka_unit_test(a_message_from_another_source_changes_no_address),
		cmocka_unit_test(other_destination_gives_no_selector),
		cmocka_unit_test(nat_mapping_is_followed),
		cmocka_unit_test(a_delayed_message_changes_no_address),
		cmocka_unit_test(deletes_follow_the_peer),
		cmocka_unit_test(idle_mapping_moves_the_children),
		cmocka_unit_test(data_path_moves_no_peer_without_nat),
	};

	return (cmocka_run_group_tests_name("IKE: the peer's address", tests, NULL, NULL));
}
