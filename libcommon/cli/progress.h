/* A progress bar on standard error: there where that is a terminal, else nothing at all. */
#ifndef SAPIPE_CLI_PROGRESS_H
#define SAPIPE_CLI_PROGRESS_H

#include <stdint.h>

/* Draws "[#####-----] 50 % TEXT" over the one before, cut to the terminal's width; not with -q. */
void progress_show(uint64_t done, uint64_t total, const char *text);
/* Takes it away: before anything else is said, and at the end. */
void progress_clear(void);

#endif
