/*
 * Reading published vectors in tests: ${SAPIPE_VECTORS}, else ../shared/vectors
 * beside the project's root. Where there are none, tests skip aloud.
 */
#ifndef SAPIPE_TESTS_VECTORS_H
#define SAPIPE_TESTS_VECTORS_H

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/span.h"

#define VEC_MAX		4096	/* bytes of one value */

/* Opens a file of vectors; skips the test if it is not there. */
static inline FILE *
vec_open(const char *name)
{
	const char *dir = getenv("SAPIPE_VECTORS");
	char path[1024];
	FILE *fp;

	(void)snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "../shared/vectors", name);
	if ((fp = fopen(path, "r")) == NULL) {
		print_message("no vectors at %s: skipped\n", path);
		skip();
	}
	return (fp);
}

/* A value in hex that belongs to a test and lives as long as the vec. */
struct vec {
	uint8_t	b[VEC_MAX];
	size_t	len;
};

static inline void
vec_hex(struct vec *v, const char *hex)
{
	long n = hex_get(v->b, sizeof(v->b), hex);

	if (n < 0)
		fail_msg("no hex: %.60s", hex);
	v->len = (size_t)n;
}

static inline struct span
vec_span(const struct vec *v)
{
	return (span_of(v->b, v->len));
}

static inline void
vec_copy(char *out, size_t cap, const char *s)
{
	size_t n = strlen(s);

	if (n < cap)
		memcpy(out, s, n + 1);
	else
		fail_msg("too long for the test: %.60s", s);
}

/*
 * The next "NAME = VALUE" line, or a "[SECTION]" line (${value} is then "[" and ${name} the
 * section); comments and empty lines are passed over. False at the end.
 */
static inline bool
vec_line(FILE *fp, char *name, size_t cap, char *value, size_t value_cap)
{
	char line[3 * VEC_MAX], *eq, *p;

	while (fgets(line, sizeof(line), fp) != NULL) {
		for (p = line + strlen(line); p > line && isspace((unsigned char)p[-1]); p--)
			;
		*p = '\0';
		if (line[0] == '[') {
			line[strcspn(line, "]")] = '\0';
			vec_copy(name, cap, line + 1);
			vec_copy(value, value_cap, "[");
			return (true);
		}
		if (line[0] == '#' || (eq = strchr(line, '=')) == NULL)
			continue;
		for (p = eq; p > line && isspace((unsigned char)p[-1]); p--)
			;
		*p = '\0';
		for (p = eq + 1; isspace((unsigned char)*p); p++)
			;
		vec_copy(name, cap, line);
		vec_copy(value, value_cap, p);
		return (true);
	}
	return (false);
}

/* Equality that shows both sides, for public test values. */
#define assert_span_eq(a, b) vec_assert_eq((a), (b), __FILE__, __LINE__)
static inline void
vec_assert_eq(struct span a, struct span b, const char *file, int line)
{
	char x[129], y[129];

	if (span_eq(a, b))
		return;
	print_error("%zu bytes %s\n%zu bytes %s\n", a.len, hex_put(x, sizeof(x), a), b.len,
	    hex_put(y, sizeof(y), b));
	_fail(file, line);
}

#endif
