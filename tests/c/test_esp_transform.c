/*
 * Tests esp/transform: every algorithm sealed and opened, every bit of a packet changed. Known answers are in
 * test_esp_vectors.c.
 */
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "esp/open.h"
#include "esp/pair.h"
#include "esp/seal.h"

#define BUF	4096

/* A source whose bytes a test can foretell. */
static int
fill_count(void *state, uint8_t *p, size_t n)
{
	uint8_t *next = state;

	while (n-- > 0)
		*p++ = (*next)++;
	return (0);
}

static int
fill_none(void *state, uint8_t *p, size_t n)
{
	(void)state, (void)p, (void)n;
	return (-1);
}

static uint8_t counter, spi[4] = { 0xc0, 1, 2, 3 };
static struct esp_ctx *ctx;
static const struct rand steady = { fill_count, &counter };

/* A transform with keys 1, 2, 3, ... and 101, 102, ... */
static void
make(struct esp_xf *xf, const struct alg_enc *e, const struct alg_integ *a, bool esn, bool seal)
{
	struct esp_suite s = { e, a, esn };
	uint8_t enc[64], auth[64];
	struct fault f;

	for (size_t i = 0; i < 64; i++) {
		enc[i] = (uint8_t)(i + 1);
		auth[i] = (uint8_t)(i + 101);
	}
	if (esp_xf_init(xf, esp_backends, &s, span_of(enc, (size_t)e->key_len + e->salt_len),
	    span_of(auth, a != NULL ? a->key_len : 0), seal, &steady, &f) != 0)
		fail_msg("%s: %s", e->word, f.what);
}

/* Seals the ${inner} bytes at ${k}->p, as payload of protocol ${next} in transport mode. */
static unsigned
seal(struct esp_xf *xf, struct pkt *k, size_t inner, uint64_t seq, uint8_t next)
{
	struct esp_pair pair = { .out = { .mode = SA_TRANSPORT, .xf = *xf, .pair = &pair } };
	struct inner in = { .len = inner, .proto = next };

	memcpy(pair.out.spi, spi, sizeof(pair.out.spi));
	k->sa = &pair.out;
	k->seq = seq;
	k->len = inner;
	k->verdict = ESP_OK;
	esp_seal(ctx, k, &in, 1);
	*xf = pair.out.xf;
	k->sa = NULL;
	return (k->verdict);
}

/* ${inner} bytes sealed: the packet begins at ${buf}. */
static struct pkt
sealed(struct esp_xf *xf, uint8_t *buf, size_t inner, uint64_t seq)
{
	struct pkt k = { .p = buf + esp_xf_head(xf), .buf = buf, .cap = BUF };

	for (size_t i = 0; i < inner; i++)
		k.p[i] = (uint8_t)(i * 7);
	assert_int_equal(seal(xf, &k, inner, seq, ESP_NEXT_IPV4), ESP_OK);
	assert_ptr_equal(k.p, buf);
	assert_int_equal(k.len, esp_xf_len(xf, inner));
	return (k);
}

/* The verdict on ${len} bytes of ${buf}; ${k} then is what was found. */
static enum esp_verdict
opened(struct esp_xf *xf, uint8_t *buf, size_t len, uint64_t seq, struct pkt *k)
{
	struct esp_job j = { .key = xf->key, .p = buf, .len = len, .seq_hi = (uint32_t)(seq >> 32) };

	*k = (struct pkt){ .p = buf, .len = len };
	if (!esp_xf_fits(xf, len))
		return (ESP_SHORT);
	xf->be->open(esp_ctx_of(ctx, xf->be), &j, 1);
	return (j.ok ? esp_unpad(xf, k) : ESP_BAD_ICV);
}

/* Calls ${each} for every pair of algorithms that ESP knows, without and with ESN. */
static void
all_suites(void (*each)(const struct alg_enc *, const struct alg_integ *, bool))
{
	const struct alg_enc *e;
	const struct alg_integ *a;
	size_t n = 0;

	for (size_t i = 0; (e = alg_enc_row(i)) != NULL; i++)
		for (size_t j = 0; e->esp != 0; j++) {
			a = e->form == ALG_AEAD ? NULL : alg_integ_row(j);
			if (a == NULL && (e->form != ALG_AEAD || j > 0))
				break;
			each(e, a, false);
			each(e, a, true);
			n++;
		}
	assert_true(n >= 9 * 7 + 10);
}

static void
there_and_back(const struct alg_enc *e, const struct alg_integ *a, bool esn)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 5, 13, 14, 15, 16, 20, 64, 1023, 1024, 1025, 1400 };
	struct esp_xf out, in;
	uint8_t buf[BUF], icv;
	struct pkt k, r;
	uint64_t seq = esn ? UINT64_C(0x700000009) : 9;

	make(&out, e, a, esn, true);
	make(&in, e, a, esn, false);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		k = sealed(&out, buf, sizes[i], seq);
		assert_int_equal(get_be32(buf), 0xc0010203);
		assert_int_equal(get_be32(buf + 4), 9);
		assert_int_equal((k.len - out.icv_len) % 4, 0);
		assert_int_equal(opened(&in, buf, k.len, seq, &r), ESP_OK);
		assert_int_equal(r.len, sizes[i]);
		assert_int_equal(r.next, ESP_NEXT_IPV4);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(buf[esp_xf_head(&in) + j], (uint8_t)(j * 7));
	}
	/* The upper half of the number matters only with ESN. */
	k = sealed(&out, buf, 40, seq);
	assert_int_equal(opened(&in, buf, k.len, seq ^ UINT64_C(1) << 40, &r) == ESP_OK, !esn);
	/* A bit of every byte, then every bit of the ICV. */
	for (size_t i = 0; i < k.len; i++) {
		k = sealed(&out, buf, 40, seq);
		buf[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(opened(&in, buf, k.len, seq, &r), ESP_BAD_ICV);
	}
	for (unsigned bit = 0; bit < 8u * out.icv_len; bit++) {
		k = sealed(&out, buf, 40, seq);
		icv = (uint8_t)(1 << bit % 8);
		buf[k.len - out.icv_len + bit / 8] ^= icv;
		assert_int_equal(opened(&in, buf, k.len, seq, &r), ESP_BAD_ICV);
	}
	/* Every truncation. */
	for (size_t cut = 1; cut <= k.len; cut++) {
		k = sealed(&out, buf, 40, seq);
		assert_int_not_equal(opened(&in, buf, k.len - cut, seq, &r), ESP_OK);
	}
	esp_xf_free(&out);
	esp_xf_free(&in);
}

static void
test_every_suite(void **state)
{
	(void)state;
	all_suites(there_and_back);
}

static void
room_of(const struct alg_enc *e, const struct alg_integ *a, bool esn)
{
	struct esp_xf xf;
	size_t inner;

	make(&xf, e, a, esn, true);
	for (size_t room = 0; room < 1500; room++) {
		inner = esp_xf_inner_max(&xf, room);
		if (inner > 0)
			assert_true(esp_xf_len(&xf, inner) <= room);
		assert_true(esp_xf_len(&xf, inner + 1) > room);
	}
	assert_true(esp_xf_len(&xf, 1000) <= 1000 + ESP_GROW_MAX);
	esp_xf_free(&xf);
}

static void
test_inner_max_is_exact(void **state)
{
	(void)state;
	all_suites(room_of);
}

static void
test_batch_of_mixed_suites(void **state)
{
	const struct alg_enc *e[2] = { alg_enc_word("aes128"), alg_enc_word("aes256gcm16") };
	const struct alg_integ *a[2] = { alg_integ_word("sha256"), NULL };
	struct esp_pair pair[2];
	struct esp_sa in[2];
	static struct replay window[2];
	static uint8_t buf[ESP_BATCH][512];
	static struct inner head[ESP_BATCH];
	struct pkt k[ESP_BATCH];
	enum esp_verdict want;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		pair[i] = (struct esp_pair){ .out = { .mode = SA_TRANSPORT, .pair = &pair[i] } };
		in[i] = (struct esp_sa){ .mode = SA_TRANSPORT, .reserved = UINT64_MAX, .window = &window[i] };
		replay_init(&window[i], 1024, false);
		make(&pair[i].out.xf, e[i], a[i], false, true);
		make(&in[i].xf, e[i], a[i], false, false);
	}
	for (i = 0; i < ESP_BATCH; i++) {
		k[i] = (struct pkt){ .p = buf[i] + 64, .buf = buf[i], .cap = 512, .seq = i + 1, .len = 100 + i,
		    .sa = &pair[i % 2].out };
		head[i] = (struct inner){ .len = 100 + i, .proto = 253 };
		memset(k[i].p, (int)i, 100 + i);
		if (i % 5 == 4)
			k[i].verdict = ESP_POLICY;	/* passed over */
		if (i % 7 == 6)
			k[i].cap = 120;			/* no room */
	}
	esp_seal(ctx, k, head, ESP_BATCH);
	for (i = 0; i < ESP_BATCH; i++)
		assert_int_equal(k[i].verdict, i % 5 == 4 ? ESP_POLICY : i % 7 == 6 ? ESP_FAILED : ESP_OK);
	for (i = 0; i < ESP_BATCH; i++) {
		k[i].sa = &in[i % 2];
		k[i].local.addr = k[i].remote.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, (uint8_t)i });
	}
	k[21].p[40] ^= 1;
	esp_open(ctx, k, head, ESP_BATCH, NULL);
	for (i = 0; i < ESP_BATCH; i++) {
		want = i == 21 ? ESP_BAD_ICV : i % 5 == 4 ? ESP_POLICY : i % 7 == 6 ? ESP_FAILED : ESP_OK;
		assert_int_equal(k[i].verdict, want);
		assert_true(k[i].seen == (want == ESP_OK));
		if (want != ESP_OK)
			continue;
		/* An IPv4 header for the addresses of each, then what was sealed. */
		assert_int_equal(k[i].inner_len, 20 + 100 + i);
		assert_true(k[i].p[0] == 0x45 && k[i].p[9] == 253 && k[i].p[15] == i && k[i].p[19] == i);
		assert_true(k[i].p[20] == i && k[i].p[119 + i] == i);
	}
	for (i = 0; i < 2; i++) {
		esp_xf_free(&pair[i].out.xf);
		esp_xf_free(&in[i].xf);
	}
}

static void
test_ivs(void **state)
{
	uint8_t buf[BUF], last[16] = {0};
	struct esp_xf xf;
	struct pkt k;
	uint64_t first;

	(void)state;
	/* Counter forms: from a random number, by one. */
	counter = 0x10;
	make(&xf, alg_enc_word("aes128gcm16"), NULL, false, true);
	first = xf.iv_next;
	assert_int_not_equal(first, 0);
	for (uint64_t i = 0; i < 5; i++) {
		(void)sealed(&xf, buf, 60, i + 1);
		assert_true(get_be64(buf + ESP_HDR) == first + i);
	}
	esp_xf_free(&xf);
	/* CBC: from the source, all of it used, none twice. */
	make(&xf, alg_enc_word("aes128"), alg_integ_word("sha1"), false, true);
	for (int i = 0; i < 40; i++) {
		(void)sealed(&xf, buf, 60, (uint64_t)i + 1);
		assert_memory_not_equal(buf + ESP_HDR, last, 16);
		assert_int_equal((uint8_t)(buf[ESP_HDR] + 1), buf[ESP_HDR + 1]);
		memcpy(last, buf + ESP_HDR, 16);
	}
	/* No random bytes, no packet. */
	ctx->rand.fill = fill_none;
	ctx->pool_left = 0;
	k = (struct pkt){ .p = buf + 64, .buf = buf, .cap = BUF };
	assert_int_equal(seal(&xf, &k, 20, 1, 4), ESP_FAILED);
	esp_xf_free(&xf);
	ctx->rand = steady;
}

/* RFC 4303, 2.2.1: the ICV includes the upper half after the packet, which is not sent. */
static void
test_esn_icv(void **state)
{
	uint8_t buf[BUF], key[20], icv[EVP_MAX_MD_SIZE];
	struct esp_xf xf;
	struct pkt k;
	unsigned n;

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i + 101);
	make(&xf, alg_enc_word("aes128"), alg_integ_word("sha1"), true, true);
	k = sealed(&xf, buf, 60, UINT64_C(0x1234567800000007));
	memmove(buf + 1000, buf + k.len - 12, 12);
	put_be32(buf + k.len - 12, 0x12345678);
	assert_non_null(HMAC(EVP_sha1(), key, sizeof(key), buf, k.len - 8, icv, &n));
	assert_memory_equal(buf + 1000, icv, 12);
	esp_xf_free(&xf);
}

static void
test_bad_keys(void **state)
{
	struct esp_suite s = { alg_enc_word("aes128"), alg_integ_word("sha1"), false };
	uint8_t key[64] = {0};
	struct esp_xf xf;
	struct fault f;

	(void)state;
	assert_int_equal(esp_xf_init(&xf, esp_backends, &s, span_of(key, 15),
	    span_of(key, 20), true, &steady, &f), -1);
	assert_int_equal(f.code, FAULT_CONFIG);
	assert_non_null(strstr(f.what, "aes-cbc"));
	assert_int_equal(esp_xf_init(&xf, esp_backends, &s, span_of(key, 16),
	    span_of(key, 21), true, &steady, &f), -1);
	assert_non_null(strstr(f.what, "hmac-sha1-96"));
	s = (struct esp_suite){ alg_enc_word("aes128gcm16"), NULL, false };
	assert_int_equal(esp_xf_init(&xf, esp_backends, &s, span_of(key, 16), SPAN_NONE, true,
	    &steady, &f), -1);		/* without its salt */
	assert_int_equal(f.code, FAULT_CONFIG);
}

static void
test_padding(void **state)
{
	struct esp_xf xf = { .form = ALG_NULL, .align = 4, .icv_len = 12 };
	uint8_t buf[64] = {0};
	struct pkt k;
	uint8_t *end = buf + 8 + 24;

	(void)state;
	for (unsigned pad = 0; pad < 256; pad++) {
		for (unsigned i = 0; i < 22; i++)
			end[-3 - (int)i] = (uint8_t)(pad - i);
		end[-2] = (uint8_t)pad;
		end[-1] = 41;
		k = (struct pkt){ .p = buf, .len = 8 + 24 + 12 };
		assert_int_equal(esp_unpad(&xf, &k), pad <= 22 ? ESP_OK : ESP_BAD_PADDING);
		assert_int_equal(k.next, 41);
		if (pad <= 22)
			assert_true(k.p == buf + 8 && k.len == 22 - pad);
		if (pad == 0 || pad > 22)
			continue;
		end[-2 - (int)pad] ^= 0x40;
		k = (struct pkt){ .p = buf, .len = 8 + 24 + 12 };
		assert_int_equal(esp_unpad(&xf, &k), ESP_BAD_PADDING);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_suite),
		cmocka_unit_test(test_inner_max_is_exact),
		cmocka_unit_test(test_batch_of_mixed_suites),
		cmocka_unit_test(test_ivs),
		cmocka_unit_test(test_esn_icv),
		cmocka_unit_test(test_bad_keys),
		{ "A25: a pad length beyond the packet, and wrong pad bytes, are refused", test_padding, NULL, NULL, NULL },
	};

	if ((ctx = esp_ctx_new(esp_backends, &steady, NULL)) == NULL)
		return (1);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	esp_ctx_free(ctx);
	return (rc);
}
