/* Options: parsing of the command line and of single settings. */
#include "cli/opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/log.h"
#include "cli/opt_priv.h"
#include "cli/prog.h"
#include "cli/prog_name.h"
#include "cli/report.h"
#include "cli/version.h"

/* What every tool takes. */
struct common {
	bool		help, version, quiet, listing;
	unsigned	verbose;
	uint8_t		format;		/* enum log_format */
};

static const struct opt common_table[] = {
	OPT_SECTION("Common options:"),
	OPT_COUNT(struct common, verbose, 'v', "verbose", "print more; may be repeated", .excl = 1U << 31),
	OPT_FLAG(struct common, quiet, 'q', "quiet", "print errors and warnings only", .excl = 1U << 31),
	OPT_FLAG(struct common, help, 'h', "help", "print this help and exit"),
	OPT_FLAG(struct common, version, 'V', "version", "print the version and exit"),
	OPT_FLAG(struct common, listing, 0, "list-options", "one option a line, for completions",
	    .flags = OPT_HIDDEN),
	OPT_END
};

/* Of the last opt_try(), for opt_given() and the printers. */
/* Of tools that run on. */
static const struct opt resident_table[] = {
	OPT_CHOICE(struct common, format, 0, "log-format", LOG_FORMATS,
	    "form of messages (default: journal if standard error is the journal's, else text)", .flags = OPT_NO_DEFAULT),
	OPT_END
};

static struct common common;
static struct opt_flat flat;

static int
flatten(struct opt_flat *t, const struct opt *table, void *base)
{
	const struct opt *r;
	unsigned char *b = base;

	for (r = table; r->type != OPT_T_END; r++) {
		if (r->type == OPT_T_INCLUDE) {
			if (flatten(t, r->include, b + r->off) != 0)
				return (-1);
			continue;
		}
		if (t->n == OPT_ROWS_MAX)
			return (-1);
		t->s[t->n++] = (struct opt_slot){ r, b, 0 };
	}
	return (0);
}

/* The option of that long name; *${on} is false for the --no-NAME of a pair. */
static struct opt_slot *
find_long(struct opt_flat *t, const char *name, size_t len, bool *on)
{
	size_t i, skip;
	const struct opt *r;

	for (i = 0; i < t->n; i++) {
		r = t->s[i].row;
		if (!opt_is_option(r) || r->name == NULL)
			continue;
		*on = true;
		if (strlen(r->name) == len && memcmp(r->name, name, len) == 0)
			return (&t->s[i]);
		skip = strlen("no-");
		if (r->type == OPT_T_PAIR && len > skip && memcmp(name, "no-", skip) == 0 &&
		    strlen(r->name) == len - skip && memcmp(r->name, name + skip, len - skip) == 0) {
			*on = false;
			return (&t->s[i]);
		}
	}
	return (NULL);
}

static struct opt_slot *
find_letter(struct opt_flat *t, char letter)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (opt_is_option(t->s[i].row) && t->s[i].row->letter == letter)
			return (&t->s[i]);
	return (NULL);
}

/* Options given before that exclude this one. */
static int
check_before(const struct opt_flat *t, const struct opt_slot *s, const char *who,
    struct fault *f)
{
	size_t i;

	if (s->given > 0 && !opt_is_repeatable(s->row))
		return (fault(f, FAULT_USAGE, "%s: given twice", who));
	for (i = 0; i < t->n; i++)
		if (&t->s[i] != s && t->s[i].given > 0 && (t->s[i].row->excl & s->row->excl) != 0)
			return (fault(f, FAULT_USAGE, "--%s and %s exclude each other",
			    t->s[i].row->name, who));
	return (0);
}

/* Counts one use of ${s} and takes its value. */
static int
use(struct opt_flat *t, struct opt_slot *s, const char *who, bool on, const char *value,
    struct fault *f)
{
	if (check_before(t, s, who, f) != 0)
		return (-1);
	s->given++;
	if (s->row->type == OPT_T_FLAG || s->row->type == OPT_T_PAIR) {
		opt_store_bool(s, on);
		return (0);
	}
	return (opt_take(s, who, value, f));
}

/* A value that is an option is a forgotten value: --psk-file --keep. */
static bool
forgotten(struct opt_flat *t, const char *value)
{
	bool on;

	return (strncmp(value, "--", 2) == 0 && value[2] != '\0' &&
	    find_long(t, value + 2, strcspn(value + 2, "="), &on) != NULL);
}

/* --name, --name=value, --name value. Returns arguments used, or -1. */
static int
parse_long(struct opt_flat *t, char *argv[], char hint[OPT_HINT], struct fault *f)
{
	size_t len = strcspn(argv[0] + 2, "=");
	const char *value = argv[0][2 + len] == '=' ? argv[0] + 3 + len : NULL, *near;
	struct opt_slot *s;
	char who[OPT_HINT / 2], *name = who + 2;
	bool on;
	int used = 1;

	/* Without what follows '=': it may be a secret. */
	(void)snprintf(who, sizeof(who), "%.*s", (int)(len < sizeof(who) ? len + 2 : sizeof(who)),
	    argv[0]);
	if ((s = find_long(t, argv[0] + 2, len, &on)) == NULL) {
		if ((near = opt_closest(t, name, false)) != NULL)
			(void)snprintf(hint, OPT_HINT, "did you mean --%s?", near);
		return (fault(f, FAULT_USAGE, "unknown option %s", who));
	}
	if ((s->row->flags & OPT_VALUE_MAY) != 0)
		;	/* as it is */
	else if (!opt_takes_value(s->row)) {
		if (value != NULL)
			return (fault(f, FAULT_USAGE, "%s: takes no value", who));
	} else if (value == NULL) {
		if (argv[1] == NULL || forgotten(t, argv[1]))
			return (fault(f, FAULT_USAGE, "%s: needs a value, %s", who, s->row->arg));
		value = argv[1];
		used = 2;
	}
	return (use(t, s, who, on, value, f) != 0 ? -1 : used);
}

/* -v, -vv, -c 3, -c3. Returns arguments used, or -1. */
static int
parse_letters(struct opt_flat *t, char *argv[], struct fault *f)
{
	const char *p, *value;
	struct opt_slot *s;
	char who[3] = "-x";

	for (p = argv[0] + 1; *p != '\0'; p++) {
		who[1] = *p;
		if ((s = find_letter(t, *p)) == NULL)
			return (fault(f, FAULT_USAGE, "unknown option %s", who));
		if (!opt_takes_value(s->row) || (s->row->flags & OPT_VALUE_MAY) != 0) {
			if (use(t, s, who, true, NULL, f) != 0)
				return (-1);
			continue;
		}
		value = p[1] != '\0' ? p + 1 : argv[1];
		if (value == NULL || (p[1] == '\0' && forgotten(t, value)))
			return (fault(f, FAULT_USAGE, "%s: needs a value, %s", who, s->row->arg));
		if (use(t, s, who, true, value, f) != 0)
			return (-1);
		return (p[1] != '\0' ? 1 : 2);
	}
	return (1);
}

/* Whether the tool has subcommands; *${s} is set to the one named ${name}. */
static bool
find_sub(struct opt_flat *t, const char *name, struct opt_slot **s)
{
	size_t i;
	bool has = false;

	*s = NULL;
	for (i = 0; i < t->n; i++) {
		if (t->s[i].row->type != OPT_T_SUB)
			continue;
		has = true;
		if (name != NULL && strcmp(t->s[i].row->name, name) == 0)
			*s = &t->s[i];
	}
	return (has);
}

static int
take_sub(struct opt_flat *t, const char *name, char hint[OPT_HINT], struct fault *f)
{
	struct opt_slot *s;
	const char *near;

	if (!find_sub(t, name, &s) || t->sub >= 0)
		return (0);
	if (s == NULL) {
		if (name == NULL)
			return (fault(f, FAULT_USAGE, "no subcommand given"));
		if ((near = opt_closest(t, name, true)) != NULL)
			(void)snprintf(hint, OPT_HINT, "did you mean %s?", near);
		return (fault(f, FAULT_USAGE, "unknown subcommand %s", name));
	}
	opt_store(s, s->row->min);
	s->given++;
	t->sub = (int)s->row->min;
	report_set_subcommand(s->row->name);
	return (1);
}

/* Hands ${n} positional arguments to the rows that want them. */
static int
take_args(struct opt_flat *t, size_t n, char **v, struct fault *f)
{
	size_t i, left;
	struct opt_args args;
	const struct opt *r;
	void *m;

	for (i = 0; i < t->n; i++) {
		r = t->s[i].row;
		m = t->s[i].base + r->off;
		if ((r->type != OPT_T_ARG && r->type != OPT_T_ARGS) || !opt_fits_sub(r, t->sub))
			continue;
		if (r->type == OPT_T_ARGS) {
			args = (struct opt_args){ n, v };
			if (n < r->min)
				return (fault(f, FAULT_USAGE, "no %s given", r->name));
			if (r->max != 0 && n > r->max)
				return (fault(f, FAULT_USAGE, "more than %llu %s given",
				    (unsigned long long)r->max, r->name));
			memcpy(m, &args, sizeof(args));
			t->s[i].given = (unsigned)n;
			n = 0;
			continue;
		}
		left = n;
		if (left == 0 && (r->flags & OPT_REQUIRED) != 0)
			return (fault(f, FAULT_USAGE, "no %s given", r->name));
		if (left == 0)
			continue;
		if (v[0][0] == '\0')
			return (fault(f, FAULT_USAGE, "%s is empty", r->name));
		memcpy(m, v, sizeof(v[0]));
		t->s[i].given = 1;
		v++;
		n--;
	}
	if (n > 0)
		return (fault(f, FAULT_USAGE, "'%s' is one argument too many", v[0]));
	return (0);
}

/* What can be said only when all is read: subcommands and required options. */
static int
check_after(const struct opt_flat *t, struct fault *f)
{
	size_t i;
	const struct opt_slot *s;

	for (i = 0; i < t->n; i++) {
		s = &t->s[i];
		if (!opt_is_option(s->row))
			continue;
		if (s->given > 0 && !opt_fits_sub(s->row, t->sub))
			return (fault(f, FAULT_USAGE, "--%s does not go with this subcommand",
			    s->row->name));
		if (s->given == 0 && (s->row->flags & OPT_REQUIRED) != 0 &&
		    opt_fits_sub(s->row, t->sub))
			return (fault(f, FAULT_USAGE, "--%s %s is required", s->row->name,
			    s->row->arg != NULL ? s->row->arg : ""));
	}
	return (0);
}

/* -h and the like end parsing at once; a subcommand right behind -h narrows its help. */
static enum opt_verdict
early(struct opt_flat *t, const char *next)
{
	char hint[OPT_HINT];

	if (common.help && next != NULL)
		(void)take_sub(t, next, hint, NULL);
	return (common.help ? OPT_HELP : common.version ? OPT_VERSION :
	    common.listing ? OPT_LISTING : OPT_RUN);
}

enum opt_verdict
opt_try(const struct opt *table, void *o, int argc, char *argv[], char hint[OPT_HINT],
    struct fault *f)
{
	enum opt_verdict v;
	size_t n = 0;		/* positional arguments, moved to argv[1..] */
	bool options = true;
	int i, used;

	common = (struct common){0};
	flat = (struct opt_flat){ .sub = -1 };
	hint[0] = '\0';
	if (flatten(&flat, table, o) != 0 || flatten(&flat, common_table, &common) != 0 ||
	    (prog_is_resident() && flatten(&flat, resident_table, &common) != 0))
		return (fault(f, FAULT_USAGE, "too many options in the table"));
	for (i = 1; i < argc; i += used) {
		used = 1;
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
			continue;
		}
		if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
			used = argv[i][1] == '-' ? parse_long(&flat, &argv[i], hint, f) :
			    parse_letters(&flat, &argv[i], f);
			if (used < 0)
				return (OPT_BAD);
			if ((v = early(&flat, i + used < argc ? argv[i + used] : NULL)) != OPT_RUN)
				return (v);
			continue;
		}
		if (flat.sub < 0 && (used = take_sub(&flat, argv[i], hint, f)) != 0) {
			if (used < 0)
				return (OPT_BAD);
			continue;
		}
		used = 1;
		argv[1 + n++] = argv[i];
	}
	if (take_sub(&flat, NULL, hint, f) != 0 || take_args(&flat, n, argv + 1, f) != 0 ||
	    check_after(&flat, f) != 0)
		return (OPT_BAD);
	return (OPT_RUN);
}

void
opt_parse(const struct opt *table, void *o, int argc, char *argv[])
{
	char hint[OPT_HINT];
	struct fault f;
	size_t i;

	switch (opt_try(table, o, argc, argv, hint, &f)) {
	case OPT_BAD:
		if (hint[0] == '\0')
			exit((int)report_fault(&f));
		report_note(&f);
		report_hint("%s", hint);
		exit((int)fault_exit(f.code));
	case OPT_HELP:
		opt_print_help(&flat);
		exit(EXIT_DONE);
	case OPT_VERSION:
		(void)printf("%s (sapipe) %s\n", prog_name(), VERSION);
		exit(EXIT_DONE);
	case OPT_LISTING:
		opt_print_list(&flat);
		exit(EXIT_DONE);
	case OPT_RUN:
		break;
	}
	if (opt_given("log-format"))
		log_set_format((enum log_format)common.format);
	report_set_level(common.quiet ? -1 : (int)(common.verbose > 9 ? 9 : common.verbose));
	for (i = 0; i < flat.n; i++)
		if (flat.s[i].given > 0 && (flat.s[i].row->flags & OPT_SEAM) != 0)
			report_say(-1, "test seam in use: --%s", flat.s[i].row->name);
}

bool
opt_given(const char *name)
{
	size_t i;

	for (i = 0; i < flat.n; i++)
		if (flat.s[i].row->name != NULL && strcmp(flat.s[i].row->name, name) == 0)
			return (flat.s[i].given > 0);
	return (false);
}

int
opt_set(const struct opt *table, void *o, const char *name, const char *value, bool *known,
    bool *again, struct fault *f)
{
	static struct opt_flat t;
	struct opt_slot *s;
	bool on;

	t = (struct opt_flat){ .sub = -1 };
	*known = *again = false;
	if (flatten(&t, table, o) != 0)
		return (fault(f, FAULT_USAGE, "too many options in the table"));
	if ((s = find_long(&t, name, strlen(name), &on)) == NULL || !on)
		return (fault(f, FAULT_USAGE, "unknown key '%s'", name));
	*known = true;
	*again = opt_is_repeatable(s->row);
	if (s->row->type == OPT_T_FLAG || s->row->type == OPT_T_PAIR) {
		on = strcmp(value, "yes") == 0;
		if (!on && strcmp(value, "no") != 0)
			return (fault(f, FAULT_USAGE, "%s: must be yes or no", name));
		opt_store_bool(s, on);
		return (0);
	}
	if ((s->row->flags & OPT_VALUE_MAY) != 0 && (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0)) {
		opt_store(s, value[0] == 'y' ? s->row->min : 0);
		return (0);
	}
	return (opt_take(s, name, value, f));
}

const char *
opt_near(const struct opt *table, void *o, const char *name)
{
	struct opt_flat t = { .sub = -1 };

	(void)flatten(&t, table, o);	/* on overflow the table keeps the first rows: enough for a suggestion */
	return (opt_closest(&t, name, false));
}

/* Bytes of the member that the option fills; 0: it is not kept in one. */
static size_t
member_size(const struct opt *r)
{
	switch (r->type) {
	case OPT_T_FLAG:
	case OPT_T_PAIR:
		return (sizeof(bool));
	case OPT_T_STR:
		return (sizeof(const char *));
	case OPT_T_LIST:
		return (sizeof(struct opt_list));
	case OPT_T_NUM:
	case OPT_T_CHOICE:
		return (r->width);
	default:
		return (0);
	}
}

bool
opt_reset(const struct opt *table, void *o, const void *from, const char *name)
{
	struct opt_flat t = { .sub = -1 };
	const struct opt_slot *s;
	const unsigned char *old;
	unsigned char *member;
	size_t n;
	bool on;

	if (flatten(&t, table, o) != 0 || (s = find_long(&t, name, strlen(name), &on)) == NULL)
		return (false);
	member = s->base + s->row->off;
	old = (const unsigned char *)from + (member - (unsigned char *)o);
	n = member_size(s->row);
	if (memcmp(member, old, n) == 0)
		return (false);
	memcpy(member, old, n);
	return (true);
}
