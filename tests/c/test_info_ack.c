/* The acknowledged informational exchange: what is answered, and what it proves. The initiator is made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "forge.h"
#include "ike/engine_priv.h"
#include "ike/v1run/exchange.h"
#include "ike/v1run/ike_sa.h"
#include "sim.h"

static const uint8_t ni[20] = { 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9 };

struct two {
	struct sim	  sim;
	struct ike_policy left, right;
	uint8_t		  answer[FORGE_MAX];	/* right's last message of the exchange */
	size_t		  len;
	unsigned	  n;
};

static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct two *t = s->tap_arg;

	if (from != 1 || data[18] != EXCHANGE_ACK_INFO)
		return (true);
	assert_true(len <= sizeof(t->answer));
	memcpy(t->answer, data, len);
	t->len = len;
	t->n++;
	return (true);
}

static struct two *
two_new(void)
{
	struct two *t = calloc(1, sizeof(*t));
	struct fault f;

	assert_non_null(t);
	sim_pair_init(&t->sim, &t->left, &t->right, "aes128-sha256-curve25519", "aes128-sha256", 5);
	t->sim.tap = tap;
	t->sim.tap_arg = t;
	assert_int_equal(sim_connect(&t->sim, &t->left, true, &f), 0);
	sim_run(&t->sim, 2000, NULL);
	assert_int_equal(t->sim.end[1].n_children, 1);
	return (t);
}

static void
two_free(struct two *t)
{
	sim_pair_free(&t->sim, &t->left, &t->right);
	free(t);
}

/* A delete of left's child, with and without a nonce, in ${buf}: a wrong hash, or in clear, as ${spoil} and ${clear} say. */
static struct span
message(const struct two *t, uint8_t *buf, uint32_t mid, struct span nonce, bool spoil, bool clear)
{
	static uint8_t d[12] = { 0, 0, 0, 1, PROTO_ESP, 4, 0, 1 };
	const struct forged list[] = { { PAYLOAD_NONCE, nonce }, { PAYLOAD_D, SPAN_ARRAY(d) }, { 0, SPAN_NONE } };
	const struct forged bare[] = { { PAYLOAD_D, SPAN_ARRAY(d) }, { 0, SPAN_NONE } };
	const struct sa_ike *ike = &t->sim.end[1].ike;

	memcpy(d + 8, t->sim.end[1].children[0].spi_out, 4);
	return (clear ? forge_clear(buf, ike->spi_i, ike->spi_r, EXCHANGE_ACK_INFO, mid, list) :
	    forge_keyed(buf, ike, EXCHANGE_ACK_INFO, mid, nonce.len > 0 ? list : bare, spoil));
}

static void
put(struct two *t, const struct endpoint *from, struct span m)
{
	struct ike_outbox out = {0};

	ike_engine_datagram(t->sim.end[1].engine, t->sim.now, &sim_right, from, m, &out);
	sim_flush(&t->sim, 1, &out);
}

/* Right's answer, opened with left's keys: HASH(2) over left's nonce, the chain of IVs from the question. */
static void
assert_answers(struct two *t, struct span question)
{
	struct v1_sa *sa = v1_sa_of(t->sim.end[0].engine->sas);
	const struct v1_message_keys k = v1_sa_message_keys(sa);
	struct isakmp_msg m = { .raw = span_of(t->answer, t->len) };
	uint8_t iv[BLOCK_MAX], plain[FORGE_MAX];
	struct isakmp_delete d;
	struct fault f;

	memcpy(iv, question.p + question.len - k.enc->block, k.enc->block);
	assert_int_equal(isakmp_hdr_get(&m.hdr, m.raw, &f), 0);
	assert_int_equal(m.hdr.mid, get_be32(question.p + 20));
	assert_int_equal(v1_message_open(&k, iv, &m, plain, &f), V1_OPENED);
	assert_int_equal(v1_message_hash_verify(&k, &(const struct v1_hash_n){ .n = 2, .ni_b = SPAN_ARRAY(ni) }, &m, &f), 0);
	assert_int_equal(m.n, 3);
	assert_int_equal(m.pl[1].type, PAYLOAD_NONCE);
	assert_int_equal(m.pl[2].type, PAYLOAD_D);
	assert_int_equal(isakmp_delete_get(&d, m.pl[2].body, &f), 0);
}

static void
it_is_answered_and_obeyed(void **state)
{
	static uint8_t buf[FORGE_MAX];
	struct two *t = two_new();
	struct span q = message(t, buf, 77, SPAN_ARRAY(ni), false, false);

	(void)state;
	put(t, &sim_left, q);
	assert_int_equal(t->n, 1);
	assert_answers(t, q);
	assert_int_equal(t->sim.end[1].n_children, 0);
	/* Its answer was lost: it comes again, and is answered in moderation, from the peer's endpoint alone. */
	put(t, &sim_left, q);
	assert_int_equal(t->n, 1);
	sim_run(&t->sim, V1_AGAIN_MS, NULL);
	put(t, &(struct endpoint){ sim_left.addr, 501 }, q);
	assert_int_equal(t->n, 1);
	put(t, &sim_left, q);
	assert_int_equal(t->n, 2);
	assert_answers(t, q);
	two_free(t);
}

static void
what_proves_nothing_is_not(void **state)
{
	static uint8_t buf[FORGE_MAX];
	struct two *t = two_new();

	(void)state;
	put(t, &sim_left, message(t, buf, 77, SPAN_ARRAY(ni), true, false));	/* a wrong hash */
	put(t, &sim_left, message(t, buf, 78, SPAN_ARRAY(ni), false, true));	/* in clear */
	assert_int_equal(t->n, 0);
	assert_int_equal(t->sim.end[1].n_children, 1);
	two_free(t);
}

/* Without a nonce, or with one of an illegal length, it is obeyed as an informational message, and not answered. */
static void
without_a_nonce_there_is_no_answer(void **state)
{
	static const uint8_t zeros[300];
	static const size_t lens[] = { 0, 7, 257 };
	static uint8_t buf[FORGE_MAX];
	struct two *t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		t = two_new();
		put(t, &sim_left, message(t, buf, 77, span_of(zeros, lens[i]), false, false));
		assert_int_equal(t->n, 0);
		assert_int_equal(t->sim.end[1].n_children, 0);
		two_free(t);
	}
}

#define CLASS(name, f)	{ name, f, NULL, NULL, NULL }

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
		cmocka_unit_test(it_is_answered_and_obeyed),
		cmocka_unit_test(without_a_nonce_there_is_no_answer),
		CLASS("A16: an acknowledged informational exchange that nothing proves", what_proves_nothing_is_not),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
