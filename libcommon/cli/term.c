/* The terminal: its width, whether it gets colours, and a table that is redrawn in place. */
#include "cli/term.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/report.h"

#define HEIGHT	24	/* of a terminal of unknown size */

size_t
term_columns(int fd)
{
	struct winsize w;

	return (ioctl(fd, TIOCGWINSZ, &w) != 0 || w.ws_col < 2 ? 80 : w.ws_col);
}

size_t
term_width(int fd)
{
	const char *set = getenv("COLUMNS");
	unsigned long n = set != NULL && set[0] >= '1' && set[0] <= '9' ? strtoul(set, NULL, 10) : 0;

	if (n >= 2 && n <= 10000)
		return ((size_t)n);
	return (isatty(fd) ? term_columns(fd) : 0);
}

static bool
inside(char c)
{
	return (((unsigned char)c & 0xc0U) == 0x80);
}

size_t
term_cut(const char *text, size_t room)
{
	size_t n = 0, blank = 0, mark = 0, columns = 0;

	if (room == 0)
		return (strlen(text));
	while (text[n] != '\0' && columns < room) {
		for (n++; inside(text[n]); n++)
			;
		columns++;
		if (text[n] == ' ' && columns > room / 3)
			blank = n;
		else if (columns > room / 2 && strchr("-,:/", text[n - 1]) != NULL && text[n] != '>')
			mark = n;
	}
	if (text[n] == '\0')
		return (n);
	return (blank != 0 ? blank : mark != 0 ? mark : n);
}

bool
term_colour(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return (isatty(fd) && (no == NULL || no[0] == '\0') && (term == NULL || strcmp(term, "dumb") != 0));
}

bool
term_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *v = NULL;
	size_t i;

	for (i = 0; i < 3 && (v == NULL || v[0] == '\0'); i++)
		v = getenv(names[i]);
	return (v != NULL && (strcasestr(v, "UTF-8") != NULL || strcasestr(v, "UTF8") != NULL));
}

/* --- a table that is redrawn in place --- */

bool
term_table_open(struct term_table *t)
{
	const char *term = getenv("TERM");

	t->on = term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
	if (!t->on)
		report_warn("this terminal (TERM=%s) does not support the table; printing events only", term != NULL ? term : "");
	t->colours = term_colour(STDOUT_FILENO);
	t->utf8 = term_is_utf8();
	return (t->on);
}

void
term_table_size(size_t *width, size_t *height)
{
	struct winsize z;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &z) == 0;

	*width = known && z.ws_col > 0 ? z.ws_col : 80;
	*height = known && z.ws_row > 0 ? z.ws_row : HEIGHT;
}

void
term_table_clear(struct term_table *t)
{
	size_t width, height, up = 0, i;

	if (t->rows == 0)
		return;
	/* Lines drawn on a wider terminal now occupy several rows. */
	term_table_size(&width, &height);
	for (i = 0; i < t->rows; i++)
		up += t->cols[i] > width ? (t->cols[i] + width - 1) / width : 1;
	if (--up >= height)
		up = height - 1;
	(void)putchar('\r');
	if (up > 0)
		(void)printf("\x1b[%zuA", up);
	(void)fputs("\x1b[J", stdout);
	(void)fflush(stdout);	/* later output may go to standard error */
	t->rows = 0;
}

void
term_table_begin(struct term_table *t)
{
	if (t->rows > 0)
		(void)putchar('\n');
}

void
term_table_end(struct term_table *t, size_t cols)
{
	if (t->rows < TERM_ROWS)
		t->cols[t->rows++] = cols;
}

void
term_add(struct term_line *x, const char *fmt, ...)
{
	char text[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n <= 0)
		return;
	if (n >= (int)sizeof(text))
		n = (int)sizeof(text) - 1;
	if ((size_t)n > x->most - x->cols)
		n = (int)(x->most - x->cols);
	(void)printf("%.*s", n, text);
	x->cols += (size_t)n;
}

void
term_add_age(struct term_line *x, unsigned long long seconds, int width)
{
	char text[32];

	if (seconds < 3600)
		(void)snprintf(text, sizeof(text), "%2llum%02llus", seconds / 60, seconds % 60);
	else if (seconds < 100 * 3600)
		(void)snprintf(text, sizeof(text), "%2lluh%02llum", seconds / 3600, seconds / 60 % 60);
	else
		(void)snprintf(text, sizeof(text), "%5llud", seconds / 86400);
	term_add(x, " %-*s", width, text);
}

void
term_add_bar(const struct term_table *t, struct term_line *x, uint64_t value, uint64_t most)
{
	static const char *const blocks[] = { "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
	    "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
	static const char *const digits[] = { "1", "2", "3", "4", "5", "6", "7", "8" };
	uint64_t i = value < most ? value * 7 / most : 7;

	if (x->cols == x->most)
		return;
	(void)fputs((t->utf8 ? blocks : digits)[i], stdout);
	x->cols++;
}

void
term_add_colour(const struct term_table *t, const char *code)
{
	if (t->colours)
		(void)fputs(code, stdout);
}
