/* The terminal of a report. */
#ifndef SAPIPE_CLI_TERM_H
#define SAPIPE_CLI_TERM_H

#include <stddef.h>

/* Columns of the terminal ${fd}; 80 if it is not a terminal, or the number is unknown. */
size_t term_columns(int fd);

#endif
