/* Steps and results as text and as JSON. */
#ifndef SAPIPE_SKEYID_PRINT_H
#define SAPIPE_SKEYID_PRINT_H

#include <jansson.h>

#include "explain/values.h"

/*
 * Prints a step on standard output, as wide as the terminal; each line begins with ${prefix}. ${full}: with formula,
 * inputs and the values that use it, else only name and value.
 */
void print_step(const struct step *s, const char *prefix, bool full);
/* Prints text, indented by ${indent} columns and wrapped at the terminal's width. */
void print_words(const char *text, size_t indent);
/* A step as an object; NULL: no memory. */
json_t *json_step(const struct step *s);

/* Prints the results on standard output: lines `NAME = hex`, or one JSON object; ${explain}: with every step. */
void calc_print(const struct calc *c, bool json, bool explain);

#endif
