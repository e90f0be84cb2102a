/* Hexadecimal text of public bytes, and reading it back. */
#ifndef SAPIPE_BASE_HEX_H
#define SAPIPE_BASE_HEX_H

#include "base/span.h"

/*
 * Writes ${v} as lower-case hex and a NUL into ${out} (${cap} bytes); what
 * does not fit whole is left out. Returns ${out}.
 */
char *hex_put(char *out, size_t cap, struct span v);

/*
 * Reads hex digits, with an optional 0x in front and with blanks, ':' or '-'
 * between bytes, into ${out} (${cap} bytes). Time and memory access do not depend on
 * the digits, so that it may read keys. Returns the number of bytes, or -1 if
 * it is no hex, ends in half a byte, or needs more than ${cap}.
 */
long hex_get(uint8_t *out, size_t cap, const char *text);

#endif
