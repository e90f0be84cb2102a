/* The name of the tool that runs. */
#ifndef SAPIPE_CLI_PROG_NAME_H
#define SAPIPE_CLI_PROG_NAME_H

/* The last component of argv[0]; "sapipe" before prog_init(). */
const char *prog_name(void);
/* For prog_init(). */
void prog_set_name(const char *argv0);

#endif
