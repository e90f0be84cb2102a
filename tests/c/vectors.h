/*
 * Known answers for tests, from three places:
 * - VEC_OURS: tests/vectors, made by tests/vectors/make.py; always present.
 * - VEC_DEBIAN: Debian's python3-cryptography-vectors, which "make deps" installs: RFCs and NIST's
 *   CAVP. A test that finds it absent is skipped aloud.
 * - VEC_MORE: a directory of further published vectors, ${SAPIPE_VECTORS} or ../shared/vectors beside the
 *   project's root. Tests add these cases where the file is present.
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
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/hex.h"
#include "base/span.h"

#define VEC_MAX		4096	/* bytes of one value */

enum vec_place { VEC_OURS, VEC_DEBIAN, VEC_MORE };

static inline const char *
vec_path(enum vec_place place, const char *name)
{
	static char path[1024];
	const char *more = getenv("SAPIPE_VECTORS"), *top = getenv("SAPIPE_TOP");

	if (top == NULL)
		top = ".";
	if (place == VEC_DEBIAN)
		(void)snprintf(path, sizeof(path), "/usr/lib/python3/dist-packages/cryptography_vectors/%s",
		    name);
	else if (place == VEC_OURS)
		(void)snprintf(path, sizeof(path), "%s/tests/vectors/%s", top, name);
	else if (more != NULL)
		(void)snprintf(path, sizeof(path), "%s/%s", more, name);
	else
		(void)snprintf(path, sizeof(path), "%s/../shared/vectors/%s", top, name);
	return (path);
}

static inline bool
vec_exists(enum vec_place place, const char *name)
{
	return (access(vec_path(place, name), R_OK) == 0);
}

/* Opens a file of vectors; skips the test where the Debian package is not installed. */
static inline FILE *
vec_open(enum vec_place place, const char *name)
{
	const char *path = vec_path(place, name);
	FILE *fp;

	if ((fp = fopen(path, "r")) == NULL && place == VEC_DEBIAN) {
		print_message("no %s (make deps)\n", path);
		skip();
	}
	if (fp == NULL)
		fail_msg("no %s", path);
	return (fp);
}

/* Reads a JSON file of vectors. The caller calls json_decref(). */
static inline json_t *
vec_load(enum vec_place place, const char *name)
{
	FILE *fp = vec_open(place, name);
	json_error_t err;
	json_t *root = json_loadf(fp, 0, &err);

	(void)fclose(fp);
	if (root == NULL)
		fail_msg("%s:%d: %s", name, err.line, err.text);
	return (root);
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

/* What a JSON object has under ${key}, in hex. */
static inline void
vec_json(struct vec *v, const json_t *o, const char *key)
{
	const char *hex = json_string_value(json_object_get(o, key));

	if (hex == NULL)
		fail_msg("no %s", key);
	vec_hex(v, hex);
}

static inline bool
vec_valid(const json_t *test)
{
	return (strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0);
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
