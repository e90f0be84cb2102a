/*
 * Two gateways, one address: a gateway dies at any moment of the negotiations that follow its takeover, and the other one goes on
 * by the records that reached it until then. The peer keeps its tunnel, and does not wait for dead peer detection.
 */
#include <stdio.h>
#include <string.h>

#include "sa/set.h"
#include "two.h"

#define VRRP_MS		600	/* from the death of a gateway to the takeover */
#define GAP_MS		400	/* from the takeover to traffic in both directions, with numbers that begin anew */
#define CUTS		200	/* more datagrams than there are in ten seconds */
#define CHAINS		40
#define LATE_MAX	4096

/* The records that are on their way to the other gateway, and what those that came there amount to. */
struct late {
	uint64_t	 at_ms;
	struct sa_rec	*rec;
};

static struct {
	struct two	*t;
	struct sa_set	*set;
	struct late	 late[LATE_MAX];
	size_t		 n_late;
	uint64_t	 latency_ms;
	uint8_t		 lives;
	struct rand_seed seeds[2];
	int		 left_children, cut_at, sent;
} g;

static void
recorded(struct sim *s, const struct sa_rec *r)
{
	struct sa_rec *copy = calloc(1, sizeof(*copy));

	assert_non_null(copy);
	assert_true(g.n_late < LATE_MAX);
	assert_int_equal(sa_rec_copy(copy, r), 0);
	g.late[g.n_late++] = (struct late){ s->now.ms + g.latency_ms, copy };
}

/* The gateway has died: what had not arrived is lost. */
static void
arrive(uint64_t now_ms)
{
	for (size_t i = 0; i < g.n_late; i++) {
		if (g.late[i].at_ms <= now_ms)
			assert_int_not_equal(sa_set_apply(g.set, 0, g.late[i].rec, NULL, NULL, NULL), SA_BAD);
		sa_rec_wipe(g.late[i].rec);
		free(g.late[i].rec);
	}
	g.n_late = 0;
}

/* The gateway with random numbers of its own, as each start has them. */
static void
begin_gateway(void)
{
	struct ike_conf conf = { .policies = &g.t->right, .n_policies = 1, .respond = true, .keep = true };
	struct sim_end *right = &g.t->sim.end[1];
	struct fault f;

	g.lives++;
	conf.rand = rand_seeded(&g.seeds[g.lives % 2], span_of(&g.lives, 1));
	ike_engine_free(right->engine);
	assert_non_null(right->engine = ike_engine_new(&conf, &f));
	ike_engine_standby(right->engine);
}

/* As ike-respond --standby: first the IKE SAs, then the child SAs. */
static void
take_over(void)
{
	static const enum sa_type order[] = { SA_IKE, SA_CHILD };
	struct sim_end *right = &g.t->sim.end[1];
	const struct sa_rec *held;
	struct sa_rec rec;
	struct fault f;
	size_t at;

	(void)sa_set_expire(g.set, g.t->sim.now.epoch, NULL, NULL);
	for (size_t i = 0; i < 2; i++)
		for (at = 0; (held = sa_set_next(g.set, &at, NULL)) != NULL;) {
			if (held->type != order[i])
				continue;
			assert_int_equal(sa_rec_copy(&rec, held), 0);
			assert_int_equal(ike_engine_adopt(right->engine, g.t->sim.now, &rec, &g.t->right, &f), 0);
			sa_rec_wipe(&rec);
		}
	ike_engine_take_over(right->engine, g.t->sim.now);
}

static bool
left_has_new(struct sim *s)
{
	return (s->end[0].n_child > g.left_children && sim_passes(s, 0) && sim_passes(s, 1));
}

static bool
count(struct sim *s, int from, uint8_t *data, size_t len)
{
	(void)s, (void)from, (void)data, (void)len;
	g.sent++;
	return (true);
}

static bool
is_cut(struct sim *s)
{
	(void)s;
	return (g.sent >= g.cut_at);
}

static void
drop_all(struct sim *s)
{
	for (int i = 0; i < SIM_PACKETS; i++) {
		free(s->net[i].data);
		s->net[i] = (struct sim_packet){0};
	}
}

static struct two *
begin(uint64_t seed, uint64_t latency_ms)
{
	struct two *t = two_alloc(seed);

	g.t = t;
	g.latency_ms = latency_ms;
	assert_non_null(g.set = sa_set_new());
	t->sim.end[1].recorded = recorded;
	t->left.dpd_seconds = t->right.dpd_seconds = 5;
	t->sim.tap = count;
	two_connect(t, 3000);
	assert_int_equal(t->sim.end[0].n_child, 1);
	arrive(t->sim.now.ms);
	begin_gateway();
	take_over();
	return (t);
}

/* Left never took its peer for dead. Its notes begin anew, before their buffer is full. */
static void
left_kept_its_peer(const char *when, int n)
{
	char *notes = g.t->sim.end[0].notes;

	if (strlen(notes) + 1 >= sizeof(g.t->sim.end[0].notes))
		fail_msg("%s %d: more notes than the buffer holds", when, n);
	if (strstr(notes, "is dead") != NULL || strstr(notes, "reconnect") != NULL)
		fail_msg("%s %d, records late by %d ms: left gave its peer up", when, n, (int)g.latency_ms);
	notes[0] = '\0';
}

/* The gateway dies now, and ${outage_ms} later the other one takes over, and gets the tunnel to work soon. */
static void
die(uint64_t outage_ms, const char *when, int n)
{
	struct sim *s = &g.t->sim;
	uint64_t begun;

	begin_gateway();
	arrive(s->now.ms);
	drop_all(s);
	sim_run(s, outage_ms, NULL);
	drop_all(s);
	g.left_children = s->end[0].n_child;
	take_over();
	begun = s->now.ms;
	sim_run(s, 10000, left_has_new);
	left_kept_its_peer(when, n);
	if (s->now.ms - begun > GAP_MS)
		fail_msg("%s %d, records late by %d ms: %d ms until there is a new child SA", when, n, (int)g.latency_ms,
		    (int)(s->now.ms - begun));
}

static void
end(const char *when, int n)
{
	struct sim_end *left = &g.t->sim.end[0], *right = &g.t->sim.end[1];

	sim_run(&g.t->sim, 60000, NULL);
	left_kept_its_peer(when, n);
	/* A child SA that is not known here stays at left until it expires; nothing uses it. */
	if (!sim_passes(&g.t->sim, 0) || !sim_passes(&g.t->sim, 1) || left->n_children > (g.latency_ms > 0 ? 3 : 1) ||
	    ike_engine_count_children(right->engine) != 1)
		fail_msg("%s %d, records late by %d ms: %zu and %zu child SAs at the end", when, n, (int)g.latency_ms,
		    left->n_children, ike_engine_count_children(right->engine));
	arrive(g.t->sim.now.ms);
	sa_set_free(g.set);
	two_free(g.t);
}

/* The gateway dies after datagram ${n} since its takeover, which arrives if ${arrives}. False: there are not as many. */
static bool
dies_at(int n, bool arrives, uint64_t latency_ms)
{
	struct two *t = begin((uint64_t)n, latency_ms);
	const char *when = arrives ? "after datagram" : "before datagram";
	bool reached;

	g.sent = 0;
	g.cut_at = n;
	sim_run(&t->sim, 10000, is_cut);
	reached = is_cut(&t->sim);
	if (arrives)
		sim_run(&t->sim, 1, NULL);
	die(VRRP_MS, when, n);
	end(when, n);
	return (reached);
}

static void
a_gateway_may_die_at_any_datagram(void **state)
{
	int n;

	(void)state;
	for (uint64_t latency_ms = 0; latency_ms < 10; latency_ms += 3) {
		for (n = 0; n < CUTS && dies_at(n, true, latency_ms); n++)
			(void)dies_at(n, false, latency_ms);
		/* The child SA and the IKE SA were rekeyed, and the old ones deleted. */
		assert_in_range(n, 3 + 6 + 2, CUTS - 1);
	}
}

/* Each dies at some time up to ten seconds after its takeover, and is replaced up to six seconds later. */
static void
gateways_die_in_turn(void **state)
{
	(void)state;
	for (int n = 0; n < CHAINS; n++) {
		struct two *t = begin((uint64_t)n, (uint64_t)n % 4);
		uint64_t chance = (uint64_t)n;

		for (int i = 0; i < 20; i++) {
			chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407U;
			sim_run(&t->sim, (chance >> 33) % (i % 2 == 0 ? 3000 : 10000), NULL);
			die(VRRP_MS + (chance >> 40) % 5400, "chain", n);
		}
		end("chain", n);
	}
}

/* ---- the order of records and messages */

static int sent_before;		/* datagrams of right, before the record of its IKE SA */

static void
recorded_ike(struct sim *s, const struct sa_rec *r)
{
	if (r->type == SA_IKE)
		sent_before = s->end[1].n_sent;
}

/* Left establishes the IKE SA with message 6, the third one of right: until then there is a record of it. */
static void
the_record_comes_before_the_message(void **state)
{
	struct two *t = two_alloc(1);

	(void)state;
	sent_before = -1;
	t->sim.end[1].recorded = recorded_ike;
	two_connect(t, 1000);
	assert_int_equal(t->sim.end[0].n_child, 1);
	assert_int_equal(sent_before, 2);
	two_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gateway_may_die_at_any_datagram),
		cmocka_unit_test(gateways_die_in_turn),
		cmocka_unit_test(the_record_comes_before_the_message),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
