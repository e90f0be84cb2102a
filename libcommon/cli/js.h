/* JSON reports: helpers on top of jansson that several tools need. */
#ifndef SAPIPE_CLI_JS_H
#define SAPIPE_CLI_JS_H

#include <jansson.h>
#include <stdio.h>

#include "base/span.h"

/* ${v} as a string of hex digits; NULL if there is no memory, as in jansson. Not for hidden secrets. */
json_t *js_hex(struct span v);
/* Untrusted text: bytes that are not well-formed UTF-8 are escaped as \xNN. */
json_t *js_text(const char *text);
/*
 * Prints ${*v} on ${to} in one line (or indented, for people), with its keys in
 * the order in which they were set, and releases it. prog.c reports a failed write at exit.
 */
void js_print(json_t *v, bool indented, FILE *to);

#endif
