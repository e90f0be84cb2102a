/* --help and --list-options. */
#include <stdio.h>
#include <string.h>

#include "cli/opt_priv.h"
#include "cli/prog.h"

#define COLUMNS	80	/* fixed, so that help reads the same everywhere */
#define TEXT_AT	28	/* column of the help texts */

/* ${text} wrapped, further lines indented to ${indent}; ${col} is where we stand. */
static void
print_wrapped(const char *text, int indent, int col)
{
	size_t n;

	while (*text != '\0') {
		n = strcspn(text, " ");
		if (col > indent && col + 1 + (int)n > COLUMNS) {
			(void)printf("\n%*s", indent, "");
			col = indent;
		} else if (col > indent) {
			(void)putchar(' ');
			col++;
		}
		(void)fwrite(text, 1, n, stdout);
		col += (int)n;
		text += n + strspn(text + n, " ");
	}
	(void)putchar('\n');
}

/* A number in its unit, as it would be typed. */
static void
number_text(char *out, size_t cap, const struct opt *r, uint64_t v)
{
	const struct opt_word *w;

	for (w = r->words; w != NULL && w->word != NULL; w++)
		if (w->value == v) {
			(void)snprintf(out, cap, "%s", w->word);
			return;
		}
	if (r->unit == OPT_U_MILLIS && v % 1000 != 0)
		(void)snprintf(out, cap, "%g", (double)v / 1000);
	else
		(void)snprintf(out, cap, "%llu",
		    (unsigned long long)(r->unit == OPT_U_MILLIS ? v / 1000 : v));
}

/* The name of the word that stands for ${v} in a choice, or "". */
static void
choice_text(char *out, size_t cap, const struct opt *r, uint64_t v)
{
	const char *p = r->arg != NULL ? r->arg : "";

	if (r->words != NULL) {
		number_text(out, cap, r, v);
		return;
	}
	for (; v > 0 && p[opt_word_len(p)] != '\0'; v--)
		p += opt_word_len(p) + 1;
	(void)snprintf(out, cap, "%.*s", v == 0 ? (int)opt_word_len(p) : 0, p);
}

/* " (default X)", or "" where there is none worth showing. */
static void
default_text(char *out, size_t cap, const struct opt_slot *s)
{
	char v[OPT_HINT] = "";
	const char *str = NULL;
	bool on;

	out[0] = '\0';
	if ((s->row->flags & (OPT_NO_DEFAULT | OPT_REQUIRED | OPT_SECRET)) != 0)
		return;
	switch (s->row->type) {
	case OPT_T_STR:
		memcpy(&str, s->base + s->row->off, sizeof(str));
		(void)snprintf(v, sizeof(v), "%s", str != NULL ? str : "");
		break;
	case OPT_T_NUM:
		if (opt_load(s) != 0 || s->row->words != NULL)
			number_text(v, sizeof(v), s->row, opt_load(s));
		break;
	case OPT_T_CHOICE:
		choice_text(v, sizeof(v), s->row, opt_load(s));
		break;
	case OPT_T_PAIR:
		memcpy(&on, s->base + s->row->off, sizeof(on));
		(void)snprintf(v, sizeof(v), "%s", on ? "yes" : "no");
		break;
	default:
		break;
	}
	if (v[0] != '\0')
		(void)snprintf(out, cap, " (default %s)", v);
}

/* The subcommands of a row: "cookie,dh"; ${all} for all. */
static char *
subs_text(char *out, size_t cap, const struct opt_flat *t, const struct opt *r, const char *all)
{
	size_t i, n = 0;

	(void)snprintf(out, cap, "%s", r->subs == 0 ? all : "");
	for (i = 0; i < t->n && r->subs != 0 && n < cap; i++)
		if (t->s[i].row->type == OPT_T_SUB && opt_fits_sub(r, (int)t->s[i].row->min))
			n += (size_t)snprintf(out + n, cap - n, "%s%s", n > 0 ? "," : "",
			    t->s[i].row->name);
	return (out);
}

/* One option: "  -o, --output FILE   text (default X)". */
static void
print_option(const struct opt_flat *t, const struct opt_slot *s)
{
	const struct opt *r = s->row;
	char left[OPT_HINT], text[1024], def[OPT_HINT + 16], letter[5] = "    ", subs[OPT_HINT] = "";
	bool may = (r->flags & OPT_VALUE_MAY) != 0;
	int col;

	if (r->letter != 0)
		(void)snprintf(letter, sizeof(letter), "-%c, ", r->letter);
	(void)snprintf(left, sizeof(left), "  %s--%s%s%s%s%s", letter,
	    r->type == OPT_T_PAIR ? "[no-]" : "", r->name, r->arg == NULL ? "" : may ? "[=" : " ",
	    r->arg != NULL ? r->arg : "", may ? "]" : "");
	default_text(def, sizeof(def), s);
	if (t->sub < 0)
		(void)subs_text(subs, sizeof(subs), t, r, "");
	(void)snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", r->help,
	    r->type == OPT_T_LIST || r->type == OPT_T_CALL ? "; may be repeated" : "",
	    (r->flags & OPT_SEAM) != 0 ? " [test seam]" : "",
	    subs[0] != '\0' ? " [" : "", subs, subs[0] != '\0' ? "]" : "", def);
	col = printf("%s", left);
	if (col > TEXT_AT - 2) {
		(void)putchar('\n');
		col = 0;
	}
	(void)printf("%*s", TEXT_AT - col, "");
	print_wrapped(text, TEXT_AT, TEXT_AT);
}

static void
print_named(const char *name, const char *help)
{
	int col = printf("  %s", name);

	if (col > TEXT_AT - 2) {
		(void)putchar('\n');
		col = 0;
	}
	(void)printf("%*s", TEXT_AT - col, "");
	print_wrapped(help, TEXT_AT, TEXT_AT);
}

/* The synopsis where the table has none: options, then positional arguments. */
static void
print_made_usage(const struct opt_flat *t)
{
	const struct opt *r;
	const char *sub = "";
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->s[i].row->type == OPT_T_SUB)
			sub = t->sub < 0 ? " COMMAND" :
			    t->s[i].row->min == (uint64_t)t->sub ? t->s[i].row->name : sub;
	(void)printf("usage: %s%s%s [OPTION]...", prog_name(), sub[0] != ' ' && sub[0] != '\0' ?
	    " " : "", sub);
	for (i = 0; i < t->n; i++) {
		r = t->s[i].row;
		if (!opt_fits_sub(r, t->sub))
			continue;
		if (r->type == OPT_T_ARG)
			(void)printf((r->flags & OPT_REQUIRED) != 0 ? " %s" : " [%s]", r->name);
		else if (r->type == OPT_T_ARGS)
			(void)printf(r->min > 0 ? r->max == 1 ? " %s" : " %s..." :
			    r->max == 1 ? " [%s]" : " [%s...]", r->name);
	}
	(void)putchar('\n');
}

static void
print_usage(const struct opt_flat *t)
{
	const char *head = "usage:";
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (t->s[i].row->type != OPT_T_USE || t->sub >= 0)
			continue;
		(void)printf("%s ", head);
		print_wrapped(t->s[i].row->help, 7 + (int)strlen(prog_name()) + 1,
		    7 + printf("%s ", prog_name()));
		head = "      ";
	}
	if (head[0] == 'u')
		print_made_usage(t);
}

/* Whether a heading at ${i} has anything to show under it. */
static bool
section_filled(const struct opt_flat *t, size_t i)
{
	const struct opt *r;

	for (i++; i < t->n && t->s[i].row->type != OPT_T_SECTION; i++) {
		r = t->s[i].row;
		if (opt_is_option(r) && (r->flags & OPT_HIDDEN) == 0 && opt_fits_sub(r, t->sub))
			return (true);
	}
	return (false);
}

void
opt_print_help(const struct opt_flat *t)
{
	const struct opt *r;
	size_t i;
	bool headed = false;

	print_usage(t);
	for (i = 0; i < t->n; i++)
		if (t->sub < 0 ? t->s[i].row->type == OPT_T_TOOL :
		    t->s[i].row->type == OPT_T_SUB && t->s[i].given > 0)
			print_wrapped(t->s[i].row->help, 0, 0);
	for (i = 0; i < t->n && t->sub < 0; i++) {
		if (t->s[i].row->type != OPT_T_SUB)
			continue;
		(void)printf("%s", headed ? "" : "\nCommands:\n");
		headed = true;
		print_named(t->s[i].row->name, t->s[i].row->help);
	}
	headed = false;
	for (i = 0; i < t->n; i++) {
		r = t->s[i].row;
		if ((r->type != OPT_T_ARG && r->type != OPT_T_ARGS) || !opt_fits_sub(r, t->sub))
			continue;
		(void)printf("%s", headed ? "" : "\nArguments:\n");
		headed = true;
		print_named(r->name, r->help);
	}
	headed = false;
	for (i = 0; i < t->n; i++) {
		r = t->s[i].row;
		if (r->type == OPT_T_SECTION && section_filled(t, i)) {
			(void)printf("\n%s%s\n", r->help,
			    r->help[strlen(r->help) - 1] == ':' ? "" : ":");
			headed = true;
		}
		if (!opt_is_option(r) || (r->flags & OPT_HIDDEN) != 0 || !opt_fits_sub(r, t->sub))
			continue;
		if (!headed)
			(void)printf("\nOptions:\n");
		headed = true;
		print_option(t, &t->s[i]);
	}
	for (i = 0; i < t->n; i++)
		if (t->s[i].row->type == OPT_T_NOTE) {
			(void)putchar('\n');
			print_wrapped(t->s[i].row->help, 0, 0);
		}
}

/* "repeat,seam", or "-". */
static void
print_flags(const struct opt *r)
{
	bool again = opt_is_repeatable(r) || (r->type == OPT_T_ARGS && r->max != 1);
	bool seam = (r->flags & OPT_SEAM) != 0;

	(void)printf("%s%s%s", again ? "repeat" : "", again && seam ? "," : "",
	    seam ? "seam" : again ? "" : "-");
}

/*
 * One line each, six fields between tabs: what is typed, its letter, the value, the subcommands that
 * take it, "repeat" and "seam", the text; "-" for what there is not, "*" for all. A value that may be left
 * out begins with "=". A subcommand
 * is listed bare, a positional argument as <NAME>.
 */
void
opt_print_list(const struct opt_flat *t)
{
	char subs[1024];
	const struct opt *r;
	size_t i;
	int no;

	for (i = 0; i < t->n; i++) {
		r = t->s[i].row;
		if (r->type == OPT_T_SUB)
			(void)printf("%s\t-\t-\t-\t-\t%s\n", r->name, r->help);
		if (r->type == OPT_T_ARG || r->type == OPT_T_ARGS) {
			(void)printf("<%s>\t-\t%s\t%s\t", r->name, r->name,
			    subs_text(subs, sizeof(subs), t, r, "*"));
			print_flags(r);
			(void)printf("\t%s\n", r->help);
		}
		if (!opt_is_option(r) || (r->flags & OPT_HIDDEN) != 0)
			continue;
		for (no = 0; no < (r->type == OPT_T_PAIR ? 2 : 1); no++) {
			(void)printf("--%s%s\t", no ? "no-" : "", r->name);
			if (r->letter != 0 && !no)
				(void)printf("-%c", r->letter);
			else
				(void)putchar('-');
			(void)printf("\t%s%s\t%s\t", (r->flags & OPT_VALUE_MAY) != 0 ? "=" : "",
			    r->arg != NULL ? r->arg : "-", subs_text(subs, sizeof(subs), t, r, "*"));
			print_flags(r);
			(void)printf("\t%s%s\n", no ? "the opposite: " : "", r->help);
		}
	}
}

/* ASCII lower case: names are lower case, and what the user typed need not be. */
static char
lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
}

/* Edits (insert, delete, replace, swap neighbours) from ${a} to ${b}, in any case of letters; large for long words. */
static size_t
distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), i, j, best;
	size_t d[33][33];

	if (n > 32 || m > 32)
		return (100);
	for (i = 0; i <= n; i++)
		d[i][0] = i;
	for (j = 0; j <= m; j++)
		d[0][j] = j;
	for (i = 1; i <= n; i++)
		for (j = 1; j <= m; j++) {
			best = d[i - 1][j - 1] + (lower(a[i - 1]) != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && lower(a[i - 1]) == b[j - 2] && lower(a[i - 2]) == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	return (d[n][m]);
}

const char *
opt_closest(const struct opt_flat *t, const char *name, bool sub)
{
	const char *found = NULL;
	size_t i, d, len = strlen(name), least = 1 + len / 3;
	const struct opt *r;

	for (i = 0; i < t->n; i++) {
		r = t->s[i].row;
		if (r->name == NULL || (r->flags & OPT_HIDDEN) != 0 ||
		    !(sub ? r->type == OPT_T_SUB : opt_is_option(r)))
			continue;
		/* An abbreviation counts as near; a typing error nearer. */
		d = distance(name, r->name);
		if (d > 1 && len >= 2 && strncmp(name, r->name, len) == 0)
			d = 1;
		if (d < least || (d == least && found == NULL)) {
			least = d;
			found = r->name;
		}
	}
	return (found);
}
