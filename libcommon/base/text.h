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

#endif
