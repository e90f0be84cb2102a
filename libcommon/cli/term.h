/* The terminal of a report. */
#ifndef SAPIPE_CLI_TERM_H
#define SAPIPE_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

/* Columns of the terminal ${fd}; 80 if it is not a terminal, or the number is unknown. */
size_t term_columns(int fd);
/* The columns that a report on ${fd} should have: $COLUMNS, else those of the terminal; 0: no limit is known. */
size_t term_width(int fd);
/* Whether a report on ${fd} should have colours: a terminal, and $NO_COLOR is not set (no-color.org). */
bool term_colour(int fd);

#endif
