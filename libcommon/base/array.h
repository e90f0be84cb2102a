/* Arrays whose room grows by powers of two. */
#ifndef SAPIPE_BASE_ARRAY_H
#define SAPIPE_BASE_ARRAY_H

#include <stddef.h>
#include <stdlib.h>

/*
 * Room for one more element of ${size} bytes behind the ${n} of ${*array}, which grew in this way alone; NULL and 0 is empty. 0, or -1:
 * no memory, and the array is as it was.
 */
static inline int
array_room(void **array, size_t n, size_t size)
{
	void *more;

	if ((n & (n - 1)) != 0)
		return (0);
	if ((more = realloc(*array, (n == 0 ? 1 : 2 * n) * size)) == NULL)
		return (-1);
	*array = more;
	return (0);
}

#endif
