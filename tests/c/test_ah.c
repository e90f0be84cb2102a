/* AH against RFC 4302 worked by hand: what of a header counts, what does not, and hostile packets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "esp/ah.h"

#define ICV	16

static const uint8_t key[32] = "0123456789abcdef0123456789abcdef";
static struct esp_ctx *ctx;

static void
init(struct esp_xf *xf, bool esn)
{
	const struct esp_suite s = { alg_enc_name("null", 0), alg_integ_name("hmac-sha2-256-128"), esn };
	struct fault f;

	assert_int_equal(esp_xf_init(xf, esp_backends, &s, SPAN_NONE, SPAN_ARRAY(key), true, &rand_system, &f), 0);
}

/* The ICV of bytes that were zeroed by hand, by libcrypto's HMAC itself. */
static void
by_hand(const uint8_t *p, size_t len, uint8_t out[ICV])
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	assert_non_null(HMAC(EVP_sha256(), key, sizeof(key), p, len, sum, &n));
	memcpy(out, sum, ICV);
}

/* IPv4, 32 bytes of header: router alert (stays), record route (changes), end; AH of 28 bytes; 5 bytes. */
static const uint8_t v4[] = {
	0x48, 0xb8, 0, 65, 0x12, 0x34, 0x40, 0, 64, 51, 0xaa, 0xbb, 192, 0, 2, 1, 192, 0, 2, 2,
	148, 4, 0, 0, 7, 7, 4, 9, 9, 9, 9, 0,
	17, 5, 0, 0, 0, 0, 0x10, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	1, 2, 3, 4, 5,
};

/* IPv6: hop-by-hop with an option that may change (0x3e) and one that may not (0x05); AH of 32 bytes; 3 bytes. */
static const uint8_t v6[] = {
	0x6b, 0x81, 0x23, 0x45, 0, 51, 0, 77, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	51, 1, 0x3e, 4, 'a', 'b', 'c', 'd', 0, 5, 2, 0, 0, 1, 1, 0,
	17, 6, 0, 0, 0, 0, 0x10, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	1, 2, 3,
};

static void
test_v4(void **state)
{
	uint8_t p[sizeof(v4) + 8], want[ICV], hand[sizeof(v4) + 4];
	struct esp_xf xf;
	struct ah_at at;

	(void)state;
	memcpy(p, v4, sizeof(v4));
	memset(p + sizeof(v4), 0xee, 8);	/* padding of the link, beyond the packet */
	assert_int_equal(ah_find(&at, SPAN_ARRAY(p)), 0);
	assert_true(at.off == 32 && at.len == 28 && at.end == sizeof(v4) && at.prev == 9);
	memcpy(hand, v4, sizeof(v4));
	hand[1] = hand[6] = hand[7] = hand[8] = hand[10] = hand[11] = 0;
	memset(hand + 24, 0, 7);		/* record route */
	by_hand(hand, sizeof(v4), want);
	init(&xf, false);
	assert_int_equal(ah_sign(ctx, &xf, p, &at, 0), ESP_OK);
	assert_memory_equal(p + 44, want, ICV);
	assert_int_equal(ah_check(ctx, &xf, SPAN_ARRAY(p), &at, 0), ESP_OK);
	/* Each byte is changed: mutable ones do not matter, all others do. */
	for (size_t i = 0; i < sizeof(v4); i++) {
		bool may = i == 1 || i == 6 || i == 7 || i == 8 || i == 10 || i == 11 || (i >= 27 && i <= 30);

		/* These say where things are: another packet altogether. */
		if (i == 0 || i == 2 || i == 3 || i == 9 || (i >= 20 && i < 27) || i == 31 || i == 33)
			continue;
		p[i] ^= 0x21;
		if (ah_find(&at, SPAN_ARRAY(p)) == 0 && !at.fragment)
			assert_int_equal(ah_check(ctx, &xf, SPAN_ARRAY(p), &at, 0),
			    may ? ESP_OK : ESP_BAD_ICV);
		else
			assert_true(i == 6 || i == 7);	/* it says that it is a fragment */
		p[i] ^= 0x21;
	}
	esp_xf_free(&xf);
	/* With extended numbers the upper half is behind all of it. */
	init(&xf, true);
	assert_int_equal(ah_find(&at, SPAN_ARRAY(p)), 0);
	put_be32(hand + sizeof(v4), 5);
	by_hand(hand, sizeof(hand), want);
	assert_int_equal(ah_sign(ctx, &xf, p, &at, 5), ESP_OK);
	assert_memory_equal(p + 44, want, ICV);
	assert_int_equal(ah_check(ctx, &xf, SPAN_ARRAY(p), &at, 5), ESP_OK);
	assert_int_equal(ah_check(ctx, &xf, SPAN_ARRAY(p), &at, 4), ESP_BAD_ICV);
	esp_xf_free(&xf);
}

static void
test_v6(void **state)
{
	uint8_t p[sizeof(v6)], want[ICV], hand[sizeof(v6)];
	struct esp_xf xf;
	struct ah_at at;

	(void)state;
	memcpy(p, v6, sizeof(v6));
	assert_int_equal(ah_find(&at, SPAN_ARRAY(p)), 0);
	assert_true(at.off == 56 && at.len == 32 && at.end == sizeof(v6) && at.prev == 40);
	memcpy(hand, v6, sizeof(v6));
	hand[0] = 0x60;
	hand[1] = hand[2] = hand[3] = hand[7] = 0;
	memset(hand + 44, 0, 4);		/* the data of option 0x3e, not its type and length */
	by_hand(hand, sizeof(v6), want);
	init(&xf, false);
	assert_int_equal(ah_len(&xf, 6), 32);
	assert_int_equal(ah_len(&xf, 4), 28);
	assert_int_equal(ah_sign(ctx, &xf, p, &at, 0), ESP_OK);
	assert_memory_equal(p + 68, want, ICV);
	for (size_t i = 1; i < sizeof(v6); i++) {
		bool may = (i >= 1 && i <= 3) || i == 7 || (i >= 44 && i < 48);

		if (i == 4 || i == 5 || i == 6 || (i >= 40 && i < 44) || (i >= 48 && i < 51) ||
		    (i >= 53 && i < 56) || i == 57)
			continue;
		p[i] ^= 0x41;
		assert_int_equal(ah_find(&at, SPAN_ARRAY(p)), 0);
		assert_int_equal(ah_check(ctx, &xf, SPAN_ARRAY(p), &at, 0), may ? ESP_OK : ESP_BAD_ICV);
		p[i] ^= 0x41;
	}
	esp_xf_free(&xf);
}

/* Cut anywhere, with every length wrong, it is refused or checked within bounds (run under sanitizers and valgrind). */
static void
test_hostile(void **state)
{
	static const struct { const uint8_t *p; size_t len; } all[] = { { v4, sizeof(v4) }, { v6, sizeof(v6) } };
	struct esp_xf xf;
	struct ah_at at;

	(void)state;
	init(&xf, false);
	for (size_t k = 0; k < 2; k++) {
		for (size_t len = 0; len < all[k].len; len++) {
			uint8_t *cut = malloc(len > 0 ? len : 1);

			assert_non_null(cut);
			memcpy(cut, all[k].p, len);
			assert_int_equal(ah_find(&at, span_of(cut, len)), -1);
			free(cut);
		}
		for (size_t i = 0; i < all[k].len; i++)
			for (unsigned v = 0; v < 256; v++) {
				uint8_t *p = malloc(all[k].len);

				assert_non_null(p);
				memcpy(p, all[k].p, all[k].len);
				p[i] = (uint8_t)v;
				if (ah_find(&at, span_of(p, all[k].len)) == 0 && at.len > 0) {
					assert_true(at.off + at.len <= at.end && at.end <= all[k].len);
					assert_int_not_equal(ah_check(ctx, &xf, span_of(p, all[k].len), &at, 0),
					    ESP_OK);	/* its ICV is zeros */
				}
				free(p);
			}
	}
	esp_xf_free(&xf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4), cmocka_unit_test(test_v6), cmocka_unit_test(test_hostile),
	};

	(void)secret_init();
	if ((ctx = esp_ctx_new(esp_backends, &rand_system, NULL)) == NULL)
		return (1);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	esp_ctx_free(ctx);
	return (rc);
}
