/* The IKEv1 machines, both roles, in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/alg.h"
#include "ike/engine_priv.h"
#include "sim.h"
#include "wire/vid.h"

#define IKE_DEFAULT	"aes128-sha256-modp1024"	/* quick for hundreds of runs */
#define ESP_DEFAULT	"aes128-sha256"

struct pair {
	struct ike_policy	left, right;
	struct sim		sim;
};

static struct pair *
pair_new(const char *ike, const char *esp, uint64_t seed)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	sim_pair_init(&p->sim, &p->left, &p->right, ike, esp, seed);
	return (p);
}

static void
pair_free(struct pair *p)
{
	sim_pair_free(&p->sim, &p->left, &p->right);
	free(p);
}

static void
connect_pair(struct pair *p)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
}

static void
assert_tunnel(struct pair *p)
{
	struct sim_end *l = &p->sim.end[0], *r = &p->sim.end[1];

	if (l->n_ike != 1 || r->n_ike != 1 || l->n_children != 1 || r->n_children != 1)
		fail_msg("left %d ike %zu children, right %d and %zu\n%s---\n%s%s: %s", l->n_ike,
		    l->n_children, r->n_ike, r->n_children, l->notes, r->notes,
		    l->why.where, l->why.what);
	assert_true(sim_children_agree(&p->sim));
	assert_true(ct_eq(secret_span(&l->ike.skeyid_d), secret_span(&r->ike.skeyid_d)));
	assert_true(ct_eq(secret_span(&l->ike.cipher), secret_span(&r->ike.cipher)));
	assert_memory_equal(l->ike.iv, r->ike.iv, l->ike.iv_len);
	assert_memory_equal(l->ike.spi_i, r->ike.spi_i, 8);
	assert_memory_equal(l->ike.spi_r, r->ike.spi_r, 8);
}

static void
main_mode(void **state)
{
	struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 1);

	(void)state;
	connect_pair(p);
	sim_run(&p->sim, 2000, NULL);
	assert_tunnel(p);
	/* Six messages of main mode, three of quick mode, and nothing more. */
	assert_int_equal(p->sim.end[0].n_sent, 5);
	assert_int_equal(p->sim.end[1].n_sent, 4);
	pair_free(p);
}

static void
aggressive_mode(void **state)
{
	int clear;

	(void)state;
	for (clear = 0; clear < 2; clear++) {
		struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 2);

		p->left.exchange = p->right.exchange = SA_AGGRESSIVE;
		p->left.aggressive_clear = clear;
		connect_pair(p);
		sim_run(&p->sim, 2000, NULL);
		assert_tunnel(p);
		assert_int_equal(p->sim.end[0].n_sent, 4);
		assert_int_equal(p->sim.end[1].n_sent, 2);
		pair_free(p);
	}
}

static void
perfect_forward_secrecy(void **state)
{
	struct pair *p = pair_new(IKE_DEFAULT, "aes256-sha1-modp1536", 3);

	(void)state;
	connect_pair(p);
	sim_run(&p->sim, 2000, NULL);
	assert_tunnel(p);
	assert_string_equal(p->sim.end[0].children[0].group, "modp1536");
	pair_free(p);
}

static void
each_ike_algorithm(void **state)
{
	const struct alg_enc *enc;
	const struct alg_hash *hash;
	const struct alg_group *group;
	char words[PROPOSAL_TEXT];
	size_t i, j, n = 0;

	(void)state;
	for (i = 0; (enc = alg_enc_row(i)) != NULL; i++)
		for (j = 0; enc->ike != 0 && (hash = alg_hash_row(j)) != NULL; j++, n++) {
			struct pair *p;

			(void)snprintf(words, sizeof(words), "%s-%s-ecp256", enc->word, hash->word);
			p = pair_new(words, ESP_DEFAULT, n);
			connect_pair(p);
			sim_run(&p->sim, 1000, NULL);
			assert_tunnel(p);
			assert_string_equal(p->sim.end[1].ike.encryption, enc->name);
			pair_free(p);
		}
	for (i = 0; (group = alg_group_row(i)) != NULL; i++, n++) {
		struct pair *p;

		(void)snprintf(words, sizeof(words), "aes256-sha512-%s", group->word);
		p = pair_new(words, ESP_DEFAULT, n);
		connect_pair(p);
		sim_run(&p->sim, 1000, NULL);
		assert_tunnel(p);
		pair_free(p);
	}
	print_message("%zu combinations of phase 1\n", n);
}

static void
each_esp_algorithm(void **state)
{
	const struct alg_enc *enc;
	const struct alg_integ *integ;
	char words[PROPOSAL_TEXT];
	size_t i, j, n = 0;

	(void)state;
	for (i = 0; (enc = alg_enc_row(i)) != NULL; i++)
		for (j = 0; enc->esp != 0 && (integ = alg_integ_row(j)) != NULL; j++, n++) {
			struct pair *p;

			if (enc->icv_len > 0 && j > 0)
				break;
			(void)snprintf(words, sizeof(words), enc->icv_len > 0 ? "%s" : "%s-%s",
			    enc->word, integ->word);
			p = pair_new("aes128-sha1-curve25519", words, n);
			connect_pair(p);
			sim_run(&p->sim, 1000, NULL);
			assert_tunnel(p);
			assert_string_equal(p->sim.end[1].children[0].encryption, enc->name);
			assert_int_equal(p->sim.end[0].children[0].enc_in.len,
			    enc->key_len + enc->salt_len);
			pair_free(p);
		}
	print_message("%zu combinations of phase 2\n", n);
}

static bool
both_up(struct sim *s)
{
	return (s->end[0].n_child > 0 && s->end[1].n_child > 0);
}

/* Hundreds of seeds: a third of everything lost, more of it twice or late. */
static void
through_a_bad_net(void **state)
{
	uint64_t seed;
	int mode;

	(void)state;
	for (seed = 1; seed <= 400; seed++) {
		struct pair *p = pair_new("aes128-sha1-curve25519", ESP_DEFAULT, seed);

		mode = (int)(seed % 3);
		p->left.exchange = p->right.exchange = mode == 1 ? SA_AGGRESSIVE : SA_MAIN;
		p->left.timeout_ms = p->right.timeout_ms = 120000;
		p->sim.loss = 30;
		p->sim.dup = 20;
		p->sim.reorder = 30;
		p->sim.nat = mode == 2;
		connect_pair(p);
		sim_run(&p->sim, 300000, both_up);
		if (!both_up(&p->sim))
			fail_msg("seed %llu: %s %s\n%s---\n%s", (unsigned long long)seed,
			    p->sim.end[0].why.where, p->sim.end[0].why.what,
			    p->sim.end[0].notes, p->sim.end[1].notes);
		p->sim.loss = 0;
		sim_run(&p->sim, 20000, NULL);
		if (!sim_children_agree(&p->sim) || p->sim.end[0].n_children == 0)
			fail_msg("seed %llu: children differ\n%s---\n%s", (unsigned long long)seed,
			    p->sim.end[0].notes, p->sim.end[1].notes);
		pair_free(p);
	}
}

static void
a_wrong_secret_is_reported_as_one(void **state)
{
	int aggressive;

	(void)state;
	for (aggressive = 0; aggressive < 2; aggressive++) {
		struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 5);

		p->left.exchange = p->right.exchange = aggressive ? SA_AGGRESSIVE : SA_MAIN;
		assert_int_equal(secret_set(&p->right.psk, span_str("another secret")), 0);
		connect_pair(p);
		sim_run(&p->sim, 60000, NULL);
		assert_int_equal(p->sim.end[0].n_ike, 0);
		assert_int_equal(p->sim.end[0].n_failed, 1);
		assert_int_equal(p->sim.end[0].why.code, FAULT_WRONG_PSK);
		assert_int_equal(p->sim.end[1].why.code, FAULT_WRONG_PSK);
		assert_non_null(strstr(p->sim.end[1].why.where, aggressive ? "message 2" : "message 5"));
		assert_int_equal(ike_engine_count_running(p->sim.end[1].engine), 0);
		pair_free(p);
	}
}

/* The peer answers from another of its addresses: nothing of that counts, and the fault names it. */
static bool
from_elsewhere(struct sim *s, int from, uint8_t *data, size_t len)
{
	static const struct endpoint other = { { 4, { 192, 0, 2, 77 }, 0 }, 500 };
	struct ike_outbox out = {0};

	if (from == 0)
		return (true);
	ike_engine_datagram(s->end[0].engine, s->now, &sim_left, &other, span_of(data, len), &out);
	sim_flush(s, 0, &out);
	return (false);
}

static void
an_answer_from_elsewhere_is_named(void **state)
{
	struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 10);

	(void)state;
	p->sim.tap = from_elsewhere;
	connect_pair(p);
	sim_run(&p->sim, 100000, NULL);
	assert_int_equal(p->sim.end[0].why.code, FAULT_NO_REPLY);
	assert_int_equal(p->sim.end[0].why.cause, CAUSE_ELSEWHERE);
	assert_non_null(strstr(p->sim.end[0].why.what, "answers came from 192.0.2.77:500, which is another address: dropped"));
	assert_int_equal(p->sim.end[0].n_ike, 0);
	pair_free(p);
}

static void
mismatches_name_their_cause(void **state)
{
	struct pair *p;

	(void)state;
	p = pair_new("aes128-sha256-modp1024", ESP_DEFAULT, 6);
	p->right.ike.p[0].hash = alg_hash_word("sha1");
	connect_pair(p);
	sim_run(&p->sim, 60000, NULL);
	assert_int_equal(p->sim.end[0].why.code, FAULT_NO_PROPOSAL);
	assert_int_equal(p->sim.end[1].why.code, FAULT_NO_PROPOSAL);
	assert_non_null(strstr(p->sim.end[1].notes, "sha256"));
	pair_free(p);

	p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 7);
	assert_int_equal(id_parse(&p->right.remote_id, "somebody.else", NULL), 0);
	connect_pair(p);
	sim_run(&p->sim, 60000, NULL);
	assert_int_equal(p->sim.end[1].why.code, FAULT_ID_MISMATCH);
	assert_non_null(strstr(p->sim.end[1].why.what, "left.example"));
	assert_non_null(strstr(p->sim.end[1].why.what, "somebody.else"));
	assert_int_equal(p->sim.end[0].why.code, FAULT_ID_MISMATCH);
	pair_free(p);

	p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 8);
	assert_int_equal(selector_parse(&p->right.local_ts[0], "10.9.0.0/24"), 0);
	connect_pair(p);
	sim_run(&p->sim, 60000, NULL);
	assert_int_equal(p->sim.end[0].why.code, FAULT_TS_MISMATCH);
	assert_int_equal(p->sim.end[1].why.code, FAULT_TS_MISMATCH);
	assert_non_null(strstr(p->sim.end[1].why.what, "10.9.0.0/24"));
	assert_int_equal(p->sim.end[0].n_children, 0);
	pair_free(p);

	p = pair_new(IKE_DEFAULT, "aes128-sha256-modp1024", 9);
	p->right.esp.p[0].group = NULL;
	connect_pair(p);
	sim_run(&p->sim, 60000, NULL);
	assert_int_equal(p->sim.end[0].why.code, FAULT_PFS_MISMATCH);
	assert_string_equal(p->sim.end[0].why.what, "the peer does not accept PFS with group modp1024 (ATTRIBUTES-NOT-SUPPORTED)");
	assert_non_null(strstr(p->sim.end[0].notes, "the peer accepts none of these: --esp aes128-sha256-modp1024"));
	assert_int_equal(p->sim.end[1].why.code, FAULT_PFS_MISMATCH);
	pair_free(p);

	/* No group is offered: there is no attribute to name. */
	p = pair_new(IKE_DEFAULT, "aes128-sha256-modp1024", 9);
	p->left.esp.p[0].group = NULL;
	connect_pair(p);
	sim_run(&p->sim, 60000, NULL);
	assert_int_equal(p->sim.end[0].why.code, FAULT_NO_PROPOSAL);
	assert_int_equal(p->sim.end[1].why.code, FAULT_PFS_MISMATCH);
	pair_free(p);
}

static void
a_timeout_is_reported(void **state)
{
	struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 10);

	(void)state;
	p->sim.cut = true;
	connect_pair(p);
	sim_run(&p->sim, 100000, NULL);
	assert_int_equal(p->sim.end[0].why.code, FAULT_NO_REPLY);
	assert_non_null(strstr(p->sim.end[0].why.what, "192.0.2.2:500"));
	/* 0.5, 1, 2, 4, 8, 8 s apart until 30 s are over */
	assert_int_equal(p->sim.end[0].n_sent, 7);
	pair_free(p);
}

static void
natt_floats(void **state)
{
	static const struct { enum vid_kind kind; const char *word; uint16_t port; } versions[] = {
		{ VID_NATT_RFC3947, "rfc3947", 4500 }, { VID_NATT_DRAFT_03, "draft-03", 4500 },
		{ VID_NATT_DRAFT_02, "draft-02", 4500 }, { VID_NATT_DRAFT_02_N, "draft-02", 4500 },
		{ VID_NATT_DRAFT_00, "draft-00", 500 },
	};
	size_t i;
	int aggressive;

	(void)state;
	for (i = 0; i < 2 * sizeof(versions) / sizeof(versions[0]); i++) {
		struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 20 + i);
		size_t v = i / 2;

		aggressive = i % 2;
		p->left.exchange = p->right.exchange = aggressive ? SA_AGGRESSIVE : SA_MAIN;
		p->left.natt_versions = 1U << versions[v].kind;
		p->sim.nat = true;
		connect_pair(p);
		sim_run(&p->sim, 5000, NULL);
		assert_tunnel(p);
		assert_true(p->sim.end[0].ike.natt.local_nat);
		assert_false(p->sim.end[0].ike.natt.remote_nat);
		assert_true(p->sim.end[1].ike.natt.remote_nat);
		assert_false(p->sim.end[1].ike.natt.local_nat);
		assert_string_equal(p->sim.end[0].ike.natt.version, versions[v].word);
		assert_int_equal(p->sim.end[0].ike.remote.at.port, versions[v].port);
		assert_int_equal(p->sim.end[1].ike.remote.at.port, versions[v].port + 20000);
		assert_int_equal(p->sim.end[0].children[0].encap,
		    versions[v].port == 4500 ? SA_ENCAP_UDP : SA_ENCAP_UDP_DRAFT);
		pair_free(p);
	}
}

static void
rekeys_before_the_end(void **state)
{
	struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 30);
	int i;

	(void)state;
	p->left.ike_seconds = p->right.ike_seconds = 600;
	p->left.esp_seconds = p->right.esp_seconds = 120;
	connect_pair(p);
	for (i = 0; i < 400; i++) {
		sim_run(&p->sim, 5000, NULL);
		assert_true(p->sim.end[0].n_children >= 1 && p->sim.end[0].n_children <= 2);
		assert_true(sim_children_agree(&p->sim));
	}
	/* 2000 s: some 18 lives of a child, 3 of an IKE SA */
	assert_true(p->sim.end[0].n_child >= 17);
	assert_true(p->sim.end[0].n_ike >= 3);
	assert_int_equal(p->sim.end[0].n_failed + p->sim.end[1].n_failed, 0);
	pair_free(p);
}

/* The wall clock is only for records: setting it, by hours or from 1970, ends no SA and puts no rekey off. */
static void
a_clock_that_is_set_changes_nothing(void **state)
{
	static const int64_t jumps[] = { 7200, -7200, 400 * 86400, -1600000000 };
	struct pair *p;
	size_t i;
	int n;

	(void)state;
	for (i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 300 + i);
		p->left.ike_seconds = p->right.ike_seconds = 600;
		p->left.esp_seconds = p->right.esp_seconds = 120;
		connect_pair(p);
		sim_run(&p->sim, 30000, NULL);
		assert_tunnel(p);
		p->sim.now.epoch = (uint64_t)((int64_t)p->sim.now.epoch + jumps[i]);
		sim_run(&p->sim, 60000, NULL);		/* before the first rekey is due */
		assert_int_equal(p->sim.end[0].n_child, 1);
		assert_int_equal(p->sim.end[0].n_children, 1);
		for (n = 0; n < 100; n++) {
			sim_run(&p->sim, 5000, NULL);
			assert_true(p->sim.end[0].n_children >= 1 && p->sim.end[0].n_children <= 2);
		}
		assert_true(p->sim.end[0].n_child >= 5);
		assert_int_equal(p->sim.end[0].n_failed + p->sim.end[1].n_failed, 0);
		pair_free(p);
	}
}

/* Suspended for longer than any lifetime: after resuming, the tunnel is up again within seconds. */
static void
a_suspend_past_the_lifetimes_is_followed_by_a_rekey(void **state)
{
	struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 310);
	int had;

	(void)state;
	connect_pair(p);
	sim_run(&p->sim, 5000, NULL);
	assert_tunnel(p);
	had = p->sim.end[0].n_child;
	p->sim.now.ms += (uint64_t)10 * 3600 * 1000;
	p->sim.now.epoch += (uint64_t)10 * 3600;
	sim_run(&p->sim, 5000, NULL);
	assert_true(p->sim.end[0].n_child > had);
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_true(sim_children_agree(&p->sim));
	pair_free(p);
}

static void
a_dead_peer_is_detected_and_the_initiator_reconnects(void **state)
{
	struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 31);

	(void)state;
	p->left.dpd_seconds = 10;
	connect_pair(p);
	sim_run(&p->sim, 60000, NULL);
	assert_tunnel(p);
	assert_int_equal(p->sim.end[0].n_gone, 0);
	p->sim.cut = true;
	sim_run(&p->sim, 40000, NULL);
	assert_int_equal(p->sim.end[0].n_gone, 1);
	assert_int_equal(p->sim.end[0].n_children, 0);
	p->sim.cut = false;
	sim_run(&p->sim, 120000, NULL);
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_true(sim_children_agree(&p->sim));
	pair_free(p);
}

/* The wait that the first reconnect set up must not delay the second. */
static void
a_peer_that_deletes_all_twice_is_called_again_soon_each_time(void **state)
{
	struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 311);
	struct ike_engine *right = p->sim.end[1].engine;
	struct ike_outbox out = {0};
	int i;

	(void)state;
	connect_pair(p);
	sim_run(&p->sim, 5000, NULL);
	assert_tunnel(p);
	for (i = 0; i < 3; i++) {
		ike_engine_shutdown(right, p->sim.now, &out);
		right->conf.respond = true;	/* it was started again */
		sim_flush(&p->sim, 1, &out);
		sim_run(&p->sim, 500, NULL);
		assert_int_equal(p->sim.end[0].n_children, 0);
		sim_run(&p->sim, 6000, NULL);
		assert_int_equal(p->sim.end[0].n_children, 1);
		assert_true(sim_children_agree(&p->sim));
	}
	pair_free(p);
}

static void
shutdown_sends_deletes(void **state)
{
	struct pair *p = pair_new(IKE_DEFAULT, ESP_DEFAULT, 32);
	struct ike_outbox out = {0};

	(void)state;
	connect_pair(p);
	sim_run(&p->sim, 5000, NULL);
	assert_tunnel(p);
	ike_engine_shutdown(p->sim.end[0].engine, p->sim.now, &out);
	sim_flush(&p->sim, 0, &out);
	assert_int_equal(p->sim.end[0].n_children, 0);
	sim_run(&p->sim, 1000, NULL);
	assert_int_equal(p->sim.end[1].n_children, 0);
	assert_int_equal(p->sim.end[1].n_gone, 1);
	assert_int_equal(ike_engine_count_ike(p->sim.end[0].engine), 0);
	assert_int_equal(ike_engine_count_ike(p->sim.end[1].engine), 0);
	/* ESP without UDP has no port to be named. */
	assert_non_null(strstr(p->sim.end[1].notes, "192.0.2.1: child SA "));
	assert_null(strstr(p->sim.end[1].notes, ":0: "));
	pair_free(p);
}

/* Flips a bit of every datagram in turn: the SAs are established nevertheless. */
static bool
flip(struct sim *s, int from, uint8_t *data, size_t len)
{
	unsigned *n = s->tap_arg;

	(void)from;
	if (++*n % 2 == 0)
		data[(*n * 7919U) % len] ^= (uint8_t)(1U << *n % 8);
	return (true);
}

static void
corruption_changes_nothing(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 200; seed++) {
		struct pair *p = pair_new("aes128-sha1-curve25519", ESP_DEFAULT, 1000 + seed);
		unsigned n = (unsigned)seed;

		p->left.timeout_ms = p->right.timeout_ms = 60000;
		p->sim.tap = flip;
		p->sim.tap_arg = &n;
		connect_pair(p);
		sim_run(&p->sim, 20000, NULL);
		if (p->sim.end[0].n_child > 0 && p->sim.end[1].n_child > 0)
			assert_true(p->sim.end[0].n_children >= 1);
		assert_true(p->sim.end[0].n_child <= 2);
		pair_free(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(main_mode),
		cmocka_unit_test(aggressive_mode),
		cmocka_unit_test(perfect_forward_secrecy),
		cmocka_unit_test(each_ike_algorithm),
		cmocka_unit_test(each_esp_algorithm),
		cmocka_unit_test(through_a_bad_net),
		cmocka_unit_test(a_wrong_secret_is_reported_as_one),
		cmocka_unit_test(an_answer_from_elsewhere_is_named),
		cmocka_unit_test(mismatches_name_their_cause),
		cmocka_unit_test(a_timeout_is_reported),
		cmocka_unit_test(natt_floats),
		cmocka_unit_test(rekeys_before_the_end),
		cmocka_unit_test(a_clock_that_is_set_changes_nothing),
		cmocka_unit_test(a_suspend_past_the_lifetimes_is_followed_by_a_rekey),
		cmocka_unit_test(a_dead_peer_is_detected_and_the_initiator_reconnects),
		cmocka_unit_test(a_peer_that_deletes_all_twice_is_called_again_soon_each_time),
		cmocka_unit_test(shutdown_sends_deletes),
		cmocka_unit_test(corruption_changes_nothing),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
