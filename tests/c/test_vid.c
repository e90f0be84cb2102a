/* Vendor IDs: the bytes of each row against the MD5 of its text, and look-ups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/hex.h"
#include "ike/v1base/quirks.h"
#include "wire/vid.h"

static void
each_text_hashes_to_its_bytes(void **state)
{
	const struct vid *v;
	unsigned char md[EVP_MAX_MD_SIZE];
	size_t i, len, seen = 0;

	(void)state;
	for (i = 0; (v = vid_row(i)) != NULL; i++) {
		assert_non_null(v->name);
		assert_true(v->bytes.len >= 2 && v->bytes.len <= 64);
		if (v->text == NULL)
			continue;
		assert_int_equal(EVP_Q_digest(NULL, "MD5", NULL, v->text, strlen(v->text), md, NULL),
		    1);
		len = v->bytes.len < 16 ? v->bytes.len : v->kind == VID_UNITY ? 14 : 16;
		assert_memory_equal(md, v->bytes.p, len);
		seen++;
	}
	assert_true(seen > 20);
}

static void
each_row_is_found_by_its_bytes(void **state)
{
	const struct vid *v, *w;
	uint8_t b[80];
	size_t i, k;

	(void)state;
	for (i = 0; (v = vid_row(i)) != NULL; i++) {
		memset(b, 'x', sizeof(b));
		memcpy(b, v->bytes.p, v->bytes.len);
		/* "OE" counts with twelve bytes only. */
		if (v->bytes.len == 2) {
			assert_ptr_equal(vid_find(span_of(b, 12)), v);
			assert_null(vid_find(span_of(b, 11)));
			continue;
		}
		w = vid_find(v->bytes);
		assert_non_null(w);
		assert_string_equal(w->name, v->name);
		/* One byte short, one byte wrong, and one too many. */
		for (k = 0; k < v->bytes.len; k++) {
			w = vid_find(span_of(b, k));
			assert_true(w == NULL || w->bytes.len <= k);
			b[k] ^= 1;
			w = vid_find(span_of(b, v->bytes.len));
			assert_true(w == NULL || w->bytes.len <= k);
			b[k] ^= 1;
		}
		w = vid_find(span_of(b, v->bytes.len + 1));
		assert_true(w == NULL ? !v->prefix : w->prefix);
	}
	assert_null(vid_find(SPAN_NONE));
}

static void
known_ids_have_their_kind(void **state)
{
	static const struct { const char *hex; enum vid_kind kind; const char *name; } t[] = {
		{ "4a131c81070358455c5728f20e95452f", VID_NATT_RFC3947, "NAT-T RFC 3947" },
		{ "90cb80913ebb696e086381b5ec427b1f", VID_NATT_DRAFT_02_N, NULL },
		{ "cd60464335df21f87cfdb2fc68b6a448", VID_NATT_DRAFT_02, NULL },
		{ "7d9419a65310ca6f2c179d9215529d56", VID_NATT_DRAFT_03, NULL },
		{ "4485152d18b6bbcd0be8a8469579ddcc", VID_NATT_DRAFT_00, NULL },
		{ "afcad71368a1f1c96b8696fc77570100", VID_DPD, "DPD" },
		{ "09002689dfd6b712", VID_XAUTH, NULL },
		{ "12f5f28c457168a9702d9fe274cc0100", VID_UNITY, NULL },
		{ "12f5f28c457168a9702d9fe274cc0204", VID_UNITY, NULL },
		{ "4048b7d56ebce88525e7de7f00d6c2d3c0000000", VID_FRAGMENTATION, NULL },
		{ "882fe56d6fd20dbc2251613b2ebe5beb", VID_IMPLEMENTATION, "strongSwan" },
		{ "4f452d4c69627265737761" "6e2d342e39", VID_IMPLEMENTATION, "Libreswan" },
		{ "4f456c4f5c7d5d4a6c576b70", VID_IMPLEMENTATION, "Openswan" },
		{ "1e2b516905991c7d7c96fcbfb587e46100000009", VID_IMPLEMENTATION, "Windows" },
		{ "afcad71368a1f1c96b8696fc77570200", VID_UNKNOWN, NULL },
	};
	const struct vid *v;
	uint8_t b[64];
	size_t i;
	long n;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		n = hex_get(b, sizeof(b), t[i].hex);
		assert_true(n > 0);
		v = vid_find(span_of(b, (size_t)n));
		assert_int_equal(v != NULL ? v->kind : VID_UNKNOWN, t[i].kind);
		if (t[i].name != NULL)
			assert_string_equal(v->name, t[i].name);
	}
	assert_int_equal(vid_of(VID_UNITY)->bytes.len, 16);
	assert_null(vid_of(VID_UNKNOWN));
}

/* Each quirk has a row whose vendor ID is known; it applies to the peers that sent that ID, or to all without one. */
static void
quirks_follow_their_vendor_ids(void **state)
{
	struct v1_vids none = {0}, one;
	const struct v1_quirk_row *q;
	const struct vid *v;
	uint32_t seen = 0;
	size_t i, j;

	(void)state;
	for (i = 0; (q = v1_quirk_row(i)) != NULL; i++) {
		seen |= 1U << q->quirk;
		assert_true(q->family[0] != 0 && q->what[0] != 0 && q->why[0] != 0);
		assert_int_equal(v1_quirk(&none, q->quirk), q->vid == NULL);
		if (q->vid == NULL)
			continue;
		for (j = 0; (v = vid_row(j)) != NULL && strcmp(v->name, q->vid) != 0; j++)
			;
		assert_non_null(v);
		one = (struct v1_vids){0};
		v1_vids_add(&one, vid_of(VID_DPD)->bytes);
		assert_false(v1_quirk(&one, q->quirk));
		v1_vids_add(&one, v->bytes);
		assert_true(v1_quirk(&one, q->quirk));
		v1_vids_free(&one);
	}
	assert_int_equal(seen, (1U << V1_QUIRKS) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_text_hashes_to_its_bytes),
		cmocka_unit_test(each_row_is_found_by_its_bytes),
		cmocka_unit_test(quirks_follow_their_vendor_ids),
		cmocka_unit_test(known_ids_have_their_kind),
	};

	return (cmocka_run_group_tests_name("vid", tests, NULL, NULL));
}
