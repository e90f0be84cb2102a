/* Hexadecimal text: format public bytes, parse public bytes and keys. */
#ifndef SAPIPE_BASE_HEX_H
#define SAPIPE_BASE_HEX_H

#include "base/span.h"

/*
 * Writes ${v} as lower-case hex and a NUL into ${out} (${cap} bytes). Bytes that
 * do not fit are omitted. Returns ${out}.
 */
char *hex_put(char *out, size_t cap, struct span v);

/*
 * Parses hex digits, with an optional prefix 0x and with blanks, ':' or '-'
 * between bytes, into ${out} (${cap} bytes). Time and memory access do not depend on
 * the digits, so it may parse keys. Returns the number of bytes, or -1 if the text
 * is not hex, ends in half a byte, or needs more than ${cap}.
 */
long hex_get(uint8_t *out, size_t cap, const char *text);
/* How many characters of ${text} have to be digits: all but a 0x in front and what may be between bytes. */
size_t hex_digits(const char *text);

#endif
