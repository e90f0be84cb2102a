/* Two gateways, one address: numbers and IVs of each holder of an SA, and the engine that takes SAs over. */
#include <string.h>

#include "esp/replay.h"
#include "esp/sa.h"
#include "ike/child_life.h"
#include "two.h"

/* ---- numbers */

static void
ranges_follow_one_another(void **state)
{
	uint64_t first, end, before = 1;

	(void)state;
	for (uint32_t n = 0; n <= ESP_TAKEOVERS_MAX; n++) {
		esp_sa_range(n, &first, &end);
		assert_true(first == before && end > first && end <= UINT32_MAX);
		/* What nobody ever had: no rekey within the range could come in time. */
		assert_true(end - first >= (UINT64_C(1) << 28) - 1);
		before = end;
	}
	assert_true(end == UINT32_MAX);
	esp_sa_range(ESP_TAKEOVERS_MAX + 1, &first, &end);
	assert_true(first == 0 && end == 0);
	esp_sa_range(UINT32_MAX, &first, &end);
	assert_true(first == 0 && end == 0);
}

/* The peer's window accepts what ${to} sends, wherever ${from} stopped, and then nothing of ${from} any more. */
static void
peer_follows(bool esn, uint32_t from, uint32_t to)
{
	uint64_t first, end, next, none, got, stops[4];
	struct replay r;

	esp_sa_range(from, &first, &end);
	esp_sa_range(to, &next, &none);
	stops[0] = first;
	stops[1] = first + 1000;
	stops[2] = first + (end - first) / 2;
	stops[3] = end - 1;
	for (size_t i = 0; i < 4; i++) {
		replay_init(&r, REPLAY_DEFAULT, esn);
		for (uint64_t seq = stops[i] > first + 40 ? stops[i] - 40 : first; seq <= stops[i]; seq++)
			assert_true(replay_see(&r, (uint32_t)seq, &got) && got == seq);
		/* Some are lost. */
		for (uint64_t seq = next + 3; seq < next + 3 + REPLAY_DEFAULT; seq++)
			assert_true(replay_see(&r, (uint32_t)seq, &got) && got == seq);
		for (uint64_t seq = stops[i] > first + 40 ? stops[i] - 40 : first; seq <= stops[i]; seq++)
			assert_false(replay_test(&r, (uint32_t)seq, &got) && got == seq);
	}
}

static void
peers_accept_a_takeover(void **state)
{
	(void)state;
	for (unsigned esn = 0; esn < 2; esn++)
		for (uint32_t from = 0; from < ESP_TAKEOVERS_MAX; from++)
			for (uint32_t to = from + 1; to <= ESP_TAKEOVERS_MAX; to++)
				peer_follows(esn, from, to);
}

static void
nothing_from_before_is_accepted(void **state)
{
	static const uint32_t lows[] = { 0, 1, 2, 63, 64, 1000, 0x7fffffff, 0x80000000, 0xfffffbff, 0xfffffc00,
	    0xfffffffe, 0xffffffff };
	struct replay r;
	struct esp_sa sa = { .window = &r };
	uint64_t got;

	(void)state;
	for (unsigned esn = 0; esn < 2; esn++)
		for (uint32_t window = 32; window <= REPLAY_MAX; window *= 2) {
			replay_init(&r, window, esn);
			sa.esn = esn;
			assert_true(replay_see(&r, 7, &got));
			esp_sa_refuse_all(&sa);
			for (size_t i = 0; i < sizeof(lows) / sizeof(lows[0]); i++)
				assert_false(replay_see(&r, lows[i], &got));
			/* A claim with less, read afterwards, opens nothing. */
			replay_leap(&r, 100);
			assert_false(replay_see(&r, 101, &got));
		}
}

static void
ivs_of_holders_differ(void **state)
{
	static const uint64_t starts[] = { 0, 1, UINT64_C(0x0123456789abcdef), UINT64_MAX - 1, UINT64_MAX };
	struct esp_xf xf = { .form = ALG_AEAD, .iv_len = 8 };
	uint8_t iv[8];

	(void)state;
	for (uint32_t n = 0; n <= ESP_TAKEOVERS_MAX; n++)
		for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
			xf.iv_next = starts[i];
			esp_xf_iv_range(&xf, n);
			assert_int_equal(esp_xf_iv(NULL, &xf, iv), 0);
			assert_int_equal(iv[0] >> 4, n);
			/* The last number of an SA, too: no carry leaves the range. */
			xf.iv_next += UINT32_MAX;
			assert_int_equal(esp_xf_iv(NULL, &xf, iv), 0);
			assert_int_equal(iv[0] >> 4, n);
		}
}

/* ---- the engine */

/* Right dies; another engine has its records, as the standby has that followed it. */
static struct rand_seed standby_seed;

static void
right_dies_with(struct two *t, bool has_ike)
{
	struct ike_conf conf = { .policies = &t->right, .n_policies = 1, .respond = true, .keep = true };
	struct sim_end *end = &t->sim.end[1];
	static uint8_t life;		/* each has random numbers of its own */
	struct sa_rec rec;
	struct fault f;

	life++;
	conf.rand = rand_seeded(&standby_seed, span_of(&life, 1));
	ike_engine_free(end->engine);
	assert_non_null(end->engine = ike_engine_new(&conf, &f));
	ike_engine_standby(end->engine);
	rec.type = SA_IKE;
	if (has_ike) {
		assert_int_equal(sa_ike_copy(&rec.ike, &end->ike), 0);
		assert_int_equal(ike_engine_adopt(end->engine, t->sim.now, &rec, &t->right, &f), 0);
		sa_rec_wipe(&rec);
	}
	for (size_t i = 0; i < end->n_children; i++) {
		rec.type = SA_CHILD;
		assert_int_equal(sa_child_copy(&rec.child, &end->children[i]), 0);
		assert_int_equal(ike_engine_adopt(end->engine, t->sim.now, &rec, &t->right, &f), 0);
		sa_rec_wipe(&rec);
	}
}

static void
right_dies(struct two *t)
{
	right_dies_with(t, true);
}

static void
the_standby_rekeys_what_it_takes_over(void **state)
{
	struct two *t = two_alloc(1);
	struct sim_end *left = &t->sim.end[0], *right = &t->sim.end[1];
	uint8_t old[4];
	int n;

	(void)state;
	two_connect(t, 1000);
	assert_int_equal(left->n_child, 1);
	assert_int_equal(right->n_children, 1);
	memcpy(old, right->children[0].spi_in, 4);
	right_dies(t);
	n = left->n_child;
	ike_engine_take_over(right->engine, t->sim.now);
	sim_run(&t->sim, 200, NULL);
	/* A new child SA within a fifth of a second, which both ends use; its numbers begin at 1. */
	assert_int_equal(left->n_child, n + 1);
	assert_true(sim_passes(&t->sim, 0) && sim_passes(&t->sim, 1));
	assert_memory_not_equal(right->children[right->n_children - 1].spi_in, old, 4);
	assert_memory_equal(right->children[right->n_children - 1].replaces, old, 4);
	assert_int_equal(right->children[right->n_children - 1].takeovers, 0);
	/* The old one is deleted, and the IKE SA is rekeyed soon. */
	n = left->n_ike;
	sim_run(&t->sim, 10000, NULL);
	assert_int_equal(left->n_ike, n + 1);
	assert_int_equal(left->n_children, 1);
	assert_true(sim_children_agree(&t->sim));
	assert_int_equal(left->n_gone, 1);
	two_free(t);
}

/* A gateway that dies soon after a rekey leaves the old SA, too. Its successor does not negotiate for both. */
static void
only_the_newest_is_rekeyed(void **state)
{
	struct two *t = two_alloc(4);
	struct sim_end *left = &t->sim.end[0], *right = &t->sim.end[1];
	struct ike_outbox out = {0};

	(void)state;
	two_connect(t, 1000);
	for (int i = 0; i < 3; i++) {
		ike_child_rekey(left->engine, left->engine->children, t->sim.now, &out);
		sim_flush(&t->sim, 0, &out);
		sim_run(&t->sim, 200, NULL);
	}
	assert_int_equal(left->n_child, 4);
	assert_int_equal(right->n_children, 4);
	for (int i = 1; i <= 8; i++) {
		right_dies(t);
		ike_engine_take_over(right->engine, t->sim.now);
		sim_run(&t->sim, 1000, NULL);
		assert_int_equal(left->n_child, 4 + i);
		assert_true(sim_passes(&t->sim, 0) && sim_passes(&t->sim, 1));
	}
	sim_run(&t->sim, 10000, NULL);
	assert_int_equal(right->n_children, 1);
	assert_true(sim_children_agree(&t->sim));
	two_free(t);
}

static void
the_standby_is_silent_before_and_answers_dpd_after(void **state)
{
	struct two *t = two_alloc(2);
	struct sim_end *right = &t->sim.end[1];
	int sent;

	(void)state;
	t->left.dpd_seconds = 2;
	t->left.dpd_tries = 5;
	two_connect(t, 1000);
	right_dies(t);
	ike_engine_free(right->engine);		/* one that has no SA yet */
	assert_non_null(right->engine = ike_engine_new(&(struct ike_conf){ .policies = &t->right, .n_policies = 1,
	    .respond = true, .keep = true, .rand = rand_seeded(&standby_seed, span_str("standby")) }, NULL));
	ike_engine_standby(right->engine);
	sent = right->n_sent;
	sim_run(&t->sim, 5000, NULL);
	assert_int_equal(right->n_sent, sent);
	assert_int_equal(t->sim.end[0].n_gone, 0);
	right_dies(t);
	ike_engine_take_over(right->engine, t->sim.now);
	sim_run(&t->sim, 60000, NULL);
	/* Left took it for the same peer: nothing was given up, no connection began anew. */
	assert_int_equal(t->sim.end[0].n_failed, 0);
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_null(strstr(t->sim.end[0].notes, "the peer is dead"));
	two_free(t);
}

/* In IKEv1 child SAs outlive their IKE SA, so a standby may have a child SA alone: it begins phase 1. */
static void
a_child_sa_without_an_ike_sa_is_rekeyed(void **state)
{
	struct two *t = two_alloc(5);
	struct sim_end *left = &t->sim.end[0], *right = &t->sim.end[1];
	uint8_t old[4];
	int n, ike;

	(void)state;
	two_connect(t, 1000);
	memcpy(old, right->children[0].spi_in, 4);
	n = left->n_child;
	ike = left->n_ike;
	right_dies_with(t, false);
	ike_engine_take_over(right->engine, t->sim.now);
	sim_run(&t->sim, 400, NULL);
	assert_int_equal(left->n_ike, ike + 1);
	assert_int_equal(left->n_child, n + 1);
	assert_true(sim_passes(&t->sim, 0) && sim_passes(&t->sim, 1));
	assert_memory_equal(right->children[right->n_children - 1].replaces, old, 4);
	sim_run(&t->sim, 10000, NULL);
	assert_int_equal(left->n_children, 1);
	assert_true(sim_children_agree(&t->sim));
	assert_null(strstr(left->notes, "the peer is dead"));
	two_free(t);
}

/*
 * A client in TCP, or with a login, begins by itself: the child SA ends, though this end could send with it. If it did, the client
 * would hear its peer and see no reason to begin.
 */
static void
a_child_sa_that_only_the_peer_can_rekey_ends(void **state)
{
	struct two *t = two_alloc(7);
	struct sim_end *left = &t->sim.end[0], *right = &t->sim.end[1];
	int ike;

	(void)state;
	two_connect(t, 1000);
	ike = left->n_ike;
	right_dies_with(t, false);
	right->engine->children->encap = SA_ENCAP_TCP;
	ike_engine_take_over(right->engine, t->sim.now);
	sim_run(&t->sim, 400, NULL);
	assert_int_equal(ike_engine_count_children(right->engine), 0);
	assert_int_equal(left->n_ike, ike);
	sim_run(&t->sim, 90000, NULL);
	assert_non_null(strstr(left->notes, "the peer is dead"));
	assert_int_equal(left->n_ike, ike + 1);
	assert_int_equal(left->n_children, 1);
	assert_true(sim_passes(&t->sim, 0) && sim_passes(&t->sim, 1));
	two_free(t);
}

/* The first try is lost: there is another one, one at a time. */
static void
phase_1_for_a_child_sa_is_tried_again(void **state)
{
	struct two *t = two_alloc(6);
	struct sim_end *left = &t->sim.end[0], *right = &t->sim.end[1];
	int n;

	(void)state;
	two_connect(t, 1000);
	n = left->n_child;
	right_dies_with(t, false);
	t->sim.cut = true;
	ike_engine_take_over(right->engine, t->sim.now);
	sim_run(&t->sim, 60000, NULL);
	assert_int_equal(left->n_child, n);
	assert_true(right->n_sent < 60);
	t->sim.cut = false;
	sim_run(&t->sim, 60000, NULL);
	assert_true(left->n_child > n && sim_passes(&t->sim, 0) && sim_passes(&t->sim, 1));
	two_free(t);
}

/* A peer that drops an R-U-THERE whose number is not above those before: the number leaps above any of the other machine. */
static void
dpd_numbers_leap(void **state)
{
	struct two *t = two_alloc(3);
	struct v1_sa *sa;
	uint32_t last;

	(void)state;
	two_connect(t, 1000);
	sa = two_sa(t, 1);
	last = (get_be32(sa->ike.spi_i) ^ get_be32(sa->ike.spi_r)) & 0x3fffffff;
	right_dies(t);
	ike_engine_take_over(t->sim.end[1].engine, t->sim.now);
	sa = two_sa(t, 1);
	assert_true(sa->dpd.has_seq_out);
	/* The other one's clock was up to a lap of 2^30 ticks of 10 ms ahead. */
	assert_true((int32_t)(sa->dpd.seq_out - last) >= (1 << 30));
	two_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_follow_one_another),
		cmocka_unit_test(peers_accept_a_takeover),
		cmocka_unit_test(nothing_from_before_is_accepted),
		cmocka_unit_test(ivs_of_holders_differ),
		cmocka_unit_test(the_standby_rekeys_what_it_takes_over),
		cmocka_unit_test(only_the_newest_is_rekeyed),
		cmocka_unit_test(the_standby_is_silent_before_and_answers_dpd_after),
		cmocka_unit_test(dpd_numbers_leap),
		cmocka_unit_test(a_child_sa_without_an_ike_sa_is_rekeyed),
		cmocka_unit_test(a_child_sa_that_only_the_peer_can_rekey_ends),
		cmocka_unit_test(phase_1_for_a_child_sa_is_tried_again),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
