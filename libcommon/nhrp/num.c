/* Names of NHRP's numbers. */
#include "nhrp/num.h"

#include <stddef.h>
#include <stdio.h>

struct row {
	unsigned	 num;
	const char	*words;
};

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define X(num, name, words) { num, words },
static const struct row types[] = { NHRP_TYPES(X) };
static const struct row codes[] = { NHRP_CODES(X) { NHRP_CODE_NO_BINDING_OLD, "no binding exists" } };
static const struct row errors[] = { NHRP_ERRORS(X) { NHRP_ERROR_LOOP_OLD, "loop detected" } };
static const struct row exts[] = { NHRP_EXTS(X) };
#undef X

static const char *
words_of(const struct row *rows, size_t n, unsigned num, const char *what, char buf[NHRP_NUM_TEXT])
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rows[i].num == num)
			return (rows[i].words);
	(void)snprintf(buf, NHRP_NUM_TEXT, "%s %u", what, num);
	return (buf);
}

const char *
nhrp_type_words(unsigned num, char buf[NHRP_NUM_TEXT])
{
	return (words_of(types, LEN(types), num, "type", buf));
}

const char *
nhrp_code_words(unsigned num, char buf[NHRP_NUM_TEXT])
{
	return (words_of(codes, LEN(codes), num, "code", buf));
}

const char *
nhrp_error_words(unsigned num, char buf[NHRP_NUM_TEXT])
{
	return (words_of(errors, LEN(errors), num, "error", buf));
}

const char *
nhrp_ext_words(unsigned num, char buf[NHRP_NUM_TEXT])
{
	return (words_of(exts, LEN(exts), num, "extension", buf));
}
