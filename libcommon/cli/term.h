/* The terminal of a report. */
#ifndef SAPIPE_CLI_TERM_H
#define SAPIPE_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

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

#endif
