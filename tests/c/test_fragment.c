/* IKE fragments: taking apart, putting together in any order, what contradicts, and limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/fragment.h"

#define LEN	3000

static uint8_t message[LEN], dgram[LEN + FRAG_HDR_LEN];
static const struct isakmp_hdr hdr = { .exchange = EXCHANGE_MAIN, .next = PAYLOAD_FRAG };

static int
set_up(void **state)
{
	struct wr w = wr_of(message, sizeof(message));
	struct isakmp_hdr h = {
		.cky_i = "initiato", .cky_r = "responde", .next = PAYLOAD_ID, .version = ISAKMP_VERSION_1,
		.exchange = EXCHANGE_MAIN, .flags = ISAKMP_FLAG_ENCRYPTED, .mid = 7, .length = LEN,
	};
	size_t i;

	(void)state;
	isakmp_hdr_put(&w, &h);
	for (i = ISAKMP_HDR_LEN; i < LEN; i++)
		message[i] = (uint8_t)(i * 7 + i / 251);
	return (0);
}

/* Fragment ${i} of the message in parts of ${part} bytes, as a receiver reads it. */
static struct frag
cut(size_t part, size_t i, struct isakmp_hdr *h)
{
	struct span d = frag_put(dgram, sizeof(dgram), SPAN_ARRAY(message), part, i);
	struct frag p;
	struct fault f = {0};

	assert_int_equal(isakmp_hdr_get(h, d, &f), 0);
	if (frag_get_dgram(&p, h, d, &f) != 0)
		fail_msg("%s", f.what);
	return (p);
}

static enum frag_added
add(struct frag_set *g, uint8_t number, bool last, const char *data)
{
	const struct frag p = { .id = 1, .number = number, .last = last, .data = span_str(data) };
	struct fault f;

	return (frag_set_add(g, &hdr, &p, &f));
}

static void
becomes(struct frag_set *g, const char *text)
{
	struct bytes whole = {0};

	assert_int_equal(frag_set_join(g, &whole), 0);
	assert_int_equal(whole.len, strlen(text));
	assert_memory_equal(whole.p, text, whole.len);
	bytes_free(&whole);
	frag_set_free(g);
}

/* Any size of a part, in order, backwards and twice: the message comes back. */
static void
comes_back(void **state)
{
	static const size_t parts[] = { 1, 12, 13, 500, LEN - 1, LEN, LEN + 1 };
	struct isakmp_hdr h;
	struct bytes whole = {0};
	size_t i, k, n, way;

	(void)state;
	for (k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
		for (way = 0; way < 3; way++) {
			struct frag_set *g = frag_set_new(FRAG_MSG_MAX);
			enum frag_added is = FRAG_KEPT;

			n = frag_count(LEN, parts[k]);
			if (parts[k] == 1) {
				assert_int_equal(n, 0);
				assert_int_equal(frag_put(dgram, sizeof(dgram), SPAN_ARRAY(message), 1, 0).len, 0);
			}
			for (i = 0; i < n; i++) {
				struct frag p = cut(parts[k], way == 1 ? n - 1 - i : i, &h);
				struct fault f;

				assert_int_equal(h.flags, 0);
				assert_int_equal(h.mid, 7);
				assert_int_equal(is, FRAG_KEPT);
				is = frag_set_add(g, &h, &p, &f);
				if (way == 2)
					assert_int_equal(frag_set_add(g, &h, &p, &f), FRAG_AGAIN);
			}
			if (n > 0) {
				assert_int_equal(is, FRAG_DONE);
				assert_int_equal(frag_set_join(g, &whole), 0);
				assert_int_equal(whole.len, LEN);
				assert_memory_equal(whole.p, message, LEN);
			}
			frag_set_free(g);
		}
	bytes_free(&whole);
	assert_int_equal(frag_put(dgram, 500, SPAN_ARRAY(message), 500, 0).len, 0);	/* no room */
	assert_int_equal(frag_put(dgram, sizeof(dgram), SPAN_ARRAY(message), 500, 6).len, 0);	/* no such */
}

static void
syntax(void **state)
{
	static const struct { const char *b; size_t len; bool good; } bodies[] = {
		{ "", 0, false }, { "\0\1\1", 3, false }, { "\0\1\1\1", 4, false }, { "\0\1\0\1x", 5, false },
		{ "\0\1\1\1x", 5, true }, { "\xff\xff\xff\xffx", 5, true },
	};
	struct isakmp_hdr h = hdr;
	struct frag p;
	struct fault f;
	size_t i, len;
	struct span d;

	(void)state;
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_int_equal(frag_get(&p, span_of((const uint8_t *)bodies[i].b, bodies[i].len), &f),
		    bodies[i].good ? 0 : -1);
	assert_true(p.id == 0xffff && p.number == 255 && p.last);
	/* each wrong length of the payload, and a second payload */
	d = frag_put(dgram, sizeof(dgram), SPAN_ARRAY(message), 50, 0);
	assert_int_equal(isakmp_hdr_get(&h, d, &f), 0);
	for (len = 0; len < 100; len++) {
		put_be16(dgram + ISAKMP_HDR_LEN + 2, (uint16_t)len);
		/* shorter by up to three: data that is no zero follows */
		assert_int_equal(frag_get_dgram(&p, &h, d, &f), len == 58 ? 0 : -1);
	}
	put_be16(dgram + ISAKMP_HDR_LEN + 2, 58);
	dgram[ISAKMP_HDR_LEN] = PAYLOAD_FRAG;
	assert_int_equal(frag_get_dgram(&p, &h, d, &f), -1);
	memcpy(dgram + d.len, "\0\0\0\5x", 5);
	put_be32(dgram + 24, (uint32_t)d.len + 5);
	assert_int_equal(isakmp_hdr_get(&h, span_of(dgram, d.len + 5), &f), 0);
	assert_int_equal(frag_get_dgram(&p, &h, span_of(dgram, d.len + 5), &f), -1);
}

static void
contradictions(void **state)
{
	struct frag_set *g = frag_set_new(100);

	(void)state;
	assert_int_equal(add(g, 3, false, "ef"), FRAG_KEPT);
	assert_int_equal(add(g, 2, true, "cd"), FRAG_REFUSED);	/* the last one, and 3 is there */
	assert_int_equal(add(g, 4, true, "gh"), FRAG_KEPT);
	assert_int_equal(add(g, 5, true, "ij"), FRAG_REFUSED);	/* a second last one */
	assert_int_equal(add(g, 3, true, "ef"), FRAG_REFUSED);
	assert_int_equal(add(g, 5, false, "ij"), FRAG_REFUSED);	/* behind the last */
	assert_int_equal(add(g, 3, false, "EF"), FRAG_REFUSED);	/* overlaps */
	assert_int_equal(add(g, 3, false, "e"), FRAG_REFUSED);
	assert_int_equal(add(g, 3, false, "ef"), FRAG_AGAIN);
	assert_int_equal(add(g, 4, true, "gh"), FRAG_AGAIN);
	assert_int_equal(add(g, 2, false, "cd"), FRAG_KEPT);
	assert_int_equal(frag_set_count(g), 3);
	assert_int_equal(add(g, 1, false, "ab"), FRAG_DONE);
	becomes(g, "abcdefgh");

	/* the same fragment, first without and then with the flag */
	g = frag_set_new(100);
	assert_int_equal(add(g, 1, false, "ab"), FRAG_KEPT);
	assert_int_equal(add(g, 1, true, "ab"), FRAG_REFUSED);
	frag_set_free(g);
}

/* Another ID, exchange or message ID is another message: what was there goes. */
static void
another_message(void **state)
{
	struct frag_set *g;
	struct isakmp_hdr h;
	struct frag p;
	struct fault f;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		g = frag_set_new(100);
		assert_int_equal(add(g, 1, false, "ab"), FRAG_KEPT);
		assert_int_equal(add(g, 3, true, "ef"), FRAG_KEPT);
		h = hdr;
		h.exchange = i == 0 ? EXCHANGE_INFO : EXCHANGE_MAIN;
		h.mid = i == 1 ? 9 : 0;
		p = (struct frag){ .id = i == 2 ? 2 : 1, .number = 2, .last = true, .data = span_str("yz") };
		assert_int_equal(frag_set_add(g, &h, &p, &f), FRAG_KEPT);
		assert_int_equal(frag_set_count(g), 1);
		p = (struct frag){ .id = p.id, .number = 1, .data = span_str("wx") };
		assert_int_equal(frag_set_add(g, &h, &p, &f), FRAG_DONE);
		becomes(g, "wxyz");
	}
}

static void
limits(void **state)
{
	struct frag_set *g = frag_set_new(FRAGS_MAX * 2);
	struct bytes whole = {0};
	unsigned i;

	(void)state;
	assert_int_equal(frag_set_join(g, &whole), -1);
	for (i = FRAGS_MAX; i > 0; i--) {
		assert_int_equal(add(g, (uint8_t)i, i == FRAGS_MAX, i == 9 ? "xyz" : "xy"), i == 9 ? FRAG_KEPT :
		    i == 1 ? FRAG_REFUSED : FRAG_KEPT);
		assert_int_equal(frag_set_join(g, &whole), -1);
	}
	assert_int_equal(add(g, 1, false, "x"), FRAG_DONE);
	assert_int_equal(frag_set_join(g, &whole), 0);
	assert_int_equal(whole.len, FRAGS_MAX * 2);
	bytes_free(&whole);
	frag_set_free(g);

	g = frag_set_new(3);
	assert_int_equal(add(g, 1, false, "abcd"), FRAG_REFUSED);
	assert_int_equal(add(g, 1, false, "ab"), FRAG_KEPT);
	assert_int_equal(add(g, 2, true, "cd"), FRAG_REFUSED);
	assert_int_equal(add(g, 2, true, "c"), FRAG_DONE);
	becomes(g, "abc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(syntax),
		cmocka_unit_test(contradictions),
		cmocka_unit_test(another_message),
		cmocka_unit_test(limits),
	};

	return (cmocka_run_group_tests(tests, set_up, NULL));
}
