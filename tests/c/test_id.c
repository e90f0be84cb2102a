/* Identities: text, wire form, words of the state, comparison, selectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

#include "base/hex.h"
#include "wire/id.h"

static void
text_gives_type_and_bytes(void **state)
{
	static const struct { const char *text; uint8_t type; const char *hex, *back; } t[] = {
		{ "192.0.2.1", ID_IPV4_ADDR, "c0000201", NULL },
		{ "2001:db8::1", ID_IPV6_ADDR, "20010db8000000000000000000000001", NULL },
		{ "10.0.0.0/8", ID_IPV4_ADDR_SUBNET, "0a000000ff000000", NULL },
		{ "192.0.2.1/32", ID_IPV4_ADDR_SUBNET, "c0000201ffffffff", NULL },
		{ "0.0.0.0/0", ID_IPV4_ADDR_SUBNET, "0000000000000000", NULL },
		{ "10.0.0.1-10.0.0.9", ID_IPV4_ADDR_RANGE, "0a0000010a000009", NULL },
		{ "10.0.0.0-10.0.0.255", ID_IPV4_ADDR_RANGE, "0a0000000a0000ff", NULL },
		{ "2001:db8::/32", ID_IPV6_ADDR_SUBNET,
		    "20010db8000000000000000000000000ffffffff000000000000000000000000", NULL },
		{ "gw.example", ID_FQDN, "67772e6578616d706c65", NULL },
		{ "@gw.example", ID_FQDN, "67772e6578616d706c65", "gw.example" },
		{ "gw-1.example", ID_FQDN, "67772d312e6578616d706c65", NULL },
		{ "alice@example", ID_USER_FQDN, "616c696365406578616d706c65", NULL },
		{ "keyid:0aFF", ID_KEY_ID, "0aff", "keyid:0aff" },
		{ "keyid:my group", ID_KEY_ID, "6d792067726f7570", "keyid:6d792067726f7570" },
		{ "fqdn:10.0.0.1", ID_FQDN, "31302e302e302e31", NULL },
		{ "fqdn:my group", ID_FQDN, "6d792067726f7570", NULL },
		{ "fqdn:a\\x00\\\\b", ID_FQDN, "61005c62", NULL },
		{ "user:alice", ID_USER_FQDN, "616c696365", NULL },
		{ "user:dn:x@y", ID_USER_FQDN, "646e3a784079", NULL },
		{ "fqdn:@x", ID_FQDN, "4078", NULL },
		{ "C=CH, CN=y", ID_DER_ASN1_DN,
		    "3019310b3009060355040613024348310a30080603550403130179", NULL },
		{ "gn:8203616263", ID_DER_ASN1_GN, "8203616263", NULL },
	};
	struct id id;
	struct fault f;
	char text[ID_TEXT], hex[2 * ID_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (id_parse(&id, t[i].text, &f) != 0)
			fail_msg("%s: %s", t[i].text, f.what);
		assert_int_equal(id.type, t[i].type);
		assert_string_equal(hex_put(hex, sizeof(hex), span_of(id.data, id.len)),
		    t[i].hex);
		assert_string_equal(id_text(text, &id), t[i].back ? t[i].back : t[i].text);
	}
}

static void
dn_order_is_as_written(void **state)
{
	struct id id;
	char hex[2 * ID_MAX + 1];

	(void)state;
	assert_int_equal(id_parse(&id, "C=CH, O=x, CN=y", NULL), 0);
	assert_int_equal(id.data[1], id.len - 2);
	(void)hex_put(hex, sizeof(hex), span_of(id.data + 2, id.len - 2u));
	assert_string_equal(hex, "310b3009060355040613024348310a3008060355040a130178"
	    "310a30080603550403130179");
}

static void
dn_text_survives_odd_values(void **state)
{
	static const char *const t[][2] = {
		{ "C=CH,O=x,CN=y", "C=CH, O=x, CN=y" },
		{ "c = CH , cn=  a b  ", "C=CH, CN=a b" },
		{ "O=Foo\\, Inc., CN=a\\+b", "O=Foo\\, Inc., CN=a\\+b" },
		{ "CN=a + UID=b, O=x", "CN=a + UID=b, O=x" },
		{ "CN=Z\\xc3\\xbcrich", "CN=Z\\xc3\\xbcrich" },
		{ "CN=Z\xc3\xbcrich", "CN=Z\\xc3\\xbcrich" },
		{ "CN=\\ lead\\ ", "CN=\\ lead\\ " },
		{ "E=a@b.example", "emailAddress=a@b.example" },
		{ "DC=example, S=ZH", "DC=example, ST=ZH" },
		{ "1.2.3.4=v", "1.2.3.4=v" },
		{ "O=, CN=", "O=, CN=" },
		{ "dn:", "dn:" },
		{ "CN=#x", "CN=\\#x" },
		{ "CN=a\\=b", "CN=a\\=b" },
		/* IA5String has no place for these: it was made all the same, as Latin 1. */
		{ "E=\\xc3\\xbc", "emailAddress=\\xc3\\xbc" },
	};
	struct id id, back;
	struct fault f;
	char text[ID_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (id_parse(&id, t[i][0], &f) != 0)
			fail_msg("%s: %s", t[i][0], f.what);
		assert_int_equal(id.type, ID_DER_ASN1_DN);
		assert_string_equal(id_text(text, &id), t[i][1]);
		assert_int_equal(id_parse(&back, text, &f), 0);
		assert_true(id_eq(&id, &back));
	}
}

static void
dns_compare_as_x509_does(void **state)
{
	struct id a, b, c;
	struct fault f;
	uint8_t body[64];
	/* CN as UTF8String, where id_parse writes PrintableString. */
	long n = hex_get(body, sizeof(body), "09000000" "300e310c300a06035504030c0341 4263");

	(void)state;
	assert_true(n > 0);
	assert_int_equal(id_get(&a, span_of(body, (size_t)n), &f), 0);
	assert_int_equal(id_parse(&b, "CN=abc", &f), 0);
	assert_int_equal(id_parse(&c, "CN=abd", &f), 0);
	assert_true(id_eq(&a, &b));
	assert_int_equal(id_hash(&a, 7), id_hash(&b, 7));
	assert_false(id_eq(&a, &c));
	assert_int_not_equal(a.data[11], b.data[11]);
}

static void
bad_text_is_refused(void **state)
{
	static const char *const t[] = {
		"", "10.0.0.1/8", "300.1.2.3", "10.0.0.9-10.0.0.1", "10.0.0.0/33", "fe80::1%lo",
		"my group", "a/b", "dn:CN", "CN=a,", "FOO=x", "CN=a\\", "=x", "fqdn:", "user:",
		"keyid:", "@", "gn:zz", "dn:#30", "dn:#3000ff", "10.0", "CN=\\xff", "E=\\xff",
		"2001:db8::/32-2001:db9::",
	};
	char big[3 * ID_MAX];
	struct id id;
	struct fault f;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		f = (struct fault){0};
		if (id_parse(&id, t[i], &f) == 0)
			fail_msg("\"%s\" is taken", t[i]);
		assert_int_equal(f.code, FAULT_BAD_ID);
		assert_int_equal(id.type, 0);
	}
	memset(big, 'a', sizeof(big));
	big[ID_MAX] = '\0';
	assert_int_equal(id_parse(&id, big, &f), 0);
	big[ID_MAX] = 'a';
	big[ID_MAX + 1] = '\0';
	assert_int_equal(id_parse(&id, big, &f), -1);
	memcpy(big, "CN=", 3);
	big[3 + 512] = '\0';
	assert_int_equal(id_parse(&id, big, &f), 0);
	big[3 + 512] = 'a';
	assert_int_equal(id_parse(&id, big, &f), -1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(id_parse(&id, big, &f), -1);
}

static void
wire_form_is_checked_by_type(void **state)
{
	static const struct { const char *hex; bool ok; } t[] = {
		{ "01 11 01f4 c0000201", true }, { "01000000 c00002", false },
		{ "01000000 c000020100", false }, { "01000000", false }, { "010000", false },
		{ "", false }, { "02000000", false }, { "02000000 61", true },
		{ "03000000 61", true }, { "03000000", false },
		{ "04000000 0a000000ff000000", true }, { "04000000 0a000000ff00ff00", false },
		{ "04000000 0a000005ff000000", true }, { "04000000 0a000000ff0000", false },
		{ "07000000 0a0000010a000001", true }, { "07000000 0a0000020a000001", false },
		{ "05000000 20010db8000000000000000000000001", true },
		{ "05000000 20010db80000000000000000000000", false },
		{ "09000000 3000", true }, { "09000000 300000", false }, { "09000000 30", false },
		{ "09000000 300e310c300a06035504030c03616263", true },
		{ "09000000 300e310c300a06035504030c036162ff", false },
		{ "0b000000 ff", true }, { "0b000000", false }, { "00000000 01", false },
		{ "0c000000 01", false }, { "ff000000 01", false },
	};
	uint8_t b[ID_MAX + 8], out[ID_MAX + 8];
	struct id id;
	struct fault f;
	struct wr w;
	size_t i;
	long n;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		n = hex_get(b, sizeof(b), t[i].hex);
		assert_true(n >= 0);
		f = (struct fault){0};
		if ((id_get(&id, span_of(b, (size_t)n), &f) == 0) != t[i].ok)
			fail_msg("%s", t[i].hex);
		if (!t[i].ok) {
			assert_int_equal(f.code, FAULT_MALFORMED);
			assert_int_equal(id.type, 0);
			continue;
		}
		w = wr_of(out, sizeof(out));
		id_put(&w, &id);
		assert_true(span_eq(wr_span(&w), span_of(b, (size_t)n)));
	}
	memset(b, 'a', sizeof(b));
	memcpy(b, "\x02\0\0\0", 4);
	assert_int_equal(id_get(&id, span_of(b, 4 + ID_MAX), &f), 0);
	assert_int_equal(id_get(&id, span_of(b, 5 + ID_MAX), &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	w = wr_of(out, 7);
	assert_int_equal(id_parse(&id, "192.0.2.1", &f), 0);
	id_put(&w, &id);
	assert_true(w.bad);
}

static void
state_words_round_trip(void **state)
{
	static const char *const t[][3] = {
		{ "192.0.2.1", "ipv4", "192.0.2.1" }, { "2001:db8::1", "ipv6", "2001:db8::1" },
		{ "10.0.0.0/8", "subnet", "10.0.0.0/8" }, { "2001:db8::/32", "subnet",
		    "2001:db8::/32" },
		{ "10.0.0.1/32", "subnet", "10.0.0.1/32" },
		{ "10.0.0.1-10.0.0.1", "range", "10.0.0.1-10.0.0.1" },
		{ "gw.example", "fqdn", "gw.example" }, { "fqdn:fqdn:x", "fqdn", "fqdn:x" },
		{ "alice@example", "user-fqdn", "alice@example" },
		{ "C=CH, CN=y", "dn", "C=CH, CN=y" }, { "keyid:00ff", "key-id", "00ff" },
	};
	struct id id, back;
	struct fault f;
	char value[ID_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(id_parse(&id, t[i][0], &f), 0);
		assert_string_equal(id_type_word(id.type), t[i][1]);
		assert_string_equal(id_value(value, &id), t[i][2]);
		assert_int_equal(id_from_words(&back, t[i][1], value, &f), 0);
		assert_int_equal(back.len, id.len);
		assert_true(id_eq(&id, &back));
	}
	assert_int_equal(id_from_words(&id, "ipv4", "2001:db8::1", &f), -1);
	assert_int_equal(id_from_words(&id, "subnet", "10.0.0.1", &f), -1);
	assert_int_equal(id_from_words(&id, "key-id", "text", &f), -1);
	assert_int_equal(id_from_words(&id, "nonsense", "x", &f), -1);
	assert_null(id_type_word(0));
}

static void
names_compare_without_case(void **state)
{
	struct id a, b;

	(void)state;
	assert_int_equal(id_parse(&a, "GW.Example", NULL), 0);
	assert_int_equal(id_parse(&b, "gw.eXample", NULL), 0);
	assert_true(id_eq(&a, &b));
	assert_int_equal(id_hash(&a, 7), id_hash(&b, 7));
	assert_int_equal(id_parse(&b, "gw.examplf", NULL), 0);
	assert_false(id_eq(&a, &b));
	assert_int_equal(id_parse(&b, "gw.exampl", NULL), 0);
	assert_false(id_eq(&a, &b));
	assert_int_equal(id_parse(&a, "fqdn:a\\x00b", NULL), 0);
	assert_int_equal(id_parse(&b, "fqdn:a\\x00c", NULL), 0);
	assert_false(id_eq(&a, &b));
	/* '@' and '`' differ by the bit that separates the cases. */
	assert_int_equal(id_parse(&a, "fqdn:@", NULL), 0);
	assert_int_equal(id_parse(&b, "fqdn:`", NULL), 0);
	assert_false(id_eq(&a, &b));
	assert_int_equal(id_parse(&b, "user:@", NULL), 0);
	assert_false(id_eq(&a, &b));
}

static void
selectors_and_ids_convert(void **state)
{
	static const struct { const char *text; uint8_t type; } t[] = {
		{ "10.0.0.0/8", ID_IPV4_ADDR_SUBNET }, { "10.0.0.1/32", ID_IPV4_ADDR },
		{ "10.0.0.1-10.0.0.3", ID_IPV4_ADDR_RANGE }, { "0.0.0.0/0", ID_IPV4_ADDR_SUBNET },
		{ "10.0.0.0-10.0.0.255", ID_IPV4_ADDR_SUBNET },
		{ "2001:db8::/33", ID_IPV6_ADDR_SUBNET }, { "2001:db8::1", ID_IPV6_ADDR },
		{ "2001:db8::1-2001:db8::3", ID_IPV6_ADDR_RANGE },
	};
	struct selector s, back;
	struct id id;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(selector_parse(&s, t[i].text), 0);
		s.proto = 6;
		s.port = s.port_end = 80;
		id = id_from_selector(&s);
		assert_int_equal(id.type, t[i].type);
		assert_int_equal(id_to_selector(&back, &id), 0);
		assert_true(selector_eq(&s, &back));
		assert_int_equal(back.proto, 6);
	}
	/* Host bits of a peer's subnet don't count. */
	id = (struct id){ .type = ID_IPV4_ADDR_SUBNET, .len = 8,
	    .data = { 10, 1, 2, 3, 255, 255, 0, 0 } };
	assert_int_equal(id_to_selector(&s, &id), 0);
	assert_int_equal(selector_prefix(&s), 16);
	assert_int_equal(s.first.b[3], 0);
	assert_int_equal(id_parse(&id, "gw.example", NULL), 0);
	assert_int_equal(id_to_selector(&s, &id), -1);
	s = (struct selector){0};
	assert_int_equal(id_from_selector(&s).type, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_gives_type_and_bytes),
		cmocka_unit_test(dn_order_is_as_written),
		cmocka_unit_test(dn_text_survives_odd_values),
		cmocka_unit_test(dns_compare_as_x509_does),
		cmocka_unit_test(bad_text_is_refused),
		cmocka_unit_test(wire_form_is_checked_by_type),
		cmocka_unit_test(state_words_round_trip),
		cmocka_unit_test(names_compare_without_case),
		cmocka_unit_test(selectors_and_ids_convert),
	};

	return (cmocka_run_group_tests_name("id", tests, NULL, NULL));
}
