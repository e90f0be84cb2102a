/* Keys from SA state, for tools that look at captures. */
#ifndef SAPIPE_TOOL_STATE_FILES_H
#define SAPIPE_TOOL_STATE_FILES_H

#include "base/fault.h"
#include "sa/set.h"

/*
 * Reads the SAs of ${n} files ("-": standard input) into ${keys}. Includes deleted SAs: they were
 * established when the capture was made. Warns of files that others can read; loads the providers of their
 * ciphers. 0, or -1 with a fault that names the file.
 */
int sa_keys_read(struct sa_set *keys, size_t n, const char *const *names, struct fault *f);

#endif
