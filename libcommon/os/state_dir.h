/*
 * The state directory: what tools keep across restarts, claims on SAs and leases. The user names it (--state-dir), or systemd
 * does by $STATE_DIRECTORY (StateDirectory= of a unit). Else it is /var/lib/sapipe for root, where root may write there, or
 * $XDG_STATE_HOME/sapipe, or $HOME/.local/state/sapipe.
 */
#ifndef SAPIPE_OS_STATE_DIR_H
#define SAPIPE_OS_STATE_DIR_H

#include <stddef.h>

#define STATE_DIR_PATH	4096

/*
 * Opens the directory, which is made (mode 0700, like those above it) if it is not there: ${path}, or the default one if that
 * is NULL. Its name is in ${name}, also on failure. A descriptor, or -1 with errno.
 */
int state_dir_open(const char *path, char name[STATE_DIR_PATH]);

#endif
