/* The commit bit of quick mode: who sets it, who waits for CONNECTED, and what message 4 is, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "forge.h"
#include "sim.h"
#include "wire/isakmp.h"

#define KEPT_MAX	64

struct kept {
	int	from;
	size_t	len;
	uint8_t	b[1024];
};

struct pair {
	struct ike_policy	left, right;
	struct sim		sim;
	struct kept		quick[KEPT_MAX];	/* messages of quick mode, as they were sent */
	size_t			n;
	size_t			drop_fourth;		/* how many of the responder's answers after the first are lost */
	bool			clear_bit;		/* the bit is taken out on the way */
};

static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct pair *p = s->tap_arg;
	size_t i, answers = 0;

	if (data[18] != EXCHANGE_QUICK)
		return (true);
	if (p->clear_bit)
		data[19] &= (uint8_t)~ISAKMP_FLAG_COMMIT;
	for (i = 0; i < p->n; i++)
		answers += p->quick[i].from == 1;
	if (p->n < KEPT_MAX && len <= sizeof(p->quick[0].b)) {
		p->quick[p->n] = (struct kept){ .from = from, .len = len };
		memcpy(p->quick[p->n++].b, data, len);
	}
	if (from == 1 && answers > 0 && p->drop_fourth > 0) {
		p->drop_fourth--;
		return (false);
	}
	return (true);
}

static struct pair *
pair_new(bool left, bool right, uint64_t seed)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	sim_pair_init(&p->sim, &p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256", seed);
	p->left.commit_bit = left;
	p->right.commit_bit = right;
	p->sim.tap = tap;
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
begin(struct pair *p)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
}

static void
assert_up(const struct pair *p)
{
	if (p->sim.end[0].n_children != 1 || p->sim.end[1].n_children != 1)
		fail_msg("%zu and %zu children\n%s", p->sim.end[0].n_children, p->sim.end[1].n_children, p->sim.end[0].notes);
	assert_true(sim_children_agree(&p->sim));
}

/* The notify of message 4, by libcrypto alone: RFC 2409 appendix B for the IV, section 5.5 for the hash. */
static void
message_4_is(const struct pair *p, const struct kept *third, const struct kept *fourth)
{
	const struct sa_ike *k = &p->sim.end[0].ike;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t plain[256], mac[32], covered[4 + 16];
	int n = 0;
	unsigned len = 0;

	assert_non_null(ctx);
	assert_true(fourth->len > 28 && fourth->len - 28 <= sizeof(plain));
	assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, k->cipher.p, third->b + third->len - 16), 1);
	assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, plain, &n, fourth->b + 28, (int)fourth->len - 28), 1);
	EVP_CIPHER_CTX_free(ctx);
	/* HASH, then N: DOI 1, protocol 3 (ESP), an SPI of 4 bytes, type 16384 */
	assert_int_equal(fourth->b[16], PAYLOAD_HASH);
	assert_memory_equal(plain, ((uint8_t[]){ PAYLOAD_N, 0, 0, 36 }), 4);
	assert_memory_equal(plain + 36, ((uint8_t[]){ 0, 0, 0, 16, 0, 0, 0, 1, 3, 4, 0x40, 0 }), 12);
	assert_memory_equal(plain + 48, p->sim.end[1].children[0].spi_in, 4);
	memcpy(covered, fourth->b + 20, 4);
	memcpy(covered + 4, plain + 36, 16);
	assert_non_null(HMAC(EVP_sha256(), k->skeyid_a.p, (int)k->skeyid_a.len, covered, sizeof(covered), mac, &len));
	assert_memory_equal(plain + 4, mac, 32);
}

/* The bit is set by either end or by both: the responder sends message 4, and its messages have the bit. */
static void
each_end_may_set_it(void **state)
{
	int who;

	(void)state;
	for (who = 0; who < 4; who++) {
		struct pair *p = pair_new((who & 1) != 0, (who & 2) != 0, (uint64_t)who + 1);
		size_t i;

		begin(p);
		sim_run(&p->sim, 300, NULL);
		assert_up(p);
		assert_int_equal(p->n, who == 0 ? 3 : 4);
		for (i = 0; i < p->n; i++) {
			assert_int_equal(p->quick[i].from, i % 2);
			assert_int_equal((p->quick[i].b[19] & ISAKMP_FLAG_COMMIT) != 0,
			    i % 2 == 0 ? (who & 1) != 0 : who != 0);
		}
		if (who != 0)
			message_4_is(p, &p->quick[2], &p->quick[3]);
		pair_free(p);
	}
}

/* Until CONNECTED comes the initiator does not send, and sends message 3 again. */
static void
the_initiator_waits(void **state)
{
	struct pair *p = pair_new(false, true, 10);

	(void)state;
	p->drop_fourth = 2;
	begin(p);
	sim_run(&p->sim, 300, NULL);
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_int_equal(p->sim.end[0].children[0].use, SA_USE_IN);
	assert_int_equal(p->sim.end[0].n_child, 0);
	assert_int_equal(p->sim.end[1].children[0].use, SA_USE_BOTH);
	assert_int_equal(p->n, 4);
	sim_run(&p->sim, 700, NULL);		/* the first answer is lost again */
	assert_int_equal(p->sim.end[0].children[0].use, SA_USE_IN);
	sim_run(&p->sim, 1500, NULL);
	assert_up(p);
	assert_int_equal(p->sim.end[0].n_child, 1);
	assert_null(strstr(p->sim.end[0].notes, "all the same"));
	pair_free(p);
}

/* No peer, and nobody on the way who sets the bit, keeps the SA unused for long. */
static void
the_wait_is_bounded(void **state)
{
	struct pair *p = pair_new(false, true, 11);

	(void)state;
	p->drop_fourth = KEPT_MAX;
	begin(p);
	sim_run(&p->sim, 4500, NULL);
	assert_int_equal(p->sim.end[0].children[0].use, SA_USE_IN);
	sim_run(&p->sim, 1500, NULL);
	assert_up(p);
	assert_int_equal(p->sim.end[0].n_child, 1);
	assert_int_equal(p->sim.end[0].n_failed, 0);
	assert_non_null(strstr(p->sim.end[0].notes, "the peer set the commit bit, and sent no CONNECTED in 5 s"));
	/* The bit taken out: the initiator goes on at once, and message 4 is none of its business. */
	pair_free(p);
	p = pair_new(false, true, 12);
	p->clear_bit = true;
	begin(p);
	sim_run(&p->sim, 2000, NULL);
	assert_up(p);
	assert_int_equal(p->sim.end[0].n_failed, 0);
	pair_free(p);
}

/* RFC 2408 puts CONNECTED into an informational message under the message ID of quick mode. */
static void
connected_in_an_informational_message(void **state)
{
	static uint8_t buf[FORGE_MAX], body[32];
	struct pair *p = pair_new(false, true, 13);
	struct wr w = wr_of(body, sizeof(body));
	struct ike_outbox out = {0};
	uint32_t mid;
	int right;

	(void)state;
	p->drop_fourth = KEPT_MAX;
	begin(p);
	sim_run(&p->sim, 300, NULL);
	const struct isakmp_notify n = {
		.doi = DOI_IPSEC, .proto = PROTO_ESP, .type = NOTIFY_CONNECTED,
		.spi = SPAN_ARRAY(p->sim.end[0].children[0].spi_out),
	};
	isakmp_notify_put(&w, &n);
	const struct forged list[] = { { PAYLOAD_N, wr_span(&w) }, { 0, SPAN_NONE } };

	for (right = 0; right < 2; right++) {	/* another message ID is another exchange */
		mid = get_be32(p->quick[0].b + 20) + (right ? 0 : 1);
		ike_engine_datagram(p->sim.end[0].engine, p->sim.now, &sim_left, &sim_right,
		    forge_keyed(buf, &p->sim.end[0].ike, EXCHANGE_INFO, mid, list, false), &out);
		sim_flush(&p->sim, 0, &out);
		assert_int_equal(p->sim.end[0].children[0].use, right ? SA_USE_BOTH : SA_USE_IN);
	}
	assert_up(p);
	sim_run(&p->sim, 10000, NULL);
	assert_int_equal(p->sim.end[0].n_child, 1);
	assert_int_equal(p->sim.end[0].n_failed, 0);
	pair_free(p);
}

/* Loss, duplicates and reordering: as without the bit, one child SA at each end, and rekeyed. */
static void
through_a_bad_net(void **state)
{
	struct sa_event ev = { .what = SA_EVENT_SOFT, .has_spi_in = true };
	struct ike_outbox out = {0};
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 40; seed++) {
		struct pair *p = pair_new(seed % 2 == 0, seed % 3 != 0, 100 + seed);

		p->left.dpd_seconds = p->right.dpd_seconds = 0;
		p->sim.loss = 20;
		p->sim.dup = 15;
		p->sim.reorder = 30;
		begin(p);
		sim_run(&p->sim, 60000, NULL);
		p->sim.loss = 0;
		sim_run(&p->sim, 60000, NULL);
		assert_up(p);
		memcpy(ev.spi_in, p->sim.end[0].children[0].spi_in, 4);
		ike_engine_event(p->sim.end[0].engine, p->sim.now, &ev, &out);
		sim_flush(&p->sim, 0, &out);
		sim_run(&p->sim, 8000, NULL);
		assert_int_equal(p->sim.end[0].n_children, p->sim.end[1].n_children);
		assert_true(sim_children_agree(&p->sim));
		assert_true(sim_passes(&p->sim, 0) && sim_passes(&p->sim, 1));
		pair_free(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_may_set_it),
		cmocka_unit_test(the_initiator_waits),
		cmocka_unit_test(the_wait_is_bounded),
		cmocka_unit_test(connected_in_an_informational_message),
		cmocka_unit_test(through_a_bad_net),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
