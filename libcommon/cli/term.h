/* The terminal of a report. */
#ifndef SAPIPE_CLI_TERM_H
#define SAPIPE_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns of the terminal ${fd}; 80 if it is not a terminal, or the number is unknown. */
size_t term_columns(int fd);
/* The columns that a report on ${fd} should have: $COLUMNS, else those of the terminal; 0: no limit is known. */
size_t term_width(int fd);
/*
 * How many bytes of ${text} go on a line with room for ${room} columns, at least 1 unless it is empty: whole words if a blank is
 * not too far in front of the end, else up to a hyphen or a comma; and always whole characters of UTF-8. 0 columns: all.
 */
size_t term_cut(const char *text, size_t room);
/* Whether a report on ${fd} should have colours: a terminal, and $NO_COLOR is not set (no-color.org). */
bool term_colour(int fd);
/* Whether the character set of the environment's locale is UTF-8 (LC_ALL, LC_CTYPE, LANG). */
bool term_is_utf8(void);

/* --- a table on standard output that is redrawn in place, while other lines scroll by above it --- */

#define TERM_ROWS	66	/* most rows of such a table */

struct term_table {		/* zero it, then term_table_open() */
	bool	on, colours, utf8;
	size_t	rows;		/* rows on the terminal */
	size_t	cols[TERM_ROWS];	/* columns of each */
};

/* Decides what the terminal can do. False, with a warning: it has no table (TERM is unset or dumb); ${t}->on says the same. */
bool term_table_open(struct term_table *t);
/* Columns and rows of the terminal; 80 and 24 if not known. */
void term_table_size(size_t *width, size_t *height);
/* Clears the table, so that a line can be printed. */
void term_table_clear(struct term_table *t);
/* Begins a row: moves to its line. */
void term_table_begin(struct term_table *t);
/* Ends the row, which has ${cols} columns. */
void term_table_end(struct term_table *t, size_t cols);

/* An unfinished line: at most ${most} columns. */
struct term_line { size_t cols, most; };

/* Prints as much as fits. ASCII only. */
void term_add(struct term_line *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* " 2m13s  ", " 4h05m  ", "   12d  ": a blank and ${width} columns. */
void term_add_age(struct term_line *x, unsigned long long seconds, int width);
/* One column, a bar for ${value} of ${most} (at least 1): U+2581 to U+2588, or without UTF-8 a digit. */
void term_add_bar(const struct term_table *t, struct term_line *x, uint64_t value, uint64_t most);
/* An escape sequence, if there are colours. */
void term_add_colour(const struct term_table *t, const char *code);

#endif
