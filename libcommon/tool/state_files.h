/* Whole files of SA state. */
#ifndef SAPIPE_TOOL_STATE_FILES_H
#define SAPIPE_TOOL_STATE_FILES_H

#include "base/fault.h"
#include "os/record_in.h"
#include "sa/set.h"

/*
 * Reads the SAs of ${n} files ("-": standard input) into ${keys}. Includes deleted SAs: they were
 * established when the capture was made. Warns of files that others can read; loads the providers of their
 * ciphers. 0, or -1 with a fault that names the file.
 */
int sa_keys_read(struct sa_set *keys, size_t n, const char *const *names, struct fault *f);

/*
 * Reads ${in} to its end and applies each record to ${set}: later ones replace, deletes remove. 0, or -1 with the fault of
 * the record that was bad.
 */
int sa_log_read(struct sa_set *set, struct sa_in *in, struct fault *f);

#endif
