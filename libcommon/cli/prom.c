/* The text format of Prometheus. */
#include "cli/prom.h"

#include <stdio.h>
#include <string.h>

void
prom_label(char *out, size_t cap, const char *name, const char *value, bool first)
{
	size_t at = first ? 0 : strlen(out);
	size_t n = at + (size_t)snprintf(out + at, cap - at, "%s%s=\"", first ? "" : ",", name);

	if (n + 2 > cap) {
		out[at] = '\0';
		return;
	}
	for (; *value != '\0' && n + 4 < cap; value++) {
		if (*value == '"' || *value == '\\' || *value == '\n')
			out[n++] = '\\';
		out[n++] = *value == '\n' ? 'n' : *value;
	}
	out[n++] = '"';
	out[n] = '\0';
}
