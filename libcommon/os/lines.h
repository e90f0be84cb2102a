/*
 * The values of a repeatable option, of which any may be @FILE: a text file with one value in each line. '#' begins a comment, blanks
 * at both ends of a line and empty lines do not count.
 */
#ifndef SAPIPE_OS_LINES_H
#define SAPIPE_OS_LINES_H

#include <stddef.h>

#include "base/fault.h"

#define LINES_FILE_MAX	(4U << 20)	/* bytes of a file */
#define LINES_FILES	32

/* Values may refer to the texts of the files: lines_free() releases those. All zero is empty. */
struct lines { char *text[LINES_FILES]; size_t n; };

/*
 * Calls ${one}(${ctx}) with each of the ${n} values ${v} in order, until it returns -1. ${where}, for messages, is ${option}, or
 * "${option}: FILE:LINE". 0, or -1 with the fault of ${one}, or: FAULT_USAGE (there is no such file, or it is no text),
 * FAULT_PERMISSION, FAULT_SYSTEM, FAULT_TOO_LARGE (of more than LINES_FILE_MAX bytes, or more than LINES_FILES files), FAULT_MEMORY.
 */
int lines_each(struct lines *l, const char *const *v, size_t n, const char *option,
    int (*one)(void *ctx, const char *value, const char *where, struct fault *f), void *ctx, struct fault *f);
void lines_free(struct lines *l);

#endif
