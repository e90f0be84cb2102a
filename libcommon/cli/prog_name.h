/* The name of the tool that runs. */
#ifndef SAPIPE_CLI_PROG_NAME_H
#define SAPIPE_CLI_PROG_NAME_H

#include <stdbool.h>

/* The last component of argv[0]; "sapipe" before prog_init(). */
const char *prog_name(void);
/* Whether prog_resident() was called: a tool that runs on, whose messages somebody keeps. */
bool prog_is_resident(void);
void prog_set_resident(void);
/* For prog_init(). */
void prog_set_name(const char *argv0);

#endif
