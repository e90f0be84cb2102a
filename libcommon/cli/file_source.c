/* Opens files of the configuration, by whichever way there is. */
#include "cli/file_source.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static struct { file_open_by *by; void *ctx; } source;

void
file_source_set(file_open_by *by, void *ctx)
{
	source.by = by;
	source.ctx = ctx;
}

int
file_source_open(const char *path)
{
	return (source.by != NULL ? source.by(source.ctx, path) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
}

int
file_source_beside(char out[PATH_MAX], const char *from, const char *beside)
{
	const char *slash = beside != NULL && from[0] != '/' ? strrchr(beside, '/') : NULL;
	int n = snprintf(out, PATH_MAX, "%.*s%s", slash != NULL ? (int)(slash + 1 - beside) : 0,
	    beside != NULL ? beside : "", from);

	return (n < 0 || n >= PATH_MAX ? -1 : 0);
}
