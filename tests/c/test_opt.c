#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/opt.h"

enum colour { RED, GREEN };

struct inner {
	const char	*ike;
	struct opt_list	 ts;
};

struct opts {
	struct inner	 in;
	bool		 keep, route, json, explain;
	enum colour	 colour;
	uint16_t	 mtu;
	uint32_t	 wait_ms, count, window;
	uint64_t	 life, volume, rate;
	const char	*out, *seed, *esp, *ah, *peer;
	struct opt_args	 rest;
	uint8_t		 sub, may;
	uint32_t	 calls;
};

static const struct opt_word may_words[] = { { "a", 1 }, { "b", 2 }, { NULL, 0 } };

static int
call(void *m, const char *value, struct fault *f)
{
	uint32_t n;

	if (strcmp(value, "bad") == 0)
		return (fault(f, FAULT_CONFIG, "bad indeed"));
	memcpy(&n, m, sizeof(n));
	n++;
	memcpy(m, &n, sizeof(n));
	return (0);
}

static const struct opt inner_table[] = {
	OPT_STR(struct inner, ike, 0, "ike", "PROPOSALS", "phase 1"),
	OPT_LIST(struct inner, ts, 0, "remote-ts", "TS", "networks"),
	OPT_END
};

#define TABLE								\
	OPT_TOOL("tries options"),					\
	OPT_INCLUDE(struct opts, in, inner_table),			\
	OPT_FLAG(struct opts, keep, 'k', "keep", "stay"),		\
	OPT_PAIR(struct opts, route, 0, "route", "set routes"),		\
	OPT_CHOICE(struct opts, colour, 0, "colour", "red|green", "which"), \
	OPT_NUM(struct opts, mtu, 0, "mtu", "N", 576, 65535, "size"),	\
	OPT_NUM(struct opts, count, 'c', "count", "N", 1, 10, "how many"), \
	OPT_NUM(struct opts, window, 0, "replay-window", "N|off", 32, 4096, "window", \
	    .words = (const struct opt_word[]){ { "off", 0 }, { NULL, 0 } }), \
	OPT_MILLIS(struct opts, wait_ms, 'W', "wait", "S", 10, 60000, "wait"), \
	OPT_SECONDS(struct opts, life, 0, "life", "S", 1, 86400, "life"), \
	OPT_BYTES(struct opts, volume, 0, "volume", "BYTES", 0, UINT64_MAX, "volume"), \
	OPT_BITS(struct opts, rate, 0, "rate", "RATE", 0, UINT64_MAX, "rate"), \
	OPT_OUTPUT(struct opts, out, "where to"),			\
	OPT_STR(struct opts, esp, 0, "esp", "P", "esp", .excl = 1),	\
	OPT_STR(struct opts, ah, 0, "ah", "P", "ah", .excl = 1),	\
	OPT_STR(struct opts, seed, 0, "seed", "HEX", "seed", .flags = OPT_SEAM), \
	OPT_CHOICE_MAY(struct opts, may, 0, "may", "a|b", 1, "may", .words = may_words), \
	OPT_CALL(struct opts, calls, 0, "call", "X", call, "calls")

static const struct opt table[] = {
	TABLE,
	OPT_ARG(struct opts, peer, "PEER", "the peer", .flags = OPT_REQUIRED),
	OPT_ARGS(struct opts, rest, "SA", 0, 2, "states"),
	OPT_END
};

static const struct opt plain_table[] = { TABLE, OPT_END };

static const struct opt sub_table[] = {
	OPT_SUB(struct opts, sub, "cookie", 0, "cookies"),
	OPT_SUB(struct opts, sub, "dh", 1, "Diffie-Hellman"),
	OPT_STR(struct opts, seed, 0, "gxy", "HEX", "only dh", .subs = 1U << 1),
	OPT_FLAG(struct opts, explain, 0, "explain", "all"),
	OPT_STR(struct opts, out, 0, "ip", "IP", "only cookie, and there required", .subs = 1U << 0,
	    .flags = OPT_REQUIRED),
	OPT_ARG(struct opts, peer, "FILE", "a file", .subs = 1U << 1),
	OPT_END
};

static struct opts o;
static struct fault f;
static char hint[OPT_HINT];

/* Runs ${words} (blank separated) through ${t}. */
static enum opt_verdict
try(const struct opt *t, const char *words)
{
	static char buf[1024], *argv[64];
	int argc = 1;
	char *p, *save = NULL;

	o = (struct opts){ .route = true };
	f = (struct fault){0};
	argv[0] = buf;
	(void)strcpy(buf, words);
	for (p = strtok_r(buf, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	argv[argc] = NULL;
	return (opt_try(t, &o, argc, argv, hint, &f));
}

static void
good(const struct opt *t, const char *words)
{
	if (try(t, words) != OPT_RUN)
		fail_msg("'%s': %s", words, f.what);
}

static void
bad(const struct opt *t, const char *words, const char *what, const char *tip)
{
	if (try(t, words) != OPT_BAD)
		fail_msg("'%s' was accepted", words);
	assert_int_equal(fault_exit(f.code), EXIT_MISUSE);
	assert_string_equal(f.what, what);
	assert_string_equal(hint, tip);
}

static void
values_of_each_type(void **state)
{
	(void)state;
	good(table, "--ike a --remote-ts x --remote-ts=y -k --no-route --colour green --mtu 1400 -c3 "
	    "--wait .25 --life 8h --volume 64Ki --rate 10M -o - gw s1 s2");
	assert_string_equal(o.in.ike, "a");
	assert_int_equal(o.in.ts.n, 2);
	assert_string_equal(o.in.ts.v[1], "y");
	assert_true(o.keep);
	assert_false(o.route);
	assert_int_equal(o.colour, GREEN);
	assert_int_equal(o.mtu, 1400);
	assert_int_equal(o.count, 3);
	assert_int_equal(o.wait_ms, 250);
	assert_int_equal(o.life, 28800);
	assert_int_equal(o.volume, 65536);
	assert_int_equal(o.rate, 10000000);
	assert_string_equal(o.out, "-");
	assert_string_equal(o.peer, "gw");
	assert_int_equal(o.rest.n, 2);
	assert_string_equal(o.rest.v[1], "s2");
	assert_true(opt_given("keep"));
	assert_true(opt_given("route"));
	assert_false(opt_given("seed"));
	assert_false(opt_given("esp"));
}

static void
numbers_and_words(void **state)
{
	uint64_t v;

	(void)state;
	good(table, "--replay-window 64 gw");
	assert_int_equal(o.window, 64);
	good(table, "--replay-window off gw");
	assert_int_equal(o.window, 0);
	bad(table, "--replay-window 0 gw", "--replay-window: 0 is out of range, 32 to 4096", "");
	bad(table, "-c 0 gw", "-c: 0 is out of range, 1 to 10", "");
	bad(table, "-c 11 gw", "-c: 11 is out of range, 1 to 10", "");
	bad(table, "-c 3x gw", "-c: '3x' is not a number", "");
	bad(table, "-c -3 gw", "-c: '-3' is not a number", "");
	bad(table, "-c= gw", "-c: '=' is not a number", "");
	bad(table, "--count= gw", "--count: '' is not a number", "");
	bad(table, "--life 1.5 gw", "--life: '1.5' is not a number of seconds", "");
	bad(table, "--life 2d gw", "--life: 2d is out of range, 1 to 86400 s", "");
	/* in the unit of the option, which need not be the stored one */
	bad(table, "--wait 0 gw", "--wait: 0 is out of range, 0.01 to 60 s", "");
	bad(table, "--wait 2m gw", "--wait: 2m is out of range, 0.01 to 60 s", "");
	bad(table, "--rate 18446744073709551616 gw",
	    "--rate: 18446744073709551616 is out of range, at least 0 bit/s", "");
	bad(table, "--rate fast gw", "--rate: 'fast' is not a number of bit/s", "");
	assert_int_equal(opt_number(&v, "1ms", OPT_U_MILLIS, 125, 1500, "x", &f), -1);
	assert_string_equal(f.what, "x: 1ms is out of range, 0.125 to 1.5 s");
	assert_int_equal(opt_number(&v, "1ms", OPT_U_MILLIS, 2, 86400000, "x", &f), -1);
	assert_string_equal(f.what, "x: 1ms is out of range, 0.002 to 86400 s");
	bad(table, "--volume 18446744073709551616 gw",
	    "--volume: 18446744073709551616 is out of range, at least 0 bytes", "");
	bad(table, "--volume 18446744073709551615k gw",
	    "--volume: 18446744073709551615k is out of range, at least 0 bytes", "");
	bad(table, "--wait . gw", "--wait: '.' is not a number of seconds", "");
	good(table, "--volume 18446744073709551615 --wait 60 gw");
	assert_true(o.volume == UINT64_MAX);
	good(table, "--wait 59.9999999 gw");
	assert_int_equal(o.wait_ms, 59999);
	good(table, "--wait 20ms gw");
	assert_int_equal(o.wait_ms, 20);
}

static void
misuse(void **state)
{
	(void)state;
	bad(table, "", "no PEER given", "");
	bad(table, "gw a b c", "more than 2 SA given", "");
	bad(plain_table, "gw", "'gw' is one argument too many", "");
	bad(table, "--keep --keep gw", "--keep: given twice", "");
	bad(table, "--route --no-route gw", "--no-route: given twice", "");
	bad(table, "-o a --output b gw", "--output: given twice", "");
	bad(table, "--esp a --ah b gw", "--esp and --ah exclude each other", "");
	bad(table, "-q -v gw", "--quiet and -v exclude each other", "");
	bad(table, "--keep=1 gw", "--keep: takes no value", "");
	bad(table, "--no-keep gw", "unknown option --no-keep", "did you mean --keep?");
	bad(table, "gw --ike", "--ike: needs a value, PROPOSALS", "");
	bad(table, "--ike --keep gw", "--ike: needs a value, PROPOSALS", "");
	bad(table, "--ike= gw", "--ike: PROPOSALS is empty", "");
	bad(table, "--colour blue gw", "--colour: 'blue' is none of red|green", "");
	bad(table, "--colour re gw", "--colour: 're' is none of red|green", "");
	bad(table, "-x gw", "unknown option -x", "");
	bad(table, "-kx gw", "unknown option -x", "");
	bad(table, "--call ok --call bad gw", "bad indeed", "");
	assert_string_equal(f.where, "--call");
	assert_int_equal(o.calls, 1);
}

/* An abbreviation works until an option is added; so it never does. */
static void
no_abbreviations(void **state)
{
	(void)state;
	bad(table, "--kee gw", "unknown option --kee", "did you mean --keep?");
	bad(table, "--col red gw", "unknown option --col", "did you mean --colour?");
	bad(table, "--rotue gw", "unknown option --rotue", "did you mean --route?");
	bad(table, "--nonsense gw", "unknown option --nonsense", "");
	bad(table, "--list gw", "unknown option --list", "did you mean --life?");
	/* what follows '=' may be a secret */
	bad(table, "--sede=hunter2 gw", "unknown option --sede", "did you mean --seed?");
}

static void
ends_and_dashes(void **state)
{
	(void)state;
	good(table, "-- --keep -c");
	assert_string_equal(o.peer, "--keep");
	assert_string_equal(o.rest.v[0], "-c");
	assert_false(o.keep);
	good(table, "gw - -k");
	assert_string_equal(o.rest.v[0], "-");
	assert_true(o.keep);
	assert_int_equal(try(table, "-h --nonsense"), OPT_HELP);
	assert_int_equal(try(table, "--version"), OPT_VERSION);
	assert_int_equal(try(table, "--list-options"), OPT_LISTING);
	assert_int_equal(try(table, "--nonsense -h"), OPT_BAD);
}

static void
values_that_may_be_left_out(void **state)
{
	bool known, again;

	(void)state;
	good(table, "gw");
	assert_int_equal(o.may, 0);
	good(table, "--may gw");
	assert_int_equal(o.may, 1);
	assert_string_equal(o.peer, "gw");
	good(table, "--may=b gw");
	assert_int_equal(o.may, 2);
	bad(table, "--may=c gw", "--may: 'c' is none of a|b", "");
	bad(table, "--may= gw", "--may: '' is none of a|b", "");
	bad(table, "--may --may=b gw", "--may: given twice", "");
	assert_int_equal(opt_set(table, &o, "may", "yes", &known, &again, &f), 0);
	assert_int_equal(o.may, 1);
	assert_int_equal(opt_set(table, &o, "may", "b", &known, &again, &f), 0);
	assert_int_equal(o.may, 2);
	assert_int_equal(opt_set(table, &o, "may", "no", &known, &again, &f), 0);
	assert_int_equal(o.may, 0);
}

static void
subcommands(void **state)
{
	(void)state;
	good(sub_table, "dh --gxy 00 file");
	assert_int_equal(o.sub, 1);
	assert_string_equal(o.peer, "file");
	good(sub_table, "--explain cookie --ip x");
	assert_int_equal(o.sub, 0);
	bad(sub_table, "", "no subcommand given", "");
	bad(sub_table, "cooky", "unknown subcommand cooky", "did you mean cookie?");
	bad(sub_table, "cookie --gxy 00 --ip x", "--gxy does not go with this subcommand", "");
	bad(sub_table, "cookie", "--ip IP is required", "");
	bad(sub_table, "cookie --ip x file", "'file' is one argument too many", "");
	bad(sub_table, "dh dh dh", "'dh' is one argument too many", "");
	assert_int_equal(try(sub_table, "-h"), OPT_HELP);
	assert_int_equal(try(sub_table, "-h dh"), OPT_HELP);
}

static void
configuration_lines(void **state)
{
	bool known, again;

	(void)state;
	o = (struct opts){0};
	assert_int_equal(opt_set(table, &o, "life", "60", &known, &again, &f), 0);
	assert_int_equal(o.life, 60);
	assert_false(again);
	assert_int_equal(opt_set(table, &o, "remote-ts", "10.0.0.0/8", &known, &again, &f), 0);
	assert_true(again);
	assert_int_equal(o.in.ts.n, 1);
	assert_int_equal(opt_set(table, &o, "route", "yes", &known, &again, &f), 0);
	assert_true(o.route);
	assert_int_equal(opt_set(table, &o, "route", "true", &known, &again, &f), -1);
	assert_string_equal(f.what, "route: must be yes or no");
	assert_true(known);
	assert_int_equal(opt_set(table, &o, "no-route", "yes", &known, &again, &f), -1);
	assert_false(known);
	assert_int_equal(opt_set(table, &o, "lief", "60", &known, &again, &f), -1);
	assert_string_equal(f.what, "unknown key 'lief'");
}

static void
list_is_bounded(void **state)
{
	char words[1024] = "";
	int i;

	(void)state;
	for (i = 0; i < OPT_LIST_MAX; i++)
		(void)strcat(words, "--remote-ts=t ");
	(void)strcat(words, "gw");
	good(table, words);
	(void)strcat(words, " --remote-ts=t");
	bad(table, words, "--remote-ts: given more than 32 times", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_each_type),
		cmocka_unit_test(numbers_and_words),
		cmocka_unit_test(misuse),
		cmocka_unit_test(no_abbreviations),
		cmocka_unit_test(ends_and_dashes),
		cmocka_unit_test(values_that_may_be_left_out),
		cmocka_unit_test(subcommands),
		cmocka_unit_test(configuration_lines),
		cmocka_unit_test(list_is_bounded),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
