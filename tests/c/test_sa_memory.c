/*
 * The memory of an SA in the table of SAs: thousands are there at once, so it is less than a limit whatever the suite and the
 * backend, whether packets have used it or not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "allocated.h"
#include "esp/flow.h"
#include "esp/selftest.h"

#define PAIRS	4000
#define LIMIT	1408	/* bytes of both directions; what the data path has beside it is in many-sas.bats */

static uint8_t slots[ESP_BATCH][512];

static void
secret_fill(struct secret *s, size_t n, uint32_t seed)
{
	uint8_t *p = secret_make(s, n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(seed >> i % 4 * 8 ^ i);
}

/* The SA to 10.1.0.0 + ${n} / 32. */
static void
child(struct sa_child *c, const struct alg_enc *e, const struct alg_integ *a, uint32_t n)
{
	char net[32];

	*c = (struct sa_child){ .use = SA_USE_BOTH, .key_bits = e->key_bits, .n_local_ts = 1, .n_remote_ts = 1,
	    .lifetime.expires = UINT64_MAX };
	(void)snprintf(c->encryption, sizeof(c->encryption), "%s", e->name);
	(void)snprintf(c->integrity, sizeof(c->integrity), "%s", a != NULL ? a->name : "");
	put_be32(c->spi_in, 0x10000 + n);
	put_be32(c->spi_out, 0x20000 + n);
	c->local.at.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, 1 });
	c->remote.at.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, 2 });
	secret_fill(&c->enc_in, (size_t)e->key_len + e->salt_len, n);
	secret_fill(&c->enc_out, (size_t)e->key_len + e->salt_len, ~n);
	if (a != NULL) {
		secret_fill(&c->auth_in, a->key_len, n);
		secret_fill(&c->auth_out, a->key_len, ~n);
	}
	(void)snprintf(net, sizeof(net), "10.1.%u.%u", n / 256, n % 256);
	assert_int_equal(selector_parse(&c->local_ts[0], "10.9.0.0/16"), 0);
	assert_int_equal(selector_parse(&c->remote_ts[0], net), 0);
}

/* A packet with each SA. */
static void
use(struct sadb *db, struct esp_ctx *ctx)
{
	struct pkt k[ESP_BATCH];

	for (uint32_t n = 0; n < PAIRS; n += ESP_BATCH) {
		size_t m = n + ESP_BATCH < PAIRS ? ESP_BATCH : PAIRS - n;

		for (uint32_t i = 0; i < m; i++) {
			uint8_t *p = slots[i] + ESP_HEADROOM;

			memcpy(p, "\x45\0\0\x1c\0\1\x40\0\x40\x11\0\0\x0a\x09\0\1\x0a\1\0\0\x12\x34\x43\x21", 24);
			p[18] = (uint8_t)((n + i) / 256);
			p[19] = (uint8_t)(n + i);
			k[i] = (struct pkt){ .p = p, .len = 28, .buf = slots[i], .cap = sizeof(slots[i]), .tos = PKT_TOS_NONE };
		}
		flow_out(db, ctx, k, m);
		for (size_t i = 0; i < m; i++)
			assert_int_equal(k[i].verdict, ESP_OK);
	}
}

static void
measure(const struct esp_backend *be, const struct alg_enc *e, const struct alg_integ *a)
{
	const struct esp_backend *const list[] = { be, NULL };
	const struct esp_suite s = { e, a, false };
	struct sadb_config conf = { .sa = { .backends = list, .rand = rand_system, .replay = REPLAY_DEFAULT } };
	static struct sa_child c;
	struct esp_ctx *ctx;
	struct sadb *db;
	struct fault f;
	size_t before, idle, used;
	bool old;

	if (!be->supports(&s))
		return;
	assert_non_null(ctx = esp_ctx_new(list, &rand_system, &f));
	assert_non_null(db = sadb_new(&conf, &f));
	before = allocated();
	for (uint32_t n = 0; n < PAIRS; n++) {
		child(&c, e, a, n);
		assert_non_null(sadb_add(db, &c, 1, (struct now){0}, &old, &f));
		sa_child_wipe(&c);
	}
	idle = (allocated() - before) / PAIRS;
	use(db, ctx);
	used = (allocated() - before) / PAIRS;
	print_message("%s %s, %s: %zu bytes a pair, %zu after a packet with each\n", e->word, a != NULL ? a->word : "", be->name, idle,
	    used);
	/* Idle ones have what the table has; the worker's slots are few. */
	if (!SANITIZED) {
		assert_in_range(idle, 500, LIMIT);
		assert_in_range(used, 500, LIMIT + 256);
	}
	sadb_free(db);
	esp_ctx_free(ctx);
}

static void
each_suite_is_small(void **state)
{
	static const char *const enc[] = { "aes128gcm16", "aes256gcm16", "chacha20poly1305", "aes256ctr" };

	(void)state;
	for (size_t b = 0; esp_backends[b] != NULL; b++) {
		for (size_t i = 0; i < sizeof(enc) / sizeof(enc[0]); i++) {
			const struct alg_enc *e = alg_enc_word(enc[i]);

			measure(esp_backends[b], e, e->form == ALG_AEAD ? NULL : alg_integ_word("aesxcbc"));
		}
		for (size_t i = 0; alg_integ_row(i) != NULL; i++)
			measure(esp_backends[b], alg_enc_word(i % 2 == 0 ? "aes256" : "3des"), alg_integ_row(i));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_suite_is_small) };

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
