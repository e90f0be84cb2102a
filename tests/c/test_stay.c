/*
 * The tunnel stays up: two ends in virtual time, a ping each way every 50 ms, lifetimes that differ, SAs that a
 * peer deletes, a second negotiation beside the first. No ping may be lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"
#include "sim.h"
#include "wire/isakmp.h"

#define PING_MS	50

struct pair {
	struct ike_policy	left, right;
	struct sim		sim;
	size_t			sent[2], lost[2];
	uint64_t		first_lost_ms;
};

static struct pair *
pair_new(uint64_t seed)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	sim_pair_init(&p->sim, &p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256", seed);
	return (p);
}

static void
pair_free(struct pair *p)
{
	sim_pair_free(&p->sim, &p->left, &p->right);
	free(p);
}

static void
up(struct pair *p)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&p->sim, 2000, NULL);
	assert_int_equal(ike_engine_count_children(p->sim.end[0].engine), 1);
}

/* Pings for ${ms}. */
static void
ping(struct pair *p, uint64_t ms)
{
	uint64_t end = p->sim.now.ms + ms;
	int side;

	while (p->sim.now.ms < end) {
		sim_run(&p->sim, PING_MS, NULL);
		for (side = 0; side < 2; side++) {
			p->sent[side]++;
			if (sim_passes(&p->sim, side))
				continue;
			if (p->lost[0] + p->lost[1] == 0)
				p->first_lost_ms = p->sim.now.ms;
			p->lost[side]++;
		}
	}
}

/* None was lost. */
static void
all_passed(const struct pair *p, const char *what)
{
	if (p->lost[0] + p->lost[1] > 0)
		fail_msg("%s: %zu of %zu lost from left, %zu from right, the first at %llu ms\n%s\n--- right\n%s", what,
		    p->lost[0], p->sent[0], p->lost[1], (unsigned long long)p->first_lost_ms,
		    p->sim.end[0].notes, p->sim.end[1].notes);
}

/* ${side} deletes only its IKE SA, as a second process with its record does (ike-initiate --delete). */
static void
delete_ike_only(struct pair *p, int side)
{
	struct ike_conf conf = { .policies = side == 0 ? &p->left : &p->right, .n_policies = 1 };
	struct rand_seed seed;
	struct ike_outbox out = {0};
	struct sa_rec rec = { .type = SA_IKE };
	struct ike_engine *e;
	struct fault f = {0};

	conf.rand = rand_seeded(&seed, span_str("a second process"));
	assert_int_equal(sa_ike_copy(&rec.ike, &p->sim.end[side].ike), 0);
	assert_non_null(e = ike_engine_new(&conf, &f));
	assert_int_equal(ike_engine_adopt(e, p->sim.now, &rec, conf.policies, &f), 0);
	ike_engine_shutdown(e, p->sim.now, &out);
	sim_flush(&p->sim, side, &out);
	ike_engine_free(e);
	sa_rec_wipe(&rec);
}

/* The seconds of IKE SA and child SA, left and right; which of them is announced and obeyed. */
static void
lifetimes_of_any_kind_lose_no_ping(void **state)
{
	static const struct { uint64_t ike[2], child[2]; } lives[] = {
		{ { 20, 20 }, { 8, 8 } },	/* equal */
		{ { 25, 20 }, { 8, 8 } },	/* the responder's IKE SA ends first */
		{ { 3600, 20 }, { 3600, 3600 } },	/* the field: 8 h here, 1 h there */
		{ { 20, 60 }, { 8, 8 } },	/* the initiator's IKE SA ends first */
		{ { 60, 60 }, { 10, 25 } },	/* children: the initiator's, */
		{ { 60, 60 }, { 25, 10 } },	/* the responder's */
		{ { 12, 30 }, { 25, 10 } },
		{ { 30, 12 }, { 10, 25 } },
		{ { 10, 10 }, { 5, 5 } },
	};
	struct pair *p;
	char what[80];
	size_t i;
	unsigned aggressive;

	(void)state;
	for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		for (aggressive = 0; aggressive < 2; aggressive++) {
			p = pair_new(100 + i);
			p->left.exchange = p->right.exchange = aggressive ? SA_AGGRESSIVE : SA_MAIN;
			p->left.ike_seconds = lives[i].ike[0];
			p->right.ike_seconds = lives[i].ike[1];
			p->left.esp_seconds = lives[i].child[0];
			p->right.esp_seconds = lives[i].child[1];
			up(p);
			ping(p, 120000);
			(void)snprintf(what, sizeof(what), "%s mode, IKE %llu and %llu s, child %llu and %llu s",
			    aggressive ? "aggressive" : "main", (unsigned long long)lives[i].ike[0],
			    (unsigned long long)lives[i].ike[1], (unsigned long long)lives[i].child[0],
			    (unsigned long long)lives[i].child[1]);
			all_passed(p, what);
			pair_free(p);
		}
}

/* The responder says its shorter life, and both ends hold it, in either exchange. */
static void
a_shorter_lifetime_of_the_ike_sa_is_announced_and_obeyed(void **state)
{
	struct pair *p;
	unsigned aggressive;

	(void)state;
	for (aggressive = 0; aggressive < 2; aggressive++) {
		p = pair_new(200);
		p->left.exchange = p->right.exchange = aggressive ? SA_AGGRESSIVE : SA_MAIN;
		p->right.ike_seconds = 1200;
		up(p);
		assert_int_equal(p->sim.end[1].ike.lifetime.seconds, 1200);
		assert_int_equal(p->sim.end[0].ike.lifetime.seconds, 1200);
		assert_non_null(strstr(p->sim.end[0].notes, "after 1200 s (RESPONDER-LIFETIME)"));
		ping(p, 1100000);
		assert_int_equal(p->sim.end[0].n_ike, 2);	/* rekeyed in time, by the one who heard it */
		assert_int_equal(p->sim.end[0].ike.role, SA_INITIATOR);
		all_passed(p, "a shorter life of the responder");
		pair_free(p);
	}
}

/* Drops what an initiator that does not listen would not read: RESPONDER-LIFETIME makes message 6 longer. */
static bool
deaf_to_lifetimes(struct sim *s, int from, uint8_t *data, size_t len)
{
	(void)s, (void)data, (void)len;
	return (from == 0 || data[18] != EXCHANGE_INFO);
}

/* An initiator that believes in a longer life: the responder begins a new phase 1 before it deletes its only one. */
static void
responder_rekeys_before_it_deletes(void **state)
{
	struct pair *p = pair_new(300);

	(void)state;
	/* In aggressive mode the notify is a message of its own, which the net loses. */
	p->left.exchange = p->right.exchange = SA_AGGRESSIVE;
	p->left.dpd_seconds = p->right.dpd_seconds = 0;
	p->right.ike_seconds = 60;
	p->sim.tap = deaf_to_lifetimes;
	up(p);
	assert_int_equal(p->sim.end[0].ike.lifetime.seconds, 28800);
	p->sim.tap = NULL;
	ping(p, 59000);
	assert_int_equal(p->sim.end[1].n_ike, 2);
	assert_int_equal(p->sim.end[1].ike.role, SA_INITIATOR);
	assert_null(strstr(p->sim.end[1].notes, "expired"));
	ping(p, 120000);
	all_passed(p, "an initiator that does not listen");
	assert_null(strstr(p->sim.end[0].notes, "reconnecting"));
	pair_free(p);
}

/* Only the IKE SA is deleted, by either end: the child SAs stay at both, and no message contradicts that. */
static void
ike_sa_that_is_deleted_alone_costs_no_child(void **state)
{
	struct pair *p;
	int side;

	(void)state;
	for (side = 0; side < 2; side++) {
		p = pair_new(400);
		up(p);
		delete_ike_only(p, side);
		ping(p, 10000);
		all_passed(p, "an IKE SA deleted alone");
		assert_int_equal(p->sim.end[0].n_children, 1);
		assert_true(sim_children_agree(&p->sim));
		assert_null(strstr(p->sim.end[1].notes, "INITIAL-CONTACT"));
		if (side == 1)
			assert_non_null(strstr(p->sim.end[0].notes, "its child SAs go on"));
		pair_free(p);
	}
}

/*
 * Right says RESPONDER-LIFETIME of ${n} seconds, or of another ${type}, in a message of its own, of its IKE SA or of a
 * child SA.
 */
static void
say_limit(struct pair *p, uint8_t proto, struct span spi, uint16_t type, uint32_t n)
{
	struct ike_outbox out = {0};
	uint8_t buf[32];
	struct wr w = wr_of(buf, sizeof(buf));

	isakmp_attr_put(&w, proto == PROTO_ISAKMP ? IKE_ATTR_LIFE_TYPE : IPSEC_ATTR_LIFE_TYPE, type);
	isakmp_attr_put(&w, proto == PROTO_ISAKMP ? IKE_ATTR_LIFE_DURATION : IPSEC_ATTR_LIFE_DURATION, n);
	v1_info_notify(v1_sa_of(p->sim.end[1].engine->sas), proto, NOTIFY_RESPONDER_LIFETIME, spi, wr_span(&w),
	    &out);
	sim_flush(&p->sim, 1, &out);
	sim_run(&p->sim, 100, NULL);
}

static void
say_lifetime(struct pair *p, uint8_t proto, struct span spi, uint32_t seconds)
{
	say_limit(p, proto, spi, LIFE_TYPE_SECONDS, seconds);
}

/* RESPONDER-LIFETIME of SAs that are established: the shorter life counts, the longer one does not. */
static void
later_lifetimes_are_obeyed(void **state)
{
	struct pair *p = pair_new(500);
	struct sim_end *left = &p->sim.end[0];
	uint8_t ike[16], spi[4];

	(void)state;
	up(p);
	memcpy(ike, left->ike.spi_i, 8);
	memcpy(ike + 8, left->ike.spi_r, 8);
	memcpy(spi, left->children[0].spi_out, 4);
	say_lifetime(p, PROTO_ISAKMP, SPAN_ARRAY(ike), 40000);
	assert_int_equal(left->ike.lifetime.seconds, 28800);
	say_lifetime(p, PROTO_ISAKMP, SPAN_ARRAY(ike), 100);
	assert_int_equal(left->ike.lifetime.seconds, 100);
	assert_non_null(strstr(left->notes, "ends the IKE SA after 100 s"));
	say_lifetime(p, PROTO_ESP, SPAN_ARRAY(spi), 60);
	assert_non_null(strstr(left->notes, "after 60 s (RESPONDER-LIFETIME), so this end does"));
	say_limit(p, PROTO_ESP, SPAN_ARRAY(spi), LIFE_TYPE_KILOBYTES, 5000);
	assert_non_null(strstr(left->notes, "after 5000 KB (RESPONDER-LIFETIME), so this end does"));
	assert_int_equal(left->n_limits, 1);
	assert_int_equal(left->children[0].lifetime.kilobytes, 5000);
	say_limit(p, PROTO_ESP, SPAN_ARRAY(spi), LIFE_TYPE_KILOBYTES, 6000);
	assert_non_null(strstr(left->notes, "after 6000 KB (RESPONDER-LIFETIME), not before this end"));
	assert_int_equal(left->n_limits, 1);
	ping(p, 100000);
	all_passed(p, "RESPONDER-LIFETIME later");
	assert_int_equal(left->n_child, 2);
	assert_int_equal(left->n_ike, 2);
	pair_free(p);
}

/* Works until the rekey: the responder wants PFS since then. Both ends name it, and the old SA carries on until its end. */
static void
a_rekey_that_is_refused_names_its_cause(void **state)
{
	struct pair *p = pair_new(550);
	struct sim_end *left = &p->sim.end[0], *right = &p->sim.end[1];

	(void)state;
	p->left.esp_seconds = 100;
	up(p);
	p->right.esp.p[0].group = alg_group_word("modp1024");
	sim_run(&p->sim, 95000, NULL);
	assert_int_equal(left->why.code, FAULT_NO_PROPOSAL);
	assert_int_equal(left->why.phase, PHASE_QUICK);
	assert_non_null(strstr(left->notes, "the peer accepts none of these: --esp aes128-sha256"));
	assert_int_equal(right->why.code, FAULT_PFS_MISMATCH);
	assert_non_null(strstr(right->notes, "has PFS group none where modp1024 is configured"));
	assert_true(sim_passes(&p->sim, 0) && sim_passes(&p->sim, 1));
	/* Set right in time, it was no loss. */
	p->left.esp.p[0].group = alg_group_word("modp1024");
	sim_run(&p->sim, 20000, NULL);
	assert_true(sim_passes(&p->sim, 0) && sim_passes(&p->sim, 1));
	assert_string_equal(left->children[0].group, "modp1024");
	pair_free(p);
}

/* INITIAL-CONTACT is for the first contact of a process that stays, where no other tool has the peer. */
static void
initial_contact_is_sent_only_if_it_is_true(void **state)
{
	static const struct { bool keep, others, said; } cases[] = {
		{ true, false, true }, { true, true, false }, { false, false, false },
	};
	struct ike_conf conf = { .n_policies = 1, .respond = true };
	struct pair *p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p = pair_new(600);
		up(p);
		/* A second process of the left host. */
		ike_engine_free(p->sim.end[0].engine);
		conf.policies = &p->left;
		conf.keep = cases[i].keep;
		conf.others = cases[i].others;
		conf.rand = rand_seeded(&p->sim.end[0].seed, span_str("another"));
		p->sim.end[0].engine = ike_engine_new(&conf, NULL);
		up(p);
		assert_int_equal(strstr(p->sim.end[1].notes, "INITIAL-CONTACT from the peer") != NULL, cases[i].said);
		pair_free(p);
	}
}

/* A second process of the left host: negotiates beside the first, and ends as ${how} says. */
enum ending { GOES_SILENT, DELETES };

static void
second_process(struct pair *p, struct ike_policy *policy, enum ending how, uint64_t ms)
{
	struct ike_conf conf = { .policies = policy, .n_policies = 1 };
	struct sim_end first = p->sim.end[0];
	struct ike_outbox out = {0};
	struct fault f = {0};

	conf.rand = rand_seeded(&p->sim.end[0].seed, span_str("a second process"));
	assert_non_null(p->sim.end[0].engine = ike_engine_new(&conf, &f));
	assert_int_equal(sim_connect(&p->sim, policy, true, &f), 0);
	sim_run(&p->sim, ms, NULL);
	assert_int_equal(ike_engine_count_children(p->sim.end[0].engine), 1);
	if (how == DELETES) {
		ike_engine_shutdown(p->sim.end[0].engine, p->sim.now, &out);
		sim_flush(&p->sim, 0, &out);
		sim_run(&p->sim, 10, NULL);
	}
	ike_engine_free(p->sim.end[0].engine);
	/* Its records went elsewhere. */
	p->sim.end[0].engine = first.engine;
	p->sim.end[0].seed = first.seed;
	while (p->sim.end[0].n_children > first.n_children)
		sa_child_wipe(&p->sim.end[0].children[--p->sim.end[0].n_children]);
}

/* A look beside a running tunnel deletes its own SAs: the tunnel is not affected. */
static void
a_look_that_deletes_loses_no_ping(void **state)
{
	struct pair *p = pair_new(700);

	(void)state;
	p->left.esp_seconds = p->right.esp_seconds = 600;
	up(p);
	second_process(p, &p->left, DELETES, 100);
	assert_int_equal(ike_engine_count_ike(p->sim.end[1].engine), 1);
	ping(p, 1800000);	/* rekeys, and dead peer detection by both ends */
	all_passed(p, "after a look");
	assert_null(strstr(p->sim.end[0].notes, "reconnecting"));
	assert_null(strstr(p->sim.end[1].notes, "is dead"));
	pair_free(p);
}

/* Another process of the host, with another network, goes silent: dead peer detection ends only its SAs. */
static void
a_second_process_that_dies_ends_no_sa(void **state)
{
	struct pair *p = pair_new(800);
	struct ike_policy other = p->left;

	(void)state;
	p->right.n_remote_ts = 2;
	assert_int_equal(selector_parse(&other.local_ts[0], "10.7.0.0/24"), 0);
	p->right.remote_ts[1] = other.local_ts[0];
	up(p);
	second_process(p, &other, GOES_SILENT, 1000);
	assert_int_equal(p->sim.end[1].n_children, 2);
	/* The newest record of right is of the other network: look only at those of the first. */
	sim_run(&p->sim, 300000, NULL);
	assert_int_equal(p->sim.end[1].n_children, 1);
	assert_true(sim_children_agree(&p->sim));
	assert_non_null(strstr(p->sim.end[1].notes, "is dead"));
	ping(p, 3600000);
	all_passed(p, "a second process that went silent");
	assert_null(strstr(p->sim.end[0].notes, "reconnecting"));
	pair_free(p);
}

/* Message 2 to a process that shares the IKE SA reaches this one too: it is no message 1 of the peer's. */
static void
answer_to_another_process_is_ignored(void **state)
{
	struct pair *p = pair_new(900);
	uint8_t noise[28 + 64] = {0};
	struct ike_outbox out = {0};
	struct ike_out *item;

	(void)state;
	up(p);
	memcpy(noise, p->sim.end[0].ike.spi_i, 8);
	memcpy(noise + 8, p->sim.end[0].ike.spi_r, 8);
	noise[16] = PAYLOAD_HASH;
	noise[17] = ISAKMP_VERSION_1;
	noise[18] = EXCHANGE_QUICK;
	noise[19] = ISAKMP_FLAG_ENCRYPTED;
	put_be32(noise + 20, 0x12345678);
	put_be32(noise + 24, sizeof(noise));
	ike_engine_datagram(p->sim.end[0].engine, p->sim.now, &sim_left, &sim_right, SPAN_ARRAY(noise), &out);
	while ((item = outbox_take(&out)) != NULL) {
		assert_int_equal(item->kind, IKE_OUT_NOTE);
		assert_int_equal(item->note.level, NOTE_DEBUG);
		ike_out_free(item);
	}
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifetimes_of_any_kind_lose_no_ping),
		cmocka_unit_test(a_shorter_lifetime_of_the_ike_sa_is_announced_and_obeyed),
		cmocka_unit_test(responder_rekeys_before_it_deletes),
		cmocka_unit_test(ike_sa_that_is_deleted_alone_costs_no_child),
		cmocka_unit_test(later_lifetimes_are_obeyed),
		cmocka_unit_test(a_rekey_that_is_refused_names_its_cause),
		cmocka_unit_test(a_look_that_deletes_loses_no_ping),
		cmocka_unit_test(a_second_process_that_dies_ends_no_sa),
		cmocka_unit_test(answer_to_another_process_is_ignored),
		cmocka_unit_test(initial_contact_is_sent_only_if_it_is_true),
	};

	return (cmocka_run_group_tests_name("IKE: the tunnel stays up", tests, NULL, NULL));
}
