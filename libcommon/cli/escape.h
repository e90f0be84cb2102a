/* Text of others, made fit to be shown. */
#ifndef SAPIPE_CLI_ESCAPE_H
#define SAPIPE_CLI_ESCAPE_H

#include <stdio.h>

#include "base/span.h"

/*
 * Copies ${v} to ${out} (${cap} bytes, NUL-terminated) so that a terminal shows it and does nothing
 * else: printable ASCII and well-formed UTF-8 text as is, everything else (controls, ESC,
 * C1, direction overrides, stray bytes) as \xNN. In a UTF-8 locale (escape_locale()) the \xNN of a character that
 * is already escaped, as in the text of an ID, becomes that character; the same rules hold. Cut at a whole character
 * where there is no room. Returns ${out}; ${cap} * 1 suffices for ASCII, 4 bytes a byte always.
 */
char *escape_put(char *out, size_t cap, struct span v);
/* Whether the locale of the environment has UTF-8. Call it at the start. Without it, or elsewhere: ASCII. */
void escape_locale(void);
/* The same to a stream, any length: for reports on standard output. */
void escape_print(FILE *to, struct span v);

#endif
