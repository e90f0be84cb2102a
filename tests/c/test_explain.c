/* What explain/ yields of negotiations between two machines: values, comparisons, counts; and what stays bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "explain/check.h"
#include "explain/goals.h"
#include "explain/check.h"
#include "explain/walk.h"
#include "sim.h"

#define SEEN	64
#define PSK	"a shared secret"

static struct {
	size_t		n;
	struct v1_seen	d[SEEN];
	uint8_t		*data[SEEN];
} tape;

static struct sa_set *state;	/* the record of the initiator */
static struct calc given;
static struct steps no_steps;

static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct v1_seen *d = &tape.d[tape.n];

	(void)s;
	assert_true(tape.n < SEEN);
	tape.data[tape.n] = malloc(len);
	assert_non_null(tape.data[tape.n]);
	memcpy(tape.data[tape.n], data, len);
	d->data = span_of(tape.data[tape.n], len);
	d->number = ++tape.n;
	d->src = from == 0 ? sim_left : sim_right;
	d->dst = from == 0 ? sim_right : sim_left;
	return (true);
}

/* A negotiation with one child onto the tape. */
static void
record(enum sa_exchange exchange)
{
	static struct sim sim;
	struct ike_policy l = sim_policy(PSK, "left.example", "right.example", "aes128-sha256-modp1024",
	    "aes128-sha256-modp1024");
	struct ike_policy r = sim_policy(PSK, "right.example", "left.example", "aes128-sha256-modp1024",
	    "aes128-sha256-modp1024");
	struct sa_rec rec = { .type = SA_IKE };
	struct fault f;

	l.exchange = r.exchange = exchange;
	sim_init(&sim, &l, &r, 3);
	sim.tap = tap;
	assert_int_equal(sim_connect(&sim, &l, true, &f), 0);
	sim_run(&sim, 3000, NULL);
	assert_int_equal(sim.end[1].n_children, 1);
	assert_int_equal(sa_ike_copy(&rec.ike, &sim.end[0].ike), 0);
	assert_int_equal(sa_set_apply(state, 0, &rec, NULL, NULL, &f), SA_DONE);
	sa_rec_wipe(&rec);
	sim_free(&sim);
	ike_policy_wipe(&l);
	ike_policy_wipe(&r);
}

static int
set_up(void **unused)
{
	(void)unused;
	given = (struct calc){ .sub = SUB_WALK, .steps = &no_steps };
	return ((state = sa_set_new()) != NULL ? 0 : -1);
}

static int
tear_down(void **unused)
{
	(void)unused;
	sa_set_free(state);
	calc_wipe(&given);
	while (tape.n > 0)
		free(tape.data[--tape.n]);
	return (0);
}

/* --- the walk --- */

/* What the callback saw. */
static struct {
	size_t	messages;
	char	names[SEEN][2048];	/* of each message's values, blanks between; those compared: with = or # */
} saw;

static int
look(void *arg, const struct walk_message *m, struct fault *f)
{
	char *out = saw.names[saw.messages++];
	size_t i, j, len = 0;

	(void)arg;
	(void)f;
	assert_true(saw.messages <= SEEN);
	assert_ptr_equal(m->seen->data.p, tape.d[saw.messages - 1].data.p);
	out[0] = '\0';
	for (i = 0; i < m->values->n; i++) {
		const struct step *s = &m->values->v[i];

		assert_true(s->missing[0] != '\0' || (s->formula != NULL && s->out.len > 0));
		assert_true(i == 0 || s->number == s[-1].number + 1);
		for (j = 0; j < s->n; j++)
			assert_true(s->in[j].from < s->number);	/* inputs come before */
		len += (size_t)snprintf(out + len, sizeof(saw.names[0]) - len, " %s%s", s->name,
		    s->missing[0] != '\0' ? "?" : "");
		for (j = 0; j < s->n_held; j++)
			len += (size_t)snprintf(out + len, sizeof(saw.names[0]) - len, "%s",
			    s->held[j].same ? "=" : "#");
	}
	return (0);
}

static struct walk_sums
walk(const struct sa_set *keys)
{
	const struct walk_given g = { .values = &given, .state = keys };
	struct walk *w = walk_new(&g);
	struct walk_sums sums;
	struct fault f;
	size_t i;

	assert_non_null(w);
	memset(&saw, 0, sizeof(saw));
	for (i = 0; i < tape.n; i++)
		assert_int_equal(walk_datagram(w, &tape.d[i], look, NULL, &f), 0);
	sums = *walk_sums(w);
	walk_free(w);
	return (sums);
}

static void
holds(size_t message, const char *name)
{
	char padded[128];

	(void)snprintf(padded, sizeof(padded), " %s", name);
	if (strstr(saw.names[message - 1], padded) == NULL)
		fail_msg("message %zu: no %s in%s", message, name, saw.names[message - 1]);
}

static void
main_mode_with_state(void **unused)
{
	struct walk_sums s;
	struct fault f;

	(void)unused;
	record(SA_MAIN);
	assert_int_equal(calc_set(&given, V_PSK, span_str(PSK), &f), 0);
	s = walk(state);
	assert_int_equal(s.messages, tape.n);
	assert_int_equal(s.differ, 0);
	assert_int_equal(s.other, 0);
	assert_true(s.same >= 8);
	holds(1, "CKY-I");
	holds(1, "SAi_b");
	holds(3, "g^xi");
	holds(3, "NAT-D=");
	holds(4, "g^xr");
	holds(4, "g^xy?");	/* nobody keeps it */
	holds(4, "SKEYID=");	/* computed, and compared with the state */
	holds(4, "SKEYID_d");
	holds(4, "Ka");
	holds(5, "IV");
	holds(5, "plaintext");
	holds(5, "HASH_I=");
	holds(6, "HASH_R=");
	holds(6, "last block=");	/* the state's IV */
	holds(7, "HASH(1)=");
	holds(8, "HASH(2)=");
	holds(8, "KEYMAT");
	holds(9, "HASH(3)=");
	assert_string_equal(s.differing, "");
	assert_non_null(strstr(s.unknowns, "g^xy"));
}

/* With another key SKEYID differs from the state's, and message 5 cannot be decrypted. */
static void
wrong_psk(void **unused)
{
	struct walk_sums s;
	struct fault f;

	(void)unused;
	record(SA_MAIN);
	assert_int_equal(calc_set(&given, V_PSK, span_str("another"), &f), 0);
	s = walk(state);
	assert_true(s.differ > 0);
	holds(4, "SKEYID#");
	assert_non_null(strstr(s.differing, "SKEYID of frame 4"));
}

/* Nothing known: the values in clear, and what the others need. */
static void
without_keys(void **unused)
{
	struct walk_sums s;

	(void)unused;
	record(SA_MAIN);
	s = walk(NULL);
	assert_int_equal(s.messages, tape.n);
	assert_int_equal(s.differ, 0);
	holds(4, "SKEYID?");
	holds(5, "IV");
	holds(5, "plaintext?");
	assert_non_null(strstr(s.unknowns, "plaintext"));
}

static int
count(void *arg, const struct walk_message *m, struct fault *f)
{
	(void)m;
	(void)f;
	++*(int *)arg;
	return (0);
}

/* A capture with one source address is explained as the one with both, and nothing differs because of a guess. */
static void
one_direction(void **unused)
{
	struct walk_sums both, one;
	const struct walk_given g = { .values = &given, .state = state };
	struct walk *w;
	struct fault f;
	size_t from, i;
	int called = 0;

	(void)unused;
	record(SA_MAIN);
	assert_int_equal(calc_set(&given, V_PSK, span_str(PSK), &f), 0);
	both = walk(state);
	for (i = 1; i < tape.n; i++) {
		tape.d[i].src = tape.d[0].src;
		tape.d[i].dst = tape.d[0].dst;
	}
	one = walk(state);
	assert_int_equal(one.differ, 0);
	assert_int_equal(one.same, both.same);
	assert_int_equal(one.unknown, both.unknown);
	for (from = 1; from < tape.n; from++) {
		w = walk_new(&g);
		assert_non_null(w);
		for (i = from; i < tape.n; i++)
			assert_int_equal(walk_datagram(w, &tape.d[i], count, &called, &f), 0);
		if (walk_sums(w)->differ > 0)
			fail_msg("from message %zu: %s", from + 1, walk_sums(w)->differing);
		walk_free(w);
	}
}

static void
one_cookie_alone(void **unused)
{
	struct walk_sums s;
	struct fault f;

	(void)unused;
	record(SA_MAIN);
	assert_int_equal(calc_set(&given, V_CKY_I, span_of("nobody's", 8), &f), 0);
	s = walk(state);
	assert_int_equal(s.messages, 0);
	assert_int_equal(saw.messages, 0);
}

static int
refuse(void *arg, const struct walk_message *m, struct fault *f)
{
	(void)m;
	++*(int *)arg;
	return (fault(f, FAULT_SYSTEM, "no more"));
}

static void
callback_ends_it(void **unused)
{
	const struct walk_given g = { .values = &given, .state = state };
	struct walk *w = walk_new(&g);
	struct fault f = {0};
	int called = 0;

	(void)unused;
	record(SA_AGGRESSIVE);
	assert_int_equal(walk_datagram(w, &tape.d[0], refuse, &called, &f), -1);
	assert_int_equal(f.code, FAULT_SYSTEM);
	assert_int_equal(called, 1);
	walk_free(w);
}

/* More IKE SAs than are kept, then the first one again: each is explained. */
static void
more_than_kept(void **unused)
{
	const struct walk_given g = { .values = &given };
	struct walk *w = walk_new(&g);
	struct v1_seen in;
	struct fault f;
	int called = 0, i;

	(void)unused;
	record(SA_MAIN);
	in = tape.d[0];
	for (i = 0; i < 2500; i++) {
		put_be32(tape.data[0], 1 + (uint32_t)i % 2400);
		in.number = (uint64_t)i + 1;
		assert_int_equal(walk_datagram(w, &in, count, &called, &f), 0);
	}
	assert_int_equal(called, 2500);
	walk_free(w);
}

/* --- check --- */

/* A phase 1 that ends after message 1, then a whole one: the verdict is about the second, and the first is reported. */
static void
check_skips_what_cannot_be_checked(void **unused)
{
	const struct fault *why;
	struct check *k = check_new(SPAN_NONE);
	struct calc c = { .sub = SUB_CHECK, .steps = &no_steps };
	struct fault f = {0};
	size_t i;

	(void)unused;
	record(SA_AGGRESSIVE);
	assert_int_equal(calc_set(&c, V_PSK, span_str(PSK), &f), 0);
	tape.data[0][0] ^= 1;
	assert_int_equal(check_datagram(k, &tape.d[0], &f), 0);
	tape.data[0][0] ^= 1;
	assert_int_equal(check_end(k, &c, &f), -1);
	assert_int_equal(f.code, FAULT_TRUNCATED);
	check_free(k);
	k = check_new(SPAN_NONE);
	tape.data[0][0] ^= 1;
	assert_int_equal(check_datagram(k, &tape.d[0], &f), 0);
	tape.data[0][0] ^= 1;
	for (i = 0; i < tape.n; i++)
		assert_int_equal(check_datagram(k, &tape.d[i], &f), 0);
	assert_int_equal(check_end(k, &c, &f), 0);
	assert_int_equal(check_skipped(k, &why), 1);
	assert_int_equal(why->code, FAULT_TRUNCATED);
	check_free(k);
	calc_wipe(&c);
}

/* --- what trace/ keeps for its caller --- */

static unsigned freed_sas, freed_exchanges;

static void
free_sa(void *beside)
{
	freed_sas++;
	free(beside);
}

static void
free_exchange(void *beside)
{
	freed_exchanges++;
	free(beside);
}

static void
beside(void **unused)
{
	struct v1_trace *t = v1_trace_new(NULL);
	struct v1_told m;
	struct fault f;
	unsigned sas = 0, exchanges = 0;
	size_t i;

	(void)unused;
	freed_sas = freed_exchanges = 0;
	assert_non_null(t);
	v1_trace_beside(t, free_sa, free_exchange);
	record(SA_MAIN);
	assert_false(v1_trace_shed(t));
	for (i = 0; i < tape.n; i++) {
		assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
		assert_non_null(m.beside_sa);
		assert_non_null(m.beside_exchange);
		if (*m.beside_sa == NULL)
			*m.beside_sa = malloc(1), sas++;
		if (*m.beside_exchange == NULL)
			*m.beside_exchange = malloc(1), exchanges++;
	}
	assert_int_equal(sas, 1);
	assert_true(exchanges >= 2);	/* main mode and quick mode */
	assert_int_equal(v1_trace_take(t, &tape.d[0], &m, &f), 0);
	assert_null(m.beside_sa);	/* a retransmission */

	/* all exchanges of the latest IKE SA but the latest one, and then none */
	for (i = 0; v1_trace_shed(t); i++)
		;
	assert_int_equal(i, exchanges - 1);
	assert_int_equal(freed_exchanges, exchanges - 1);
	assert_int_equal(freed_sas, 0);

	/* another IKE SA: now the first one goes as a whole */
	put_be32(tape.data[0], 0x12345678);
	assert_int_equal(v1_trace_take(t, &tape.d[0], &m, &f), 0);
	assert_null(*m.beside_sa);
	assert_true(v1_trace_shed(t));
	assert_int_equal(freed_sas, 1);
	assert_int_equal(freed_exchanges, exchanges);
	assert_false(v1_trace_shed(t));
	*m.beside_sa = malloc(1);
	v1_trace_free(t);
	assert_int_equal(freed_sas, 2);
}

/* --- the key of a phase 1 --- */

static enum fault_code
check(const char *psk, size_t messages)
{
	struct check *k = check_new(SPAN_NONE);
	struct calc c = { .sub = SUB_CHECK };
	struct steps steps = {0};
	struct fault f = {0};
	size_t i;
	int rc;

	c.steps = &steps;
	assert_non_null(k);
	for (i = 0; i < messages; i++)
		assert_int_equal(check_datagram(k, &tape.d[i], &f), 0);
	assert_int_equal(calc_set(&c, V_PSK, span_str(psk), &f), 0);
	rc = check_end(k, &c, &f);
	assert_int_equal(rc, f.code == FAULT_NONE ? 0 : -1);
	check_free(k);
	calc_wipe(&c);
	steps_clear(&steps);
	return (f.code);
}

static void
check_aggressive(void **unused)
{
	(void)unused;
	record(SA_AGGRESSIVE);
	assert_int_equal(check(PSK, 2), FAULT_NONE);
	assert_int_equal(check(PSK, tape.n), FAULT_NONE);
	assert_int_equal(check("another", tape.n), FAULT_WRONG_PSK);
	assert_int_equal(check(PSK, 1), FAULT_TRUNCATED);
	assert_int_equal(check(PSK, 0), FAULT_TRUNCATED);
}

/* Main mode needs g^xy or a private value too. */
static void
check_main(void **unused)
{
	(void)unused;
	record(SA_MAIN);
	assert_int_equal(check(PSK, tape.n), FAULT_USAGE);
	assert_int_equal(check(PSK, 4), FAULT_TRUNCATED);
}

/* --- the calculator --- */

/* All that is missing is named at once; a computed input is a step before its user. */
static void
calculator(void **unused)
{
	struct steps steps = {0};
	struct calc c = { .sub = SUB_SKEYID, .hash = alg_hash_word("sha1"), .steps = &steps };
	struct fault f = {0};

	(void)unused;
	assert_int_equal(calc_set(&c, V_PSK, span_str(PSK), &f), 0);
	assert_int_equal(calc_run(&c, &f), -1);
	assert_int_equal(f.code, FAULT_USAGE);
	assert_non_null(strstr(f.what, "--ni, --nr"));
	assert_non_null(strstr(f.what, "--gxy"));
	assert_int_equal(steps.n, 0);
	c.missing[0] = '\0';
	assert_int_equal(calc_set(&c, V_NI, span_of("nonce of i", 10), &f), 0);
	assert_int_equal(calc_set(&c, V_NR, span_of("nonce of r", 10), &f), 0);
	assert_int_equal(calc_set(&c, V_GXY, span_of("shared", 6), &f), 0);
	assert_int_equal(calc_set(&c, V_CKY_I, span_of("initiato", 8), &f), 0);
	assert_int_equal(calc_set(&c, V_CKY_R, span_of("responde", 8), &f), 0);
	assert_int_equal(calc_run(&c, &f), 0);
	assert_int_equal(c.n_results, 4);
	assert_int_equal(steps.n, 4);
	assert_string_equal(steps.v[0].formula, "prf(pre-shared-key, Ni_b | Nr_b)");
	assert_string_equal(steps.v[1].in[0].name, "SKEYID");
	assert_int_equal(steps.v[1].in[0].from, steps.v[0].number);
	assert_int_equal(calc_set(&c, V_CKY_I, span_of("short", 5), &f), -1);
	assert_int_equal(f.code, FAULT_USAGE);
	calc_wipe(&c);
	steps_clear(&steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(main_mode_with_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_psk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_direction, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_cookie_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(check_skips_what_cannot_be_checked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(callback_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_than_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(beside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(check_aggressive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(check_main, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calculator, set_up, tear_down),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
