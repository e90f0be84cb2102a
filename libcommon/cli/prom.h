/* The text format of Prometheus. */
#ifndef SAPIPE_CLI_PROM_H
#define SAPIPE_CLI_PROM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Adds the label ${name}="${value}" to the labels in ${out}, of ${cap} bytes; ${first}: the first of them. Backslash,
 * quote and line feed are escaped; what has no room is cut.
 */
void prom_label(char *out, size_t cap, const char *name, const char *value, bool first);

#endif
