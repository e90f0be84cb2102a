/* Distinguished names: DER and text. For id.c; the text's syntax is in id.h. */
#ifndef SAPIPE_WIRE_DN_H
#define SAPIPE_WIRE_DN_H

#include "base/fault.h"
#include "base/span.h"

/* Whether ${der} is one distinguished name and nothing else. */
bool dn_valid(struct span der);
/*
 * Text into DER: writes at most ${cap} bytes to ${out} and returns their number, or -1 with
 * FAULT_BAD_ID.
 */
long dn_parse(uint8_t *out, size_t cap, const char *text, struct fault *f);
/*
 * The text of ${der}, plain ASCII. What has no text of its own (types that are no strings), or
 * whose text exceeds ${cap}, is written as #HEX; ${cap} has room for that: 2 * der.len + 2.
 */
void dn_text(char *out, size_t cap, struct span der);
/* As X.509 compares names, RFC 5280 section 7.1. */
bool dn_eq(struct span a, struct span b);

#endif
