#ifndef SAPIPE_FUZZ_MUST_H
#define SAPIPE_FUZZ_MUST_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the run where ${ok} is false, and says which check that was: run.sh prints the line that begins with "fuzz: ". */
#define must(ok)	must_at(ok, __FILE__, __LINE__, #ok)

static inline void
must_at(bool ok, const char *file, int line, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "fuzz: %s:%d: %s (errno: %s)\n", file, line, what, strerror(errno));
	abort();
}

#endif /* SAPIPE_FUZZ_MUST_H */
