/*
 * Options. Each tool has one constant table of its options, from which come parsing,
 * --help, and the listing that completions and tests read. Every tool has
 * -h -V -v -q without rows of its own. Example:
 *
 *	struct dpd_opts { const char *peer; uint32_t count, wait_ms; bool json; struct opt_args sa; };
 *	#define DPD_OPTS_DEFAULT { .count = 4, .wait_ms = 1000 }
 *
 *	static const struct opt dpd_optab[] = {
 *		OPT_TOOL("check that an IKE peer is alive"),
 *		OPT_USE("[OPTION]... SA"),
 *		OPT_USE("[OPTION]... --peer PEER[:PORT]"),
 *		OPT_NUM(struct dpd_opts, count, 'c', "count", "N", 1, 1000000, "stop after N probes"),
 *		OPT_MILLIS(struct dpd_opts, wait_ms, 'W', "wait", "S", 10, 60000, "wait S seconds for an answer"),
 *		OPT_STR(struct dpd_opts, peer, 0, "peer", "PEER[:PORT]", "probe without SA state"),
 *		OPT_JSON(struct dpd_opts, json),
 *		OPT_ARGS(struct dpd_opts, sa, "SA", 0, 1, "SA state, '-' for standard input"),
 *		OPT_END
 *	};
 *	opt_parse(dpd_optab, &o, argc, argv);
 *
 * Each macro ends in the help text, after which more fields may follow, as in
 * OPT_STR(T, seed, 0, "seed", "HEX", "repeatable randomness", .flags = OPT_SEAM).
 * The type of the struct's member is checked at compile time. Defaults are what the struct
 * holds before parsing; --help shows them. Strings point into argv.
 */
#ifndef SAPIPE_CLI_OPT_H
#define SAPIPE_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define OPT_LIST_MAX	32	/* times a repeatable option may be given */
#define OPT_ROWS_MAX	128	/* rows of one tool, included ones counted */

/* Values of a repeatable option, in order. */
struct opt_list {
	size_t		n;
	const char	*v[OPT_LIST_MAX];
};

/* Positional arguments; ${v} points into argv. */
struct opt_args {
	size_t		n;
	char		**v;
};

enum opt_type {
	OPT_T_END, OPT_T_INCLUDE,
	OPT_T_TOOL, OPT_T_USE, OPT_T_SECTION, OPT_T_NOTE,	/* text of --help */
	OPT_T_SUB,		/* a subcommand */
	OPT_T_FLAG,		/* bool */
	OPT_T_PAIR,		/* bool, with --no-NAME */
	OPT_T_COUNT,		/* unsigned, counts how often */
	OPT_T_STR, OPT_T_LIST, OPT_T_NUM, OPT_T_CHOICE, OPT_T_CALL,
	OPT_T_ARG, OPT_T_ARGS,	/* positional */
};

enum opt_unit {
	OPT_PLAIN,
	OPT_U_SECONDS,		/* 90, 90s, 15m, 8h, 1d: stored in seconds */
	OPT_U_MILLIS,		/* 0.25, 2, 1m: stored in milliseconds */
	OPT_U_BYTES,		/* 4096, 64k, 10M (thousands), 64Ki, 10Mi: stored in bytes */
	OPT_U_BITS,		/* 64k, 10M, 1G: stored in bit/s */
};

enum opt_flag {
	OPT_REQUIRED = 1,
	OPT_SEAM = 2,		/* for tests: documented, and a warning on stderr when in use */
	OPT_HIDDEN = 4,		/* not in help and listing */
	OPT_NO_DEFAULT = 8,	/* --help does not show the default */
	OPT_SECRET = 16,	/* the value is never printed, not even in an error */
	OPT_VALUE_MAY = 32,	/* --NAME alone stores ${min}; a value requires '=' */
};

/* A word for a number; ends with a NULL word. */
struct opt_word {
	const char	*word;
	uint64_t	 value;
};

struct opt {
	enum opt_type	type;
	const char	*name;		/* long name without dashes; of positionals and subcommands too */
	char		 letter;	/* 0: none */
	uint8_t		 width;		/* bytes of the member, numbers and choices */
	enum opt_unit	 unit;
	size_t		 off;		/* of the member */
	const char	*arg;		/* name of the value; of a choice its words: "main|aggressive" */
	const char	*help;
	uint64_t	 min, max;	/* both inclusive, in the stored unit; of OPT_ARGS the count */
	unsigned	 flags;		/* enum opt_flag */
	uint32_t	 subs;		/* 1 << value of the subcommands that take it; 0: all */
	uint32_t	 excl;		/* options that share a bit exclude each other */
	const struct opt_word *words;	/* of a number: also these words; of a choice: their values */
	const struct opt *include;	/* rows whose members lie in the member at off */
	/*
	 * OPT_CALL: stores the value (NULL if ${arg} is NULL) in ${member}, or fills ${f} and
	 * returns -1; may be called repeatedly.
	 */
	int		(*call)(void *member, const char *value, struct fault *f);
};

#define OPT_OFF_(T, m, ...)	(offsetof(T, m) + 0 * _Generic(((T *)0)->m, __VA_ARGS__))
#define OPT_UINT_		uint8_t: 1, uint16_t: 1, uint32_t: 1, uint64_t: 1
#define OPT_WIDTH_(T, m)	sizeof(((T *)0)->m)

#define OPT_END			{ .type = OPT_T_END }
/* The rows of another table, which fill the struct member ${m} of ${T}. */
#define OPT_INCLUDE(T, m, table) { .type = OPT_T_INCLUDE, .off = offsetof(T, m), .include = (table) }
/* What the tool does, in one line without full stop. */
#define OPT_TOOL(...)		{ .type = OPT_T_TOOL, .help = __VA_ARGS__ }
/* A synopsis line, after the tool's name; without any, one is generated. */
#define OPT_USE(...)		{ .type = OPT_T_USE, .help = __VA_ARGS__ }
/* A heading of --help, and a paragraph after the options. */
#define OPT_SECTION(...)	{ .type = OPT_T_SECTION, .help = __VA_ARGS__ }
#define OPT_NOTE(...)		{ .type = OPT_T_NOTE, .help = __VA_ARGS__ }

/* A subcommand; the first positional argument. Its ${v} (0..31) goes to the member; one is required. */
#define OPT_SUB(T, m, nm, v, ...)					\
	{ .type = OPT_T_SUB, .off = OPT_OFF_(T, m, OPT_UINT_), .width = OPT_WIDTH_(T, m), \
	  .name = (nm), .min = (v), .help = __VA_ARGS__ }
#define OPT_FLAG(T, m, l, nm, ...)					\
	{ .type = OPT_T_FLAG, .off = OPT_OFF_(T, m, bool: 1),		\
	  .name = (nm), .letter = (l), .help = __VA_ARGS__ }
#define OPT_PAIR(T, m, l, nm, ...)					\
	{ .type = OPT_T_PAIR, .off = OPT_OFF_(T, m, bool: 1),		\
	  .name = (nm), .letter = (l), .help = __VA_ARGS__ }
#define OPT_COUNT(T, m, l, nm, ...)					\
	{ .type = OPT_T_COUNT, .off = OPT_OFF_(T, m, unsigned: 1),	\
	  .name = (nm), .letter = (l), .help = __VA_ARGS__ }
#define OPT_STR(T, m, l, nm, a, ...)					\
	{ .type = OPT_T_STR, .off = OPT_OFF_(T, m, const char *: 1),	\
	  .name = (nm), .letter = (l), .arg = (a), .help = __VA_ARGS__ }
#define OPT_LIST(T, m, l, nm, a, ...)					\
	{ .type = OPT_T_LIST, .off = OPT_OFF_(T, m, struct opt_list: 1), \
	  .name = (nm), .letter = (l), .arg = (a), .help = __VA_ARGS__ }
#define OPT_NUM_(T, m, l, nm, a, lo, hi, u, ...)			\
	{ .type = OPT_T_NUM, .unit = (u), .off = OPT_OFF_(T, m, OPT_UINT_), \
	  .width = OPT_WIDTH_(T, m), .name = (nm), .letter = (l), .arg = (a), \
	  .min = (lo), .max = (hi), .help = __VA_ARGS__ }
#define OPT_NUM(T, m, l, nm, a, lo, hi, ...)				\
	OPT_NUM_(T, m, l, nm, a, lo, hi, OPT_PLAIN, __VA_ARGS__)
#define OPT_SECONDS(T, m, l, nm, a, lo, hi, ...)			\
	OPT_NUM_(T, m, l, nm, a, lo, hi, OPT_U_SECONDS, __VA_ARGS__)
#define OPT_MILLIS(T, m, l, nm, a, lo, hi, ...)				\
	OPT_NUM_(T, m, l, nm, a, lo, hi, OPT_U_MILLIS, __VA_ARGS__)
#define OPT_BYTES(T, m, l, nm, a, lo, hi, ...)				\
	OPT_NUM_(T, m, l, nm, a, lo, hi, OPT_U_BYTES, __VA_ARGS__)
#define OPT_BITS(T, m, l, nm, a, lo, hi, ...)				\
	OPT_NUM_(T, m, l, nm, a, lo, hi, OPT_U_BITS, __VA_ARGS__)
/* The value is the index of the word in ${a}, unless .words says otherwise. Enums are fine. */
#define OPT_CHOICE(T, m, l, nm, a, ...)					\
	{ .type = OPT_T_CHOICE, .off = OPT_OFF_(T, m, OPT_UINT_), .width = OPT_WIDTH_(T, m), \
	  .name = (nm), .letter = (l), .arg = (a), .help = __VA_ARGS__ }
/* The same with an optional value, --NAME[=WORD]: the default is ${bare}. .words is required. */
#define OPT_CHOICE_MAY(T, m, l, nm, a, bare, ...)			\
	{ .type = OPT_T_CHOICE, .off = OPT_OFF_(T, m, OPT_UINT_), .width = OPT_WIDTH_(T, m), \
	  .name = (nm), .letter = (l), .arg = (a), .min = (bare), \
	  .flags = OPT_VALUE_MAY | OPT_NO_DEFAULT, .help = __VA_ARGS__ }
#define OPT_CALL(T, m, l, nm, a, fn, ...)				\
	{ .type = OPT_T_CALL, .off = offsetof(T, m), .call = (fn),	\
	  .name = (nm), .letter = (l), .arg = (a), .help = __VA_ARGS__ }
/* A positional argument, optional unless .flags = OPT_REQUIRED. */
#define OPT_ARG(T, m, nm, ...)						\
	{ .type = OPT_T_ARG, .off = OPT_OFF_(T, m, const char *: 1), .name = (nm), \
	  .help = __VA_ARGS__ }
/* The remaining positional arguments, ${lo} to ${hi} of them (0: no bound). */
#define OPT_ARGS(T, m, nm, lo, hi, ...)					\
	{ .type = OPT_T_ARGS, .off = OPT_OFF_(T, m, struct opt_args: 1), .name = (nm), \
	  .min = (lo), .max = (hi), .help = __VA_ARGS__ }

/* Rows that mean the same in every tool that has them. */
#define OPT_OUTPUT(T, m, ...)	OPT_STR(T, m, 'o', "output", "FILE", __VA_ARGS__)
#define OPT_JSON(T, m)							\
	OPT_FLAG(T, m, 0, "json", "report as JSON, for scripts")

/*
 * Parses ${argv} by ${table} into ${o}. Misuse ends the process with a line, a hint and
 * exit 2; -h, -V and --list-options print on stdout and exit 0. Sets the report level and
 * prints which test seams are in use. Options and positional arguments may be
 * mixed, `--` ends options, long names are never abbreviated; argv is rearranged.
 */
void opt_parse(const struct opt *table, void *o, int argc, char *argv[]);

/* Whether the option of that long name was given to the last opt_parse(). */
bool opt_given(const char *name);

/* Like opt_parse(), but returns its result instead of printing and exiting. */
enum opt_verdict { OPT_BAD = -1, OPT_RUN, OPT_HELP, OPT_VERSION, OPT_LISTING };
#define OPT_HINT	160
enum opt_verdict opt_try(const struct opt *table, void *o, int argc, char *argv[],
    char hint[OPT_HINT], struct fault *f);

/*
 * Sets one option by its long name, for a line `name = value` of a configuration file. The value of flags, and
 * of options with an optional value, may be yes or no. ${value} must outlive ${o}. 0, or -1 with FAULT_USAGE; an
 * unknown name sets ${*known} false. The caller checks for duplicates: *${again} is true if the option may repeat.
 */
int opt_set(const struct opt *table, void *o, const char *name, const char *value,
    bool *known, bool *again, struct fault *f);

/*
 * Gives the option ${name} of ${o} the value that it has in ${from}, a struct of the same type. False if that changes nothing,
 * or if there is no such option.
 */
bool opt_reset(const struct opt *table, void *o, const void *from, const char *name);

/*
 * The long name in ${table} that ${name} is probably a misspelling or an abbreviation of; NULL: none is near.
 * ${o} as above; it is not touched.
 */
const char *opt_near(const struct opt *table, void *o, const char *name);

/*
 * Parses a number with unit, in the stored unit and within ${min}..${max}; -1 with FAULT_USAGE,
 * whose text starts with ${who}.
 */
int opt_number(uint64_t *out, const char *text, enum opt_unit unit, uint64_t min,
    uint64_t max, const char *who, struct fault *f);

#endif
