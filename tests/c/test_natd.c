/* NAT detection and the versions of NAT traversal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#include "base/hex.h"
#include "ike/v1base/natd.h"

static const uint8_t cky_i[COOKIE_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 },
    cky_r[COOKIE_LEN] = { 9, 10, 11, 12, 13, 14, 15, 16 };
static struct fault f;

static struct endpoint
at(const char *addr, uint16_t port)
{
	struct endpoint e = { .port = port };

	assert_int_equal(addr_parse(&e.addr, addr), 0);
	return (e);
}

/*
 * Known answers of the openssl command:
 *   printf '\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\xc0\x00\x02\x01\x01\xf4' |
 *   openssl dgst -sha1
 * and for 2001:db8::1 port 4500 with -sha256.
 */
static void
hash_is_that_of_the_rfc(void **state)
{
	struct endpoint e = at("192.0.2.1", 500), six = at("2001:db8::1", 4500);
	uint8_t out[HASH_MAX];
	char hex[2 * HASH_MAX + 1];

	(void)state;
	assert_int_equal(natd_hash(alg_hash_word("sha1"), cky_i, cky_r, &e, out, &f), 0);
	assert_string_equal(hex_put(hex, sizeof(hex), span_of(out, 20)), "f91d4f6bc96115a493f7b83bfe8b8f9b6c885243");
	assert_int_equal(natd_hash(alg_hash_word("md5"), cky_i, cky_r, &e, out, &f), 0);
	assert_string_equal(hex_put(hex, sizeof(hex), span_of(out, 16)), "46c4bd14a69bf08db225f2db8b843d0d");
	assert_int_equal(natd_hash(alg_hash_word("sha256"), cky_i, cky_r, &six, out, &f), 0);
	assert_string_equal(hex_put(hex, sizeof(hex), span_of(out, 32)),
	    "40cfec70139e0ddc1181fe8684fc61a81c786de9b54ce032f5934176734e01c8");
}

static void
the_best_common_version_is_taken(void **state)
{
	static const struct { uint32_t ours, theirs; const char *name; } t[] = {
#define V(x) (1U << VID_NATT_##x)
#define ALL (NATT_ALL | V(DRAFT_01))
		{ ALL, V(RFC3947) | V(DRAFT_03) | V(DRAFT_00), "rfc3947" },
		{ ALL, V(DRAFT_02) | V(DRAFT_02_N), "draft-02" },
		{ ALL, V(DRAFT_00) | V(DRAFT_03), "draft-03" },
		{ V(DRAFT_00) | V(DRAFT_02), V(RFC3947) | V(DRAFT_02) | V(DRAFT_00), "draft-02" },
		{ V(DRAFT_00), V(RFC3947) | V(DRAFT_00) | V(DRAFT_01), "draft-00" },
		{ ALL, V(DRAFT_01) | V(DRAFT_00), "draft-01" },
		{ V(RFC3947), V(DRAFT_03), NULL },
		{ ALL, 1U << VID_DPD | 1U << VID_FEATURE | 1U << VID_UNKNOWN, NULL },
		{ ALL, 0, NULL }, { 0, ALL, NULL }, { NATT_ALL, V(DRAFT_01), NULL },
#undef ALL
#undef V
	};
	const struct natt_version *v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		v = natt_choose(t[i].ours, t[i].theirs);
		if (t[i].name == NULL)
			assert_null(v);
		else
			assert_string_equal(v->word, t[i].name);
	}
	/* Either spelling of draft 02 will do. */
	assert_non_null(natt_choose(1U << VID_NATT_DRAFT_02, 1U << VID_NATT_DRAFT_02_N));
}

static void
versions_differ_as_the_drafts_say(void **state)
{
	static const struct { const char *word; uint8_t natd, natoa; uint16_t tunnel, transport;
	    bool floats; } t[] = {
		{ "rfc3947", 20, 21, 3, 4, true }, { "draft-03", 130, 131, 61443, 61444, true },
		{ "draft-02", 130, 131, 61443, 61444, true },
		{ "draft-01", 130, 131, 61443, 61444, false },
		{ "draft-00", 130, 131, 61443, 61444, false },
	};
	const struct natt_version *v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		v = natt_version_word(t[i].word);
		assert_non_null(v);
		assert_true(v->natd == t[i].natd && v->natoa == t[i].natoa &&
		    v->encap_tunnel == t[i].tunnel && v->encap_transport == t[i].transport &&
		    v->floats == t[i].floats);
	}
	for (i = 0; (v = natt_version_row(i)) != NULL; i++)
		assert_non_null(vid_of(v->kind));
	assert_int_equal(i, 6);
	assert_null(natt_version_word("none"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_that_of_the_rfc),
		cmocka_unit_test(the_best_common_version_is_taken),
		cmocka_unit_test(versions_differ_as_the_drafts_say),
	};

	return (cmocka_run_group_tests_name("natd", tests, NULL, NULL));
}
