/*
 * Authentication methods as rows: two engines with a second method beside the pre-shared key. It
 * exists only here: a "signature" that anybody who has the secret of the test can make.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/v1/auth.h"
#include "ike/v1/keys.h"
#include "sim.h"
#include "wire/isakmp.h"

#define MOCK	AUTH_RSA_SIG

static const char signed_with[] = "mock";
static bool forge;	/* the next proofs are wrong */

static int
mock_skeyid(const struct v1_auth_in *in, struct secret *out, struct fault *f)
{
	return (v1_skeyid_sig(in->hash, in->ni_b, in->nr_b, in->gxy, out, f));
}

/* The "signature" has another length than any hash. */
static int
mock_sign(const struct v1_auth_in *in, struct span hash_ir, struct bytes *out, struct fault *f)
{
	struct span parts[] = { SPAN_ARRAY(signed_with), hash_ir };
	uint8_t sig[HASH_MAX + 7] = {0};

	if (hash_parts(in->hash, sig, parts, 2, f) != 0)
		return (-1);
	return (bytes_set(out, span_of(sig, in->hash->len + 7U)));
}

static int
mock_prove(const struct v1_auth_in *in, struct span hash_ir, struct bytes *out, struct fault *f)
{
	if (mock_sign(in, hash_ir, out, f) != 0)
		return (-1);
	if (forge)
		out->p[0] ^= 1;
	return (0);
}

static int
mock_check(const struct v1_auth_in *in, struct span hash_ir, struct span proof, struct fault *f)
{
	struct bytes own = {0};
	bool good = mock_sign(in, hash_ir, &own, f) == 0 && ct_eq(bytes_span(&own), proof);

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
	    FAULT_NONE, NULL, FAULT_AUTH_FAILED },
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
	(void)secret_init();
	v1_auth_add(mock);
	forge = false;
	sim_policies(&p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256");
	p->left.exchange = p->right.exchange = exchange;
	sim_init(&p->sim, &p->left, &p->right, seed);
	p->sim.tap = count_proofs;
	p->sim.tap_arg = p;
	return (p);
}

static void
pair_free(struct pair *p)
{
	sim_free(&p->sim);
	ike_policy_wipe(&p->left);
	ike_policy_wipe(&p->right);
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
a_wrong_proof_is_what_the_method_says(void **state)
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_method_is_the_one_that_both_allow),
		cmocka_unit_test(no_common_method_is_a_proposal_mismatch),
		cmocka_unit_test(a_wrong_proof_is_what_the_method_says),
		cmocka_unit_test(a_forged_choice_does_not_stick),
	};

	return (cmocka_run_group_tests_name("auth", tests, NULL, NULL));
}
