/* Distinguished names as DER and text. For id.c; id.h describes the syntax of the text. */
#ifndef SAPIPE_WIRE_DN_H
#define SAPIPE_WIRE_DN_H

#include "base/fault.h"
#include "base/span.h"

/* Whether ${der} is exactly one distinguished name. */
bool dn_valid(struct span der);
/*
 * Encodes text as DER: writes at most ${cap} bytes to ${out} and returns their number, or -1 with
 * FAULT_BAD_ID.
 */
long dn_parse(uint8_t *out, size_t cap, const char *text, struct fault *f);
/*
 * The text of ${der}, plain ASCII. A value without text (its type is not a string), or
 * with text longer than ${cap}, is written as #HEX; ${cap} must allow that: 2 * der.len + 2.
 */
void dn_text(char *out, size_t cap, struct span der);
/* Compares names as X.509 does, RFC 5280 section 7.1. */
bool dn_eq(struct span a, struct span b);
/* The same for all that dn_eq() takes for equal. */
uint64_t dn_hash(struct span der, uint64_t salt);

#endif
