#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/report.h"
#include "cli/term.h"

static char path[] = "/tmp/test_report.XXXXXX";
static int saved, log_fd;
static char text[4096];

static void
begin(void)
{
	saved = dup(2);
	assert_int_equal(ftruncate(log_fd, 0), 0);
	(void)lseek(log_fd, 0, SEEK_SET);
	(void)dup2(log_fd, 2);
}

/* What was printed since begin(). */
static const char *
end(void)
{
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);

	(void)dup2(saved, 2);
	(void)close(saved);
	text[n > 0 ? n : 0] = '\0';
	return (text);
}

static void
a_fault_is_one_line_and_a_hint(void **state)
{
	struct fault f;

	(void)state;
	(void)fault(&f, FAULT_CONFIG, "no such thing");
	begin();
	assert_int_equal(report_fault(&f), EXIT_MISUSE);
	assert_string_equal(end(), "sapipe: no such thing\n");

	errno = EACCES;
	(void)fault_sys(&f, FAULT_SYSTEM, "cannot open x");
	fault_where(&f, "gw.psk");
	begin();
	assert_int_equal(report_fault(&f), EXIT_MACHINE);
	assert_string_equal(end(), "sapipe: gw.psk: cannot open x: Permission denied\n");

	(void)fault_at(&f, FAULT_BAD_RECORD, 17, "key \"format\" is missing");
	begin();
	assert_int_equal(report_fault(&f), EXIT_DATA);
	assert_int_equal(strncmp(end(), "sapipe: key \"format\" is missing (at byte 17)\nhint: ", 51), 0);

	/* a failure without a fault is never a success */
	f = (struct fault){0};
	begin();
	assert_int_equal(report_fault(&f), EXIT_MACHINE);
	assert_true(strlen(end()) > 0);
}

static void
untrusted_text_is_escaped(void **state)
{
	struct fault f;

	(void)state;
	(void)fault(&f, FAULT_CONFIG, "the peer calls itself %s", "\x1b]0;x\x07\nhint: send money");
	begin();
	(void)report_fault(&f);
	assert_string_equal(end(),
	    "sapipe: the peer calls itself \\x1b]0;x\\x07\\x0ahint: send money\n");
	begin();
	report_warn("%s", "a\rb");
	report_hint("%s", "a\rb");
	assert_string_equal(end(), "sapipe: warning: a\\x0db\nhint: a\\x0db\n");
}

static void
levels(void **state)
{
	(void)state;
	report_set_level(0);
	begin();
	report_say(1, "no");
	report_say(0, "yes");
	assert_string_equal(end(), "sapipe: yes\n");
	report_set_level(-1);
	begin();
	report_say(0, "no");
	report_warn("yes");
	report_say(-1, "always");
	assert_string_equal(end(), "sapipe: warning: yes\nsapipe: always\n");
	report_set_level(2);
	begin();
	report_say(2, "two");
	report_say(3, "three");
	assert_string_equal(end(), "sapipe: two\n");
	report_set_level(0);
}

static void
what_peers_cause_is_rationed(void **state)
{
	uint64_t now = 1000000;
	int i, n = 0;

	(void)state;
	begin();
	for (i = 0; i < 1000; i++)
		n += report_allow_at(&n, now);
	assert_int_equal(n, REPORT_BURST);
	assert_false(report_allow_at(&n, now + REPORT_PAUSE_MS - 1));
	assert_string_equal(end(), "");
	begin();
	assert_true(report_allow_at(&n, now + REPORT_PAUSE_MS));
	assert_string_equal(end(), "sapipe: 981 more such messages were not printed\n");
	assert_false(report_allow_at(&n, now + REPORT_PAUSE_MS));
	/* another kind has rations of its own */
	assert_true(report_allow_at(&i, now));
	/* after a quiet time all is as at first */
	for (n = i = 0; i < 1000; i++)
		n += report_allow_at(&n, now + 1000 * REPORT_PAUSE_MS);
	assert_int_equal(n, REPORT_BURST);
}

static int
setup(void **state)
{
	(void)state;
	log_fd = mkstemp(path);
	return (log_fd >= 0 ? unlink(path) : -1);
}

static void
lines_are_cut_at_blanks_and_whole_characters(void **state)
{
	(void)state;
	assert_int_equal(term_cut("two words", 0), 9);
	assert_int_equal(term_cut("two words", 9), 9);
	assert_int_equal(term_cut("two words", 8), 3);
	assert_int_equal(term_cut("two words", 3), 3);
	assert_int_equal(term_cut("a abcdefgh", 8), 8);		/* the blank is too far in front */
	assert_int_equal(term_cut("aes128-sha1-modp2048", 15), 12);
	assert_int_equal(term_cut("abcdefgh", 5), 5);
	assert_int_equal(term_cut("", 5), 0);
	/* ten columns, twenty bytes */
	assert_int_equal(term_cut("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4", 10), 20);
	assert_int_equal(term_cut("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4", 3), 6);
	assert_int_equal(term_cut("\xe2\x86\x92\xe2\x86\x92", 1), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_is_one_line_and_a_hint),
		cmocka_unit_test(untrusted_text_is_escaped),
		cmocka_unit_test(levels),
		cmocka_unit_test(lines_are_cut_at_blanks_and_whole_characters),
		cmocka_unit_test(what_peers_cause_is_rationed),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
