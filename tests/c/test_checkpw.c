/* What a command that judges logins reads: hostile input is cut, too long, or no text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tool/checkpw.h"

static const char good[] = "alice\0sesame\0" "1700000000\0remote=203.0.113.1\0round=2\0state=c0ffee\0other=x";

static void
all_that_is_given(void **state)
{
	struct checkpw c;
	struct fault f;

	(void)state;
	assert_int_equal(checkpw_parse(&c, span_of((const uint8_t *)good, sizeof(good)), &f), 0);
	assert_string_equal(c.user, "alice");
	assert_true(span_eq(secret_span(&c.password), span_str("sesame")));
	assert_string_equal(c.remote, "203.0.113.1");
	assert_int_equal(c.round, 2);
	assert_int_equal(c.state_len, 3);
	assert_memory_equal(c.state, "\xc0\xff\xee", 3);
	assert_false(c.has_chap);
	checkpw_wipe(&c);
}

/* The three texts of the plain interface are needed, all behind them is not. */
static void
every_truncation(void **state)
{
	const size_t need = sizeof("alice\0sesame\0" "1700000000");
	struct checkpw c;
	struct fault f;
	uint8_t *copy;
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(good); len++) {
		/* behind it there is nothing that may be read */
		assert_non_null(copy = malloc(len > 0 ? len : 1));
		memcpy(copy, good, len);
		assert_int_equal(checkpw_parse(&c, span_of(copy, len), &f), len < need ? -1 : 0);
		if (len >= need)
			checkpw_wipe(&c);
		free(copy);
	}
}

static void
values_that_are_none(void **state)
{
	static const struct { const char *more; int rc; bool chap; } rows[] = {
		{ "state=0", -1, false }, { "state=zz", -1, false }, { "chap=01", -1, false }, { "challenge=01", -1, false },
		{ "challenge=30313233343536373839616263646566", 0, false },
		{ "challenge=30313233343536373839616263646566\0chap=0101dfa58b9f6f3f731e22139e78c2d50f", 0, true },
		{ "challenge=3031323334353637383961626364656600", -1, false },
		{ "remote=2001:db8::1", 0, false }, { "round=99999999999999999999", 0, false }, { "=", 0, false },
		{ "remote=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -1, false },
	};
	char text[256];
	struct checkpw c;
	struct fault f;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(text, 0, sizeof(text));
		memcpy(text, "a\0\0" "0", 5);
		n = rows[i].chap ? 38 + 11 + 34 : strlen(rows[i].more);
		memcpy(text + 5, rows[i].more, n);
		assert_int_equal(checkpw_parse(&c, span_of((uint8_t *)text, 5 + n + 1), &f), rows[i].rc);
		if (rows[i].rc == 0) {
			assert_int_equal(c.has_chap, rows[i].chap);
			checkpw_wipe(&c);
		}
	}
}

static void
names_that_are_too_long(void **state)
{
	uint8_t text[SA_TEXT + 8] = {0};
	struct checkpw c;
	struct fault f;

	(void)state;
	memset(text, 'a', SA_TEXT);
	assert_int_equal(checkpw_parse(&c, SPAN_ARRAY(text), &f), -1);
	text[SA_TEXT - 1] = '\0';
	assert_int_equal(checkpw_parse(&c, SPAN_ARRAY(text), &f), 0);
	assert_int_equal(strlen(c.user), SA_TEXT - 1);
	checkpw_wipe(&c);
}

static int
setup(void **state)
{
	(void)state;
	return (secret_init());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_is_given),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(values_that_are_none),
		cmocka_unit_test(names_that_are_too_long),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
