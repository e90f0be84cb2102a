/* Text built up in a buffer of fixed size. */
#ifndef SAPIPE_BASE_TEXT_H
#define SAPIPE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Appends ${s} to the ${*n} < ${cap} bytes in ${out}, and a NUL. False: it does not fit; nothing was changed. */
static inline bool
text_add(char *out, size_t cap, size_t *n, const char *s)
{
	size_t len = strlen(s);

	if (len >= cap - *n)
		return (false);
	memcpy(out + *n, s, len + 1);
	*n += len;
	return (true);
}

/* Copies what ${text} has before the first ${end}. Returns what is behind that; NULL: it has none, or too much for ${cap} bytes with a NUL. */
static inline const char *
text_before(char *out, size_t cap, const char *text, char end)
{
	const char *at = strchr(text, end);

	if (at == NULL || (size_t)(at - text) >= cap)
		return (NULL);
	memcpy(out, text, (size_t)(at - text));
	out[at - text] = '\0';
	return (at + 1);
}

#endif
