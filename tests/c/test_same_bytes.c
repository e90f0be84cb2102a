/*
 * Every backend makes the same bytes: each algorithm with each integrity, bodies of each length from 0 to 2000 bytes, in
 * batches of mixed lengths, with and without ESN. A wrong ICV marks its packet and no other. Then the choice of a backend.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/secret.h"
#include "esp/selftest.h"
#include "esp/transform.h"

#define LONGEST	2000
#define ROOM	(ESP_HDR + ESP_IV_MAX + LONGEST + 16 + ESP_TRAILER + ESP_ICV_MAX)

static struct esp_ctx *ctx;

/* Keys of one suite in two backends, both directions of each. */
struct keys {
	const struct esp_backend *be;
	struct esp_key *seal, *open;
};

static void
keys_make(struct keys *k, const struct esp_backend *be, const struct esp_suite *s)
{
	uint8_t enc[64], auth[64];
	struct span a = span_of(auth, s->integ != NULL ? s->integ->key_len : 0);
	struct span e = span_of(enc, (size_t)s->enc->key_len + s->enc->salt_len);

	for (size_t i = 0; i < 64; i++) {
		enc[i] = (uint8_t)(i * 7 + 3);
		auth[i] = (uint8_t)(i * 5 + 9);
	}
	*k = (struct keys){ .be = be };
	assert_non_null(k->seal = be->key_new(s, e, a, true, NULL));
	assert_non_null(k->open = be->key_new(s, e, a, false, NULL));
}

static void
keys_free(struct keys *k)
{
	k->be->key_free(k->seal);
	k->be->key_free(k->open);
}

/* The packet around ${len} bytes: as esp_xf_len(), with bytes that depend on ${len}. */
static size_t
packet(uint8_t *p, const struct esp_suite *s, size_t len)
{
	size_t align = s->enc->block > 4 ? s->enc->block : 4, body = (len + ESP_TRAILER + align - 1) / align * align;
	size_t icv = s->enc->form == ALG_AEAD ? s->enc->icv_len : s->integ != NULL ? s->integ->icv_len : 0;
	size_t all = ESP_HDR + s->enc->iv_len + body + icv;

	for (size_t i = 0; i < all; i++)
		p[i] = (uint8_t)(i * 31 + len * 17 + (i >> 8));
	memset(p + all - icv, 0, icv);
	return (all);
}

static uint8_t a[ESP_BATCH][ROOM], b[ESP_BATCH][ROOM], clear[ESP_BATCH][ROOM];

/* A batch of ${n} packets, the shortest around ${from} bytes, by both backends. */
static void
batch(const struct esp_suite *s, struct keys k[2], size_t from, size_t n)
{
	struct esp_job ja[ESP_BATCH], jb[ESP_BATCH];
	size_t bad = from % n;

	for (size_t i = 0; i < n; i++) {
		size_t len = packet(a[i], s, from + i);

		memcpy(b[i], a[i], len);
		memcpy(clear[i], a[i], len);
		ja[i] = (struct esp_job){ .key = k[0].seal, .p = a[i], .len = len, .seq_hi = (uint32_t)(from + i), .owner = a[i] };
		jb[i] = (struct esp_job){ .key = k[1].seal, .p = b[i], .len = len, .seq_hi = (uint32_t)(from + i), .owner = b[i] };
	}
	k[0].be->seal(esp_ctx_of(ctx, k[0].be), ja, n);
	k[1].be->seal(esp_ctx_of(ctx, k[1].be), jb, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(ja[i].ok && jb[i].ok);
		assert_ptr_equal(ja[i].owner, a[i]);	/* these backends keep the order */
		if (memcmp(a[i], b[i], ja[i].len) != 0)
			fail_msg("%s %s esn %d, %zu bytes: other bytes", s->enc->word, s->integ != NULL ? s->integ->word : "",
			    s->esn, from + i);
		ja[i].key = k[0].open;
		jb[i].key = k[1].open;
	}
	if (s->enc->form == ALG_AEAD || s->integ != NULL) {
		a[bad][ja[bad].len - 1] ^= 0x80;
		b[bad][jb[bad].len - 1] ^= 0x80;
	} else
		bad = n;
	k[0].be->open(esp_ctx_of(ctx, k[0].be), ja, n);
	k[1].be->open(esp_ctx_of(ctx, k[1].be), jb, n);
	for (size_t i = 0; i < n; i++) {
		size_t icv = s->enc->form == ALG_AEAD ? s->enc->icv_len : s->integ != NULL ? s->integ->icv_len : 0;

		assert_int_equal(ja[i].ok, i != bad);
		assert_int_equal(jb[i].ok, i != bad);
		if (i != bad) {
			assert_memory_equal(a[i], clear[i], ja[i].len - icv);
			assert_memory_equal(b[i], clear[i], jb[i].len - icv);
		}
	}
}

static void
suite(const struct esp_backend *other, const struct esp_suite *s)
{
	static const size_t sizes[] = { ESP_BATCH, 1, 17, 3, 5, 2 };
	struct keys k[2];
	size_t from = 0, n, i = 0;

	keys_make(&k[0], &esp_backend_ossl, s);
	keys_make(&k[1], other, s);
	for (; from <= LONGEST; from += n) {
		n = sizes[i++ % 6];
		if (n > LONGEST + 1 - from)
			n = LONGEST + 1 - from;
		batch(s, k, from, n);
	}
	keys_free(&k[0]);
	keys_free(&k[1]);
}

/* The first of the build that is not libcrypto and works here. NULL: there is none, and nothing to compare. */
static const struct esp_backend *
another(void)
{
	const struct esp_suite s = { alg_enc_word("aes128gcm16"), NULL, false };
	const struct esp_backend *be = esp_backend_for(esp_backends, &s);

	if (be == &esp_backend_ossl) {
		print_message("libcrypto is the only backend here\n");
		return (NULL);
	}
	return (be);
}

static void
test_same_bytes(void **state)
{
	const struct esp_backend *be = another();
	const struct alg_integ *integ;
	const struct alg_enc *enc;
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; be != NULL && (enc = alg_enc_row(i)) != NULL; i++)
		for (int esn = 0; esn <= 1; esn++) {
			if (enc->form == ALG_AEAD) {
				suite(be, &(struct esp_suite){ enc, NULL, esn != 0 });
				n++;
				continue;
			}
			if (be != esp_backend_for(esp_backends, &(struct esp_suite){ enc, NULL, false }))
				continue;
			/* Each cipher with one integrity, each integrity with one cipher. */
			for (size_t j = 0; (integ = alg_integ_row(j)) != NULL; j++)
				if (i == 0 || enc->form == ALG_NULL || j == 1) {
					suite(be, &(struct esp_suite){ enc, integ, esn != 0 });
					n++;
				}
		}
	print_message("%u suites\n", n);
	assert_true(be == NULL || n > 40);
}

/* Packets of all suites in one batch. */
static void
test_mixed(void **state)
{
	const struct esp_backend *be = another();
	static uint8_t p[ESP_BATCH][ROOM];
	struct esp_job jobs[ESP_BATCH];
	struct keys k[ESP_BATCH];
	size_t n = 0, len;

	(void)state;
	for (size_t i = 0; be != NULL && alg_enc_row(i) != NULL; i++)
		for (int twice = 0; twice < 2; twice++) {
			struct esp_suite s = { alg_enc_row(i), NULL, twice != 0 };

			if (!be->supports(&s))
				continue;
			if (s.enc->form != ALG_AEAD)
				s.integ = alg_integ_row(i % 7);
			keys_make(&k[n], be, &s);
			len = packet(p[n], &s, 100 * i);
			jobs[n] = (struct esp_job){ .key = k[n].seal, .p = p[n], .len = len, .owner = &k[n] };
			n++;
		}
	if (n == 0)
		return;
	be->seal(esp_ctx_of(ctx, be), jobs, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(jobs[i].ok);
		jobs[i].key = ((struct keys *)jobs[i].owner)->open;
		if (i % 3 == 0)
			jobs[i].p[jobs[i].len - 1] ^= 1;
	}
	be->open(esp_ctx_of(ctx, be), jobs, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(jobs[i].ok, i % 3 != 0);
	for (size_t i = 0; i < n; i++)
		keys_free(&k[i]);
}

/* A key, both directions in both backends, and the packet that it made first, alone. */
struct busy { struct keys mine, theirs; uint8_t sealed[256]; size_t len; };

static void
busy_make(struct busy *k, const struct esp_backend *be, const struct esp_suite *s, uint32_t n)
{
	uint8_t enc[64] = {0}, auth[64] = {0};
	struct span e = span_of(enc, (size_t)s->enc->key_len + s->enc->salt_len);
	struct span m = span_of(auth, s->integ != NULL ? s->integ->key_len : 0);
	struct esp_job j;

	/* The lowest bits of the bytes of a DES key do not count. */
	for (size_t i = 0; i < 16; i++)
		enc[i] = auth[i] = (uint8_t)((n >> i % 8 * 4 & 15) << 1);
	*k = (struct busy){ .mine = { .be = be }, .theirs = { .be = &esp_backend_ossl } };
	for (struct keys *w = &k->mine; w != NULL; w = w == &k->mine ? &k->theirs : NULL) {
		assert_non_null(w->seal = w->be->key_new(s, e, m, true, NULL));
		assert_non_null(w->open = w->be->key_new(s, e, m, false, NULL));
	}
	k->len = packet(k->sealed, s, 60);
	j = (struct esp_job){ .key = k->theirs.seal, .p = k->sealed, .len = k->len };
	esp_backend_ossl.seal(esp_ctx_of(ctx, &esp_backend_ossl), &j, 1);
	assert_true(j.ok);
}

static void
busy_free(struct busy *k)
{
	keys_free(&k->mine);
	keys_free(&k->theirs);
	*k = (struct busy){0};
}

/* A batch of the keys ${with}, of one backend: each makes what it made alone, and opens it. */
static void
busy_batch(struct busy *all, const unsigned *with, size_t n, bool ossl, const struct esp_suite *s)
{
	static uint8_t p[ESP_BATCH][256];
	struct keys *k = ossl ? &all[with[0]].theirs : &all[with[0]].mine;
	struct esp_backend_ctx *c = esp_ctx_of(ctx, k->be);
	struct esp_job jobs[ESP_BATCH];

	for (size_t i = 0; i < n; i++) {
		struct busy *b1 = &all[with[i]];

		jobs[i] = (struct esp_job){ .key = ossl ? b1->theirs.seal : b1->mine.seal, .p = p[i], .len = packet(p[i], s, 60) };
	}
	k->be->seal(c, jobs, n);
	for (size_t i = 0; i < n; i++) {
		struct busy *b1 = &all[with[i]];

		assert_true(jobs[i].ok);
		assert_memory_equal(p[i], b1->sealed, b1->len);
		jobs[i] = (struct esp_job){ .key = ossl ? b1->theirs.open : b1->mine.open, .p = p[i], .len = b1->len };
	}
	p[n / 2][20] ^= 1;
	k->be->open(c, jobs, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(jobs[i].ok, jobs[i].p != p[n / 2]);
}

/*
 * More keys than a worker has slots for what it makes of them, used in an order that evicts them, several that want the same
 * slot in one batch, and released while others are used.
 */
static void
test_many_keys(void **state)
{
	enum { KEYS = 1500, TURNS = 400 };
	static const char *const suites[][2] = { { "aes256gcm16", NULL }, { "aes256", "sha256" }, { "aes128ctr", "aesxcbc" },
	    { "3des", "md5" }, { "chacha20poly1305", NULL }, { "null", "sha1" }, { "aes128", "sha512" } };
	const struct esp_backend *be = another() != NULL ? another() : &esp_backend_ossl;
	static struct busy all[KEYS];
	unsigned with[ESP_BATCH];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		const struct esp_suite s = { alg_enc_word(suites[i][0]), suites[i][1] != NULL ? alg_integ_word(suites[i][1]) : NULL, false };

		if (!be->supports(&s))
			continue;
		for (unsigned turn = 0; turn < TURNS; turn++) {
			size_t n = 1 + turn % ESP_BATCH;

			for (size_t k = 0; k < n; k++) {
				/* Each fourth batch is of keys whose serials, four for each, lie a multiple of 256 apart. */
				seed = seed * 1664525 + 1013904223;
				with[k] = turn % 4 == 3 && k > 0 ? (with[0] + 256 * (unsigned)k) % KEYS : (seed >> 8) % KEYS;
				if (k == 0 && turn % 5 == 0 && all[with[0]].len != 0)
					busy_free(&all[with[0]]);
				if (all[with[k]].len == 0)
					busy_make(&all[with[k]], be, &s, seed);
			}
			busy_batch(all, with, n, turn % 2 != 0, &s);
			busy_batch(all, with, n, turn % 2 == 0, &s);
		}
		for (unsigned k = 0; k < KEYS; k++)
			if (all[k].len != 0)
				busy_free(&all[k]);
	}
}

/* Three workers, each with keys and a context of its own. A key that is released is looked for in all contexts. */
struct worker_test {
	const struct esp_backend *be;
	unsigned	 turns;
	bool		 right;
};

static void *
use_keys(void *arg)
{
	struct worker_test *w = arg;
	const struct esp_suite s = { alg_enc_word("aes128gcm16"), NULL, false };
	struct esp_backend_ctx *own = w->be->ctx_new(NULL);
	uint8_t p[256], enc[20] = { (uint8_t)w->turns };
	struct esp_key *seal, *open;
	struct esp_job j;

	w->right = own != NULL;
	for (unsigned i = 0; w->right && i < w->turns; i++) {
		put_be32(enc + 4, i);
		seal = w->be->key_new(&s, SPAN_ARRAY(enc), SPAN_NONE, true, NULL);
		open = w->be->key_new(&s, SPAN_ARRAY(enc), SPAN_NONE, false, NULL);
		j = (struct esp_job){ .key = seal, .p = p, .len = packet(p, &s, 60) };
		w->be->seal(own, &j, 1);
		w->right = j.ok;
		j.key = open;
		w->be->open(own, &j, 1);
		w->right = w->right && j.ok;
		w->be->key_free(seal);
		w->be->key_free(open);
	}
	w->be->ctx_free(own);
	return (NULL);
}

static void
test_threads(void **state)
{
	struct worker_test w[3];
	pthread_t t[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		w[i] = (struct worker_test){ another() != NULL ? another() : &esp_backend_ossl, 3000 + (unsigned)i, false };
		assert_int_equal(pthread_create(&t[i], NULL, use_keys, &w[i]), 0);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_true(w[i].right);
	}
}

/* What the library does not have goes to another backend; nothing is sealed without the integrity that it does not know. */
static void
test_unknown(void **state)
{
	struct alg_integ newer = *alg_integ_word("sha256");
	struct alg_enc ccm = *alg_enc_word("aes128gcm16");
	const struct esp_backend *be = another();

	(void)state;
	newer.ossl = "SHA3-256";
	ccm.ossl = "AES-128-CCM";
	if (be == NULL)
		return;
	assert_true(be->supports(&(struct esp_suite){ alg_enc_word("aes128"), alg_integ_word("sha256"), false }));
	assert_false(be->supports(&(struct esp_suite){ alg_enc_word("aes128"), &newer, false }));
	assert_false(be->supports(&(struct esp_suite){ &ccm, NULL, false }));
}

/* ---- the choice */

static void
broken_seal(struct esp_backend_ctx *c, struct esp_job *jobs, size_t n)
{
	esp_backend_ossl.seal(c, jobs, n);
	jobs[n - 1].p[jobs[n - 1].len - 1] ^= 1;
}

static void
blind_open(struct esp_backend_ctx *c, struct esp_job *jobs, size_t n)
{
	esp_backend_ossl.open(c, jobs, n);
	for (size_t i = 0; i < n; i++)
		jobs[i].ok = true;
}

static void
test_choice(void **state)
{
	struct esp_backend wrong = esp_backend_ossl, blind = esp_backend_ossl;
	const struct esp_backend *all[] = { &wrong, &esp_backend_ossl, NULL }, *none[] = { &wrong, &blind, NULL };
	struct esp_choice c;
	struct fault f;

	(void)state;
	wrong.name = "wrong";
	wrong.seal = broken_seal;
	blind.name = "blind";
	blind.open = blind_open;
	/* Every backend of the build passes. */
	assert_int_equal(esp_choose(&c, esp_backends, NULL, &f), 0);
	assert_int_equal(c.n_failed, 0);
	for (size_t i = 0; esp_backends[i] != NULL; i++) {
		if (c.list[0] == &esp_backend_ossl && esp_backends[i] != &esp_backend_ossl)
			continue;		/* not for this processor */
		assert_int_equal(esp_choose(&c, esp_backends, esp_backends[i]->name, &f), 0);
		assert_ptr_equal(c.list[0], esp_backends[i]);
		assert_null(c.list[1]);
	}
	/* One that fails is named and not used. */
	assert_int_equal(esp_choose(&c, all, NULL, &f), 0);
	assert_ptr_equal(c.list[0], &esp_backend_ossl);
	assert_null(c.list[1]);
	assert_int_equal(c.n_failed, 1);
	assert_ptr_equal(c.failed[0], &wrong);
	/* All fail, or the one that is asked for. */
	assert_int_equal(esp_choose(&c, none, NULL, &f), -1);
	assert_int_equal(f.code, FAULT_CRYPTO);
	assert_int_equal(c.n_failed, 2);
	assert_int_equal(esp_choose(&c, all, "wrong", &f), -1);
	assert_int_equal(f.code, FAULT_CRYPTO);
	assert_int_equal(esp_choose(&c, all, "other", &f), -1);
	assert_int_equal(f.code, FAULT_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_mixed), cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_threads), cmocka_unit_test(test_unknown), cmocka_unit_test(test_choice),
	};

	(void)secret_init();
	if ((ctx = esp_ctx_new(esp_backends, &rand_system, NULL)) == NULL)
		return (1);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	esp_ctx_free(ctx);
	return (rc);
}
