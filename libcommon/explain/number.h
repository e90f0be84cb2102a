/* Numbers as people write them: decimal, or hex after 0x. In memory they are bytes, most significant first. */
#ifndef SAPIPE_EXPLAIN_NUMBER_H
#define SAPIPE_EXPLAIN_NUMBER_H

#include "base/fault.h"
#include "base/secret.h"

#define NUMBER_TEXT	640	/* chars of a number of DH_NUMBER_MAX bytes, its end included */

enum number_base { NUMBER_NONE, NUMBER_DEC = 10, NUMBER_HEX = 16 };

/*
 * Parses the value of ${option} without leading zeros; 0 has no bytes. *${base} (may be NULL) is the one in which it is
 * written. 0, or -1 with FAULT_USAGE (no number, or more than DH_NUMBER_MAX bytes) or FAULT_MEMORY. No fault has the text:
 * it may be secret.
 */
int number_parse(struct secret *out, enum number_base *base, const char *option, const char *text, struct fault *f);

/* Writes at most DH_NUMBER_MAX bytes as a number: "8", "0x1f"; returns ${out}, which the caller wipes if it is secret. */
char *number_text(char out[NUMBER_TEXT], struct span v, enum number_base base);

/* Less than 0, 0 or more, as ${a} is less than, equal to or more than ${b}; leading zeros do not count. */
int number_cmp(struct span a, struct span b);

#endif
