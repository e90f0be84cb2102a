/* NHRP packets: those of FRR decoded and encoded again, hostile ones, extensions, authentication, words. */
#include "nhrp_net.h"

#include "base/csum.h"
#include "capture/capture.h"
#include "gre/gre.h"
#include "nhrp/auth.h"
#include "nhrp/ext.h"
#include "nhrp/words.h"

#define REQUEST	"plain 1 "

/* Decodes ${v} as changed, after its checksum was made right. */
static int
decode_changed(struct vec *v, struct nhrp_packet *p, struct fault *f)
{
	size_t size = get_be16(v->b + 10);

	*f = (struct fault){0};
	if (size >= NHRP_FIXED && size <= v->len)
		nhrp_checksum_put(v->b, size);
	return (nhrp_decode(p, vec_span(v), f));
}

static void
same_bytes(struct span s)
{
	static uint8_t out[NHRP_PACKET_MAX];
	struct nhrp_packet p;
	struct fault f = {0};
	size_t n;

	if (nhrp_decode(&p, s, &f) != 0)
		fail_msg("at %zu: %s", f.at, f.what);
	n = nhrp_encode(out, sizeof(out), &p);
	assert_span_eq(span_of(out, n), span_of(s.p, get_be16(s.p + 10)));
}

static void
frr_packets_come_back_byte_for_byte(void **state)
{
	FILE *fp = vec_open(VEC_OURS, "nhrp_frr.txt");
	static char value[2 * VEC_MAX];
	char line[128];
	struct vec v;
	unsigned types = 0, n = 0;

	(void)state;
	for (; vec_line(fp, line, sizeof(line), value, sizeof(value)); n++) {
		vec_hex(&v, value);
		same_bytes(vec_span(&v));
		types |= 1U << v.b[17];
	}
	(void)fclose(fp);
	assert_int_equal(n, 40);
	assert_int_equal(types, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 8);
}

/* The NHRP packets of a capture in the directory of more vectors. */
static void
capture_comes_back(const char *name)
{
	struct capture_packet c;
	struct fault f = {0};
	struct capture *cap;
	struct gre_head h;
	size_t len;
	unsigned n = 0;

	if (!vec_exists(VEC_MORE, name)) {
		print_message("no %s\n", name);
		skip();
	}
	cap = capture_open(vec_path(VEC_MORE, name), &f);
	assert_non_null(cap);
	while (capture_next(cap, &c, &f) > 0)
		if (c.what == CAPTURE_GRE && gre_parse(&h, &len, c.data) == GRE_OK && h.proto == GRE_NHRP) {
			same_bytes(span_of(c.data.p + len, c.data.len - len));
			assert_int_equal(h.key, 42);
			n++;
		}
	capture_close(cap);
	assert_true(n > 10);
}

static void
published_phase3_comes_back(void **state)
{
	(void)state;
	capture_comes_back("nhrp/dmvpn-frr844-phase3.pcap");
}

static void
published_nat_comes_back(void **state)
{
	(void)state;
	capture_comes_back("nhrp/dmvpn-frr844-nat.pcap");
}

static void
reads_the_fields(void **state)
{
	struct vec v = frr_packet(REQUEST);
	struct nhrp_packet p;
	struct fault f = {0};
	char label[NHRP_LABEL], words[NHRP_WORDS];

	(void)state;
	assert_int_equal(nhrp_decode(&p, vec_span(&v), &f), 0);
	assert_int_equal(p.type, NHRP_REGISTRATION_REQUEST);
	assert_string_equal(nhrp_label(label, &p), "registration request 1: 10.255.255.1 -> 10.255.255.1");
	assert_string_equal(nhrp_words(words, sizeof(words), &p),
	    "from 203.0.113.11, hop count 1, NAT\n"
	    "none/32 at none, holding time 30 s\n"
	    "forward transit NHS record: empty\n"
	    "reverse transit NHS record: empty\n"
	    "responder address: empty\n"
	    "NAT address (optional):\n"
	    "  0.0.0.0/32 at 203.0.113.254\n");
}

/* --- hostile packets --- */

static void
expect(struct vec *v, enum fault_code code, size_t at)
{
	struct nhrp_packet p;
	struct fault f;

	assert_int_equal(decode_changed(v, &p, &f), -1);
	assert_int_equal(f.code, code);
	assert_int_equal(f.at, at);
}

static void
every_truncation_is_refused(void **state)
{
	struct vec v = frr_packet("plain 9 ");	/* an indication's or a reply's neighbour: any will do */
	struct nhrp_packet p;
	size_t n;

	(void)state;
	for (n = 0; n < v.len; n++) {
		/* A copy of its own length, so that a sanitizer sees a read behind it. */
		uint8_t *tight = malloc(n + 1);

		assert_non_null(tight);
		memcpy(tight, v.b, n);
		assert_int_equal(nhrp_decode(&p, span_of(tight, n), NULL), -1);
		free(tight);
	}
}

static void
extension_offset_outside(void **state)
{
	static const uint16_t bad[] = { 1, 19, 0xffff, 4096 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vec v = frr_packet(REQUEST);

		put_be16(v.b + 14, bad[i]);
		expect(&v, FAULT_MALFORMED, 14);
	}
	for (i = NHRP_FIXED; i < 44; i++) {	/* inside of the mandatory part */
		struct vec v = frr_packet(REQUEST);
		struct nhrp_packet p;
		struct fault f;

		put_be16(v.b + 14, (uint16_t)i);
		if (i != 40)	/* where the CIE begins: a request without one, whose extensions are nonsense */
			assert_int_equal(decode_changed(&v, &p, &f), -1);
	}
}

static void
cie_lengths_past_the_end(void **state)
{
	static const size_t at[] = { 40 + 8, 40 + 9, 40 + 10 };	/* NBMA, subaddress, protocol lengths of the CIE */
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct vec v = frr_packet(REQUEST);
		struct nhrp_packet p;
		struct fault f;

		v.b[at[i]] = 0x3f;
		assert_int_equal(decode_changed(&v, &p, &f), -1);
		assert_int_equal(f.code, FAULT_TRUNCATED);
	}
}

static void
family_out_of_table(void **state)
{
	struct vec v = frr_packet(REQUEST);

	(void)state;
	put_be16(v.b, 0x4005);
	expect(&v, FAULT_MALFORMED, 0);
	v = frr_packet(REQUEST);
	put_be16(v.b + 2, 0x0806);
	expect(&v, FAULT_MALFORMED, 2);
	v = frr_packet(REQUEST);
	v.b[16] = 2;
	expect(&v, FAULT_WRONG_VERSION, 16);
	v = frr_packet(REQUEST);
	v.b[17] = 9;
	expect(&v, FAULT_MALFORMED, 17);
}

static void
address_of_a_wrong_length(void **state)
{
	static const uint8_t len[] = { 1, 3, 5, 16 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(len); i++) {
		struct vec v = frr_packet(REQUEST);

		v.b[18] = len[i];
		expect(&v, FAULT_MALFORMED, 28);
	}
	for (i = 0; i < sizeof(len); i++) {
		struct vec v = frr_packet(REQUEST);

		v.b[20] = len[i];
		expect(&v, FAULT_MALFORMED, 32);
	}
}

static void
size_field_lies(void **state)
{
	struct vec v = frr_packet(REQUEST);

	(void)state;
	put_be16(v.b + 10, (uint16_t)(v.len + 1));
	expect(&v, FAULT_TRUNCATED, 10);
	put_be16(v.b + 10, 4097);
	expect(&v, FAULT_TOO_LARGE, 10);
	put_be16(v.b + 10, 19);
	expect(&v, FAULT_TRUNCATED, 10);
}

static void
too_many_entries_and_extensions(void **state)
{
	static uint8_t out[NHRP_PACKET_MAX];
	struct vec v = frr_packet(REQUEST);
	struct nhrp_packet p, q;
	struct fault f = {0};
	size_t n;

	(void)state;
	assert_int_equal(nhrp_decode(&p, vec_span(&v), &f), 0);
	while (p.n_cies < NHRP_CIES_MAX)
		p.cie[p.n_cies++] = p.cie[0];
	while (nhrp_ext_add(&p, NHRP_EXT_VENDOR, false, SPAN_NONE) == 0)
		;
	n = nhrp_encode(out, sizeof(out) - 12, &p);
	assert_true(n > 0);
	assert_int_equal(nhrp_decode(&q, span_of(out, n), &f), 0);
	assert_int_equal(q.n_cies, NHRP_CIES_MAX);
	/* One more entry: twelve bytes in front of the extensions. */
	memmove(out + get_be16(out + 14) + 12, out + get_be16(out + 14), n - get_be16(out + 14));
	memset(out + get_be16(out + 14), 0, 12);
	put_be16(out + 10, (uint16_t)(n + 12));
	put_be16(out + 14, (uint16_t)(get_be16(out + 14) + 12));
	nhrp_checksum_put(out, n + 12);
	assert_int_equal(nhrp_decode(&q, span_of(out, n + 12), &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
}

static void
truncated_inner_packet_of_an_indication(void **state)
{
	static uint8_t out[NHRP_PACKET_MAX];
	struct nhrp_packet p = { .afn = 1, .proto = NHRP_PROTO_IPV4, .type = NHRP_TRAFFIC_INDICATION, .hops = 1,
	    .src_nbma = { 4, { 203, 0, 113, 254 }, 0 }, .src = { 4, { 10, 255, 255, 254 }, 0 }, .dst = { 4, { 10, 1, 0, 1 }, 0 } }, q;
	static const uint8_t inner[40] = { 0x45, 0, 0, 84 };
	char words[NHRP_WORDS];
	size_t len, n;

	(void)state;
	for (len = 0; len <= sizeof(inner); len++) {
		p.inner = span_of(inner, len);
		n = nhrp_encode(out, sizeof(out), &p);
		assert_true(n > 0);
		assert_int_equal(nhrp_decode(&q, span_of(out, n), NULL), 0);
		assert_int_equal(q.inner.len, len);
		assert_non_null(strstr(nhrp_words(words, sizeof(words), &q), len < 20 ? "bytes of a packet" : "0.0.0.0"));
	}
}

/* An odd last byte is the high byte of its word; the low byte, as FRR had it, is understood and never sent. */
static void
odd_last_byte_is_the_high_byte(void **state)
{
	static uint8_t out[NHRP_PACKET_MAX];
	struct nhrp_packet p = { .afn = 1, .proto = NHRP_PROTO_IPV4, .type = NHRP_TRAFFIC_INDICATION, .hops = 1,
	    .src = { 4, { 10, 0, 0, 1 }, 0 }, .dst = { 4, { 10, 0, 0, 2 }, 0 }, .inner = { (const uint8_t *)"\x45\x01\x99", 3 } }, q;
	size_t n = nhrp_encode(out, sizeof(out), &p);
	uint32_t sum = 0;
	size_t i;

	(void)state;
	assert_int_equal(n % 2, 1);
	for (i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)out[i] << 8 : out[i];
	assert_int_equal(((sum & 0xffff) + (sum >> 16)) % 0xffff, 0);
	assert_int_equal(nhrp_decode(&q, span_of(out, n), NULL), 0);
	assert_false(q.odd_sum);
	put_be16(out + 12, 0);
	csum_put(out + 12, csum_bytes(out, n - 1) + csum_number(out[n - 1]), false);
	assert_int_equal(nhrp_decode(&q, span_of(out, n), NULL), 0);
	assert_true(q.odd_sum);
	out[12] ^= 1;
	assert_int_equal(nhrp_decode(&q, span_of(out, n), NULL), -1);
}

/* --- extensions and authentication --- */

static void
transit_records_find_a_loop(void **state)
{
	static struct nhrp_arena a;
	struct vec v = frr_packet(REQUEST);
	struct nhrp_packet p;
	struct nhrp_cie own = { .proto = { 4, { 10, 255, 255, 254 }, 0 }, .nbma = { 4, { 203, 0, 113, 254 }, 0 }, .holding = 60 };
	struct nhrp_ext *e;

	(void)state;
	assert_int_equal(nhrp_decode(&p, vec_span(&v), NULL), 0);
	e = nhrp_ext_find(&p, NHRP_EXT_FORWARD);
	assert_non_null(e);
	assert_false(nhrp_ext_names(e, &p, &own.proto));
	assert_int_equal(nhrp_ext_append(e, &own, &a), 0);
	assert_true(nhrp_ext_names(e, &p, &own.proto));
	a.n = sizeof(a.b) - 10;
	assert_int_equal(nhrp_ext_append(e, &own, &a), -1);
}

static void
authentication_of_both_forms(void **state)
{
	static uint8_t out[NHRP_PACKET_MAX];
	struct nhrp_auth a = { .kind = NHRP_AUTH_CLEAR, .spi = 7 }, other = a, none = {0};
	struct vec v = frr_packet(REQUEST);
	struct nhrp_packet p, q;
	struct fault f = {0};
	size_t n, i;

	(void)state;
	assert_int_equal(secret_set(&a.secret, span_str("secret")), 0);
	assert_int_equal(secret_set(&other.secret, span_str("secreT")), 0);
	assert_int_equal(nhrp_decode(&p, vec_span(&v), &f), 0);
	assert_int_equal(nhrp_auth_check(&none, &p, vec_span(&v)), NHRP_AUTH_GOOD);
	for (i = 0; i < 2; i++) {
		a.kind = other.kind = i == 0 ? NHRP_AUTH_CLEAR : NHRP_AUTH_HMAC;
		assert_int_equal(nhrp_auth_check(&a, &p, vec_span(&v)), NHRP_AUTH_MISSING);
		n = nhrp_encode_auth(out, sizeof(out), &p, &a, &p.src, &f);
		assert_true(n > v.len);
		assert_int_equal(nhrp_decode(&q, span_of(out, n), &f), 0);
		assert_int_equal(nhrp_auth_check(&a, &q, span_of(out, n)), NHRP_AUTH_GOOD);
		assert_int_equal(nhrp_auth_check(&other, &q, span_of(out, n)), NHRP_AUTH_WRONG);
		/* One extension only, before the NAT address: two of them break Cisco's. */
		n = nhrp_encode_auth(out, sizeof(out), &q, &a, &p.src, &f);
		assert_int_equal(nhrp_decode(&q, span_of(out, n), &f), 0);
		assert_int_equal(q.n_exts, p.n_exts + 1);
		assert_int_equal(q.ext[3].type, NHRP_EXT_AUTH);
		assert_int_equal(q.ext[4].type, NHRP_EXT_NAT);
		other.kind = i == 0 ? NHRP_AUTH_HMAC : NHRP_AUTH_CLEAR;
		assert_int_equal(nhrp_auth_check(&other, &q, span_of(out, n)), NHRP_AUTH_OTHER_FORM);
	}
	/* HMAC: a bit of the packet, or another SPI. */
	out[NHRP_FIXED + 7] ^= 1;
	nhrp_checksum_put(out, n);
	assert_int_equal(nhrp_decode(&q, span_of(out, n), &f), 0);
	assert_int_equal(nhrp_auth_check(&a, &q, span_of(out, n)), NHRP_AUTH_WRONG);
	secret_free(&a.secret);
	secret_free(&other.secret);
}

static void
the_clear_text_is_not_in_words(void **state)
{
	static uint8_t out[NHRP_PACKET_MAX];
	struct nhrp_auth a = { .kind = NHRP_AUTH_CLEAR };
	struct vec v = frr_packet(REQUEST);
	char words[NHRP_WORDS];
	struct nhrp_packet p, q;
	size_t n;

	(void)state;
	assert_int_equal(secret_set(&a.secret, span_str("s3cret!!")), 0);
	assert_int_equal(nhrp_decode(&p, vec_span(&v), NULL), 0);
	n = nhrp_encode_auth(out, sizeof(out), &p, &a, &p.src, NULL);
	assert_int_equal(nhrp_decode(&q, span_of(out, n), NULL), 0);
	assert_non_null(strstr(nhrp_words(words, sizeof(words), &q), "authentication: clear text, 12 bytes\n"));
	assert_null(strstr(words, "s3cret"));
	secret_free(&a.secret);
}

static void
old_codes_have_words(void **state)
{
	char buf[NHRP_NUM_TEXT];

	(void)state;
	assert_string_equal(nhrp_code_words(11, buf), nhrp_code_words(12, buf));
	assert_string_equal(nhrp_error_words(2, buf), "loop detected");
	assert_string_equal(nhrp_error_words(99, buf), "error 99");
	assert_int_equal(NHRP_CODE_NO_BINDING, 12);
	assert_int_equal(NHRP_ERROR_LOOP, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frr_packets_come_back_byte_for_byte),
		cmocka_unit_test(published_phase3_comes_back),
		cmocka_unit_test(published_nat_comes_back),
		cmocka_unit_test(reads_the_fields),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(extension_offset_outside),
		cmocka_unit_test(cie_lengths_past_the_end),
		cmocka_unit_test(family_out_of_table),
		cmocka_unit_test(address_of_a_wrong_length),
		cmocka_unit_test(size_field_lies),
		cmocka_unit_test(too_many_entries_and_extensions),
		cmocka_unit_test(truncated_inner_packet_of_an_indication),
		cmocka_unit_test(odd_last_byte_is_the_high_byte),
		cmocka_unit_test(transit_records_find_a_loop),
		cmocka_unit_test(authentication_of_both_forms),
		cmocka_unit_test(the_clear_text_is_not_in_words),
		cmocka_unit_test(old_codes_have_words),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
