/* The terminal that a report goes to. */
#ifndef SAPIPE_CLI_TERM_H
#define SAPIPE_CLI_TERM_H

#include <stddef.h>

/* Columns of the terminal behind ${fd}; 80 where there is none, or it does not say. */
size_t term_columns(int fd);

#endif
