/*
 * Where a tool opens its configuration: files that it names, and files that these name. At first in the file system; once it
 * has dropped its privileges, perhaps through a process that has not.
 */
#ifndef SAPIPE_CLI_FILE_SOURCE_H
#define SAPIPE_CLI_FILE_SOURCE_H

#include <limits.h>

/* Opens ${path} for reading, as open(2): a descriptor that the caller closes, or -1 with errno. */
typedef int file_open_by(void *ctx, const char *path);

/* From now on files are opened by ${by}(${ctx}); NULL: in the file system. Process-wide; for a process of one thread. */
void file_source_set(file_open_by *by, void *ctx);
int file_source_open(const char *path);

/* ${out}: the path of ${from}, which counts from the directory of the file ${beside} (NULL: the working directory). 0, or -1: too long. */
int file_source_beside(char out[PATH_MAX], const char *from, const char *beside);

#endif
