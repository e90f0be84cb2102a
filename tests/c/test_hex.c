/* Hexadecimal text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <ctype.h>

#include "base/hex.h"

static void
every_byte_reads_back(void **state)
{
	char text[8];
	uint8_t b;
	unsigned i;

	(void)state;
	for (i = 0; i < 256; i++) {
		(void)snprintf(text, sizeof(text), i % 2 ? "%02X" : "0x%02x", i);
		assert_int_equal(hex_get(&b, 1, text), 1);
		assert_int_equal(b, i);
		b = (uint8_t)i;
		(void)hex_put(text, sizeof(text), span_of(&b, 1));
		assert_int_equal(hex_get(&b, 1, text), 1);
		assert_int_equal(b, i);
	}
}

static void
only_hex_digits_count(void **state)
{
	char text[3] = "0";
	uint8_t b;
	int c;

	(void)state;
	for (c = 1; c < 256; c++) {
		text[1] = (char)c;
		assert_int_equal(hex_get(&b, 1, text) == 1, isxdigit(c) != 0);
	}
}

static void
lengths_and_separators(void **state)
{
	uint8_t b[4];
	char text[5];

	(void)state;
	assert_int_equal(hex_get(b, 4, "00:11-22 33"), 4);
	assert_int_equal(hex_get(b, 4, ""), 0);
	assert_int_equal(hex_get(b, 4, "0"), -1);
	assert_int_equal(hex_get(b, 4, "001"), -1);
	assert_int_equal(hex_get(b, 4, "0011223344"), -1);
	assert_int_equal(hex_get(b, 4, ":00"), -1);
	assert_int_equal(hex_digits("0x00:11-2"), 5);
	assert_int_equal(hex_digits(""), 0);
	assert_string_equal(hex_put(text, sizeof(text), span_of("\x01\x02\x03", 3)), "0102");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_reads_back),
		cmocka_unit_test(only_hex_digits_count),
		cmocka_unit_test(lengths_and_separators),
	};

	return (cmocka_run_group_tests_name("hex", tests, NULL, NULL));
}
