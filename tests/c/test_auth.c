/*
 * Authentication methods as rows: two engines with a second method beside the pre-shared key. It
 * exists only here: a "signature" that anybody who has the secret of the test can make.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/v1base/auth.h"
#include "ike/engine_priv.h"
#include "ike/v1run/exchange.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1/sa_events.h"
#include "ike/v1base/keys.h"
#include "sim.h"
#include "wire/isakmp.h"

#define MOCK		AUTH_RSA_SIG
#define MOCK_XAUTH	AUTH_XAUTH_INIT_RSA

static const char signed_with[] = "mock";
static bool forge;	/* the next proofs are wrong */

/* Which steps of the mock answer later, a bit each; the secret then comes with the answer. */
enum { LATER_SKEYID = 1, LATER_PROVE = 2, LATER_CHECK = 4 };
static unsigned later;
static unsigned n_keys, n_proofs, n_checks;	/* times that a step came to its end */

static int
mock_skeyid(const struct v1_auth_in *in, struct secret *out, struct fault *f)
{
	if ((later & LATER_SKEYID) != 0 && in->answer == NULL)
		return (ike_later(f, "mock: key"));
	n_keys++;
	return (v1_skeyid_sig(in->hash, in->ni_b, in->nr_b, in->gxy, out, f));
}

/* The "signature" has another length than any hash. */
static int
mock_sign(const struct v1_auth_in *in, struct span hash_ir, struct bytes *out, struct fault *f)
{
	struct span key = in->answer != NULL ? in->answer->data : span_str(signed_with);
	struct span parts[] = { key, hash_ir };
	uint8_t sig[HASH_MAX + 7] = {0};

	if (hash_parts(in->hash, sig, parts, 2, f) != 0)
		return (-1);
	return (bytes_set(out, span_of(sig, in->hash->len + 7U)));
}

static int
mock_prove(const struct v1_auth_in *in, struct span hash_ir, struct bytes *out, struct fault *f)
{
	if ((later & LATER_PROVE) != 0 && in->answer == NULL)
		return (ike_later(f, "mock: sign"));
	if (in->answer != NULL && in->answer->no)
		return (fault(f, FAULT_AUTH_FAILED, "the smartcard does not sign"));
	if (mock_sign(in, hash_ir, out, f) != 0)
		return (-1);
	n_proofs++;
	if (forge)
		out->p[0] ^= 1;
	return (0);
}

static int
mock_check(const struct v1_auth_in *in, struct span hash_ir, struct span proof, struct fault *f)
{
	struct bytes own = {0};
	bool good;

	if ((later & LATER_CHECK) != 0 && in->answer == NULL)
		return (ike_later(f, "mock: check"));
	good = (in->answer == NULL || !in->answer->no) && mock_sign(in, hash_ir, &own, f) == 0 &&
	    ct_eq(bytes_span(&own), proof);
	n_checks++;
	bytes_free(&own);
	return (good ? 0 : fault(f, FAULT_AUTH_FAILED, "the signature is not the peer's"));
}

static bool
mock_ready(const struct ike_policy *p)
{
	(void)p;
	return (true);
}

static bool
mock_same_key(const struct ike_policy *a, const struct ike_policy *b)
{
	(void)a;
	(void)b;
	return (true);
}

static const struct v1_auth mock[] = {
	{ MOCK, "mock", PAYLOAD_SIG, V1_AUTH_THEN_QUICK,
	    mock_skeyid, mock_prove, mock_check, mock_ready, mock_same_key,
	    FAULT_NONE, NULL, FAULT_AUTH_FAILED, SIGN_NONE, NULL, false },
	{ MOCK_XAUTH, "xauth-mock", PAYLOAD_SIG, V1_AUTH_THEN_XAUTH,
	    mock_skeyid, mock_prove, mock_check, mock_ready, mock_same_key,
	    FAULT_NONE, NULL, FAULT_AUTH_FAILED, SIGN_NONE, NULL, false },
	{ .number = 0 },
};

struct pair {
	struct ike_policy	left, right;
	struct sim		sim;
	unsigned		sigs, hashes;	/* messages in clear with such a payload */
};

/* Counts the proofs that are sent in clear: aggressive mode's second message. */
static bool
count_proofs(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct pair *p = s->tap_arg;
	struct isakmp_msg m;
	struct fault f;
	size_t i;

	(void)from;
	if (isakmp_hdr_get(&m.hdr, span_of(data, len), &f) != 0 ||
	    (m.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0)
		return (true);
	m.raw = span_of(data, len);
	assert_int_equal(isakmp_chain_get(&m, span_of(data + ISAKMP_HDR_LEN, len - ISAKMP_HDR_LEN),
	    false, &f), 0);
	for (i = 0; i < m.n; i++) {
		p->sigs += m.pl[i].type == PAYLOAD_SIG;
		p->hashes += m.pl[i].type == PAYLOAD_HASH;
	}
	return (true);
}

static void
allow(struct ike_policy *p, uint16_t first, uint16_t second)
{
	p->n_auths = second != 0 ? 2 : 1;
	p->auths[0] = first;
	p->auths[1] = second;
}

static struct pair *
pair_new(uint64_t seed, enum sa_exchange exchange)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	v1_auth_add(mock);
	forge = false;
	later = n_keys = n_proofs = n_checks = 0;
	sim_pair_init(&p->sim, &p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256", seed);
	p->left.exchange = p->right.exchange = exchange;
	p->sim.tap = count_proofs;
	p->sim.tap_arg = p;
	return (p);
}

static void
pair_free(struct pair *p)
{
	sim_pair_free(&p->sim, &p->left, &p->right);
	free(p);
	v1_auth_add(NULL);
}

static void
connect_pair(struct pair *p)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&p->sim, 5000, NULL);
}

static void
the_method_is_the_one_that_both_allow(void **state)
{
	static const struct { uint16_t left[2], right[2]; const char *word; } t[] = {
		{ { AUTH_PSK, 0 }, { AUTH_PSK, 0 }, "psk" },
		{ { MOCK, 0 }, { MOCK, 0 }, "mock" },
		{ { MOCK, AUTH_PSK }, { AUTH_PSK, 0 }, "psk" },
		{ { MOCK, AUTH_PSK }, { MOCK, 0 }, "mock" },
		{ { AUTH_PSK, 0 }, { MOCK, AUTH_PSK }, "psk" },
		/* Where both are possible, the responder's order counts. */
		{ { AUTH_PSK, MOCK }, { MOCK, AUTH_PSK }, "mock" },
		{ { MOCK, AUTH_PSK }, { AUTH_PSK, MOCK }, "psk" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(t) / sizeof(t[0]); i++) {
		bool aggressive = i % 2, is_mock = strcmp(t[i / 2].word, "mock") == 0;
		struct pair *p = pair_new(i, aggressive ? SA_AGGRESSIVE : SA_MAIN);

		allow(&p->left, t[i / 2].left[0], t[i / 2].left[1]);
		allow(&p->right, t[i / 2].right[0], t[i / 2].right[1]);
		connect_pair(p);
		if (p->sim.end[0].n_ike != 1 || !sim_children_agree(&p->sim) ||
		    p->sim.end[0].n_children != 1)
			fail_msg("%zu: %s%s", i, p->sim.end[0].notes, p->sim.end[1].notes);
		assert_string_equal(p->sim.end[0].ike.auth, t[i / 2].word);
		assert_string_equal(p->sim.end[1].ike.auth, t[i / 2].word);
		assert_int_equal(p->sigs, aggressive && is_mock);
		assert_int_equal(p->hashes, aggressive && !is_mock);
		pair_free(p);
	}
}

static void
no_common_method_is_a_proposal_mismatch(void **state)
{
	struct pair *p = pair_new(1, SA_MAIN);

	(void)state;
	allow(&p->left, MOCK, 0);
	connect_pair(p);
	assert_int_equal(p->sim.end[1].why.code, FAULT_NO_PROPOSAL);
	assert_non_null(strstr(p->sim.end[1].why.what,
	    "authentication RSA-SIG where PSK is configured"));
	pair_free(p);
}

static void
a_wrong_proof_gives_the_fault_of_the_method(void **state)
{
	static const enum sa_exchange exchange[] = { SA_MAIN, SA_AGGRESSIVE };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct pair *p = pair_new(1, exchange[i]);

		allow(&p->left, MOCK, 0);
		allow(&p->right, MOCK, 0);
		forge = true;
		connect_pair(p);
		assert_int_equal(p->sim.end[0].n_ike + p->sim.end[1].n_ike, 0);
		/* The pre-shared keys, which differ as well as not, are not suspected. */
		assert_int_equal(p->sim.end[0].why.code, FAULT_AUTH_FAILED);
		pair_free(p);
	}
}

/* Aggressive mode: the message that names the method may be forged, and the next one is good. */
static bool
forge_choice(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct pair *p = s->tap_arg;
	struct ike_outbox out = {0};
	struct isakmp_msg m = {0};
	uint8_t *copy;
	struct fault f;
	size_t i;

	if (from != 1 || len < 20 || data[18] != EXCHANGE_AGGRESSIVE || p->sigs++ > 0)
		return (true);
	/* The same message with the other method in the SA payload comes first. */
	assert_non_null(copy = malloc(len));
	memcpy(copy, data, len);
	assert_int_equal(isakmp_hdr_get(&m.hdr, span_of(copy, len), &f), 0);
	assert_int_equal(isakmp_chain_get(&m, span_of(copy + ISAKMP_HDR_LEN, len - ISAKMP_HDR_LEN),
	    false, &f), 0);
	assert_int_equal(m.pl[0].type, PAYLOAD_SA);
	for (i = (size_t)(m.pl[0].body.p - copy); i + 3 < len; i++)
		if (copy[i] == 0x80 && copy[i + 1] == IKE_ATTR_AUTH && copy[i + 2] == 0 &&
		    copy[i + 3] == AUTH_PSK) {
			copy[i + 3] = MOCK;
			break;
		}
	assert_true(i + 3 < len);
	ike_engine_datagram(s->end[0].engine, s->now, &sim_left, &sim_right, span_of(copy, len), &out);
	sim_flush(s, 0, &out);
	free(copy);
	return (true);
}

static void
a_forged_choice_does_not_stick(void **state)
{
	struct pair *p = pair_new(1, SA_AGGRESSIVE);

	(void)state;
	allow(&p->left, MOCK, AUTH_PSK);
	p->sim.tap = forge_choice;
	connect_pair(p);
	assert_non_null(strstr(p->sim.end[0].notes, "no SIG payload"));
	assert_int_equal(p->sim.end[0].n_ike, 1);
	assert_string_equal(p->sim.end[0].ike.auth, "psk");
	assert_true(sim_children_agree(&p->sim));
	pair_free(p);
}

/* --- answers that come later --- */

static bool
anybody_asks(struct sim *s)
{
	return (s->end[0].asks || s->end[1].asks);
}

static bool
answer(struct pair *p, int side, bool no)
{
	struct sim_end *e = &p->sim.end[side];
	struct ike_outbox out = {0};
	struct ike_answer a = { .no = no, .data = span_str(signed_with) };
	bool waited = ike_engine_answer(e->engine, p->sim.now, e->ask_id, e->ask_mid, &a, &out);

	e->asks = false;
	sim_flush(&p->sim, side, &out);
	return (waited);
}

/* Begins; answers each question ${after_ms} after it was asked, until nothing happens in ${ms}. */
static unsigned
connect_answering(struct pair *p, uint64_t after_ms, uint64_t ms)
{
	struct fault f = {0};
	unsigned n = 0;
	int side;

	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
	for (;;) {
		sim_run(&p->sim, ms, anybody_asks);
		if (!anybody_asks(&p->sim))
			return (n);
		sim_run(&p->sim, after_ms, NULL);
		for (side = 0; side < 2; side++)
			if (p->sim.end[side].asks)
				n += answer(p, side, false);
	}
}

static void
assert_tunnel(struct pair *p)
{
	struct sim_end *l = &p->sim.end[0], *r = &p->sim.end[1];

	if (l->n_ike != 1 || r->n_ike != 1 || l->n_children != 1 || !sim_children_agree(&p->sim))
		fail_msg("left %d ike %zu children, right %d and %zu\n%s---\n%s%s: %s", l->n_ike,
		    l->n_children, r->n_ike, r->n_children, l->notes, r->notes,
		    l->why.where, l->why.what);
}

static void
a_step_may_wait_for_an_answer(void **state)
{
	static const struct { unsigned later, questions; } t[] = {
		{ LATER_PROVE, 2 }, { LATER_CHECK, 2 }, { LATER_SKEYID, 2 },
		{ LATER_PROVE | LATER_CHECK, 4 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(t) / sizeof(t[0]); i++) {
		struct pair *p = pair_new(i, i % 2 ? SA_AGGRESSIVE : SA_MAIN);

		allow(&p->left, MOCK, 0);
		allow(&p->right, MOCK, 0);
		later = t[i / 2].later;
		p->left.timeout_ms = p->right.timeout_ms = 60000;
		assert_int_equal(connect_answering(p, 20000, 10000), t[i / 2].questions);
		assert_tunnel(p);
		assert_int_equal(n_proofs, 2);
		assert_int_equal(n_checks, 2);
		/* In aggressive mode the initiator makes keys each time it handles the message. */
		assert_int_equal(n_keys, 2 + (i % 2 && (later & LATER_CHECK) != 0));
		pair_free(p);
	}
}

/* While an end waits it sends nothing, though the other end retransmits. */
static void
retransmissions_are_absorbed_while_a_step_waits(void **state)
{
	struct pair *p = pair_new(1, SA_MAIN);
	struct fault f = {0};
	int sent;

	(void)state;
	allow(&p->left, MOCK, 0);
	allow(&p->right, MOCK, 0);
	p->left.timeout_ms = 60000;
	later = LATER_CHECK;
	assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
	sim_run(&p->sim, 1000, anybody_asks);
	assert_true(p->sim.end[1].asks);	/* the responder has message 5 */
	sent = p->sim.end[1].n_sent;
	sim_run(&p->sim, 20000, NULL);
	assert_true(p->sim.end[0].n_sent >= 3 + 4);
	assert_int_equal(p->sim.end[1].n_sent, sent);
	assert_true(answer(p, 1, false));
	assert_false(answer(p, 1, false));	/* only once */
	sim_run(&p->sim, 100, anybody_asks);
	assert_true(p->sim.end[0].asks);
	assert_true(answer(p, 0, false));
	sim_run(&p->sim, 1000, NULL);
	assert_tunnel(p);
	pair_free(p);
}

static void
packet_loss_does_not_stop_an_answer(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 60; seed++) {
		struct pair *p = pair_new(100 + seed, seed % 2 ? SA_AGGRESSIVE : SA_MAIN);

		allow(&p->left, MOCK, AUTH_PSK);
		allow(&p->right, MOCK, AUTH_PSK);
		p->left.timeout_ms = p->right.timeout_ms = 120000;
		p->left.dpd_seconds = p->right.dpd_seconds = 0;
		p->sim.loss = 20;
		p->sim.dup = 20;
		p->sim.reorder = 20;
		p->sim.nat = seed % 3 == 0;
		later = LATER_PROVE | LATER_CHECK;
		if (connect_answering(p, 3000, 100000) != 4)
			fail_msg("seed %u\n%s---\n%s", (unsigned)seed, p->sim.end[0].notes,
			    p->sim.end[1].notes);
		if (p->sim.end[0].n_children < 1 || !sim_children_agree(&p->sim))
			fail_msg("seed %u\n%s---\n%s", (unsigned)seed, p->sim.end[0].notes,
			    p->sim.end[1].notes);
		assert_int_equal(n_proofs, 2);
		assert_int_equal(n_checks, 2);
		pair_free(p);
	}
}

static void
no_answer_ends_the_exchange_in_time(void **state)
{
	struct pair *p = pair_new(1, SA_MAIN);
	struct fault f = {0};

	(void)state;
	allow(&p->left, MOCK, 0);
	allow(&p->right, MOCK, 0);
	p->left.answer_ms = 40000;
	later = LATER_PROVE;
	assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
	sim_run(&p->sim, 39000, NULL);
	assert_int_equal(p->sim.end[0].n_failed, 0);
	sim_run(&p->sim, 2000, NULL);
	assert_int_equal(p->sim.end[0].n_failed, 1);
	assert_string_equal(p->sim.end[0].why.what, "no answer to \"mock: sign\" in 40 s");
	assert_false(answer(p, 0, false));
	pair_free(p);
}

static void
a_refusal_fails_the_proof(void **state)
{
	static const struct { unsigned later; int side; } t[] = {
		{ LATER_PROVE, 0 }, { LATER_CHECK, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct pair *p = pair_new(1, SA_MAIN);
		struct fault f = {0};

		allow(&p->left, MOCK, 0);
		allow(&p->right, MOCK, 0);
		later = t[i].later;
		assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
		sim_run(&p->sim, 1000, anybody_asks);
		assert_true(p->sim.end[t[i].side].asks);
		assert_true(answer(p, t[i].side, true));
		sim_run(&p->sim, 20000, NULL);
		assert_int_equal(p->sim.end[t[i].side].n_failed, 1);
		assert_int_equal(p->sim.end[t[i].side].why.code, FAULT_AUTH_FAILED);
		assert_int_equal(p->sim.end[0].n_ike + p->sim.end[1].n_ike, 0);
		pair_free(p);
	}
}

/* --- what follows phase 1 --- */

static struct v1_sa *
sa_of(struct pair *p, int side)
{
	struct v1_sa *sa = v1_sa_of(p->sim.end[side].engine->sas);

	assert_non_null(sa);
	assert_null(sa->ike.next);
	return (sa);
}

static void
xauth_ended(struct pair *p, int side)
{
	struct ike_outbox out = {0};

	v1_sa_up(sa_of(p, side), p->sim.now, &out);
	ike_engine_settle(p->sim.end[side].engine);
	sim_flush(&p->sim, side, &out);
}

static void
no_quick_mode_before_the_end_of_xauth(void **state)
{
	struct pair *p = pair_new(1, SA_MAIN);
	struct ike_outbox out = {0};
	struct fault f = {0};
	uint8_t id[16];
	int side;

	(void)state;
	allow(&p->left, MOCK_XAUTH, 0);
	allow(&p->right, MOCK_XAUTH, 0);
	connect_pair(p);
	for (side = 0; side < 2; side++) {
		assert_int_equal(sa_of(p, side)->ike.state, IKE_SA_AUTHENTICATING);
		assert_int_equal(p->sim.end[side].n_ike, 0);
		assert_null(sa_of(p, side)->exchanges->next);	/* phase 1 alone */
	}
	v1_sa_id(sa_of(p, 0), id);
	assert_int_equal(ike_engine_children(p->sim.end[0].engine, p->sim.now, id, &out, &f), -1);
	assert_int_equal(f.code, FAULT_NO_IKE_SA);
	/* An initiator that does not wait is not answered ... */
	xauth_ended(p, 0);
	sim_run(&p->sim, 3000, NULL);
	assert_int_equal(p->sim.end[0].n_ike, 1);
	assert_int_equal(p->sim.end[0].n_children + p->sim.end[1].n_children, 0);
	assert_non_null(strstr(p->sim.end[1].notes, "quick mode before the end of XAuth"));
	/* ... until the responder has finished, too. */
	xauth_ended(p, 1);
	sim_run(&p->sim, 10000, NULL);
	assert_tunnel(p);
	assert_string_equal(p->sim.end[1].ike.auth, "xauth-mock");
	pair_free(p);
}

static void
xauth_has_a_time_limit(void **state)
{
	struct pair *p = pair_new(1, SA_AGGRESSIVE);

	(void)state;
	allow(&p->left, MOCK_XAUTH, 0);
	allow(&p->right, MOCK_XAUTH, 0);
	p->left.answer_ms = p->right.answer_ms = 60000;
	connect_pair(p);
	sim_run(&p->sim, 50000, NULL);
	assert_int_equal(p->sim.end[0].n_failed + p->sim.end[1].n_failed, 0);
	sim_run(&p->sim, 10000, NULL);
	assert_int_equal(p->sim.end[0].n_failed, 1);
	assert_int_equal(p->sim.end[1].n_failed, 1);
	assert_string_equal(p->sim.end[0].why.what, "XAuth did not end within 60 s");
	assert_null(p->sim.end[0].engine->sas);
	assert_null(p->sim.end[1].engine->sas);
	pair_free(p);
}

static void
only_a_user_begins_phase_1_of_xauth(void **state)
{
	struct ike_policy p;

	(void)state;
	ike_policy_default(&p);
	assert_int_equal(secret_set(&p.psk, span_str("secret")), 0);
	p.n_auths = 1;
	p.auths[0] = AUTH_PSK;
	assert_true(v1_auth_ready(&p));
	p.auths[0] = AUTH_XAUTH_INIT_PSK;
	assert_false(v1_auth_ready(&p));
	(void)snprintf(p.xauth_user, sizeof(p.xauth_user), "alice");
	assert_true(v1_auth_ready(&p));
	ike_policy_wipe(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_method_is_the_one_that_both_allow),
		cmocka_unit_test(no_common_method_is_a_proposal_mismatch),
		cmocka_unit_test(a_wrong_proof_gives_the_fault_of_the_method),
		cmocka_unit_test(a_forged_choice_does_not_stick),
		cmocka_unit_test(a_step_may_wait_for_an_answer),
		cmocka_unit_test(retransmissions_are_absorbed_while_a_step_waits),
		cmocka_unit_test(packet_loss_does_not_stop_an_answer),
		cmocka_unit_test(no_answer_ends_the_exchange_in_time),
		cmocka_unit_test(a_refusal_fails_the_proof),
		cmocka_unit_test(no_quick_mode_before_the_end_of_xauth),
		cmocka_unit_test(xauth_has_a_time_limit),
		cmocka_unit_test(only_a_user_begins_phase_1_of_xauth),
	};

	return (cmocka_run_group_tests_name("auth", tests, NULL, NULL));
}
