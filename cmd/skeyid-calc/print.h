/* Steps and results as text and as JSON. */
#ifndef SAPIPE_SKEYID_PRINT_H
#define SAPIPE_SKEYID_PRINT_H

#include <jansson.h>

#include "explain/values.h"

/*
 * One step on standard output, as wide as the terminal; each line begins with ${prefix}. ${full}: with its formula,
 * inputs and where it goes, else name and value alone.
 */
void print_step(const struct step *s, const char *prefix, bool full);
/* A line of text, ${indent} columns from the left, broken where the terminal ends. */
void print_words(const char *text, size_t indent);
/* A step as an object; NULL: no memory. */
json_t *json_step(const struct step *s);

/* On standard output: lines `NAME = hex`, one JSON object, and before them every step. */
void calc_print(const struct calc *c, bool json, bool explain);

#endif
