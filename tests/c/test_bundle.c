/* Bundles of ESP and AH between two engines: one half of a bundle that is refused, deleted or missing ends, or fails, both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/child.h"
#include "ike/engine_priv.h"
#include "ike/v1base/sa_payload_p2.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"
#include "two.h"

static struct two *
two_new(void)
{
	struct two *t = two_alloc(5);
	struct fault f;

	assert_int_equal(ah_proposals_parse(&t->left.ah, "sha256", &f), 0);
	assert_int_equal(ah_proposals_parse(&t->right.ah, "sha256", &f), 0);
	two_connect(t, 2000);
	return (t);
}

static const struct ike_child *
child_of(const struct two *t, int side)
{
	const struct ike_child *c = t->sim.end[side].engine->children;

	assert_non_null(c);
	assert_true(c->ah.on);
	assert_null(c->next);
	return (c);
}

static void
assert_none_left(const struct two *t)
{
	assert_null(t->sim.end[0].engine->children);
	assert_null(t->sim.end[1].engine->children);
	/* an sa-delete for each record, ESP's and AH's */
	assert_int_equal(t->sim.end[0].n_children, 0);
	assert_int_equal(t->sim.end[1].n_children, 0);
}

/* The data path names the record that it refused: that of ESP or that of AH. */
static void
either_record_may_be_refused(void **state)
{
	struct sa_event ev;
	struct ike_outbox out;
	struct two *t;
	int half;

	(void)state;
	for (half = 0; half < 2; half++) {
		t = two_new();
		ev = (struct sa_event){ .what = SA_EVENT_REFUSED, .has_spi_in = true };
		memcpy(ev.spi_in, half == 0 ? child_of(t, 0)->spi_in : child_of(t, 0)->ah.spi_in, sizeof(ev.spi_in));
		(void)snprintf(ev.source, sizeof(ev.source), "esp-tun");
		(void)snprintf(ev.text, sizeof(ev.text), "no claim");
		out = (struct ike_outbox){0};
		ike_engine_event(t->sim.end[0].engine, t->sim.now, &ev, &out);
		sim_flush(&t->sim, 0, &out);
		sim_run(&t->sim, 500, NULL);
		assert_non_null(strstr(t->sim.end[0].notes, "because esp-tun refused it: no claim"));
		assert_none_left(t);
		two_free(t);
	}
}

/* The peer deletes the SPI of one half: the other half carries nothing without it. */
static void
either_half_may_be_deleted(void **state)
{
	const struct ike_child *c;
	struct ike_outbox out;
	struct two *t;
	int half;

	(void)state;
	for (half = 0; half < 2; half++) {
		t = two_new();
		c = child_of(t, 1);
		out = (struct ike_outbox){0};
		v1_info_delete(v1_sa_of(t->sim.end[1].engine->sas), half == 0 ? PROTO_ESP : PROTO_AH,
		    half == 0 ? SPAN_ARRAY(c->spi_in) : SPAN_ARRAY(c->ah.spi_in), &out);
		sim_flush(&t->sim, 1, &out);
		sim_run(&t->sim, 500, NULL);
		assert_null(t->sim.end[0].engine->children);
		assert_int_equal(t->sim.end[0].n_children, 0);
		two_free(t);
	}
}

/* AH's SPI under ESP's protocol number, and the other way round, are SPIs of nothing. */
static void
halves_are_not_mixed_up(void **state)
{
	const struct ike_child *c;
	struct ike_outbox out;
	struct two *t = two_new();
	int half;

	(void)state;
	c = child_of(t, 1);
	for (half = 0; half < 2; half++) {
		out = (struct ike_outbox){0};
		v1_info_delete(v1_sa_of(t->sim.end[1].engine->sas), half == 0 ? PROTO_AH : PROTO_ESP,
		    half == 0 ? SPAN_ARRAY(c->spi_in) : SPAN_ARRAY(c->ah.spi_in), &out);
		sim_flush(&t->sim, 1, &out);
		sim_run(&t->sim, 500, NULL);
	}
	(void)child_of(t, 0);
	two_free(t);
}

/* The peer chooses one of the two proposals. */
static void
one_half_is_no_answer(void **state)
{
	static const uint8_t spis[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const uint16_t encap = ENCAP_TUNNEL;
	struct ike_policy i = sim_policy("x", "a.example", "b.example", "aes128-sha256-curve25519", "aes128-sha256");
	struct ike_policy r = sim_policy("x", "b.example", "a.example", "aes128-sha256-curve25519", "aes128-sha256");
	uint8_t offer[1024], answer[1024];
	struct wr o = wr_of(offer, sizeof(offer)), a = wr_of(answer, sizeof(answer));
	struct p2_choice c;
	struct fault f;

	(void)state;
	p2_offer(&o, &i, spis, encap, NULL);
	assert_int_equal(p2_choose(&c, wr_span(&o), &r, &encap, 1, 0, spis, &a, &f), 0);
	assert_int_equal(ah_proposals_parse(&i.ah, "sha256", &f), 0);
	assert_int_equal(p2_accept(&c, wr_span(&a), &i, encap, NULL, &f), -1);
	assert_int_equal(f.code, FAULT_PROTOCOL);
	assert_string_equal(f.what, "the peer chose 1 proposals with 1 transforms instead of a bundle of ESP and AH");
	ike_policy_wipe(&i);
	ike_policy_wipe(&r);
}

static int
setup(void **state)
{
	(void)state;
	return (secret_init());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_record_may_be_refused),
		cmocka_unit_test(either_half_may_be_deleted),
		cmocka_unit_test(halves_are_not_mixed_up),
		cmocka_unit_test(one_half_is_no_answer),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
