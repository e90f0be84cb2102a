/* The name of the tool that runs. */
#include "cli/prog_name.h"

#include <stddef.h>
#include <string.h>

static const char *name = "sapipe";

void
prog_set_name(const char *argv0)
{
	const char *slash;

	if (argv0 == NULL || argv0[0] == '\0')
		return;
	slash = strrchr(argv0, '/');
	name = slash != NULL && slash[1] != '\0' ? slash + 1 : argv0;
}

const char *
prog_name(void)
{
	return (name);
}

static bool resident;

bool
prog_is_resident(void)
{
	return (resident);
}

void
prog_set_resident(void)
{
	resident = true;
}
