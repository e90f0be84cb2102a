/* JSON reports: jansson with the few things that several tools need on top. */
#ifndef SAPIPE_CLI_JS_H
#define SAPIPE_CLI_JS_H

#include <jansson.h>
#include <stdio.h>

#include "base/span.h"

/* ${v} as a string of hex digits; NULL if memory is short, as jansson's own. Not for secrets that stay hidden. */
json_t *js_hex(struct span v);
/* Text from anywhere: what is not well-formed UTF-8 is escaped as \xNN first. */
json_t *js_text(const char *text);
/*
 * Prints ${*v} on ${to} in one line (or indented, for --format json to be read by people), with its keys in
 * the order they were set, and releases it. A failed write is noticed at exit.
 */
void js_print(json_t *v, bool indented, FILE *to);

#endif
