/* A progress bar on standard error, only if that is a terminal. */
#ifndef SAPIPE_CLI_PROGRESS_H
#define SAPIPE_CLI_PROGRESS_H

#include <stdint.h>

/* Draws "[#####-----] 50 % TEXT" over the previous one, truncated to the terminal's width; not with -q. */
void progress_show(uint64_t done, uint64_t total, const char *text);
/* Removes the bar: call it before other output, and at the end. */
void progress_clear(void);

#endif
